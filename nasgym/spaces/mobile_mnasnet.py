"""The MnasNet space: seven blocks of equal layers, six decisions each."""

from __future__ import annotations

import numpy as np

from nasgym.spaces.decision import Decision
from nasgym.spaces.layer import Layer
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["DEPTHS", "MnasNetSpace"]

OPS = ("dwconv", "mbconv3", "mbconv6", "conv")
SKIPS = ("none", "identity", "pool")
WIDTHS = (0.75, 1.0, 1.25)
# layers of each block of MobileNetV2
DEPTHS = (1, 2, 3, 4, 3, 3, 1)


class MnasNetSpace(SearchSpace):
    """Seven blocks with 432 options each: 432^7 = 2.8e18 encodings.

    All layers of a block are equal but for its stride. Per block: the operation (separable
    convolution, MBConv of expansion 3 or 6, plain convolution), kernel 3 or 5, a squeeze-and-excite
    ratio of 0 or 0.25, the skip (none, identity, pooling), the width over that of MobileNetV2
    (0.75, 1 or 1.25) and the number of layers against MobileNetV2 (-1, 0 or +1, at least one). (Tan
    et al., "MnasNet", 2019; the product 432 is the paper's, its factors are partly inferred.) The
    paper's size argument counts five blocks; the backbone has seven. The published A1 and B1 have
    widths outside of this space (`nasgym.networks.named`).

    The default is the most expensive network: plain convolutions of kernel 5, with everything on.
    Text form, blocks separated by commas: ``"mbconv6:k5:se:identity:w1.25:n+1"``; ``se`` is missing
    where the ratio is 0.
    """

    def __init__(self) -> None:
        decisions: list[Decision] = []
        for i in range(1, len(DEPTHS) + 1):
            decisions += [
                Decision(f"block{i}.op", OPS, "op"),
                Decision(f"block{i}.kernel", (3, 5), "kernel"),
                Decision(f"block{i}.se", (0.0, 0.25), "op"),
                Decision(f"block{i}.skip", SKIPS, "skip"),
                Decision(f"block{i}.width", WIDTHS, "width"),
                Decision(f"block{i}.layers", (-1, 0, 1), "depth"),
            ]
        super().__init__(
            "mnasnet",
            decisions,
            layers=[(f"block{i}", 6) for i in range(1, len(DEPTHS) + 1)],
            default=("conv", 5, 0.25, "identity", 1.25, 1) * len(DEPTHS),
        )

    def canonical_valid(self, archs: Archs) -> Archs:
        """Merges layers below one, and the identity over a single layer.

        One layer less than one is one. A single layer changes shapes and has no room for the
        identity.
        """
        found = archs.copy()
        for i, depth in enumerate(DEPTHS):
            skip, layers = found[:, 6 * i + 3], found[:, 6 * i + 5]
            if depth == 1:
                np.maximum(layers, 1, out=layers)
            single = np.maximum(depth + layers - 1, 1) == 1
            skip[single & (skip == SKIPS.index("identity"))] = SKIPS.index("none")
        return found

    def layer_text(self, layer: Layer, choices: Archs) -> str:
        """See `SearchSpace.layer_text`."""
        op, kernel, se, skip, width, layers = choices.tolist()
        # index -1 (open) reads the last entry
        parts = [(*OPS, "?")[op], f"k{(3, 5, '?')[kernel]}", ("", "se", "se?")[se], (*SKIPS, "?")[skip]]
        parts += [f"w{(*WIDTHS, '?')[width]}", f"n{('-1', '+0', '+1', '?')[layers]}"]
        return ":".join(part for part in parts if part)
