"""`Layer`: consecutive decisions of a space that are made together, and their valid options."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.spaces.decision import OPEN
from nasgym.spaces.edits import CountedEdits, Edits, ListedEdits
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["LISTED", "Layer"]

# options of layers with at most so many are looked up in tables, those of larger ones are computed
LISTED = 4096
# most options that are ever written down
MOST_LISTED = 20_000_000
# numbers of options are 64-bit integers
MOST_COUNTED = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Layer:
    """Consecutive decisions that are made together.

    An *option* is a valid combination of their choices; options are numbered in lexicographic
    order. How many there are, which number a combination has and which combination a number has is
    counted from the tree of conditions. They are listed only where somebody asks for the list.

    Attributes:
        name: For example ``"layer2"``.
        columns: The decisions' positions in an architecture; there are k.
        sizes: ``(k,)`` numbers of choices.
        parents: ``(k,)`` which decision of the layer each one depends on, -1 for none.
        allowed: ``(k, c)`` which choices are allowed; c is the largest number of choices.
        switches: ``(k, c)`` the choices of its parent for which a decision is active.
    """

    name: str
    columns: range
    sizes: tuple[int, ...]
    parents: tuple[int, ...]
    allowed: Bools = field(repr=False)
    switches: Bools = field(repr=False)

    @property
    def slice(self) -> slice:
        """The layer's columns as a slice."""
        return slice(self.columns.start, self.columns.stop)

    @cached_property
    def _weights(self) -> list[list[int]]:
        """For each decision and choice, how the decisions that depend on it can go on.

        0 where the choice is not allowed.
        """
        return self._ways(self.allowed, [True] * len(self.sizes))

    def _ways(self, allowed: Bools, idle: list[bool]) -> list[list[int]]:
        """As `_weights` for other allowed choices; `idle` says which decisions can be inactive."""
        weights, idle = [[int(fine) for fine in row] for row in allowed], list(idle)
        # a decision depends on earlier ones only: from the last to the first, all below is known
        for column in reversed(range(len(weights))):
            if (parent := self.parents[column]) >= 0:
                below, none = sum(weights[column]), int(idle[column])
                pairs = zip(weights[parent], self.switches[column], strict=True)
                weights[parent] = [weight * (below if on else none) for weight, on in pairs]
                idle[parent] &= idle[column]
        return weights

    @cached_property
    def count(self) -> int:
        """Number of options; they are counted, not listed."""
        return self._product(self._weights)

    def _product(self, weights: list[list[int]]) -> int:
        return math.prod(sum(row) for row, parent in zip(weights, self.parents, strict=True) if parent < 0)

    def agreeing(self, given: Archs) -> tuple[int, Archs]:
        """How many options agree with one partial combination, and the first of them.

        They are counted, not listed.

        Args:
            given: ``(k,)`` choices, ``-1`` where open, in any places.

        Returns:
            The number, and ``(k,)`` choices, which mean nothing where it is 0.
        """
        fine = self.allowed & ((given == OPEN)[:, None] | (given[:, None] == np.arange(self.allowed.shape[1])))
        weights = self._ways(fine, (given <= 0).tolist())
        first = np.zeros((1, len(self.sizes)), dtype=np.int8)
        for column, row in enumerate(weights):
            if self.active(first[:, : column + 1])[0, column]:
                first[0, column] = np.argmax([weight > 0 for weight in row])
        return self._product(weights), first[0]

    @cached_property
    def is_listed(self) -> bool:
        """Whether the layer is small enough for tables over its options."""
        return math.prod(self.sizes) <= LISTED

    @cached_property
    def radix(self) -> Ints:
        """``(k,)`` weights of the mixed-radix code of choices."""
        return np.array([math.prod(self.sizes[i + 1 :]) for i in range(len(self.sizes))], dtype=np.int64)

    @cached_property
    def options(self) -> Archs:
        """``(count, k)`` the options in lexicographic order, listed when first asked for.

        Raises:
            InvalidValue: There are too many.
        """
        if self.count > MOST_LISTED:
            raise InvalidValue(
                f"layer {self.name!r} has {self.count:.3g} options, at most {MOST_LISTED:,} can be listed; narrow it with "
                "restrict(), or ask for what needs no list, as sample() does."
            )
        return self._choices(np.arange(self.count, dtype=np.int64))

    @cached_property
    def rank(self) -> Ints:
        """``(prod of sizes,)`` the option's number by mixed-radix code, -1 where there is none."""
        rank = np.full(math.prod(self.sizes), -1, dtype=np.int64)
        rank[self.options @ self.radix] = np.arange(self.count)
        return rank

    def choices(self, numbers: npt.NDArray[np.integer[Any]]) -> Archs:
        """``(n, k)`` choices of the options with these numbers, ``(n,)``."""
        return self.options[numbers] if self.is_listed else self._choices(np.asarray(numbers, dtype=np.int64))

    def numbers(self, choices: Archs) -> Ints:
        """``(n,)`` numbers of ``(n, k)`` choices; -1 where they are no option."""
        return self.rank[choices @ self.radix] if self.is_listed else self._numbers(choices)

    def active(self, choices: Archs) -> Bools:
        """``(n, j)`` which of the first j decisions matter; none of them is open."""
        active = np.ones(choices.shape, dtype=bool)
        for column, parent in enumerate(self.parents[: choices.shape[1]]):
            if parent >= 0:
                active[:, column] = active[:, parent] & self.switches[column, choices[:, parent]]
        return active

    def check_numbered(self) -> None:
        """Raises `InvalidValue` where the options are too many to have numbers."""
        if self.count > MOST_COUNTED:
            raise InvalidValue(
                f"layer {self.name!r} has {self.count:.3g} options, too many to number in 64 bits; make several layers of it."
            )

    @cached_property
    def steps(self) -> tuple[Ints, Ints]:
        """``(k, c + 1)`` ways below all smaller choices, and ``(k,)`` ways below all choices."""
        self.check_numbered()
        below = np.array([list(accumulate(row, initial=0)) for row in self._weights], dtype=np.int64)
        return below, below[:, -1]

    def filled(self, choices: Archs, kept: Bools, numbers: Ints, ways: Ints) -> Archs:
        """Options of which some decisions are made, by number; `choices` are changed in place.

        Args:
            choices: ``(n, k)``.
            kept: ``(n, k)`` which decisions keep their choice where they are active. Where others
                are active, they take theirs from the number; what is inactive falls to 0.
            numbers: ``(n,)`` which of its ways each row goes, in lexicographic order.
            ways: ``(n,)`` how many there are.
        """
        below, total = self.steps
        rest, active = numbers, np.ones(choices.shape, dtype=bool)
        for column, parent in enumerate(self.parents):
            if parent >= 0:
                active[:, column] = active[:, parent] & self.switches[column, choices[:, parent]]
            new = active[:, column] & ~kept[:, column]
            # ways that are left for all the others, for one way of this decision and those below it
            others = np.where(new, ways // total[column], 1)
            choice = np.where(new, np.searchsorted(below[column], rest // others, side="right") - 1, 0)
            choices[:, column] = np.where(active[:, column] & kept[:, column], choices[:, column], choice)
            rest = np.where(new, rest - below[column, choice] * others, rest)
            ways = np.where(new, (below[column, choice + 1] - below[column, choice]) * others, ways)
        return choices

    def _choices(self, numbers: Ints) -> Archs:
        """As `choices`, computed: every decision in turn takes its share of the number."""
        choices = np.zeros((len(numbers), len(self.sizes)), dtype=np.int8)
        return self.filled(choices, np.zeros(choices.shape, dtype=bool), numbers, np.full(len(numbers), self.count))

    def _numbers(self, choices: Archs) -> Ints:
        """As `numbers`, computed."""
        below, total = self.steps
        active = self.active(choices)
        numbers, ways = np.zeros(len(choices), dtype=np.int64), np.full(len(choices), self.count, dtype=np.int64)
        for column in range(len(self.sizes)):
            on, choice, others = active[:, column], choices[:, column].astype(np.int64), ways // total[column]
            numbers = np.where(on, numbers + below[column, choice] * others, numbers)
            ways = np.where(on, (below[column, choice + 1] - below[column, choice]) * others, ways)
        valid = np.where(active, self.allowed[np.arange(len(self.sizes)), choices], choices == 0).all(axis=1)
        return np.where(valid, numbers, -1)

    def ends(self, given: Archs) -> tuple[Ints, Ints]:
        """``(n,)`` numbers of the first and of the last option that goes on from a prefix.

        Args:
            given: ``(n, k)`` choices, ``-1`` from where on they are open.

        Returns:
            -1 where no option goes on from it.
        """
        first_last = []
        lowest = self.allowed.argmax(axis=1)
        highest = self.allowed.shape[1] - 1 - self.allowed[:, ::-1].argmax(axis=1)
        for fill in (lowest, highest):
            filled = given.copy()
            for column, parent in enumerate(self.parents):
                is_open = given[:, column] == OPEN
                filled[is_open, column] = fill[column] if parent < 0 else 0
                if parent >= 0:
                    filled[is_open & self.active(filled[:, : column + 1])[:, column], column] = fill[column]
            first_last.append(self.numbers(filled))
        return first_last[0], first_last[1]

    @cached_property
    def adjacency(self) -> Bools:
        """``(m, m)`` which options are one edit apart; for layers of few options."""
        active = self.active(self.options)
        both = active[:, None, :] & active[None, :, :]
        return np.asarray(((self.options[:, None] != self.options[None]) & both).sum(axis=2) == 1)

    @cached_property
    def edits(self) -> Edits:
        """The options that are one edit apart, looked up where the layer is small enough."""
        return ListedEdits(self, self.adjacency) if self.is_listed else CountedEdits(self)
