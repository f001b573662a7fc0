"""A plan as JSON, and back: for other programs, and to keep a network beside its results.

Every field of every block is written, so a reader needs no defaults. Only what `plan_json` writes
is read: unknown names, other types and sizes that do not fit together are errors, and nothing is
ever run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from nasgym.errors import DataError, InvalidValue, unknown_name
from nasgym.files.json_object import check_object, parse_json
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.plan import Block, Conv, Head, Identity, MBConv, NetworkPlan, Pool, out_channels
from nasgym.networks.scale import IMAGENET, Scale

__all__ = ["FORMAT", "VERSION", "plan_from_json", "plan_json"]

FORMAT, VERSION = "nasgym-network", 1
BLOCKS: dict[str, type[Block]] = {"conv": Conv, "mbconv": MBConv, "identity": Identity, "pool": Pool}
KIND_OF = {kind: name for name, kind in BLOCKS.items()}
# the pooling's own "kind" (avg, max) makes way for the kind of block
RENAMED = {"kind": "pooling"}
KEYS = (
    *("format", "version", "space", "architecture", "scale", "macs", "parameters"),
    *("input_shape", "stem", "layers", "neck", "head"),
)
# a published network at another scale than the published one, which nobody has named
UNKNOWN_SCALE = "unknown"
# numbers that may be 0, for "none"
OR_NONE = frozenset({"se_channels", "hidden"})
LARGEST = 2**31 - 1
T = TypeVar("T")


def plan_json(plan: NetworkPlan, *, space: str = "", scale: Scale | None = None) -> str:
    """The text, one block a line.

    Args:
        plan: What to write.
        space: Name of the space that the architecture belongs to; empty where there is none.
        scale: What the network was built for; written where it is not that of the publication.
    """
    values: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "space": space or None,
        "architecture": plan.name,
        "scale": _scale_value(plan, scale),
        "macs": count_macs(plan),
        "parameters": count_params(plan),
        "input_shape": list(plan.input_shape),
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in values.items()]
    lines += [f'  "stem": {_rows(plan.stem, 2)},', *_layer_lines(plan), f'  "neck": {_rows(plan.neck, 2)},']
    return "\n".join(["{", *lines, f'  "head": {json.dumps(asdict(plan.head))}', "}", ""])


def _scale_value(plan: NetworkPlan, scale: Scale | None) -> dict[str, Any] | str | None:
    if scale is not None and scale != IMAGENET:
        return asdict(scale)
    return UNKNOWN_SCALE if plan.name in NAMED and plan != named_plan(plan.name) else None


def _layer_lines(plan: NetworkPlan) -> list[str]:
    layers = [f"    {_rows(layer, 4)}" for layer in plan.layers]
    return ['  "layers": [', ",\n".join(layers), "  ],"] if layers else ['  "layers": [],']


def _rows(blocks: tuple[Block, ...], margin: int) -> str:
    if not blocks:
        return "[]"
    rows = [" " * (margin + 2) + json.dumps(_block_values(block)) for block in blocks]
    return "[\n" + ",\n".join(rows) + "\n" + " " * margin + "]"


def _block_values(block: Block) -> dict[str, Any]:
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
    if type(version) is not int or version != VERSION:
        raise DataError(f"version {version!r:.80} of the network format is not known here, only {VERSION}; update nasgym.")
    check_object("the network", values, KEYS, KEYS, DataError)
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
        stem=_blocks("stem", values["stem"]),
        layers=tuple(_blocks(f"layers[{i}]", layer) for i, layer in enumerate(_list("layers", values["layers"]))),
        neck=_blocks("neck", values["neck"]),
        head=_made(Head, "head", values["head"]),
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


def _blocks(where: str, values: Any) -> tuple[Block, ...]:
    return tuple(_block(f"{where}[{i}]", value) for i, value in enumerate(_list(where, values)))


def _block(where: str, values: Any) -> Block:
    if not isinstance(values, dict):
        raise DataError(f"{where} is an object, got {values!r:.80}.")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in BLOCKS:
        raise unknown_name(f"kind of block at {where}", kind, BLOCKS)
    given = {name: value for name, value in values.items() if name != "kind"}
    return _made(BLOCKS[kind], where, given)


def _made(kind: type[T], where: str, values: Any) -> T:
    """A dataclass from an object with exactly its fields, each of its type."""
    types = get_type_hints(kind)
    names = {RENAMED.get(field.name, field.name): field.name for field in fields(kind)}  # type: ignore[arg-type]  # plans are dataclasses
    check_object(where, values, names, names, DataError)
    return kind(**{names[name]: _value(f"{where}.{name}", types[names[name]], value) for name, value in values.items()})


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
    channels = plan.input_shape[0]
    for i, block in enumerate(plan.blocks):
        before = block.in_channels if isinstance(block, Conv | MBConv) else block.channels
        if before != channels:
            raise DataError(f"block {i}, {block}, takes {before} channels, but gets {channels}.")
        if not isinstance(block, Identity) and block.kernel % 2 == 0:
            raise DataError(f"block {i}, {block}, has the kernel {block.kernel}; kernels are odd.")
        if isinstance(block, Conv) and (before % block.groups or block.out_channels % block.groups):
            raise DataError(f"block {i}, {block}, has groups that do not divide its channels.")
        channels = out_channels(block)
    if plan.head.in_channels != channels:
        raise DataError(f"the head takes {plan.head.in_channels} channels, but gets {channels}.")
