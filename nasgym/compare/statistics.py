"""What the leaderboard and the curves say about repeated runs: pure functions of arrays."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from nasgym.type_aliases import Floats

__all__ = [
    "band",
    "best_of_ties",
    "first_reach",
    "iqm",
    "median_evaluations",
    "near_optimum",
    "rank_agreement",
    "regret",
    "step_values",
]

TRIM = 0.25


def iqm(scores: npt.ArrayLike) -> float:
    """Interquartile mean: without the lowest and the highest quarter (rliable, 2108.13264).

    Args:
        scores: ``(runs,)`` or ``(runs, tasks)``; pooled. Of n scores, ``int(n / 4)`` are cut at
            each end.
    """
    from scipy.stats import trim_mean

    return float(trim_mean(np.asarray(scores, dtype=np.float64), TRIM, axis=None))


def step_values(grid: npt.ArrayLike, at: npt.ArrayLike, values: npt.ArrayLike) -> Floats:
    """``(G,)`` values of a step function: each value holds from its place until the next one.

    Args:
        grid: ``(G,)`` where to read.
        at: ``(k,)`` ascending places at which the value changes; of equal places the last one
            counts.
        values: ``(k,)`` the value from there on.

    Returns:
        NaN before the first place.
    """
    known = np.concatenate([[np.nan], np.asarray(values, dtype=np.float64)])
    return np.asarray(known[np.searchsorted(np.asarray(at), np.asarray(grid), side="right")])


def band(curves: Floats) -> tuple[Floats, Floats, Floats]:
    """``(G,)`` mean, 25 % and 75 % quantile over ``(runs, G)`` curves.

    NaN where a run has no value yet.
    """
    low, high = np.quantile(curves, [0.25, 0.75], axis=0)
    return curves.mean(axis=0), low, high


def regret(optimum: float, rewards: npt.ArrayLike) -> Floats:
    """``(N,)`` what rewards lack to the best one."""
    return np.asarray(optimum - np.asarray(rewards, dtype=np.float64))


def near_optimum(optimum: float, share: float = 0.99, *, size: float | None = None) -> float:
    """The reward from which the optimum counts as reached: ``optimum - (1 - share) * size``.

    `size` is by default ``|optimum|``: for a positive optimum that is ``share * optimum``, and a
    negative one is missed by the same share. Where a reward may be anything around 0, its size says
    nothing, and the width of its range should be given.
    """
    return optimum - (1.0 - share) * (abs(optimum) if size is None else size)


def first_reach(evaluations: npt.ArrayLike, rewards: npt.ArrayLike, threshold: float) -> float:
    """Evaluations until a reward of at least `threshold`; infinite where it is never reached.

    Args:
        evaluations: ``(k,)`` ascending counts at which the answer changed.
        rewards: ``(k,)`` its reward from there on.
        threshold: See `near_optimum`.
    """
    there = np.flatnonzero(np.asarray(rewards) >= threshold)
    return float(np.asarray(evaluations)[there[0]]) if len(there) else np.inf


def median_evaluations(reached: npt.ArrayLike) -> float:
    """Median of `first_reach` over the runs; infinite where half of them or more never got there.

    With an even number of runs it is the upper of the two middle ones where the two differ by a run
    that never got there.
    """
    counts = np.sort(np.asarray(reached, dtype=np.float64))
    low, high = counts[(len(counts) - 1) // 2], counts[len(counts) // 2]
    return float(high if np.isinf(high) else (low + high) / 2)


def rank_agreement(values: npt.ArrayLike) -> float | None:
    """Mean Spearman correlation between training seeds, over all pairs of them.

    Args:
        values: ``(rows, seeds)``, NaN where a network was not trained with a seed.

    Returns:
        None where no two seeds have three networks in common, or all their values are equal.
    """
    from scipy.stats import spearmanr

    table = np.asarray(values, dtype=np.float64)
    found = []
    for first, second in combinations(range(table.shape[1]), 2):
        both = ~np.isnan(table[:, first]) & ~np.isnan(table[:, second])
        one, other = table[both, first], table[both, second]
        if len(one) >= 3 and np.ptp(one) > 0 and np.ptp(other) > 0:
            found.append(float(spearmanr(one, other).statistic))
    return float(np.mean(found)) if found else None


def best_of_ties(reward: Floats, score: Floats) -> float:
    """Mean score of all entries that share the highest reward."""
    return float(score[reward == reward.max()].mean())
