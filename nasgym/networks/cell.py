"""`Cell`: a small graph of operations; `Place`: a cell where it stands in a network.

A cell has no sizes. The layers of a space decide it, and a plan places it as often as its network
has it: with other channels, other strides. Places of one cell are tied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, get_args

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.block import Block, Zero, out_channels, out_size
from nasgym.networks.operations import OPERATIONS

__all__ = ["Cell", "Combine", "Edge", "Node", "Place", "Run"]

Combine: TypeAlias = Literal["sum", "concat"]


@dataclass(frozen=True)
class Edge:
    """An operation on the way from one node to another.

    Attributes:
        source: Number of the node that it comes from; the inputs are the first ones.
        op: Name of the operation, one of `OPERATIONS`.
        strided: Whether it has the stride of the place, so that a reduction cell reduces here.
    """

    source: int
    op: str
    strided: bool = False


@dataclass(frozen=True)
class Node:
    """What joins the edges that come in.

    Attributes:
        edges: The edges.
        combine: ``"sum"`` adds up what they bring, ``"concat"`` puts their channels side by side.

    Raises:
        UnknownName: Edges are joined in no other way.
    """

    edges: tuple[Edge, ...]
    combine: Combine = "sum"

    def __post_init__(self) -> None:
        if self.combine not in get_args(Combine):
            raise unknown_name("combine of a node", self.combine, get_args(Combine))


@dataclass(frozen=True)
class Cell:
    """A directed acyclic graph of operations, without sizes.

    Nodes are numbered: first the inputs, then those of `nodes`, which read earlier ones only. The
    last one is the output.

    Attributes:
        name: By which drawings and files call it; one in a plan.
        inputs: Number of inputs.
        nodes: The nodes after the inputs.

    Raises:
        InvalidValue: There are no nodes, one has no edges, or an edge comes from a later node.
        UnknownName: There is no such operation.
    """

    name: str
    inputs: int
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        if self.inputs < 1 or not self.nodes:
            raise InvalidValue(
                f"cell {self.name!r} has {self.inputs} inputs and {len(self.nodes)} nodes; it needs one of each."
            )
        for number, node in enumerate(self.nodes, self.inputs):
            if not node.edges:
                raise InvalidValue(f"node {number} of cell {self.name!r} has no edges; an edge with 'none' carries nothing.")
            for edge in node.edges:
                if edge.op not in OPERATIONS:
                    raise unknown_name("operation of a cell", edge.op, OPERATIONS)
                if not 0 <= edge.source < number:
                    raise InvalidValue(
                        f"node {number} of cell {self.name!r} reads node {edge.source}; it can read 0 to {number - 1}."
                    )


class Run(NamedTuple):
    """An edge with its blocks, each with the size of what comes into it.

    Attributes:
        node: Position of its node among the cell's nodes.
        number: Position of the edge among those of its node.
        source: Number of the node that it comes from.
        blocks: (block, height and width of its input), in their order.
        size: Height and width of what comes out.
    """

    node: int
    number: int
    source: int
    blocks: tuple[tuple[Block, int], ...]
    size: int


@dataclass(frozen=True)
class Place:
    """A cell at one place of a network.

    Attributes:
        cell: What stands there.
        in_channels: Channels of each input.
        channels: Channels after each edge.
        stride: Of the edges that are `strided`.
        reads: For each input, the output of which block it is, counted back from this one: 1 is the
            block before it, 2 the one before that.
        fits: For each input, the stride of all edges that come from it. It brings an input that is
            larger than the others down to their size; empty where they are all of one size.

    Raises:
        InvalidValue: The cell has another number of inputs, or adds up different channels.
    """

    cell: Cell
    in_channels: tuple[int, ...]
    channels: int
    stride: int = 1
    reads: tuple[int, ...] = (1,)
    fits: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        inputs = self.cell.inputs
        if len(self.in_channels) != inputs or len(self.reads) != inputs or len(self.fits) not in (0, inputs):
            raise InvalidValue(
                f"cell {self.cell.name!r} has {inputs} inputs; its place states {len(self.in_channels)} input channels, "
                f"{len(self.reads)} blocks to read and {len(self.fits)} strides of inputs."
            )
        for node, edges in zip(self.cell.nodes, self.edges, strict=True):
            widths = {out_channels(blocks[-1]) for blocks in edges}
            if node.combine == "sum" and len(widths) > 1:
                raise InvalidValue(f"a node of cell {self.cell.name!r} adds up {sorted(widths)} channels, which differ.")

    @cached_property
    def _built(self) -> tuple[tuple[tuple[tuple[Block, ...], ...], ...], tuple[int, ...]]:
        """`edges` and `widths`: what stands on an edge depends on the width where it begins."""
        fits = self.fits or (1,) * self.cell.inputs
        widths, found = list(self.in_channels), []
        for node in self.cell.nodes:
            edges = []
            for edge in node.edges:
                stride = self.stride if edge.strided else 1
                if edge.source < self.cell.inputs:
                    stride *= fits[edge.source]
                edges.append(OPERATIONS[edge.op](widths[edge.source], self.channels, stride))
            outs = [out_channels(blocks[-1]) for blocks in edges]
            widths.append(sum(outs) if node.combine == "concat" else outs[0])
            found.append(tuple(edges))
        return tuple(found), tuple(widths)

    @property
    def edges(self) -> tuple[tuple[tuple[Block, ...], ...], ...]:
        """The blocks of each edge of each node."""
        return self._built[0]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each node, the inputs first."""
        return self._built[1]

    @cached_property
    def live(self) -> tuple[tuple[int, ...], ...]:
        """For each node, the positions of the edges that are computed.

        Edges of zeros add nothing to a sum; where there are no others, the first one is left.
        """
        found = []
        for node, edges in zip(self.cell.nodes, self.edges, strict=True):
            carrying = tuple(i for i, blocks in enumerate(edges) if not any(isinstance(block, Zero) for block in blocks))
            found.append(tuple(range(len(edges))) if node.combine == "concat" else carrying or (0,))
        return tuple(found)

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return self.widths[-1]

    def runs(self, *sizes: int) -> Iterator[Run]:
        """Every edge in the order in which edges are computed, given the sizes of the inputs.

        Raises:
            InvalidValue: Edges that come together have different sizes.
        """
        known = list(sizes)
        for number, (node, edges) in enumerate(zip(self.cell.nodes, self.edges, strict=True)):
            ends = set()
            for position, (edge, blocks) in enumerate(zip(node.edges, edges, strict=True)):
                size, sized = known[edge.source], []
                for block in blocks:
                    sized.append((block, size))
                    size = out_size(size, block)
                ends.add(size)
                yield Run(number, position, edge.source, tuple(sized), size)
            if len(ends) > 1:
                raise InvalidValue(
                    f"node {number + self.cell.inputs} of cell {self.cell.name!r} joins edges of the sizes {sorted(ends)}."
                )
            known.append(ends.pop())

    def out_size(self, *sizes: int) -> int:
        """Height (or width) of the output, given those of the inputs."""
        return [run.size for run in self.runs(*sizes)][-1]
