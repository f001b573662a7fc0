"""Whether REINFORCE and PPO learn: both against random search, at 300 evaluations.

For every agent and case, on paired seeds: the difference of the best reward found to random search's with its 95 % bootstrap
interval, and the mean reward of the first and the last fifth of the proposals. All numbers are rewards times 100, which is
percent of accuracy where the rule is ``accuracy``. Writes ``rl_against_random.md`` beside this file. NAS-Bench-Macro must be
imported; ``--environments digits`` does without it.

    python benchmarks/rl_against_random.py --seeds 50 --jobs 2
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import shlex
import sys
import time
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from nasgym.agents import make_agent
from nasgym.factory import make_problem
from nasgym.ledger import Budget
from nasgym.problem import Problem

EVALUATIONS = 300
AGENTS = ("reinforce", "ppo")
# "constrained" does not count for acceptance; it is there because unscaled rewards fail on it
RULES = {
    "accuracy": {"reward": "accuracy", "target": None},
    "mnasnet-soft": {"reward": "mnasnet-soft"},
    "constrained": {"reward": "constrained"},
}
ACCEPTANCE_RULES = ("accuracy", "mnasnet-soft")
ENVIRONMENTS = {"digits": "nasgym/Digits-v0", "macro": "nasgym/NASBenchMacro-v0"}
RESAMPLES = 10_000
TARGET = Path(__file__).with_suffix(".md")


@dataclass(frozen=True)
class Run:
    """One search: what to do, and what came of it (rewards, times 100)."""

    environment: str
    rule: str
    agent: str
    seed: int
    best: float = np.nan
    first_fifth: float = np.nan
    last_fifth: float = np.nan
    seconds: float = np.nan


@cache
def problem_of(environment: str, rule: str) -> Problem:
    """The problem of a case, loaded once in each process."""
    return make_problem(ENVIRONMENTS[environment], **RULES[rule])


def search(run: Run) -> Run:
    """Carries out one search and fills in what came of it."""
    began = time.perf_counter()
    result = make_agent(run.agent).search(
        problem_of(run.environment, run.rule), budget=Budget("total", EVALUATIONS), seed=run.seed
    )
    seconds, reward = time.perf_counter() - began, 100.0 * result.history.reward
    fifth = EVALUATIONS // 5
    assert len(reward) == EVALUATIONS, f"{run} was charged {len(reward)} evaluations"
    best, first, last = 100.0 * result.best_reward, reward[:fifth].mean(), reward[-fifth:].mean()
    return Run(run.environment, run.rule, run.agent, run.seed, best, float(first), float(last), seconds)


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of paired differences."""
    rows = np.random.default_rng(0).integers(len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.percentile(differences[rows].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def cpu_model() -> str:
    """What the operating system calls the CPU."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


def report(runs: list[Run], command: str) -> str:
    """The table, as Markdown."""
    found = {(r.environment, r.rule, r.agent, r.seed): r for r in runs}
    environments = list(dict.fromkeys(r.environment for r in runs))
    seeds = sorted({r.seed for r in runs})
    lines, above, learns, cases = [], 0, 0, 0
    for environment in environments:
        for rule in RULES:
            for agent in AGENTS:
                mine = [found[environment, rule, agent, seed] for seed in seeds]
                random = np.array([found[environment, rule, "random", seed].best for seed in seeds])
                best = np.array([r.best for r in mine])
                low, high = interval(best - random)
                first, last = (float(np.mean([getattr(r, k) for r in mine])) for k in ("first_fifth", "last_fifth"))
                if rule in ACCEPTANCE_RULES:
                    cases, above, learns = cases + 1, above + (low > 0), learns + (last > first)
                lines.append(
                    f"| {environment} | {rule} | {agent} | {best.mean():.3f} | {random.mean():.3f} | {(best - random).mean():+.3f} "
                    f"| [{low:+.3f}, {high:+.3f}] | {first:.2f} | {last:.2f} | {np.mean([r.seconds for r in mine]):.2f} |"
                )
    packages = ("nasgym", "numpy", "gymnasium", "torch", "stable-baselines3", "sb3-contrib")
    versions = ", ".join(f"{name} {version_of(name)}" for name in packages)
    return "\n".join(
        [
            "# Policy gradients against random search",
            "",
            f'{EVALUATIONS} evaluations (`Budget("total", {EVALUATIONS})`), seeds {seeds[0]} to {seeds[-1]}, paired. Default hyper-parameters, the same in all',
            "cases. Numbers are rewards times 100. *Difference* is the mean of (best reward of the agent minus best reward of random",
            "search), with the 95 % percentile bootstrap interval over seeds; *first* and *last* are the mean rewards of the first and the last",
            "fifth of the proposals; *seconds* is the wall time of a search.",
            "",
            "| environment | rule | agent | best | random | difference | 95 % interval | first | last | seconds |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *lines,
            "",
            f"Without `constrained`: the interval lies above 0 in {above} of {cases} cases, and the last fifth is better than the first in {learns} of {cases}.",
            "",
            f"Made on {date.today().isoformat()} by `{command}` with Python {platform.python_version()}, {versions}; CPU: {cpu_model()}.",
            "",
        ]
    )


def version_of(name: str) -> str:
    """Version of a package; this one may run without being installed."""
    if name == "nasgym":
        import nasgym

        return nasgym.__version__
    return version(name)


def main() -> None:
    """Runs all cases and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="number of paired seeds, from 0 on")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--environments", nargs="+", choices=list(ENVIRONMENTS), default=list(ENVIRONMENTS))
    arguments = parser.parse_args()
    todo = [
        Run(environment, rule, agent, seed)
        for environment in arguments.environments
        for rule in RULES
        for agent in ("random", *AGENTS)
        for seed in range(arguments.seeds)
    ]
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        runs = pool.map(search, todo, chunksize=5)
    text = report(runs, f"python benchmarks/rl_against_random.py {shlex.join(sys.argv[1:])}".strip())
    beside = TARGET.with_suffix(".part")
    beside.write_text(text)
    beside.replace(TARGET)
    print(text)


if __name__ == "__main__":
    main()
