"""The NAS-Bench-Macro space: eight layers of three choices in three stages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nasgym.spaces.decision import Decision
from nasgym.spaces.layer import Layer
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["STAGES", "NASBenchMacroSpace"]

STAGES = (2, 3, 3)
OPS = ("identity", "mbconv_e3_k3", "mbconv_e6_k5")


class NASBenchMacroSpace(SearchSpace):
    """Stages of 2, 3 and 3 layers with three choices each: 3^8 = 6,561 encodings.

    A layer is the identity, MBConv e3 k3 or MBConv e6 k5. The first layer of a stage has stride 2,
    where the identity is a strided 1x1 convolution; the identities of the other layers can stand
    anywhere in their stage without changing the network, so 3,969 networks are distinct. Text form:
    one digit per layer, ``"22212220"``, as in the published table. (Su et al., "Prioritized
    Architecture Sampling with Monto-Carlo Tree Search", 2021.)
    """

    def __init__(self) -> None:
        names = [f"stage{s}.layer{i}" for s, depth in enumerate(STAGES, 1) for i in range(1, depth + 1)]
        super().__init__(
            "nas-bench-macro", [Decision(f"{name}.op", OPS, "op") for name in names], layers=[(name, 1) for name in names]
        )

    @cached_property
    def _forms(self) -> Archs:
        """``(6561, 8)`` by base-3 code: the encoding with each stage's movable identities last."""
        archs = np.indices((len(OPS),) * sum(STAGES), dtype=np.int8).reshape(sum(STAGES), -1).T.copy()
        start = 0
        for depth in STAGES:
            block = archs[:, start + 1 : start + depth]
            order = np.argsort(block == 0, axis=1, kind="stable")
            archs[:, start + 1 : start + depth] = np.take_along_axis(block, order, axis=1)
            start += depth
        return archs

    def canonical_valid(self, archs: Archs) -> Archs:
        """See `SearchSpace.canonical_valid`."""
        return np.asarray(self._forms[archs @ len(OPS) ** np.arange(sum(STAGES))[::-1]])

    def layer_text(self, layer: Layer, choices: Archs) -> str:
        """See `SearchSpace.layer_text`."""
        return "?" if choices[0] < 0 else str(choices[0])

    def join(self, parts: Sequence[str]) -> str:
        """See `SearchSpace.join`."""
        return "".join(parts)

    def split(self, text: str) -> list[str]:
        """See `SearchSpace.split`."""
        return list(text.strip())
