"""`TermsCost`: base of the costs that are read from `LayerTerms`, with exact bounds."""

from __future__ import annotations

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.oracles.layer_terms import LayerTerms
from nasgym.oracles.oracle import CostDefaults
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["TermsCost", "check_bounds", "kept_options"]


class TermsCost(CostDefaults):
    """A cost in closed form.

    Args:
        space: The space; terms are indexed by its layers' options.
        name: Name with unit.
        terms: The cost.

    Raises:
        InvalidValue: The space has another number of options, or architectures of different
            length.
    """

    free = True
    provenance = "counted in closed form from the shapes of the layers"

    def __init__(self, space: SearchSpace, name: str, terms: LayerTerms) -> None:
        if not space.fixed_length:
            raise InvalidValue(
                f"cost {name!r} has a term for every layer, and architectures of {space.name!r} end at different layers; give "
                "its costs as columns of a table."
            )
        self.space, self.name, self._terms = space, name, terms
        counts = [layer.count for layer in space.layers]
        if list(terms.counts) != counts:
            raise InvalidValue(f"cost {name!r} has terms for {list(terms.counts)} options, the space has {counts}.")

    def terms(self) -> LayerTerms:
        """The cost as numbers of layers; see `CostOracle.terms`."""
        return self._terms

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` cost of complete valid architectures.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in the space.
        """
        return self._terms.cost(self.space.valid_options(archs))

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest cost over the completions of partial architectures, exact.

        Raises:
            InvalidValue: A row has no valid completion.
        """
        least, largest = self._terms.extremes([self.space.consistent(archs, i) for i in range(len(self.space.layers))])
        check_bounds(least, archs, self.space)
        return least, largest


def kept_options(whole: SearchSpace, part: SearchSpace) -> list[Ints]:
    """For each layer the options of a space that a restriction of it keeps, in their order."""
    return [layer.numbers(kept.options) for layer, kept in zip(whole.layers, part.layers, strict=True)]


def check_bounds(least: Floats, archs: Archs, space: SearchSpace) -> None:
    """Raises `InvalidValue` where the least cost is infinite: that row has no valid completion."""
    if np.isinf(least).any():
        row = int(np.flatnonzero(np.isinf(least))[0])
        raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, has no valid completion in {space.name!r}.")
