"""Blocks of many small networks side by side: every call is shared by K networks.

How activations lie and why is said in `nasgym.training.packed_modules`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from nasgym.networks.plan import (
    Activation,
    Block,
    Conv,
    Gate,
    Head,
    Identity,
    MBConv,
    Norm,
    Place,
    Pool,
    Zero,
    out_size,
)

__all__ = ["PackedHead", "PackedNorm", "PackedPlace", "packed_block"]

# of the running statistics of a normalisation: that of `torch.nn.BatchNorm2d`
MOMENTUM = 0.1


def _activate(x: torch.Tensor, activation: Activation) -> torch.Tensor:
    match activation:
        case "none":
            return x
        case "relu":
            return functional.relu(x)
        case "relu6":
            return functional.relu6(x)
        case "hswish":
            return functional.hardswish(x)
        case "swish":
            return functional.silu(x)


def _toeplitz_basis(kernel: int, stride: int, size: int) -> torch.Tensor:
    """``(kernel^2, size^2 * out^2)`` 0/1: the input pixel of each tap and output pixel.

    Padding is "same".
    """
    out = -(-size // stride)
    basis = torch.zeros(kernel, kernel, size, size, out, out)
    for dy in range(kernel):
        for dx in range(kernel):
            for y in range(out):
                for x in range(out):
                    sy, sx = y * stride + dy - kernel // 2, x * stride + dx - kernel // 2
                    if 0 <= sy < size and 0 <= sx < size:
                        basis[dy, dx, sy, sx, y, x] = 1.0
    return basis.reshape(kernel * kernel, size * size * out * out)


class PackedNorm(nn.Module):
    """Batch normalisation of K networks at once: their channels lie side by side."""

    def __init__(self, packed: int, channels: int) -> None:
        super().__init__()
        self.momentum = MOMENTUM
        self.weight = nn.Parameter(torch.ones(packed * channels))
        self.bias = nn.Parameter(torch.zeros(packed * channels))
        self.register_buffer("running_mean", torch.zeros(packed * channels))
        self.register_buffer("running_var", torch.ones(packed * channels))
        self.running_mean: torch.Tensor
        self.running_var: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(K, C, B * H * W)`` to the same shape."""
        flat = x.reshape(1, len(self.weight), -1)
        normed = functional.batch_norm(
            flat,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training,
            momentum=self.momentum,
        )
        return normed.reshape(x.shape)


