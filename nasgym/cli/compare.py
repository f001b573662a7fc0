"""``nasgym compare``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasgym.cli.extras import missing
from nasgym.cli.options import Amount, Identifier, Settings, Unit, make_budget
from nasgym.cli.terminal import console, progress, table
from nasgym.errors import DataError, InvalidValue

if TYPE_CHECKING:
    from nasgym.compare.judgement import Judgement

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

    The same command continues an interrupted comparison, and repeats nothing that is already
    measured.
    """
    from nasgym.compare.comparison import default_folder, former_folder, parse_seeds, parse_settings, plan_comparison
    from nasgym.compare.runs import run_all, store_path
    from nasgym.registry import AGENTS

    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise InvalidValue(missing(package))
    names = [name.strip() for name in agents.split(",") if name.strip()] or list(AGENTS.builtin)
    keywords, hyper = parse_settings([*(settings or []), *(f"agent.{text}" for text in agent_settings or [])])
    spend = make_budget(budget_unit, budget)
    plan, problem = plan_comparison(env_id, names, parse_seeds(seeds), spend, keywords, hyper, fair=fair)
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
        with progress(f"{len(plan.agents)} agents x {len(plan.seeds)} seeds") as show:
            runs = run_all(plan, folder, jobs, show)
    except KeyboardInterrupt:
        print(f"\nstopped; what was evaluated is in {folder}, and the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None

    from nasgym.compare.judgement import judge
    from nasgym.compare.report import write_comparison, write_files

    write_comparison(plan, folder)
    judgement = judge(problem, plan, runs)
    written = write_files(judgement, folder, ["nasgym", *sys.argv[1:]])
    _print_leaderboard(judgement)
    typer.echo(f"report: {written[-1]}")


def _print_leaderboard(judgement: Judgement) -> None:
    from nasgym.compare.fairness import fairness_section
    from nasgym.compare.leaderboard import caveats, ceiling_lines, sections, subject

    out = console()
    for line in subject(judgement):
        out.print(line, markup=False)
    for section in (*sections(judgement), fairness_section(judgement)):
        shown = table("", *section.head)
        for i, column in enumerate(shown.columns):
            column.justify = "left" if section.is_left(i) else "right"
            column.no_wrap = not section.is_left(i)
        for row in section.rows:
            shown.add_row(*row)
        out.print(shown)
    for line in (*ceiling_lines(judgement), "", *caveats(judgement)):
        out.print(line, markup=False)
