"""`Section`: a part of the leaderboard as texts, and the texts of its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nasgym.compare.standing import Spread, Standing

__all__ = ["Section", "amount", "interval_cell", "mean_cell", "number"]

# characters between two columns in a terminal
GAP = 3
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

    def parts(self, width: int) -> list[Section]:
        """The section in parts that fit into `width` characters, each with the agents.

        A column that does not fit beside them by itself has a part of its own.
        """
        widths = [max(map(len, column)) + GAP for column in zip(self.head, *self.rows, strict=True)]
        # what every part has: the agents, and what stands before them
        first = self.head.index("agent") + 1
        groups: list[list[int]] = [[]]
        for column in range(first, len(self.head)):
            if groups[-1] and sum(widths[:first]) + sum(widths[i] for i in (*groups[-1], column)) > width:
                groups.append([])
            groups[-1].append(column)
        return [self._of([*range(first), *group]) for group in groups]

    def _of(self, columns: list[int]) -> Section:
        return Section(tuple(self.head[i] for i in columns), [tuple(row[i] for i in columns) for row in self.rows])


def amount(cost: float) -> str:
    """A cost as people read it: ``"9,114,020"``, ``"25.13"``, or that it was not measured."""
    if math.isnan(cost):
        return "not measured"
    return f"{cost:,.0f}" if cost >= 10_000 else f"{cost:,.4g}"