class _Convolving(nn.Module):
    """A convolution with its normalisation and activation, in the order of the block."""

    def __init__(self, packed: int, block: Conv, size: int) -> None:
        super().__init__()
        kernel = () if block.kernel == block.groups == 1 else (block.kernel, block.kernel)
        self.conv = nn.Parameter(torch.empty(packed, block.out_channels, block.in_channels // block.groups, *kernel))
        self.bn = PackedNorm(packed, block.out_channels) if block.norm else nn.Identity()
        self.block, self.size = block, size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.block.order == "pre":
            out: torch.Tensor = self.bn(self.convolved(_activate(x, self.block.activation)))
            return out
        return _activate(self.bn(self.convolved(x)), self.block.activation)

    def convolved(self, x: torch.Tensor) -> torch.Tensor:
        """Hook: the convolution alone."""
        raise NotImplementedError(f"{type(self).__name__} must say how it convolves")


class _Pointwise(_Convolving):
    """1x1 convolution; its stride is a subsampling."""

    def convolved(self, x: torch.Tensor) -> torch.Tensor:
        """Batched matrix products."""
        stride = self.block.stride
        if stride > 1:
            packed, channels, _ = x.shape
            grid = x.view(packed, channels, -1, self.size, self.size)
            x = grid[..., ::stride, ::stride].reshape(packed, channels, -1)
        return torch.bmm(self.conv, x)


class _Convolution(_Convolving):
    """k x k convolution, also in groups: the networks are groups of one convolution."""

    def convolved(self, x: torch.Tensor) -> torch.Tensor:
        """One convolution of all networks."""
        packed, channels, _ = x.shape
        images = x.reshape(packed * channels, -1, self.size, self.size).transpose(0, 1)
        block = self.block
        padding, groups = block.kernel // 2 * block.dilation, packed * block.groups
        out = functional.conv2d(images, self.conv.flatten(0, 1), None, block.stride, padding, block.dilation, groups)
        return out.transpose(0, 1).reshape(packed, block.out_channels, -1)


class _Pool(nn.Module):
    def __init__(self, block: Pool, size: int) -> None:
        super().__init__()
        self.block, self.size = block, size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        packed, channels, _ = x.shape
        block, images = self.block, x.reshape(packed * channels, -1, self.size, self.size)
        odd = block.kernel % 2 == 1
        padding = block.kernel // 2 if odd else 0
        if block.kind == "max":
            pooled = functional.max_pool2d(images, block.kernel, block.stride, padding, ceil_mode=not odd)
        else:
            pooled = functional.avg_pool2d(
                images, block.kernel, block.stride, padding, ceil_mode=not odd, count_include_pad=False
            )
        return pooled.reshape(packed, channels, -1)


class _Normed(nn.Module):
    """Normalisation and activation on their own."""

    def __init__(self, packed: int, block: Norm) -> None:
        super().__init__()
        self.bn = PackedNorm(packed, block.channels)
        self.activation: Activation = block.activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _activate(self.bn(x), self.activation)


class _Zero(nn.Module):
    def __init__(self, block: Zero, size: int) -> None:
        super().__init__()
        self.channels, self.before, self.after = block.out_channels, size**2, out_size(size, block) ** 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.new_zeros(len(x), self.channels, x.shape[2] // self.before * self.after)


class PackedPlace(nn.Module):
    """A cell, as in `nasgym.networks.torch_modules`."""

    def __init__(self, packed: int, place: Place, sizes: Sequence[int]) -> None:
        super().__init__()
        nodes: list[list[nn.Module]] = [[] for _ in place.cell.nodes]
        for run in place.runs(*sizes):
            nodes[run.node].append(nn.Sequential(*(packed_block(packed, [block] * packed, size) for block, size in run.blocks)))
        self.nodes = nn.ModuleList(nn.ModuleList(edges) for edges in nodes)
        self.cell, self.live = place.cell, place.live

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """``(K, C, B * H * W)`` each, to one of the cell's channels and size."""
        known = list(inputs)
        for node, edges, live in zip(self.cell.nodes, self.nodes, self.live, strict=True):
            modules = list(edges.children())
            found = [modules[i](known[node.edges[i].source]) for i in live]
            known.append(torch.cat(found, 1) if node.combine == "concat" else sum(found[1:], start=found[0]))
        return known[-1]


class _Linear(nn.Module):
    """Linear layers side by side: ``(K, C, B)`` to ``(K, out, B)``."""

    def __init__(self, packed: int, in_channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(packed, out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(packed, out_channels, 1)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.bmm(self.weight, x) if self.bias is None else torch.baddbmm(self.bias, self.weight, x)


class _SqueezeExcite(nn.Module):
    def __init__(self, packed: int, channels: int, block: Conv | MBConv, size: int) -> None:
        super().__init__()
        self.reduce = _Linear(packed, channels, block.se_channels)
        self.expand = _Linear(packed, block.se_channels, channels)
        self.activation: Activation = block.se_activation
        self.gate: Gate = block.se_gate
        self.pixels = size * size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images = x.view(*x.shape[:2], -1, self.pixels)
        gate = self.expand(_activate(self.reduce(images.mean(3)), self.activation))
        gate = torch.sigmoid(gate) if self.gate == "sigmoid" else functional.hardsigmoid(gate)
        return (images * gate[..., None]).view_as(x)


def _excite(packed: int, channels: int, block: Conv | MBConv, size: int) -> nn.Module:
    return _SqueezeExcite(packed, channels, block, size) if block.se_channels else nn.Identity()


class _Shortcut(nn.Module):
    """The input in the shape of the output, as in `nasgym.networks.torch_modules`."""

    def __init__(self, block: Conv | MBConv, size: int) -> None:
        super().__init__()
        self.stride, self.more, self.size = block.stride, block.out_channels - block.in_channels, size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            packed, channels, _ = x.shape
            images = x.view(packed * channels, -1, self.size, self.size)
            pooled = functional.avg_pool2d(images, self.stride, ceil_mode=True, count_include_pad=False)
            x = pooled.reshape(packed, channels, -1)
        return functional.pad(x, (0, 0, 0, self.more)) if self.more else x


def _conv(packed: int, block: Conv, size: int) -> nn.Module:
    kind = _Pointwise if block.kernel == block.groups == 1 else _Convolution
    return kind(packed, block, size)


class _ConvBlock(nn.Module):
    """A convolution with a gate or a residual."""

    def __init__(self, packed: int, block: Conv, size: int) -> None:
        super().__init__()
        self.main = _conv(packed, block, size)
        self.excite = _excite(packed, block.out_channels, block, out_size(size, block))
        self.shortcut = _Shortcut(block, size) if block.residual else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.excite(self.main(x))
        return out if self.shortcut is None else self.shortcut(x) + out


class _Depthwise(nn.Module):
    """Depthwise convolutions of different kernels as one batched product with Toeplitz matrices."""

    def __init__(self, blocks: Sequence[MBConv], size: int) -> None:
        super().__init__()
        packed, channels = len(blocks), blocks[0].mid_channels
        largest = max(block.kernel for block in blocks)
        self.conv = nn.Parameter(torch.zeros(packed, channels, largest * largest))
        taps = torch.zeros(packed, 1, largest, largest)
        for one, block in zip(taps, blocks, strict=True):
            margin = (largest - block.kernel) // 2
            one[:, margin : largest - margin, margin : largest - margin] = 1.0
        self.register_buffer("taps", taps.reshape(packed, 1, -1))
        self.register_buffer("basis", _toeplitz_basis(largest, blocks[0].stride, size))
        self.taps: torch.Tensor
        self.basis: torch.Tensor
        self.bn = PackedNorm(packed, channels)
        self.activation: Activation = blocks[0].activation
        self.pixels = size * size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        packed, channels, _ = x.shape
        kernels = (self.conv * self.taps).reshape(packed * channels, -1)
        matrices = (kernels @ self.basis).view(packed * channels, self.pixels, -1)
        out = torch.bmm(x.view(packed * channels, -1, self.pixels), matrices).reshape(packed, channels, -1)
        return _activate(self.bn(out), self.activation)


class _PackedMBConv(nn.Module):
    def __init__(self, blocks: Sequence[MBConv], size: int) -> None:
        super().__init__()
        block, packed = blocks[0], len(blocks)
        narrow = Conv(block.in_channels, block.mid_channels, 1, activation=block.activation)
        self.expand = _Pointwise(packed, narrow, size) if block.expands else nn.Identity()
        self.depthwise = _Depthwise(blocks, size)
        smaller = out_size(size, block)
        self.excite = _excite(packed, block.mid_channels, block, smaller)
        self.project = _Pointwise(packed, Conv(block.mid_channels, block.out_channels, 1, activation="none"), smaller)
        self.shortcut = _Shortcut(block, size) if block.residual else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.project(self.excite(self.depthwise(self.expand(x))))
        return out if self.shortcut is None else self.shortcut(x) + out


def packed_block(packed: int, group: Sequence[Block], size: int) -> nn.Module:
    """The same block of every network; MBConv blocks may differ in their kernels."""
    match group[0]:
        case Identity():
            return nn.Identity()
        case MBConv():
            return _PackedMBConv([block for block in group if isinstance(block, MBConv)], size)
        case Pool() as pool:
            return _Pool(pool, size)
        case Norm() as norm:
            return _Normed(packed, norm)
        case Zero() as zero:
            return _Zero(zero, size)
        case Conv() as conv:
            return _ConvBlock(packed, conv, size) if conv.se_channels or conv.residual else _conv(packed, conv, size)


class PackedHead(nn.Module):
    """The head of every network."""

    def __init__(self, packed: int, head: Head, size: int) -> None:
        super().__init__()
        self.hidden = _Linear(packed, head.in_channels, head.hidden, bias=head.hidden_bias) if head.hidden else None
        self.hidden_activation: Activation = head.hidden_activation
        self.weight = nn.Parameter(torch.empty(packed, head.hidden or head.in_channels, head.num_classes))
        self.bias = nn.Parameter(torch.zeros(packed, 1, head.num_classes))
        self.activation: Activation = head.activation
        self.pixels = size * size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(K, C, B * H * W)`` to logits ``(K, B, classes)``."""
        packed, channels, _ = x.shape
        pooled = _activate(x, self.activation).view(packed, channels, -1, self.pixels).mean(3)
        if self.hidden is not None:
            pooled = _activate(self.hidden(pooled), self.hidden_activation)
        return torch.baddbmm(self.bias, pooled.transpose(1, 2), self.weight)
