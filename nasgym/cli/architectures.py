"""What an ARCH on the command line stands for: text that a space reads, or a published network."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from nasgym.errors import InvalidValue, UnknownName, unknown_name

if TYPE_CHECKING:
    from nasgym.spaces.space import SearchSpace

__all__ = ["ArchText", "SpaceName", "is_published", "space_named", "space_reading"]

ArchText = Annotated[
    str,
    typer.Argument(metavar="ARCH", help="An architecture as text, as the other commands print it, or a name: mnasnet-a1."),
]
SpaceName = Annotated[
    str | None,
    typer.Option(
        "--space", metavar="SPACE", help="Name of a space or environment id; not needed where only one space reads the text."
    ),
]


def is_published(arch: str, space: str | None) -> bool:
    """Whether the text is the name of a published network.

    Where a space is named, the text is one of its architectures.
    """
    from nasgym.networks.named import NAMED

    return space is None and arch in NAMED


def space_reading(arch: str, space: str | None) -> SearchSpace:
    """The space that was named, or the only one that reads the text.

    Raises:
        UnknownName: There is no space, environment or table of that name.
        InvalidValue: No space reads the text, or several do and none was named; or the text is the
            name of a published network, which is no architecture of the space that was named.
    """
    if space is None:
        return _guess_space(arch)
    known = space_named(space)
    _check_unpublished(arch, known, space)
    return known


def _check_unpublished(arch: str, known: SearchSpace, space: str) -> None:
    from nasgym.networks.named import NAMED

    if arch not in NAMED:
        return
    try:
        known.from_str(arch)
    except (InvalidValue, UnknownName) as error:
        raise InvalidValue(
            f"{arch!r} is a published network, not an architecture of {space!r}; a published network needs no --space: leave it out."
        ) from error


def space_named(name: str) -> SearchSpace:
    """The space of a name, of an environment id or of an imported table.

    Raises:
        UnknownName: There is none.
    """
    from nasgym.registration import IDS
    from nasgym.registry import SPACES
    from nasgym.tables.table_folder import find_table, space_of_table

    wanted = IDS[name].table if name in IDS else name
    tables = _own_tables()
    if wanted in tables:
        return space_of_table(find_table(wanted))
    if wanted not in SPACES.names():
        raise unknown_name("space", name, [*SPACES.names(), *IDS, *tables])
    space: SearchSpace = SPACES.load(wanted)()
    return space


def _own_tables() -> list[str]:
    from nasgym.registry import SPACES
    from nasgym.tables.table_folder import imported_tables

    return [name for name in imported_tables() if name not in SPACES.names()]


def _guess_space(arch: str) -> SearchSpace:
    from nasgym.networks.named import NAMED
    from nasgym.registry import SPACES

    fits = []
    for name in (*SPACES.names(), *_own_tables()):
        candidate = space_named(name)
        try:
            candidate.from_str(arch)
        except (InvalidValue, UnknownName):
            continue
        fits.append((name, candidate))
    if len(fits) == 1:
        return fits[0][1]
    if not fits:
        close = difflib.get_close_matches(arch.casefold(), NAMED, n=1)
        suggestion = f"Did you mean {close[0]!r}? " if close else ""
        raise InvalidValue(
            f"no space reads {arch!r}, and no published network has this name. {suggestion}If it is an architecture, name one with --space to see what it expects: {', '.join(SPACES.names())}. "
            f"Networks with a name are: {', '.join(NAMED)}."
        )
    raise InvalidValue(
        f"{arch!r} is an architecture of several spaces; choose one with --space: {', '.join(n for n, _ in fits)}."
    )
