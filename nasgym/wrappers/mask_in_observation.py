"""`MaskInObservation`: the action mask as a part of the observation.

It goes under the names that other libraries look for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from nasgym.errors import InvalidValue, unknown_name
from nasgym.type_aliases import Bools, Ints

__all__ = ["Dialect", "MaskInObservation", "VectorMaskInObservation"]

Dialect: TypeAlias = Literal["pettingzoo", "rllib", "tianshou", "torchrl"]
Info: TypeAlias = dict[str, Any]
Parts: TypeAlias = dict[str, Any]
Mask: TypeAlias = npt.NDArray[Any]

# key of the observation, key of the mask, dtype of the mask: what each library's own examples use
DIALECTS: dict[str, tuple[str, str, str]] = {
    "pettingzoo": ("observation", "action_mask", "int8"),
    "rllib": ("observations", "action_mask", "float32"),
    "tianshou": ("obs", "mask", "bool"),
    "torchrl": ("observation", "action_mask", "bool"),
}


class _Form:
    """How observation and mask are joined; the same for one and for many environments.

    An observation that is a Dict gets the mask as one more key, so that the result is flat in every
    case.
    """

    def __init__(self, inner: Any, actions: Any, obs_key: str, mask_key: str, dtype: npt.DTypeLike) -> None:
        if not isinstance(actions, Discrete) or actions.start != 0:
            raise InvalidValue(f"a mask goes with a Discrete action space that starts at 0; this environment has {actions}.")
        self.obs_key, self.mask_key, self.dtype = obs_key, mask_key, np.dtype(dtype)
        self.flat = isinstance(inner, Dict)
        if self.flat and obs_key != "observation":
            raise InvalidValue(
                f"an observation that is a Dict keeps its own keys {list(inner)}, there is no place for obs_key={obs_key!r}; "
                'leave it out, or make the environment with observation="onehot" or "tokens".'
            )
        taken = list(inner) if isinstance(inner, Dict) else [obs_key]
        if mask_key in taken:
            raise InvalidValue(f"mask_key {mask_key!r} is already the name of an observation ({taken}); choose another.")
        mask = Box(0, 1, (int(actions.n),), dtype=self.dtype.type)
        self.space = Dict({**(inner.spaces if isinstance(inner, Dict) else {obs_key: inner}), mask_key: mask})

    def join(self, observation: Any, mask: Mask) -> Parts:
        """Observation and mask under their keys; the mask in a fresh array."""
        parts = observation if self.flat else {self.obs_key: observation}
        return {**parts, self.mask_key: mask.astype(self.dtype)}


def _mask_of(info: Info) -> Mask:
    if "action_mask" not in info:
        raise InvalidValue('this environment gives no info["action_mask"]; the wrapper goes around those that do.')
    return np.asarray(info["action_mask"])


def _arguments(space: Any, name: str) -> dict[str, str]:
    """Keywords of a dialect."""
    if name not in DIALECTS:
        raise unknown_name("dialect", name, get_args(Dialect))
    if isinstance(space, Dict) and name != "torchrl":
        raise InvalidValue(
            f"{name} looks for one array under {DIALECTS[name][0]!r}, and this observation is a Dict of {list(space)}; "
            'make the environment with observation="onehot" or "tokens".'
        )
    return dict(zip(("obs_key", "mask_key", "dtype"), DIALECTS[name], strict=True))


class MaskInObservation(gymnasium.Wrapper[Parts, np.int64, Any, np.int64], RecordConstructorArgs):
    """Makes the observation a Dict of what it was and the mask of legal actions.

    ```python
    env = MaskInObservation(gymnasium.make("nasgym/Digits-v0"))
    observation, info = env.reset()  # {"observation": float32 (47,), "action_mask": int8 (2,)}
    env = MaskInObservation.dialect(gymnasium.make("nasgym/Digits-v0"), "tianshou")
    observation, info = env.reset()  # {"obs": ..., "mask": bool}
    ```

    The mask is that of ``info["action_mask"]``, 1 (or True) where an action is legal. An
    observation that is already a Dict (``observation="dict"``) stays flat: it gets the mask as one
    more key.

    Args:
        env: An environment with a Discrete action space and ``info["action_mask"]`` after every
            `reset` and `step`.
        obs_key: Key of the observation; left out where the observation is a Dict.
        mask_key: Key of the mask, ``(n,)`` for n actions.
        dtype: Of the mask: int8, bool or float32.

    Raises:
        InvalidValue: Another action space, no mask in the info, or keys that collide.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, np.int64],
        *,
        obs_key: str = "observation",
        mask_key: str = "action_mask",
        dtype: npt.DTypeLike = np.int8,
    ) -> None:
        # names, because the spec of the environment is written as JSON
        RecordConstructorArgs.__init__(self, obs_key=obs_key, mask_key=mask_key, dtype=np.dtype(dtype).name)
        gymnasium.Wrapper.__init__(self, env)
        self._form = _Form(env.observation_space, env.action_space, obs_key, mask_key, dtype)
        self.observation_space = self._form.space
        self._mask: Mask | None = None

    @classmethod
    def dialect(cls, env: gymnasium.Env[Any, np.int64], name: Dialect) -> Self:
        """Wraps with the keys and the dtype of a library.

        The libraries are ``"pettingzoo"``, ``"rllib"``, ``"tianshou"`` and ``"torchrl"``.

        Raises:
            UnknownName: No such dialect.
            InvalidValue: The observation is a Dict and the library looks for one array (all but
                TorchRL).
        """
        return cls(env, **_arguments(env.observation_space, name))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Parts, Info]:
        """Resets; the info keeps its ``action_mask``."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._mask = _mask_of(info)
        return self._form.join(observation, self._mask), info

    def step(self, action: np.int64) -> tuple[Parts, Any, bool, bool, Info]:
        """Steps; the info keeps its ``action_mask``."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._mask = _mask_of(info)
        return self._form.join(observation, self._mask), reward, terminated, truncated, info

    def action_masks(self) -> Bools:
        """``(n,)`` bool, the mask of the last observation, for sb3-contrib's MaskablePPO."""
        return _as_bool(self._mask)


