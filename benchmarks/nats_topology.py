"""NATS-Bench topology: every agent at 300 evaluations, and the paper's baselines by its protocol.

``python -m benchmarks.nats_topology``. Search on validation accuracy after 12 epochs, report after
200 epochs, means over the published training seeds. With an official archive imported it plays that
table; without, the published arrays of `benchmarks/nb201_trials.py`, in a data folder of its own.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import AGENTS, Task, arguments, markdown_table, problem_of, run_all, search, tuning, write_page
from benchmarks.intervals import STUDENT_WORDS, student
from benchmarks.nb201_trials import play_trials
from nasgym.ledger import Budget
from nasgym.tables.table_folder import find_table, imported_tables
from nasgym.type_aliases import Archs

ENV_ID = "nasgym/NATS-TSS-v0"
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
EVALUATIONS = 300
TABLE = "nats-tss"

# LayerNAS, 2304.11517, Table 3; test accuracy, mean and std of 5 runs, as a secondary source quotes
# it
PAPER_T1 = {
    "RS": ("92.39 ± 0.06", "63.54 ± 0.24", "42.71 ± 0.34"),
    "RE": ("94.13 ± 0.18", "71.40 ± 0.50", "44.76 ± 0.64"),
    "PPO": ("94.02 ± 0.13", "71.68 ± 0.65", "44.95 ± 0.52"),
    "LayerNAS": ("94.34 ± 0.12", "73.01 ± 0.63", "46.58 ± 0.59"),
}

# NATS-Bench, 2009.00437, Table 4 (500 runs), as a secondary source quotes it: (validation, std,
# test, std) a data set
PAPER_T5 = {
    "regularized-evolution": ((91.25, 0.31, 94.02, 0.31), (72.28, 0.95, 72.23, 0.84), (45.71, 0.77, 45.77, 0.80)),
    "reinforce": ((91.12, 0.25, 93.90, 0.26), (71.80, 0.94, 71.86, 0.89), (45.37, 0.74, 45.64, 0.78)),
    "random": ((91.07, 0.26, 93.86, 0.23), (71.46, 0.97, 71.55, 0.97), (45.03, 0.91, 45.28, 0.97)),
}
PROTOCOL: dict[str, dict[str, object]] = {
    "regularized-evolution": {"population": 10, "sample": 3, "mutation": "nats-bench"},
    "reinforce": {"policy": "independent"},
    "random": {},
}
SECONDS = {"cifar10": 20_000.0, "cifar100": 40_000.0, "ImageNet16-120": 120_000.0}


@dataclass(frozen=True)
class Answer:
    """What one search answered: percent after the full training, and the evaluations it made."""

    validation: float
    test: float
    evaluations: int


def answer(task: Task) -> Answer:
    """Carries out one search."""
    result = search(task)
    return _answer(task, result.best_arch, len(result.history))


def published_answer(task: Task) -> Answer:
    """The same; answers what had the best single evaluation, as the paper's code does."""
    history = search(task).history
    return _answer(task, history.archs[int(history.accuracy.argmax())], len(history))


def _answer(task: Task, arch: Archs, evaluations: int) -> Answer:
    report = problem_of(task).report(arch[None])
    return Answer(float(report.validation_accuracy[0]) * 100, float(report.test_accuracy[0]) * 100, evaluations)


def _keywords(dataset: str, seed: str = "mean") -> tuple[tuple[str, object], ...]:
    return (("dataset", dataset), ("reward", "accuracy"), ("cost", "macs"), ("seed", seed))


def at_equal_evaluations(seeds: int, jobs: int) -> str:
    """The table of all agents at 300 evaluations."""
    tasks = [
        Task(ENV_ID, _keywords(dataset), agent, tuple(hyper.items()), Budget(unit, EVALUATIONS), seed, f"{label}|{dataset}")
        for label, (agent, hyper, unit, draws) in AGENTS.items()
        for dataset in DATASETS
        for seed in range(seeds if draws else 1)
    ]
    found: dict[str, list[Answer]] = {}
    for task, result in zip(tasks, run_all(answer, tasks, jobs), strict=True):
        found.setdefault(task.label, []).append(result)
    rows = []
    for label in AGENTS:
        cells = [label]
        for dataset in DATASETS:
            runs = found[f"{label}|{dataset}"]
            tests = np.array([run.test for run in runs])
            if len(tests) == 1:
                cells.append(f"{tests[0]:.2f} (deterministic, {runs[0].evaluations} evaluations)")
            else:
                low, high = student(tests)
                cells.append(f"{tests.mean():.2f} ± {tests.std(ddof=1):.2f} [{low:.2f}, {high:.2f}]")
        rows.append(cells)
    best = ["best-validation cell (mean over ties)"]
    ceiling = ["best test accuracy"]
    for dataset in DATASETS:
        problem = problem_of(Task(ENV_ID, _keywords(dataset), "", (), Budget("total", 1), 0))
        tied = problem.report(problem.optimum().archs).test_accuracy * 100
        shown = " or ".join(f"{value:.2f}" for value in np.unique(tied.round(2)))
        best.append(f"{tied.mean():.2f}" + (f" ({shown})" if len(tied) > 1 else ""))
        ceiling.append(f"{problem.report(problem.space.enumerate()).test_accuracy.max() * 100:.2f}")
    rows += [best, ceiling, *([f"paper: {name}", *values] for name, values in PAPER_T1.items())]
    return "\n\n".join(
        [
            f"## All agents at {EVALUATIONS} evaluations, {seeds} seeds",
            f"Test accuracy after 200 epochs of the answer, in percent: mean ± std [interval], with {STUDENT_WORDS}. Searches see means over the "
            "training seeds. REINFORCE and PPO pay for total, the others for distinct evaluations. The paper's rows: LayerNAS, Table 3, five "
            "runs, 1e5 simulated seconds; its random search had another budget.",
            markdown_table(["agent", *DATASETS], rows),
        ]
    )


