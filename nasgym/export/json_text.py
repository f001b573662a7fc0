"""A plan as JSON, and back: for other programs, and to keep a network beside its results.

Every field of every block is written, so a reader needs no defaults. Cells are written once, each
with its name, and the places where they stand name them. Only what `plan_json` writes is read:
unknown names, other types and sizes that do not fit together are errors, and nothing is ever run.
Files of version 1, from before there were cells, are read, too; they lack the fields that came
later.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from nasgym.errors import DataError, InvalidValue, unknown_name
from nasgym.files.json_object import check_object, parse_json
from nasgym.networks.cell import Cell, Combine, Edge, Node, Place
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.operations import OPERATIONS
from nasgym.networks.plan import (
    Block,
    Conv,
    Head,
    Identity,
    MBConv,
    NetworkPlan,
    Norm,
    Pool,
    Zero,
    in_channels,
    out_channels,
)
from nasgym.networks.scale import IMAGENET, Scale

__all__ = ["FORMAT", "VERSION", "plan_from_json", "plan_json"]

FORMAT, VERSION = "nasgym-network", 2
# without cells, and without the fields that came with them
BEFORE_CELLS = 1
BLOCKS: dict[str, type[Block]] = {
    "conv": Conv,
    "mbconv": MBConv,
    "identity": Identity,
    "pool": Pool,
    "norm": Norm,
    "zero": Zero,
}
PLACE = "cell"
PLACE_KEYS = ("kind", "cell", "in_channels", "channels", "stride", "reads", "fits")
KIND_OF = {kind: name for name, kind in BLOCKS.items()}
# the pooling's own "kind" (avg, max) makes way for the kind of block
RENAMED = {"kind": "pooling"}
KEYS = (
    *("format", "version", "space", "architecture", "scale", "macs", "parameters"),
    *("input_shape", "cells", "stem", "layers", "neck", "head"),
)
# a published network at another scale than the published one, which nobody has named
UNKNOWN_SCALE = "unknown"
# fields that blocks did not have before there were cells
WITH_CELLS = frozenset({"order", "norm", "dilation", "counts_bias"})
# numbers that may be 0, for "none"
OR_NONE = frozenset({"se_channels", "hidden"})
LARGEST = 2**31 - 1
T = TypeVar("T")


def plan_json(plan: NetworkPlan, *, space: str = "", scale: Scale | None = None, published: Scale = IMAGENET) -> str:
    """The text, one block a line.

    Args:
        plan: What to write.
        space: Name of the space that the architecture belongs to; empty where there is none.
        scale: What the network was built for; written where it is not that of the publication.
        published: What the networks of its space were published for.
    """
    values: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "space": space or None,
        "architecture": plan.name,
        "scale": _scale_value(plan, scale, published),
        "macs": count_macs(plan),
        "parameters": count_params(plan),
        "input_shape": list(plan.input_shape),
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in values.items()]
    lines += _cell_lines(plan)
    lines += [f'  "stem": {_rows(plan.stem, 2)},', *_layer_lines(plan), f'  "neck": {_rows(plan.neck, 2)},']
    return "\n".join(["{", *lines, f'  "head": {json.dumps(asdict(plan.head))}', "}", ""])


def _scale_value(plan: NetworkPlan, scale: Scale | None, published: Scale) -> dict[str, Any] | str | None:
    if scale is not None and scale != published:
        return asdict(scale)
    return UNKNOWN_SCALE if plan.name in NAMED and plan != named_plan(plan.name) else None


def _cell_lines(plan: NetworkPlan) -> list[str]:
    """One node a line."""
    found = []
    for cell in plan.cells:
        nodes = ",\n".join(f"        {json.dumps(asdict(node))}" for node in cell.nodes)
        head = f'    {json.dumps(cell.name)}: {{"inputs": {cell.inputs}, "nodes": ['
        found.append(f"{head}\n{nodes}\n      ]}}")
    return ['  "cells": {', ",\n".join(found), "  },"] if found else ['  "cells": {},']


def _layer_lines(plan: NetworkPlan) -> list[str]:
    layers = [f"    {_rows(layer, 4)}" for layer in plan.layers]
    return ['  "layers": [', ",\n".join(layers), "  ],"] if layers else ['  "layers": [],']


def _rows(blocks: tuple[Block | Place, ...], margin: int) -> str:
    if not blocks:
        return "[]"
    rows = [" " * (margin + 2) + json.dumps(_block_values(block)) for block in blocks]
    return "[\n" + ",\n".join(rows) + "\n" + " " * margin + "]"


def _block_values(block: Block | Place) -> dict[str, Any]:
    if isinstance(block, Place):
        return {"kind": PLACE, "cell": block.cell.name} | {name: getattr(block, name) for name in PLACE_KEYS[2:]}
    return {"kind": KIND_OF[type(block)]} | {RENAMED.get(name, name): value for name, value in asdict(block).items()}


def plan_from_json(text: str) -> NetworkPlan:
    """The plan that `plan_json` wrote.

    Raises:
        DataError: Not JSON, not this format or version; a name is missing or there twice; a value
            has another type or is out of range; blocks do not fit together; or MACs and parameters
            are not those of the blocks.
        UnknownName: A name that is not of this format; the nearest is suggested.
    """
    try:
        values = parse_json(text)
    except ValueError as error:
        raise DataError(f"not JSON as `nasgym export --to json` writes it: {error}.") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DataError(f'this is no network; its "format" must be "{FORMAT}", as `nasgym export --to json` writes it.')
    version = values.get("version")
    if type(version) is not int or version not in (BEFORE_CELLS, VERSION):
        raise DataError(
            f"version {version!r:.80} of the network format is not known here, only {BEFORE_CELLS} and {VERSION}; update nasgym."
        )
    keys = [key for key in KEYS if version == VERSION or key != "cells"]
    check_object("the network", values, keys, keys, DataError)
    reader = _Reader(version, _cells(values.get("cells", {})))
    if not isinstance(values["architecture"], str) or not isinstance(values["space"], str | None):
        raise DataError('"architecture" is a text, "space" a text or null.')
    _check_scale(values["scale"])
    shape = values["input_shape"]
    if not isinstance(shape, list) or len(shape) != 3:
        raise DataError(f'"input_shape" is [channels, height, width], got {shape!r:.80}.')
    channels, height, width = (_number("input_shape", size) for size in shape)
    if height != width:
        raise DataError(f"images are square, got the input_shape {shape}.")
    plan = NetworkPlan(
        name=values["architecture"],
        input_shape=(channels, height, width),
        stem=reader.blocks("stem", values["stem"]),
        layers=tuple(reader.blocks(f"layers[{i}]", layer) for i, layer in enumerate(_list("layers", values["layers"]))),
        neck=reader.blocks("neck", values["neck"]),
        head=reader.made(Head, "head", values["head"]),
    )
    _check_fit(plan)
    for name, counted in (("macs", count_macs(plan)), ("parameters", count_params(plan))):
        if type(values[name]) is not int or values[name] != counted:
            raise DataError(
                f'"{name}" is {values[name]!r:.80}, but these blocks have {counted}; a line was changed or is missing.'
            )
    return plan


def _list(where: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise DataError(f"{where} is a list, got {values!r:.80}.")
    return values


def _cells(values: Any) -> dict[str, Cell]:
    """The cells by name."""
    if not isinstance(values, dict):
        raise DataError(f"cells is an object, got {values!r:.80}.")
    found = {}
    for name, cell in values.items():
        where = f"cells.{name}"
        check_object(where, cell, ("inputs", "nodes"), ("inputs", "nodes"), DataError)
        nodes = [_node(f"{where}.nodes[{i}]", node) for i, node in enumerate(_list(f"{where}.nodes", cell["nodes"]))]
        try:
            found[name] = Cell(name, _number(f"{where}.inputs", cell["inputs"]), tuple(nodes))
        except InvalidValue as error:
            raise DataError(f"{where} does not exist: {error}") from error
    return found


def _node(where: str, values: Any) -> Node:
    check_object(where, values, ("edges", "combine"), ("edges", "combine"), DataError)
    combine, edges = values["combine"], []
    if combine not in get_args(Combine):
        raise unknown_name(f"{where}.combine", combine, get_args(Combine))
    for i, edge in enumerate(_list(f"{where}.edges", values["edges"])):
        names = ("source", "op", "strided")
        check_object(f"{where}.edges[{i}]", edge, names, names, DataError)
        if not isinstance(edge["op"], str) or edge["op"] not in OPERATIONS:
            raise unknown_name(f"operation at {where}.edges[{i}]", edge["op"], OPERATIONS)
        if not isinstance(edge["strided"], bool):
            raise DataError(f"{where}.edges[{i}].strided is true or false, got {edge['strided']!r:.80}.")
        edges.append(Edge(_number(f"{where}.edges[{i}].source", edge["source"], 0), edge["op"], edge["strided"]))
    return Node(tuple(edges), combine)


@dataclass(frozen=True)
class _Reader:
    """Blocks of a file of one version, whose cells are known."""

    version: int
    cells: dict[str, Cell]

    def blocks(self, where: str, values: Any) -> tuple[Block | Place, ...]:
        """A list of blocks."""
        return tuple(self._block(f"{where}[{i}]", value) for i, value in enumerate(_list(where, values)))

    def _block(self, where: str, values: Any) -> Block | Place:
        if not isinstance(values, dict):
            raise DataError(f"{where} is an object, got {values!r:.80}.")
        kind = values.get("kind")
        if kind == PLACE and self.version > BEFORE_CELLS:
            return self._place(where, values)
        if not isinstance(kind, str) or kind not in BLOCKS:
            raise unknown_name(f"kind of block at {where}", kind, [*BLOCKS, PLACE])
        given = {name: value for name, value in values.items() if name != "kind"}
        return self.made(BLOCKS[kind], where, given)

    def _place(self, where: str, values: dict[str, Any]) -> Place:
        check_object(where, values, PLACE_KEYS, PLACE_KEYS, DataError)
        name = values["cell"]
        if not isinstance(name, str) or name not in self.cells:
            raise unknown_name(f"cell at {where}", name, self.cells)
        channels, stride = (_number(f"{where}.{key}", values[key]) for key in ("channels", "stride"))
        before, reads, fits = (
            tuple(_number(f"{where}.{key}", value) for value in _list(f"{where}.{key}", values[key]))
            for key in ("in_channels", "reads", "fits")
        )
        try:
            return Place(self.cells[name], before, channels, stride, reads, fits)
        except InvalidValue as error:
            raise DataError(f"{where} does not fit: {error}") from error

    def made(self, kind: type[T], where: str, values: Any) -> T:
        """A dataclass from an object with exactly its fields, each of its type.

        Version 1 lacks the fields that came with cells.
        """
        types = get_type_hints(kind)
        names = {RENAMED.get(field.name, field.name): field.name for field in fields(kind)}  # type: ignore[arg-type]  # plans are dataclasses
        if self.version == BEFORE_CELLS:
            names = {shown: name for shown, name in names.items() if name not in WITH_CELLS}
        check_object(where, values, names, names, DataError)
        given = {names[name]: _value(f"{where}.{name}", types[names[name]], value) for name, value in values.items()}
        return kind(**given)


def _value(where: str, kind: Any, value: Any) -> Any:
    if kind is int:
        return _number(where, value, least=0 if where.rpartition(".")[2] in OR_NONE else 1)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise unknown_name(where, value, get_args(kind))
    elif not isinstance(value, kind):
        raise DataError(f"{where} is {'true or false' if kind is bool else f'of type {kind.__name__}'}, got {value!r:.80}.")
    return value


def _check_scale(values: Any) -> None:
    """Null, `UNKNOWN_SCALE` or the fields of a `Scale`.

    It is a note for readers: the plan is made of the blocks alone.
    """
    if values is None or values == UNKNOWN_SCALE:
        return
    if not isinstance(values, dict):
        raise DataError(f'"scale" is null, "{UNKNOWN_SCALE}" or an object, got {values!r:.80}.')
    names = [field.name for field in fields(Scale)]
    check_object("scale", values, names, names, DataError)
    shape, width = values["input_shape"], values["width"]
    if not isinstance(shape, list) or len(shape) != 3:
        raise DataError(f"scale.input_shape is [channels, height, width], got {shape!r:.80}.")
    if isinstance(width, bool) or not isinstance(width, int | float):
        raise DataError(f"scale.width is a number, got {width!r:.80}.")
    channels, height, side = (_number("scale.input_shape", size) for size in shape)
    classes, divisor, reduction = (_number(f"scale.{name}", values[name]) for name in ("num_classes", "divisor", "reduction"))
    try:
        Scale((channels, height, side), classes, width, divisor, reduction)
    except (InvalidValue, OverflowError) as error:
        raise DataError(f"scale does not exist: {error}") from error


def _number(where: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
        raise DataError(f"{where} is a whole number from {least} to {LARGEST}, got {value!r:.80}.")
    return value


def _check_fit(plan: NetworkPlan) -> None:
    """Channels after a block enter the next one; kernels have a middle; groups divide channels."""
    widths = [plan.input_shape[0]]
    try:
        steps = plan.steps
    except InvalidValue as error:
        raise DataError(f"blocks do not fit together: {error}") from error
    for i, (block, *_) in enumerate(steps):
        if isinstance(block, Place):
            wanted, reads = block.in_channels, block.reads
        else:
            wanted, reads = (in_channels(block),), (1,)
        for before, back in zip(wanted, reads, strict=True):
            if before != widths[-back]:
                raise DataError(f"block {i}, {block}, takes {before} channels, but gets {widths[-back]}.")
        _check_kernels(i, block)
        widths.append(out_channels(block))
    if plan.head.in_channels != widths[-1]:
        raise DataError(f"the head takes {plan.head.in_channels} channels, but gets {widths[-1]}.")


def _check_kernels(i: int, block: Block | Place) -> None:
    if isinstance(block, Identity | Norm | Zero | Place):
        return
    if block.kernel % 2 == 0 and not (isinstance(block, Pool) and block.kernel == block.stride):
        raise DataError(
            f"block {i}, {block}, has the kernel {block.kernel}; kernels are odd, or those of a pooling its stride."
        )
    if isinstance(block, Conv) and (block.in_channels % block.groups or block.out_channels % block.groups):
        raise DataError(f"block {i}, {block}, has groups that do not divide its channels.")
