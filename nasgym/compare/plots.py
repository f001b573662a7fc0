"""Anytime curves: what the answer is worth after so many evaluations, proposals or seconds."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nasgym.compare import statistics
from nasgym.compare.fronts import Fronts
from nasgym.compare.judgement import Judgement
from nasgym.files import write_file
from nasgym.oracles.oracle import Clock
from nasgym.type_aliases import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PLOTS", "Curve", "Panel", "Plot", "colours", "curves", "curves_over_proposals", "draw", "draw_plots", "plots_of"]

# Okabe and Ito's palette, legible with every common colour blindness; an agent has one colour in
# every plot
COLOURS = {
    "random": "#6e6e6e",
    "local-search": "#56b4e9",
    "regularized-evolution": "#e69f00",
    "reinforce": "#009e73",
    "ppo": "#0072b2",
    "nsga2": "#cc79a7",
    "layernas": "#d55e00",
    "ofa-evolution": "#7a5195",
}
SPARE_COLOURS = ("#000000", "#8c6d00", "#2f7f86")
# every name that a picture can have
PLOTS = (
    *(f"{what}_over_{axis}" for what in ("search", "validation", "test") for axis in ("evaluations", "seconds")),
    "front_over_evaluations",
)
SECONDS_POINTS = 300
SECONDS_LABELS: dict[Clock, str] = {
    "simulated": "simulated training, seconds",
    "measured": "measured training, processor seconds",
}
# from here on a curve counts for the vertical range; the first evaluations would flatten everything
# that matters
SETTLED_SHARE = 0.25


@dataclass(frozen=True)
class Curve:
    """One agent's line: ``(G,)`` places, mean, and the band from the 25 % to the 75 % quantile.

    Mean and quantiles are over its runs.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Panel:
    """What stands beside a picture's curves: the same over another axis, which ends at `right`."""

    x_label: str
    lines: Mapping[str, Curve]
    right: float


