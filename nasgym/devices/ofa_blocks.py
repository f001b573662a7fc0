"""The blocks of the Once-for-All networks, as their published latencies are keyed.

The measured network has width 1.2: stem and first block of 24 channels, stages of 32, 48, 96, 136
and 192, then 1,152 and 1,536. (Code: mit-han-lab/once-for-all:ofa/tutorial/latency_table.py.)
"""

from __future__ import annotations

from dataclasses import dataclass

from nasgym.devices.block_key import BlockKey
from nasgym.devices.layout import BlockLayout, Blocks
from nasgym.spaces.mobile_ofa import DEPTHS, EXPANSIONS, KERNELS, RESOLUTIONS
from nasgym.spaces.space import SearchSpace

__all__ = ["layout"]

STEM = 24
WIDTHS = (32, 48, 96, 136, 192)
STRIDES = (2, 2, 2, 1, 2)
SE = (0, 1, 0, 1, 1)
ACTS = ("relu", "relu", "hswish", "hswish", "hswish")
LAST, FEATURES, CLASSES = 1152, 1536, 1000


@dataclass(frozen=True)
class _Stage:
    """Sizes of one stage at one resolution."""

    number: int
    resolution: int
    in_hw: int
    in_ch: int
    out_hw: int

    def block(self, kernel: int, expansion: int, *, first: bool) -> BlockKey:
        """A block from its choices' indices.

        The first one of a stage has its stride and changes the width.
        """
        width = WIDTHS[self.number]
        in_ch = self.in_ch if first else width
        return BlockKey(
            "mbconv",
            self.in_hw if first else self.out_hw,
            in_ch,
            self.out_hw,
            width,
            mid_ch=round(in_ch * EXPANSIONS[expansion]),
            kernel=KERNELS[kernel],
            stride=STRIDES[self.number] if first else 1,
            se=SE[self.number],
            act=ACTS[self.number],
            resolution=self.resolution,
        )

    def tail(self, choices: list[int]) -> Blocks:
        """The third and fourth block, as far as the depth goes."""
        depth, *rest = choices
        pairs = list(zip(rest[::2], rest[1::2], strict=True))[: DEPTHS[depth] - 2]
        return tuple(self.block(kernel, expansion, first=False) for kernel, expansion in pairs)


def layout(space: SearchSpace) -> BlockLayout:
    """The blocks of the space or of a restriction of it: one case for each resolution."""
    cases = [_case(space, RESOLUTIONS[option[0]]) for option in space.layers[0].options]
    return BlockLayout(tuple(fixed for fixed, _ in cases), tuple(layers for _, layers in cases), by_first_layer=True)


def _case(space: SearchSpace, resolution: int) -> tuple[Blocks, tuple[tuple[Blocks, ...], ...]]:
    size, channels = -(-resolution // 2), STEM
    stem = BlockKey("conv", resolution, 3, size, STEM, kernel=3, stride=2, resolution=resolution)
    first_block = BlockKey("mbconv", size, STEM, size, STEM, mid_ch=STEM, kernel=3, stride=1, act="relu", resolution=resolution)
    layers: list[tuple[Blocks, ...]] = [((),) * len(space.layers[0].options)]
    for number, width in enumerate(WIDTHS):
        stage = _Stage(number, resolution, size, channels, -(-size // STRIDES[number]))
        first, second, tail = space.layers[1 + 3 * number : 4 + 3 * number]
        layers.append(tuple((stage.block(*choices, first=True),) for choices in first.options.tolist()))
        layers.append(tuple((stage.block(*choices, first=False),) for choices in second.options.tolist()))
        layers.append(tuple(stage.tail(choices) for choices in tail.options.tolist()))
        size, channels = stage.out_hw, width
    fixed = (
        stem,
        first_block,
        BlockKey("conv", size, channels, size, LAST, kernel=1, stride=1, resolution=resolution),
        BlockKey("pool", size, LAST, 1, LAST, resolution=resolution),
        BlockKey("conv", 1, LAST, 1, FEATURES, kernel=1, stride=1, resolution=resolution),
        BlockKey("logits", 1, FEATURES, 1, CLASSES, resolution=resolution),
    )
    return fixed, tuple(layers)
