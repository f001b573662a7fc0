"""`export`: a network as a file of one of the `KINDS`."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.export.json_text import plan_json
from nasgym.export.pytorch_code import pytorch_code
from nasgym.export.weights_file import check_all_weights, need_torch
from nasgym.files import write_file
from nasgym.networks.onnx_graph import plan_onnx
from nasgym.networks.plan import NetworkPlan
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.networks.weights import Shapes, Weights, random_weights, weight_shapes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ENDINGS", "KINDS", "NEED_WEIGHTS", "export", "files_of"]

KINDS = ("pytorch", "onnx", "torchscript", "json")
# formats that cannot do without
NEED_WEIGHTS = ("onnx", "torchscript")
# of a file that is not named
ENDINGS = {"pytorch": ".py", "onnx": ".onnx", "torchscript": ".ts", "json": ".json"}
# a protobuf message, which an ONNX file is, ends there; 4 bytes a weight and room for the graph
MOST_ONNX_WEIGHTS = (2**31 - 2**24) // 4


def export(
    plan: NetworkPlan,
    kind: str,
    path: Path,
    weights: Weights | None = None,
    rng: np.random.Generator | None = None,
    *,
    space: str = "",
    scale: Scale | None = None,
    published: Scale = IMAGENET,
) -> list[Path]:
    """Writes a network so that nasgym is not needed to use it.

    * ``"pytorch"``: Python source that needs torch alone. With weights, they are written beside it,
      in a file of the same name that ends with ``.pt``, and the source has a function that loads
      them.
    * ``"onnx"``: `onnx_graph.plan_onnx` for any number of images.
    * ``"torchscript"``: the torch module in evaluation mode, traced, for any number of images.
      PyTorch calls TorchScript deprecated.
    * ``"json"``: what `json_text.plan_from_json` reads.

    Args:
        plan: The network.
        kind: One of `KINDS`.
        path: The file; its folder is there. Files of that name are replaced.
        weights: Arrays by the names of `weights.weight_shapes`.
        rng: Draws the weights, instead of `weights`; ``"pytorch"`` can do without both.
        space: Name of the space that the architecture belongs to, for docstrings and readers.
        scale: What a mobile network was built for, for docstrings and readers; None where it was
            not chosen.
        published: What the networks of the space were published for.

    Returns:
        The files that were written.

    Raises:
        UnknownName: There is no such format, or a weight has a name that the network does not know.
        InvalidValue: There is no such folder, or a folder of the file's name; a weight is missing,
            has another shape or is not of finite floating-point numbers, or a variance is negative;
            the format needs weights, has no place for them or not enough; weights are both given
            and to be drawn; or source code would not be in a ``.py`` file.
        MissingPackage: The package torch or onnx is not installed.
    """
    if kind not in KINDS:
        raise unknown_name("export format", kind, KINDS)
    if not path.parent.is_dir():
        raise InvalidValue(f"there is no folder {path.parent}; make it, or name another file.")
    for file in files_of(kind, path, with_weights=weights is not None or rng is not None):
        if file.is_dir():
            raise InvalidValue(f"{file} is a folder; name a file, for example {file / ('network' + ENDINGS[kind])}.")
    arrays = _weights(plan, kind, weights, rng)
    writers: dict[str, Callable[[], list[Path]]] = {
        "pytorch": lambda: _pytorch(plan, path, arrays, space, scale, published),
        "onnx": lambda: [write_file(path, plan_onnx(plan, arrays, batch=None).SerializeToString())],
        "torchscript": lambda: [write_file(path, _traced(plan, arrays))],
        "json": lambda: [write_file(path, plan_json(plan, space=space, scale=scale, published=published))],
    }
    return writers[kind]()


def files_of(kind: str, path: Path, *, with_weights: bool) -> list[Path]:
    """The files that an export writes: weights lie beside PyTorch source."""
    return [path, path.with_suffix(".pt")] if kind == "pytorch" and with_weights and path.name else [path]


def _weights(plan: NetworkPlan, kind: str, weights: Weights | None, rng: np.random.Generator | None) -> Weights | None:
    """The weights to write, given or drawn."""
    if kind == "json" and (weights is not None or rng is not None):
        raise InvalidValue("json describes a network without its weights; export those with another format.")
    if kind in NEED_WEIGHTS and weights is None and rng is None:
        raise InvalidValue(f"{kind} needs weights: give them, or a numpy generator as rng that draws them.")
    if weights is not None and rng is not None:
        raise InvalidValue("weights are given or drawn; leave out weights or rng.")
    shapes = weight_shapes(plan)
    if kind == "onnx":
        _check_onnx_size(shapes)
    if weights is not None:
        check_all_weights(shapes, weights)
        return {name: weights[name] for name in shapes}
    return None if rng is None else random_weights(shapes, rng)


def _check_onnx_size(shapes: Shapes) -> None:
    number = sum(math.prod(shape) for shape in shapes.values())
    if number > MOST_ONNX_WEIGHTS:
        raise InvalidValue(
            f"an ONNX file has room for {MOST_ONNX_WEIGHTS:,} weights, this network has {number:,}; scale it down."
        )


def _pytorch(
    plan: NetworkPlan, path: Path, weights: Weights | None, space: str, scale: Scale | None, published: Scale
) -> list[Path]:
    if path.suffix != ".py":
        raise InvalidValue(f"PyTorch source is written to a file that ends with .py, got {path}.")
    written = []
    if weights is not None:
        buffer = io.BytesIO()
        module = _module(plan, weights)
        need_torch("weights beside PyTorch source").save(module.state_dict(), buffer)
        written.append(write_file(path.with_suffix(".pt"), buffer.getvalue()))
    code = pytorch_code(plan, space=space, with_weights=weights is not None, scale=scale, published=published)
    return [write_file(path, code), *written]


def _module(plan: NetworkPlan, weights: Weights | None) -> nn.Sequential:
    """The torch module with these weights, in evaluation mode."""
    torch = need_torch("networks with weights")
    from nasgym.networks.torch_modules import build_module

    module = build_module(plan).eval()
    arrays = {name: torch.from_numpy(np.array(array, dtype=np.float32)) for name, array in (weights or {}).items()}
    # all but the counters of the normalisations are given: _weights has checked it
    module.load_state_dict(arrays, strict=False)
    return module


def _traced(plan: NetworkPlan, weights: Weights | None) -> bytes:
    torch: Any = need_torch("TorchScript files")
    module, buffer = _module(plan, weights), io.BytesIO()
    with warnings.catch_warnings():
        # the command says it once, in words for its users
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        with torch.no_grad():
            traced = torch.jit.trace(module, torch.zeros(1, *plan.input_shape))
        torch.jit.save(traced, buffer)
    return buffer.getvalue()
