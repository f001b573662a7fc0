"""``nasgym tabulate``."""

from __future__ import annotations

import sys
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
) -> None:
    """Trains every network of a space and writes the table; the same command goes on where it stopped."""
    from nasgym.tabulate import tabulate as train_all

    folder = Path(".tabulate") / space if out is None else out
    try:
        with progress(space) as told:
            path = train_all(space, folder, jobs, told)
    except KeyboardInterrupt:
        print(f"\nstopped; what was trained is in {folder}, and the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    typer.echo(f"wrote {path}")
