"""`RangeQuery`: the least or largest value of any range of an array, in constant time per range."""

from __future__ import annotations

import numpy as np

from nasgym.type_aliases import Floats, Ints

__all__ = ["RangeQuery"]


class RangeQuery:
    """Extremes of every range of a power-of-two length; a query joins the two that cover its range.

    Args:
        values: ``(n,)`` values; NaN counts as absent.
        largest: Whether queries ask for the largest value, else for the least.
    """

    def __init__(self, values: Floats, *, largest: bool) -> None:
        self._join = np.fmax if largest else np.fmin  # NaN (not measured) never wins
        self._levels = [np.asarray(values, dtype=np.float64)]
        width = 1
        while 2 * width <= len(values):
            below = self._levels[-1]
            self._levels.append(self._join(below[:-width], below[width:]))
            width *= 2

    def query(self, first: Ints, last: Ints) -> Floats:
        """``(N,)`` the extreme of each range, both ends inclusive."""
        levels = np.frexp((last - first + 1).astype(np.float64))[1] - 1
        out = np.empty(len(first))
        for level in np.unique(levels):
            here = levels == level
            table = self._levels[level]
            out[here] = self._join(table[first[here]], table[last[here] - (1 << int(level)) + 1])
        return out
