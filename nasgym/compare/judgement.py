"""`judge`: what the searches of a comparison found, and what could have been found.

Both are looked up after the searches have ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nasgym.compare import statistics
from nasgym.compare.comparison import Comparison
from nasgym.compare.run_result import RunResult
from nasgym.errors import InvalidValue
from nasgym.problems.evaluation import Report
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Archs, Floats

__all__ = ["Ceiling", "Judgement", "Spread", "Standing", "judge"]

REPS = 2000


@dataclass(frozen=True)
class Spread:
    """A number over the runs of an agent: mean, standard deviation, IQM and its 95 % interval.

    The standard deviation divides by n - 1; it is NaN for one run.
    """

    mean: float
    std: float
    iqm: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> Spread:
        """Spread of ``(runs,)`` values.

        The bootstrap is seeded, so that equal runs give equal intervals.
        """
        low, high = statistics.bootstrap_interval(values, np.random.default_rng(0), reps=REPS)
        std = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        return cls(float(values.mean()), std, statistics.iqm(values), low, high)


@dataclass(frozen=True)
class Standing:
    """One agent's line of the leaderboard.

    Attributes:
        agent: Its name.
        runs: Number of seeds.
        deterministic: Whether all of several seeds gave one and the same history: then there is
            nothing to average.
        test: Of the answer's test accuracy at the report fidelity, in [0, 1].
        reward: Of the answer's reward as the agent saw it.
        regret: Mean of what the answer lacks to the optimum (mean over training seeds, search
            fidelity); None without optimum.
        to_near: Median of the evaluations until the incumbent was worth 99 % of the optimum;
            infinite where half of the runs or more never got there; None without optimum.
        reached: Share of the runs that got there; None without optimum.
        feasible: Share of the runs whose answer meets the constraint.
        charged: Mean number of charged evaluations.
        ended: Why the runs ended, with counts.
    """

    agent: str
    runs: int
    deterministic: bool
    test: Spread
    reward: Spread
    regret: float | None
    to_near: float | None
    reached: float | None
    feasible: float
    charged: float
    ended: Mapping[str, int]


@dataclass(frozen=True)
class Ceiling:
    """How far any search could get on this problem.

    Attributes:
        rank_agreement: Mean Spearman correlation between two training seeds at the search fidelity;
            None with one seed.
        guided: Test accuracy of the architecture with the best reward (ties averaged): what a
            perfect search would report.
        best: Best test accuracy of all feasible architectures.
    """

    rank_agreement: float | None
    guided: float
    best: float


@dataclass(frozen=True)
class Judgement:
    """A comparison with its results.

    Attributes:
        comparison, problem: What was compared, on what.
        runs: By agent, then by seed.
        answers: Reports of the last incumbent of each run, ``(len(runs),)`` arrays.
        true_reward: One array for each run: ``(k,)`` rewards of its incumbents, means over training
            seeds; as the agent saw them where there is no exact answer.
        true_accuracy: The same for their accuracies by the search metric.
        test: One array for each run: ``(k,)`` test accuracies of its incumbents; None where they
            would have to be trained, or where there are none.
        optimum: Best reward, or None.
        no_optimum: Why there is no optimum, empty where there is one.
        standings: The leaderboard, best agent first.
        ceiling: None without optimum, or without test accuracies.
    """

    comparison: Comparison
    problem: Problem
    runs: Sequence[RunResult]
    answers: Report
    true_reward: Sequence[Floats]
    true_accuracy: Sequence[Floats]
    test: Sequence[Floats] | None
    optimum: float | None
    no_optimum: str
    standings: Sequence[Standing]
    ceiling: Ceiling | None

    def of_agent(self, agent: str) -> list[int]:
        """Positions in `runs` of an agent's searches."""
        return [i for i, run in enumerate(self.runs) if run.agent == agent]

    @cached_property
    def arch_texts(self) -> list[str]:
        """The answer of each run as text."""
        return self.problem.space.to_str(self.last_archs)

    @property
    def last_archs(self) -> Archs:
        """``(len(runs), D)`` the answer of each run."""
        return np.stack([run.archs[-1] for run in self.runs])

    def best_run(self, agent: str) -> int:
        """Position of an agent's best answer by true reward, the first of equals."""
        positions = self.of_agent(agent)
        return positions[int(np.argmax([self.true_reward[i][-1] for i in positions]))]


