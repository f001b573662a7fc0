"""``nasgym export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasgym.cli.architectures import ArchText, SpaceName, is_published, space_reading
from nasgym.errors import InvalidValue, unknown_name

if TYPE_CHECKING:
    import numpy as np

    from nasgym.networks.plan import NetworkPlan
    from nasgym.networks.scale import Scale
    from nasgym.networks.weights import Weights

__all__ = ["export"]


def export(
    arch: ArchText,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="pytorch, onnx, torchscript or json.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The file to write; by default a new one here, named after the network or its space."
        ),
    ] = None,
    space: SpaceName = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights, .npz or .pt; for pytorch they are written beside the source."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Draw weights with this seed; onnx and torchscript do so with 0 by default."),
    ] = None,
    input_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Height and width of an image (of the largest resolution of ofa); by default 224, of NATS-Bench 32.",
        ),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Outputs of the classifier; by default 1000, of NATS-Bench 10.")
    ] = None,
    width: Annotated[float | None, typer.Option(metavar="FACTOR", help="Factor on all channels, by default 1.")] = None,
) -> None:
    """Writes a network as a file that needs no nasgym: PyTorch source, ONNX, TorchScript, JSON."""
    from nasgym.export.exporting import KINDS, NEED_WEIGHTS
    from nasgym.export.exporting import export as write

    if to not in KINDS:
        raise unknown_name("export format", to, KINDS)
    if weights is not None and seed is not None:
        raise InvalidValue("weights are read from a file or drawn from a seed; leave out --weights or --seed.")
    plan, space_name, scale, published = _network(arch, space, input_size, classes, width)
    if out is None:
        name = f"{space_name}-network" if space_name else plan.name
        out = _default_file(to, name, with_weights=weights is not None or seed is not None)
    if seed is None and weights is None and to in NEED_WEIGHTS:
        seed = 0
    arrays, rng = _weights(weights, out, to), _generator(seed)
    for path in write(plan, to, out, arrays, rng, space=space_name, scale=scale, published=published):
        typer.echo(f"wrote {path}")
    typer.echo(f"images are (batch, {', '.join(map(str, plan.input_shape))}), outputs (batch, {plan.head.num_classes})")
    if seed is not None:
        typer.echo(f"its weights are random (seed {seed}); trained ones come from a file: --weights FILE")
    if to == "torchscript":
        typer.echo("torch.jit.load reads it; PyTorch calls TorchScript deprecated; --to pytorch and --to onnx do not need it")


def _network(
    arch: str, space: str | None, input_size: int | None, classes: int | None, width: float | None
) -> tuple[NetworkPlan, str, Scale, Scale]:
    """The plan at the wanted scale, the name of its space, that scale and the published one.

    The name is empty for a published network.
    """
    from nasgym.networks.named import named_plan
    from nasgym.networks.scale import IMAGENET, Scale
    from nasgym.networks.space_plans import has_own_images, plan_of, published_scale

    known = None if is_published(arch, space) else space_reading(arch, space)
    usual = IMAGENET if known is None else published_scale(known)
    channels, size, _ = usual.input_shape
    scale = Scale(
        (channels, input_size or size, input_size or size),
        classes or usual.num_classes,
        usual.width if width is None else width,
    )
    if known is None:
        return named_plan(arch, scale), "", scale, usual
    plan = plan_of(known, known.from_str(arch)[0], scale)
    if has_own_images(known) and (input_size or classes or width is not None):
        raise InvalidValue(
            f"the networks of {known.name!r} have one size, {plan.input_shape} and {plan.head.num_classes} classes; "
            "--input-size, --classes and --width are for mobile networks and those of NATS-Bench."
        )
    return plan, known.name, scale, usual


def _default_file(to: str, name: str, *, with_weights: bool) -> Path:
    """A file of that name in the current folder.

    Neither it nor what is written beside it is there yet.
    """
    from nasgym.export.exporting import ENDINGS, files_of

    stem = "".join(letter if letter.isalnum() else "_" for letter in name)
    out = Path(f"{stem}{ENDINGS[to]}")
    for file in files_of(to, out, with_weights=with_weights):
        if file.exists():
            raise InvalidValue(f"{file} is there already; name the file to write with --out FILE, or move this one away.")
    return out


def _weights(path: Path | None, out: Path, to: str) -> Weights | None:
    if path is None:
        return None
    from nasgym.export.exporting import files_of

    if path.resolve() in [file.resolve() for file in files_of(to, out, with_weights=True)]:
        raise InvalidValue(f"{path} would be replaced by what is written; name another file with --out.")
    from nasgym.export.weights_file import read_weights

    return read_weights(path)


def _generator(seed: int | None) -> np.random.Generator | None:
    import numpy as np

    return None if seed is None else np.random.default_rng(seed)
