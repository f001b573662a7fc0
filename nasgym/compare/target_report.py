"""The files of a comparison on a grid of targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nasgym.compare.fairness import fairness_csv, fairness_section, tuning_lines
from nasgym.compare.plots import Curve, Plot, draw
from nasgym.compare.report import remove_former, render_page
from nasgym.compare.statistics import band
from nasgym.compare.target_grid import GridJudgement
from nasgym.compare.target_text import (
    grid_caveats,
    grid_leaderboard_csv,
    grid_pairs_csv,
    grid_results_csv,
    grid_sections,
    grid_subject,
    grid_text,
    targets_csv,
)
from nasgym.files import write_file

__all__ = ["grid_plots", "write_grid_files"]


def grid_plots(judgement: GridJudgement) -> list[Plot]:
    """What each agent lacks at each target, after all of the budget and at earlier checkpoints.

    Lines are means over the seeds, bands their middle half; without optima of rewards.
    """
    known, cost = judgement.optimum is not None, judgement.problem.cost_name
    noun, comparison, shares = "regret" if known else "reward", judgement.comparison, 100 * judgement.shares
    unit = "seconds" if comparison.budget.unit == "train_seconds" else "charged evaluations"
    plots = []
    for i in reversed(range(len(judgement.at))):
        values = {agent: judgement.by_target(agent)[:, :, i].T for agent in comparison.agents}
        lines = {agent: Curve(shares, *band(runs)) for agent, runs in values.items()}
        at = f"{judgement.at[i]:g}"
        name = f"{noun}_over_targets" + ("" if i == len(judgement.at) - 1 else f"_after_{at}")
        words = (f"{noun.capitalize()} after {at} {unit}", f"target, % of the range of {cost}", noun)
        plots.append(Plot(name, *words, lines, 0.0 if known else None, "optimum", less_is_better=known, anytime=False))
    return plots


def write_grid_files(judgement: GridJudgement, out: Path, command: Sequence[str]) -> list[Path]:
    """Writes everything into the output folder.

    Args:
        judgement: The comparison with its results.
        out: The folder.
        command: How the comparison was called, for the page.

    Returns:
        The files, the page last.
    """
    texts = {
        "leaderboard.txt": grid_text(judgement),
        "leaderboard.csv": grid_leaderboard_csv(judgement),
        "pairs.csv": grid_pairs_csv(judgement),
        "targets.csv": targets_csv(judgement),
        "fairness.csv": fairness_csv(judgement),
        "results.csv": grid_results_csv(judgement),
    }
    written = [write_file(out / name, text) for name, text in texts.items()]
    comparison, plots = judgement.comparison, grid_plots(judgement)
    seeds = len(comparison.seeds)
    once = " (one where nothing is drawn)" if comparison.alike and seeds > 1 else ""
    subtitle = f"{comparison.env_id}: mean and 25 to 75 % of {seeds} run{'s' if seeds > 1 else ''} at each target{once}"
    drawn = draw(plots, subtitle, out)
    written += [out / f"{name}.{ending}" for name in drawn for ending in ("png", "svg")]
    remove_former(out, written)
    page = render_page(
        comparison,
        judgement.problem,
        command,
        [(plot, drawn[plot.name]) for plot in plots],
        subject=grid_subject(judgement),
        sections=grid_sections(judgement),
        pictures="Target by target",
        best=[],
        fairness=fairness_section(judgement),
        tuning=tuning_lines(judgement),
        ceiling=[],
        caveats=grid_caveats(judgement),
    )
    return [*written, write_file(out / "report.html", page)]
