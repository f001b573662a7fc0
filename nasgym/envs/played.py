"""`Played`: what both environments say of what they play."""

from __future__ import annotations

from gymnasium.envs.registration import EnvSpec

from nasgym.envs.core import EnvCore
from nasgym.envs.reward_signal import RewardSignal, ScalarReward
from nasgym.problems.problem import Problem

__all__ = ["Played"]


class Played:
    """Base of the scalar and the vector environment, before Gymnasium's in the order of bases."""

    _core: EnvCore
    _spec: EnvSpec | None = None

    def _make_signal(self) -> RewardSignal:
        """Hook: what an episode pays."""
        return ScalarReward(self._core.evaluator)

    @property
    def spec(self) -> EnvSpec | None:
        """What `gymnasium.make` was called with.

        Marked as nondeterministic where networks are trained or timed live.
        """
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = self._core.marked(spec)

    @property
    def problem(self) -> Problem:
        """The problem that is played; with a budget `TestMetricsRefused` is raised instead."""
        return self._core.problem

    @property
    def num_steps(self) -> int:
        """T, the steps of the longest episode; every one is as long where there are no stops.

        They are the decisions of the space, or its layers.
        """
        return self._core.observer.steps.space.num_decisions
