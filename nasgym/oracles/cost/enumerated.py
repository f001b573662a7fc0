"""`EnumeratedCost`: a cost that is known for every architecture of a space, with exact bounds."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Self

from nasgym.oracles.cost.found_terms import found_terms
from nasgym.oracles.layer_terms import LayerTerms
from nasgym.oracles.oracle import CostDefaults
from nasgym.oracles.range_query import RangeQuery
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["EnumeratedCost"]


class EnumeratedCost(CostDefaults):
    """Values in the order of `SearchSpace.enumerate`.

    Bounds of prefixes are the extremes over all their completions.

    Args:
        space: The space.
        name: Name with unit.
        fingerprint: Changes whenever a value could change.

    Attributes:
        values: ``(size,)`` costs, set by the class that knows them.
        provenance: Where they come from, likewise.
    """

    free = True
    values: Floats
    provenance: str

    def __init__(self, space: SearchSpace, name: str, fingerprint: str) -> None:
        self.space, self.name, self.fingerprint = space, name, fingerprint

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` cost of complete valid architectures."""
        return self.values[self.space.index_of(archs)]

    @cached_property
    def _ranges(self) -> tuple[RangeQuery, RangeQuery]:
        return RangeQuery(self.values, largest=False), RangeQuery(self.values, largest=True)

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest cost over the completions of prefixes.

        Raises:
            InvalidValue: A row decides something after an open decision, or has no completion.
        """
        first, last = self.space.completions(archs)
        least, largest = self._ranges
        return least.query(first, last), largest.query(first, last)

    @cached_property
    def _terms(self) -> LayerTerms | None:
        counts = [layer.count for layer in self.space.layers]
        return found_terms(self.values, counts) if self.space.fixed_length else None

    def terms(self) -> LayerTerms | None:
        """The terms that give the values, up to a billionth of the largest; None if there are none.

        Looked for in the values of all architectures, once (`found_terms`).
        """
        return self._terms

    def narrow(self, space: SearchSpace) -> Self:
        """The same cost over a restriction of the space; bounds are those of its completions."""
        narrowed = copy.copy(self)
        for cached in ("_ranges", "_terms"):
            narrowed.__dict__.pop(cached, None)
        narrowed.values, narrowed.space = self.cost(space.enumerate()), space
        return narrowed
