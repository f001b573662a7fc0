"""`Part`: what is built and timed for a block of a device file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nasgym.devices.block_key import BlockKey
from nasgym.devices.layout import Blocks, block_layout
from nasgym.devices.plan_blocks import picked_plans
from nasgym.errors import InvalidValue
from nasgym.networks.onnx_graph import HeadStep, block_onnx, head_onnx
from nasgym.networks.plan import Block, Head, Identity, Place, out_size
from nasgym.spaces.space import SearchSpace

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Part", "parts_of"]

STEPS: tuple[HeadStep, ...] = ("pool", "hidden", "logits")


@dataclass(frozen=True)
class Part:
    """A block of a plan, or steps of its head, with the size of what comes in.

    Attributes:
        block: What is built.
        size: Height and width of the input.
        steps: Of a head, those that are built.
        begins: Whether networks begin with it.
    """

    block: Block | Head
    size: int
    steps: tuple[HeadStep, ...] = ()
    begins: bool = False

    @property
    def ends(self) -> bool:
        """Whether a network ends with it."""
        return "logits" in self.steps

    def onnx(self, rng: np.random.Generator, batch: int = 1) -> ModelProto:
        """Its graph with random weights."""
        if isinstance(self.block, Head):
            return head_onnx(self.block, self.size, steps=self.steps, rng=rng, batch=batch)
        return block_onnx(self.block, self.size, rng=rng, batch=batch)


def parts_of(space: SearchSpace) -> dict[BlockKey, Part]:
    """What to build for each block of a space's device files, in the order in which they come.

    The blocks of plans and those of the space's layout are walked side by side.

    Raises:
        InvalidValue: The space has no plans, or the latencies of its options do not add up.
    """
    layout = block_layout(space)
    found: dict[BlockKey, Part] = {}
    for case, picked, plan in picked_plans(space, by_first_layer=layout.by_first_layer):
        parts, size = _parts(plan.stem, plan.input_shape[1])
        fixed = [replace(part, begins=number == 0) for number, part in enumerate(parts)]
        for options, option, blocks in zip(layout.options[case], picked, plan.layers, strict=True):
            parts, size = _parts(blocks, size)
            _add(found, options[option], parts)
        parts, size = _parts(plan.neck, size)
        fixed += parts
        keys = layout.fixed[case]
        # published tables time the head as one block or as three
        steps = [STEPS] if len(keys) == len(fixed) + 1 else [(step,) for step in STEPS]
        fixed += [Part(plan.head, size if "pool" in some else 1, some) for some in steps]
        _add(found, keys, fixed)
    return {block: found[block] for block in layout}


def _parts(blocks: Iterable[Block | Place], size: int) -> tuple[list[Part], int]:
    parts = []
    for block in blocks:
        if isinstance(block, Place):
            raise InvalidValue(f"cells are not timed block by block, and the plan has {block.cell.name!r}.")
        if not isinstance(block, Identity):
            parts.append(Part(block, size))
        size = out_size(size, block)
    return parts, size


def _add(found: dict[BlockKey, Part], keys: Blocks, parts: Iterable[Part]) -> None:
    for key, part in _pairs(keys, list(parts)):
        if found.setdefault(key, part) != part:
            raise InvalidValue(
                f"the key {key} stands for two things, {found[key]} and {part}; its columns do not tell them apart."
            )


def _pairs(keys: Blocks, parts: list[Part]) -> Iterator[tuple[BlockKey, Part]]:
    if len(keys) != len(parts):
        raise InvalidValue(f"{len(keys)} keys of a device file stand for {len(parts)} blocks of a plan: {keys}, {parts}.")
    return zip(keys, parts, strict=True)
