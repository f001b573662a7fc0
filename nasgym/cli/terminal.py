"""What the commands print with: the console, tables, and a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "progress", "stages", "table"]


def console() -> Console:
    """Stdout; lines are folded in a terminal only."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def table(title: str, *heads: str) -> Table:
    """A table with lines under its column heads; an empty title is none."""
    from rich import box
    from rich.table import Table

    made = Table(*heads, title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in made.columns:
        column.overflow = "fold"
    return made


@contextmanager
def progress(words: str) -> Iterator[Callable[[float, float], None]]:
    """One bar with the remaining time, on stderr and only in a terminal.

    What a command prints can therefore be piped.
    """
    with stages() as show:
        yield lambda done, total: show(words, done, total)


@contextmanager
def stages() -> Iterator[Callable[[str, float, float], None]]:
    """As `progress`, for work of several stages: the bar begins again where the words change."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)
        shown = ""

        def show(words: str, done: float, total: float) -> None:
            nonlocal shown
            if words != shown:
                bar.reset(task, description=words)
                shown = words
            bar.update(task, completed=done, total=total)

        yield show
