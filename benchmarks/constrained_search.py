"""Regret under a MACs limit: every agent on NAS-Bench-Macro or NATS-Bench size, at several targets.

``python -m benchmarks.constrained_search macro`` (or ``size``). Evolution, random search, local
search, NSGA-II and LayerNAS pay for distinct evaluations; REINFORCE and PPO, which repeat
themselves when they converge, for total ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.common import AGENTS, Task, arguments, interval, markdown_table, problem_of, run_all, search, write_page
from nasgym.ledger import Budget

CHECKPOINTS = (100, 200, 300)


@dataclass(frozen=True)
class Setting:
    """An environment and its targets."""

    env_id: str
    title: str
    targets: tuple[tuple[str, object], ...]
    note: str


SETTINGS = {
    "macro": Setting(
        "nasgym/NASBenchMacro-v0",
        "NAS-Bench-Macro under a MACs limit",
        tuple((f"{p} %", {"fraction": p / 100, "of": "range"}) for p in (30, 40, 50, 60, 70, 80)),
        "Accuracy is the mean of the three published trainings (test accuracy: the table has no other). Targets are fractions of the "
        "range of MACs; 50 % is 56.69 M.",
    ),
    "size": Setting(
        "nasgym/NATS-SSS-v0",
        "NATS-Bench size, CIFAR-10, under a MACs limit",
        (("80 M", 80e6), ("100 M", 100e6), ("137.2 M", 137.199941e6)),
        "Accuracy is CIFAR-10 test accuracy after 90 epochs: a search on test, since the table at hand has no validation numbers. "
        "137.2 M (half of the largest network, the announcement's target) is a smoke test: its optimum is a child of LayerNAS's default.",
    ),
}

# the other fair form of the rivals: what the limit rules out is drawn again before it is evaluated
REJECTING: dict[str, tuple[str, dict[str, object], str, bool]] = {
    "regularized-evolution, rejecting": ("regularized-evolution", {"reject": True}, "distinct", True),
    "random, rejecting": ("random", {"reject": True}, "distinct", True),
}


def regrets(task: Task) -> tuple[list[float], int, int, str]:
    """Carries out one search.

    Returns:
        Regret at each checkpoint, charged evaluations, evaluations until the optimum (0: never),
        and how the search ended.
    """
    result = search(task)
    optimum = problem_of(task).optimum().reward
    history = result.history
    best = history.reward[history.incumbent]
    rows = [min(n, len(best)) - 1 for n in CHECKPOINTS]
    hits = np.flatnonzero(best >= optimum - 1e-12)
    return [optimum - float(best[row]) for row in rows], len(best), int(hits[0]) + 1 if len(hits) else 0, result.ended


def main() -> None:
    """Runs every agent at every target and writes the page."""
    parser = arguments(__doc__ or "", 100)
    parser.add_argument("setting", choices=sorted(SETTINGS))
    parser.add_argument("--rejecting", action="store_true", help="LayerNAS beside rivals that reject before they evaluate")
    args = parser.parse_args()
    agents = {"layernas": AGENTS["layernas"], **REJECTING} if args.rejecting else AGENTS
    setting = SETTINGS[args.setting]
    tasks = []
    for label, (agent, hyper, unit, draws) in agents.items():
        for name, target in setting.targets:
            keywords = (("reward", "constrained"), ("cost", "macs"), ("target", target))
            for seed in range(args.seeds if draws else 1):
                budget = Budget(unit, CHECKPOINTS[-1])
                tasks.append(Task(setting.env_id, keywords, agent, tuple(hyper.items()), budget, seed, f"{label}|{name}"))
    found: dict[str, list[tuple[list[float], int, int, str]]] = {}
    for task, result in zip(tasks, run_all(regrets, tasks, args.jobs), strict=True):
        found.setdefault(task.label, []).append(result)

    overall, by_target, ends = [], [], []
    for label in agents:
        mean = np.array([np.mean([r[0] for r in found[f"{label}|{name}"]], axis=0) for name, _ in setting.targets]) * 100
        # a run's regret averaged over the targets is one draw; the interval is over seeds
        runs = np.mean([[r[0] for r in found[f"{label}|{name}"]] for name, _ in setting.targets], axis=0) * 100
        cells = []
        for column in range(len(CHECKPOINTS)):
            low, high = interval(runs[:, column])
            cells.append(f"{mean[:, column].mean():.3f}" + (f" [{low:.3f}, {high:.3f}]" if len(runs) > 1 else ""))
        overall.append([label, str(len(runs)) if len(runs) > 1 else "1 (deterministic)", *cells])
        for (name, _), row in zip(setting.targets, mean, strict=True):
            runs_here = found[f"{label}|{name}"]
            reached = [r[2] for r in runs_here if r[2]]
            found_text = f"{len(reached)}/{len(runs_here)}" + (f", median {int(np.median(reached))}" if reached else "")
            charged = f"{np.mean([r[1] for r in runs_here]):.0f}"
            by_target.append([label, name, *(f"{v:.3f}" for v in row), found_text, charged])
        stops = {r[3] for name, _ in setting.targets for r in found[f"{label}|{name}"]}
        ends.append(f"{label}: {', '.join(sorted(stops))}")
    optima = []
    for name, target in setting.targets:
        task = Task(
            setting.env_id, (("reward", "constrained"), ("cost", "macs"), ("target", target)), "", (), Budget("total", 1), 0
        )
        problem, best = problem_of(task), problem_of(task).optimum()
        share = float(problem.everything.feasible.mean())
        texts = ", ".join(problem.space.to_str(best.archs)[:4])
        optima.append([name, f"{problem.scale.target / 1e6:.2f} M", f"{best.accuracy:.4%}", f"{share:.1%}", texts])
    header = [f"regret at {n}" for n in CHECKPOINTS]
    write_page(
        f"constrained_{args.setting}" + "_rejecting" * args.rejecting,
        setting.title,
        f"python -m benchmarks.constrained_search {args.setting} --seeds {args.seeds} --jobs {args.jobs}"
        + " --rejecting" * args.rejecting,
        [
            setting.note,
            "Reward `constrained`, cost `macs`. Regret is in percentage points of accuracy (of reward: an infeasible answer counts minus its "
            "relative excess), at 100, 200 and 300 evaluations; an agent that ended earlier keeps its answer. Intervals: 95 % bootstrap over seeds.",
            "## Mean over the targets\n\n" + markdown_table(["agent", "seeds", *header], overall),
            "## By target\n\n"
            + markdown_table(["agent", "target", *header, "found the optimum (evaluations)", "charged"], by_target),
            "## Optima\n\n" + markdown_table(["target", "MACs", "best accuracy", "feasible share", "architectures"], optima),
            "Runs ended by: " + "; ".join(ends) + ".",
        ],
        "torch",
        "stable-baselines3",
        "pymoo",
    )


if __name__ == "__main__":
    main()
