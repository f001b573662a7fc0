"""Where everything of a `Picture` stands on its page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nasgym.drawing.picture import Body, Box, Cells, Chain, Edge, Graph, Kind, Picture, Widths, amount, fold, percent
from nasgym.drawing.shapes import (
    GREY,
    INK,
    LINE,
    MONO,
    SANS,
    Canvas,
    Circle,
    Page,
    Path,
    Point,
    Rect,
    Segment,
    fit,
)

__all__ = ["MARGIN", "Room", "body_width", "draw_body", "draw_headline", "picture_page"]

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
MARGIN = 28


@dataclass(frozen=True)
class Room:
    """What is kept free at least, so that all pictures of one space have one size.

    Attributes:
        headline_lines: Lines of the headline; a longer one is cut. None is as many as it needs.
        residuals: Whether there is room for the lines of residuals.
        box_lines: Lines below the titles of boxes.
        most_macs: The MACs of the highest bar.
    """

    headline_lines: int | None = None
    residuals: bool = False
    box_lines: int = 0
    most_macs: int = 1


def picture_page(picture: Picture) -> Page:
    """The page of a picture, as large as the picture needs."""
    canvas, width = Canvas(), body_width(picture.body)
    y, _ = draw_headline(canvas, picture.headline, width)
    for line in fold(picture.costs, int((width - 2 * MARGIN) / (SANS * 13))):
        canvas.text(MARGIN, y, line, 13, colour=GREY, anchor="start")
        y += 18
    bottom = draw_body(canvas, picture.body, y, Room())
    title = f"{picture.headline}: {picture.costs}" if picture.costs else picture.headline
    return canvas.page(width, bottom + MARGIN, title)


def body_width(body: Body) -> float:
    """Pixels from edge to edge of the page."""
    match body:
        case Chain():
            return _chain_width(body)
        case Graph():
            return 2 * MARGIN + 83 + STEP * (body.nodes - 1)
        case Cells():
            return max(body_width(body.chain), *map(body_width, body.graphs))
    return 720


def draw_body(canvas: Canvas, body: Body, top: float, room: Room) -> float:
    """Draws what stands below the headline; returns its lower end."""
    match body:
        case Chain():
            return _counted_chain(canvas, body, top, room) if body.counted else _labelled_chain(canvas, body, top, room)
        case Graph():
            return _graph(canvas, body, top)
        case Cells():
            y = draw_body(canvas, body.chain, top, room)
            for graph in body.graphs:
                canvas.text(MARGIN, y + 46, graph.name, 14, bold=True, anchor="start")
                y = _graph(canvas, graph, y + 46)
            return y
    return _widths(canvas, body, top)


def draw_headline(canvas: Canvas, headline: str, width: float, room_for: int | None = None) -> tuple[float, float]:
    """Draws the headline in as many lines as it needs, or in at most as many as there is room for.

    Returns:
        The base line of what follows, and where that would be if all the room had been used.
    """
    lines = headline_lines(headline, width)
    if room_for is not None and len(lines) > room_for:
        lines = [*lines[: room_for - 1], lines[room_for - 1][:-1] + "…"]
    y = MARGIN + 12.0
    for i, line in enumerate(lines):
        canvas.text(MARGIN, y + 21 * i, line, 15, bold=True, anchor="start", mono=True)
    return y + 21 * len(lines), y + 21 * (room_for or len(lines))


def headline_lines(headline: str, width: float) -> list[str]:
    """The lines of a headline on a page."""
    return fold(headline, int((width - 2 * MARGIN) / (MONO * 15)))


def _draw_box(canvas: Canvas, x: float, y: float, width: float, height: float, kind: Kind, *, marked: bool = False) -> None:
    """A filled box with an outline: dashed where open or not there, thick and dark where marked."""
    fill, border = COLOURS[kind]
    dash = (5.0, 4.0) if kind in ("open", "none") else ()
    outline = (INK, 3.0, ()) if marked else (border, 1.5, dash)
    canvas.add(Rect(x, y, width, height, fill, outline[0], outline[1], 8, outline[2]))


def _straight_arrow(canvas: Canvas, start: float, end: float, y: float) -> None:
    """An arrow to the right whose tip is at `end`."""
    canvas.arrow(Path((("M", start, y), ("L", end - 5, y)), LINE, 1.6), (1, 0), (end, y))


BOX, GAP, TALL, BARS = 92, 28, 88, 84


def _chain_width(chain: Chain) -> float:
    if chain.counted:
        return 2 * MARGIN + len(chain.boxes) * (BOX + GAP) - GAP
    return 2 * MARGIN + min(PER_ROW, max(4, len(chain.boxes))) * (WIDE + GAP) - GAP


def _counted_chain(canvas: Canvas, chain: Chain, top: float, room: Room) -> float:
    """Blocks from left to right, their residuals above, their MACs as bars below."""
    y = top + (58 if room.residuals or any(box.residual for box in chain.boxes) else 26)
    floor = y + TALL + 48 + BARS
    most = max(room.most_macs, *(box.macs or 0 for box in chain.boxes))
    for i, box in enumerate(chain.boxes):
        x = MARGIN + i * (BOX + GAP)
        middle = x + BOX / 2
        _name(canvas, box, middle, y - 8, BOX + GAP)
        _block(canvas, box, x, y, BOX, TALL)
        canvas.text(middle, y + TALL + 16, box.output, 11, colour=GREY)
        if i:
            _straight_arrow(canvas, x - GAP, x, y + TALL / 2)
        if box.macs is None:
            canvas.text(middle, floor - 6, "?", 13, bold=True, colour=COLOURS["open"][1])
        elif box.macs:
            height = BARS * box.macs / most
            canvas.add(Rect(x + 14, floor - height, BOX - 28, height, COLOURS[box.kind][1], radius=2))
            canvas.text(middle, floor - height - 6, amount(box.macs), 11)
            if chain.total:
                canvas.text(middle, floor + 15, percent(box.macs / chain.total), 11, colour=GREY)
    for i, box in enumerate(chain.boxes):
        if box.residual:
            _residual(canvas, MARGIN + i * (BOX + GAP), y)
    canvas.line([(MARGIN, floor), (_chain_width(chain) - MARGIN, floor)])
    canvas.text(MARGIN, floor + 15, "MACs", 11, bold=True, colour=GREY, anchor="start")
    return floor + 15


def _name(canvas: Canvas, box: Box, x: float, y: float, width: float) -> None:
    colour = INK if box.next else GREY
    canvas.text(x, y, fit(box.name, width, 11, bold=box.next), 11, colour=colour, bold=box.next)


def _residual(canvas: Canvas, x: float, y: float) -> None:
    """A line from before the block at `x` over it to a plus after it.

    Of two in a row, the plus comes before the fork.
    """
    colour = COLOURS["wide"][1]
    left, right, sky, centre = x - 10, x + BOX + 9, y - 34, y + TALL / 2
    over: tuple[Segment, ...] = (
        ("M", left, centre),
        ("L", left, sky + 10),
        ("Q", left, sky, left + 10, sky),
        ("L", right - 10, sky),
        ("Q", right, sky, right, sky + 10),
        ("L", right, centre - 6),
    )
    canvas.add(Path(over, colour, 1.6))
    canvas.add(Circle(right, centre, 6, "#ffffff", colour, 1.6))
    canvas.line([(right - 3.5, centre), (right + 3.5, centre)], colour, 1.6)
    canvas.line([(right, centre - 3.5), (right, centre + 3.5)], colour, 1.6)
    canvas.text(x + BOX / 2, sky - 6, "+ input", 11, colour=colour)


def _block(canvas: Canvas, box: Box, x: float, y: float, width: float, height: float) -> None:
    _draw_box(canvas, x, y, width, height, box.kind, marked=box.next)
    step = 17
    line = y + height / 2 + 5 - step * len(box.lines) / 2
    canvas.text(x + width / 2, line, fit(box.title, width - 4, 13, bold=True), 13, bold=True)
    for text in box.lines:
        line += step
        canvas.text(x + width / 2, line, fit(text, width - 4, 12), 12)


WIDE, PER_ROW = 112, 7


def _labelled_chain(canvas: Canvas, chain: Chain, top: float, room: Room) -> float:
    """Layers of choices in rows; the arrow out of a row goes on at the next one's left."""
    tall = 34 + 17 * max(room.box_lines, *(len(box.lines) for box in chain.boxes))
    y = top
    for i, box in enumerate(chain.boxes):
        place = i % PER_ROW
        x = MARGIN + place * (WIDE + GAP)
        if place == 0:
            y = top + 26 + (i // PER_ROW) * (tall + 44)
        _name(canvas, box, x + WIDE / 2, y - 8, WIDE + GAP - 4)
        _block(canvas, box, x, y, WIDE, tall)
        if place:
            _straight_arrow(canvas, x - GAP, x, y + tall / 2)
        elif i:
            _straight_arrow(canvas, MARGIN - 18, x, y + tall / 2)
        if place == PER_ROW - 1 and i + 1 < len(chain.boxes):
            _straight_arrow(canvas, x + WIDE, x + WIDE + 18, y + tall / 2)
    return y + tall


# from node to node; the lowest arc around a node, and each further one
STEP, ARC, MORE = 227, 88, 60


def _lifts(graph: Graph) -> list[int]:
    """How far each edge goes around the nodes that it passes: up (negative), down, or not at all.

    Shorter edges lie nearer to the nodes; edges that would meet lie on different sides or further
    out.
    """
    ways: dict[int, list[Edge]] = {}
    lifts = dict[int, int]()
    for number, edge in sorted(enumerate(graph.edges), key=lambda one: (one[1].target - one[1].source, one[1].source)):
        straight = [0] if edge.target - edge.source == 1 else []
        around = [side * (ARC + MORE * far) for far in range(len(graph.edges)) for side in (-1, 1)]
        lift = next(
            lift
            for lift in (*straight, *around)
            if all(edge.target <= other.source or other.target <= edge.source for other in ways.get(lift, []))
        )
        ways.setdefault(lift, []).append(edge)
        lifts[number] = lift
    return [lifts[number] for number in range(len(graph.edges))]


def _graph(canvas: Canvas, graph: Graph, top: float) -> float:
    """Nodes in a row; edges that pass a node go around it."""
    lifts = _lifts(graph)
    above, below = max(0, -min(lifts)), max(0, *lifts)
    nodes = [(MARGIN + 42 + STEP * i, top + above + 20) for i in range(graph.nodes)]
    labels = []
    for edge, lift in zip(graph.edges, lifts, strict=True):
        (x0, y0), (x1, y1) = nodes[edge.source], nodes[edge.target]
        middle, control = ((x0 + x1) / 2, y0 + lift), ((x0 + x1) / 2, y0 + 2 * lift)
        start, tip = _towards((x0, y0), control, 23), _towards((x1, y1), control, 24)
        direction = (x1 - control[0], y1 - control[1])
        dash = (4.0, 5.0) if edge.kind in ("none", "open") else ()
        canvas.arrow(Path((("M", *start), ("Q", *control, *tip)), COLOURS[edge.kind][1], 1.6, dash), direction, tip)
        labels.append((middle, edge))
    for (x, y), edge in labels:
        width = SANS * 12 * len(edge.label) + 20
        _draw_box(canvas, x - width / 2, y - 13, width, 26, edge.kind, marked=edge.next)
        canvas.text(x, y + 4, edge.label, 12, colour=GREY if edge.kind == "none" else INK)
    for i, (x, y) in enumerate(nodes):
        canvas.add(Circle(x, y, 22, COLOURS["fixed"][0], INK, 1.5))
        canvas.text(x, y + 5, str(i), 15, bold=True)
    for i, (x, y) in enumerate(nodes):
        what = "input" if i < graph.inputs else "output" if i == graph.nodes - 1 else ""
        what = f"{what}, concat" if i in graph.concat and what else "concat" if i in graph.concat else what
        if what:
            canvas.text(x, y + 42, what, 12, colour=GREY)
    bottom = nodes[0][1] + max(below, 28) + 40
    canvas.text(MARGIN, bottom, graph.note, 12, colour=GREY, anchor="start")
    return bottom


def _towards(point: Point, other: Point, distance: float) -> Point:
    """The point that lies `distance` from `point` in the direction of `other`."""
    dx, dy = other[0] - point[0], other[1] - point[1]
    length = math.hypot(dx, dy)
    return point[0] + dx / length * distance, point[1] + dy / length * distance


def _widths(canvas: Canvas, widths: Widths, top: float) -> float:
    """Layers as upright bars, as high as their channels, over the outline of the widest choice."""
    full, bar, gap = 176, 74, 64
    floor = top + 26 + full
    for i, (name, channels) in enumerate(zip(widths.names, widths.channels, strict=True)):
        x = MARGIN + 20 + i * (bar + gap)
        is_next = i == widths.next
        height = full if channels is None else full * channels / widths.largest
        canvas.add(Rect(x, floor - full, bar, full, "#f8f9fa", "#e3e6ea", radius=6))
        if channels is None:
            _draw_box(canvas, x, floor - full, bar, full, "open", marked=is_next)
            canvas.text(x + bar / 2, floor - full / 2 + 6, "?", 18, bold=True)
        else:
            kind: Kind = "conv" if name.startswith("reduce") else "mbconv"
            _draw_box(canvas, x, floor - height, bar, height, kind, marked=is_next)
            canvas.text(x + bar / 2, floor - height - 7, str(channels), 14, bold=True)
        canvas.text(x + bar / 2, floor + 18, name, 12, colour=INK if is_next else GREY, bold=is_next)
        if i:
            _straight_arrow(canvas, x - gap + 6, x - 6, floor - 12)
    note = f"Channels of each layer, out of {widths.largest}; reducing layers halve the resolution."
    canvas.text(MARGIN, floor + 44, note, 12, colour=GREY, anchor="start")
    return floor + 44
