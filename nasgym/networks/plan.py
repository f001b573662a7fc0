"""`NetworkPlan`: the network that an architecture stands for, as frozen data; no torch, no weights.

A plan is read by `count` (MACs, parameters), `torch_modules` (a trainable module), `packed_modules` (many trainings at
once) and `draw`. Blocks state every size, so a reader never has to guess what came before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Activation", "Block", "Conv", "Head", "Identity", "MBConv", "NetworkPlan"]

Activation: TypeAlias = Literal["none", "relu", "relu6", "hswish", "swish"]


@dataclass(frozen=True)
class Conv:
    """Convolution, batch normalisation, activation; "same" padding for odd kernels."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    groups: int = 1
    activation: Activation = "relu"


@dataclass(frozen=True)
class MBConv:
    """Mobile inverted bottleneck: 1x1 expand, depthwise k x k, optional squeeze-and-excite, 1x1 project.

    Attributes:
        mid_channels: Expanded channels; equal to `in_channels` means that there is no expansion convolution.
        se_channels: Hidden channels of the squeeze-and-excite gate, 0 for none.
        residual: Adds the input to the output; needs stride 1 and equal channels.
    """

    in_channels: int
    mid_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    activation: Activation = "relu"
    se_channels: int = 0
    residual: bool = False

    @property
    def expands(self) -> bool:
        """Whether the block begins with an expansion convolution."""
        return self.mid_channels != self.in_channels


@dataclass(frozen=True)
class Identity:
    """Passes its input on."""

    channels: int


@dataclass(frozen=True)
class Head:
    """Activation, global average pooling, linear classifier."""

    in_channels: int
    num_classes: int
    activation: Activation = "none"


Block: TypeAlias = Conv | MBConv | Identity


@dataclass(frozen=True)
class NetworkPlan:
    """Stem, layers, neck and head.

    Attributes:
        name: What is drawn above the network.
        input_shape: (channels, height, width) of an image.
        stem: Blocks before the searched layers.
        layers: The blocks of each searched layer, one tuple a layer of the search space.
        neck: Blocks between the searched layers and the head.
        head: The classifier.
    """

    name: str
    input_shape: tuple[int, int, int]
    stem: tuple[Block, ...]
    layers: tuple[tuple[Block, ...], ...]
    neck: tuple[Block, ...]
    head: Head

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks before the head, in order."""
        return (*self.stem, *(block for layer in self.layers for block in layer), *self.neck)


def out_size(size: int, block: Block) -> int:
    """Height (or width) behind a block, given the one before it."""
    return size if isinstance(block, Identity) else -(-size // block.stride)