def under_the_protocol(runs: int, jobs: int) -> str:
    """The paper's baselines: simulated seconds, 500 runs."""
    tasks = [
        Task(
            ENV_ID,
            _keywords(dataset, "sampled"),
            agent,
            tuple(hyper.items()),
            Budget("train_seconds", SECONDS[dataset]),
            seed,
            f"{agent}|{dataset}",
        )
        for agent, hyper in PROTOCOL.items()
        for dataset in DATASETS
        for seed in range(runs)
    ]
    found: dict[str, list[Answer]] = {}
    for task, result in zip(tasks, run_all(published_answer, tasks, jobs), strict=True):
        found.setdefault(task.label, []).append(result)
    rows = []
    for agent in PROTOCOL:
        for column, dataset in enumerate(DATASETS):
            values = np.array([(run.validation, run.test, run.evaluations) for run in found[f"{agent}|{dataset}"]])
            mean, std = values.mean(axis=0), values.std(axis=0)
            paper = PAPER_T5[agent][column]
            rows.append(
                [
                    agent,
                    dataset,
                    f"{mean[0]:.2f} ± {std[0]:.2f}",
                    f"{paper[0]:.2f} ± {paper[1]:.2f}",
                    f"{mean[1]:.2f} ± {std[1]:.2f}",
                    f"{paper[2]:.2f} ± {paper[3]:.2f}",
                    f"{mean[1] - paper[2]:+.2f}",
                    f"{mean[2]:.0f}",
                ]
            )
    header = ["agent", "data set", "validation", "paper", "test", "paper", "test difference", "evaluations"]
    return "\n\n".join(
        [
            f"## The benchmark's protocol, {runs} runs",
            "Budgets of 20,000 / 40,000 / 120,000 simulated seconds (training and one validation pass), search on 12-epoch validation, percent. "
            "Every evaluation draws a training seed and pays, repeats too; the answer has the best single evaluation; validation and test are means "
            "over the seeds after 200 epochs. " + " ".join(find_table(TABLE).card["notes"]),
            markdown_table(header, rows),
        ]
    )


def tuned() -> str:
    """What was tuned for whom; the baselines of the protocol have the benchmark's own settings."""
    entrants = [*((agent, hyper) for agent, hyper, _, _ in AGENTS.values()), *PROTOCOL.items()]
    own = [
        f"{agent} `{', '.join(f'{key}={value!r}' for key, value in hyper.items())}`"
        for agent, hyper in PROTOCOL.items()
        if hyper
    ]
    return (
        f"{tuning(entrants)}\n\nUnder the protocol the settings are those of the benchmark's code: {' and '.join(own)}; in the first table the "
        "agents have their defaults, but where a row says otherwise."
    )


def main() -> None:
    """Runs both tables and writes the page."""
    parser = arguments(__doc__ or "", 100)
    parser.add_argument("--runs", type=int, default=500, help="runs under the benchmark's protocol (default 500)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # an official archive has the seeds of every fidelity
        if TABLE not in imported_tables() or "seeds" not in find_table(TABLE).card:
            play_trials(Path(folder))
        parts = [at_equal_evaluations(args.seeds, args.jobs), under_the_protocol(args.runs, args.jobs), tuned()]
    command = f"python -m benchmarks.nats_topology --seeds {args.seeds} --runs {args.runs} --jobs {args.jobs}"
    write_page("nats_topology", "NATS-Bench topology", command, parts, "torch", "stable-baselines3", "sb3-contrib", "pymoo")


if __name__ == "__main__":
    main()
