"""`BlockKey`: what a latency was measured for; its fields are the key columns of a device file."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

__all__ = ["KEY_COLUMNS", "OPS", "TEXT_COLUMNS", "BlockKey", "nearest_blocks"]

# constant: what every network of a linear model costs; skip: a layer that is left out
OPS = ("conv", "sepconv", "mbconv", "pool", "logits", "skip", "constant")


@dataclass(frozen=True, order=True)
class BlockKey:
    """A part of a network whose latency is measured as one.

    Two blocks are the same when all fields are. A field that says nothing about a block is 0 or
    empty.

    Attributes:
        op: One of `OPS`: convolution, depthwise separable convolution, mobile inverted bottleneck,
            average pooling, classifier, left-out layer, constant.
        in_hw, in_ch: Height (and width) and channels of the input.
        out_hw, out_ch: Of the output.
        mid_ch: Channels of the depthwise convolution of an ``mbconv``.
        kernel, stride: Of the (depthwise) convolution.
        se: 1 with squeeze-and-excite, else 0.
        act: ``"relu"``, ``"relu6"``, ``"hswish"``, ``"swish"``, or empty where the file that it
            comes from does not say.
        resolution: Height of the network's input image, for tables that were measured at each
            resolution separately.
        layer: Name of the layer, for tables that distinguish equal blocks by their place.
    """

    op: str
    in_hw: int = 0
    in_ch: int = 0
    out_hw: int = 0
    out_ch: int = 0
    mid_ch: int = 0
    kernel: int = 0
    stride: int = 0
    se: int = 0
    act: str = ""
    resolution: int = 0
    layer: str = ""

    @property
    def macs(self) -> int:
        """Multiply-accumulates, by which latencies of unmeasured blocks are estimated.

        Biases and activations do not count.
        """
        before, after = self.in_hw**2, self.out_hw**2
        depthwise = self.kernel**2 * self.mid_ch * after
        gate = 2 * self.mid_ch * (self.mid_ch // 4) * self.se
        match self.op:
            case "conv":
                return self.kernel**2 * self.in_ch * self.out_ch * after
            case "sepconv":
                return (self.kernel**2 * self.in_ch + self.in_ch * self.out_ch) * after
            case "mbconv":
                expand = self.in_ch * self.mid_ch * before if self.mid_ch != self.in_ch else 0
                return expand + depthwise + self.mid_ch * self.out_ch * after + gate
            case "pool":
                return self.in_ch * before
            case "logits":
                return self.in_ch * self.out_ch
        return 0

    def __str__(self) -> str:
        parts = [f"{self.op}"]
        if self.in_ch:
            parts.append(f"{self.in_hw}x{self.in_hw}x{self.in_ch}->{self.out_hw}x{self.out_hw}x{self.out_ch}")
        named = (("mid", self.mid_ch), ("k", self.kernel), ("s", self.stride), ("se", self.se), ("res", self.resolution))
        parts += [f"{name}{value}" for name, value in named if value]
        return " ".join([*parts, *(text for text in (self.act, self.layer) if text)])


KEY_COLUMNS = tuple(field.name for field in fields(BlockKey))
TEXT_COLUMNS = ("op", "act", "layer")


def nearest_blocks(block: BlockKey, known: Iterable[BlockKey], num: int = 3) -> list[BlockKey]:
    """The blocks most like this one: its op first, then by how many fields differ and how much."""

    def distance(other: BlockKey) -> tuple[float, BlockKey]:
        total = 0.0 if other.op == block.op else 1000.0
        for mine, its in zip(astuple(block)[1:], astuple(other)[1:], strict=True):
            if mine != its:
                total += 1.0 if isinstance(mine, str) or isinstance(its, str) else 1.0 + abs(math.log((mine + 1) / (its + 1)))
        return total, other

    return sorted(known, key=distance)[:num]
