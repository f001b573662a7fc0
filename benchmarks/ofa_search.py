"""Accuracy under latency limits on Once-for-All: agents beside its own evolutionary search.

    python -m benchmarks.ofa_search --seeds 5 --jobs 1

Best predicted accuracy within 15, 20, 25 and 30 ms on a Note10 after 10,000 evaluations, repeats
counted (calls of the accuracy predictor). With ``--unit distinct`` repeats are free, and only the
best agent and Once-for-All's own play. Needs the predictor and the device file: `nasgym data import
ofa PATH`. Writes ``ofa_search.md``, with a prototype's published numbers, or
``ofa_search_distinct.md`` beside this file.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.common import Task, arguments, interval, markdown_table, problem_of, run_all, search, write_page
from nasgym.execution.processes import ONE_THREAD
from nasgym.ledger import Budget, BudgetUnit

ENV_ID = "nasgym/OFA-v0"
LIMITS = (15, 20, 25, 30)
EVALUATIONS = 10_000
RIVAL = "ofa-evolution"
BEST = "regularized-evolution, feasible"

Hyperparameters = dict[str, object]

# the defaults first, then the settings that were chosen for this problem on seeds 100 to 107
AGENTS: dict[str, tuple[str, Hyperparameters]] = {
    "random": ("random", {}),
    "regularized-evolution": ("regularized-evolution", {}),
    "nsga2": ("nsga2", {}),
    "layernas": ("layernas", {}),
    RIVAL: (RIVAL, {}),
    "random, feasible": ("random", {"draw": "feasible"}),
    BEST: (
        "regularized-evolution",
        {
            "reject": True,
            "draw": "feasible",
            "mutation": "choice",
            "edits": 2,
            "repeats": False,
            "population": 200,
            "sample": 50,
            "batch": 20,
        },
    ),
    "nsga2, population 100": ("nsga2", {"population": 100}),
    "layernas, by decisions": ("layernas", {"cut": "decisions"}),
    "layernas, by least cost": ("layernas", {"bucket_by": "least-cost"}),
    "layernas, both": ("layernas", {"cut": "decisions", "bucket_by": "least-cost"}),
}
# their select rule draws nothing
DETERMINISTIC = "layernas"

# one or two seeds each: evaluations, then the accuracies by limit
PUBLISHED = {
    "OFA evolution, 100 generations": ("10,100", ".7855 / .7851", ".8030 / .8043", ".8185 / .8186", ".8244 / .8292"),
    "LayerNAS, H = 100": ("7,835 to 12,353", ".7777", ".8014", ".8152", ".8231"),
    "LayerNAS, H = 25, K = 4": ("7,918 (15 ms), 11,625 (25 ms)", ".7815", "", ".8158", ""),
    "LayerNAS, H = 20": ("1,625 to 2,575", ".7787", ".7926", ".8100", ".8181"),
    "random feasible": ("3,000", "", "", ".8060", ""),
}


PROTOTYPES = (
    "## Prototype runs of one or two seeds, made before this library\n\n"
    "Same predictor and latencies, other code; every block was a layer of LayerNAS there, the resolution the first.\n\n"
    + markdown_table(
        ["method", "evaluations", *(f"{limit} ms" for limit in LIMITS)], [[name, *cells] for name, cells in PUBLISHED.items()]
    )
)


@dataclass(frozen=True)
class Found:
    """What came of one search.

    Attributes:
        accuracy: The best feasible one, NaN where nothing feasible was found.
        charged, distinct: Evaluations, and different networks among them.
        seconds: Processor time.
    """

    accuracy: float
    charged: int
    distinct: int
    seconds: float


def play(task: Task) -> Found:
    """Carries out one search."""
    space = problem_of(task).space
    began = time.process_time()
    history = search(task).history
    seconds = time.process_time() - began
    accuracy = history.accuracy[history.feasible]
    distinct = len(np.unique(space.canonical(history.archs), axis=0))
    return Found(float(accuracy.max()) if len(accuracy) else np.nan, len(history), distinct, seconds)


def tasks_of(labels: list[str], seeds: int, unit: BudgetUnit) -> list[Task]:
    """Every agent at every limit."""
    tasks = []
    for label in labels:
        agent, hyper = AGENTS[label]
        for limit in LIMITS:
            keywords = (("reward", "constrained"), ("target", float(limit)))
            for seed in range(1 if agent == DETERMINISTIC else seeds):
                budget = Budget(unit, EVALUATIONS)
                tasks.append(Task(ENV_ID, keywords, agent, tuple(hyper.items()), budget, seed, f"{label}|{limit}"))
    return tasks


def cell(runs: list[Found]) -> str:
    """Mean accuracy with its interval, or how many runs found nothing feasible."""
    values = np.array([run.accuracy for run in runs])
    if np.isnan(values).any():
        return f"nothing feasible in {np.isnan(values).sum()} of {len(values)}"
    low, high = interval(values)
    return f"{values.mean():.4f}" + (f" [{low:.4f}, {high:.4f}]" if len(values) > 1 else "")


def difference(mine: list[Found], theirs: list[Found]) -> str:
    """Difference of two means, in percentage points; bootstrap interval over the seeds of both."""
    rng = np.random.default_rng(0)
    means = []
    for runs in (mine, theirs):
        values = 100 * np.array([run.accuracy for run in runs])
        means.append((values.mean(), values[rng.integers(0, len(values), (10_000, len(values)))].mean(axis=1)))
    low, high = np.quantile(means[0][1] - means[1][1], [0.025, 0.975])
    return f"{means[0][0] - means[1][0]:+.2f} [{low:+.2f}, {high:+.2f}]"


def report(found: dict[str, list[Found]], labels: list[str], seeds: int, unit: BudgetUnit) -> list[str]:
    """The parts of the page."""
    limits = [f"{limit} ms" for limit in LIMITS]
    accuracies, efforts = [], []
    for label in labels:
        agent, hyper = AGENTS[label]
        rows = [found[f"{label}|{limit}"] for limit in LIMITS]
        number = "deterministic" if agent == DETERMINISTIC else str(seeds)
        accuracies.append([label, number, *(cell(runs) for runs in rows)])
        counts = [f"{np.mean([r.distinct for r in runs]):,.0f} of {np.mean([r.charged for r in runs]):,.0f}" for runs in rows]
        seconds = np.mean([run.seconds for runs in rows for run in runs])
        settings = ", ".join(f"{key}={value!r}" for key, value in hyper.items()) or "defaults"
        efforts.append([label, f"`{settings}`", *counts, f"{seconds:.1f}"])
    lead = [difference(found[f"{BEST}|{limit}"], found[f"{RIVAL}|{limit}"]) for limit in LIMITS]
    repeats = "repeats counted" if unit == "total" else "repeats free (at most 20 proposals for each evaluation)"
    return [
        f"Best predicted top-1 accuracy within the limit (a prediction, and optimistic by some points for what a search finds), latency "
        f"on a Note10, after {EVALUATIONS:,} evaluations, {repeats}; reward `constrained`. Mean over seeds 0 to {seeds - 1} with the 95 % "
        "percentile-bootstrap interval, which is somewhat too narrow where seeds are few. Agents that the last table gives no settings play with "
        "their defaults; settings were chosen on seeds 100 to 107 at these limits, repeats counted.",
        "## Accuracy\n\n" + markdown_table(["agent", "seeds", *limits], accuracies),
        f"`{BEST}` minus `{RIVAL}`, in percentage points, with the interval over the seeds of both:\n\n"
        + markdown_table(limits, [lead]),
        *([PROTOTYPES] if unit == "total" else []),
        "## Settings, different networks among the evaluations, and processor seconds of a search\n\n"
        + markdown_table(["agent", "settings", *limits, "seconds"], efforts),
    ]


def main() -> None:
    """Runs every agent at every limit and writes the page."""
    parser = arguments(__doc__ or "", 5)
    parser.add_argument("--unit", choices=("total", "distinct"), default="total", help="what the budget counts (default total)")
    args = parser.parse_args()
    os.environ.update(
        ONE_THREAD
    )  # the workers read it when they start; threads of a small matrix product only wait for each other
    labels = list(AGENTS) if args.unit == "total" else [RIVAL, BEST]
    tasks = tasks_of(labels, args.seeds, args.unit)
    found: dict[str, list[Found]] = {}
    for task, result in zip(tasks, run_all(play, tasks, args.jobs), strict=True):
        found.setdefault(task.label, []).append(result)
    flag, name = (" --unit distinct", "ofa_search_distinct") if args.unit == "distinct" else ("", "ofa_search")
    command = f"python -m benchmarks.ofa_search --seeds {args.seeds} --jobs {args.jobs}{flag}"
    write_page(name, "Once-for-All under latency limits", command, report(found, labels, args.seeds, args.unit), "pymoo")


if __name__ == "__main__":
    main()
