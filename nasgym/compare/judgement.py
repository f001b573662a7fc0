"""`judge`: what the searches of a comparison found, and what could have been found.

Both are looked up after the searches have ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nasgym.compare import statistics
from nasgym.compare.comparison import Comparison
from nasgym.compare.fronts import Fronts, judge_fronts
from nasgym.compare.intervals import RANKED_RUNS
from nasgym.compare.paired import Paired, all_pairs, shared_ranks
from nasgym.compare.run_result import RunResult
from nasgym.compare.standing import REPS, Standing, standing_of
from nasgym.compare.true_values import shown_reward, split_by_run, true_values
from nasgym.errors import InvalidValue
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Report
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Archs, Floats

__all__ = ["Ceiling", "Judgement", "judge"]


@dataclass(frozen=True)
class Ceiling:
    """How far any search could get on this problem.

    Attributes:
        rank_agreement: Mean Spearman correlation between two training seeds at the search fidelity;
            None with one seed.
        guided: Test accuracy of the architecture with the best reward (ties averaged): what a
            perfect search would report.
        best: Best test accuracy of all feasible architectures, by the direction of the quality.
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
        answers: Reports of the answer of each run, ``(len(runs),)`` arrays.
        true_reward: One array for each run: ``(k,)`` rewards of its answers, means over training
            seeds, by the oracle that reports. Where networks are trained or timed live: as the
            agent saw them, NaN for an earlier answer that it had not evaluated; the last answer is
            then measured after the search.
        true_accuracy: The same for their accuracies by the search metric.
        test: One array for each run: ``(k,)`` test accuracies of its answers; None where they
            would have to be trained, or where there are none.
        optimum: Best reward, or None.
        no_optimum: Why there is no optimum, empty where there is one.
        standings: The leaderboard, best agent first.
        ceiling: None without optimum, or without test accuracies.
        pairs: Every pair of agents by the true rewards of their answers, seed by seed, in the order
            of the standings; none with fewer than five seeds, whose intervals say too little.
        fronts: None where fronts are not compared.
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
    pairs: Sequence[Paired]
    fronts: Fronts | None = None

    @cached_property
    def ranks(self) -> list[int] | None:
        """Ranks of the standings; agents that tie with the first of a rank share it.

        None with fewer than five seeds.
        """
        if len(self.comparison.seeds) < RANKED_RUNS:
            return None
        return shared_ranks([standing.agent for standing in self.standings], self.pairs)

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

    @property
    def answer_noun(self) -> str:
        """What the curves show: incumbents, unless some agent recommended something else."""
        return "answer" if any(run.recommended for run in self.runs) else "incumbent"

    @property
    def only_clock(self) -> Clock | None:
        """The clock of all seconds of all runs; None where there are two, or some are not known."""
        spent = {clock for run in self.runs for clock, seconds in run.total_seconds.items() if seconds != 0}
        known = all(np.isfinite(list(run.total_seconds.values())).all() for run in self.runs)
        clock = self.problem.accuracy.clock if not spent else next(iter(spent))
        one = len(spent) <= 1 and all(clock in run.total_seconds for run in self.runs)
        return clock if one and known else None

    def best_run(self, agent: str) -> int:
        """Position of an agent's best answer by true reward, the first of equals."""
        positions = self.of_agent(agent)
        return positions[int(np.argmax([self.true_reward[i][-1] for i in positions]))]


def judge(problem: Problem, comparison: Comparison, runs: Sequence[RunResult]) -> Judgement:
    """Looks up test accuracies, which no search has seen, and ranks the agents.

    Agents stand in the order of the interquartile means of their answers' true rewards, the number
    that their paired differences are about; equals stay in the order in which they were named.
    """
    truth = problem.reporting
    answered = np.concatenate([run.archs for run in runs])
    last = np.stack([run.archs[-1] for run in runs])
    optimum, reason = _optimum(truth)
    test = None
    if truth.accuracy.deterministic:
        found = truth.report(answered).test_accuracy
        # a predictor has none
        test = None if np.isnan(found).all() else split_by_run(found, runs)
    answers = truth.report(last) if test is not None else _report_once(truth, last)
    true_reward, true_accuracy = true_values(problem, runs, exact=optimum is not None)
    shown = [shown_reward(problem, run, true) for run, true in zip(runs, true_reward, strict=True)]
    standings: list[Standing] = []
    final: dict[str, Floats] = {}
    for agent in comparison.agents:
        positions = [i for i, run in enumerate(runs) if run.agent == agent]
        final[agent] = np.array([true_reward[i][-1] for i in positions])
        standings.append(
            standing_of(agent, positions, runs, answers, true_reward, shown, optimum, problem.quality, comparison.budget)
        )
    middle = {s.agent: statistics.iqm(final[s.agent]) for s in standings}
    standings.sort(key=lambda s: -middle[s.agent])
    ceiling = None if optimum is None or test is None else _ceiling(truth)
    ordered = {s.agent: final[s.agent] for s in standings}
    pairs = all_pairs(ordered, reps=REPS) if len(comparison.seeds) >= RANKED_RUNS else []
    true = (true_reward, true_accuracy, test, optimum, reason)
    fronts = judge_fronts(problem, runs)
    return Judgement(comparison, problem, runs, answers, *true, standings, ceiling, pairs, fronts)


def _optimum(problem: Problem) -> tuple[float | None, str]:
    try:
        return problem.optimum().reward, ""
    except InvalidValue as error:
        return None, str(error)


def _report_once(problem: Problem, archs: Archs) -> Report:
    """Reports of ``(N, D)`` architectures, each different one trained once."""
    different, where = np.unique(archs, axis=0, return_inverse=True)
    found, rows = problem.report(different), where.reshape(-1)
    return found.take(rows)


def _ceiling(problem: Problem) -> Ceiling:
    archs = problem.space.enumerate()
    report = problem.report(archs)
    feasible = report.test_accuracy[report.feasible]
    return Ceiling(
        rank_agreement=_seed_agreement(problem),
        guided=statistics.best_of_ties(problem.everything.reward, report.test_accuracy),
        best=float(feasible[np.argmax(problem.quality.worth(feasible))]) if len(feasible) else float("nan"),
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
