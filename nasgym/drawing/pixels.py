"""A `Page` as pixels, painted by Pillow with the fonts that come with Matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nasgym.drawing.shapes import Anchor, Circle, Page, Path, Point, Polygon, Rect, Shape, Text
from nasgym.errors import InvalidValue, MissingPackage

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

__all__ = ["page_pixels"]

# shapes are painted this many times as large and then averaged: Pillow has no smooth edges
FINER = 3
# straight pieces of a curve
PIECES = 24
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def page_pixels(page: Page, scale: float = 1.0) -> npt.NDArray[np.uint8]:
    """The page as ``(H, W, 3)`` colours.

    H and W are the page's height and width times `scale`, rounded up to even numbers. Videos of the
    common codecs need even sizes.

    Raises:
        InvalidValue: The scale is not positive, or the picture would have more than 16,384 pixels
            along a side.
        MissingPackage: Pillow or Matplotlib is not installed.
    """
    if not (scale > 0 and max(page.width, page.height) * scale <= 16_384):
        raise InvalidValue(
            f"a drawing of {page.width:g} x {page.height:g} pixels cannot be scaled by {scale!r}; allowed are positive "
            "numbers up to which no side is longer than 16384 pixels."
        )
    try:
        from matplotlib import get_data_path
        from PIL import Image, ImageDraw
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"drawing pixels needs the package {error.name!r}, which is not installed: pip install 'nasgym[report]'."
        ) from error

    size = (2 * math.ceil(page.width * scale / 2), 2 * math.ceil(page.height * scale / 2))
    large = Image.new("RGB", (size[0] * FINER, size[1] * FINER), "#ffffff")
    pen = ImageDraw.Draw(large)
    for shape in page.shapes:
        _paint(pen, shape, scale * FINER)
    image = large.reduce(FINER)
    # texts come last: the font engine smooths them for the size they are seen at
    pen = ImageDraw.Draw(image)
    for shape in page.shapes:
        if isinstance(shape, Text):
            font = _font(get_data_path(), shape.bold, shape.mono, shape.size * scale)
            left, top, letters = _letters(font, shape.text, shape.anchor)
            pen.bitmap((round(shape.x * scale) + left, round(shape.y * scale) + top), letters, fill=shape.colour)
    return np.array(image, dtype=np.uint8)


@lru_cache(maxsize=64)
def _font(folder: str, bold: bool, mono: bool, size: float) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    file = FilePath(folder, "fonts", "ttf", f"DejaVuSans{'Mono' if mono else ''}{'-Bold' if bold else ''}.ttf")
    # the plain layout is there in every build of Pillow, so every machine sets texts alike
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1024)
def _letters(font: ImageFont.FreeTypeFont, text: str, anchor: Anchor) -> tuple[int, int, Image.Image]:
    """A text as a mask, and how far its corner lies from the text's place.

    It is kept, because frames of an episode share most texts.
    """
    from PIL import Image, ImageDraw

    left, top, right, bottom = font.getbbox(text, anchor=ANCHORS[anchor])
    x, y = math.floor(left), math.floor(top)
    mask = Image.new("L", (max(1, math.ceil(right) - x), max(1, math.ceil(bottom) - y)))
    ImageDraw.Draw(mask).text((-x, -y), text, fill=255, font=font, anchor=ANCHORS[anchor])
    return x, y, mask


def _paint(pen: ImageDraw.ImageDraw, shape: Shape, scale: float) -> None:
    match shape:
        case Rect():
            _paint_rect(pen, shape, scale)
        case Circle():
            reach = shape.radius + shape.stroke_width / 2
            corners = [scale * v for v in (shape.x - reach, shape.y - reach, shape.x + reach, shape.y + reach)]
            pen.ellipse(corners, fill=shape.fill, outline=shape.stroke, width=_thick(shape.stroke_width, scale))
        case Polygon():
            points = [(x * scale, y * scale) for x, y in shape.points]
            pen.polygon(points, fill=shape.fill)
            if shape.stroke is not None:
                closed = [*points, *points[:2]]
                pen.line(closed, fill=shape.stroke, width=_thick(shape.stroke_width, scale), joint="curve")
        case Path():
            for line in _lines(shape):
                _paint_line(pen, line, shape.stroke, shape.stroke_width, shape.dash, scale)
        case Text():
            pass


def _thick(width: float, scale: float) -> int:
    return max(1, round(width * scale))


def _paint_rect(pen: ImageDraw.ImageDraw, rect: Rect, scale: float) -> None:
    plain = rect.stroke is None or bool(rect.dash)
    # outlines reach half their width over the edge; Pillow paints the last column and row too
    reach = 0.0 if plain else rect.stroke_width / 2
    left, top = round((rect.x - reach) * scale), round((rect.y - reach) * scale)
    right = round((rect.x + rect.width + reach) * scale) - 1
    bottom = round((rect.y + rect.height + reach) * scale) - 1
    if right < left or bottom < top:
        return
    outline, width = (None, 0) if plain else (rect.stroke, _thick(rect.stroke_width, scale))
    corner = (rect.radius + reach) * scale if rect.radius else 0
    pen.rounded_rectangle((left, top, right, bottom), corner, fill=rect.fill, outline=outline, width=width)
    if rect.stroke is not None and rect.dash:
        _paint_line(pen, _outline(rect), rect.stroke, rect.stroke_width, rect.dash, scale)


def _paint_line(
    pen: ImageDraw.ImageDraw, points: Sequence[Point], stroke: str, width: float, dash: tuple[float, ...], scale: float
) -> None:
    for line in _dashes(points, dash) if dash else [points]:
        # whole numbers: Pillow cuts the fractions off, which would shift pieces of one line against
        # each other
        pen.line(
            [(round(x * scale), round(y * scale)) for x, y in line], fill=stroke, width=_thick(width, scale), joint="curve"
        )


def _outline(rect: Rect) -> list[Point]:
    """The corners of a rectangle, rounded ones as curves of four pieces."""
    x0, y0, x1, y1, r = rect.x, rect.y, rect.x + rect.width, rect.y + rect.height, rect.radius
    points = []
    for x, y, start in ((x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180)):
        for step in range(5):
            angle = math.radians(start + 22.5 * step)
            points.append((x + r * math.cos(angle), y + r * math.sin(angle)))
    return [*points, points[0]]


def _lines(path: Path) -> Iterator[list[Point]]:
    """The connected lines of a path, curves as short straight pieces."""
    line: list[Point] = []
    for segment in path.segments:
        if segment[0] == "Q":
            (x0, y0), (_, cx, cy, x, y) = line[-1], segment
            for i in range(1, PIECES + 1):
                t = i / PIECES
                a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
                line.append((a * x0 + b * cx + c * x, a * y0 + b * cy + c * y))
        elif segment[0] == "L":
            line.append((segment[1], segment[2]))
        else:
            if line:
                yield line
            line = [(segment[1], segment[2])]
    yield line


def _dashes(points: Sequence[Point], pattern: tuple[float, ...]) -> Iterator[list[Point]]:
    """The strokes of a dashed line; `pattern` has the lengths of stroke, gap, stroke, gap, ..."""
    place, left = 0, pattern[0]
    dash = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            here = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if place % 2 == 0:
                yield [*dash, here]
            place = (place + 1) % len(pattern)
            left, dash = pattern[place], [here]
        left -= length - done
        dash.append((x1, y1))
    if place % 2 == 0:
        yield dash
