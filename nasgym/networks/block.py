"""Blocks of networks as frozen data: no torch, no weights.

Blocks state every size, so that a reader never has to guess what came before.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

__all__ = [
    "Activation",
    "Block",
    "Conv",
    "Gate",
    "Head",
    "Identity",
    "MBConv",
    "Norm",
    "Order",
    "Pool",
    "Zero",
    "in_channels",
    "out_channels",
    "out_size",
]

Activation: TypeAlias = Literal["none", "relu", "relu6", "hswish", "swish"]
Gate: TypeAlias = Literal["hsigmoid", "sigmoid"]
Order: TypeAlias = Literal["post", "pre"]


class _Shown:
    """``repr`` without those fields of `LATER` that have their default.

    Latencies that were measured before plans had values (`plan_values`) are known by that text.
    """

    def __repr__(self) -> str:
        known = [f for f in fields(self) if not (f.name in LATER[type(self).__name__] and getattr(self, f.name) == f.default)]  # type: ignore[arg-type]  # every subclass is a dataclass
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in known)})"


@dataclass(frozen=True, repr=False)
class Conv(_Shown):
    """Convolution, batch normalisation, activation, optional squeeze-and-excite.

    Padding is "same" for odd kernels.

    Attributes:
        se_channels, se_activation, se_gate: As in `MBConv`; the gate acts on the output.
        residual: As in `MBConv`.
        order: ``"pre"`` where the activation comes first: activation, convolution, normalisation.
        norm: Whether there is a normalisation; there is no bias in its place.
        dilation: Pixels from one tap of the kernel to the next.
    """

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    groups: int = 1
    activation: Activation = "relu"
    se_channels: int = 0
    se_activation: Activation = "relu"
    se_gate: Gate = "hsigmoid"
    residual: bool = False
    order: Order = "post"
    norm: bool = True
    dilation: int = 1


@dataclass(frozen=True, repr=False)
class MBConv(_Shown):
    """Inverted bottleneck: 1x1 expand, depthwise k x k, optional squeeze-and-excite, 1x1 project.

    Without expansion it is a depthwise-separable convolution with a linear output.

    Attributes:
        mid_channels: Expanded channels; equal to `in_channels` means that there is no expansion
            convolution.
        se_channels: Hidden channels of the squeeze-and-excite gate, 0 for none.
        residual: Adds the input to the output. Where stride or channels change, the input is
            averaged over windows of the stride, and channels are filled up with zeros or cut off.
        se_activation: Between the two layers of the gate.
        se_gate: What the gate ends with.
    """

    in_channels: int
    mid_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    activation: Activation = "relu"
    se_channels: int = 0
    residual: bool = False
    se_activation: Activation = "relu"
    se_gate: Gate = "hsigmoid"

    @property
    def expands(self) -> bool:
        """Whether the block begins with an expansion convolution."""
        return self.mid_channels != self.in_channels


@dataclass(frozen=True)
class Identity:
    """Passes its input on."""

    channels: int


@dataclass(frozen=True)
class Pool:
    """Pooling with "same" padding for odd kernels; padded pixels do not enter an average.

    An even kernel is as large as its stride: windows lie side by side, and the last one is cut off
    where the image ends.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    kind: Literal["avg", "max"] = "avg"


@dataclass(frozen=True)
class Norm:
    """Batch normalisation and activation."""

    channels: int
    activation: Activation = "relu"


@dataclass(frozen=True)
class Zero:
    """Zeros in the shape of an output: an edge of a cell that carries nothing."""

    in_channels: int
    out_channels: int
    stride: int = 1


@dataclass(frozen=True, repr=False)
class Head(_Shown):
    """Activation, global average pooling, optional hidden layer, linear classifier.

    Attributes:
        activation: Before the pooling.
        hidden: Channels of a linear layer (a 1x1 convolution without normalisation) after the
            pooling, 0 for none.
        hidden_activation: After that layer.
        hidden_bias: Whether that layer has a bias.
        counts_bias: Whether the classifier's bias counts among the multiply-accumulates, one a
            class, as in the published numbers of NATS-Bench.
    """

    in_channels: int
    num_classes: int
    activation: Activation = "none"
    hidden: int = 0
    hidden_activation: Activation = "none"
    hidden_bias: bool = True
    counts_bias: bool = False


LATER: dict[str, frozenset[str]] = {
    "Conv": frozenset({"se_channels", "se_activation", "se_gate", "residual", "order", "norm", "dilation"}),
    "MBConv": frozenset({"se_activation", "se_gate"}),
    "Head": frozenset({"hidden", "hidden_activation", "hidden_bias", "counts_bias"}),
}

Block: TypeAlias = Conv | MBConv | Identity | Pool | Norm | Zero


def out_size(size: int, block: Block) -> int:
    """Height (or width) after a block, given the one before it."""
    return size if isinstance(block, Identity | Norm) else -(-size // block.stride)


def in_channels(block: Block) -> int:
    """Channels before a block."""
    return block.channels if isinstance(block, Identity | Pool | Norm) else block.in_channels


def out_channels(block: Block) -> int:
    """Channels after a block."""
    return block.channels if isinstance(block, Identity | Pool | Norm) else block.out_channels
