"""The blocks of ProxylessNAS's networks, as their published latencies are keyed.

(Code: mit-han-lab/proxylessnas:search; keys: han-cai/files:proxylessnas/mobile_trim.yaml.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nasgym.devices.block_key import BlockKey
from nasgym.devices.layout import BlockLayout, Blocks
from nasgym.spaces.layer import Layer
from nasgym.spaces.mobile_proxylessnas import STAGES
from nasgym.spaces.space import SearchSpace

__all__ = ["Slot", "layout", "slot_options", "slots"]

RESOLUTION, STEM, FIRST, LAST, CLASSES = 224, 32, 16, 1280, 1000
WIDTHS = (24, 40, 80, 96, 192, 320)
STRIDES = (2, 2, 2, 1, 2, 1)


@dataclass(frozen=True)
class Slot:
    """The place of a searched block: what goes in and what comes out.

    Attributes:
        in_hw, in_ch, out_hw, out_ch, stride: Shapes.
        layer: Name that its blocks carry, empty where equal blocks of different places are one.
    """

    in_hw: int
    in_ch: int
    out_hw: int
    out_ch: int
    stride: int
    layer: str = ""

    def block(self, kernel: int, expansion: int) -> BlockKey:
        """The inverted bottleneck of these labels."""
        return BlockKey(
            "mbconv",
            self.in_hw,
            self.in_ch,
            self.out_hw,
            self.out_ch,
            mid_ch=expansion * self.in_ch,
            kernel=kernel,
            stride=self.stride,
            layer=self.layer,
        )


def slots(widths: tuple[int, ...], first_layer: int | None = None) -> Iterator[Slot]:
    """The 21 searched places; `first_layer` numbers their names."""
    size, channels = RESOLUTION // 2, FIRST
    number = 0
    for depth, width, stride in zip(STAGES, widths, STRIDES, strict=True):
        for i in range(depth):
            step = stride if i == 0 else 1
            name = "" if first_layer is None else f"layer{first_layer + number}"
            yield Slot(size, channels, -(-size // step), width, step, name)
            size, channels, number = -(-size // step), width, number + 1


def slot_options(space: SearchSpace, layer: Layer, slot: Slot, skip: Blocks = ()) -> tuple[Blocks, ...]:
    """The blocks of each option of a layer.

    Its labels are kernel and expansion, after the skip in layers that have one.
    """
    found = []
    for option in layer.options.tolist():
        labels = [space.decisions[column].choices[choice] for column, choice in zip(layer.columns, option, strict=True)]
        if len(labels) == 3 and labels[0] == "skip":
            found.append(skip)
        else:
            kernel, expansion = (int(label) for label in labels[-2:])
            found.append((slot.block(kernel, expansion),))
    return tuple(found)


def layout(space: SearchSpace) -> BlockLayout:
    """The blocks of the space or of a restriction of it; a skipped block costs nothing."""
    size, end = RESOLUTION // 2, RESOLUTION // 32
    fixed = (
        BlockKey("conv", RESOLUTION, 3, size, STEM, kernel=3, stride=2),
        BlockKey("mbconv", size, STEM, size, FIRST, mid_ch=STEM, kernel=3, stride=1),
        BlockKey("conv", end, WIDTHS[-1], end, LAST, kernel=1, stride=1),
        BlockKey("logits", end, LAST, 1, CLASSES),
    )
    places = zip(space.layers, slots(WIDTHS), strict=True)
    return BlockLayout((fixed,), (tuple(slot_options(space, layer, slot) for layer, slot in places),))
