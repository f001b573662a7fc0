"""What answers are really worth, which is looked up after the searches have ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nasgym.compare.run_result import RunResult
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Floats

__all__ = ["shown_reward", "split_by_run", "true_values"]

T = TypeVar("T", bound=np.generic)


def split_by_run(values: NDArray[T], runs: Sequence[RunResult]) -> list[NDArray[T]]:
    """``(k,)`` for each run, from the values of all answers one after the other."""
    return np.split(values, np.cumsum([len(run.archs) for run in runs])[:-1])


def true_values(problem: Problem, runs: Sequence[RunResult], *, exact: bool) -> tuple[list[Floats], list[Floats]]:
    """Rewards and accuracies of the answers of each run; see `Judgement.true_reward`."""
    truth = problem.reporting
    answered = np.concatenate([run.archs for run in runs])
    if exact:
        everything, rows = truth.everything, truth.space.index_of(answered)
        return split_by_run(everything.reward[rows], runs), split_by_run(everything.accuracy[rows], runs)
    if truth.deterministic:
        means = truth.mean_evaluations(answered)
        return split_by_run(means.reward, runs), split_by_run(means.accuracy, runs)
    rewards, accuracies = [run.reward.copy() for run in runs], [run.accuracy.copy() for run in runs]
    if truth is not problem:
        rewards, accuracies = ([np.full_like(values, np.nan) for values in kind] for kind in (rewards, accuracies))
    unknown = [i for i, reward in enumerate(rewards) if np.isnan(reward[-1])]
    if unknown:
        different, where = np.unique(np.stack([runs[i].archs[-1] for i in unknown]), axis=0, return_inverse=True)
        # after the search, and with a seed of its own: nobody is charged for it
        measured = truth.evaluate(different, rng=np.random.default_rng(0))
        for i, row in zip(unknown, where.reshape(-1).tolist(), strict=True):
            rewards[i][-1], accuracies[i][-1] = measured.reward[row], measured.accuracy[row]
    return rewards, accuracies


def shown_reward(problem: Problem, run: RunResult, true_reward: Floats) -> float:
    """The reward of an answer that the leaderboard shows; see `Standing.reward`."""
    as_seen = run.evaluated and problem.reporting is problem and problem.accuracy.seed != "sampled"
    return float(run.reward[-1] if as_seen else true_reward[-1])
