"""Settings for the agents of `benchmarks.ofa_search`: the same number tried for each of them.

    python -m benchmarks.ofa_tuning --jobs 1

Evolution, Once-for-All's own search, LayerNAS and NSGA-II play eight settings each, the defaults of
the latter three among them, at the limits and with the budget of `benchmarks.ofa_search`, on seeds
100 to 103, which no other page uses. Two forms of evolution are left out because they are slow at
15 ms: its default mutation, and single edits without repeats. The best mean accuracy over the
limits is chosen. Writes ``ofa_tuning.md``; says so where `CHOSEN`, which the other page plays, is
not what it found.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from benchmarks.common import markdown_table, run_all, write_page
from benchmarks.ofa_play import DETERMINISTIC, EVALUATIONS, LIMITS, Found, Hyperparameters, arguments, player, spelled, tasks_of
from nasgym.execution.processes import ONE_THREAD

SEEDS = range(100, 104)

# in batches, for the clock; by choices, because most neighbours are deeper, and over a tight limit
FEASIBLE: Hyperparameters = {"reject": True, "draw": "feasible", "mutation": "choice", "batch": 50}
# nothing is paid for twice; by single edits a tight limit leaves few new ones
NEW: Hyperparameters = {**FEASIBLE, "repeats": False, "edits": 2}
# of NSGA-II; rejection alone finds no first population at 15 ms
WITHIN: Hyperparameters = {"reject": True, "draw": "feasible"}
LEAST: Hyperparameters = {"bucket_by": "least-cost", "cut": "decisions"}

# the first of evolution has its default population; of the others it is the default setting
GRID: dict[str, tuple[Hyperparameters, ...]] = {
    "regularized-evolution": (
        FEASIBLE,
        {**FEASIBLE, "population": 200, "sample": 50},
        {**NEW, "population": 100, "sample": 25},
        {**NEW, "population": 100, "sample": 25, "edits": 3},
        {**NEW, "population": 200, "sample": 25},
        {**NEW, "population": 200, "sample": 50},
        {**NEW, "population": 200, "sample": 50, "edits": 3},
        {**NEW, "population": 400, "sample": 100},
    ),
    "ofa-evolution": (
        {},
        {"population": 100, "parents": 0.5},
        {"population": 200},
        {"population": 200, "parents": 0.5},
        {"population": 400, "parents": 0.5},
        {"population": 200, "parents": 0.5, "mutation": 0.05},
        {"population": 200, "parents": 0.5, "mutation": 0.2},
        {"population": 200, "parents": 0.5, "mutants": 0.75},
    ),
    "layernas": (
        {},
        {"cut": "decisions"},
        {"bucket_by": "least-cost"},
        LEAST,
        {**LEAST, "buckets": 25},
        {**LEAST, "buckets": 50},
        {**LEAST, "buckets": 25, "per_bucket": 4},
        {**LEAST, "buckets": 50, "per_bucket": 2},
    ),
    "nsga2": (
        {},
        {"population": 100},
        {**WITHIN, "population": 100},
        {**WITHIN, "aim": "reward", "population": 50},
        {**WITHIN, "aim": "reward", "population": 100},
        {**WITHIN, "aim": "reward", "population": 200},
        {**WITHIN, "aim": "reward", "population": 100, "crossover": 0.5},
        {**WITHIN, "aim": "reward", "population": 100, "mutation": 0.1},
    ),
}
# place in the grid
CHOSEN = {"regularized-evolution": 6, "ofa-evolution": 3, "layernas": 6, "nsga2": 3}


def chosen(agent: str) -> Hyperparameters:
    """The setting that the other page plays."""
    return GRID[agent][CHOSEN[agent]]


def worth(runs: list[list[Found]]) -> float:
    """Mean over the limits of the mean accuracy; NaN where a search found nothing feasible."""
    return float(np.mean([np.mean([run.accuracy for run in at]) for at in runs]))


def best_of(worths: list[float]) -> int:
    """Place of the best; a setting with which a search found nothing feasible is none."""
    return int(np.argmax(np.nan_to_num(worths, nan=-np.inf)))


def section(agent: str, found: dict[str, list[Found]]) -> tuple[str, int]:
    """The table of an agent, and the place of the best setting."""
    runs = [[found[f"{agent}|{place}|{limit}"] for limit in LIMITS] for place in range(len(GRID[agent]))]
    worths = [worth(of) for of in runs]
    best = best_of(worths)
    rows = [
        [
            f"`{spelled(hyper)}`",
            *(f"{np.mean([run.accuracy for run in at]):.4f}" for at in of),
            f"**{value:.4f}**, chosen" if place == best else f"{value:.4f}",
            f"{np.mean([run.seconds for at in of for run in at]):.1f}",
        ]
        for place, (hyper, of, value) in enumerate(zip(GRID[agent], runs, worths, strict=True))
    ]
    header = ["settings", *(f"{limit} ms" for limit in LIMITS), "mean", "seconds"]
    note = " It draws nothing: one search at each limit." if agent == DETERMINISTIC else ""
    return f"## {agent}\n\n{len(rows)} settings.{note}\n\n{markdown_table(header, rows)}", best


def main() -> None:
    """Plays the grid and writes the page."""
    args = arguments(__doc__ or "").parse_args()
    os.environ.update(ONE_THREAD)  # the workers read it when they start
    settings = {f"{agent}|{place}": (agent, hyper) for agent, of in GRID.items() for place, hyper in enumerate(of)}
    tasks = tasks_of(settings, SEEDS, "total")
    found: dict[str, list[Found]] = {}
    for task, result in zip(tasks, run_all(player(args.keep), tasks, args.jobs), strict=True):
        found.setdefault(task.label, []).append(result)
    parts, best = [], {}
    for agent in GRID:
        text, best[agent] = section(agent, found)
        parts.append(text)
    intro = (
        f"Mean of the best predicted accuracy within each limit after {EVALUATIONS:,} evaluations, repeats counted, over seeds "
        f"{SEEDS[0]} to {SEEDS[-1]}; the setting with the best mean over the limits is chosen. All but some settings of NSGA-II reject what is over the "
        "limit before they pay for it, LayerNAS by its filter. Seconds are processor seconds of a search."
    )
    write_page(
        "ofa_tuning",
        "Once-for-All: the settings",
        f"python -m benchmarks.ofa_tuning --jobs {args.jobs}",
        [intro, *parts],
        "pymoo",
    )
    if best != CHOSEN:
        print(f"CHOSEN has to become {best}", file=sys.stderr)


if __name__ == "__main__":
    main()
