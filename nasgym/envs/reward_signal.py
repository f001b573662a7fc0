"""What an episode pays: the rule's reward, or one number for each objective."""

from __future__ import annotations

from typing import Any, Protocol

import gymnasium
import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.problems.evaluation import Evaluations, Objective
from nasgym.problems.evaluator import Evaluator
from nasgym.type_aliases import Floats

__all__ = ["RewardSignal", "ScalarReward", "VectorReward", "default_objectives"]


class RewardSignal(Protocol):
    """Rewards of complete architectures and of illegal actions, in batches.

    Attributes:
        shape: Of one reward: ``()``, or ``(k,)``.
        dtype: Of rewards in batches.
    """

    shape: tuple[int, ...]
    dtype: Any

    def rewards(self, ev: Evaluations) -> npt.NDArray[Any]:
        """``(N, *shape)`` fresh array: what complete architectures pay."""
        ...

    def invalid(self, num: int, targets: Floats | None = None) -> npt.NDArray[Any]:
        """``(num, *shape)`` what illegal actions pay, below every valid architecture's reward.

        ``(num,)`` targets replace the problem's.
        """
        ...


class ScalarReward:
    """The rule's reward, one float64 number."""

    shape: tuple[int, ...] = ()
    dtype: Any = np.float64

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def rewards(self, ev: Evaluations) -> Floats:
        """See `RewardSignal.rewards`."""
        return np.array(ev.reward, dtype=np.float64)

    def invalid(self, num: int, targets: Floats | None = None) -> Floats:
        """See `RewardSignal.invalid`."""
        if targets is None:
            return np.full(num, self._evaluator.invalid_reward)
        return self._evaluator.invalid_rewards(targets)


class VectorReward:
    """One float32 number for each objective, all to be maximised.

    Accuracy is in [0, 1], a cost is minus its share of the largest cost in the space; a cost that
    is maximised is its share. Another quality is its share of that end of its range which is
    farther from 0, with a minus where it is minimised: a perplexity from 22 to 42 is in
    [-1, -0.52], a negative loss from -3 to 0 in [-1, 0]. An illegal action pays 1 less than the
    least of that range (-1 for accuracy, -2 for a cost), which every architecture beats in every
    objective.

    Attributes:
        objectives: What is paid, in this order.
        units: ``(k,)`` float64; an objective's value in its own unit is ``reward * units``: 1 for
            accuracy, minus the largest cost of the space for a cost.
    """

    dtype: Any = np.float32

    def __init__(self, evaluator: Evaluator, objectives: tuple[Objective, ...]) -> None:
        self.objectives = objectives
        self.shape: tuple[int, ...] = (len(objectives),)
        ranges = np.array([_range(evaluator, objective.name) for objective in objectives])
        signs = np.array([1.0 if objective.direction == "max" else -1.0 for objective in objectives])
        self.units = signs * np.abs(ranges).max(axis=1)
        for objective, unit in zip(objectives, self.units.tolist(), strict=True):
            if unit == 0.0:
                raise InvalidValue(f"objective {objective.name!r} costs 0 for every architecture; name another one.")
        # the ends change places where less is better
        self._low, self._high = np.sort(ranges / self.units[:, None], axis=1).T

    def reward_space(self) -> gymnasium.spaces.Box:
        """Bounds of one reward."""
        return gymnasium.spaces.Box((self._low - 1.0).astype(np.float32), self._high.astype(np.float32), dtype=np.float32)

    def rewards(self, ev: Evaluations) -> npt.NDArray[np.float32]:
        """See `RewardSignal.rewards`."""
        return self.scaled(ev.values(self.objectives))

    def scaled(self, values: Floats) -> npt.NDArray[np.float32]:
        """``(N, k)`` rewards from objectives in their own units."""
        return np.asarray(values / self.units, dtype=np.float32)

    def invalid(self, num: int, targets: Floats | None = None) -> npt.NDArray[np.float32]:
        """See `RewardSignal.invalid`."""
        return np.tile(self.reward_space().low, (num, 1))


def _range(evaluator: Evaluator, name: str) -> tuple[float, float]:
    """From where to where an objective can go, in its own unit; costs begin at 0."""
    if name in evaluator.qualities:
        return evaluator.qualities[name].ends
    return 0.0, float(evaluator.bounds_of(name, evaluator.space.empty())[1][0])


def default_objectives(evaluator: Evaluator) -> tuple[Objective, ...]:
    """The problem's objectives; its quality and the primary cost where it has only one.

    Raises:
        InvalidValue: There is only one, and no cost to set against it.
    """
    if len(evaluator.objectives) > 1:
        return evaluator.objectives
    if evaluator.cost_name is None:
        raise InvalidValue(
            f"several objectives need a cost beside {evaluator.quality.words}; give cost=... or objectives=[...]."
        )
    return (Objective(evaluator.quality.name, evaluator.quality.direction), Objective(evaluator.cost_name, "min"))
