"""Frames: an architecture under construction as an environment shows it, as text, SVG or pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nasgym.drawing.cost_bar import CostRange, bar_height, bar_lines, draw_bar
from nasgym.drawing.draw import picture_lines
from nasgym.drawing.picture import Chain, Picture, amount, fold, make_picture
from nasgym.drawing.picture_layout import MARGIN, Room, body_width, draw_body, draw_headline, headline_lines
from nasgym.drawing.pixels import page_pixels
from nasgym.drawing.shapes import GREY, Canvas, Page, fit
from nasgym.drawing.svg import page_svg
from nasgym.errors import InvalidValue, unknown_name
from nasgym.problems.evaluation import Constraint
from nasgym.problems.evaluator import Evaluator
from nasgym.quality import ACCURACY, Quality
from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["Frame", "Value", "frame_of", "frame_pixels", "frame_svg", "frame_text"]

Value: TypeAlias = float | str | bool | Sequence[float]

COLUMNS = 100
NARROWEST = 760
MOST_LINES = 4
# the words of a result that follow the qualities; whatever else it has comes after them, in its own
# order
NEXT = ("reward", "feasible", "regret")


@dataclass(frozen=True, eq=False)
class Frame:
    """What one picture of an episode shows.

    Attributes:
        space: What is built.
        arch: ``(D,)`` int8 choices, ``-1`` where open; a copy of what is given.
        next_decision: Name of the decision that comes next, or of the layer where whole layers are
            chosen; None at the end.
        cost: What the completions can still cost, or None.
        result: After the end, numbers and words by name; the qualities and ``reward`` come first.
        qualities: What the qualities in it are, by name.

    Raises:
        InvalidValue: Not one architecture of the space.
        UnknownName: The space has neither a decision nor a layer of that name.
    """

    space: SearchSpace
    arch: Archs
    next_decision: str | None = None
    cost: CostRange | None = None
    result: Mapping[str, Value] | None = None
    qualities: Mapping[str, Quality] = field(default_factory=lambda: {ACCURACY.name: ACCURACY})

    def __post_init__(self) -> None:
        row = np.asarray(self.arch)
        if row.ndim != 1:
            raise InvalidValue(f"a frame shows one architecture, ({self.space.num_decisions},), got the shape {row.shape}.")
        copied = self.space.check(row[None], complete=False)[0].copy()
        copied.setflags(write=False)
        object.__setattr__(self, "arch", copied)
        layers = [layer.name for layer in self.space.layers]
        if self.next_decision is not None and self.next_decision not in (*self.space.names, *layers):
            raise unknown_name(f"decision of {self.space.name!r}", self.next_decision, (*self.space.names, *layers))

    @property
    def next_layer(self) -> int | None:
        """Position of the layer that the next decision is about."""
        for i, layer in enumerate(self.space.layers):
            if self.next_decision == layer.name or self.next_decision in self.space.names[layer.slice]:
                return i
        return None

    @property
    def status(self) -> str:
        """Where the episode stands, in words: ``"decision 5 of 15: layer2.kernel (3 or 5)"``."""
        space, made = self.space, int((self.arch != OPEN).sum())
        if self.next_decision in space.names:
            t = space.names.index(self.next_decision)
            head = f"decision {t + 1} of {space.num_decisions}: {self.next_decision}"
            if not space.active(self.arch[None])[0, t]:
                return f"{head} (without effect here)"
            legal = np.flatnonzero(space.mask(self.arch[None], t)[0])
            return f"{head} ({_alternatives([str(space.decisions[t].choices[choice]) for choice in legal])})"
        if self.next_layer is not None:
            options = space.layers[self.next_layer].count
            return f"layer {self.next_layer + 1} of {len(space.layers)}: {self.next_decision} ({options} options)"
        if made == space.num_decisions:
            length = int(space.lengths(self.arch[None])[0])
            said = "" if length == made else ", the last one a stop"
            return f"complete: {length} of {made} decisions{said}"
        return f"{'ended after' if self.result is not None else 'made'} {made} of {space.num_decisions} decisions"

    @property
    def result_text(self) -> str:
        """The result on one line; empty before the end."""
        if self.result is None:
            return ""
        first = ("invalid_action", *self.qualities, *NEXT)
        names = [name for name in first if name in self.result] + [name for name in self.result if name not in first]
        # the picture has these already
        skipped = {"arch"} if self.cost is None else {"arch", "target", self.cost.name}
        return " · ".join(_named(name, self.result[name], self.qualities.get(name)) for name in names if name not in skipped)


def frame_of(
    evaluator: Evaluator,
    arch: npt.ArrayLike,
    *,
    next_decision: str | None = None,
    limits: Constraint | None = None,
    result: Mapping[str, Value] | None = None,
) -> Frame:
    """A frame with the exact range of the primary cost, where the problem has one.

    Args:
        evaluator: What has the cost; nothing is evaluated or charged.
        arch: ``(D,)`` choices, ``-1`` where open.
        next_decision: As in `Frame`.
        limits: Limits of the primary cost in place of the problem's own, for targets that are drawn
            for each episode; its `upper` is one number.
        result: As in `Frame`.

    Raises:
        NasgymError: As `Frame`.
    """
    frame = Frame(evaluator.space, np.asarray(arch), next_decision, None, result, evaluator.qualities)
    if evaluator.cost_name is None:
        return frame
    low, high = evaluator.cost_bounds(np.stack([frame.arch, np.full_like(frame.arch, OPEN)]))
    limits = limits or evaluator.constraint or Constraint(evaluator.cost_name)
    target = None if limits.upper is None else float(limits.upper)
    now, whole = (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
    measured = None if result is None or evaluator.free_costs else result.get(evaluator.cost_name)
    if isinstance(measured, float):  # bounds of what is measured are estimates
        now = (measured, measured)
    cost = CostRange(evaluator.cost_name, *now, *whole, target, limits.lower)
    return Frame(evaluator.space, frame.arch, next_decision, cost, result, evaluator.qualities)


def frame_text(frame: Frame) -> str:
    """The frame for a terminal of 100 columns.

    The first line is the text form of the architecture and nothing else, however long that is;
    ``>`` marks what is decided next.
    """
    text = frame.space.to_str(frame.arch[None])[0]
    lines = [text, *fold(frame.status, COLUMNS), "", *picture_lines(_picture(frame))]
    if frame.cost is not None:
        sentence, *bar = bar_lines(frame.cost)
        lines += ["", *fold(sentence, COLUMNS), *bar]
    if frame.result is not None:
        lines += ["", *fold(frame.result_text, COLUMNS)]
    return "\n".join(lines)


def frame_svg(frame: Frame) -> str:
    """The frame as a self-contained SVG document: no scripts, ids or references.

    Its title says what it shows.
    """
    return page_svg(_page(frame))


def frame_pixels(frame: Frame, scale: float = 1.0) -> npt.NDArray[np.uint8]:
    """The frame as ``(H, W, 3)`` uint8 colours.

    H and W are even, and the same for every frame of a space with the same kinds of limits.

    Args:
        frame: What to show.
        scale: Pixels for each pixel of the SVG; 2 for print.

    Raises:
        InvalidValue: The scale is not positive or too large.
        MissingPackage: Pillow or Matplotlib is not installed.
    """
    return page_pixels(_page(frame), scale)


def _picture(frame: Frame) -> Picture:
    return make_picture(frame.space, frame.arch, counted=False, next_layer=frame.next_layer)


def _page(frame: Frame) -> Page:
    picture, room = _picture(frame), _room(frame.space)
    canvas, width = Canvas(), _width(picture)
    inner = width - 2 * MARGIN
    below, y = draw_headline(canvas, picture.headline, width, room.headline_lines)
    canvas.text(MARGIN, below + 1, fit(frame.status, inner, 13), 13, colour=GREY, anchor="start")
    y = draw_body(canvas, picture.body, y + 24, room)
    said = [picture.headline, frame.status]
    if frame.cost is not None:
        draw_bar(canvas, frame.cost, MARGIN, width - MARGIN, y + 36)
        y += 36 + bar_height(frame.cost)
        said.append(frame.cost.sentence())
    # the line is kept free before the end: the frames of an episode have one size
    y += 34
    if frame.result is not None:
        canvas.text(MARGIN, y, fit(frame.result_text, inner, 14, bold=True), 14, bold=True, anchor="start")
        said.append(frame.result_text)
    return canvas.page(width, 2 * round((y + MARGIN - 8) / 2), ". ".join(said))


def _width(picture: Picture) -> float:
    return max(body_width(picture.body), NARROWEST)


@lru_cache(maxsize=8)
def _room(space: SearchSpace) -> Room:
    """What the largest picture of a space takes."""
    picture = make_picture(space, space.default, counted=False)
    longest = []
    for layer in space.layers:
        # of layers with very many options some: a headline that turns out longer is cut
        some = layer.choices(np.arange(0, layer.count, 1 + layer.count // 1000))
        longest.append(max((space.layer_text(layer, option) for option in some), key=len))
    lines = min(MOST_LINES, len(headline_lines(f"{space.name}  {space.join(longest)}", _width(picture))))
    if not isinstance(picture.body, Chain):
        return Room(lines)
    if not picture.body.counted:
        return Room(lines, box_lines=max(len(layer.columns) for layer in space.layers) - 1)
    return Room(lines, residuals=True, most_macs=max(box.macs or 0 for box in picture.body.boxes))


def _alternatives(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} or {labels[-1]}"


def _named(name: str, value: Value, quality: Quality | None = None) -> str:
    words = name.replace("_", " ") if name == "invalid_action" else name
    if isinstance(value, bool | np.bool_):
        return words if value else f"not {words}"
    if isinstance(value, str):
        return f"{words} {value}"
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "iuf" or numbers.ndim > 1:
        raise InvalidValue(f"the result of a frame has numbers, words and truth values; {name!r} is {value!r}.")
    if numbers.ndim == 1:
        return f"{words} ({', '.join(f'{number:.4g}' for number in numbers.tolist())})"
    number = float(numbers)
    if quality is not None:
        return f"{words} {number:.2%}" if quality.percent else f"{words} {quality.text(number)}"
    return f"{words} {amount(number)}" if abs(number) >= 1000 else f"{words} {number:.4g}"