def judge(problem: Problem, comparison: Comparison, runs: Sequence[RunResult]) -> Judgement:
    """Looks up test accuracies, which no search has seen, and ranks the agents.

    Agents are ranked by mean regret where there is an optimum, else by the IQM of the reward;
    equals stay in the order in which they were named.
    """
    splits = np.cumsum([len(run.archs) for run in runs])[:-1]
    incumbents = np.concatenate([run.archs for run in runs])
    last = np.stack([run.archs[-1] for run in runs])
    optimum, reason = _optimum(problem)
    test = None
    if problem.accuracy.deterministic:
        found = problem.report(incumbents).test_accuracy
        # a predictor has none
        test = None if np.isnan(found).all() else np.split(found, splits)
    answers = problem.report(last) if test is not None else _report_once(problem, last)
    true_reward, true_accuracy = [run.reward for run in runs], [run.accuracy for run in runs]
    if optimum is not None:
        everything, rows = problem.everything, problem.space.index_of(incumbents)
        true_reward, true_accuracy = np.split(everything.reward[rows], splits), np.split(everything.accuracy[rows], splits)
    standings = [
        _standing(agent, [i for i, run in enumerate(runs) if run.agent == agent], runs, answers, true_reward, optimum)
        for agent in comparison.agents
    ]
    standings.sort(key=lambda s: -s.reward.iqm if s.regret is None else s.regret)
    ceiling = None if optimum is None or test is None else _ceiling(problem)
    return Judgement(comparison, problem, runs, answers, true_reward, true_accuracy, test, optimum, reason, standings, ceiling)


def _optimum(problem: Problem) -> tuple[float | None, str]:
    try:
        return problem.optimum().reward, ""
    except InvalidValue as error:
        return None, str(error)


def _report_once(problem: Problem, archs: Archs) -> Report:
    """Reports of ``(N, D)`` architectures, each different one trained once."""
    different, where = np.unique(archs, axis=0, return_inverse=True)
    found, rows = problem.report(different), where.reshape(-1)
    costs = {name: cost[rows] for name, cost in found.costs.items()}
    return Report(found.test_accuracy[rows], found.validation_accuracy[rows], costs, found.feasible[rows])


def _standing(
    agent: str,
    positions: Sequence[int],
    runs: Sequence[RunResult],
    answers: Report,
    true_reward: Sequence[Floats],
    optimum: float | None,
) -> Standing:
    own = [runs[i] for i in positions]
    lacking, to_near, reached = None, None, None
    if optimum is not None:
        lacking = float(statistics.regret(optimum, [true_reward[i][-1] for i in positions]).mean())
        near = statistics.near_optimum(optimum)
        counts = [statistics.first_reach(runs[i].evaluations, true_reward[i], near) for i in positions]
        to_near, reached = statistics.median_evaluations(counts), float(np.isfinite(counts).mean())
    return Standing(
        agent=agent,
        runs=len(own),
        deterministic=len(own) > 1 and len({run.digest for run in own}) == 1,
        test=Spread.of(answers.test_accuracy[positions]),
        reward=Spread.of(np.array([run.reward[-1] for run in own])),
        regret=lacking,
        to_near=to_near,
        reached=reached,
        feasible=float(answers.feasible[positions].mean()),
        charged=float(np.mean([run.charged for run in own])),
        ended=dict(sorted(Counter(run.ended for run in own).items())),
    )


def _ceiling(problem: Problem) -> Ceiling:
    archs = problem.space.enumerate()
    report = problem.report(archs)
    feasible = report.test_accuracy[report.feasible]
    return Ceiling(
        rank_agreement=_seed_agreement(problem),
        guided=statistics.best_of_ties(problem.everything.reward, report.test_accuracy),
        best=float(feasible.max()) if len(feasible) else float("nan"),
    )


def _seed_agreement(problem: Problem) -> float | None:
    """Rank agreement of the training seeds, None where it is not known.

    It is taken over the different networks of the problem's space.
    """
    if problem.accuracy.predicted:
        return None
    keys = problem.key(problem.space.enumerate())
    _, different = np.unique(problem.accuracy.space.index_of(keys), return_index=True)
    values = problem.accuracy.by_seed(keys[different])
    return None if values is None else statistics.rank_agreement(values)
