"""Many small networks in one module, trained side by side.

They have the same skeleton, and each its own kernels and weights.

Small networks spend their time in calls, not in arithmetic. Here K networks share every call:
activations are ``(K, C, B * H * W)``, 1x1 convolutions are batched matrix products, and a depthwise
convolution is a batched product with the Toeplitz matrix of its kernel. The cost of that product
does not depend on the kernel size, so networks that differ in kernels can be packed together. Each
network's arithmetic is that of `nasgym.networks.torch_modules.build_module` up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from nasgym.errors import InvalidValue
from nasgym.networks.plan import Block, MBConv, NetworkPlan, Place
from nasgym.training.packed_blocks import PackedHead, PackedNorm, PackedPlace, packed_block

__all__ = ["PackedNetwork", "pack_key"]


def pack_key(plan: NetworkPlan) -> NetworkPlan:
    """What plans must share to be packed: all but the name and the kernels of MBConv blocks."""

    def widen(block: Block | Place) -> Block | Place:
        return replace(block, kernel=1) if isinstance(block, MBConv) else block

    return replace(plan, name="", layers=tuple(tuple(widen(block) for block in layer) for layer in plan.layers))


class PackedNetwork(nn.Module):
    """K networks in one module, for images of one channel.

    It takes images ``(K, B, H * W)`` and gives logits ``(K, B, classes)``.

    Args:
        plans: K plans that agree in `pack_key`; the same plan may stand several times (several
            training seeds).

    Raises:
        InvalidValue: The plans do not agree, or read images of several channels.
    """

    def __init__(self, plans: Sequence[NetworkPlan]) -> None:
        super().__init__()
        if len({pack_key(plan) for plan in plans}) != 1:
            raise InvalidValue("only plans that differ in kernels alone can be packed; group them by pack_key() first.")
        self.packed = len(plans)
        channels = plans[0].input_shape[0]
        if channels != 1:
            raise InvalidValue(f"packed training reads images of one channel, the plan has {channels}.")
        blocks: list[nn.Module] = []
        for step, *group in zip(plans[0].steps, *(plan.blocks for plan in plans), strict=True):
            if isinstance(step.block, Place):
                blocks.append(PackedPlace(self.packed, step.block, step.sizes))
            else:
                blocks.append(packed_block(self.packed, [one for one in group if not isinstance(one, Place)], step.sizes[0]))
        self.blocks = nn.Sequential(*blocks)
        self.reads = [step.block.reads if isinstance(step.block, Place) else (1,) for step in plans[0].steps]
        self.head = PackedHead(self.packed, plans[0].head, plans[0].size)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``(K, B, H * W)`` images, each network its own, to ``(K, B, classes)`` logits."""
        known = [images.reshape(self.packed, 1, -1)]
        for block, reads in zip(self.blocks, self.reads, strict=True):
            known.append(block(*(known[-back] for back in reads)))
        out: torch.Tensor = self.head(known[-1])
        return out

    def set_momentum(self, momentum: float) -> None:
        """Sets the share that a batch has in the running statistics of every normalisation."""
        for module in self.modules():
            if isinstance(module, PackedNorm):
                module.momentum = momentum

    @torch.no_grad()
    def load(self, index: int, module: nn.Sequential) -> None:
        """Copies the weights of a module from `build_module` into network `index`."""
        self._exchange(index, module, into_pack=True)

    @torch.no_grad()
    def unload(self, index: int, module: nn.Sequential) -> None:
        """Copies the weights of network `index` into a module from `build_module`."""
        self._exchange(index, module, into_pack=False)

    def _exchange(self, index: int, module: nn.Sequential, *, into_pack: bool) -> None:
        mine: dict[str, torch.Tensor] = dict(self.named_parameters())
        theirs: dict[str, torch.Tensor] = dict(module.named_parameters())
        mine |= {name: b for name, b in self.named_buffers() if "running" in name}
        theirs |= {name: b for name, b in module.named_buffers() if "running" in name}
        for name, other in theirs.items():
            if name.startswith("head.linear"):
                pack = mine[name.replace("head.linear.", "head.")][index]
            elif name.endswith("conv.weight"):
                pack = mine[name.removesuffix(".weight")][index]
            elif name.startswith("head.hidden") or ".excite." in name:
                pack = mine[name.replace("hidden.linear.", "hidden.")][index]
            else:
                width = other.shape[0]
                pack = mine[name][index * width : (index + 1) * width]
            if name.endswith("depthwise.conv.weight"):
                largest, margin = int(pack.shape[-1] ** 0.5), (int(pack.shape[-1] ** 0.5) - other.shape[-1]) // 2
                pack = pack.view(-1, 1, largest, largest)[..., margin : largest - margin, margin : largest - margin]
            elif name == "head.linear.weight":
                pack = pack.T
            if into_pack:
                pack.copy_(other.reshape(pack.shape))
            else:
                other.copy_(pack.reshape(other.shape))
