"""A trainable `torch.nn.Module` from a plan."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn

from nasgym.networks.plan import Activation, Block, Conv, Gate, Head, Identity, MBConv, NetworkPlan, Norm, Place, Pool, Zero

__all__ = ["build_module", "initialise"]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hswish": nn.Hardswish,
    "swish": nn.SiLU,
}


def _conv(block: Conv) -> nn.Sequential:
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(
            block.in_channels,
            block.out_channels,
            block.kernel,
            block.stride,
            padding=block.kernel // 2 * block.dilation,
            dilation=block.dilation,
            groups=block.groups,
            bias=False,
        )
    )
    if block.norm:
        parts["bn"] = nn.BatchNorm2d(block.out_channels)
    parts["act"] = _ACTIVATIONS[block.activation]()
    if block.order == "pre":
        parts.move_to_end("act", last=False)
    return nn.Sequential(parts)


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


class _Zero(nn.Module):
    def __init__(self, block: Zero) -> None:
        super().__init__()
        self.channels, self.stride = block.out_channels, block.stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cut = x[:, :1, :: self.stride, :: self.stride]
        return torch.zeros_like(cut).expand(-1, self.channels, -1, -1)


class _Place(nn.Module):
    """A cell: ``nodes``, each with its edges, each with its blocks."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.nodes = nn.ModuleList(
            nn.ModuleList(nn.Sequential(*(_module(block) for block in edge)) for edge in node) for node in place.edges
        )
        self.cell, self.live = place.cell, place.live

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        known = list(inputs)
        for node, edges, live in zip(self.cell.nodes, self.nodes, self.live, strict=True):
            modules = list(edges.children())
            found = [modules[i](known[node.edges[i].source]) for i in live]
            known.append(torch.cat(found, 1) if node.combine == "concat" else sum(found[1:], start=found[0]))
        return known[-1]


class _Blocks(nn.Sequential):
    """Blocks of which some read more than the one before them; `reads` counts back from each."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__(*(_module(block) for block in plan.blocks))
        self.reads = [block.reads if isinstance(block, Place) else (1,) for block in plan.blocks]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        known = [x]
        for module, reads in zip(self, self.reads, strict=True):
            known.append(module(*(known[-back] for back in reads)))
        return known[-1]


def _pool(block: Pool) -> nn.Module:
    # windows of an even kernel lie side by side, and the last one is cut off at the edge
    odd = block.kernel % 2 == 1
    padding = block.kernel // 2 if odd else 0
    if block.kind == "max":
        return nn.MaxPool2d(block.kernel, block.stride, padding, ceil_mode=not odd)
    return nn.AvgPool2d(block.kernel, block.stride, padding, ceil_mode=not odd, count_include_pad=False)


def _module(block: Block | Place) -> nn.Module:
    match block:
        case Place():
            return _Place(block)
        case Norm():
            return nn.Sequential(OrderedDict(bn=nn.BatchNorm2d(block.channels), act=_ACTIVATIONS[block.activation]()))
        case Zero():
            return _Zero(block)
        case Conv():
            return _ConvBlock(block) if block.se_channels or block.residual else _conv(block)
        case MBConv():
            return _MBConv(block)
        case Identity():
            return nn.Identity()
        case Pool():
            return _pool(block)


def build_module(plan: NetworkPlan) -> nn.Sequential:
    """The plan's network: ``blocks`` (one child a block) and ``head``.

    It maps images (B, C, H, W) to logits (B, classes).
    """
    blocks = nn.Sequential(*(_module(block) for block in plan.blocks)) if plan.is_chain else _Blocks(plan)
    return nn.Sequential(OrderedDict(blocks=blocks, head=_Head(plan.head)))


def initialise(module: nn.Sequential, generator: torch.Generator) -> None:
    """Fills the weights from a generator, in the order of ``parameters()``.

    Convolutions N(0, 2 / fan_in), the classifier N(0, 1 / fan_in), biases 0, batch-normalisation
    scale 1, but 0 at the end of MBConv blocks with a residual, which therefore begin as the
    identity.
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
