"""The commands put together, and what becomes of errors."""

from __future__ import annotations

import gc
import sys

import typer

from nasgym.cli.compare import compare
from nasgym.cli.data import data_app
from nasgym.cli.draw import draw
from nasgym.cli.export import export
from nasgym.cli.extras import EXTRAS, missing
from nasgym.cli.list import list_command
from nasgym.cli.profile import profile_command
from nasgym.cli.search import search
from nasgym.cli.tabulate import tabulate
from nasgym.errors import NasgymError

__all__ = ["app", "main"]

# objects between two searches for garbage: a command makes hundreds of thousands that stay, most of
# them while it imports, and looking through them again and again takes a tenth of its time
GARBAGE = 50_000

app = typer.Typer(
    help="Neural architecture search on tables and on this machine: environments, agents, fair comparisons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("list")(list_command)
app.command("profile")(profile_command)
for command in (compare, search, draw, export, tabulate):
    app.command()(command)
app.add_typer(data_app, name="data")


def main() -> None:
    """Entry point; every error that a user can cause becomes one line and exit code 2."""
    gc.set_threshold(GARBAGE)
    try:
        app()
    except NasgymError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        _fail(missing(package))
    except OSError as error:
        if error.filename is None:
            raise
        _fail(
            f"{error.filename} cannot be read or written ({error.strerror}); name another file or folder, or change its rights."
        )


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
