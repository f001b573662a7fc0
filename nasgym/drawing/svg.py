"""A `Page` as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

from nasgym.drawing.shapes import Circle, Page, Path, Polygon, Rect, Shape, Text

__all__ = ["page_svg"]

SANS_FONTS = "system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif"
MONO_FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def page_svg(page: Page) -> str:
    """A self-contained SVG document; texts are escaped by the XML writer."""
    width, height = _number(page.width), _number(page.height)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": width,
            "height": height,
            "role": "img",
            "font-family": SANS_FONTS,
        },
    )
    ElementTree.SubElement(root, "title").text = page.title
    ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    for shape in page.shapes:
        _add(root, shape)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _stroke(colour: str | None, width: float, dash: tuple[float, ...] = ()) -> dict[str, str]:
    """The attributes of an outline, without those that have their default."""
    found = {} if colour is None else {"stroke": colour}
    if width != 1:
        found["stroke-width"] = _number(width)
    if dash:
        found["stroke-dasharray"] = " ".join(map(_number, dash))
    return found


def _numbers(**values: float) -> dict[str, str]:
    return {name: _number(value) for name, value in values.items()}


def _add(root: ElementTree.Element, shape: Shape) -> None:
    match shape:
        case Rect():
            place = _numbers(x=shape.x, y=shape.y, width=shape.width, height=shape.height)
            corner = _numbers(rx=shape.radius) if shape.radius else {}
            outline = _stroke(shape.stroke, shape.stroke_width, shape.dash)
            ElementTree.SubElement(root, "rect", {**place, **corner, "fill": shape.fill, **outline})
        case Circle():
            place = _numbers(cx=shape.x, cy=shape.y, r=shape.radius)
            outline = _stroke(shape.stroke, shape.stroke_width)
            ElementTree.SubElement(root, "circle", {**place, "fill": shape.fill, **outline})
        case Polygon():
            points = " ".join(f"{_number(x)},{_number(y)}" for x, y in shape.points)
            outline = _stroke(shape.stroke, shape.stroke_width)
            ElementTree.SubElement(root, "polygon", {"points": points, "fill": shape.fill, **outline})
        case Path():
            d = " ".join(letter + " ".join(map(_number, places)) for letter, *places in shape.segments)
            outline = _stroke(shape.stroke, shape.stroke_width, shape.dash)
            ElementTree.SubElement(root, "path", {"d": d, "fill": "none", **outline})
        case Text():
            style = {"font-size": _number(shape.size), "fill": shape.colour, "text-anchor": shape.anchor}
            if shape.bold:
                style["font-weight"] = "600"
            if shape.mono:
                style["font-family"] = MONO_FONTS
            ElementTree.SubElement(root, "text", {**_numbers(x=shape.x, y=shape.y), **style}).text = shape.text
