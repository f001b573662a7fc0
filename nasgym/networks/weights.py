"""The weights of a plan as arrays: their names and shapes, and random ones, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.networks.plan import Block, Conv, Head, MBConv, NetworkPlan, Norm, Place

__all__ = [
    "Shapes",
    "Weights",
    "block_shapes",
    "check_weights",
    "head_shapes",
    "random_weights",
    "weight_fault",
    "weight_shapes",
]

Shapes: TypeAlias = dict[str, tuple[int, ...]]
Weights: TypeAlias = Mapping[str, npt.NDArray[Any]]


def _norm(name: str, channels: int) -> Shapes:
    return {f"{name}.bn.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def _conv(name: str, block: Conv) -> Shapes:
    out = block.out_channels
    shapes: Shapes = {f"{name}.conv.weight": (out, block.in_channels // block.groups, block.kernel, block.kernel)}
    return shapes | (_norm(name, out) if block.norm else {})


def _gate(name: str, channels: int, hidden: int) -> Shapes:
    if not hidden:
        return {}
    return {
        f"{name}.reduce.weight": (hidden, channels, 1, 1),
        f"{name}.reduce.bias": (hidden,),
        f"{name}.expand.weight": (channels, hidden, 1, 1),
        f"{name}.expand.bias": (channels,),
    }


def block_shapes(name: str, block: Block | Place) -> Shapes:
    """Names and shapes of the weights of one block, all beginning with `name`.

    Those of a cell go on with node, edge and block: ``"blocks.3.nodes.1.0.0.conv.weight"``.
    """
    match block:
        case Place():
            shapes: Shapes = {}
            for i, node in enumerate(block.edges):
                for j, edge in enumerate(node):
                    for k, one in enumerate(edge):
                        shapes |= block_shapes(f"{name}.nodes.{i}.{j}.{k}", one)
            return shapes
        case Norm():
            return _norm(name, block.channels)
        case Conv():
            gated = block.se_channels or block.residual
            shapes = _conv(f"{name}.main" if gated else name, block)
            return shapes | _gate(f"{name}.excite", block.out_channels, block.se_channels)
        case MBConv():
            mid = block.mid_channels
            return {
                **(_conv(f"{name}.expand", Conv(block.in_channels, mid, 1)) if block.expands else {}),
                **_conv(f"{name}.depthwise", Conv(mid, mid, block.kernel, groups=mid)),
                **_gate(f"{name}.excite", mid, block.se_channels),
                **_conv(f"{name}.project", Conv(mid, block.out_channels, 1)),
            }
    return {}


def weight_shapes(plan: NetworkPlan) -> Shapes:
    """Names and shapes of all weights.

    They are those of the ``state_dict`` of `torch_modules.build_module`, without its counters.
    """
    shapes: Shapes = {}
    for index, block in enumerate(plan.blocks):
        shapes |= block_shapes(f"blocks.{index}", block)
    return shapes | head_shapes(plan.head)


def head_shapes(head: Head) -> Shapes:
    """Names and shapes of the weights of a head."""
    shapes: Shapes = {}
    width = head.in_channels
    if head.hidden:
        shapes["head.hidden.linear.weight"] = (head.hidden, width)
        if head.hidden_bias:
            shapes["head.hidden.linear.bias"] = (head.hidden,)
        width = head.hidden
    return shapes | {"head.linear.weight": (head.num_classes, width), "head.linear.bias": (head.num_classes,)}


def random_weights(shapes: Shapes, rng: np.random.Generator) -> dict[str, npt.NDArray[np.float32]]:
    """float32 arrays at which activations stay moderate.

    They are for timing and for comparing graphs, not for training. Weights N(0, 2 / fan_in), but
    N(0, 0.5 / fan_in) in classifiers and where a block without a gate ends: gates halve what they
    let through. In cells, whose nodes add up several edges, N(0, 1 / fan_in). Scales and variances
    of normalisations are uniform in 0.8 to 1.2, biases and means N(0, 0.01).
    """
    found = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            block, ends, _ = name.partition(".project.")
            weak = name.startswith("head.") or (ends and f"{block}.excite.reduce.weight" not in shapes)
            gain = 0.5 if weak else 1.0 if ".nodes." in name else 2.0
            array = rng.normal(0.0, math.sqrt(gain / math.prod(shape[1:])), shape)
        elif name.endswith(("bn.weight", "running_var")):
            array = rng.uniform(0.8, 1.2, shape)
        else:
            array = rng.normal(0.0, 0.1, shape)
        found[name] = array.astype(np.float32)
    return found


def weight_fault(name: str, array: Any) -> str:
    """What is wrong with a weight whatever its shape is, as the rest of a sentence.

    Empty where nothing is.
    """
    if not isinstance(array, np.ndarray):
        return f"is not a numpy array, got {type(array).__name__}"
    if array.dtype.kind != "f":
        return f"is not an array of finite floating-point numbers, dtype {array.dtype}"
    # as float32, which files hold: larger numbers would become infinite there
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.float32)).all()
    if not finite:
        return "is not an array of finite floating-point numbers: it has NaN, infinite ones or such beyond float32"
    if name.rpartition(".")[2] == "running_var" and (array < 0).any():
        return f"is a variance and not negative, got {array.min():g}"
    return ""


def check_weights(shapes: Shapes, weights: Weights) -> None:
    """Raises `InvalidValue` where a weight is missing, has another shape or a `weight_fault`.

    Names beyond `shapes` are not looked at.
    """
    for name, shape in shapes.items():
        if name not in weights:
            raise InvalidValue(f"the weights lack {name!r} of shape {shape}; weight_shapes() lists all that a plan has.")
        if fault := weight_fault(name, weights[name]):
            raise InvalidValue(f"weight {name!r} {fault}.")
        if weights[name].shape != shape:
            raise InvalidValue(f"weight {name!r} has the shape {weights[name].shape}, the plan asks for {shape}.")
