"""`ArchFeatures`: architectures as columns of numbers, for models fitted to a sampled table."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nasgym.spaces.decision import Decision
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["ArchFeatures"]


class ArchFeatures:
    """The columns of a space, decision by decision.

    A decision whose labels are numbers in ascending or descending order is one column with the
    position of its label, NaN where the decision is inactive. Any other decision is one column per
    label, 1 where the label is chosen; all are 0 where the decision is inactive.

    A decision has few values, so an architecture is first reduced to *codes*: the position of each
    label, and one code more for "inactive". `values` says what each code means to each column.

    Args:
        space: The space.

    Attributes:
        decisions: ``(columns,)`` which decision a column belongs to.
        values: ``(columns, codes)`` a column's number for each code of its decision; NaN after the
            decision's last code, too.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.num_codes = space.max_choices + 1
        columns, owners = [], []
        for t, decision in enumerate(space.decisions):
            positions = np.arange(len(decision.choices))
            wanted = [positions.astype(np.float64)] if is_ordinal(decision) else list(np.eye(len(positions)))
            inactive = np.nan if is_ordinal(decision) else 0.0
            for values in wanted:
                column = np.full(self.num_codes, np.nan)
                column[: len(positions)] = values
                column[len(positions)] = inactive
                columns.append(column)
                owners.append(t)
        self.values: Floats = np.stack(columns)
        self.decisions: Ints = np.array(owners)

    def codes(self, archs: Archs) -> Ints:
        """``(N, D)`` codes of complete valid architectures.

        Positions of labels, or the number of choices where a decision is inactive.
        """
        return np.where(self.space.active(archs), archs, self.space.num_choices)

    def matrix(self, archs: Archs) -> Floats:
        """``(N, columns)`` the numbers that a model is fitted to."""
        return self.values[np.arange(len(self.values)), self.codes(archs)[:, self.decisions]]

    @cached_property
    def description(self) -> str:
        """One sentence for cards."""
        ordinal = sum(map(is_ordinal, self.space.decisions))
        parts = []
        if ordinal:
            parts.append(f"{ordinal} decisions by the position of their number (missing where inactive)")
        if ordinal < self.space.num_decisions:
            parts.append(f"{self.space.num_decisions - ordinal} one-hot (all 0 where inactive)")
        return f"{len(self.values)} columns: {', '.join(parts)}"


def is_ordinal(decision: Decision) -> bool:
    """Whether the labels of a decision are numbers in ascending or descending order."""
    numbers = [label for label in decision.choices if not isinstance(label, str)]
    return len(numbers) == len(decision.choices) and numbers in (sorted(numbers), sorted(numbers, reverse=True))
