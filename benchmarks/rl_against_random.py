"""Whether REINFORCE and PPO learn: both against random search, at 300 evaluations.

For every agent and case, on paired seeds: the difference of the best reward found to random
search's with its 95 % bootstrap interval, and the mean reward of the first and the last fifth of
the proposals. All numbers are rewards times 100, which is percent of accuracy where the rule is
``accuracy``. Writes ``rl_against_random.md`` beside this file. NAS-Bench-Macro must be imported;
``--environments digits`` does without it.

    python benchmarks/rl_against_random.py --seeds 50 --jobs 2
"""

from __future__ import annotations

import multiprocessing
import shlex
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import arguments, interval, markdown_table, write_page
from nasgym.agents import make_agent
from nasgym.ledger import Budget
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem

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


def report(runs: list[Run]) -> list[str]:
    """The parts of the page."""
    found = {(r.environment, r.rule, r.agent, r.seed): r for r in runs}
    environments = list(dict.fromkeys(r.environment for r in runs))
    seeds = sorted({r.seed for r in runs})
    rows, above, learns, cases = [], 0, 0, 0
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
                rows.append(
                    [
                        environment,
                        rule,
                        agent,
                        f"{best.mean():.3f}",
                        f"{random.mean():.3f}",
                        f"{(best - random).mean():+.3f}",
                        f"[{low:+.3f}, {high:+.3f}]",
                        f"{first:.2f}",
                        f"{last:.2f}",
                        f"{np.mean([r.seconds for r in mine]):.2f}",
                    ]
                )
    header = ["environment", "rule", "agent", "best", "random", "difference", "95 % interval", "first", "last", "seconds"]
    return [
        f'{EVALUATIONS} evaluations (`Budget("total", {EVALUATIONS})`), seeds {seeds[0]} to {seeds[-1]}, paired. Default hyper-parameters, the '
        "same in all cases. Numbers are rewards times 100. *Difference* is the mean of (best reward of the agent minus best reward of random "
        "search), with the 95 % percentile bootstrap interval over seeds; *first* and *last* are the mean rewards of the first and the last "
        "fifth of the proposals; *seconds* is the wall time of a search.",
        markdown_table(header, rows),
        f"Without `constrained`: the interval lies above 0 in {above} of {cases} cases, and the last fifth is better than the first in "
        f"{learns} of {cases}.",
    ]


def main() -> None:
    """Runs all cases and writes the page."""
    parser = arguments(__doc__ or "", 50)
    parser.add_argument("--environments", nargs="+", choices=list(ENVIRONMENTS), default=list(ENVIRONMENTS))
    options = parser.parse_args()
    todo = [
        Run(environment, rule, agent, seed)
        for environment in options.environments
        for rule in RULES
        for agent in ("random", *AGENTS)
        for seed in range(options.seeds)
    ]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        runs = pool.map(search, todo, chunksize=5)
    command = f"python benchmarks/rl_against_random.py {shlex.join(sys.argv[1:])}".strip()
    packages = ("torch", "stable-baselines3", "sb3-contrib")
    write_page("rl_against_random", "Policy gradients against random search", command, report(runs), *packages)


if __name__ == "__main__":
    main()
