"""`SB3VecEnv`: a vector environment of Gymnasium as one of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from nasgym.errors import InvalidValue
from nasgym.type_aliases import Bools

__all__ = ["SB3VecEnv"]

Info = dict[str, Any]

# what one environment of a vector environment calls by another name
SINGLE = {"action_space": "single_action_space", "observation_space": "single_observation_space"}


class SB3VecEnv(VecEnv):
    """A Gymnasium VectorEnv with masks as one of Stable-Baselines3.

    It is a `stable_baselines3.common.vec_env.VecEnv` without a loop over environments.

    ```python
    envs = gymnasium.make_vec("nasgym/Digits-v0", num_envs=64, autoreset_mode="SameStep")
    model = MaskablePPO("MlpPolicy", VecMonitor(SB3VecEnv(envs)), n_steps=15)
    model.learn(10_000)
    ```

    Observations, rewards, dones, infos and masks are those of SB3's `DummyVecEnv` over the single
    environments. Environments in a vector environment share their attributes: `get_attr` gives the
    same value for each, `set_attr` is refused, and `env_method` calls the method of the vector
    environment once and deals out its rows.

    Args:
        vector_env: In the mode ``SAME_STEP``, with scalar rewards and ``info["action_mask"]`` after
            every `reset` and `step`: `NASVectorEnv`, or Gymnasium's `SyncVectorEnv` and
            `AsyncVectorEnv` over such environments.

    Raises:
        InvalidValue: Not a vector environment, or one in another autoreset mode.
    """

    def __init__(self, vector_env: VectorEnv[Any, Any, npt.NDArray[Any]]) -> None:
        if not isinstance(vector_env, VectorEnv):
            raise InvalidValue(
                f"SB3VecEnv goes around a Gymnasium VectorEnv, got {vector_env!r}; make one with "
                'gymnasium.make_vec(id, num_envs=8, autoreset_mode="SameStep").'
            )
        mode = vector_env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise InvalidValue(
                f"Stable-Baselines3 resets in the step that ends an episode, and this vector environment has {mode}; "
                'make it with autoreset_mode="SameStep".'
            )
        if hasattr(vector_env.unwrapped, "reward_space"):
            raise InvalidValue(
                "Stable-Baselines3 learns from one reward, and this environment gives one for each objective; make the id without 'mo-'."
            )
        self.vector_env = vector_env
        self.spec = vector_env.spec
        self._masks: Bools | None = None
        self._actions: npt.NDArray[Any] | None = None
        super().__init__(vector_env.num_envs, vector_env.single_observation_space, vector_env.single_action_space)

    # ---- transitions ----------------------------------------------------------------------------

    def reset(self) -> VecEnvObs:
        """Resets all environments.

        Seeds and options are those that `seed` and `set_options` left for this reset.
        """
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        # Gymnasium's annotation knows only one seed, but its vector environments take one for each
        observations: VecEnvObs
        observations, info = self.vector_env.reset(seed=seeds, options=self._options[0] or None)  # type: ignore[arg-type]  # one seed for each
        self._reset_seeds()
        self._reset_options()
        self._note_masks(info)
        self.reset_infos = _rows(info, self.num_envs)
        return observations

    def set_options(self, options: list[Info] | Info | None = None) -> None:
        """Options for the next reset, one dict for all environments.

        A target in it may be an array with one for each.

        Raises:
            InvalidValue: Options differ between environments, or there is a ``reset_mask``.
        """
        super().set_options(options)
        first = self._options[0] if self._options else None
        if len(self._options) != self.num_envs or not all(data_equivalence(first, each) for each in self._options):
            raise InvalidValue(
                f"a vector environment takes one dict of options for all {self.num_envs} environments; pass that."
            )
        if first and "reset_mask" in first:
            raise InvalidValue("Stable-Baselines3 resets every environment; leave out reset_mask.")

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Takes the ``(num_envs,)`` actions of the next `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Steps all environments; those that end start again in the same step."""
        observations, rewards, dones, truncated, info = self._step()
        infos = _rows(info, self.num_envs)
        if dones.any():
            self._end(infos, np.flatnonzero(dones).tolist(), info)
        for row, late in zip(infos, truncated.tolist(), strict=True):
            row["TimeLimit.truncated"] = late
        return observations, rewards, dones, infos

    def _step(self) -> tuple[Any, npt.NDArray[np.float32], Bools, Bools, Info]:
        """Observations, rewards, which episodes ended, which only because of time, and the info."""
        if self._masks is None or self._actions is None:
            raise InvalidValue("call reset() before the first step, and step_async() before step_wait().")
        actions, self._actions = self._actions, None
        observations, rewards, terminated, truncated, info = self.vector_env.step(actions)
        if rewards.ndim != 1:
            raise InvalidValue(
                f"Stable-Baselines3 takes one reward for each environment, got the shape {rewards.shape}; "
                "use an environment with a scalar reward."
            )
        self._note_masks(info)
        return observations, rewards.astype(np.float32), terminated | truncated, truncated & ~terminated, info

    def _end(self, infos: list[Info], ended: list[int], info: Info) -> None:
        """Puts the infos of episodes that ended in the place of those of episodes that begin."""
        finals = _rows(info["final_info"], self.num_envs)
        for i in ended:
            begins, infos[i] = infos[i], finals[i]
            if "episode" in begins:  # vector statistics are about the episode that ended, though they stand beside the new
                infos[i]["episode"] = begins.pop("episode")
            infos[i]["terminal_observation"] = _observation(info["final_obs"], i)
            self.reset_infos[i] = begins

    def _note_masks(self, info: Info) -> None:
        if "action_mask" not in info:
            raise InvalidValue('this vector environment gives no info["action_mask"]; SB3VecEnv goes around those that do.')
        self._masks = info["action_mask"].astype(bool)

    # ---- single environments --------------------------------------------------------------------

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        """The rows of what a method of the vector environment returns, for some environments.

        ``"action_masks"`` gives the ``(n,)`` bool masks of the current observations.

        Raises:
            AttributeError: No such method.
            InvalidValue: It does not return a row for each environment.
        """
        if method_name == "action_masks":
            return list(self._known_masks()[list(self._get_indices(indices))])
        rows = self._find(method_name)(*method_args, **method_kwargs)
        if rows is not None and (not hasattr(rows, "__len__") or len(rows) != self.num_envs or isinstance(rows, dict)):
            raise InvalidValue(
                f"env_method({method_name!r}) calls the vector environment, and it returned no row for each of the "
                f"{self.num_envs} environments; call .vector_env.{method_name}() instead."
            )
        return [None if rows is None else rows[i] for i in self._get_indices(indices)]

    def _known_masks(self) -> Bools:
        if self._masks is None:
            raise InvalidValue("call reset() before asking for the masks.")
        return self._masks

    def _mask(self, i: int) -> Bools:
        mask: Bools = self._known_masks()[i].copy()
        return mask

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the vector environment, once for each of some environments.

        The spaces are those of a single one.

        Raises:
            AttributeError: No such attribute.
        """
        if attr_name == "action_masks":
            masks: list[Callable[[], Bools]] = [partial(self._mask, i) for i in self._get_indices(indices)]
            return masks
        value = self._find(SINGLE.get(attr_name, attr_name))
        return [value for _ in self._get_indices(indices)]

    def _layers(self) -> list[VectorEnv[Any, Any, npt.NDArray[Any]]]:
        """The vector environment with its wrappers, the outermost first."""
        layers = [self.vector_env]
        while isinstance(layers[-1], VectorWrapper):
            layers.append(layers[-1].env)
        return layers

    def _find(self, name: str) -> Any:
        for layer in self._layers():
            if hasattr(layer, name):
                return getattr(layer, name)
        raise AttributeError(f"{self.vector_env!r} has no attribute {name!r}")

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refused.

        Raises:
            InvalidValue: Always.
        """
        raise InvalidValue(
            f"the environments of a vector environment share their attributes; set {attr_name!r} where it is made, or in "
            ".vector_env of SB3VecEnv."
        )

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Whether the vector environment is wrapped with a class.

        A wrapper of single environments is not seen.
        """
        wrapped = any(isinstance(layer, wrapper_class) for layer in self._layers())
        return [wrapped for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """A picture of each environment; only with ``render_mode="rgb_array"``.

        Raises:
            InvalidValue: Another render mode.
        """
        if self.render_mode != "rgb_array":
            raise InvalidValue(f'pictures need an environment made with render_mode="rgb_array", not {self.render_mode!r}.')
        return list(self.vector_env.render() or ())  # type: ignore[arg-type]  # frames of rgb_array are arrays

    def close(self) -> None:
        """Closes the vector environment."""
        self.vector_env.close()


def _rows(info: Info, num: int) -> list[Info]:
    """A fresh dict for each environment, of the entries that are there for it.

    Numbers and texts are Python's own.
    """
    rows: list[Info] = [{} for _ in range(num)]
    for key, values in info.items():
        if key.startswith("_") or key in ("final_obs", "final_info"):
            continue
        parts: Any = values
        if isinstance(values, dict):
            parts = _rows(values, num)
        elif isinstance(values, np.ndarray) and values.ndim == 1:
            parts = values.tolist()
        there = info.get(f"_{key}")
        if there is None or there.all():
            for row, part in zip(rows, parts, strict=True):
                row[key] = part
        else:
            for i in np.flatnonzero(there).tolist():
                rows[i][key] = parts[i]
    return rows


def _observation(batch: Any, i: int) -> Any:
    """One observation of a batch: an array, a dict of arrays, or an array of either."""
    if isinstance(batch, dict):
        return {key: _observation(values, i) for key, values in batch.items()}
    return batch[i]
