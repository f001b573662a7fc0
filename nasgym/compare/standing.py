"""`Standing`: one agent's line of the leaderboard, its numbers over all of its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nasgym.compare import statistics
from nasgym.compare.intervals import bootstrap_interval
from nasgym.compare.run_result import RunResult
from nasgym.ledger.budget import Budget
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Report
from nasgym.quality import Quality
from nasgym.type_aliases import Floats

__all__ = ["REPS", "Spread", "Standing", "mean_seconds", "near_size", "standing_of"]

# resamples of an interval
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
        low, high = bootstrap_interval(values, np.random.default_rng(0), reps=REPS)
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
        test: Of the answer's test accuracy at the report fidelity, in [0, 1]; of another quality in
            its own unit.
        further: Of the answer's test numbers of the qualities that are measured with it, by name.
        reward: Of the answer's reward as the agent saw it; the true one where the agent did not
            evaluate its answer, where evaluations draw a training seed, and where another oracle
            reports.
        regret: Mean of what the answer lacks to the optimum (mean over training seeds, search
            fidelity); None without optimum.
        to_near: Median of the evaluations until the answer was worth 99 % of the optimum (signed
            and minimised qualities: until one percent of their range was missing); infinite where
            half of the runs or more never got there; None without optimum.
        reached: Share of the runs that got there; None without optimum.
        feasible: Share of the runs whose answer meets the constraint.
        charged: Mean number of charged evaluations.
        proposals: Mean number of proposed architectures.
        different: Mean number of networks that were evaluated, each counted once.
        regret_paid: As `regret`, of the answers after as many proposals as the budget has
            evaluations; None without optimum, or where every proposal is charged.
        unseen: Number of runs whose answer the agent had not evaluated.
        seconds: Mean of all seconds by clock, NaN where not known.
        charged_seconds: Mean of those that the agent charged beside its evaluations.
        ended: Why the runs ended, with counts.
    """

    agent: str
    runs: int
    deterministic: bool
    test: Spread
    further: Mapping[str, Spread]
    reward: Spread
    regret: float | None
    to_near: float | None
    reached: float | None
    feasible: float
    charged: float
    proposals: float
    different: float
    regret_paid: float | None
    unseen: int
    seconds: Mapping[Clock, float]
    charged_seconds: Mapping[Clock, float]
    ended: Mapping[str, int]


def near_size(quality: Quality) -> float | None:
    """Of what one percent may be missing near the optimum; None: of the optimum's own size."""
    return quality.span if quality.signed or quality.minimised else None


def standing_of(
    agent: str,
    positions: Sequence[int],
    runs: Sequence[RunResult],
    answers: Report,
    true_reward: Sequence[Floats],
    shown: Sequence[float],
    optimum: float | None,
    quality: Quality,
    budget: Budget,
) -> Standing:
    """The line of an agent.

    Args:
        agent: Its name.
        positions: Of its runs among all.
        runs: Of every agent.
        answers: Reports of the answer of each run.
        true_reward: For each run ``(k,)`` what its answers were worth (`true_values`).
        shown: The reward of each run's answer that is shown (`shown_reward`).
        optimum: Best reward, or None.
        quality: What was searched for.
        budget: Of each search.
    """
    own = [runs[i] for i in positions]
    lacking, lacking_paid, to_near, reached = None, None, None, None
    if optimum is not None:
        lacking = float(statistics.regret(optimum, [true_reward[i][-1] for i in positions]).mean())
        if budget.repeats_free:
            at_amount = [true_reward[i][_answer_after(runs[i], budget.amount)] for i in positions]
            lacking_paid = float(statistics.regret(optimum, at_amount).mean())
        near = statistics.near_optimum(optimum, size=near_size(quality))
        counts = [statistics.first_reach(runs[i].evaluations, true_reward[i], near) for i in positions]
        to_near, reached = statistics.median_evaluations(counts), float(np.isfinite(counts).mean())
    return Standing(
        agent=agent,
        runs=len(own),
        deterministic=len(own) > 1 and len({run.digest for run in own}) == 1,
        test=Spread.of(answers.test_accuracy[positions]),
        further={name: Spread.of(values[positions]) for name, values in answers.qualities.items()},
        reward=Spread.of(np.array([shown[i] for i in positions])),
        regret=lacking,
        to_near=to_near,
        reached=reached,
        feasible=float(answers.feasible[positions].mean()),
        charged=float(np.mean([run.charged for run in own])),
        proposals=float(np.mean([run.proposals for run in own])),
        different=float(np.mean([run.different for run in own])),
        regret_paid=lacking_paid,
        unseen=sum(not run.evaluated for run in own),
        seconds=mean_seconds([run.total_seconds for run in own]),
        charged_seconds=mean_seconds([run.charged_seconds for run in own]),
        ended=dict(sorted(Counter(run.ended for run in own).items())),
    )


def _answer_after(run: RunResult, proposals: float) -> int:
    """Which answer a search had after so many proposals; the first one, if it had none before."""
    return max(0, int(np.searchsorted(run.proposed, proposals, side="right")) - 1)


def mean_seconds(seconds: Sequence[Mapping[Clock, float]]) -> dict[Clock, float]:
    """Means over the runs by clock; a run without a clock has 0 seconds of it."""
    clocks = dict.fromkeys(clock for one in seconds for clock in one)
    return {clock: float(np.mean([one.get(clock, 0.0) for one in seconds])) for clock in clocks}
