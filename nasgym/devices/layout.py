"""`BlockLayout`: which blocks the networks of a space are made of, as a device file keys them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TypeAlias

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Model
from nasgym.errors import unknown_name
from nasgym.spaces.space import SearchSpace

__all__ = ["LAYOUTS", "LINEAR_LAYOUTS", "BlockLayout", "Blocks", "block_layout"]

Blocks: TypeAlias = tuple[BlockKey, ...]


@dataclass(frozen=True)
class BlockLayout:
    """The blocks of every network of a space, layer by layer.

    In most spaces the blocks of a layer depend on nothing but its option: one case. Where the first
    layer sets the size of the image, all blocks depend on that too: one case for each of its
    options.

    Attributes:
        fixed: For each case, the blocks that every network has.
        options: For each case, layer and option of the layer, its blocks.
        by_first_layer: Whether the cases are the options of the first layer.
    """

    fixed: tuple[Blocks, ...]
    options: tuple[tuple[tuple[Blocks, ...], ...], ...]
    by_first_layer: bool = False

    def __iter__(self) -> Iterator[BlockKey]:
        """Every block once, in the order in which they come."""
        found: dict[BlockKey, None] = {}
        for fixed, layers in zip(self.fixed, self.options, strict=True):
            found |= dict.fromkeys(fixed)
            found |= dict.fromkeys(block for layer in layers for option in layer for block in option)
        return iter(found)


# by name of the space: the module that has its `layout`, in the keys of its published latencies
LAYOUTS = {
    "ofa": "nasgym.devices.ofa_blocks",
    "proxylessnas": "nasgym.devices.proxylessnas_blocks",
}
# published models of latency whose terms are no blocks that could be measured
LINEAR_LAYOUTS = {"tunas": "nasgym.devices.tunas_blocks"}
FROM_PLANS = "nasgym.devices.plan_blocks"


def block_layout(space: SearchSpace, model: Model = "lookup") -> BlockLayout:
    """The blocks of a space, or of a restriction of it.

    Args:
        space: A space with published keys, or one whose architectures have plans
            (`nasgym.networks.space_plans`).
        model: ``"lookup"`` for blocks that are measured, ``"linear"`` for the terms of a linear
            model.

    Raises:
        InvalidValue: No blocks are known for the space, or their latencies do not add up.
        UnknownName: The space has no linear model.
    """
    if model == "linear" and space.name not in LINEAR_LAYOUTS:
        raise unknown_name("space with a linear model of latency", space.name, LINEAR_LAYOUTS)
    module = LINEAR_LAYOUTS[space.name] if model == "linear" else LAYOUTS.get(space.name, FROM_PLANS)
    layout: BlockLayout = import_module(module).layout(space)
    return layout
