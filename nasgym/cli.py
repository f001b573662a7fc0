"""The command line: ``nasgym list``, ``compare``, ``search``, ``draw``, ``tabulate``, ``data``.

Commands load what they need when they run. Errors that a user can cause are one line on stderr and exit code 2.
"""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasgym.errors import InvalidValue, NasgymError, UnknownName, unknown_name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from nasgym.compare.judgement import Judgement
    from nasgym.ledger import Budget
    from nasgym.spaces.space import SearchSpace

__all__ = ["app", "main"]

# what a missing package is part of
EXTRAS = {
    "matplotlib": "report",
    "jinja2": "report",
    "markupsafe": "report",
    "scipy": "report",
    "torch": "agents",
    "stable_baselines3": "agents",
    "sb3_contrib": "agents",
    "pymoo": "agents",
    "moocore": "agents",
    "sklearn": "train",
    "onnx": "hardware",
    "onnxruntime": "hardware",
    "nats_bench": "nats",
}
NEEDED_BY_COMPARE = ("matplotlib", "jinja2", "scipy")

app = typer.Typer(
    help="Neural architecture search on tables and on this machine: environments, agents, fair comparisons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Tables: import published or own ones, list them, check them.", no_args_is_help=True)
import_app = typer.Typer(help="Import a table from its official files into the data folder.", no_args_is_help=True)
data_app.add_typer(import_app, name="import")
app.add_typer(data_app, name="data")

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Keyword of the problem (reward, cost, device, target, dataset, seed, table, ...), JSON where it is JSON; or a "
        "hyper-parameter of an agent: agent.NAME.KEY=VALUE. May be repeated.",
    ),
]
Amount = Annotated[float, typer.Option("--budget", metavar="AMOUNT", help="What a search may spend.")]
Unit = Annotated[
    str,
    typer.Option(
        "--budget-unit",
        metavar="UNIT",
        help="distinct (evaluations, repeats are free), total (evaluations) or train_seconds (simulated).",
    ),
]
Identifier = Annotated[
    str, typer.Argument(metavar="ENV_ID", help="Environment id, for example nasgym/Digits-v0; see `nasgym list`.")
]


def main() -> None:
    """Entry point; every `NasgymError` becomes one line and exit code 2."""
    try:
        app()
    except NasgymError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        _fail(_missing(package))


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _missing(package: str) -> str:
    return f"this needs {package}, which is not installed; get it with: pip install 'nasgym[{EXTRAS[package]}]'"


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def _table(title: str, *heads: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(*heads, title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    return table


@contextmanager
def _progress(words: str) -> Iterator[Callable[[float, float], None]]:
    """One bar with the remaining time, on stderr and only in a terminal, so that what a command prints can be piped."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# ---- list -----------------------------------------------------------------------------------------------------------------


@app.command("list")
def list_command() -> None:
    """Environment ids, agents, reward rules, spaces, tables and devices."""
    from nasgym.data.folder import data_folder, imported_tables, shipped_tables
    from nasgym.registration import IDS
    from nasgym.registry import AGENTS, RULES, SPACES

    tables = {**shipped_tables(), **imported_tables()}
    console = _console()
    ids = _table("Environments", "id", "what it is")
    for env_id, known in IDS.items():
        state = "" if known.table in tables else f" (table {known.table} is not there)"
        ids.add_row(env_id, known.summary + state)
    console.print(ids)
    for title, names in (("Agents", AGENTS.names()), ("Reward rules", RULES.names()), ("Spaces", SPACES.names())):
        console.print(f"[bold]{title}[/]\n{', '.join(names)}\n")
    shown = _table(f"Tables (data folder {data_folder()})", "name", "where", "devices of latency_ms")
    for name, path in tables.items():
        shown.add_row(name, "imported" if name in imported_tables() else "shipped", ", ".join(_devices(path)) or "-")
    console.print(shown)


def _devices(path: Path) -> list[str]:
    """Devices of a table, read from the names of its arrays; the numbers stay where they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name.rpartition("latency_ms@")[2].removesuffix(".npy") for name in archive.namelist() if "latency_ms@" in name
            ]
    except (zipfile.BadZipFile, OSError):
        return ["(not readable; see `nasgym data verify`)"]
    return sorted(set(names))


# ---- compare and search ----------------------------------------------------------------------------------------------------


def _budget(unit: str, amount: float) -> Budget:
    from nasgym.ledger import Budget

    return Budget(unit, amount)  # type: ignore[arg-type]  # Budget itself refuses other units, with the known ones


@app.command()
def compare(
    env_id: Identifier,
    agents: Annotated[
        str, typer.Option(metavar="A,B,...", help="Names of agents, separated by commas; by default all that are built in.")
    ] = "",
    budget: Amount = 300,
    budget_unit: Unit = "total",
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
    jobs: Annotated[int, typer.Option(metavar="N", help="Worker processes; results do not depend on it.")] = 2,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output folder; by default ./nasgym-results/<name>-<fingerprint>.")
    ] = None,
) -> None:
    """Runs agents with many seeds and one budget; writes leaderboard, curves and a report.

    Total evaluations are the default unit because every agent pays for them in the same way: one that has converged and
    repeats itself does not get its repeats for nothing.

    The same command continues an interrupted comparison, and repeats nothing that is already measured.
    """
    from nasgym.compare.comparison import default_folder, parse_seeds, parse_settings, plan_comparison
    from nasgym.registry import AGENTS

    for package in NEEDED_BY_COMPARE:
        if importlib.util.find_spec(package) is None:
            raise InvalidValue(_missing(package))
    names = [name.strip() for name in agents.split(",") if name.strip()] or list(AGENTS.builtin)
    keywords, hyper = parse_settings([*(settings or []), *(f"agent.{text}" for text in agent_settings or [])])
    plan, problem = plan_comparison(env_id, names, parse_seeds(seeds), _budget(budget_unit, budget), keywords, hyper)
    folder = default_folder(plan) if out is None else out
    if folder.exists() and not folder.is_dir():
        raise InvalidValue(f"--out {folder} is a file; name a folder.")

    from nasgym.compare.runs import run_all

    try:
        with _progress(f"{len(plan.agents)} agents x {len(plan.seeds)} seeds") as progress:
            runs = run_all(plan, folder, jobs, progress)
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
    from nasgym.compare.leaderboard import caveats, ceiling_lines, sheets, subject

    console = _console()
    for line in subject(judgement):
        console.print(line, markup=False)
    for sheet in sheets(judgement):
        table = _table("", *sheet.head)
        for i, column in enumerate(table.columns):
            column.justify = "left" if sheet.is_left(i) else "right"
            column.no_wrap = not sheet.is_left(i)
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
    for line in (*ceiling_lines(judgement), "", *caveats(judgement)):
        console.print(line, markup=False)


