"""``nasgym draw``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasgym.cli.architectures import ArchText, SpaceName, is_published, space_reading
from nasgym.errors import InvalidValue

__all__ = ["draw"]


def draw(
    arch: ArchText,
    space: SpaceName = None,
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
    from nasgym.networks.named import named_plan

    if is_published(arch, space):
        plan = named_plan(arch)
        return plan_svg(plan) if as_svg else plan_text(plan)
    known = space_reading(arch, space)
    row = known.from_str(arch)[0]
    return draw_svg(known, row) if as_svg else draw_text(known, row)