if TYPE_CHECKING:
    _VectorWrapper = VectorWrapper[Parts, Ints, Any, Ints, npt.NDArray[Any]]
else:
    _VectorWrapper = VectorWrapper  # takes no type arguments before Gymnasium 1.3, and RLlib wants 1.2.2


class VectorMaskInObservation(_VectorWrapper):
    """`MaskInObservation` for a Gymnasium VectorEnv, in all three autoreset modes.

    Observations are Dicts of batches.

    ```python
    envs = gymnasium.make_vec("nasgym/Digits-v0", num_envs=8, autoreset_mode="SameStep")
    envs = VectorMaskInObservation(envs)
    observations, info = envs.reset()
    # observations: {"observation": float32 (8, 47), "action_mask": int8 (8, 2)}
    ```

    ``info["final_obs"]`` gets the same form, with the masks of ``info["final_info"]``: a Dict of
    batches where it was one batch, and an array of Dicts where it was an array of observations
    (Gymnasium's `SyncVectorEnv`).

    Args:
        env: A vector environment with Discrete actions and ``info["action_mask"]`` after every
            `reset` and `step`.
        obs_key: As in `MaskInObservation`, and so are the others.
        mask_key: Key of the masks, ``(num_envs, n)``.
        dtype: Of the masks.

    Raises:
        InvalidValue: As in `MaskInObservation`.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Ints, npt.NDArray[Any]],
        *,
        obs_key: str = "observation",
        mask_key: str = "action_mask",
        dtype: npt.DTypeLike = np.int8,
    ) -> None:
        super().__init__(env)
        self._form = _Form(env.single_observation_space, env.single_action_space, obs_key, mask_key, dtype)
        self.single_observation_space = self._form.space
        self.observation_space = batch_space(self._form.space, self.num_envs)
        # TorchRL reads the attribute, not the metadata, and Gymnasium's VectorWrapper does not pass
        # it on
        self.autoreset_mode = env.metadata.get("autoreset_mode")
        self._mask: Mask | None = None

    @classmethod
    def dialect(cls, env: VectorEnv[Any, Ints, npt.NDArray[Any]], name: Dialect) -> Self:
        """Wraps with the keys and the dtype of a library; see `MaskInObservation.dialect`."""
        return cls(env, **_arguments(env.single_observation_space, name))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Parts, Info]:
        """Resets all environments, or those of ``options["reset_mask"]``.

        The others keep their masks.
        """
        observations, info = self.env.reset(seed=seed, options=options)
        masks, chosen = _mask_of(info), info.get("_action_mask")
        if chosen is not None and self._mask is not None:
            masks = np.where(chosen[:, None], masks, self._mask)
        self._mask = masks
        return self._form.join(observations, masks), info

    def step(self, actions: Ints) -> tuple[Parts, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], Info]:
        """Steps all environments."""
        observations, rewards, terminations, truncations, info = self.env.step(actions)
        self._mask = _mask_of(info)
        if "final_obs" in info:
            info = {**info, "final_obs": self._final(info["final_obs"], _mask_of(info["final_info"]))}
        return self._form.join(observations, self._mask), rewards, terminations, truncations, info

    def _final(self, observations: Any, masks: Mask) -> Any:
        if not (isinstance(observations, np.ndarray) and observations.dtype == object):
            return self._form.join(observations, masks)
        joined = np.full(len(observations), None, dtype=object)
        for i, observation in enumerate(observations):
            if observation is not None:
                joined[i] = self._form.join(observation, masks[i])
        return joined

    def action_masks(self) -> Bools:
        """``(num_envs, n)`` bool, the masks of the last observations."""
        return _as_bool(self._mask)


def _as_bool(mask: Mask | None) -> Bools:
    if mask is None:
        raise InvalidValue("call reset() before asking for the mask.")
    return mask.astype(bool)
