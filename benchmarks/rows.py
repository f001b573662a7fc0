"""`Row` and `Goal`: the lines of the table that ``make bench`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.common import markdown_table

# the contestants beside `NASVectorEnv`, in the order of the columns
COLUMNS = (
    "SyncVectorEnv",
    "AsyncVectorEnv",
    "CartPoleVectorEnv",
    "EnvPool CartPole",
    "Jumanji Knapsack",
    "numpy.copyto",
    "2 % illegal",
)


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and whether this run reached it.

    Attributes:
        text: The goal, for example ``">= 3 x CartPole"``.
        met: Whether the measured number reaches it.
    """

    text: str
    met: bool

    @classmethod
    def at_least(cls, value: float, bound: float, unit: str) -> Goal:
        """A number that should be large."""
        return cls(f">= {bound:,g} {unit}", value >= bound)

    @classmethod
    def below(cls, value: float, bound: float, unit: str) -> Goal:
        """A number that should be small."""
        return cls(f"< {bound:,g} {unit}", value < bound)

    def __str__(self) -> str:
        """The goal and the verdict."""
        return f"{self.text}: {'met' if self.met else '**missed**'}"


@dataclass(frozen=True)
class Row:
    """One line: what was measured, at which size, what came out, beside what, and the goals.

    Attributes:
        what: The subject and its settings.
        size: Number of environments or of architectures; empty where there is none.
        measured: The number with its unit, or why there is none.
        beside: Column of `COLUMNS` to what stands in it.
        goals: The goals that the number is judged by.
    """

    what: str
    size: str
    measured: str
    beside: Mapping[str, str] = field(default_factory=dict)
    goals: Sequence[Goal] = ()


def table_of(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    header = ["what", "size", "measured", *COLUMNS, "goals"]
    cells = [
        [row.what, row.size, row.measured, *(row.beside.get(c, "") for c in COLUMNS), "; ".join(map(str, row.goals))]
        for row in rows
    ]
    return markdown_table(header, cells)


def verdict(rows: Sequence[Row]) -> str:
    """How many goals were met, and which were missed."""
    judged = [(row, goal) for row in rows for goal in row.goals]
    missed = [f"{row.what}{f', {row.size}' if row.size else ''}: {goal.text}" for row, goal in judged if not goal.met]
    met = f"{len(judged) - len(missed)} of {len(judged)} goals were met in this run"
    return f"{met}." if not missed else f"{met}; missed: {'; '.join(missed)}."
