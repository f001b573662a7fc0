"""Intervals of means over an ordered grid, whose neighbours are alike: Student's, over blocks.

Neighbouring targets often have one optimum, and a search that misses it there misses it at all of
them, so 51 targets say less than 51 draws. The grid is cut into few blocks of neighbours, and the
blocks' means are taken as independent (batch means; Law, "Simulation Modeling and Analysis").
`benchmarks/target_coverage.md` has what the intervals cover, beside plain ones and those of a
moving-block bootstrap, which are too narrow for so few targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from nasgym.compare.paired import Paired, holm
from nasgym.errors import InvalidValue
from nasgym.type_aliases import Floats

__all__ = ["BLOCKS", "ENOUGH_TARGETS", "GridMean", "covered", "grid_mean", "grid_pairs"]

BLOCKS = 6
# of fewer there is no interval: a block has two targets at least
ENOUGH_TARGETS = 2 * BLOCKS
# how often, in a hundred, an interval over so many targets or more holds the true mean: the least
# and the most of five kinds of regrets (the same page)
COVERED = {12: "57 to 92", 26: "75 to 94", 51: "83 to 95", 101: "90 to 96"}


@dataclass(frozen=True)
class GridMean:
    """A mean over the targets of a grid.

    Attributes:
        mean: Of the values at the targets.
        low, high: Its 95 % interval; NaN for fewer than 12 targets.
        p_value: Of Student's test that the mean is 0, by the same blocks; NaN likewise.
    """

    mean: float
    low: float
    high: float
    p_value: float


def covered(targets: int) -> str:
    """How often, in a hundred, an interval over 12 targets or more holds the true mean."""
    return COVERED[max(count for count in COVERED if count <= targets)]


def grid_mean(values: Floats, *, confidence: float = 0.95) -> GridMean:
    """The mean of ``(T,)`` values, in the order of their targets, with its interval.

    The blocks are six, of as equal length as can be; where all their means are equal the interval
    is one number.

    Raises:
        InvalidValue: There are no values, or `confidence` is no share.
    """
    from scipy.stats import t

    if len(values) == 0 or not 0 < confidence < 1:
        raise InvalidValue(f"a mean needs values and a confidence between 0 and 1; got {len(values)} values, {confidence!r}.")
    mean = float(values.mean())
    if len(values) < ENOUGH_TARGETS or np.isnan(mean):
        return GridMean(mean, np.nan, np.nan, np.nan)
    blocks = np.array([block.mean() for block in np.array_split(values, BLOCKS)])
    error = float(blocks.std(ddof=1) / np.sqrt(BLOCKS))
    half = float(t.ppf(0.5 + confidence / 2, BLOCKS - 1)) * error
    p_value = float(mean == 0.0) if error == 0 else float(2 * t.sf(abs(mean) / error, BLOCKS - 1))
    return GridMean(mean, mean - half, mean + half, p_value)


def grid_pairs(scores: Mapping[str, Floats], reference: str | None = None) -> list[Paired]:
    """Every pair of agents in their order, target by target.

    Args:
        scores: ``(T,)`` of each agent, large is good, in the order of the targets.
        reference: Only the pairs of this agent with the others, as their first.

    Returns:
        `Paired.difference` is a mean, and its p-value Student's over the blocks, corrected by Holm
        for these pairs; empty for fewer than 12 targets.
    """
    found = []
    among = combinations(scores, 2) if reference is None else ((reference, one) for one in scores if one != reference)
    for first, second in among:
        lead = scores[first] - scores[second]
        one = grid_mean(lead)
        better = float(((lead > 0) + 0.5 * (lead == 0)).mean())
        found.append(Paired(first, second, one.mean, one.low, one.high, better, one.p_value))
    if not found or any(np.isnan(one.p_value) for one in found):
        return []
    corrected = holm([one.p_value for one in found])
    return [replace(one, p_value=p) for one, p in zip(found, corrected, strict=True)]
