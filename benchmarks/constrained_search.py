"""Regret under a MACs limit, over a grid of limits: NAS-Bench-Macro or NATS-Bench size.

    python -m benchmarks.constrained_search macro [--seeds 2] [--slow-seeds 1]
    python -m benchmarks.constrained_search size

Every agent plays at 51 targets, from 30 to 80 % of the range of MACs, as `nasgym compare --targets
30..80/1%` does it: with seeds that differ from target to target, and an agent that draws nothing
once. Rivals play in both forms, as published and with what the limit rules out left out. Evolution,
random search, local search, NSGA-II and LayerNAS pay for distinct evaluations; REINFORCE and PPO
for total ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np

from benchmarks.common import arguments, markdown_table, run_all, tuning, write_page
from benchmarks.intervals import spelled
from nasgym.agents import make_agent
from nasgym.compare.block_interval import BLOCKS, covered, grid_mean, grid_pairs
from nasgym.compare.paired import Paired, shared_ranks
from nasgym.compare.search import Search
from nasgym.compare.targets import WHOLE_RANGE, parse_targets
from nasgym.ledger import Budget
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Floats

CHECKPOINTS = (100, 200, 300)
GRID = "30..80/1%"
REFERENCE = "layernas"
SLOW = ("ppo",)
ROUNDING = 1e-12


@dataclass(frozen=True)
class Setting:
    """An environment, and what is to be known about it."""

    env_id: str
    title: str
    note: str


SETTINGS = {
    "macro": Setting(
        "nasgym/NASBenchMacro-v0",
        "NAS-Bench-Macro under a MACs limit",
        "Accuracy is the mean of the three published trainings (test accuracy: the table has no other).",
    ),
    "size": Setting(
        "nasgym/NATS-SSS-v0",
        "NATS-Bench size, CIFAR-10, under a MACs limit",
        "Accuracy is CIFAR-10 test accuracy after 90 epochs: a search on test, since the table at hand has no validation numbers.",
    ),
}

# label: agent, hyper-parameters, budget unit
AGENTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "layernas": ("layernas", {}, "distinct"),
    "layernas, K=4": ("layernas", {"per_bucket": 4}, "distinct"),
    "layernas, uniform": ("layernas", {"select": "uniform"}, "distinct"),
    "layernas, softmax": ("layernas", {"select": "softmax"}, "distinct"),
    "regularized-evolution": ("regularized-evolution", {}, "distinct"),
    "regularized-evolution, rejecting": ("regularized-evolution", {"reject": True}, "distinct"),
    "local-search": ("local-search", {}, "distinct"),
    "local-search, rejecting": ("local-search", {"reject": True}, "distinct"),
    "nsga2": ("nsga2", {}, "distinct"),
    # its front is another aim than the one it is judged by
    "nsga2, reward alone, rejecting": ("nsga2", {"aim": "reward", "reject": True}, "distinct"),
    "random": ("random", {}, "distinct"),
    "random, rejecting": ("random", {"reject": True}, "distinct"),
    "reinforce (total)": ("reinforce", {}, "total"),
    "reinforce, feasible masks (total)": ("reinforce", {"mask": "feasible"}, "total"),
    "reinforce, feasible masks": ("reinforce", {"mask": "feasible"}, "distinct"),
    "ppo (total)": ("ppo", {}, "total"),
    "ppo, feasible masks (total)": ("ppo", {"mask": "feasible"}, "total"),
}


@dataclass(frozen=True)
class Play:
    """One search of a labelled agent on a setting."""

    setting: str
    label: str
    seed: int
    target: float


@dataclass(frozen=True)
class Found:
    """What a search found: regret at each checkpoint, and how many evaluations it was charged."""

    regret: tuple[float, ...]
    charged: int
    ended: str


@lru_cache(maxsize=1)
def whole(env_id: str) -> Problem:
    """The problem whose target is moved."""
    return make_problem(env_id, reward="constrained", cost="macs", target=WHOLE_RANGE)


@lru_cache(maxsize=1)
def problem_at(env_id: str, target: float) -> Problem:
    """The problem at a target; the last one is kept."""
    _ = whole(env_id).everything  # looked up once for all targets
    return whole(env_id).at(target)


def play(one: Play) -> Found:
    """Carries out one search."""
    agent, hyperparameters, unit = AGENTS[one.label]
    problem = problem_at(SETTINGS[one.setting].env_id, one.target)
    seed = Search(agent, one.seed, one.target).drawn_seed
    budget = Budget(unit, CHECKPOINTS[-1])  # type: ignore[arg-type]  # a unit of the table above
    result = make_agent(agent, **hyperparameters).search(problem, budget=budget, seed=seed)
    best = result.history.reward[result.history.incumbent]
    optimum = float(problem.everything.reward.max())
    # an agent that ended earlier keeps its answer
    return Found(tuple(optimum - float(best[min(n, len(best)) - 1]) for n in CHECKPOINTS), len(best), result.ended)


def plays(setting: str, targets: tuple[float, ...], seeds: int, slow_seeds: int) -> list[Play]:
    """Every search, target by target."""
    counts = {}
    for label, (agent, hyperparameters, _) in AGENTS.items():
        draws = make_agent(agent, **hyperparameters).draws
        counts[label] = (slow_seeds if agent in SLOW else seeds) if draws else 1
    return [Play(setting, label, seed, target) for target in targets for label, n in counts.items() for seed in range(n)]


def cell(values: Floats, rank: int | None = None) -> str:
    """A mean over the targets with its interval, and a rank, in percentage points."""
    one = grid_mean(100 * values)
    return spelled(one.mean, (one.low, one.high), 3) + ("" if rank is None else f" ({rank})")


def ranks_of(regrets: dict[str, Floats]) -> dict[str, int]:
    """Shared ranks by ``(T,)`` regrets."""
    order = sorted(regrets, key=lambda label: float(regrets[label].mean()))
    return dict(zip(order, shared_ranks(order, grid_pairs({label: -regrets[label] for label in order})), strict=True))


def against(pairs: list[Paired], label: str) -> str:
    """How much more regret an agent has than the reference, in percentage points."""
    one = next(pair for pair in pairs if pair.second == label)
    middle, low, high = (100 * value for value in (one.difference, one.low, one.high))
    p_value = "p < .001" if one.p_value < 0.001 else f"p = {one.p_value:.3f}".replace("0.", ".")
    return f"{spelled(middle, (low, high), 3, sign=True)}, {p_value}"


def report(setting: str, targets: tuple[float, ...], done: list[tuple[Play, Found]]) -> list[str]:
    """The parts of the page."""
    # (T, S, checkpoints) by label
    regret: dict[str, Floats] = {}
    details: dict[str, list[Found]] = {}
    for label in AGENTS:
        own = [(one, found) for one, found in done if one.label == label]
        by_target = groupby(own, key=lambda pair: attrgetter("target")(pair[0]))
        regret[label] = np.array([[found.regret for _, found in group] for _, group in by_target])
        details[label] = [found for _, found in own]
    mean = {label: values.mean(axis=1) for label, values in regret.items()}
    columns = range(len(CHECKPOINTS))
    ranks = [ranks_of({label: values[:, i] for label, values in mean.items()}) for i in columns]
    pairs = [grid_pairs({label: -values[:, i] for label, values in mean.items()}, REFERENCE) for i in columns]
    overall, behind, thirds = [], [], []
    parts = np.array_split(np.arange(len(targets)), 3)
    for label, values in mean.items():
        seeds = regret[label].shape[1]
        found = float((regret[label][:, :, -1] <= ROUNDING).mean())
        charged = float(np.mean([one.charged for one in details[label]]))
        cells = [cell(values[:, i], ranks[i][label]) for i in columns]
        overall.append([label, str(seeds), *cells, f"{100 * found:.0f} %", f"{charged:.0f}"])
        thirds.append([label, *(f"{100 * values[part, i].mean():.3f}" for i in (0, 1) for part in parts)])
        if label != REFERENCE:
            behind.append([label, *(against(pairs[i], label) for i in columns)])
    after = [f"after {n}" for n in CHECKPOINTS]
    spans = [f"{30 + part[0]} to {30 + part[-1]} %" for part in parts]
    return [
        f'{SETTINGS[setting].note} Every evaluation gives the same number again (`seed="mean"`): there is no noise in these searches.',
        f"Reward `constrained`, cost `macs`, {len(targets)} targets: `{GRID}` of the range of MACs, {targets[0] / 1e6:.2f} to "
        f"{targets[-1] / 1e6:.2f} M. Regret is in percentage points of accuracy (of reward: an infeasible answer counts as the rule "
        "says), after 100, 200 and 300 evaluations; an agent that ended earlier keeps its answer. A value at a target is the mean over "
        f"the seeds there. Intervals are over targets: Student's, 95 %, over {BLOCKS} blocks of neighbours, since neighbouring targets are "
        f"alike; with so many targets they hold the true mean {covered(len(targets))} times in a hundred ([simulation](target_coverage.md)). "
        "In brackets: the rank; agents share one unless the first of it is ahead by an interval above 0. Rejecting rivals draw again "
        "what the limit rules out before it is evaluated; with feasible masks a policy never decides for it. Agents marked *total* pay for "
        "repeats, as they did when they were tuned; for the others repeats are free.",
        "## Mean over the targets\n\n" + markdown_table(["agent", "seeds", *after, "optimum after 300", "charged"], overall),
        f"## More regret than `{REFERENCE}`, target by target\n\np by Student's test over the same blocks, corrected by Holm for these "
        f"{len(pairs[0])} pairs.\n\n" + markdown_table(["agent", *after], behind),
        "## By thirds of the grid\n\nMean regret after 100 and after 200 evaluations.\n\n"
        + markdown_table(["agent", *(f"{span}, {n}" for n in CHECKPOINTS[:2] for span in spans)], thirds),
        "## Optima\n\n" + optima(setting, targets),
        tuning((agent, hyperparameters) for agent, hyperparameters, _ in AGENTS.values()),
    ]


def optima(setting: str, targets: tuple[float, ...]) -> str:
    """The optimum at every tenth target, and how many there are."""
    env_id, rows, texts = SETTINGS[setting].env_id, [], set()
    for i, target in enumerate(targets):
        problem = problem_at(env_id, target)
        best, share = problem.optimum(), float(problem.everything.feasible.mean())
        text = ", ".join(problem.space.to_str(best.archs)[:2])
        texts.add(text)
        if i % 10 == 0:
            rows.append([f"{30 + i} %", f"{target / 1e6:.2f} M", f"{best.accuracy:.4%}", f"{share:.1%}", text])
    table = markdown_table(["target", "MACs", "best accuracy", "feasible share", "architectures (two at most)"], rows)
    return f"{len(texts)} different optima at the {len(targets)} targets.\n\n{table}"


def main() -> None:
    """Runs every agent at every target and writes the page."""
    parser = arguments(__doc__ or "", 2)
    parser.add_argument("setting", choices=sorted(SETTINGS))
    parser.add_argument("--slow-seeds", type=int, default=1, help="seeds of PPO (default 1)")
    args = parser.parse_args()
    targets = parse_targets(GRID).resolve(whole(SETTINGS[args.setting].env_id))
    wanted = plays(args.setting, targets, args.seeds, args.slow_seeds)
    done = list(zip(wanted, run_all(play, wanted, args.jobs), strict=True))
    command = f"python -m benchmarks.constrained_search {args.setting} --seeds {args.seeds} --slow-seeds {args.slow_seeds} --jobs {args.jobs}"
    title = SETTINGS[args.setting].title
    packages = ("scipy", "torch", "stable-baselines3", "pymoo")
    write_page(f"constrained_{args.setting}", title, command, report(args.setting, targets, done), *packages)


if __name__ == "__main__":
    main()
