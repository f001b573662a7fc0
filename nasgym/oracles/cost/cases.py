"""`CasesCost`: a cost that has another form for each option of the first layer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nasgym.errors import InvalidValue
from nasgym.oracles.cost.chain import ChainCost
from nasgym.oracles.cost.terms_cost import TermsCost, kept_options
from nasgym.oracles.layer_terms import LayerTerms
from nasgym.spaces.space import SearchSpace

__all__ = ["CasesCost"]


class CasesCost(TermsCost):
    """One `ChainCost` for each option of the first layer, for example for each size of the image.

    Bounds are the extremes over the cases that a partial architecture still allows, and are exact.

    Args:
        space: The space.
        cases: The cost in each case; all have the same name and are about this space.

    Raises:
        InvalidValue: There are more or fewer cases than options.
    """

    def __init__(self, space: SearchSpace, cases: Sequence[ChainCost]) -> None:
        options = space.layers[0].count
        if len(cases) != options or len({case.name for case in cases}) != 1:
            names = sorted({case.name for case in cases})
            raise InvalidValue(
                f"layer {space.layers[0].name!r} of {space.name!r} has {options} options, each with its case of one cost; got "
                f"{len(cases)} cases of {names}."
            )
        super().__init__(space, cases[0].name, LayerTerms.of_cases(case.terms() for case in cases))
        self.cases = tuple(cases)
        digest = hashlib.sha256(b"cases:" + ",".join(case.fingerprint for case in cases).encode())
        self.fingerprint = "counted:" + digest.hexdigest()[:16]

    def narrow(self, space: SearchSpace) -> CasesCost:
        """The same cost over a restriction of the space; bounds are those of its completions."""
        return CasesCost(space, [self.cases[case].narrow(space) for case in kept_options(self.space, space)[0]])
