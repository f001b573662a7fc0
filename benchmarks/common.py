"""What the benchmark scripts share: seeded runs on worker processes, Markdown with provenance."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from nasgym.agents import SearchResult, make_agent
from nasgym.files.provenance import provenance
from nasgym.ledger import Budget
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem

HERE = Path(__file__).resolve().parent
Item = TypeVar("Item")
Result = TypeVar("Result")


# label: agent, hyper-parameters, budget unit, whether it draws anything
AGENTS: dict[str, tuple[str, dict[str, object], str, bool]] = {
    "layernas": ("layernas", {}, "distinct", False),
    "layernas, K=4": ("layernas", {"per_bucket": 4}, "distinct", False),
    "layernas, uniform": ("layernas", {"select": "uniform"}, "distinct", True),
    "layernas, softmax": ("layernas", {"select": "softmax"}, "distinct", True),
    "regularized-evolution": ("regularized-evolution", {}, "distinct", True),
    "local-search": ("local-search", {}, "distinct", True),
    "nsga2": ("nsga2", {}, "distinct", True),
    "random": ("random", {}, "distinct", True),
    "reinforce (total)": ("reinforce", {}, "total", True),
    "ppo (total)": ("ppo", {}, "total", True),
}


@dataclass(frozen=True)
class Task:
    """One search: an id with keywords, an agent with hyper-parameters, a budget, a seed."""

    env_id: str
    keywords: tuple[tuple[str, Any], ...]
    agent: str
    hyperparameters: tuple[tuple[str, Any], ...]
    budget: Budget
    seed: int
    label: str = field(default="", compare=False)


@lru_cache(maxsize=32)
def _problem(env_id: str, keywords: tuple[tuple[str, str], ...]) -> Problem:
    import json

    return make_problem(env_id, **{key: json.loads(value) for key, value in keywords})


def problem_of(task: Task) -> Problem:
    """The task's problem, built once a process."""
    import json

    return _problem(task.env_id, tuple((key, json.dumps(value)) for key, value in task.keywords))


def search(task: Task) -> SearchResult:
    """Runs a task."""
    return make_agent(task.agent, **dict(task.hyperparameters)).search(problem_of(task), budget=task.budget, seed=task.seed)


def run_all(work: Callable[[Item], Result], tasks: Sequence[Item], jobs: int) -> list[Result]:
    """``[work(task), ...]`` on worker processes, in the order of the tasks.

    Progress is a line on stderr.
    """
    results = []
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for done, result in enumerate(pool.map(work, tasks, chunksize=max(1, min(20, len(tasks) // (4 * jobs)))), 1):
            results.append(result)
            if done % 50 == 0 or done == len(tasks):
                print(f"\r{done} of {len(tasks)} runs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return results


def tuning(entrants: Iterable[tuple[str, Mapping[str, object]]]) -> str:
    """The part of a page on how settings were chosen, as the agents say it (`Agent.disclose`).

    `entrants` are agents and their hyper-parameters; what several forms say alike stands there
    once.
    """
    said = []
    for agent, hyperparameters in entrants:
        one = make_agent(agent, **hyperparameters).disclose()
        said.append(f"* {agent}: {one.tuning}. Settings tried: {one.settings}.")
    return "## How they were tuned\n\n" + "\n".join(dict.fromkeys(said))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def write_page(name: str, title: str, command: str, parts: Sequence[str], *packages: str) -> Path:
    """Writes ``benchmarks/<name>.md`` and prints it.

    The command, versions, machine and date stand above the parts.
    """
    where = provenance("numpy", "gymnasium", *packages)
    versions = ", ".join(f"{package} {version}" for package, version in where["versions"].items())
    head = f"# {title}\n\nMade by `{command}` on {where['date']}; {versions}; {where['machine']}.\n"
    text = "\n".join([head, *(part + "\n" for part in parts)])
    path = HERE / f"{name}.md"
    beside = path.with_suffix(".tmp")
    beside.write_text(text)
    beside.replace(path)
    print(text)
    return path


def arguments(description: str, seeds: int) -> argparse.ArgumentParser:
    """The arguments that every script has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=seeds, help=f"seeds 0 to N - 1 (default {seeds})")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes (default 2)")
    return parser
