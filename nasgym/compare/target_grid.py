"""`judge_grid`: what the agents of a comparison found at every target of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nasgym.compare import statistics
from nasgym.compare.block_interval import GridMean, grid_mean, grid_pairs
from nasgym.compare.comparison import Comparison
from nasgym.compare.paired import Paired, shared_ranks
from nasgym.compare.run_result import RunResult
from nasgym.compare.standing import mean_seconds
from nasgym.compare.true_values import split_by_run
from nasgym.ledger.budget import Budget
from nasgym.oracles.oracle import Clock
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Bools, Floats

__all__ = ["GridJudgement", "GridStanding", "checkpoints", "judge_grid"]

# of the budget; what the leaderboard shows after each
SHARES = (1 / 3, 2 / 3, 1.0)
ROUNDING = 1e-12
SECONDS_CLOCKS: tuple[Clock, ...] = ("simulated", "measured")


@dataclass(frozen=True)
class GridStanding:
    """One agent's line of the leaderboard.

    Attributes:
        agent: Its name.
        seeds: How many it played at each target.
        regret: Mean over the targets at each checkpoint, of what an answer lacks to the optimum
            (mean over the seeds); without optima of its reward.
        feasible: Share of the last answers that meet their target.
        found: Share of the last answers that are an optimum; None without optima.
        proposals, different, charged_seconds: As of a `Standing`, means over all its searches.
    """

    agent: str
    seeds: int
    regret: Sequence[GridMean]
    feasible: float
    found: float | None
    proposals: float
    different: float
    charged_seconds: Mapping[Clock, float]


@dataclass(frozen=True)
class GridJudgement:
    """A comparison on a grid of targets, with its results.

    Attributes:
        comparison, problem: What was compared, on what.
        runs: In the order of `Comparison.searches`.
        shares: ``(T,)`` the targets as shares of the cost's range.
        optimum: ``(T,)`` best reward at each target; None where there are no exact answers.
        no_optimum: Why there are none, else empty.
        at: The checkpoints, in the budget's unit.
        reward: By agent ``(T, S, c)``, what its answers were worth at each checkpoint with each of
            its S seeds: means over training seeds by the oracle that reports. NaN where it had no
            answer yet.
        feasible: By agent ``(T, S)``, whether its last answers meet their targets.
        standings: Best agent first: by the means after the whole budget.
        pairs: At each checkpoint every pair of agents in that checkpoint's order; with fewer than
            12 targets none.
    """

    comparison: Comparison
    problem: Problem
    runs: Sequence[RunResult]
    shares: Floats
    optimum: Floats | None
    no_optimum: str
    at: Sequence[float]
    reward: Mapping[str, Floats]
    feasible: Mapping[str, Bools]
    standings: Sequence[GridStanding]
    pairs: Sequence[Sequence[Paired]]

    @cached_property
    def ranks(self) -> list[int] | None:
        """Ranks of the standings; agents that tie with the first of a rank share it.

        None with one agent, and with fewer than 12 targets, of which there are no intervals.
        """
        return shared_ranks([standing.agent for standing in self.standings], self.pairs[-1]) if self.pairs[-1] else None

    def by_target(self, agent: str) -> Floats:
        """``(T, S, c)`` regrets of an agent; without optima its rewards."""
        rewards = self.reward[agent]
        return rewards if self.optimum is None else self.optimum[:, None, None] - rewards

    def found(self, agent: str) -> Bools | None:
        """``(T, S)`` whether its last answers are optima; None without optima."""
        return None if self.optimum is None else self.by_target(agent)[:, :, -1] <= ROUNDING


def checkpoints(budget: Budget) -> tuple[float, ...]:
    """A third, two thirds and all of a budget; evaluations are whole ones."""
    at = [share * budget.amount for share in SHARES]
    if budget.unit != "train_seconds":
        at = [float(np.ceil(one - ROUNDING * budget.amount)) for one in at]
    return tuple(dict.fromkeys(at))


def judge_grid(problem: Problem, comparison: Comparison, runs: Sequence[RunResult]) -> GridJudgement:
    """Looks up what answers are worth at their targets, and ranks the agents.

    Args:
        problem: That of `plan_comparison`.
        comparison: With a grid of targets.
        runs: Of `run_all`.
    """
    truth, searches = problem.reporting, comparison.searches
    targets = np.array(comparison.targets)
    place = {target: i for i, target in enumerate(comparison.targets)}
    optimum, no_optimum = _optima(truth, targets)
    # every answer is measured once, and judged under its own target
    answered = truth.mean_evaluations(np.concatenate([run.archs for run in runs]))
    own = np.repeat([search.target for search in searches], [len(run.archs) for run in runs]).astype(np.float64)
    judged = truth.judge_again(answered, own)
    rewards, feasible = split_by_run(judged.reward, runs), split_by_run(judged.feasible, runs)
    at = checkpoints(comparison.budget)
    reward = {a: np.empty((len(targets), len(comparison.seeds_of(a)), len(at))) for a in comparison.agents}
    meets = {a: np.empty(values.shape[:2], dtype=bool) for a, values in reward.items()}
    for search, run, values, inside in zip(searches, runs, rewards, feasible, strict=True):
        assert search.target is not None, "a grid has targets"
        cell = place[search.target], comparison.seeds_of(search.agent).index(search.seed)
        known = statistics.step_values(at, _places(comparison.budget, run), values)
        known[-1] = values[-1]  # the last evaluation may have overshot a budget of seconds
        reward[search.agent][cell] = known
        meets[search.agent][cell] = inside[-1]
    least, largest = problem.scale.least, problem.scale.largest
    judgement = GridJudgement(
        comparison=comparison,
        problem=problem,
        runs=runs,
        shares=(targets - least) / ((largest - least) or 1.0),
        optimum=optimum,
        no_optimum=no_optimum,
        at=at,
        reward=reward,
        feasible=meets,
        standings=(),
        pairs=(),
    )
    return _ranked(judgement)


def _ranked(judgement: GridJudgement) -> GridJudgement:
    """The same with standings and pairs."""
    sign = 1.0 if judgement.optimum is None else -1.0
    means = {agent: judgement.by_target(agent).mean(axis=1) for agent in judgement.comparison.agents}
    standings = []
    for agent, values in means.items():
        found = judgement.found(agent)
        own = [run for run in judgement.runs if run.agent == agent]
        standings.append(
            GridStanding(
                agent=agent,
                seeds=judgement.reward[agent].shape[1],
                regret=[grid_mean(column) for column in values.T],
                feasible=float(judgement.feasible[agent].mean()),
                found=None if found is None else float(found.mean()),
                proposals=float(np.mean([run.proposals for run in own])),
                different=float(np.mean([run.different for run in own])),
                charged_seconds=mean_seconds([run.charged_seconds for run in own]),
            )
        )
    pairs = []
    for i in range(len(judgement.at)):
        order = sorted(means, key=lambda agent: -sign * float(means[agent][:, i].mean()))
        pairs.append(grid_pairs({agent: sign * means[agent][:, i] for agent in order}))
    standings.sort(key=lambda s: -sign * s.regret[-1].mean)
    return replace(judgement, standings=standings, pairs=pairs)


def _optima(truth: Problem, targets: Floats) -> tuple[Floats | None, str]:
    """``(T,)`` the best reward at each target, from one look at the whole space."""
    if not truth.has_exact_answers:
        return None, f"space {truth.space.name!r} cannot be enumerated, or not every accuracy in it is known."
    everything = truth.everything
    best = [truth.judge_again(everything, np.full(len(everything), target)).reward.max() for target in targets]
    return np.array(best), ""


def _places(budget: Budget, run: RunResult) -> Floats:
    """``(k,)`` when the answers of a run appeared, in the budget's unit."""
    if budget.unit != "train_seconds":
        return run.evaluations.astype(np.float64)
    return next(run.seconds[clock] for clock in SECONDS_CLOCKS if clock in run.seconds)
