"""`Picture`: what a drawing of an architecture shows, before anything is drawn."""

# ruff: noqa: RUF001 - sizes are written with the multiplication sign

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.networks.cell import Cell
from nasgym.networks.count import block_macs, count_macs, count_params, head_macs
from nasgym.networks.plan import (
    Block,
    Conv,
    Identity,
    MBConv,
    NetworkPlan,
    Norm,
    Place,
    Pool,
    Zero,
    out_channels,
)
from nasgym.networks.space_plans import has_plans, plan_of
from nasgym.oracles.cost.counted import COUNTED, counted_names, counted_of
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.nats_bench import EDGES, OPS, WIDTHS, SizeSpace, TopologySpace
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = [
    "Body",
    "Box",
    "Cells",
    "Chain",
    "Edge",
    "Graph",
    "Kind",
    "Picture",
    "Widths",
    "amount",
    "fold",
    "make_picture",
    "percent",
    "plan_picture",
]

Kind: TypeAlias = Literal["fixed", "conv", "mbconv", "wide", "identity", "pool", "choice", "none", "open"]

CELL_LABELS: dict[str, tuple[str, Kind]] = {
    "none": ("none", "none"),
    "skip_connect": ("skip", "identity"),
    "nor_conv_1x1": ("conv 1×1", "conv"),
    "nor_conv_3x3": ("conv 3×3", "mbconv"),
    "conv_1x1": ("conv 1×1", "conv"),
    "conv_3x3": ("conv 3×3", "mbconv"),
    "avg_pool_3x3": ("avg pool 3×3", "pool"),
    "max_pool_3x3": ("max pool 3×3", "pool"),
    "avg_down_conv_1x1": ("average, 1×1", "pool"),
    "sep_conv_3x3": ("sep 3×3", "wide"),
    "sep_conv_5x5": ("sep 5×5", "wide"),
    "dil_conv_3x3": ("dilated 3×3", "mbconv"),
    "dil_conv_5x5": ("dilated 5×5", "mbconv"),
    "?": ("?", "open"),
}
# of the cell that is searched in NATS-Bench topology
PLACED = "Every node adds up what arrives. Five such cells stand in each stage of 16, 32 and 64 channels."


