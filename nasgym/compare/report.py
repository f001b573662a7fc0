"""The files of a comparison: leaderboard, results, plots and one page that holds everything."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from nasgym.compare.comparison import Comparison
from nasgym.compare.fairness import fairness_csv, fairness_section, tuning_lines
from nasgym.compare.front_text import front_csv
from nasgym.compare.judgement import Judgement
from nasgym.compare.leaderboard import caveats, ceiling_lines, leaderboard_text, sections, subject
from nasgym.compare.leaderboard_csv import leaderboard_csv, pairs_csv, results_csv
from nasgym.compare.plots import PLOTS, Plot, draw_plots, plots_of
from nasgym.compare.section import amount
from nasgym.files import write_file
from nasgym.files.provenance import provenance
from nasgym.problems.problem import Problem

__all__ = ["remove_former", "render_page", "source_lines", "write_comparison", "write_files"]

OVER_TARGETS = re.compile(r"(regret|reward)_over_targets(_after_[^.]+(\.\d+)?)?\.(png|svg)")
PACKAGES = ("numpy", "gymnasium", "scipy", "matplotlib", "torch", "stable-baselines3", "pymoo")


def write_comparison(comparison: Comparison, out: Path) -> Path:
    """Writes ``comparison.json``: what was compared, enough to run the same searches again."""
    text = json.dumps({**comparison.describe(), "fingerprint": comparison.fingerprint}, indent=1, default=str)
    return write_file(out / "comparison.json", text + "\n")


def write_files(judgement: Judgement, out: Path, command: Sequence[str]) -> list[Path]:
    """Writes everything into the output folder.

    Args:
        judgement: The comparison with its results.
        out: The folder.
        command: How the comparison was called, for the page.

    Returns:
        The files, the page last.
    """
    written = [
        write_file(out / "leaderboard.txt", leaderboard_text(judgement)),
        write_file(out / "leaderboard.csv", leaderboard_csv(judgement)),
        write_file(out / "pairs.csv", pairs_csv(judgement)),
        write_file(out / "fairness.csv", fairness_csv(judgement)),
        write_file(out / "results.csv", results_csv(judgement)),
    ]
    front = front_csv(judgement)
    if front is not None:
        written.append(write_file(out / "front.csv", front))
    drawings = draw_plots(judgement, out)
    written += [out / f"{name}.{ending}" for name in drawings for ending in ("png", "svg")]
    remove_former(out, written)
    written.append(write_file(out / "report.html", _page(judgement, drawings, command)))
    return written


def remove_former(out: Path, written: Sequence[Path]) -> None:
    """Removes files of an earlier comparison in this folder that would look like this one's."""
    names = {f"{name}.{ending}" for name in PLOTS for ending in ("png", "svg")} | {"front.csv", "targets.csv"}
    for path in out.iterdir():
        if (path.name in names or OVER_TARGETS.fullmatch(path.name)) and path not in written:
            path.unlink()


def source_lines(problem: Problem) -> list[tuple[str, str]]:
    """Where accuracies and costs come from, as (key, text)."""
    priced = [(name, cost.provenance) for name, cost in problem.cost_oracles.items()]
    reported = [] if problem.report_accuracy is None else problem.report_accuracy.sources()
    reports = [(f"reported {key}", value) for key, value in reported]
    return [(key, _plain(value)) for key, value in [*problem.accuracy.sources(), *reports, *priced]]


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(_plain, value))
    return str(value)


def _best_architectures(judgement: Judgement) -> list[dict[str, Any]]:
    """Each agent's best answer with its drawing; agents that found the same one share it."""
    from nasgym.drawing.draw import draw_svg

    cards: dict[str, dict[str, Any]] = {}
    for standing in judgement.standings:
        i = judgement.best_run(standing.agent)
        text = judgement.arch_texts[i]
        if text not in cards:
            costs = [f"{name} {amount(float(cost[i]))}" for name, cost in judgement.answers.costs.items()]
            test, quality = float(judgement.answers.test_accuracy[i]), judgement.problem.quality
            numbers = [f"{quality.words} {quality.text(judgement.true_accuracy[i][-1])}"]
            if not math.isnan(test):
                numbers = [f"test {quality.words} {quality.text(test)}"]
            for name, values in judgement.answers.qualities.items():
                numbers.append(f"test {name} {judgement.problem.qualities[name].text(float(values[i]))}")
            numbers += [f"reward {judgement.true_reward[i][-1]:.4f}", *costs]
            if not judgement.answers.feasible[i]:
                numbers.append("does not meet the constraint")
            priced = {name: float(cost[i]) for name, cost in judgement.answers.costs.items()}
            drawing = draw_svg(judgement.problem.space, judgement.runs[i].archs[-1], priced)
            cards[text] = {"text": text, "agents": [], "numbers": numbers, "svg": drawing}
        cards[text]["agents"].append(standing.agent)
        if not judgement.runs[i].evaluated:
            cards[text]["numbers"].append(f"{standing.agent} recommended it and never evaluated it")
    return list(cards.values())


def _plot_title(plot: Plot) -> str:
    beside = "" if plot.beside is None else f", and over {plot.beside.x_label}"
    return f"{plot.title}, over {plot.x_label}{beside}"


def _inline(svg: str) -> str:
    """An SVG without the parts that only a file of its own has."""
    return svg[svg.index("<svg") :]


def render_page(
    comparison: Comparison, problem: Problem, command: Sequence[str], drawings: Sequence[tuple[Plot, str]], **parts: Any
) -> str:
    """The page of a comparison.

    Args:
        comparison: What was compared.
        problem: On what.
        command: How it was called.
        drawings: Plot and SVG text of each, drawn by matplotlib.
        **parts: What else the template asks for.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files("nasgym.compare").joinpath("report_page.html").read_text())
    made = provenance(*PACKAGES)
    return template.render(
        title=f"{comparison.env_id}: {', '.join(comparison.agents)}",
        test_search=problem.search_metric == "test",
        plural=problem.quality.plural,
        plots=[(_plot_title(plot), Markup(_inline(svg)), plot.beside) for plot, svg in drawings],  # drawn by matplotlib
        source=source_lines(problem),
        agents=[(name, _plain(dict(values)) or "none") for name, values in comparison.agents.items()],
        made=[
            ("command", " ".join(command)),
            ("date", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
            ("machine", made["machine"]),
            ("versions", ", ".join(f"{package} {number}" for package, number in made["versions"].items())),
        ],
        **parts,
    )


def _page(judgement: Judgement, drawings: dict[str, str], command: Sequence[str]) -> str:
    from markupsafe import Markup

    best = _best_architectures(judgement)
    for card in best:
        card["svg"] = Markup(_inline(card["svg"]))  # drawn by nasgym.drawing.draw, which escapes its texts
    return render_page(
        judgement.comparison,
        judgement.problem,
        command,
        [(plot, drawings[plot.name]) for plot in plots_of(judgement)],
        subject=subject(judgement),
        sections=sections(judgement),
        pictures="Anytime curves",
        best=best,
        fairness=fairness_section(judgement),
        tuning=tuning_lines(judgement),
        ceiling=ceiling_lines(judgement),
        caveats=caveats(judgement),
    )
