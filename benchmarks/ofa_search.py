"""Accuracy under latency limits on Once-for-All: agents beside its own evolutionary search.

    python -m benchmarks.ofa_search --seeds 10

Best predicted accuracy within 15, 20, 25 and 30 ms on a Note10 after 10,000 evaluations (calls of
the accuracy predictor). Evolution, Once-for-All's own and LayerNAS play the best of eight settings
(`benchmarks.ofa_tuning`). Repeats count; who repeats itself plays a second time with repeats free.
Needs the predictor and the device file: `nasgym data import ofa PATH`. Writes ``ofa_search.md``.
"""

from __future__ import annotations

import os

import numpy as np

from benchmarks.common import markdown_table, run_all, write_page
from benchmarks.intervals import lead, middle, spelled, words
from benchmarks.ofa_play import (
    DETERMINISTIC,
    EVALUATIONS,
    LIMITS,
    Found,
    Hyperparameters,
    arguments,
    player,
    tasks_of,
)
from benchmarks.ofa_play import spelled as settings_text
from benchmarks.ofa_predictor import TIE
from benchmarks.ofa_tuning import GRID, SEEDS, chosen
from nasgym.execution.processes import ONE_THREAD

# label: agent, hyper-parameters
AGENTS: dict[str, tuple[str, Hyperparameters]] = {
    **{agent: (agent, chosen(agent)) for agent in GRID},
    "random": ("random", {"reject": True, "draw": "feasible", "batch": 100}),
}
RIVAL = "ofa-evolution"
FREE = f"{RIVAL}, repeats free"
# what evolution has more than Once-for-All's own, in both units
PAIRS = (("regularized-evolution", RIVAL), ("regularized-evolution", FREE), ("nsga2", RIVAL), ("layernas", RIVAL))


def cell(runs: list[Found]) -> str:
    """Interquartile mean with its interval, or how many runs found nothing feasible."""
    values = np.array([run.accuracy for run in runs])
    if np.isnan(values).any():
        return f"nothing feasible in {np.isnan(values).sum()} of {len(values)}"
    return middle(values, 4)


def difference(mine: list[Found], theirs: list[Found]) -> str:
    """What one has more than another, paired, in percentage points, and what it is worth.

    Raises:
        ValueError: A search found nothing feasible, and no difference says so.
    """
    found = lead([run.accuracy for run in mine], [run.accuracy for run in theirs])
    if np.isnan(found.difference):
        raise ValueError("a search found nothing feasible; compare the accuracies of the others by hand.")
    text = spelled(100 * found.difference, (100 * found.low, 100 * found.high), 2, sign=True)
    if found.tied:
        return f"{text}, tie (holds 0)"
    return f"{text}, tie (below {100 * TIE:.1f})" if abs(found.difference) < TIE else f"**{text}**"


def report(found: dict[str, list[Found]], seeds: int) -> list[str]:
    """The parts of the page."""
    limits = [f"{limit} ms" for limit in LIMITS]
    accuracies, efforts = [], []
    for label in (*AGENTS, FREE):
        agent, hyper = AGENTS[RIVAL if label == FREE else label]
        rows = [found[f"{label}|{limit}"] for limit in LIMITS]
        accuracies.append([label, "deterministic" if agent == DETERMINISTIC else str(seeds), *(cell(runs) for runs in rows)])
        counts = [f"{np.mean([r.distinct for r in runs]):,.0f} of {np.mean([r.charged for r in runs]):,.0f}" for runs in rows]
        seconds = np.mean([run.seconds for runs in rows for run in runs])
        efforts.append([label, f"`{settings_text(hyper)}`", *counts, f"{seconds:.1f}"])
    leads = [
        [f"{mine} minus {theirs}", *(difference(found[f"{mine}|{limit}"], found[f"{theirs}|{limit}"]) for limit in LIMITS)]
        for mine, theirs in PAIRS
    ]
    tried = len(GRID[RIVAL])
    return [
        f"Best predicted top-1 accuracy within the limit, latency on a Note10, after {EVALUATIONS:,} evaluations, reward `constrained`; "
        f"seeds 0 to {seeds - 1}: {words(seeds)}. Costs are free here: evolution and random search draw again what is over the limit "
        "before they pay, LayerNAS filters children, NSGA-II drops it if its settings say `reject`. Repeats are charged; `ofa-evolution` alone "
        "repeats itself much, so it plays with repeats free (at most 20 proposals for each evaluation), too. **Tuning**: "
        f"{tried} settings of each of {', '.join(f'`{agent}`' for agent in GRID)}, played at these limits on seeds {SEEDS[0]} to {SEEDS[-1]}, the best "
        "mean chosen ([page](ofa_tuning.md)); random search, which has little to choose, was not tuned.",
        "## Accuracy\n\n" + markdown_table(["agent", "seeds", *limits], accuracies),
        "## Leads, in percentage points\n\n"
        "Paired by seed, interquartile mean with its interval. *Tie (holds 0)*: so does the interval. "
        f"*Tie (below {100 * TIE:.1f})*: the interval does not, but a predictor is not the truth. Against measured networks the published one is off "
        f"by .27 points (standard deviation, [page](ofa_predictor.md)); leads below {100 * TIE:.1f} points say nothing about trained networks.\n\n"
        + markdown_table(["", *limits], leads),
        "## Settings, different networks among the evaluations, and processor seconds of a search\n\n"
        + markdown_table(["agent", "settings", *limits, "seconds"], efforts),
    ]


def main() -> None:
    """Runs every agent at every limit and writes the page."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to N - 1 (default 10)")
    args = parser.parse_args()
    # workers read it when they start; threads of a small product only wait for each other
    os.environ.update(ONE_THREAD)
    seeds = range(args.seeds)
    tasks = [*tasks_of(AGENTS, seeds, "total"), *tasks_of({FREE: AGENTS[RIVAL]}, seeds, "distinct")]
    found: dict[str, list[Found]] = {}
    for task, result in zip(tasks, run_all(player(args.keep), tasks, args.jobs), strict=True):
        found.setdefault(task.label, []).append(result)
    command = f"python -m benchmarks.ofa_search --seeds {args.seeds} --jobs {args.jobs}"
    write_page("ofa_search", "Once-for-All under latency limits", command, report(found, args.seeds), "pymoo", "scipy")


if __name__ == "__main__":
    main()