@app.command()
def search(
    env_id: Identifier,
    agent: Annotated[str, typer.Option(metavar="NAME", help="Name of the agent.")] = "regularized-evolution",
    budget: Amount = 300,
    budget_unit: Unit = "distinct",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seeds the search.")] = 0,
    settings: Settings = None,
    report: Annotated[
        bool, typer.Option("--report", help="Look up the test accuracy of the answer, after the search.")
    ] = False,
) -> None:
    """Runs one agent once and prints the best architecture and its costs."""
    from nasgym.compare.comparison import parse_settings, plan_comparison
    from nasgym.ledger import Ledger

    keywords, hyper = parse_settings(settings or [])
    plan, problem = plan_comparison(env_id, [agent], [seed], _budget(budget_unit, budget), keywords, hyper)
    result = _search(problem, plan.budget, agent, plan.agents[agent], seed, Ledger)
    arch = result.best_arch
    lines = [("architecture", problem.space.to_str(arch[None])[0]), ("reward", f"{result.best_reward:.6g}")]
    seen = problem.search_metric if problem.search_metric == "validation" else "TEST"
    lines.append((f"{seen} accuracy", f"{100 * result.best_accuracy:.2f} % after {problem.search_fidelity} epochs"))
    lines += [(name, f"{cost:,.0f}" if cost >= 10_000 else f"{cost:,.4g}") for name, cost in result.best_costs.items()]
    if problem.constraint is not None:
        lines.append(("constraint", "met" if result.feasible else "NOT met"))
    ends = {
        "budget": "the budget was spent",
        "max_proposals": "the agent repeated itself",
        "agent": "the agent had nothing left",
    }
    lines.append(("evaluations", f"{len(result.history)}; {ends.get(result.ended, result.ended)}"))
    if report:
        lines.append(("test accuracy", f"{100 * float(problem.report(arch[None]).test_accuracy[0]):.2f} % at full training"))
    for key, text in lines:
        typer.echo(f"{key + ':':22}{text}")


def _search(problem: Any, budget: Budget, agent: str, hyper: Any, seed: int, kind: Any) -> Any:
    """A search with a progress bar, equal to ``make_agent(agent).search(problem, budget=budget, seed=seed)``."""
    import numpy as np

    from nasgym.agents import make_agent

    with _progress(agent) as progress:

        class Shown(kind):  # type: ignore[misc]  # the ledger class comes in lazily
            def evaluate(self, archs: Any, fidelity: int | None = None) -> Any:
                found = super().evaluate(archs, fidelity)
                progress(self.spent, budget.amount)
                return found

        ledger = Shown(problem, budget, seed=np.random.SeedSequence(seed).spawn(2)[1])
        return make_agent(agent, **hyper).search(ledger, seed=seed)


# ---- draw -------------------------------------------------------------------------------------------------------------------


@app.command()
def draw(
    arch: Annotated[str, typer.Argument(metavar="ARCH", help="An architecture as text, as the other commands print it.")],
    space: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE", help="Name of a space or environment id; not needed where only one space reads the text."
        ),
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an SVG file instead of text.")] = None,
) -> None:
    """Draws an architecture: as text in the terminal, or as an SVG file."""
    from nasgym.networks.draw import draw_svg, draw_text

    known = _named_space(space) if space is not None else _guess_space(arch)
    row = known.from_str(arch)[0]
    if svg is None:
        typer.echo(draw_text(known, row))
        return
    from nasgym.compare.files import write_file

    if not svg.parent.is_dir():
        raise InvalidValue(f"there is no folder {svg.parent}; make it, or name another file.")
    typer.echo(f"wrote {write_file(svg, draw_svg(known, row))}")


