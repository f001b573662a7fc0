"""The figure of LayerNAS's announcement, with random search, regularized evolution and PPO.

    python examples/layernas_announcement.py --runs 100 --jobs 2

NATS-Bench size, CIFAR-10, at most half of the MACs of the largest network (137.2 M), mean and 25-75
% band over the runs. Needs the NATS-Bench size table (`nasgym data import nats-bench PATH`). Where
the table has validation accuracies the search sees those and the right panel shows the test
accuracy of the same answers; a table with test accuracies only makes it a search on test, which the
figure then says.

LayerNAS leaves out what cannot meet the limit before it evaluates. The rivals have their defaults:
they pay for what is over the limit, and PPO for repeats, too. `benchmarks/constrained_size.md` has
them with rejection and feasible masks.

LayerNAS's announcement: research.google/blog, "LayerNAS: Neural Architecture Search in Polynomial
Complexity" (2023).
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import nasgym
from nasgym.agents import make_agent

AGENTS = ("random", "regularized-evolution", "ppo", "layernas")
COLOURS = {"random": "#888888", "regularized-evolution": "#0072B2", "ppo": "#E69F00", "layernas": "#D55E00"}
TARGET = {"fraction": 0.5, "of": "max"}


def run(task: tuple[str, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Search accuracy and test accuracy (percent) of the incumbent after 1, 2, ... evaluations."""
    agent, budget, seed = task
    problem = nasgym.make_problem("nasgym/NATS-SSS-v0", reward="constrained", cost="macs", target=TARGET)
    spend = nasgym.Budget("total" if agent == "ppo" else "distinct", budget)
    history = make_agent(agent).search(problem, budget=spend, seed=seed).history
    # an agent that ended early keeps its answer
    rows = history.incumbent[np.minimum(np.arange(budget), len(history) - 1)]
    test = problem.report(history.archs).test_accuracy[rows]
    feasible = history.feasible[rows]
    return np.where(feasible, history.accuracy[rows], np.nan) * 100, np.where(feasible, test, np.nan) * 100


def main() -> None:
    """Runs the searches, prints the table and draws the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--budget", type=int, default=300, help="evaluations (PPO: total, the others: distinct)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("layernas_announcement.png"))
    args = parser.parse_args()
    try:
        problem = nasgym.make_problem("nasgym/NATS-SSS-v0", reward="constrained", cost="macs", target=TARGET)
    except nasgym.NasgymError as error:
        sys.exit(f"error: {error}")

    tasks = [(agent, args.budget, seed) for agent in AGENTS for seed in range(args.runs)]
    with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
        curves = dict(zip(tasks, pool.map(run, tasks, chunksize=5), strict=True))
    searched = problem.search_metric == "validation"
    panels = ["validation", "test"] if searched else ["test"]

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(6.4 * len(panels), 4.4), squeeze=False, layout="constrained")
    steps = np.arange(1, args.budget + 1)
    print(f"{'agent':24}" + "".join(f"{p + ' accuracy':>40}" for p in panels))
    for agent in AGENTS:
        shown = []
        for panel, axis in enumerate(axes[0]):
            values = np.stack([curves[agent, args.budget, seed][panel] for seed in range(args.runs)])
            # drawn from the first evaluation on by which three quarters of the runs have a feasible
            # answer
            drawn = np.mean(~np.isnan(values), axis=0) >= 0.75
            with np.errstate(all="ignore"):
                low, high = np.nanquantile(values[:, drawn], [0.25, 0.75], axis=0)
            axis.plot(steps[drawn], np.nanmean(values[:, drawn], axis=0), color=COLOURS[agent], label=agent, lw=1.8)
            axis.fill_between(steps[drawn], low, high, color=COLOURS[agent], alpha=0.18, lw=0)
            shown.append(f"{np.nanmean(values[:, -1]):.3f} (25-75 %: {low[-1]:.3f} to {high[-1]:.3f})")
        print(f"{agent:24}" + "".join(f"{text:>40}" for text in shown))
    best = problem.optimum().accuracy * 100
    axes[0][0].axhline(best, color="black", lw=0.8, ls="--", label=f"optimum {best:.2f}")
    for name, axis in zip(panels, axes[0], strict=True):
        axis.set(xlabel="evaluations", ylabel=f"{name} accuracy, %", xlim=(0, args.budget), ylim=(best - 2.0, best + 0.15))
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].legend(frameon=False, loc="lower right")
    limit = f"at most {problem.scale.target / 1e6:.1f} M MACs"
    metric = "" if searched else "\nsearch on test accuracy: the table has no validation numbers"
    figure.suptitle(f"NATS-Bench size, CIFAR-10, {limit}\nmean and 25-75 % band of {args.runs} runs{metric}", fontsize=10)
    figure.savefig(args.out, dpi=150)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
