"""``nasgym compare``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasgym.cli.extras import missing
from nasgym.cli.options import Amount, Identifier, Settings, Unit, make_budget
from nasgym.cli.terminal import console, progress, table
from nasgym.errors import DataError, InvalidValue

if TYPE_CHECKING:
    from nasgym.compare.comparison import Comparison
    from nasgym.compare.run_result import RunResult
    from nasgym.compare.section import Section
    from nasgym.problems.problem import Problem

__all__ = ["compare"]

NEEDED = ("matplotlib", "jinja2", "scipy")


def compare(
    env_id: Identifier,
    agents: Annotated[
        str, typer.Option(metavar="A,B,...", help="Names of agents, separated by commas; by default all that are built in.")
    ] = "",
    budget: Amount = 300,
    budget_unit: Unit = "distinct",
    seeds: Annotated[
        str, typer.Option(metavar="SEEDS", help="A count (5: seeds 0 to 4), a range (10:20) or a list (3,7,9).")
    ] = "5",
    targets: Annotated[
        str,
        typer.Option(
            metavar="GRID",
            help="Play at every target of a grid: 30..80/1% (per cent of the cost's range), 80e6..120e6/5e6 or a list (80e6,100e6). "
            "Regret and intervals are then over targets.",
        ),
    ] = "",
    settings: Settings = None,
    agent_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--agent-set", metavar="NAME.KEY=VALUE", help="Hyper-parameter of an agent; short for --set agent.NAME..."
        ),
    ] = None,
    fair: Annotated[
        bool, typer.Option("--fair", help="Every agent that can keeps to the limit before it evaluates, where costs are free.")
    ] = False,
    jobs: Annotated[int, typer.Option(metavar="N", help="Worker processes; results do not depend on it.")] = 2,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output folder; by default ./nasgym-results/<name>-<fingerprint>.")
    ] = None,
) -> None:
    """Runs agents with many seeds and one budget; writes leaderboard, curves and a report.

    A budget counts distinct evaluations, as that of `nasgym search` does: a network that was
    trained is not trained again, and an agent that only repeats itself is ended. Page and
    leaderboard also show what each agent had after as many proposals, its repeats included.

    With --targets every agent plays the problem at every target of the grid, and its regret is
    averaged over them: an agent that draws nothing has an interval there, too.

    The same command continues an interrupted comparison, and repeats nothing that is already
    measured.
    """
    from nasgym.compare.comparison import default_folder, former_folder, plan_comparison
    from nasgym.compare.runs import run_all, store_path
    from nasgym.compare.settings import parse_seeds, parse_settings
    from nasgym.compare.targets import parse_targets
    from nasgym.registry import AGENTS

    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise InvalidValue(missing(package))
    names = [name.strip() for name in agents.split(",") if name.strip()] or list(AGENTS.builtin)
    keywords, hyper = parse_settings([*(settings or []), *(f"agent.{text}" for text in agent_settings or [])])
    grid, spend = parse_targets(targets) if targets else None, make_budget(budget_unit, budget)
    plan, problem = plan_comparison(env_id, names, parse_seeds(seeds), spend, keywords, hyper, fair=fair, targets=grid)
    folder = default_folder(plan) if out is None else out
    if out is None and not folder.exists() and (former := former_folder(plan, problem)) is not None and former.exists():
        raise DataError(
            f"{former} has results of this comparison from when its oracle had another fingerprint; go on with what was measured "
            f"there after nasgym.ledger.store.Store({str(store_path(former))!r}).adopt_former(), with --out {former}, or measure "
            f"again with --out {folder}."
        )
    if folder.exists() and not folder.is_dir():
        raise InvalidValue(f"--out {folder} is a file; name a folder.")

    try:
        at = f" x {len(plan.targets)} targets" if plan.targets else ""
        with progress(f"{len(plan.agents)} agents x {len(plan.seeds)} seeds{at}") as show:
            runs = run_all(plan, folder, jobs, show)
    except KeyboardInterrupt:
        print(f"\nstopped; what was evaluated is in {folder}, and the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None

    from nasgym.compare.report import write_comparison

    write_comparison(plan, folder)
    called = ["nasgym", *sys.argv[1:]]
    page = (_conclude_grid if plan.targets else _conclude)(problem, plan, runs, folder, called)
    typer.echo(f"report: {page}")


def _conclude(problem: Problem, plan: Comparison, runs: list[RunResult], folder: Path, called: list[str]) -> Path:
    """Judges, writes and prints a comparison; its page."""
    from nasgym.compare.fairness import fairness_section
    from nasgym.compare.judgement import judge
    from nasgym.compare.leaderboard import caveats, ceiling_lines, sections, subject
    from nasgym.compare.report import write_files

    judgement = judge(problem, plan, runs)
    written = write_files(judgement, folder, called)
    shown = (*sections(judgement), fairness_section(judgement))
    _print_parts(subject(judgement), shown, (*ceiling_lines(judgement), "", *caveats(judgement)))
    return written[-1]


def _conclude_grid(problem: Problem, plan: Comparison, runs: list[RunResult], folder: Path, called: list[str]) -> Path:
    """The same on a grid of targets."""
    from nasgym.compare.fairness import fairness_section
    from nasgym.compare.target_grid import judge_grid
    from nasgym.compare.target_report import write_grid_files
    from nasgym.compare.target_text import grid_caveats, grid_sections, grid_subject

    judgement = judge_grid(problem, plan, runs)
    written = write_grid_files(judgement, folder, called)
    shown = (*grid_sections(judgement), fairness_section(judgement))
    _print_parts(grid_subject(judgement), shown, grid_caveats(judgement))
    return written[-1]


def _print_parts(subject: Sequence[str], sections: Sequence[Section], notes: Sequence[str]) -> None:
    out = console()
    for line in subject:
        out.print(line, markup=False)
    for part in [part for section in sections for part in section.parts(out.width)]:
        shown = table("", *part.head)
        for i, column in enumerate(shown.columns):
            column.justify = "left" if part.is_left(i) else "right"
            column.no_wrap = not part.is_left(i)
        for row in part.rows:
            shown.add_row(*row)
        out.print(shown)
    for line in notes:
        out.print(line, markup=False)
