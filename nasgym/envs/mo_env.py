"""`MONASEnv` and `MONASVectorEnv`: the environments with one reward for each objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.envs.core import EnvCore
from nasgym.envs.env import NASEnv
from nasgym.envs.reward_signal import VectorReward, default_objectives
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import InvalidValue
from nasgym.problems.evaluation import nondominated
from nasgym.type_aliases import Floats

__all__ = ["MONASEnv", "MONASVectorEnv"]

Vector = npt.NDArray[np.float32]


class MONASEnv(NASEnv):
    """`NASEnv` with a vector of rewards, by the interface of MO-Gymnasium.

    The ids are ``nasgym/mo-<Name>-v0``. Everything but the reward is as in `NASEnv`. MO-Gymnasium
    itself is not needed: its wrappers, and the clients that know it, take the environment from
    `gymnasium.make` (or `mo_gymnasium.make`) as it is.

    ## Rewards
    ``(k,)`` float32, all to be maximised, in the order of `objectives` (by default accuracy and the
    primary cost): accuracy in [0, 1], a cost as minus its share of the largest cost in the space,
    so in [-1, 0]; other qualities and costs that are maximised are shares, too
    (`nasgym.envs.reward_signal.VectorReward`). Zeros before the last decision. An illegal action
    gives -1 for accuracy and -2 for each cost, of others 1 less than the least possible.
    `objective_units` brings a reward back to the objectives' own units.

    Rules, targets and constraints do not change the rewards; `mask="feasible"` still keeps episodes
    within a target.

    Attributes:
        reward_space: Bounds of a reward.
        reward_dim: k.
        objectives: What the rewards are, in order.
        objective_units: ``(k,)``; ``reward * objective_units`` is the objective in its own unit,
            costs positive.
    """

    _signal: VectorReward

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        _check_keywords(keywords)
        super().__init__(*arguments, **keywords)
        self.objectives, self.objective_units = self._signal.objectives, self._signal.units
        self.reward_space, self.reward_dim = self._signal.reward_space(), len(self._signal.objectives)

    def _make_signal(self) -> VectorReward:
        return VectorReward(self._core.evaluator, default_objectives(self._core.evaluator))

    def _give(self, reward: npt.NDArray[Any]) -> Vector:
        return np.array(reward, dtype=np.float32)

    def pareto_front(self, gamma: float) -> list[Floats]:
        """The discounted returns of deterministic policies that no other policy dominates, exactly.

        Equal returns are listed once. Accuracies are means over the training seeds, whatever `seed`
        is. With ``mask="feasible"`` only what meets the problem's own constraint counts.

        Args:
            gamma: Discount in (0, 1].

        Raises:
            InvalidValue: The discount is not in (0, 1], there is a budget, the space cannot be
                enumerated, or accuracies are not a table.
            MissingPackage: moocore is not installed.
        """
        return _front(self._core, self._signal, gamma)


class MONASVectorEnv(NASVectorEnv):
    """`num_envs` times `MONASEnv`, natively; rewards are ``(num_envs, k)`` float32.

    Equal to the loop over `MONASEnv`, as `NASVectorEnv` is to that over `NASEnv`, in all three
    autoreset modes.

    Attributes:
        reward_space: Bounds of one environment's reward.
        reward_dim, objectives, objective_units: As in `MONASEnv`.
    """

    _signal: VectorReward

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        _check_keywords(keywords)
        super().__init__(*arguments, **keywords)
        self.objectives, self.objective_units = self._signal.objectives, self._signal.units
        self.reward_space, self.reward_dim = self._signal.reward_space(), len(self._signal.objectives)

    def _make_signal(self) -> VectorReward:
        return VectorReward(self._evaluator, default_objectives(self._evaluator))

    def pareto_front(self, gamma: float) -> list[Floats]:
        """See `MONASEnv.pareto_front`."""
        return _front(self._core, self._signal, gamma)


def _check_keywords(keywords: Mapping[str, Any]) -> None:
    """Refuses keywords that only go with one reward, and fewer than two objectives."""
    if keywords.get("shaping") is not None:
        raise InvalidValue("shaping adds to one reward, and this environment gives one for each objective; leave out shaping=.")
    named = keywords.get("objectives")
    if named is not None and len(named) < 2:
        raise InvalidValue(f"an environment with several rewards needs at least two objectives, got {list(named)}.")


def _front(core: EnvCore, signal: VectorReward, gamma: float) -> list[Floats]:
    if isinstance(gamma, bool) or not isinstance(gamma, int | float) or not 0 < gamma <= 1:
        raise InvalidValue(f"gamma is a number above 0 and at most 1, got {gamma!r}.")
    steps, ev = core.observer.steps.space, core.evaluator.exact.everything
    among = np.flatnonzero(ev.feasible) if core.observer.feasibility is not None else np.arange(len(ev))
    rewards = signal.scaled(ev.values(signal.objectives)[among]).astype(np.float64)
    # everything is paid with the last step, so what is beaten may pay more because it ends sooner
    returns = np.unique(rewards * gamma ** (steps.lengths(steps.enumerate()[among])[:, None] - 1), axis=0)
    # float32 makes nearly equal returns equal; one that is a little better elsewhere then beats the
    # other
    return list(returns[nondominated(returns, [True] * len(signal.objectives))])
