"""A space around MobileNetV3-Large: kernel, expansion, gate, activation and depth of its blocks."""

from __future__ import annotations

from nasgym.spaces.mobile_blocks import BlockLayer, BlockSpace

__all__ = ["MobileNetV3Space"]

STAGES = (2, 3, 4, 2, 3)
EXPANSIONS = (2.3, 2.5, 3, 4, 6)


class MobileNetV3Space(BlockSpace):
    """Kernel, expansion, gate and activation of each of 14 blocks, and the depths of the stages.

    The stages have 2, 3, 4, 2 and 3 blocks. Kernel 3, 5 or 7; expansion 2.3, 2.5, 3, 4 or 6;
    squeeze-and-excite or not; ReLU or h-swish. Every block but the first of a stage can be skipped,
    so a stage is 1 block to its full depth: 60^5 * 61^9 = 9.1e24 encodings. MobileNetV3-Large
    (Howard et al., "Searching for MobileNetV3", 2019) is one of them. The paper publishes no such
    space; the choices are the values that its network uses, and kernel 7 in addition.
    """

    def __init__(self) -> None:
        layers: list[BlockLayer] = []
        alike: list[range] = []
        for stage, depth in enumerate(STAGES, 1):
            alike.append(range(len(layers) + 1, len(layers) + depth))
            for i in range(1, depth + 1):
                name = f"stage{stage}.layer{i}"
                layers.append(BlockLayer(name, (3, 5, 7), EXPANSIONS, True, ("relu", "hswish"), skippable=i > 1))
        super().__init__("mobilenetv3", layers, alike)
