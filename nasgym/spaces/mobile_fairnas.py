"""The FairNAS space: 19 MBConv blocks of fixed widths."""

from __future__ import annotations

from nasgym.spaces.mobile_blocks import BlockLayer, BlockSpace

__all__ = ["FairNASSpace"]

NUM_LAYERS = 19


class FairNASSpace(BlockSpace):
    """Kernel 3, 5 or 7 and expansion 3 or 6 for each of 19 blocks: 6^19 = 6.1e14 networks.

    (Chu et al., "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture
    Search", 2021.) Its A, B and C are rows of this space (`nasgym.networks.named`).
    """

    def __init__(self) -> None:
        super().__init__("fairnas", [BlockLayer(f"layer{i}", (3, 5, 7), (3, 6)) for i in range(1, NUM_LAYERS + 1)])
