"""How often the intervals that leaderboards print hold what they are about.

    python -m benchmarks.coverage [--repeats 2000]

A simulation. Three distributions of an agent's reward: symmetric; skewed, as below an optimum that
nobody can pass; and half of the runs at that optimum. For each number of runs so many leaderboards
are drawn, and the share of the 95 % intervals that hold the true value is counted: those of the
interquartile mean as leaderboards print them and with plain percentiles, and those of the mean with
plain percentiles and by Student. Writes benchmarks/coverage.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from benchmarks.common import markdown_table, write_page
from benchmarks.intervals import student
from nasgym.compare.intervals import bootstrap_interval
from nasgym.compare.statistics import TRIM, iqm
from nasgym.type_aliases import Floats

RUNS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50)
OPTIMUM, SPREAD = 0.9, 0.01
EXACT = 4_000_000
ROUNDING = 1e-12
REPS = 1000
HEADER = ("reward", "runs", "IQM, as printed", "IQM, plain percentiles", "mean, plain percentiles", "mean, Student")


def symmetric(rng: np.random.Generator, size: int) -> Floats:
    """Normal."""
    return rng.normal(OPTIMUM - 3 * SPREAD, SPREAD, size)


def skewed(rng: np.random.Generator, size: int) -> Floats:
    """Exponential below the optimum."""
    return OPTIMUM - rng.exponential(SPREAD, size)


def half_at_optimum(rng: np.random.Generator, size: int) -> Floats:
    """Half of the runs at the optimum, the others exponential below it."""
    return np.where(rng.random(size) < 0.5, OPTIMUM, skewed(rng, size))


REWARDS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "symmetric": symmetric,
    "skewed": skewed,
    "half at the optimum": half_at_optimum,
}


def plain(scores: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Plain percentiles of the resampled interquartile means."""
    n = len(scores)
    drawn = np.sort(scores[rng.integers(0, n, size=(REPS, n))], axis=1)
    cut = int(TRIM * n)
    low, high = np.quantile(drawn[:, cut : n - cut].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def plain_mean(scores: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Plain percentiles of the resampled means."""
    means = scores[rng.integers(0, len(scores), size=(REPS, len(scores)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def row(name: str, runs: int, repeats: int) -> list[str]:
    """Coverage of the four intervals for one distribution and number of runs."""
    rng = np.random.default_rng(runs)
    whole = REWARDS[name](np.random.default_rng(0), EXACT)
    middle, mean = iqm(whole), float(whole.mean())
    held = np.zeros(4)
    for _ in range(repeats):
        scores = REWARDS[name](rng, runs)
        ends = (
            (*bootstrap_interval(scores, rng, reps=REPS), middle),
            (*plain(scores, rng), middle),
            (*plain_mean(scores, np.random.default_rng(int(rng.integers(2**31)))), mean),
            (*student(scores), mean),
        )
        held += [low - ROUNDING <= true <= high + ROUNDING for low, high, true in ends]
    return [name, str(runs), *(f"{100 * share:.1f} %" for share in held / repeats)]


def main() -> None:
    """The table, a distribution after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2000)
    repeats = parser.parse_args().repeats
    rows = [row(name, runs, repeats) for name in REWARDS for runs in RUNS]
    words = (
        f"Share of {repeats:,} intervals of 95 % that hold the true value. The standard error of a share of 95 % is "
        f"{100 * np.sqrt(0.95 * 0.05 / repeats):.1f} points. Rewards: {', '.join(REWARDS)}; {REPS:,} resamples each."
    )
    table = markdown_table(HEADER, rows)
    write_page(
        "coverage",
        "What printed intervals cover",
        f"python -m benchmarks.coverage --repeats {repeats}",
        [words, table],
        "scipy",
    )


if __name__ == "__main__":
    main()
