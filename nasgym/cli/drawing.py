"""``nasgym draw``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasgym.errors import InvalidValue, UnknownName, unknown_name

if TYPE_CHECKING:
    from nasgym.spaces.space import SearchSpace

__all__ = ["draw"]


def draw(
    arch: Annotated[
        str,
        typer.Argument(metavar="ARCH", help="An architecture as text, as the other commands print it, or a name: mnasnet-a1."),
    ],
    space: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE", help="Name of a space or environment id; not needed where only one space reads the text."
        ),
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an SVG file instead of text.")] = None,
) -> None:
    """Draws an architecture: as text in the terminal, or as an SVG file."""
    if svg is None:
        typer.echo(_drawn(arch, space, as_svg=False))
        return
    from nasgym.files import write_file

    drawn = _drawn(arch, space, as_svg=True)
    if not svg.parent.is_dir():
        raise InvalidValue(f"there is no folder {svg.parent}; make it, or name another file.")
    typer.echo(f"wrote {write_file(svg, drawn)}")


def _drawn(arch: str, space: str | None, *, as_svg: bool) -> str:
    """The drawing of an architecture of a space, or of one that has a name."""
    from nasgym.drawing.draw import draw_svg, draw_text, plan_svg, plan_text
    from nasgym.networks.named import NAMED, named_plan

    if space is None and arch in NAMED:
        plan = named_plan(arch)
        return plan_svg(plan) if as_svg else plan_text(plan)
    known = _named_space(space) if space is not None else _guess_space(arch)
    row = known.from_str(arch)[0]
    return draw_svg(known, row) if as_svg else draw_text(known, row)


def _named_space(name: str) -> SearchSpace:
    from nasgym.data.folder import find_table
    from nasgym.registration import IDS
    from nasgym.registry import SPACES
    from nasgym.spaces.described import space_from_description

    wanted = IDS[name].table if name in IDS else name
    tables = _own_tables()
    if wanted in tables:
        return space_from_description(find_table(wanted).card["space"])
    if wanted not in SPACES.names():
        raise unknown_name("space", name, [*SPACES.names(), *IDS, *tables])
    space: SearchSpace = SPACES.load(wanted)()
    return space


def _own_tables() -> list[str]:
    from nasgym.data.folder import imported_tables
    from nasgym.registry import SPACES

    return [name for name in imported_tables() if name not in SPACES.names()]


def _guess_space(arch: str) -> SearchSpace:
    from nasgym.networks.named import NAMED
    from nasgym.registry import SPACES

    fits = []
    for name in (*SPACES.names(), *_own_tables()):
        candidate = _named_space(name)
        try:
            candidate.from_str(arch)
        except (InvalidValue, UnknownName):
            continue
        fits.append((name, candidate))
    if len(fits) == 1:
        return fits[0][1]
    if not fits:
        raise InvalidValue(
            f"no space reads {arch!r}; name one with --space to see what it expects: {', '.join(SPACES.names())}. "
            f"Networks with a name are: {', '.join(NAMED)}."
        )
    raise InvalidValue(
        f"{arch!r} is an architecture of several spaces; choose one with --space: {', '.join(n for n, _ in fits)}."
    )
