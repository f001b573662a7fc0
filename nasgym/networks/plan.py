"""`NetworkPlan`: the network that an architecture stands for, as frozen data; no torch, no weights.

A plan is read by `count` (MACs, parameters), `memory`, `torch_modules` (a trainable module),
`packed_modules` (many trainings at once), `onnx_graph`, `nasgym.export` and `nasgym.drawing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from nasgym.errors import InvalidValue
from nasgym.networks.block import (
    Activation,
    Block,
    Conv,
    Gate,
    Head,
    Identity,
    MBConv,
    Norm,
    Pool,
    Zero,
    in_channels,
)
from nasgym.networks.block import out_channels as block_channels
from nasgym.networks.block import out_size as block_size
from nasgym.networks.cell import Cell, Place

__all__ = [
    "Activation",
    "Block",
    "Cell",
    "Conv",
    "Gate",
    "Head",
    "Identity",
    "MBConv",
    "NetworkPlan",
    "Norm",
    "Part",
    "Place",
    "Pool",
    "Step",
    "Zero",
    "in_channels",
    "out_channels",
    "out_size",
]

Part: TypeAlias = Literal["stem", "layer", "neck"]


class Step(NamedTuple):
    """A block where it stands in its network.

    Attributes:
        block: A block, or the place of a cell.
        sizes: Height and width of what comes in; several for a cell with several inputs.
        size: Height and width of what comes out.
        part: Where it belongs.
        layer: Position of its layer among the plan's layers, -1 in stem and neck.
    """

    block: Block | Place
    sizes: tuple[int, ...]
    size: int
    part: Part
    layer: int


@dataclass(frozen=True)
class NetworkPlan:
    """Stem, layers, neck and head.

    Blocks stand one after the other. A cell may also read what came before the block before it
    (`Place.reads`).

    Attributes:
        name: What is drawn above the network.
        input_shape: (channels, height, width) of an image.
        stem: Blocks before the searched layers.
        layers: The blocks of each searched layer, one tuple a layer of the search space. Where the
            layers of the space decide a cell together, one tuple a place
            (`space_plans.has_layers`).
        neck: Blocks between the searched layers and the head.
        head: The classifier.

    Raises:
        InvalidValue: Two cells have one name.
    """

    name: str
    input_shape: tuple[int, int, int]
    stem: tuple[Block | Place, ...]
    layers: tuple[tuple[Block | Place, ...], ...]
    neck: tuple[Block | Place, ...]
    head: Head

    def __post_init__(self) -> None:
        names = [cell.name for cell in self.cells]
        if len(set(names)) < len(names):
            raise InvalidValue(f"plan {self.name!r} has two cells of one name: {', '.join(names)}; name them apart.")

    @property
    def blocks(self) -> tuple[Block | Place, ...]:
        """All blocks before the head, in order."""
        return (*self.stem, *(block for layer in self.layers for block in layer), *self.neck)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell once, in the order in which they first stand in the network."""
        return tuple(dict.fromkeys(block.cell for block in self.blocks if isinstance(block, Place)))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All blocks before the head, in order, with their sizes.

        Raises:
            InvalidValue: A cell reads a block that is not there, or joins edges of different sizes.
        """
        parts: list[tuple[Part, int, Block | Place]] = [("stem", -1, block) for block in self.stem]
        parts += [("layer", i, block) for i, layer in enumerate(self.layers) for block in layer]
        parts += [("neck", -1, block) for block in self.neck]
        # of the image, and of what each block puts out
        sizes, found = [self.input_shape[1]], list[Step]()
        for part, layer, block in parts:
            reads = block.reads if isinstance(block, Place) else (1,)
            if min(reads) < 1 or max(reads) > len(sizes):
                raise InvalidValue(
                    f"block {len(found)} reads the blocks {reads} before it; there are {len(sizes)} with the image."
                )
            before = tuple(sizes[-back] for back in reads)
            size = block.out_size(*before) if isinstance(block, Place) else block_size(before[0], block)
            found.append(Step(block, before, size, part, layer))
            sizes.append(size)
        return tuple(found)

    @property
    def parts(self) -> tuple[Block, ...]:
        """All blocks before the head, those on the edges of cells for themselves."""
        found: list[Block] = []
        for block in self.blocks:
            if isinstance(block, Place):
                found += [one for node in block.edges for edge in node for one in edge]
            else:
                found.append(block)
        return tuple(found)

    @property
    def size(self) -> int:
        """Height and width of what comes into the head."""
        return self.steps[-1].size if self.steps else self.input_shape[1]

    @property
    def is_chain(self) -> bool:
        """Whether every block reads the one before it and nothing else."""
        return all(block.reads == (1,) for block in self.blocks if isinstance(block, Place))


def out_size(size: int, block: Block | Place) -> int:
    """Height (or width) after a block, or after a cell whose inputs all have one size."""
    if isinstance(block, Place):
        return block.out_size(*(size for _ in block.in_channels))
    return block_size(size, block)


def out_channels(block: Block | Place) -> int:
    """Channels after a block or cell."""
    return block.out_channels if isinstance(block, Place) else block_channels(block)