@dataclass(frozen=True)
class Plot:
    """One picture: file name without ending, words, lines by agent, and the dashed line, if any.

    `less_is_better`: good curves go down. `beside`: a second panel, if any. `anytime`: a line is a
    step function of time that begins at 0 and whose first part may be cut off; else it joins values
    of their own.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, Curve]
    best: float | None
    best_label: str
    less_is_better: bool = False
    beside: Panel | None = None
    anytime: bool = True


def colours(agents: Sequence[str]) -> dict[str, str]:
    """A colour for each agent: fixed for the built-in ones, in turn for others."""
    spare = [agent for agent in agents if agent not in COLOURS]
    return {a: COLOURS.get(a) or SPARE_COLOURS[spare.index(a) % len(SPARE_COLOURS)] for a in agents}


def curves(judgement: Judgement, values: Sequence[Floats], *, clock: Clock | None) -> dict[str, Curve]:
    """Each agent's line through step functions of its runs.

    Args:
        judgement: The comparison.
        values: For each run, ``(k,)`` what its answers are worth.
        clock: Over the seconds of this clock instead of evaluations. The line begins where every
            run of the agent has an answer, and ends where the first run of it ended.
    """
    found = {}
    for agent in judgement.comparison.agents:
        positions = judgement.of_agent(agent)
        runs = [judgement.runs[i] for i in positions]
        places = [run.evaluations if clock is None else run.seconds[clock] for run in runs]
        first = max(float(place[0]) for place in places)
        if clock is not None:
            last = min(run.total_seconds[clock] for run in runs)
            grid = np.linspace(first, max(first, last), SECONDS_POINTS)
        else:
            grid = np.arange(first, max(run.charged for run in runs) + 1.0)
        found[agent] = _line(grid, places, [values[i] for i in positions])
    return found


def curves_over_proposals(judgement: Judgement, values: Sequence[Floats]) -> dict[str, Curve]:
    """As `curves`, over proposals, up to as many as the budget has evaluations.

    An agent's line ends where the last of its runs ended.
    """
    found = {}
    for agent in judgement.comparison.agents:
        positions = judgement.of_agent(agent)
        runs = [judgement.runs[i] for i in positions]
        last = min(judgement.comparison.budget.amount, max(run.proposals for run in runs))
        grid = np.arange(max(float(run.proposed[0]) for run in runs), last + 1.0)
        found[agent] = _line(grid, [run.proposed for run in runs], [values[i] for i in positions])
    return found


def _line(grid: Floats, places: Sequence[npt.ArrayLike], values: Sequence[Floats]) -> Curve:
    """The line through step functions that change at their places."""
    steps = [statistics.step_values(grid, place, value) for place, value in zip(places, values, strict=True)]
    return Curve(grid, *statistics.band(np.stack(steps)))


def plots_of(judgement: Judgement) -> list[Plot]:
    """The pictures of a comparison, over evaluations and, where known, over seconds.

    What the search maximises (or minimises); the quality's validation numbers, where that is
    something else; its test numbers. Percent-type qualities are in percent.
    """
    problem, noun = judgement.problem.reporting, judgement.answer_noun
    plain = problem.rule.name == "accuracy"
    mark = "" if judgement.problem.search_metric == "validation" else " (search_metric=test)"
    seen = "validation" if problem.search_metric == "validation" else f"TEST{mark}"
    quality, less = problem.quality, problem.quality.minimised
    words, unit = quality.words, f", {quality.shown_unit}" if quality.shown_unit else ""
    # a plain reward is the quality itself, with its sign turned where less is better
    scale = quality.sign * quality.scale if plain else 1.0
    searched = [scale * reward for reward in judgement.true_reward]
    y_label = f"{seen} {words} of the {noun}{unit}" if plain else f"reward of the {noun}, {seen}"
    best = None if judgement.optimum is None else scale * judgement.optimum
    verb = "minimises" if plain and less else "maximises"
    panels = [("search", f"What the search {verb}", y_label, searched, best, "optimum", plain and less)]
    if not plain and problem.search_metric == "validation":
        validated = [quality.scale * accuracy for accuracy in judgement.true_accuracy]
        level = None if judgement.optimum is None else quality.scale * problem.optimum().accuracy
        title, label = f"Validation {words}", f"validation {words} of the {noun}{unit}"
        panels.append(("validation", title, label, validated, level, "of the optimum by reward", less))
    if judgement.test is not None:
        guided = None if judgement.ceiling is None else quality.scale * judgement.ceiling.guided
        tested = [quality.scale * test for test in judgement.test]
        title, label = f"Test {words}{mark}", f"test {words} of the {noun}{unit}"
        panels.append(("test", title, label, tested, guided, "of the optimum by reward", less))
    axes: list[tuple[str, str, Clock | None]] = [("evaluations", "charged evaluations", None)]
    clock = judgement.only_clock
    if clock is not None:
        axes.append(("seconds", SECONDS_LABELS[clock], clock))
    plots = [
        Plot(f"{name}_over_{axis}", title, x_label, label, curves(judgement, values, clock=by), level, level_label, down)
        for axis, x_label, by in axes
        for name, title, label, values, level, level_label, down in panels
    ]
    if judgement.comparison.budget.repeats_free:
        # a repeat is free on one axis and paid for on the other
        lines = curves_over_proposals(judgement, searched)
        beside = Panel("proposals, repeats included", lines, judgement.comparison.budget.amount)
        plots[0] = replace(plots[0], x_label="evaluations, repeats left out", beside=beside)
    return plots if judgement.fronts is None else [*plots, _front_plot(judgement, judgement.fronts)]


def _front_plot(judgement: Judgement, fronts: Fronts) -> Plot:
    """What each agent's front was worth at every moment."""
    bands = {agent: statistics.band(fronts.hypervolume[judgement.of_agent(agent)]) for agent in judgement.comparison.agents}
    lines = {agent: Curve(fronts.at.astype(np.float64), *band) for agent, band in bands.items()}
    words = ("Front", "charged evaluations", "hypervolume of the front")
    return Plot("front_over_evaluations", *words, lines, fronts.best, "exact front", False)


STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
# inches; margins are stated, since finding tight ones draws every picture twice
WIDTH, PANEL = 6.2, 3.0
LEFT, RIGHT, TOP, BOTTOM = 0.8, 0.15, 0.55, 0.62
BESIDE, GAP = 4.6, 0.3  # width of a second panel; it shares the vertical axis
LEGEND_COLUMNS, LEGEND_ROW = 3, 0.2


