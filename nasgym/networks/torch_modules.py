"""A trainable `torch.nn.Module` from a plan."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn

from nasgym.networks.plan import Activation, Block, Conv, Gate, Head, Identity, MBConv, NetworkPlan, Pool

__all__ = ["build_module", "initialise"]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hswish": nn.Hardswish,
    "swish": nn.SiLU,
}


def _conv(block: Conv) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(
                block.in_channels,
                block.out_channels,
                block.kernel,
                block.stride,
                padding=block.kernel // 2,
                groups=block.groups,
                bias=False,
            ),
            bn=nn.BatchNorm2d(block.out_channels),
            act=_ACTIVATIONS[block.activation](),
        )
    )


class _SqueezeExcite(nn.Module):
    def __init__(self, channels: int, hidden: int, activation: Activation, gate: Gate) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.act = _ACTIVATIONS[activation]()
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sigmoid() if gate == "sigmoid" else nn.Hardsigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate: torch.Tensor = self.gate(self.expand(self.act(self.reduce(x.mean((2, 3), keepdim=True)))))
        return x * gate


def _excite(channels: int, block: Conv | MBConv) -> nn.Module:
    if not block.se_channels:
        return nn.Identity()
    return _SqueezeExcite(channels, block.se_channels, block.se_activation, block.se_gate)


class _Shortcut(nn.Module):
    """The input in the shape of the output.

    It is averaged over windows of the stride; channels are filled up or cut off.
    """

    def __init__(self, block: Conv | MBConv) -> None:
        super().__init__()
        self.stride, self.more = block.stride, block.out_channels - block.in_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            x = nn.functional.avg_pool2d(x, self.stride, ceil_mode=True, count_include_pad=False)
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.more)) if self.more else x


class _ConvBlock(nn.Module):
    """A convolution with a gate or a residual; a plain one is a `Sequential`."""

    def __init__(self, block: Conv) -> None:
        super().__init__()
        self.main = _conv(block)
        self.excite = _excite(block.out_channels, block)
        self.shortcut = _Shortcut(block) if block.residual else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.excite(self.main(x))
        return out if self.shortcut is None else self.shortcut(x) + out


class _MBConv(nn.Module):
    def __init__(self, block: MBConv) -> None:
        super().__init__()
        mid, act = block.mid_channels, block.activation
        self.residual = block.residual
        self.expand = _conv(Conv(block.in_channels, mid, 1, activation=act)) if block.expands else nn.Identity()
        self.depthwise = _conv(Conv(mid, mid, block.kernel, block.stride, groups=mid, activation=act))
        self.excite = _excite(mid, block)
        self.project = _conv(Conv(mid, block.out_channels, 1, activation="none"))
        self.shortcut = _Shortcut(block)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.project(self.excite(self.depthwise(self.expand(x))))
        return self.shortcut(x) + out if self.residual else out


class _Head(nn.Module):
    def __init__(self, head: Head) -> None:
        super().__init__()
        self.act = _ACTIVATIONS[head.activation]()
        self.hidden: nn.Module = nn.Identity()
        if head.hidden:
            layer = nn.Linear(head.in_channels, head.hidden, bias=head.hidden_bias)
            self.hidden = nn.Sequential(OrderedDict(linear=layer, act=_ACTIVATIONS[head.hidden_activation]()))
        self.linear = nn.Linear(head.hidden or head.in_channels, head.num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(self.hidden(self.act(x).mean((2, 3))))
        return out


def _module(block: Block) -> nn.Module:
    match block:
        case Conv():
            return _ConvBlock(block) if block.se_channels or block.residual else _conv(block)
        case MBConv():
            return _MBConv(block)
        case Identity():
            return nn.Identity()
        case Pool():
            if block.kind == "max":
                return nn.MaxPool2d(block.kernel, block.stride, block.kernel // 2)
            return nn.AvgPool2d(block.kernel, block.stride, block.kernel // 2, count_include_pad=False)


def build_module(plan: NetworkPlan) -> nn.Sequential:
    """The plan's network: ``blocks`` (one child a block) and ``head``.

    It maps images (B, C, H, W) to logits (B, classes).
    """
    blocks = nn.Sequential(*(_module(block) for block in plan.blocks))
    return nn.Sequential(OrderedDict(blocks=blocks, head=_Head(plan.head)))


def initialise(module: nn.Sequential, generator: torch.Generator) -> None:
    """Fills the weights from a generator, in the order of ``parameters()``.

    Convolutions N(0, 2 / fan_in), the classifier N(0, 1 / fan_in), biases 0, batch-normalisation
    scale 1, but 0 at the end of residual blocks, which therefore begin as the identity.
    """
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            fan_in = child.weight[0].numel()
            nn.init.normal_(child.weight, 0.0, math.sqrt(2.0 / fan_in), generator=generator)
        elif isinstance(child, nn.Linear):
            nn.init.normal_(child.weight, 0.0, math.sqrt(1.0 / child.in_features), generator=generator)
        elif isinstance(child, nn.BatchNorm2d):
            nn.init.ones_(child.weight)
        if isinstance(child, nn.Conv2d | nn.Linear) and child.bias is not None:
            nn.init.zeros_(child.bias)
    for child in module.modules():
        if isinstance(child, _MBConv) and child.residual:
            nn.init.zeros_(child.project.get_parameter("bn.weight"))
