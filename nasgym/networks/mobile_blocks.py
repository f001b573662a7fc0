"""What the mobile networks have in common: gates, expansions, and rows of MBConv blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from nasgym.networks.plan import Activation, Gate, MBConv
from nasgym.networks.scale import divisible

__all__ = ["EFFICIENTNET_GATE", "MNASNET_GATE", "MOBILENET_V3_GATE", "MOGA_GATE", "Excite", "Row", "expanded", "mbconv"]


@dataclass(frozen=True)
class Excite:
    """How wide a squeeze-and-excite gate is, and what it is made of.

    Attributes:
        of: Its hidden layer has a quarter of the block's input channels, or of the expanded ones.
        divisor: The hidden channels are rounded to multiples of it; 1 rounds down.
        activation: Of the hidden layer, None for that of the block.
        gate: What it ends with.
    """

    of: Literal["input", "expanded"]
    divisor: int
    activation: Activation | None
    gate: Gate

    def hidden(self, in_channels: int, mid_channels: int) -> int:
        """Hidden channels of the gate of a block."""
        quarter = (in_channels if self.of == "input" else mid_channels) / 4
        return max(1, int(quarter)) if self.divisor == 1 else divisible(quarter, self.divisor)


# `tensorflow/tpu`, mnasnet and efficientnet: ratio of the block's input channels; ReLU and sigmoid
# are remembered
MNASNET_GATE = Excite("input", 1, "relu", "sigmoid")
EFFICIENTNET_GATE = Excite("input", 1, "swish", "sigmoid")
# `tensorflow/models`, slim: a quarter of the expanded channels, rounded to 8
MOBILENET_V3_GATE = Excite("expanded", 8, "relu", "hsigmoid")
# `xiaomi-automl/MoGA`, models: a quarter of the expanded channels; the hidden activation is that of
# the block
MOGA_GATE = Excite("expanded", 1, None, "hsigmoid")


class Row(NamedTuple):
    """An MBConv block as papers print it.

    Kernel, expansion, output channels at width 1, stride, gate, activation.
    """

    kernel: int
    expansion: float
    out: int
    stride: int = 1
    se: bool = False
    activation: Activation = "relu6"
    skips: bool = True


def expanded(in_channels: int, expansion: float, divisor: int = 8) -> int:
    """Channels after an expansion; those of a fractional one are rounded."""
    if expansion == int(expansion):
        return in_channels * int(expansion)
    return divisible(in_channels * expansion, divisor)


def mbconv(
    row: Row, in_channels: int, out_channels: int, stride: int, excite: Excite | None = None, divisor: int = 8
) -> MBConv:
    """The block of a row, with the given channels and stride.

    It has a residual wherever shapes and row allow it.
    """
    mid = expanded(in_channels, row.expansion, divisor)
    residual = row.skips and stride == 1 and in_channels == out_channels
    block = MBConv(in_channels, mid, out_channels, row.kernel, stride, row.activation, residual=residual)
    if not row.se:
        return block
    assert excite is not None, "a row with a gate says which"
    return replace(
        block,
        se_channels=excite.hidden(in_channels, mid),
        se_activation=excite.activation or row.activation,
        se_gate=excite.gate,
    )
