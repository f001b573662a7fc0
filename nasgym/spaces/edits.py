"""`Edits`: the options of a layer that are one edit apart, counted, and made by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from nasgym.type_aliases import Archs, Bools, Ints

if TYPE_CHECKING:
    from nasgym.spaces.layer import Layer

__all__ = ["CountedEdits", "Edits", "ListedEdits"]


class Edits(Protocol):
    """Of each option of a layer those that are one edit away (`SearchSpace.neighbours`).

    They are numbered from 0 in the order of their own numbers.
    """

    def count(self, options: Ints) -> Ints:
        """``(n,)`` how many each of ``(n,)`` options has."""

    def make(self, options: Ints, nth: Ints) -> Archs:
        """``(n, k)`` choices of the `nth` of each option; `nth` is below `count`."""


class ListedEdits:
    """Edits that are looked up.

    Args:
        layer: A layer whose options are listed.
        adjacent: ``(m, m)`` which options are one edit apart.
    """

    def __init__(self, layer: Layer, adjacent: Bools) -> None:
        self._layer = layer
        self._counts = adjacent.sum(axis=1)
        self._starts = self._counts.cumsum() - self._counts
        self._found = np.nonzero(adjacent)[1].astype(np.int32)

    def count(self, options: Ints) -> Ints:
        """See `Edits.count`."""
        return np.asarray(self._counts[options])

    def make(self, options: Ints, nth: Ints) -> Archs:
        """See `Edits.make`."""
        return self._layer.choices(self._found[self._starts[options] + nth])


class CountedEdits:
    """Edits that are computed; nothing is listed, however many options there are.

    In how many ways a decision can go from one choice to another is the product of the ways of the
    decisions that this switches on. Options in their order are: a smaller choice of the first
    decision, of the second, ..., of the last; then a larger choice of the last, ..., of the first.

    Args:
        layer: Any layer whose options can be numbered.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        _, total = layer.steps
        decisions, choices = layer.allowed.shape
        ways = np.repeat(layer.allowed[:, None].astype(np.int64), choices, axis=1) * ~np.eye(choices, dtype=bool)
        for child, parent in enumerate(layer.parents):
            if parent >= 0:
                on = layer.switches[child]
                ways[parent] *= np.where(on[None, :] & ~on[:, None], total[child], 1)
        # by decision, its choice, and the choice after the edit: ways to that one and smaller ones
        self._upto = ways.cumsum(axis=2)
        self._columns = np.arange(decisions)

    def count(self, options: Ints) -> Ints:
        """See `Edits.count`."""
        choices = self._layer.choices(options)
        return np.asarray(self._whole(choices, self._layer.active(choices)).sum(axis=1))

    def make(self, options: Ints, nth: Ints) -> Archs:
        """See `Edits.make`."""
        choices, rows = self._layer.choices(options), np.arange(len(options))
        active = self._layer.active(choices)
        smaller = np.where(active, self._upto[self._columns, choices, choices], 0)
        larger = self._whole(choices, active) - smaller
        ends = np.concatenate([smaller, larger[:, ::-1]], axis=1).cumsum(axis=1)
        part = (nth[:, None] >= ends).sum(axis=1)
        up = part >= len(self._columns)
        column = np.where(up, 2 * len(self._columns) - 1 - part, part)
        # the number among all edits of this decision
        rest = nth - ends[rows, part] + np.where(up, larger[rows, column] + smaller[rows, column], smaller[rows, column])
        upto = self._upto[column, choices[rows, column]]
        choice = (rest[:, None] >= upto).sum(axis=1)
        before = np.where(choice > 0, upto[rows, choice - 1], 0)
        choices[rows, column] = choice
        return self._layer.filled(choices, active, rest - before, upto[rows, choice] - before)

    def _whole(self, choices: Archs, active: Bools) -> Ints:
        """``(n, k)`` edits of each decision."""
        return np.where(active, self._upto[self._columns, choices, -1], 0)