@dataclass(frozen=True)
class Box:
    """One block of a network, or one layer of choices.

    Attributes:
        name: Where it stands, for example ``"stage1.layer2"``.
        title: What it is, ``"?"`` where that is open.
        lines: Details, one short text each.
        kind: What it is, by which it is coloured.
        output: Size of its output, ``"8 × 4×4"``: channels, height and width.
        macs: Multiply-accumulates, None where not known.
        residual: Whether its input is added to its output.
        next: Whether the next decision is about it.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    kind: Kind
    output: str = ""
    macs: int | None = None
    residual: bool = False
    next: bool = False


@dataclass(frozen=True)
class Chain:
    """Boxes one after the other; `counted` where they have MACs."""

    boxes: tuple[Box, ...]
    counted: bool

    @property
    def total(self) -> int | None:
        """MACs of all boxes, None while one of them is open."""
        known = [box.macs for box in self.boxes if box.macs is not None]
        return sum(known) if self.counted and len(known) == len(self.boxes) else None


@dataclass(frozen=True)
class Edge:
    """An operation between two nodes of a cell; `next` where the next decision is about it."""

    source: int
    target: int
    label: str
    kind: Kind
    next: bool = False


@dataclass(frozen=True)
class Graph:
    """A cell: nodes and edges; the inputs are the first nodes, the output is the last one.

    Attributes:
        edges: The operations.
        nodes: Number of nodes.
        inputs: Number of inputs.
        concat: Nodes that lay side by side what comes in; the others add it up.
        name: What stands above it.
        note: What stands below it.
    """

    edges: tuple[Edge, ...]
    nodes: int = 4
    inputs: int = 1
    concat: tuple[int, ...] = ()
    name: str = ""
    note: str = PLACED


@dataclass(frozen=True)
class Cells:
    """A network with cells: its blocks, and below them each cell once."""

    chain: Chain
    graphs: tuple[Graph, ...]


@dataclass(frozen=True)
class Widths:
    """Layers of different widths, in channels; None is open.

    The next decision is about the layer at `next`.
    """

    names: tuple[str, ...]
    channels: tuple[int | None, ...]
    largest: int = max(WIDTHS)
    next: int | None = None


Body: TypeAlias = Chain | Graph | Widths | Cells


@dataclass(frozen=True)
class Picture:
    """A headline, costs, and what stands below them."""

    headline: str
    costs: str
    body: Body


def amount(value: float, digits: int = 3) -> str:
    """Significant digits, by default three, with a prefix: ``"56.7 M"``, ``"640"``."""
    for prefix, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= (1 - 0.5 * 10.0**-digits) * scale:
            return f"{value / scale:#.{digits}g}".rstrip(".") + f" {prefix}"
    return f"{value:.{digits}g}"


def fold(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken after spaces, commas and plus signs.

    A word that is longer than that stays whole.
    """
    lines = [""]
    for word in re.findall(r"[^ ,+]*[ ,+]*", text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return [line.rstrip() for line in lines]


def percent(part: float) -> str:
    """A share of MACs; small ones are not rounded to nothing."""
    return "<1%" if part < 0.005 else f"{part:.0%}"


def make_picture(
    space: SearchSpace,
    arch: npt.ArrayLike,
    problem_costs: Mapping[str, float] | None = None,
    *,
    counted: bool = True,
    next_layer: int | None = None,
) -> Picture:
    """What to draw.

    Args:
        space: Any space; those of `nasgym.spaces` have pictures of their own, others become a row
            of boxes.
        arch: ``(D,)`` choices, ``-1`` where open.
        problem_costs: Further costs by name, for example a latency; they take the place of counted
            ones of the same name.
        counted: Whether to state counted costs; they take most of the time.
        next_layer: Position of the layer that the next decision is about.

    Raises:
        InvalidValue: Not one architecture, or one that the space does not allow.
    """
    row = np.asarray(arch)
    if row.ndim != 1:
        raise InvalidValue(f"a drawing shows one architecture, ({space.num_decisions},), got the shape {row.shape}.")
    rows = space.check(row[None], complete=False)
    rows = np.where(space.active(rows), rows, np.int8(0))
    reached = [True] * len(space.layers) if space.stops is None else space.stops.reached(rows)[0].tolist()
    # the network is drawn with the first option wherever several are left; such layers are then
    # marked open
    filled, is_open = np.zeros(space.num_decisions, dtype=np.int8), [False] * len(space.layers)
    for i, layer in enumerate(space.layers):
        if not reached[i]:
            continue
        count, filled[layer.slice] = layer.agreeing(rows[0, layer.slice])
        if not count:
            raise InvalidValue(f"{row.tolist()} is not an architecture of {space.name!r}: {layer.name!r} has no such option.")
        is_open[i] = count > 1
    filled = space.clear_inactive(filled[None])[0]
    body = _body(space, rows, filled, is_open)
    if next_layer is not None:
        body = _mark(body, next_layer, space.layers[next_layer].name)
    costs = _costs(space, rows, problem_costs or {}) if counted else ""
    return Picture(f"{space.name}  {space.to_str(rows)[0]}", costs, body)


def _mark(body: Body, position: int, name: str) -> Body:
    """The same with the layer at a position marked as the next one."""
    match body:
        case Chain():
            return replace(body, boxes=tuple(replace(box, next=box.name == name) for box in body.boxes))
        case Graph():
            return replace(body, edges=tuple(replace(edge, next=i == position) for i, edge in enumerate(body.edges)))
        case Cells():
            return body
    return replace(body, next=position)


def _body(space: SearchSpace, rows: Archs, filled: Archs, is_open: Sequence[bool]) -> Body:
    match space:
        case TopologySpace():
            ops = ["?" if is_open[i] else OPS[op] for i, op in enumerate(filled.tolist())]
            return Graph(tuple(Edge(*ends, *CELL_LABELS[op]) for ends, op in zip(EDGES, ops, strict=True)))
        case SizeSpace():
            channels = tuple(None if is_open[i] else WIDTHS[choice] for i, choice in enumerate(filled.tolist()))
            return Widths(tuple(layer.name.removesuffix(".width") for layer in space.layers), channels)
    if has_plans(space):
        names = [layer.name for layer in space.layers]
        texts = [
            space.layer_text(layer, rows[0, layer.slice]) if still_open else None
            for layer, still_open in zip(space.layers, is_open, strict=True)
        ]
        return _plan(plan_of(space, filled), names, texts, fixed_widths=not isinstance(space, MnasNetSpace))
    return Chain(tuple(_labels(space, rows[0], i, is_open[i]) for i in range(len(space.layers))), counted=False)


def plan_picture(plan: NetworkPlan) -> Picture:
    """What to draw of a network that need not belong to a space."""
    names = [f"layer{i}" for i in range(1, len(plan.layers) + 1)]
    channels, size, _ = plan.input_shape
    costs = f"{amount(count_macs(plan))} MACs · {amount(count_params(plan))} params · {channels} × {size}×{size} images"
    chain = _plan(plan, names, [None] * len(names))
    if not plan.cells:
        return Picture(plan.name, costs, chain)
    return Picture(plan.name, costs, Cells(replace(chain, boxes=_merged(chain.boxes)), tuple(map(_graph, plan.cells))))


def _graph(cell: Cell) -> Graph:
    """The picture of a cell."""
    edges = [
        Edge(edge.source, target, *CELL_LABELS[edge.op])
        for target, node in enumerate(cell.nodes, cell.inputs)
        for edge in node.edges
    ]
    concat = tuple(target for target, node in enumerate(cell.nodes, cell.inputs) if node.combine == "concat")
    joined = f"; node {', '.join(map(str, concat))} concatenates it" if concat else ""
    note = f"Nodes add up what arrives{joined}."
    return Graph(tuple(edges), cell.inputs + len(cell.nodes), cell.inputs, concat, f'cell "{cell.name}"', note)


def _merged(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Equal cells in a row share a box."""
    found: list[tuple[Box, list[Box]]] = []
    for box in boxes:
        if found and box.kind == "choice" and replace(found[-1][0], name=box.name) == box:
            found[-1][1].append(box)
        else:
            found.append((box, [box]))
    return tuple(
        box
        if len(same) == 1
        else replace(
            box,
            name=f"{box.name}–{same[-1].name.removeprefix('layer')}",
            title=f"{box.title} ×{len(same)}",
            macs=None if box.macs is None else box.macs * len(same),
        )
        for box, same in found
    )


def _plan(plan: NetworkPlan, names: Sequence[str], open_texts: Sequence[str | None], *, fixed_widths: bool = True) -> Chain:
    """A box for each block of stem and neck, and one for each layer; layers with a text are open.

    Without fixed widths an open layer leaves open how wide it is, and what the next one costs. A
    first layer without blocks is about the size of the image; while it is open, sizes and costs of
    all others are.
    """
    channels, size, _ = plan.input_shape
    layers = [*zip(names, plan.layers, open_texts, strict=True)]
    sized = bool(layers) and not layers[0][1]
    no_size = sized and layers[0][2] is not None
    shape = f"{channels} × {_side(size, no_size)}"
    boxes = [Box(names[0] if sized else "input", "?" if no_size else "image", (), "open" if no_size else "fixed", shape, 0)]
    rest = [*(("stem", (block,), None) for block in plan.stem), *layers[sized:]]
    unsure, width, steps = False, channels, iter(plan.steps)
    for name, blocks, open_text in [*rest, *(("neck", (block,), None) for block in plan.neck)]:
        # blocks that are alike share a box
        for part in [blocks] if open_text is not None or _alike(blocks) else [(block,) for block in blocks]:
            macs: int | None = 0
            for _ in part:
                step = next(steps)
                macs, size = (macs or 0) + block_macs(step.block, *step.sizes), step.size
                width = out_channels(step.block)
            macs = None if unsure or no_size else macs
            unsure = open_text is not None and not fixed_widths
            output = f"{'?' if unsure else width} × {_side(size, no_size)}"
            if open_text is not None:
                boxes.append(Box(name, "?", () if open_text == "?" else (open_text,), "open", output))
            else:
                boxes.append(_block(name, part, output, macs) if part else Box(name, "none", (), "none", output, macs))
    head = plan.head
    hidden = (f"hidden {head.hidden}",) if head.hidden else ()
    boxes.append(
        Box("head", "linear", (*hidden, f"{head.num_classes} classes"), "fixed", str(head.num_classes), head_macs(head))
    )
    return Chain(tuple(boxes), counted=True)


def _side(size: int, is_open: bool) -> str:
    return "?" if is_open else f"{size}×{size}"


def _alike(blocks: Sequence[Block | Place]) -> bool:
    """Whether blocks differ in their shapes only."""
    return len({_kind(block) for block in blocks}) <= 1


def _kind(block: Block | Place) -> tuple[object, ...]:
    """What blocks have in common that differ in their shapes only."""
    match block:
        case Place():
            return Place, block.cell
        case MBConv():
            return MBConv, block.kernel, block.mid_channels / block.in_channels
        case Conv():
            return Conv, block.kernel
        case Pool():
            return Pool, block.kernel, block.kind
        case _:
            return (type(block),)


def _block(name: str, blocks: Sequence[Block | Place], output: str, macs: int | None) -> Box:
    """The box of blocks that differ in their shapes only."""
    block, times = blocks[0], f" ×{len(blocks)}" if len(blocks) > 1 else ""
    if isinstance(block, Place):
        more = () if block.stride == 1 else (f"stride {block.stride}",)
        return Box(name, block.cell.name + times, more, "choice", output, macs)
    if isinstance(block, Identity):
        return Box(name, "identity", (), "identity", output, macs)
    if isinstance(block, Zero):
        return Box(name, "none", (), "none", output, macs)
    if isinstance(block, Norm):
        return Box(name, "norm", () if block.activation == "none" else (block.activation,), "fixed", output, macs)
    stride = () if block.stride == 1 else (f"stride {block.stride}",)
    if isinstance(block, Pool):
        return Box(name, f"{block.kind} pool{times}", (f"{block.kernel}×{block.kernel}", *stride), "pool", output, macs)
    parts = ("SE" if block.se_channels else "", {"hswish": "h-swish", "swish": "swish"}.get(block.activation, ""))
    details = ", ".join(filter(None, parts))
    more = (*stride, *((details,) if details else ()))
    residual = any(isinstance(one, Conv | MBConv) and one.residual for one in blocks)
    if isinstance(block, Conv):
        kind: Kind = "fixed" if name in ("stem", "neck") else "conv"
        return Box(name, f"conv {block.kernel}×{block.kernel}{times}", more, kind, output, macs, residual)
    ratio, kernel = block.mid_channels / block.in_channels, f"{block.kernel}×{block.kernel}"
    if not block.expands:
        kind = "fixed" if name == "stem" else "mbconv"
        return Box(name, f"sep {kernel}{times}", more, kind, output, macs, residual)
    return Box(
        name,
        f"MBConv{times}",
        (kernel, f"expand {ratio:.3g}×", *more),
        "wide" if ratio > 3 else "mbconv",
        output,
        macs,
        residual,
    )


def _labels(space: SearchSpace, row: Archs, index: int, is_open: bool) -> Box:
    """A layer of a space without a plan: the labels of its active decisions."""
    layer = space.layers[index]
    active = space.active(row[None])[0]
    texts = []
    for column in layer.columns:
        if active[column]:
            label = "?" if row[column] < 0 else str(space.decisions[column].choices[row[column]])
            texts.append((space.names[column].removeprefix(f"{layer.name}."), label))
    if not texts:
        return Box(layer.name, "none", (), "none")
    kind: Kind = "open" if is_open else "choice"
    if all(label == "?" for _, label in texts):
        return Box(layer.name, "?", (), kind)
    return Box(layer.name, texts[0][1], tuple(f"{name} {label}" for name, label in texts[1:]), kind)


def _costs(space: SearchSpace, rows: Archs, problem_costs: Mapping[str, float]) -> str:
    """One line; of a partial architecture the range over its completions."""
    texts: dict[str, str] = {}
    for name in COUNTED:
        if name in counted_names(space):
            cost = counted_of(space, name)
            low, high = (float(bound[0]) for bound in cost.bounds(rows))
            texts[name] = amount(low) if low == high else f"{amount(low)} to {amount(high)}"
    texts |= {name: amount(value) for name, value in problem_costs.items()}
    words = {"macs": "MACs", "params": "params"}
    return " · ".join(f"{text} {words[name]}" if name in words else f"{name} {text}" for name, text in texts.items())
