"""`CasesCost`: a cost that has another form for each option of the first layer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.oracles.cost.chain import ChainCost, check_bounds
from nasgym.oracles.oracle import CostDefaults
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["CasesCost"]


class CasesCost(CostDefaults):
    """One `ChainCost` for each option of the first layer, for example for each size of the image.

    Bounds are the extremes over the cases that a partial architecture still allows, and are exact.

    Args:
        space: The space.
        cases: The cost in each case; all have the same name and are about this space.

    Raises:
        InvalidValue: There are more or fewer cases than options.
    """

    free = True
    provenance = "counted in closed form from the shapes of the layers"

    def __init__(self, space: SearchSpace, cases: Sequence[ChainCost]) -> None:
        options = space.layers[0].count
        if len(cases) != options or len({case.name for case in cases}) != 1:
            names = sorted({case.name for case in cases})
            raise InvalidValue(
                f"layer {space.layers[0].name!r} of {space.name!r} has {options} options, each with its case of one cost; got "
                f"{len(cases)} cases of {names}."
            )
        self.space, self.cases, self.name = space, tuple(cases), cases[0].name
        digest = hashlib.sha256(b"cases:" + ",".join(case.fingerprint for case in cases).encode())
        self.fingerprint = "counted:" + digest.hexdigest()[:16]

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` cost of complete valid architectures.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in the space.
        """
        first = self.space.valid_options(archs)[:, 0]
        total = np.empty(len(first))
        for case in np.unique(first):
            total[first == case] = self.cases[case].cost(archs[first == case])
        return total

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest cost over the completions of partial architectures, exact.

        Raises:
            InvalidValue: A row has no valid completion.
        """
        fits, layer = self.space.consistent(archs, 0), self.space.layers[0]
        least, largest = np.full(len(archs), np.inf), np.full(len(archs), -np.inf)
        for case, chain in enumerate(self.cases):
            rows = np.flatnonzero(fits[:, case])
            if len(rows):
                pinned = archs[rows]
                pinned[:, layer.slice] = layer.options[case]
                low, high = chain.extremes(pinned)
                least[rows], largest[rows] = np.minimum(least[rows], low), np.maximum(largest[rows], high)
        check_bounds(least, archs, self.space)
        return least, largest

    def narrow(self, space: SearchSpace) -> CasesCost:
        """The same cost over a restriction of the space; bounds are those of its completions."""
        whole = self.space.layers[0]
        kept = whole.numbers(space.layers[0].options)
        return CasesCost(space, [self.cases[case].narrow(space) for case in kept])
