"""The MoGA space: the skeleton of MobileNetV3-Large with 14 searched blocks."""

from __future__ import annotations

from nasgym.spaces.mobile_blocks import BlockLayer, BlockSpace

__all__ = ["MoGASpace"]

NUM_LAYERS = 14


class MoGASpace(BlockSpace):
    """Kernel, expansion and squeeze-and-excite of each of 14 blocks: 12^14 = 1.3e15 networks.

    Kernel 3, 5 or 7; expansion 3 or 6. (Chu et al., "MoGA: Searching Beyond MobileNetV3", 2020. The
    paper's twelve choices are inferred to be this product.) Its A, B and C are rows of this space
    (`nasgym.networks.named`).
    """

    def __init__(self) -> None:
        super().__init__("moga", [BlockLayer(f"layer{i}", (3, 5, 7), (3, 6), se=True) for i in range(1, NUM_LAYERS + 1)])
