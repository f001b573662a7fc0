"""``nasgym profile``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasgym.cli.terminal import progress, stages
from nasgym.errors import InvalidValue, unknown_name

if TYPE_CHECKING:
    from nasgym.networks.memory import Precision
    from nasgym.spaces.space import SearchSpace

__all__ = ["profile_command"]

PRECISIONS: dict[str, Precision] = {"fp32": "float32", "float32": "float32", "int8": "int8"}
# defaults of the options that say how this machine is measured: threads, provider, tolerance,
# rounds
MEASURING = (1, "CPUExecutionProvider", 0.02, 40)


def profile_command(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="Name of a space, or an environment id.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the device; by default local-1t, local-1t-int8 and so on.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The device file; by default in the data folder.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of onnxruntime; it is pinned to as many cores.")] = MEASURING[0],
    batch: Annotated[int, typer.Option(min=1, help="Images at once.")] = 1,
    precision: Annotated[str, typer.Option(metavar="fp32|int8", help="Of weights and activations.")] = "fp32",
    provider: Annotated[str, typer.Option(metavar="NAME", help="Execution provider.")] = MEASURING[1],
    check: Annotated[int, typer.Option(min=0, metavar="N", help="Random whole networks to check sums of blocks against.")] = 30,
    kit: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Measure nothing; write models and a script for another machine into this folder."),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Measure nothing; write a device file with all blocks and no latencies, to fill by hand."
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="A block is measured until half of its interval is this share of it.")
    ] = 0.02,
    max_rounds: Annotated[
        int, typer.Option(min=1, help="A block that is not done after the last of these rounds is noisy.")
    ] = MEASURING[3],
    accept_noise: Annotated[bool, typer.Option("--accept-noise", help="Write the file even on a noisy machine.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, random networks and the order of measuring.")] = 0,
) -> None:
    """Measures the blocks of a space on this machine and writes a device file.

    Sums of blocks are checked against whole networks. Interrupted, it goes on where it stopped when
    it is called again.
    """
    from nasgym.cli.architectures import space_named

    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, ("fp32", "int8"))
    known = space_named(space)
    if template is not None:
        _write_template(known, name or template.stem, template, batch, threads, PRECISIONS[precision])
        return
    if kit is not None:
        if name or out or accept_noise or (threads, provider, tolerance, max_rounds) != MEASURING:
            raise InvalidValue(
                "a kit is measured elsewhere: give --threads, --provider, --tolerance and --max-rounds to its measure.py there, and "
                "--name to `nasgym data import device`."
            )
        _write_kit(known, kit, batch, PRECISIONS[precision], check, seed)
        return
    from nasgym.devices.device_folder import device_path
    from nasgym.files.data_folder import data_folder
    from nasgym.measuring.checks import measure_errors
    from nasgym.measuring.measure import Options
    from nasgym.profiling.profile import profile
    from nasgym.registration import IDS

    name = name or f"local-{threads}t" + ("-int8" if PRECISIONS[precision] == "int8" else "")
    with measure_errors(InvalidValue):
        options = Options(
            threads=threads,
            provider=provider,
            tolerance=tolerance,
            min_rounds=min(Options.min_rounds, max_rounds),
            max_rounds=max_rounds,
            seed=seed,
        )
    with stages() as show:
        done = profile(
            known,
            name,
            out or device_path(known.name, name),
            options,
            work=data_folder() / "profiles" / f"{known.name}-{name}",
            batch=batch,
            precision=PRECISIONS[precision],
            check=check,
            accept_noise=accept_noise,
            progress=show,
        )
    typer.echo(f"{len(done.device.latencies)} blocks: {done.device.note}")
    for path in done.written:
        typer.echo(f"wrote {path}")
    ids = [env_id for env_id, known_id in IDS.items() if known_id.table == known.name]
    if out is None and ids:
        typer.echo(f"play it: nasgym search {ids[0]} --set device={name}")


def _write_kit(space: SearchSpace, folder: Path, batch: int, precision: Precision, check: int, seed: int) -> None:
    from nasgym.profiling.kit import write_kit

    with progress("building models") as show:
        made = write_kit(space, folder, batch=batch, precision=precision, check=check, seed=seed, progress=show)
    typer.echo(f"wrote {folder}: {len(made.models)} models")
    typer.echo(f"on the device, with onnxruntime and numpy: python {folder.name}/measure.py")
    typer.echo(f"back here, with its latencies.csv in the folder: nasgym data import device {folder}")


def _write_template(space: SearchSpace, name: str, path: Path, batch: int, threads: int, precision: Precision) -> None:
    from nasgym.devices.template import write_template

    written = write_template(space, name, path, batch=batch, threads=threads, precision=precision)
    typer.echo(f"wrote {written}; correct its header, fill latency_ms, then: nasgym data import device {path}")
