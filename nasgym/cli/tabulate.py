"""``nasgym tabulate``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from nasgym.cli.terminal import progress

__all__ = ["tabulate"]


def tabulate(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="A space whose networks can be trained here: digits.")],
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Worker processes.")] = 2,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the measurements and the table; by default ./.tabulate/SPACE."),
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure the latency of every network of the table that is there, instead.")
    ] = False,
    accept_noise: Annotated[bool, typer.Option("--accept-noise", help="Measure on a noisy machine, too.")] = False,
) -> None:
    """Trains every network of a space and writes the table.

    The same command goes on where it stopped.

    With --latency every network is measured with onnxruntime, and the table gets a column
    latency_ms.
    """
    folder = Path(".tabulate") / space if out is None else out
    try:
        with progress(space) as show:
            path = _measure(space, folder, accept_noise, show) if latency else _train(space, folder, jobs, show)
    except KeyboardInterrupt:
        print(f"\nstopped; what was trained is in {folder}, and the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    typer.echo(f"wrote {path}")


def _train(space: str, folder: Path, jobs: int, show: Callable[[float, float], None]) -> Path:
    from nasgym.tabulate.train import tabulate as train_all

    return train_all(space, folder, jobs, show)


def _measure(space: str, folder: Path, accept_noise: bool, show: Callable[[float, float], None]) -> Path:
    from nasgym.errors import MissingData
    from nasgym.measuring.measure import Options
    from nasgym.registry import SPACES
    from nasgym.tabulate.latency import add_latency

    path = folder / f"{space}.npz"
    if not path.is_file():
        raise MissingData(f"{path} is not there; `nasgym tabulate {space}` makes it, --out DIR names another folder.")
    options = Options(burst_ms=8.0)  # thousands of networks: shorter bursts, more of them
    log = folder / "latencies.log"
    return add_latency(SPACES.load(space)(), path, options, log=log, accept_noise=accept_noise, progress=show)
