"""Fronts of NATS-Bench size beside published ones: error, parameters and FLOPs on CIFAR-10.

    python -m benchmarks.fronts --seeds 31 --jobs 2

NSGA-II and random search with 10,000 evaluations each, of 32,768 networks. Hypervolumes are of
objectives that are scaled by the exact front's own minimum and maximum, with the reference point
(1, 1, 1): C-10/MOP3 of the CEC competition on EvoXBench. Its entries report their last
population, of 105 to 121 networks; an archive keeps whatever nothing before it dominated. Both are
shown of NSGA-II here. Writes ``fronts.md`` beside this file and ``docs/images/fronts.png``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.common import HERE, Task, arguments, markdown_table, problem_of, run_all, tuning, write_page
from nasgym.agents import make_agent
from nasgym.compare.archive import archive_of
from nasgym.compare.fronts import FrontScale
from nasgym.compare.intervals import bootstrap_interval
from nasgym.compare.statistics import iqm, step_values
from nasgym.ledger import Budget
from nasgym.problems.evaluation import nondominated

ENV_ID = "nasgym/NATS-SSS-v0"
KEYWORDS = (
    ("dataset", "cifar10"),
    ("reward", "accuracy"),
    ("cost", "macs"),
    ("extra_costs", ["params"]),
    ("objectives", ["accuracy", "params", "macs"]),
)
EVALUATIONS = 10_000
CHECKPOINTS = (100, 300, 1_000, 3_000, 10_000)
# the competition's algorithms use 105 points
AGENTS: dict[str, tuple[str, dict[str, object], str]] = {
    "nsga2": ("nsga2", {}, "#cc79a7"),
    "nsga2, population 105": ("nsga2", {"population": 105}, "#7a5195"),
    "random": ("random", {}, "#6e6e6e"),
}
# means of 31 runs after 10,000 evaluations, from the competition's published files
# (EMI-Group/IEEE-CEC-NAS-Competition, c10mop3)
PUBLISHED = {
    "DLEA-Niche (best entry)": 0.8288,
    "CMOSMA": 0.8272,
    "EABSM": 0.8236,
    "NSGA-II": 0.8054,
    "MOEA/D": 0.7883,
}
SHOWN = ("DLEA-Niche (best entry)", "NSGA-II")
# measured once by other code than this library's
EARLIER_RANDOM = (0.7575, 0.7711, 0.8026, 0.8178, 0.8297)


def hypervolumes(task: Task) -> tuple[np.ndarray, float]:
    """Carries out one search.

    Returns:
        ``(len(GRID),)`` hypervolume of the archive at each place of `GRID`, and that of the last
        population, NaN where there is none.
    """
    from moocore import hypervolume

    problem, agent = problem_of(task), make_agent(task.agent, **dict(task.hyperparameters))
    history = agent.search(problem, budget=task.budget, seed=task.seed).history
    scale, reference = FrontScale.of(problem.pareto_front().values, problem.objectives), np.ones(3)
    archive = archive_of(history, problem.objectives)
    values = scale.scaled(problem.mean_evaluations(archive.archs).values(problem.objectives))
    counts = np.searchsorted(archive.evaluations, GRID, side="right")
    curve = np.array([hypervolume(values[:count], ref=reference) if count else 0.0 for count in counts.tolist()])
    if task.agent != "nsga2":
        return curve, np.nan
    survivors = problem.mean_evaluations(agent.survivors).values(problem.objectives)
    return curve, float(hypervolume(scale.scaled(survivors), ref=reference))


GRID = np.unique(np.concatenate([np.geomspace(10, EVALUATIONS, 60).round(), CHECKPOINTS]).astype(np.int64))


def exact() -> tuple[float, int]:
    """Hypervolume and size of the exact front."""
    from moocore import hypervolume

    front = problem_of(Task(ENV_ID, KEYWORDS, "", (), Budget("total", 1), 0)).pareto_front()
    objectives = problem_of(Task(ENV_ID, KEYWORDS, "", (), Budget("total", 1), 0)).objectives
    scaled = FrontScale.of(front.values, objectives).scaled(front.values)
    assert nondominated(front.values, [objective.direction == "max" for objective in objectives]).all()
    return float(hypervolume(scaled, ref=np.ones(3))), len(front.archs)


def cell(values: np.ndarray) -> str:
    """Interquartile mean and its 95 % interval."""
    low, high = bootstrap_interval(values, np.random.default_rng(0))
    return f"{iqm(values):.4f} [{low:.4f}, {high:.4f}]"


def draw(found: dict[str, np.ndarray], best: float, path: Path) -> None:
    """Hypervolume over evaluations, with what was published as marks at the end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for label, (_, _, colour) in AGENTS.items():
        curves = found[label]
        low, high = np.quantile(curves, [0.25, 0.75], axis=0)
        axes.fill_between(GRID, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(GRID, curves.mean(axis=0), color=colour, label=f"{label}, archive")
    axes.plot(CHECKPOINTS, EARLIER_RANDOM, "x", color="#222222", label="random, archive: measured before")
    for name, marker in zip(SHOWN, "D^", strict=True):
        axes.plot(
            [EVALUATIONS], [PUBLISHED[name]], marker, color="#222222", label=f"{name}, population: published", clip_on=False
        )
    axes.axhline(best, color="#333333", linestyle=(0, (5, 3)), linewidth=1, label="exact front")
    axes.set(xscale="log", xlim=(100, EVALUATIONS), ylim=(0.72, 0.845), xlabel="evaluations, repeats free")
    axes.set_ylabel("hypervolume")
    axes.set_title("NATS-Bench size, CIFAR-10: error, parameters and FLOPs", loc="left", fontsize=11)
    axes.grid(color="#e4e4e4")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Runs all agents, writes the page and the picture."""
    args = arguments(__doc__ or "", 31).parse_args()
    budget = Budget("distinct", EVALUATIONS)
    tasks = [
        Task(ENV_ID, KEYWORDS, agent, tuple(hyper.items()), budget, seed, label)
        for label, (agent, hyper, _) in AGENTS.items()
        for seed in range(args.seeds)
    ]
    results: dict[str, list[tuple[np.ndarray, float]]] = {}
    for task, result in zip(tasks, run_all(hypervolumes, tasks, args.jobs), strict=True):
        results.setdefault(task.label, []).append(result)
    found = {label: np.stack([curve for curve, _ in runs]) for label, runs in results.items()}
    best, size = exact()
    draw(found, best, HERE.parent / "docs" / "images" / "fronts.png")
    rows = []
    for label in AGENTS:
        columns = [step_values(CHECKPOINTS, GRID, curve) for curve in found[label]]
        last = np.array([population for _, population in results[label]])
        population = "-" if np.isnan(last).any() else cell(last)
        rows.append([label, *(cell(column) for column in np.stack(columns).T), population])
    heads = ["agent", *(f"{n:,}" for n in CHECKPOINTS), "last population"]
    published = [[name, f"{value:.4f}"] for name, value in PUBLISHED.items()]
    write_page(
        "fronts",
        "Fronts of NATS-Bench size",
        f"python -m benchmarks.fronts --seeds {args.seeds} --jobs {args.jobs}",
        [
            f"CIFAR-10: test error after 90 epochs (the table at hand has no validation numbers), parameters, FLOPs. Hypervolume of objectives "
            f"scaled by the exact front's minimum and maximum, reference (1, 1, 1). The exact front has {size} networks and **{best:.4f}**. "
            f"{args.seeds} seeds; interquartile mean and 95 % interval over seeds of the archive after so many different networks.",
            markdown_table(heads, rows),
            "Published means of 31 runs after 10,000 evaluations, of last populations of 105 to 121 networks (C-10/MOP3; "
            "EMI-Group/IEEE-CEC-NAS-Competition):\n\n" + markdown_table(["algorithm", "hypervolume"], published),
            "An archive that may keep everything is no rival of a population: after 10,000 of 32,768 networks the archive of random search is "
            f"above {sum(iqm(found['random'][:, -1]) > value for value in PUBLISHED.values())} of these {len(PUBLISHED)}. Measured before, by "
            f"other code, at the same evaluations: {' / '.join(f'{value:.4f}' for value in EARLIER_RANDOM)}. The agent `nsga2` proposes no "
            "network twice and exchanges whole layers; how the competition's NSGA-II treats repeats is not known here.",
            "![Hypervolume over evaluations](../docs/images/fronts.png)",
            tuning((agent, hyper) for agent, hyper, _ in AGENTS.values()),
        ],
        "pymoo",
        "moocore",
    )


if __name__ == "__main__":
    main()
