"""Agents compared seed by seed: paired differences, who is better, shared ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from nasgym.compare.intervals import bootstrap_interval
from nasgym.compare.statistics import iqm
from nasgym.errors import InvalidValue
from nasgym.type_aliases import Floats

__all__ = ["Paired", "all_pairs", "holm", "paired", "shared_ranks"]


@dataclass(frozen=True)
class Paired:
    """How much better one agent is than another, over the seeds that both played.

    Attributes:
        first, second: The agents.
        difference: Interquartile mean of the first's score less the second's.
        low, high: Its interval (`nasgym.compare.intervals`).
        better: Share of the seeds with which the first is better; equal scores count half.
        p_value: Of Wilcoxon's signed-rank test of no difference (zeros by Pratt), 1 where all
            scores are equal; corrected by Holm where several pairs are compared.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    better: float
    p_value: float

    @property
    def tied(self) -> bool:
        """Whether no difference at all lies in the interval."""
        return self.low <= 0.0 <= self.high


def paired(first: str, second: str, scores: Mapping[str, Floats], *, reps: int = 2000) -> Paired:
    """Compares two agents; the bootstrap is seeded, so equal scores give equal intervals.

    Args:
        first: Name of one.
        second: Name of the other.
        scores: ``(runs,)`` of each agent, large is good, in one order of seeds.
        reps: Number of resamples.

    Raises:
        InvalidValue: The two have not the same number of runs.
    """
    from scipy.stats import wilcoxon

    one, other = (np.asarray(scores[name], dtype=np.float64) for name in (first, second))
    if one.shape != other.shape:
        raise InvalidValue(f"{first!r} has {len(one)} runs and {second!r} {len(other)}; pairs need the same seeds of both.")
    lead = one - other
    low, high = bootstrap_interval(lead, np.random.default_rng(0), reps=reps)
    better = float(((lead > 0) + 0.5 * (lead == 0)).mean())
    p_value = float(wilcoxon(lead, zero_method="pratt").pvalue) if lead.any() else 1.0
    return Paired(first, second, iqm(lead), low, high, better, p_value)


def all_pairs(scores: Mapping[str, Floats], *, reps: int = 2000) -> list[Paired]:
    """Every pair of agents in their order, with p-values corrected by Holm over all of them."""
    found = [paired(first, second, scores, reps=reps) for first, second in combinations(scores, 2)]
    corrected = holm([one.p_value for one in found])
    return [replace(one, p_value=p) for one, p in zip(found, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of a family of tests, corrected so that all of them hold at once (Holm, 1979)."""
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    steps = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    corrected = np.empty(len(raw))
    corrected[order] = np.minimum(steps, 1.0)
    return corrected.tolist()


def shared_ranks(ranked: Sequence[str], pairs: Sequence[Paired]) -> list[int]:
    """Ranks from 1 on of agents that stand best first; who is not below the first of one shares it.

    An agent is below the first of a rank where the interval of what that one has more lies above 0.
    It starts a rank of its own then, whose number counts all before it (1, 1, 3). Ties are not
    transitive: an agent may tie with neighbours of another rank.
    """
    apart = {(one.first, one.second) for one in pairs if one.low > 0}
    apart |= {(one.second, one.first) for one in pairs if one.high < 0}
    ranks: list[int] = []
    for place, agent in enumerate(ranked):
        leader = ranked[ranks[-1] - 1] if ranks else agent
        ranks.append(ranks[-1] if ranks and (leader, agent) not in apart else place + 1)
    return ranks
