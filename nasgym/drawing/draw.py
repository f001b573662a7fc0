"""Drawings of architectures: text for terminals, SVG for pages."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy.typing as npt

from nasgym.drawing.picture import (
    Box,
    Cells,
    Chain,
    Edge,
    Graph,
    Picture,
    Widths,
    amount,
    fold,
    make_picture,
    percent,
    plan_picture,
)
from nasgym.drawing.picture_layout import picture_page
from nasgym.drawing.svg import page_svg
from nasgym.networks.plan import NetworkPlan
from nasgym.spaces.space import SearchSpace

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["draw_svg", "draw_text", "picture_lines", "plan_svg", "plan_text"]

COLUMNS = 100
BAR, SHORTEST_BAR = 24, 6
SHARE = len(" 100%")
EIGHTHS = " ▏▎▍▌▋▊▉█"


def draw_svg(space: SearchSpace, arch: npt.ArrayLike, problem_costs: Mapping[str, float] | None = None) -> str:
    """A self-contained SVG document: no scripts, ids or references; its title says what it shows.

    Args:
        space: Any space; those of `nasgym.spaces` have pictures of their own, others become rows of
            boxes.
        arch: ``(D,)`` choices; open ones (``-1``) are drawn as ``?``.
        problem_costs: Further costs by name, for example ``{"latency_ms": 3.2}``. They take the
            place of counted ones of the same name: MACs and parameters of the NATS-Bench spaces are
            counted for CIFAR-10.

    Raises:
        InvalidValue: Not one architecture, or one that the space does not allow.
    """
    return page_svg(picture_page(make_picture(space, arch, problem_costs)))


def draw_text(space: SearchSpace, arch: npt.ArrayLike, problem_costs: Mapping[str, float] | None = None) -> str:
    """Lines of at most 100 columns for a terminal; arguments and errors as `draw_svg`."""
    return _text(make_picture(space, arch, problem_costs))


def plan_svg(plan: NetworkPlan) -> str:
    """An SVG document, as `draw_svg`, of a network that need not belong to a space."""
    return page_svg(picture_page(plan_picture(plan)))


def plan_text(plan: NetworkPlan) -> str:
    """Lines, as `draw_text`, of a network that need not belong to a space."""
    return _text(plan_picture(plan))


def _text(picture: Picture) -> str:
    return "\n".join([*fold(picture.headline, COLUMNS), *fold(picture.costs, COLUMNS), "", *picture_lines(picture)])


def picture_lines(picture: Picture) -> list[str]:
    """What stands below the headline, in lines of at most 100 columns.

    ``>`` marks what is decided next.
    """
    from rich.console import Console

    file = io.StringIO()
    console = Console(file=file, width=COLUMNS, color_system=None, force_terminal=False, _environ={})
    for number, table in enumerate(_tables(picture)):
        if number:
            console.print()
        console.print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def _tables(picture: Picture) -> list[Table]:
    body = picture.body
    if isinstance(body, Cells):
        return [_counted_chain(body.chain), *(_named_graph(graph) for graph in body.graphs)]
    if isinstance(body, Chain):
        return [_counted_chain(body) if body.counted else _labelled_chain(body)]
    return [_graph(body) if isinstance(body, Graph) else _widths(body)]


def _grid(columns: str, *, heading: tuple[str, ...] = ()) -> Table:
    """A table without lines; `columns` has ``<`` or ``>`` for each column."""
    from rich.table import Table

    table = Table(box=None, show_header=bool(heading), padding=(0, 2, 0, 0))
    for i, side in enumerate(columns):
        title = heading[i] if heading else ""
        table.add_column(title, justify="left" if side == "<" else "right", overflow="ellipsis", no_wrap=True)
    return table


def _add(table: Table, *cells: str) -> None:
    """Adds a row of plain text: labels of user tables may hold what rich reads as markup."""
    from rich.text import Text

    table.add_row(*map(Text, cells))


def _bar(part: float, length: int = BAR) -> str:
    """A bar of `part` (0 to 1) of the full length."""
    full, rest = divmod(round(part * length * 8), 8)
    return "█" * full + EIGHTHS[rest].strip()


def _describe(box: Box) -> str:
    return ", ".join((box.title, *box.lines)) + (" + input" if box.residual else "")


def _name(box: Box) -> str:
    return f"> {box.name}" if box.next else box.name


def _edge(edge: Edge) -> str:
    label = "-" if edge.kind == "none" else edge.label
    return f"> {label}" if edge.next else label


def _counted_chain(chain: Chain) -> Table:
    table = _grid("<<>><", heading=("", "", "output", "MACs", "" if chain.total is None else "share"))
    most = max(box.macs or 0 for box in chain.boxes) or 1
    rows = []
    for box in chain.boxes:
        macs = "?" if box.macs is None else amount(box.macs) if box.macs else ""
        share = f" {percent(box.macs / chain.total)}" if box.macs and chain.total else ""
        rows.append((_name(box), _describe(box), box.output, macs, share))
    # the bars give way to the words, and only then are the words cut
    names, words, outputs, macs_width, _ = (max(len(row[i]) for row in rows) for i in range(5))
    room = COLUMNS - names - max(outputs, 6) - max(macs_width, 4) - 5 * 2 - SHARE
    bar = min(BAR, max(SHORTEST_BAR, room - words))
    table.columns[1].max_width = max(room - bar, 8)
    for box, (*cells, share) in zip(chain.boxes, rows, strict=True):
        _add(table, *cells, _bar((box.macs or 0) / most, bar) + share)
    return table


def _labelled_chain(chain: Chain) -> Table:
    table = _grid("<<")
    # long labels must not squeeze the names
    names = min(24, max(len(_name(box)) for box in chain.boxes))
    table.columns[0].min_width, table.columns[1].max_width = names, COLUMNS - names - 4
    for box in chain.boxes:
        _add(table, _name(box), _describe(box))
    return table


def _graph(graph: Graph) -> Table:
    """A row for each node, a column for each node that it may read."""
    sources = range(graph.nodes - 1)
    table = _grid("<" * graph.nodes, heading=("", *(f"from node {source}" for source in sources)))
    for target in range(graph.inputs, graph.nodes):
        labels = {edge.source: _edge(edge) for edge in graph.edges if edge.target == target}
        _add(table, f"node {target} =", *(labels.get(source, "") for source in sources))
    return table


def _named_graph(graph: Graph) -> Table:
    """A row for each node, with all its edges: cells may have many nodes."""
    table = _grid("<<", heading=(graph.name, ""))
    table.columns[1].max_width = COLUMNS - 24
    for number in range(graph.inputs):
        _add(table, f"node {number} =", "input")
    for target in range(graph.inputs, graph.nodes):
        edges = [f"{edge.label} of {edge.source}" for edge in graph.edges if edge.target == target]
        for i, line in enumerate(fold((", " if target in graph.concat else " + ").join(edges), COLUMNS - 24)):
            _add(table, f"node {target} =" if i == 0 else "", line)
    return table


def _widths(widths: Widths) -> Table:
    table = _grid("<><", heading=("", "channels", ""))
    for i, (name, channels) in enumerate(zip(widths.names, widths.channels, strict=True)):
        _add(
            table,
            f"> {name}" if i == widths.next else name,
            "?" if channels is None else str(channels),
            _bar((channels or 0) / widths.largest),
        )
    return table
