"""`NASVectorEnv`: many architectures built side by side, in arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from nasgym.env import NASEnv, check_render_mode, open_door
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger import Budget, Ledger
from nasgym.observation import Observation, ObservationKind, View
from nasgym.oracles.oracle import Floats, Ints
from nasgym.problem import Evaluations, Problem
from nasgym.walks import make_walks

__all__ = ["NASVectorEnv"]

Bools = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[Any]]
Info = dict[str, Any]


class NASVectorEnv(VectorEnv[Observation, Ints, npt.NDArray[Any]]):
    """`num_envs` times `NASEnv`, without a Python loop over the environments.

    The same seeds and actions give what Gymnasium's `SyncVectorEnv` over `NASEnv` gives: observations, rewards, flags, masks
    and infos (entries of an info array hold where its ``_key`` is true). Every returned array is a fresh one. Spaces that can
    be enumerated become a table of states at construction (0.02 to 0.4 s for the registered ids); larger ones are computed
    step by step, which is slower and gives the same.

    ## Differences from SyncVectorEnv
    * ``autoreset_mode="SameStep"``: ``info["final_obs"]`` is a plain ``(num_envs, ...)`` array instead of an array of objects.
    * With a budget all environments share one ledger. A step that overflows it is charged for the affordable architectures in
      row order, then `nasgym.BudgetExhausted` is raised; `reset` before the next step.
    * A wrong shape or dtype of the actions raises `InvalidValue`, and so does a step before the first reset. An action that is
      an integer, but illegal, ends its own environment's episode only.
    * The option ``reset_mask`` of `reset` is read and stays in the dict.
    * Each environment has its own generator, seeded with ``seed + i``; they are only made where the accuracy oracle draws
      training seeds. Drawing from them is the one thing that is done one environment after the other.

    ## Arguments
    Those of `NASEnv`, and `num_envs`, `autoreset_mode` (``"NextStep"``, ``"SameStep"``, ``"Disabled"`` or the enum's member).
    """

    def __init__(
        self,
        problem: str | Problem | Ledger,
        num_envs: int = 1,
        *,
        observation: ObservationKind = "onehot",
        budget: Budget | float | dict[str, Any] | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **keywords: Any,
    ) -> None:
        check_render_mode(render_mode)
        if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise InvalidValue(f"num_envs is a whole number from 1 on, got {num_envs!r}.")
        self._door = open_door(problem, budget, keywords)
        view = View(self._door, observation)
        self.num_envs = int(num_envs)
        self.autoreset_mode = _mode(autoreset_mode)
        self.metadata = {**NASEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.space = self._door.space
        self.single_action_space = gymnasium.spaces.Discrete(self.space.max_choices)
        self.single_observation_space = view.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._walks = make_walks(view, self.num_envs)
        self._generators: list[np.random.Generator | None] = [None] * self.num_envs
        self._running = False
        self._none, self._every = np.zeros(self.num_envs, dtype=bool), np.ones(self.num_envs, dtype=bool)

    # ---- transitions ----------------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Starts empty architectures, in all environments or in those of ``options["reset_mask"]``.

        Args:
            seed: One number, from which environment i takes ``seed + i``, or one number or None for each.
            options: ``{"reset_mask": (num_envs,) bool}`` with at least one True.

        Raises:
            UnknownName: Another option.
            InvalidValue: Seeds or mask have the wrong shape or type, the first reset leaves an environment out, or the
                environment is closed.
        """
        self._check_open()
        for option in options or {}:
            if option != "reset_mask":
                raise unknown_name("option of reset()", option, ("reset_mask",))
        rows = None if options is None else _reset_mask(options.get("reset_mask"), self.num_envs)
        if not (self._running or rows is None or rows.all()):
            raise InvalidValue("the first reset() starts every environment; leave out reset_mask.")
        self._seed(seed, rows)
        self._walks.restart(rows)
        self._running = True
        chosen = np.ones(self.num_envs, dtype=bool) if rows is None else rows.copy()
        masks = self._walks.masks()
        masks[~chosen] = 0
        return self._walks.observations(), {"action_mask": masks, "_action_mask": chosen}

    def step(self, actions: npt.ArrayLike) -> tuple[Observation, Floats, Bools, Bools, Info]:
        """Makes one decision in every environment; ``(num_envs,)`` integers."""
        choices, walks = self._checked(actions), self._walks
        if self.autoreset_mode is AutoresetMode.DISABLED and walks.some_ended:
            ended = np.flatnonzero(np.logical_or(*walks.ended()))
            raise InvalidValue(
                f"environments {ended[:5].tolist()}{' and more' * (len(ended) > 5)} have ended; call "
                'reset(options={"reset_mask": terminations}) before the next step, or choose another autoreset_mode.'
            )
        walks.move(choices)
        if not walks.some_ended:
            rewards, terminated, info = np.zeros(self.num_envs), self._none.copy(), Info()
        else:
            rewards, terminated, info = self._settle()
            if self.autoreset_mode is AutoresetMode.SAME_STEP:
                info = {
                    "final_obs": walks.observations(),
                    "final_info": {"action_mask": walks.masks(), "_action_mask": terminated.copy(), **info},
                    "_final_obs": terminated.copy(),
                    "_final_info": terminated.copy(),
                }
                walks.restart(None if walks.all_complete else terminated)
        info["action_mask"], info["_action_mask"] = walks.masks(), self._every.copy()
        return walks.observations(), rewards, terminated, self._none.copy(), info

    def _settle(self) -> tuple[Floats, Bools, Info]:
        """Rewards, terminations and infos of a step with which episodes end."""
        info = Info()
        if self._walks.all_complete:
            rewards, columns = self._worth(slice(None))
            for name, values in columns.items():
                info[name], info[f"_{name}"] = values, self._every.copy()
            return rewards, self._every.copy(), info
        complete, illegal = self._walks.ended()
        rewards = np.where(illegal, self._door.invalid_reward, 0.0)
        if complete.any():
            rows = np.flatnonzero(complete)
            rewards[rows], columns = self._worth(rows)
            for name, values in columns.items():
                info[name] = np.full(self.num_envs, None) if values.dtype == object else np.zeros(self.num_envs, values.dtype)
                info[name][rows], info[f"_{name}"] = values, complete.copy()
        if illegal.any():
            info["invalid_action"], info["_invalid_action"] = illegal, illegal.copy()
        return rewards, complete | illegal, info

    # ---- what complete architectures are worth ---------------------------------------------------------------------------

    def _worth(self, rows: Ints | slice) -> tuple[Floats, Columns]:
        """Rewards and info of the complete architectures of some rows, in fresh arrays."""
        positions = self._walks.positions()
        if positions is not None and self._fixed:
            at = positions[rows]
            rewards, columns = self._table
            return rewards.take(at), {name: values.take(at) for name, values in columns.items()}
        archs = self._walks.archs()[rows]
        if isinstance(self._door, Ledger):
            ev = self._door.evaluate(archs)
        else:
            ev = self._door.evaluate(archs, rng=None if self._fixed else self._generators_of(rows))
        return _columns(ev, self.space.to_str(archs) if positions is None else self._texts[positions[rows]])

    @cached_property
    def _fixed(self) -> bool:
        """Whether an evaluation always gives the same and is not counted."""
        if isinstance(self._door, Ledger):
            return False
        accuracy, costs = self._door.accuracy, self._door.cost_oracles.values()
        return accuracy.deterministic and accuracy.seed != "sampled" and all(c.free for c in costs)

    @cached_property
    def _table(self) -> tuple[Floats, Columns]:
        """What every architecture is worth, in the order of the space."""
        assert isinstance(self._door, Problem), "a ledger counts"
        return _columns(self._door.evaluate(self.space.enumerate()), self._texts)

    @cached_property
    def _texts(self) -> npt.NDArray[np.object_]:
        return np.array(self.space.to_str(self.space.enumerate()), dtype=object)

    # ---- masks, drawings ------------------------------------------------------------------------------------------------

    def action_masks(self) -> Bools:
        """``(num_envs, max_choices)`` bool, a fresh array."""
        return self._walks.masks().astype(bool)

    def render(self) -> tuple[str, ...] | None:
        """The architectures so far, as text."""
        return None if self.render_mode is None else tuple(self.space.to_str(self._walks.archs()))

    # ---- arguments ------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self.closed:
            raise InvalidValue("this environment is closed; make a new one.")

    def _checked(self, actions: npt.ArrayLike) -> Ints:
        self._check_open()
        if not self._running:
            raise InvalidValue("call reset() before the first step.")
        given = np.asarray(actions)
        if given.shape != (self.num_envs,) or given.dtype.kind not in "iu":
            raise InvalidValue(
                f"actions are {self.num_envs} integers, one for each environment; got shape {given.shape}, dtype {given.dtype}."
            )
        return given.astype(np.int64, copy=False)

    def _seed(self, seed: int | Sequence[int | None] | None, rows: Bools | None) -> None:
        """Seeds the generators of some rows; those that nobody has seeded are made when they are needed."""
        if seed is None:
            return
        seeds: list[int | None]
        if isinstance(seed, int | np.integer):
            super().reset(seed=int(seed))
            seeds = [int(seed) + i for i in range(self.num_envs)] if self._draws else []
        else:
            seeds = list(seed)
            if len(seeds) != self.num_envs:
                raise InvalidValue(f"seeds are one number or {self.num_envs}, one for each environment; got {len(seeds)}.")
        if self._draws:
            for i, one in enumerate(seeds):
                if one is not None and (rows is None or rows[i]):
                    self._generators[i] = seeding.np_random(one)[0]

    @property
    def _draws(self) -> bool:
        return isinstance(self._door, Problem) and not self._fixed

    def _generators_of(self, rows: Ints | slice) -> list[np.random.Generator]:
        found = []
        for i in np.arange(self.num_envs)[rows].tolist():
            generator = self._generators[i] or seeding.np_random()[0]
            self._generators[i] = generator
            found.append(generator)
        return found


def _columns(ev: Evaluations, texts: Sequence[str] | npt.NDArray[np.object_]) -> tuple[Floats, Columns]:
    """Rewards and the info of complete architectures, in fresh arrays with the types of `NASEnv`'s info."""
    costs: Mapping[str, Floats] = {name: np.array(cost, dtype=np.float64) for name, cost in ev.costs.items()}
    named: Columns = {"arch": np.array(texts, dtype=object), "accuracy": np.array(ev.accuracy, dtype=np.float64)}
    return np.array(ev.reward, dtype=np.float64), {**named, "feasible": np.array(ev.feasible, dtype=bool), **costs}


def _mode(mode: AutoresetMode | str) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    known = {member.value: member for member in AutoresetMode}
    if mode not in known:
        raise unknown_name("autoreset mode", mode, known)
    return known[mode]


def _reset_mask(mask: object, num: int) -> Bools | None:
    if mask is None:
        return None
    if not isinstance(mask, np.ndarray) or mask.shape != (num,) or mask.dtype != np.bool_ or not mask.any():
        raise InvalidValue(f"reset_mask is a numpy array of {num} bools with at least one True, got {mask!r}.")
    return mask
