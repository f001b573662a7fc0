"""The NATS-Bench networks: the skeletons around a searched cell, and around searched widths.

Source: Dong et al., 2009.00437; `D-X-Y/AutoDL-Projects`, `TinyNetwork` and `DynamicShapeTinyNet`.
"""

from __future__ import annotations

from collections.abc import Sequence

from nasgym.errors import InvalidValue
from nasgym.networks.cell import Cell, Edge, Node, Place
from nasgym.networks.plan import Conv, Head, NetworkPlan, Norm
from nasgym.networks.scale import Scale
from nasgym.spaces.nats_bench import EDGES, WIDTHS, SizeSpace, TopologySpace
from nasgym.type_aliases import Archs

__all__ = ["CIFAR10", "DATASETS", "nats_cell", "size_plan", "topology_plan"]

# images and classes of the data sets
DATASETS = {
    "cifar10": Scale((3, 32, 32), 10),
    "cifar100": Scale((3, 32, 32), 100),
    "ImageNet16-120": Scale((3, 16, 16), 120),
}
CIFAR10 = DATASETS["cifar10"]
STAGES, CELLS, STRIDES = (16, 32, 64), 5, (2, 2)
# between the stages: two convolutions, and the averaged input on the way around them
RESIDUAL = Cell(
    "residual",
    1,
    (Node((Edge(0, "nor_conv_3x3", True),)), Node((Edge(0, "avg_down_conv_1x1", True), Edge(1, "nor_conv_3x3")))),
)
# of every network of the size space: the best cell of the topology space on CIFAR-100
BEST = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")


def nats_cell(ops: Sequence[str]) -> Cell:
    """The cell of four nodes with one operation on each of `EDGES`; nodes add up what comes in.

    Raises:
        InvalidValue: There are more or fewer operations than edges.
        UnknownName: There is no such operation.
    """
    if len(ops) != len(EDGES):
        raise InvalidValue(f"a cell of NATS-Bench has {len(EDGES)} operations, one an edge, got {len(ops)}: {', '.join(ops)}.")
    nodes = [
        Node(tuple(Edge(source, op) for (source, end), op in zip(EDGES, ops, strict=True) if end == target))
        for target in (1, 2, 3)
    ]
    return Cell("cell", 1, tuple(nodes))


def topology_plan(space: TopologySpace, arch: Archs, scale: Scale = CIFAR10) -> NetworkPlan:
    """The network of a topology architecture, ``(6,)``: three stages of five such cells.

    Stem 3x3 to 16 channels without activation; cells of 16, 32 and 64 channels; before the second
    and the third stage a residual block of stride 2; normalisation, ReLU, pooling, linear.
    """
    ops = [str(decision.choices[choice]) for decision, choice in zip(space.decisions, arch.tolist(), strict=True)]
    cell, widths = nats_cell(ops), [scale.channels(width) for width in STAGES]
    places = [Place(cell, (widths[0],), widths[0])] * CELLS
    for before, after, stride in zip(widths, widths[1:], scale.strides(STRIDES), strict=False):
        places += [Place(RESIDUAL, (before,), after, stride), *[Place(cell, (after,), after)] * CELLS]
    return _plan(space.to_str(arch[None])[0], scale, places)


def size_plan(space: SizeSpace, arch: Archs, scale: Scale = CIFAR10) -> NetworkPlan:
    """The network of a size architecture, ``(5,)``: cell, residual block, cell, residual, cell.

    The cell is the one of `BEST`. A cell whose input has other channels than it has brings them in
    by its edges from the input.
    """
    widths = [scale.channels(WIDTHS[choice]) for choice in arch.tolist()]
    cell, strides, places, before = nats_cell(BEST), iter(scale.strides(STRIDES)), list[Place](), widths[0]
    for number, width in enumerate(widths):
        reduces = number % 2 == 1
        places.append(Place(RESIDUAL if reduces else cell, (before,), width, next(strides) if reduces else 1))
        before = width
    return _plan(space.to_str(arch[None])[0], scale, places)


def _plan(name: str, scale: Scale, places: Sequence[Place]) -> NetworkPlan:
    first, last = places[0].in_channels[0], places[-1].channels
    return NetworkPlan(
        name=name,
        input_shape=scale.input_shape,
        stem=(Conv(scale.input_shape[0], first, 3, activation="none"),),
        layers=tuple((place,) for place in places),
        neck=(Norm(last),),
        head=Head(last, scale.num_classes, counts_bias=True),
    )
