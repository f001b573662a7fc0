"""`ChainCost`: a cost made of terms of layers and of neighbouring layers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from nasgym.oracles.cost.terms_cost import TermsCost, kept_options
from nasgym.oracles.layer_terms import Combine, LayerTerms
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Floats

__all__ = ["ChainCost"]


class ChainCost(TermsCost):
    """The sum, or the largest, of terms of layers and of neighbouring layers (`LayerTerms`).

    Args:
        space: The space; terms are indexed by its layers' options.
        name: Name with unit.
        constant: What every architecture costs.
        unary: One ``(m_l,)`` array for each layer.
        pair: One ``(m_l, m_{l+1})`` array for each two neighbouring layers, or None where there are
            no such terms.
        combine: How terms make the cost.

    Raises:
        InvalidValue: The space has another number of options, or architectures of different
            length.
    """

    def __init__(
        self,
        space: SearchSpace,
        name: str,
        constant: float,
        unary: Sequence[Floats],
        pair: Sequence[Floats] | None = None,
        *,
        combine: Combine = "sum",
    ) -> None:
        terms = LayerTerms(constant, tuple(unary), None if pair is None else tuple(pair), combine)
        super().__init__(space, name, terms)
        # fingerprints were made with this word before the terms had their names
        mark = "" if combine == "sum" else ":max"
        digest = hashlib.sha256(f"{name}:{space.fingerprint}:{constant}{mark}".encode())
        for term in (*terms.unary, *(terms.pair or ())):
            digest.update(term.tobytes())
        self.fingerprint = "counted:" + digest.hexdigest()[:16]

    def narrow(self, space: SearchSpace) -> ChainCost:
        """The same cost over a restriction of the space; bounds are those of its completions."""
        terms = self._terms.narrow(kept_options(self.space, space))
        return ChainCost(space, self.name, terms.constant, terms.unary, terms.pair, combine=terms.combine)