def _named_space(name: str) -> SearchSpace:
    from nasgym.data.folder import find_table
    from nasgym.registration import IDS
    from nasgym.registry import SPACES
    from nasgym.spaces.described import space_from_description

    wanted = IDS[name].table if name in IDS else name
    tables = _own_tables()
    if wanted in tables:
        return space_from_description(find_table(wanted).card["space"])
    if wanted not in SPACES.names():
        raise unknown_name("space", name, [*SPACES.names(), *IDS, *tables])
    space: SearchSpace = SPACES.load(wanted)()
    return space


def _own_tables() -> list[str]:
    from nasgym.data.folder import imported_tables
    from nasgym.registry import SPACES

    return [name for name in imported_tables() if name not in SPACES.names()]


def _guess_space(arch: str) -> SearchSpace:
    from nasgym.registry import SPACES

    fits = []
    for name in (*SPACES.names(), *_own_tables()):
        candidate = _named_space(name)
        try:
            candidate.from_str(arch)
        except (InvalidValue, UnknownName):
            continue
        fits.append((name, candidate))
    if len(fits) == 1:
        return fits[0][1]
    if not fits:
        raise InvalidValue(
            f"no space reads {arch!r}; name one with --space to see what it expects: {', '.join(SPACES.names())}."
        )
    raise InvalidValue(
        f"{arch!r} is an architecture of several spaces; choose one with --space: {', '.join(n for n, _ in fits)}."
    )


# ---- tabulate ---------------------------------------------------------------------------------------------------------------


@app.command()
def tabulate(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="A space whose networks can be trained here: digits.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the measurements and the table.")],
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Worker processes.")] = 2,
) -> None:
    """Trains every network of a space and writes the table; the same command goes on where it stopped."""
    from nasgym.tabulate import tabulate as train_all

    try:
        with _progress(space) as progress:
            path = train_all(space, out, jobs, progress)
    except KeyboardInterrupt:
        print(f"\nstopped; what was trained is in {out}, and the same command goes on from there.", file=sys.stderr)
        raise typer.Exit(130) from None
    typer.echo(f"wrote {path}")


# ---- data -------------------------------------------------------------------------------------------------------------------


@import_app.command("nats-bench")
def import_nats_bench_command(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The official archive or folder (NATS-tss-v1_0-... or NATS-sss-v1_0-...).")
    ],
) -> None:
    """NATS-Bench: topology or size space, recognised by itself."""
    from nasgym.data import import_nats_bench

    with _progress("reading") as progress:
        written = import_nats_bench(path, progress)
    typer.echo(f"wrote {written}")


@import_app.command("nas-bench-macro")
def import_nas_bench_macro_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The official nas-bench-macro_cifar10.json.")],
) -> None:
    """NAS-Bench-Macro on CIFAR-10."""
    from nasgym.data import import_nas_bench_macro

    with _progress("reading") as progress:
        written = import_nas_bench_macro(path, progress)
    typer.echo(f"wrote {written}")


@import_app.command("table")
def import_table_command(
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="One row for each architecture.")],
    spec: Annotated[Path, typer.Argument(metavar="SPEC.json", help="What the columns mean.")],
) -> None:
    """Your own table, from a CSV file and a spec."""
    from nasgym.data import import_own_table

    with _progress("reading") as progress:
        written = import_own_table(csv, spec, progress)
    typer.echo(f"wrote {written}")
    typer.echo(f"play it: nasgym compare nasgym/Table-v0 --set table={written.stem} --agents random,local-search")


@data_app.command("list")
def data_list() -> None:
    """The tables that there are."""
    from nasgym.data import data_folder, list_tables

    table = _table(
        f"Tables (data folder {data_folder()})", "name", "where", "space", "rows", "data sets", "epochs", "seeds", "search sees"
    )
    for info in list_tables():
        if info.problem:
            table.add_row(info.name, info.where, f"NOT READABLE: {info.problem}")
            continue
        numbers = (f"{info.size:,}", ", ".join(info.datasets), ", ".join(map(str, info.fidelities)), str(info.seeds))
        table.add_row(info.name, info.where, info.space, *numbers, info.search_metric)
    if table.row_count:
        _console().print(table)
    else:
        typer.echo(f"no tables in {data_folder()}; import one: nasgym data import --help")


@data_app.command("verify")
def data_verify() -> None:
    """Checks every table against its checksum and its card; exit code 1 where one is damaged."""
    from nasgym.data import verify_tables

    checked = verify_tables()
    for name, whole, found in checked:
        typer.echo(f"{name}: {'ok, ' if whole else 'DAMAGED, '}{found}")
    if not checked:
        typer.echo("no tables to check.")
    if not all(whole for _, whole, _ in checked):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
