"""The ProxylessNAS space: 21 MBConv blocks in six stages, on ImageNet."""

from __future__ import annotations

from nasgym.spaces.mobile_blocks import BlockLayer, BlockSpace

__all__ = ["STAGES", "ProxylessNASSpace", "proxyless_layers"]

STAGES = (4, 4, 4, 4, 4, 1)


def proxyless_layers() -> tuple[list[BlockLayer], list[range]]:
    """The 21 searched blocks, and the groups of blocks with equal shapes on both sides.

    Positions in a group are counted from the first searched block.
    """
    layers: list[BlockLayer] = []
    alike: list[range] = []
    for stage, depth in enumerate(STAGES, 1):
        if depth > 1:
            alike.append(range(len(layers) + 1, len(layers) + depth))
        for i in range(1, depth + 1):
            layers.append(BlockLayer(f"stage{stage}.layer{i}", (3, 5, 7), (3, 6), skippable=i > 1))
    return layers, alike


class ProxylessNASSpace(BlockSpace):
    """Kernel and expansion of 21 blocks, 15 of which can be skipped: 6^6 * 7^15 = 2.2e17.

    Kernel 3, 5 or 7; expansion 3 or 6. The first block of a stage changes shapes and always stays.
    The last stage has one block. (Cai et al., "ProxylessNAS", 2019; `mit-han-lab/proxylessnas`,
    search. The number of encodings is computed.) The skeleton around the blocks is
    `nasgym.networks.mobile_plans`.
    """

    def __init__(self) -> None:
        super().__init__("proxylessnas", *proxyless_layers())
