"""`Page`: a drawing as a list of shapes, which `svg` writes as text and `pixels` paints."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Anchor", "Canvas", "Circle", "Page", "Path", "Point", "Polygon", "Rect", "Segment", "Shape", "Text", "clean", "fit"]

Point: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]
# where to go next: straight to a point, or along a quadratic curve that a control point bends
Segment: TypeAlias = tuple[Literal["M", "L"], float, float] | tuple[Literal["Q"], float, float, float, float]

INK, GREY, LINE = "#1a1f26", "#545c66", "#868e96"
# widths of letters as parts of the font size, on the wide side: readers have other fonts
SANS, MONO = 0.62, 0.61
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Rect:
    """A rectangle; `dash` has the lengths of strokes and gaps."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    stroke: str | None = None
    stroke_width: float = 1
    radius: float = 0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True)
class Circle:
    """A circle with an outline."""

    x: float
    y: float
    radius: float
    fill: str
    stroke: str
    stroke_width: float = 1


@dataclass(frozen=True)
class Polygon:
    """A closed shape through its corners."""

    points: tuple[Point, ...]
    fill: str
    stroke: str | None = None
    stroke_width: float = 1


@dataclass(frozen=True)
class Path:
    """Lines and curves without filling."""

    segments: tuple[Segment, ...]
    stroke: str
    stroke_width: float = 1
    dash: tuple[float, ...] = ()


@dataclass(frozen=True)
class Text:
    """One line of text; ``(x, y)`` is on its base line. No shape of a page covers a text."""

    x: float
    y: float
    text: str
    size: float
    colour: str = INK
    anchor: Anchor = "middle"
    bold: bool = False
    mono: bool = False


Shape: TypeAlias = Rect | Circle | Polygon | Path | Text


@dataclass(frozen=True)
class Page:
    """A white page of `width` times `height` pixels, the origin at the top left.

    Later shapes lie above earlier ones.
    """

    width: float
    height: float
    title: str
    shapes: tuple[Shape, ...]


class Canvas:
    """Collects the shapes of a page."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []

    def add(self, shape: Shape) -> None:
        """Puts a shape above the ones that are there."""
        self.shapes.append(shape)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 12,
        *,
        bold: bool = False,
        colour: str = INK,
        anchor: Anchor = "middle",
        mono: bool = False,
    ) -> None:
        """Adds a line of text; what no page can show becomes a replacement character."""
        self.add(Text(x, y, clean(text), size, colour, anchor, bold, mono))

    def line(self, points: Iterable[Point], stroke: str = LINE, stroke_width: float = 1) -> None:
        """Adds straight lines from point to point."""
        (x, y), *rest = points
        self.add(Path((("M", x, y), *(("L", *point) for point in rest)), stroke, stroke_width))

    def arrow(self, path: Path, direction: Point, tip: Point) -> None:
        """Adds a path, and a triangle of its colour that ends at `tip`."""
        self.add(path)
        length = math.hypot(*direction)
        ux, uy = direction[0] / length, direction[1] / length
        back = tip[0] - 8 * ux, tip[1] - 8 * uy
        left, right = (back[0] - 4 * uy, back[1] + 4 * ux), (back[0] + 4 * uy, back[1] - 4 * ux)
        self.add(Polygon((tip, left, right), path.stroke))

    def page(self, width: float, height: float, title: str) -> Page:
        """The finished page."""
        return Page(width, height, clean(title), tuple(self.shapes))


def clean(text: str) -> str:
    """The text on one line, with a replacement character for each sign that XML forbids."""
    return re.sub(r"\s", " ", NOT_XML.sub("\ufffd", text))


def fit(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """The text, cut where it would not fit into `width` pixels."""
    most = max(1, int(width / (SANS * size * (1.08 if bold else 1))))
    return text if len(text) <= most else text[: most - 1] + "…"
