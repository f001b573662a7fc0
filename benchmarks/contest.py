"""Timing that a busy machine disturbs little.

Contestants take turns in short blocks, and ratios are taken within a round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

# long beside the resolution of the clock, short beside what else the machine does
BLOCK_SECONDS = 4e-3

Seconds = npt.NDArray[np.float64]


class Contestant(Protocol):
    """Something to time."""

    def block(self) -> float:
        """Does a block of work; seconds per counted item."""
        ...


@dataclass(frozen=True)
class Work:
    """Work in this process: `work` does `count` decisions, steps, look-ups or copied decisions."""

    work: Callable[[], object]
    count: int

    def block(self) -> float:
        """See `Contestant.block`."""
        start = time.perf_counter()
        self.work()
        return (time.perf_counter() - start) / self.count


def race(contestants: Mapping[str, Contestant], rounds: int) -> dict[str, Seconds]:
    """``(rounds,)`` seconds per counted item of each, after a first round that does not count."""
    for contestant in contestants.values():
        contestant.block()
    seconds = {name: np.empty(rounds) for name in contestants}
    for i in range(rounds):
        for name, contestant in contestants.items():
            seconds[name][i] = contestant.block()
    return seconds


def times_faster(one: Seconds, other: Seconds) -> float:
    """How many times faster the first is: the median over the rounds."""
    return float(np.median(other / one))


def spread(one: Seconds, other: Seconds) -> str:
    """`times_faster` with the quartiles over the rounds, where there are several."""
    if len(one) == 1:
        return f"**{short(times_faster(one, other))}**"
    low, middle, high = np.quantile(other / one, [0.25, 0.5, 0.75])
    return f"**{short(middle)}** ({short(low)} to {short(high)})"


def rate(seconds: Seconds) -> str:
    """Items a second, the median over the rounds: ``"34.6 M"``, ``"6.73 k"``, ``"12.1"``."""
    found = float(1 / np.median(seconds))
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if found >= size:
            return short(found / size) + letter
    return short(found)


def short(number: float) -> str:
    """Three digits, and no exponent: ``"5,420"``, ``"134"``, ``"5.98"``."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}"
