"""`CostRange`: what completions of an architecture can still cost, and the bar that shows it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nasgym.drawing.picture import amount
from nasgym.drawing.shapes import GREY, INK, LINE, SANS, Canvas, Path, Point, Polygon, Rect, Segment, fit
from nasgym.errors import InvalidValue

__all__ = ["CostRange", "bar_height", "bar_lines", "draw_bar"]

COLUMNS, CELLS = 100, 60
HEIGHT, HATCH = 20, 7
WITHIN, BEYOND = "#3b73c4", "#d55e00"
ALLOWED, REFUSED = "#eef3fb", "#f1f3f5"
WORDS = {"macs": "MACs", "params": "params"}


@dataclass(frozen=True)
class CostRange:
    """The exact range of a cost over the completions of an architecture.

    All numbers are in the cost's unit.

    Attributes:
        name: Name of the cost.
        low, high: Least and largest cost of the completions, equal once the architecture is
            complete.
        least, largest: The same of the whole space.
        target: Largest wanted cost, or None.
        lower: Least wanted cost, or None.

    Raises:
        InvalidValue: A number is not finite, or `low` is larger than `high`.
    """

    name: str
    low: float
    high: float
    least: float
    largest: float
    target: float | None = None
    lower: float | None = None

    def __post_init__(self) -> None:
        known = [v for v in (self.low, self.high, self.least, self.largest, self.target, self.lower) if v is not None]
        if not all(map(math.isfinite, known)) or self.low > self.high or self.least > self.largest:
            raise InvalidValue(
                f"the range of {self.name!r} is drawn from finite numbers in ascending order; got {self.low:g} to "
                f"{self.high:g} out of {self.least:g} to {self.largest:g}, target {self.target}, lower limit {self.lower}."
            )

    @property
    def axis(self) -> tuple[float, float]:
        """Both ends of the bar: the range of the space, widened to the limits."""
        values = [self.least, self.largest, self.low, self.high]
        values += [limit for limit in (self.target, self.lower) if limit is not None]
        low, high = min(values), max(values)
        return (low, high) if low < high else (low - 1, high + 1)

    @property
    def verdict(self) -> str:
        """Where the completions lie relative to the limits, in words; empty without limits."""
        if self.target is None and self.lower is None:
            return ""
        every = "" if self.low == self.high else "every completion "
        if self.target is not None and self.low > self.target:
            return f"{every}beyond the target"
        if self.lower is not None and self.high < self.lower:
            return f"{every}below the lower limit"
        over = self.target is not None and self.high > self.target
        under = self.lower is not None and self.low < self.lower
        if over or under:
            return ", ".join(["the costliest beyond the target"] * over + ["the cheapest below the lower limit"] * under)
        return f"{every}within the {'target' if self.lower is None else 'limits'}"

    def sentence(self) -> str:
        """The numbers in words.

        For example ``"MACs: 96.2 k to 412 k, target 500 k (every completion within the target)"``.
        """
        low, high, target, lower = self._texts()
        parts = [low if self.low == self.high else f"{low} to {high}"]
        parts += [f"target {target}"] if target else []
        parts += [f"at least {lower}"] if lower else []
        return f"{WORDS.get(self.name, self.name)}: {', '.join(parts)}" + (f" ({self.verdict})" if self.verdict else "")

    def _texts(self) -> tuple[str, str, str, str]:
        """`low`, `high`, `target`, `lower` with as many digits as tell different ones apart."""
        values = (self.low, self.high, self.target, self.lower)
        known = {value for value in values if value is not None}
        digits = next((d for d in range(3, 12) if len({amount(value, d) for value in known}) == len(known)), 12)
        low, high, target, lower = ("" if value is None else amount(value, digits) for value in values)
        return low, high, target, lower

    def _pieces(self) -> Iterator[tuple[float, float, bool]]:
        """Parts of the axis between the limits: both ends, and whether costs there are wanted."""
        start, end = self.axis
        lower = start if self.lower is None else self.lower
        target = end if self.target is None else max(self.target, lower)
        yield from (
            (a, b, wanted) for a, b, wanted in ((start, lower, False), (lower, target, True), (target, end, False)) if a < b
        )


def bar_height(cost: CostRange) -> float:
    """Pixels from the base line of the sentence to the lower end of the bar."""
    return 10 + (18 if cost.target is not None else 0) + HEIGHT + (16 if cost.lower is not None else 0)


def draw_bar(canvas: Canvas, cost: CostRange, left: float, right: float, y: float) -> None:
    """Draws the sentence with its base line at `y`, and the bar below it.

    What the completions can cost is filled: plainly where it is wanted, hatched where it lies
    beyond a limit. A complete architecture is a diamond, filled or empty.
    """
    canvas.text(left, y, fit(cost.sentence(), right - left, 13), 13, anchor="start")
    start, end = cost.axis
    x0, x1 = left + 66, right - 66
    top = y + 10 + (18 if cost.target is not None else 0)

    def place(value: float) -> float:
        return x0 + (x1 - x0) * (value - start) / (end - start)

    for text, x, anchor in ((amount(start), x0 - 14, "end"), (amount(end), x1 + 14, "start")):
        canvas.text(x, top + HEIGHT / 2 + 4, text, 11, colour=GREY, anchor="end" if anchor == "end" else "start")
    for a, b, wanted in cost._pieces():
        canvas.add(Rect(place(a), top, place(b) - place(a), HEIGHT, ALLOWED if wanted else REFUSED))
    for a, b, wanted in cost._pieces():
        low, high = place(max(a, cost.low)), place(min(b, cost.high))
        if low < high:
            canvas.add(Rect(low, top, high - low, HEIGHT, WITHIN if wanted else "#ffffff"))
            if not wanted:
                canvas.add(Path(_hatch(low, top, high, top + HEIGHT), BEYOND, 1.6))
                canvas.line([(low, top), (high, top), (high, top + HEIGHT), (low, top + HEIGHT), (low, top)], BEYOND, 1.6)
    canvas.line([(x0, top), (x1, top), (x1, top + HEIGHT), (x0, top + HEIGHT), (x0, top)], LINE)
    if place(cost.high) - place(cost.low) < 3:
        fine = (cost.target is None or cost.high <= cost.target) and (cost.lower is None or cost.low >= cost.lower)
        canvas.add(_diamond((place(cost.low) + place(cost.high)) / 2, top + HEIGHT / 2, fine))
    if cost.target is not None:
        _tick(canvas, place(cost.target), top - 5, top + HEIGHT + 4, top - 8, f"target {cost._texts()[2]}", left, right)
    if cost.lower is not None:
        floor = top + HEIGHT
        _tick(canvas, place(cost.lower), floor + 5, top - 4, floor + 16, f"at least {cost._texts()[3]}", left, right)


def _tick(canvas: Canvas, x: float, y: float, end: float, base: float, text: str, left: float, right: float) -> None:
    """A line from `y` to `end` with its text at `y`, moved to stay between the edges."""
    canvas.line([(x, y), (x, end)], INK, 2)
    half = SANS * 11 * len(text) / 2
    canvas.text(min(max(x, left + half), right - half), base, text, 11, bold=True)


def _diamond(x: float, y: float, fine: bool) -> Polygon:
    reach = HEIGHT / 2 - 1
    corners: tuple[Point, ...] = ((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y))
    return Polygon(corners, WITHIN if fine else "#ffffff", INK if fine else BEYOND, 2)


def _hatch(left: float, top: float, right: float, bottom: float) -> tuple[Segment, ...]:
    """Rising lines that end at the edges of a rectangle."""
    found: list[Segment] = []
    tall = bottom - top
    # the grid is the page's, so that the lines stand still while the rectangle changes
    foot = math.ceil((left - tall) / HATCH) * HATCH
    while foot < right:
        a, b = max(left, foot), min(right, foot + tall)
        if a < b:
            found += [("M", a, bottom - (a - foot)), ("L", b, bottom - (b - foot))]
        foot += HATCH
    return tuple(found)


def bar_lines(cost: CostRange) -> list[str]:
    """The same for terminals.

    Of 60 cells, ``█`` is a wanted cost that a completion can have, ``▒`` one that lies beyond a
    limit; ``·`` and ``-`` are such costs out of reach.
    """
    start, end = cost.axis

    def place(value: float) -> int:
        return min(CELLS - 1, int((value - start) / (end - start) * CELLS))

    lower = 0 if cost.lower is None else place(cost.lower)
    target = CELLS - 1 if cost.target is None else place(cost.target)
    outside = (cost.target is not None and cost.low > cost.target) or (cost.lower is not None and cost.high < cost.lower)
    cells = []
    for cell in range(CELLS):
        wanted = lower <= cell <= target
        if place(cost.low) <= cell <= place(cost.high):
            cells.append("█" if wanted and not outside else "▒")
        else:
            cells.append("·" if wanted else "-")
    head = f"{amount(start):>8} ["
    lines = [cost.sentence(), f"{head}{''.join(cells)}] {amount(end)}"]
    for value, text in ((cost.lower, "at least"), (cost.target, "target")):
        if value is not None:
            column, words = len(head) + place(value), f"{text} {cost._texts()[2 if text == 'target' else 3]}"
            right = " " * column + f"^ {words}"
            lines.append(right if len(right) <= COLUMNS else " " * (column - len(words) - 1) + f"{words} ^")
    return lines