def _figure(plot: Plot, subtitle: str) -> Figure:
    from matplotlib.figure import Figure

    entries = len(plot.lines) + (plot.best is not None)
    width = WIDTH if plot.beside is None else LEFT + 2 * BESIDE + GAP + RIGHT
    inner = width - LEFT - RIGHT if plot.beside is None else BESIDE
    columns = LEGEND_COLUMNS if plot.beside is None else 2 * LEGEND_COLUMNS
    below = BOTTOM + LEGEND_ROW * -(-entries // columns)
    height = TOP + PANEL + below
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((LEFT / width, below / height, inner / width, PANEL / height))
    _draw_lines(axes, plot, plot.lines)
    left = 0.0 if plot.anytime else min(float(line.x[0]) for line in plot.lines.values())
    axes.set_xlim(left=left, right=max(float(line.x[-1]) for line in plot.lines.values()))
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.set_title(f"{plot.title}\n", loc="left", fontsize=11, fontweight="bold")
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, fontsize=8.5, color="#555555", va="bottom")
    if plot.beside is not None:
        second = figure.add_axes(((LEFT + BESIDE + GAP) / width, below / height, BESIDE / width, PANEL / height), sharey=axes)
        _draw_lines(second, plot, plot.beside.lines)
        second.set_xlim(left=0, right=plot.beside.right)
        second.set_xlabel(plot.beside.x_label)
        second.tick_params(labelleft=False)
    axes.set_ylim(*_limits(plot))
    # below the axes: wherever it stood inside, some curve would run through it
    words: Any = {"ncols": columns, "fontsize": 9, "handlelength": 1.6, "borderaxespad": 0}
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -(BOTTOM - 0.12) / PANEL), **words)
    return figure


def _draw_lines(axes: Axes, plot: Plot, lines: Mapping[str, Curve]) -> None:
    palette = colours(list(lines))
    step: Literal["post"] | None = "post" if plot.anytime else None
    style = "steps-post" if plot.anytime else "default"
    for agent, line in lines.items():
        axes.fill_between(line.x, line.low, line.high, step=step, color=palette[agent], alpha=0.16, linewidth=0)
        axes.plot(line.x, line.mean, drawstyle=style, color=palette[agent], linewidth=1.8, label=agent)
    if plot.best is not None:
        axes.axhline(plot.best, color="#333333", linestyle=(0, (5, 3)), linewidth=1.0, label=plot.best_label)


def _limits(plot: Plot) -> tuple[float, float]:
    """Vertical range: the later part of every curve fills the better half.

    What lies far from it at the start is cut off. A curve has no value where an answer was never
    measured; each has one at its end.
    """
    sign = -1.0 if plot.less_is_better else 1.0
    settled, lowest, highs = [], [], []
    for line in plot.lines.values():
        worse, better = (sign * line.high, sign * line.low) if plot.less_is_better else (line.low, line.high)
        settled.append(float(np.nanmin(worse[int(SETTLED_SHARE * len(line.x)) if plot.anytime else 0 :])))
        lowest.append(float(np.nanmin(worse)))
        highs.append(float(np.nanmax(better)))
    if plot.best is not None:
        highs.append(sign * plot.best)
    high = max(highs)
    low = max(min(lowest), high - 2 * (high - min(settled)))
    air = 0.06 * (high - low) or max(abs(high), 1.0) * 1e-3
    return (low - air, high + air) if sign > 0 else (-high - air, air - low)


def draw_plots(judgement: Judgement, out: Path) -> dict[str, str]:
    """Writes the pictures of a comparison; see `draw`."""
    runs = len(judgement.comparison.seeds)
    subtitle = f"{judgement.comparison.env_id}: mean and 25 to 75 % of {runs} run{'s' if runs > 1 else ''}"
    return draw(plots_of(judgement), subtitle, out)


def draw(plots: Sequence[Plot], subtitle: str, out: Path) -> dict[str, str]:
    """Writes each plot as PNG and SVG; equal comparisons give equal SVG files.

    Returns:
        The SVG texts by plot name, for the page.
    """
    import matplotlib

    drawn = {}
    for plot in plots:
        # the salt makes ids that differ between the pictures of one page and are the same in the
        # next run
        style: Any = {**STYLE, "svg.hashsalt": plot.name}
        with matplotlib.rc_context(style):
            figure = _figure(plot, subtitle)
            svg, png = io.BytesIO(), io.BytesIO()
            figure.savefig(svg, format="svg", metadata={"Date": None})
            figure.savefig(png, format="png", dpi=150)
        write_file(out / f"{plot.name}.svg", svg.getvalue())
        write_file(out / f"{plot.name}.png", png.getvalue())
        drawn[plot.name] = svg.getvalue().decode()
    return drawn
