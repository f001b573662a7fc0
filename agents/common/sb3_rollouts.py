"""`SB3Rollouts`: the episodes of a search, as Stable-Baselines3 plays them."""

from __future__ import annotations

from typing import Any, NoReturn

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from nasgym.agents.common.reward_scale import RewardScale
from nasgym.envs.core import EnvCore
from nasgym.envs.episodes import make_episodes
from nasgym.envs.observation import MaskKind
from nasgym.errors import InvalidValue
from nasgym.ledger.ledger import Ledger

__all__ = ["SB3Rollouts"]


class SB3Rollouts(VecEnv):
    """Architectures built side by side, whose rewards are scaled when they are complete.

    Observations, masks, evaluations and ends of episodes are those of
    `nasgym.wrappers.sb3_vec_env.SB3VecEnv` around `nasgym.envs.vector_env.NASVectorEnv`, and the
    same episodes give them. What a search never reads is left out, which is most of the time of a
    step: infos, texts, last observations, and checks of actions, for a policy with masks draws none
    that is illegal.

    Args:
        ledger: What evaluates.
        num_envs: Episodes side by side.
        mask: ``"legal"`` or ``"feasible"``.
        scale: Makes advantages of the rewards of the architectures that a step completes.

    Raises:
        NasgymError: The mask is not known, or needs a constraint that the ledger does not have.
    """

    def __init__(self, ledger: Ledger, num_envs: int, mask: MaskKind, scale: RewardScale) -> None:
        observer = EnvCore.open(ledger, mask=mask).observer
        self._ledger, self._scale, self._steps = ledger, scale, observer.steps
        self._episodes = make_episodes(observer, num_envs)
        self._none, self._infos = np.zeros(num_envs, dtype=bool), [dict[str, Any]() for _ in range(num_envs)]
        super().__init__(num_envs, observer.observation_space, gymnasium.spaces.Discrete(observer.steps.space.max_choices))

    def reset(self) -> VecEnvObs:
        """Starts all episodes."""
        self._episodes.restart()
        return self._seen()

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Takes the ``(num_envs,)`` legal actions of the next `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Steps all episodes; those that end start again in the same step."""
        episodes, rewards, done = self._episodes, np.zeros(self.num_envs, dtype=np.float32), self._none
        episodes.move(self._actions)
        if episodes.some_ended:
            done, illegal = episodes.ended()
            assert not illegal.any(), "a policy with masks draws legal choices"
            archs = self._steps.to_archs(episodes.rows()[0][done])
            # as single numbers, which is what the environments of Stable-Baselines3 pay
            paid = self._ledger.settle(archs).reward.astype(np.float32)
            rewards[done] = self._scale(paid.astype(np.float64))
            episodes.restart(done)
        return self._seen(), rewards, done, self._infos

    def _seen(self) -> VecEnvObs:
        self._masks = self._episodes.masks().view(np.bool_)
        seen: VecEnvObs = self._episodes.observations()
        return seen

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        """The ``(max_choices,)`` masks of the current steps, for ``"action_masks"``.

        Raises:
            AttributeError: Another method.
        """
        if method_name != "action_masks":
            raise AttributeError(f"the episodes of a search have no method {method_name!r}")
        return list(self._masks) if indices is None else [self._masks[i] for i in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """What Stable-Baselines3 asks about: that there are masks, and no pictures.

        Raises:
            AttributeError: Another attribute.
        """
        known = {"action_masks": self.env_method, "render_mode": None}
        if attr_name not in known:
            raise AttributeError(f"the episodes of a search have no attribute {attr_name!r}")
        return [known[attr_name] for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> NoReturn:
        """Refused.

        Raises:
            InvalidValue: Always.
        """
        raise InvalidValue(f"the episodes of a search are set up once, {attr_name!r} cannot be changed; make another agent.")

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Nothing is wrapped."""
        return [False for _ in self._get_indices(indices)]

    def close(self) -> None:
        """Nothing is open."""
