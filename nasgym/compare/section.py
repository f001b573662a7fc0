"""`Section`: a part of the leaderboard as texts, and the texts of its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nasgym.compare.judgement import Spread, Standing

__all__ = ["Section", "amount", "interval_cell", "mean_cell", "number"]

LEFT = ("agent", "ended", "choices", "over the limit", "reads costs", "learns from", "settings tried")


def number(value: float, digits: int) -> str:
    """The number, ``-`` where it is not known."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def mean_cell(spread: Spread, scale: float, digits: int, deterministic: bool) -> str:
    """Mean ± standard deviation, the mean alone where runs are alike; ``-`` where not known."""
    mean = number(spread.mean * scale, digits)
    return mean if deterministic or math.isnan(spread.std) else f"{mean} ± {number(spread.std * scale, digits)}"


def interval_cell(spread: Spread, scale: float, digits: int, standing: Standing) -> str:
    """Interquartile mean and its interval, or why there is none."""
    if standing.deterministic:
        return "deterministic"
    if standing.runs == 1:
        return "-"
    low, high = number(spread.low * scale, digits), number(spread.high * scale, digits)
    return f"{number(spread.iqm * scale, digits)} [{low}, {high}]"


@dataclass(frozen=True)
class Section:
    """One part of the leaderboard: column heads, and a row of texts for each agent, best first."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def is_left(self, column: int) -> bool:
        """Whether a column holds words rather than numbers."""
        return self.head[column] in LEFT


def amount(cost: float) -> str:
    """A cost as people read it: ``"9,114,020"``, ``"25.13"``, or that it was not measured."""
    if math.isnan(cost):
        return "not measured"
    return f"{cost:,.0f}" if cost >= 10_000 else f"{cost:,.4g}"
