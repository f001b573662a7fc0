"""`Section`: a part of the leaderboard as texts, and the texts of its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nasgym.compare.judgement import Spread, Standing

__all__ = ["Section", "interval_cell", "mean_cell"]

LEFT = ("agent", "ended")


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def mean_cell(spread: Spread, scale: float, digits: int, deterministic: bool) -> str:
    """Mean ± standard deviation, the mean alone where runs are alike; ``-`` where not known."""
    mean = _number(spread.mean * scale, digits)
    return mean if deterministic or math.isnan(spread.std) else f"{mean} ± {_number(spread.std * scale, digits)}"


def interval_cell(spread: Spread, scale: float, digits: int, standing: Standing) -> str:
    """Interquartile mean and its interval, or why there is none."""
    if standing.deterministic:
        return "deterministic"
    if standing.runs == 1:
        return "-"
    low, high = _number(spread.low * scale, digits), _number(spread.high * scale, digits)
    return f"{_number(spread.iqm * scale, digits)} [{low}, {high}]"


@dataclass(frozen=True)
class Section:
    """One part of the leaderboard: column heads, and a row of texts for each agent, best first."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def is_left(self, column: int) -> bool:
        """Whether a column holds words rather than numbers."""
        return self.head[column] in LEFT
