"""`found_terms`: the terms of a cost that is known for every architecture, where it has some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasgym.oracles.layer_terms import LayerTerms
from nasgym.type_aliases import Floats

__all__ = ["ROUNDING", "found_terms"]

# numbers that were written with digits and read again add up to about the sixteenth of them; what
# differs by more than this share of the largest cost is no sum
ROUNDING = 1e-9


def found_terms(values: Floats, counts: Sequence[int]) -> LayerTerms | None:
    """The sum over layers, or over them and their neighbours, that gives these costs.

    A sum is known by what its terms are beside the options 0 of all other layers; whether the costs
    are that sum is then looked at for every architecture.

    Args:
        values: ``(product of counts,)`` costs in the order of `SearchSpace.enumerate`.
        counts: The number of options of each layer.

    Returns:
        Terms whose `cost` differs from `values` by a billionth of the largest one at most; None
        where there are no such terms.
    """
    grid, layers = values.reshape(counts), range(len(counts))

    def beside_zeros(*free: int) -> Floats:
        """Costs of what these layers may be, all others at their option 0."""
        return np.asarray(grid[tuple(slice(None) if layer in free else 0 for layer in layers)])

    def shaped(terms: Floats, *free: int) -> Floats:
        return terms.reshape([count if layer in free else 1 for layer, count in enumerate(counts)])

    constant = float(beside_zeros())
    unary = [beside_zeros(layer) - constant for layer in layers]
    total = np.full(grid.shape, constant)
    for layer in layers:
        total += shaped(unary[layer], layer)
    enough = ROUNDING * float(np.abs(values).max())
    if np.abs(total - grid).max() <= enough:
        return LayerTerms(constant, tuple(unary))
    pair = []
    for layer in layers[:-1]:
        alone = unary[layer][:, None] + unary[layer + 1]
        pair.append(beside_zeros(layer, layer + 1) - constant - alone)
        total += shaped(pair[-1], layer, layer + 1)
    return LayerTerms(constant, tuple(unary), tuple(pair)) if np.abs(total - grid).max() <= enough else None
