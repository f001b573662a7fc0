"""Intervals around interquartile means, whose coverage was simulated (`benchmarks/coverage.md`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasgym.compare.statistics import TRIM
from nasgym.errors import InvalidValue
from nasgym.type_aliases import Floats

__all__ = ["ENOUGH_RUNS", "FEW_RUNS", "RANKED_RUNS", "bootstrap_interval", "expanded"]

# with fewer runs a 95 % interval may cover less than 93 % (`benchmarks/coverage.md`)
ENOUGH_RUNS = 10
# with fewer it covers 50 to 88 in a hundred, and agents are not ranked by it
RANKED_RUNS = 5
# how often, in a hundred, an interval of so few runs holds the true value (the same page)
FEW_RUNS = {
    2: "50 to 51",
    3: "73 to 76",
    4: "86 to 88",
    5: "87 to 91",
    6: "90 to 93",
    7: "91 to 93",
    8: "93 to 94",
    9: "94 to 95",
}


def bootstrap_interval(
    scores: npt.ArrayLike, rng: np.random.Generator, *, reps: int = 2000, confidence: float = 0.95
) -> tuple[float, float]:
    """Expanded percentile interval of the interquartile mean, from a stratified bootstrap.

    The resamples are those of rliable (2108.13264). They vary by the root of (n - 1) / n of what n
    runs do, so their percentiles are too narrow for few runs; they are taken as much further out
    (Hesterberg, 1411.5279, on narrowness bias). His further factor, Student's, is for means: with
    it the interval of an interquartile mean of ten symmetric scores held the true value 97.5 % of
    the time (`benchmarks/coverage.md` has the coverage without it).

    Args:
        scores: ``(runs,)`` or ``(runs, tasks)``; runs are drawn for each task separately.
        rng: Draws the resamples.
        reps: Number of resamples.
        confidence: Wanted coverage.

    Returns:
        Lower and upper end; the score twice where there is one run.

    Raises:
        InvalidValue: There are no scores, no resamples, or `confidence` is no share.
    """
    table = np.asarray(scores, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.size == 0 or reps < 1 or not 0 < confidence < 1:
        raise InvalidValue(
            f"a bootstrap needs scores, reps of 1 or more and a confidence between 0 and 1; got {table.shape} scores, "
            f"reps={reps!r}, confidence={confidence!r}."
        )
    runs, tasks = table.shape
    drawn = rng.integers(0, runs, size=(reps, runs, tasks))
    pooled = np.sort(table[drawn, np.arange(tasks)].reshape(reps, -1), axis=1)
    cut = int(TRIM * pooled.shape[1])
    means = pooled[:, cut : pooled.shape[1] - cut].mean(axis=1)
    low, high = np.quantile(means, expanded(confidence, runs))
    return float(low), float(high)


def expanded(confidence: float, runs: int) -> Floats:
    """``(2,)`` the percentiles of the resamples between which an interval lies, as shares."""
    from scipy.special import ndtr, ndtri

    tail = (1.0 - confidence) / 2.0
    if runs > 1:
        tail = float(ndtr(np.sqrt(runs / (runs - 1)) * ndtri(tail)))
    return np.array([tail, 1.0 - tail])
