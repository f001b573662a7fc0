"""A `Picture` as SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeAlias
from xml.etree import ElementTree

from nasgym.drawing.picture import Box, Cell, Chain, Kind, Picture, Widths, amount, fold, percent

__all__ = ["picture_svg"]

Point: TypeAlias = tuple[float, float]

# fill and border; dark text on each of the fills has a contrast of at least 7 : 1
COLOURS: dict[Kind, tuple[str, str]] = {
    "fixed": ("#f1f3f5", "#868e96"),
    "identity": ("#ffffff", "#adb5bd"),
    "conv": ("#d3f0e3", "#2b8a63"),
    "mbconv": ("#dbeafe", "#3b73c4"),
    "wide": ("#a9ccf7", "#1f5aa8"),
    "pool": ("#fdebc8", "#b7791f"),
    "choice": ("#dbeafe", "#3b73c4"),
    "none": ("#ffffff", "#ced4da"),
    "open": ("#fff8e1", "#9a5b00"),
}
INK, GREY, LINE = "#1a1f26", "#545c66", "#868e96"
MARGIN = 28
# widths of letters as parts of the font size, on the wide side: readers have other fonts
SANS, MONO = 0.62, 0.61
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def picture_svg(picture: Picture) -> str:
    """The SVG document of a picture."""
    canvas, body = _Canvas(), picture.body
    match body:
        case Chain():
            width = _chain_width(body)
            draw: Callable[..., float] = _counted_chain if body.counted else _labelled_chain
        case Cell():
            width, draw = 820, _cell
        case Widths():
            width, draw = 720, _widths
    bottom = draw(canvas, body, _headline(canvas, picture, width))
    title = f"{picture.headline}: {picture.costs}" if picture.costs else picture.headline
    return canvas.document(width, bottom + MARGIN, title)


class _Canvas:
    """Collects shapes; text is escaped by the XML writer."""

    def __init__(self) -> None:
        self.root = ElementTree.Element("svg")

    def add(self, tag: str, **attributes: object) -> ElementTree.Element:
        named = {k.replace("_", "-"): f"{v:g}" if isinstance(v, float) else str(v) for k, v in attributes.items()}
        return ElementTree.SubElement(self.root, tag, named)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 12,
        *,
        bold: bool = False,
        colour: str = INK,
        at: str = "middle",
        mono: bool = False,
    ) -> None:
        style = {"font_weight": "600"} if bold else {}
        if mono:
            style["font_family"] = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
        self.add("text", x=x, y=y, font_size=size, fill=colour, text_anchor=at, **style).text = NOT_XML.sub("\ufffd", text)

    def box(self, x: float, y: float, width: float, height: float, kind: Kind) -> None:
        fill, border = COLOURS[kind]
        dash = {"stroke_dasharray": "5 4"} if kind in ("open", "none") else {}
        self.add("rect", x=x, y=y, width=width, height=height, rx=8, fill=fill, stroke=border, stroke_width=1.5, **dash)

    def arrow(self, path: str, tip: Point, direction: Point, colour: str = LINE, *, dash: bool = False) -> None:
        """A path that ends in a triangle at `tip`."""
        style = {"stroke_dasharray": "4 5"} if dash else {}
        self.add("path", d=path, fill="none", stroke=colour, stroke_width=1.6, **style)
        length = math.hypot(*direction)
        ux, uy = direction[0] / length, direction[1] / length
        back = tip[0] - 8 * ux, tip[1] - 8 * uy
        corners = [tip, (back[0] - 4 * uy, back[1] + 4 * ux), (back[0] + 4 * uy, back[1] - 4 * ux)]
        self.add("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners), fill=colour)

    def document(self, width: float, height: float, title: str) -> str:
        root = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {width:g} {height:g}",
                "width": f"{width:g}",
                "height": f"{height:g}",
                "role": "img",
                "font-family": "system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif",
            },
        )
        ElementTree.SubElement(root, "title").text = NOT_XML.sub("\ufffd", title)
        ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
        root.extend(self.root)
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="unicode") + "\n"


def _fit(text: str, width: float, size: float) -> str:
    """The text, cut where it would not fit into `width` pixels."""
    most = max(1, int(width / (SANS * size)))
    return text if len(text) <= most else text[: most - 1] + "…"


def _headline(canvas: _Canvas, picture: Picture, width: float) -> float:
    y = MARGIN + 12.0
    for line in fold(picture.headline, int((width - 2 * MARGIN) / (MONO * 15))):
        canvas.text(MARGIN, y, line, 15, bold=True, at="start", mono=True)
        y += 21
    for line in fold(picture.costs, int((width - 2 * MARGIN) / (SANS * 13))):
        canvas.text(MARGIN, y, line, 13, colour=GREY, at="start")
        y += 18
    return y


BOX, GAP, TALL, BARS = 92, 28, 88, 84


def _chain_width(chain: Chain) -> float:
    if chain.counted:
        return 2 * MARGIN + len(chain.boxes) * (BOX + GAP) - GAP
    return 2 * MARGIN + min(PER_ROW, max(4, len(chain.boxes))) * (WIDE + GAP) - GAP


def _counted_chain(canvas: _Canvas, chain: Chain, top: float) -> float:
    """Blocks from left to right, their residuals above, their MACs as bars below."""
    y = top + (58 if any(box.residual for box in chain.boxes) else 26)
    floor = y + TALL + 48 + BARS
    most = max(box.macs or 0 for box in chain.boxes) or 1
    for i, box in enumerate(chain.boxes):
        x = MARGIN + i * (BOX + GAP)
        middle = x + BOX / 2
        canvas.text(middle, y - 8, _fit(box.name, BOX + GAP, 11), 11, colour=GREY)
        _block(canvas, box, x, y, BOX, TALL)
        canvas.text(middle, y + TALL + 16, box.output, 11, colour=GREY)
        if i:
            canvas.arrow(f"M{x - GAP} {y + TALL / 2}H{x - 5}", (x, y + TALL / 2), (1, 0))
        if box.macs is None:
            canvas.text(middle, floor - 6, "?", 13, bold=True, colour=COLOURS["open"][1])
        elif box.macs:
            height = BARS * box.macs / most
            canvas.add("rect", x=x + 14, y=floor - height, width=BOX - 28, height=height, fill=COLOURS[box.kind][1], rx=2)
            canvas.text(middle, floor - height - 6, amount(box.macs), 11)
            if chain.total:
                canvas.text(middle, floor + 15, percent(box.macs / chain.total), 11, colour=GREY)
    for i, box in enumerate(chain.boxes):
        if box.residual:
            _residual(canvas, MARGIN + i * (BOX + GAP), y)
    canvas.add("line", x1=MARGIN, y1=floor, x2=_chain_width(chain) - MARGIN, y2=floor, stroke=LINE)
    canvas.text(MARGIN, floor + 15, "MACs", 11, bold=True, colour=GREY, at="start")
    return floor + 15


def _residual(canvas: _Canvas, x: float, y: float) -> None:
    """A line from before the block at `x` over it to a plus behind it; of two in a row, the plus comes before the fork."""
    colour = COLOURS["wide"][1]
    left, right, sky, centre = x - 10, x + BOX + 9, y - 34, y + TALL / 2
    start = f"M{left} {centre}V{sky + 10}Q{left} {sky} {left + 10} {sky}"
    path = f"{start}H{right - 10}Q{right} {sky} {right} {sky + 10}V{centre - 6}"
    canvas.add("path", d=path, fill="none", stroke=colour, stroke_width=1.6)
    canvas.add("circle", cx=right, cy=centre, r=6, fill="#ffffff", stroke=colour, stroke_width=1.6)
    canvas.add("path", d=f"M{right - 3.5} {centre}h7M{right} {centre - 3.5}v7", stroke=colour, stroke_width=1.6)
    canvas.text(x + BOX / 2, sky - 6, "+ input", 11, colour=colour)


def _block(canvas: _Canvas, box: Box, x: float, y: float, width: float, height: float) -> None:
    canvas.box(x, y, width, height, box.kind)
    step = 17
    line = y + height / 2 + 5 - step * len(box.lines) / 2
    canvas.text(x + width / 2, line, _fit(box.title, width - 4, 13), 13, bold=True)
    for text in box.lines:
        line += step
        canvas.text(x + width / 2, line, _fit(text, width - 4, 12), 12)


WIDE, PER_ROW = 112, 7


def _labelled_chain(canvas: _Canvas, chain: Chain, top: float) -> float:
    """Layers of choices in rows; the arrow out of a row goes on at the next one's left."""
    tall = 34 + 17 * max(len(box.lines) for box in chain.boxes)
    y = top
    for i, box in enumerate(chain.boxes):
        place = i % PER_ROW
        x = MARGIN + place * (WIDE + GAP)
        if place == 0:
            y = top + 26 + (i // PER_ROW) * (tall + 44)
        canvas.text(x + WIDE / 2, y - 8, _fit(box.name, WIDE + GAP - 4, 11), 11, colour=GREY)
        _block(canvas, box, x, y, WIDE, tall)
        if place:
            canvas.arrow(f"M{x - GAP} {y + tall / 2}H{x - 5}", (x, y + tall / 2), (1, 0))
        elif i:
            canvas.arrow(f"M{MARGIN - 18} {y + tall / 2}H{x - 5}", (x, y + tall / 2), (1, 0))
        if place == PER_ROW - 1 and i + 1 < len(chain.boxes):
            canvas.arrow(f"M{x + WIDE} {y + tall / 2}H{x + WIDE + 12}", (x + WIDE + 18, y + tall / 2), (1, 0))
    return y + tall


def _cell(canvas: _Canvas, cell: Cell, top: float) -> float:
    """Four nodes in a row; edges that pass a node go around it."""
    nodes = [(MARGIN + 42 + 227 * i, top + 168) for i in range(4)]
    heights = {(0, 2): -88, (1, 3): 88, (0, 3): -148}
    labels = []
    for edge in cell.edges:
        (x0, y0), (x1, y1) = nodes[edge.source], nodes[edge.target]
        lift = heights.get((edge.source, edge.target), 0)
        middle, control = ((x0 + x1) / 2, y0 + lift), ((x0 + x1) / 2, y0 + 2 * lift)
        start, tip = _towards((x0, y0), control, 23), _towards((x1, y1), control, 24)
        direction = (x1 - control[0], y1 - control[1])
        path = f"M{start[0]:.1f} {start[1]:.1f}Q{control[0]:.1f} {control[1]:.1f} {tip[0]:.1f} {tip[1]:.1f}"
        canvas.arrow(path, tip, direction, COLOURS[edge.kind][1], dash=edge.kind in ("none", "open"))
        labels.append((middle, edge))
    for (x, y), edge in labels:
        width = SANS * 12 * len(edge.label) + 20
        canvas.box(x - width / 2, y - 13, width, 26, edge.kind)
        canvas.text(x, y + 4, edge.label, 12, colour=GREY if edge.kind == "none" else INK)
    for i, (x, y) in enumerate(nodes):
        canvas.add("circle", cx=x, cy=y, r=22, fill=COLOURS["fixed"][0], stroke=INK, stroke_width=1.5)
        canvas.text(x, y + 5, str(i), 15, bold=True)
    canvas.text(nodes[0][0], nodes[0][1] + 42, "input", 12, colour=GREY)
    canvas.text(nodes[3][0], nodes[3][1] + 42, "output", 12, colour=GREY)
    bottom = nodes[0][1] + 128
    note = "Every node adds up what arrives. Five such cells stand in each stage of 16, 32 and 64 channels."
    canvas.text(MARGIN, bottom, note, 12, colour=GREY, at="start")
    return bottom


def _towards(point: Point, other: Point, distance: float) -> Point:
    """The point that lies `distance` from `point` in the direction of `other`."""
    dx, dy = other[0] - point[0], other[1] - point[1]
    length = math.hypot(dx, dy)
    return point[0] + dx / length * distance, point[1] + dy / length * distance


def _widths(canvas: _Canvas, widths: Widths, top: float) -> float:
    """Layers as upright bars whose height is the number of channels, over the outline of the widest choice."""
    full, bar, gap = 176, 74, 64
    floor = top + 26 + full
    for i, (name, channels) in enumerate(zip(widths.names, widths.channels, strict=True)):
        x = MARGIN + 20 + i * (bar + gap)
        height = full if channels is None else full * channels / widths.largest
        canvas.add("rect", x=x, y=floor - full, width=bar, height=full, rx=6, fill="#f8f9fa", stroke="#e3e6ea")
        if channels is None:
            canvas.box(x, floor - full, bar, full, "open")
            canvas.text(x + bar / 2, floor - full / 2 + 6, "?", 18, bold=True)
        else:
            canvas.box(x, floor - height, bar, height, "conv" if name.startswith("reduce") else "mbconv")
            canvas.text(x + bar / 2, floor - height - 7, str(channels), 14, bold=True)
        canvas.text(x + bar / 2, floor + 18, name, 12, colour=GREY)
        if i:
            canvas.arrow(f"M{x - gap + 6} {floor - 12}H{x - 11}", (x - 6, floor - 12), (1, 0))
    note = f"Channels of each layer, out of {widths.largest}; reducing layers halve the resolution."
    canvas.text(MARGIN, floor + 44, note, 12, colour=GREY, at="start")
    return floor + 44
