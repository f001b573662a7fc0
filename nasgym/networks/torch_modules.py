"""A trainable `torch.nn.Module` from a plan."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn

from nasgym.networks.plan import Activation, Block, Conv, Head, Identity, MBConv, NetworkPlan

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
    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.expand(torch.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * nn.functional.hardsigmoid(gate)


class _MBConv(nn.Module):
    def __init__(self, block: MBConv) -> None:
        super().__init__()
        mid, act = block.mid_channels, block.activation
        self.residual = block.residual
        self.expand = _conv(Conv(block.in_channels, mid, 1, activation=act)) if block.expands else nn.Identity()
        self.depthwise = _conv(Conv(mid, mid, block.kernel, block.stride, groups=mid, activation=act))
        self.excite = _SqueezeExcite(mid, block.se_channels) if block.se_channels else nn.Identity()
        self.project = _conv(Conv(mid, block.out_channels, 1, activation="none"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.project(self.excite(self.depthwise(self.expand(x))))
        return x + out if self.residual else out


class _Head(nn.Module):
    def __init__(self, head: Head) -> None:
        super().__init__()
        self.act = _ACTIVATIONS[head.activation]()
        self.linear = nn.Linear(head.in_channels, head.num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(self.act(x).mean((2, 3)))
        return out


def _module(block: Block) -> nn.Module:
    match block:
        case Conv():
            return _conv(block)
        case MBConv():
            return _MBConv(block)
        case Identity():
            return nn.Identity()


def build_module(plan: NetworkPlan) -> nn.Sequential:
    """The plan's network: ``blocks`` (one child a block) and ``head``; images (B, C, H, W) to logits (B, classes)."""
    blocks = nn.Sequential(*(_module(block) for block in plan.blocks))
    return nn.Sequential(OrderedDict(blocks=blocks, head=_Head(plan.head)))


def initialise(module: nn.Sequential, generator: torch.Generator) -> None:
    """Fills the weights from a generator, in the order of ``parameters()``.

    Convolutions N(0, 2 / fan_in), the classifier N(0, 1 / fan_in), biases 0, batch-normalisation scale 1, but 0 at the
    end of residual blocks, which therefore begin as the identity.
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
