"""TuNAS's space, ``proxylessnas_search``.

It is ProxylessNAS with a searched first block and a wider first stage.
"""

from __future__ import annotations

from nasgym.spaces.mobile_blocks import BlockLayer, BlockSpace
from nasgym.spaces.mobile_proxylessnas import proxyless_layers

__all__ = ["TuNASSpace"]


class TuNASSpace(BlockSpace):
    """The kernel of a separable convolution, then 21 blocks as in `ProxylessNASSpace`.

    The convolution comes after the stem; its kernel is 3, 5 or 7. 3 * 6^6 * 7^15 = 6.6e17 networks
    (computed). (Bender et al., "Can weight sharing outperform random architecture search?", 2020;
    `google-research/google-research`, tunas. Its README counts 1e21: skipped blocks' decisions
    too.) Text form as `BlockSpace`; the first layer has a kernel only: ``"k3,k5e3,..."``.
    """

    def __init__(self) -> None:
        layers, alike = proxyless_layers()
        moved = [range(group.start + 1, group.stop + 1) for group in alike]
        super().__init__("tunas", [BlockLayer("first", (3, 5, 7)), *layers], moved)
