"""`NASVectorEnv`: many architectures built side by side, in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from nasgym.envs.core import EnvCore
from nasgym.envs.env import NASEnv
from nasgym.envs.episodes import make_episodes
from nasgym.envs.granularity import Granularity
from nasgym.envs.observation import MaskKind, Observation, ObservationKind
from nasgym.envs.outcomes import Infos, Outcomes
from nasgym.envs.played import Played
from nasgym.envs.potential import ShapingSpec
from nasgym.envs.rendering import Rendering, check_render_mode, render
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.budget import Budget
from nasgym.ledger.ledger import Ledger
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Bools, Floats, Ints

__all__ = ["NASVectorEnv"]

Info = dict[str, Any]


class NASVectorEnv(Played, VectorEnv[Observation, Ints, npt.NDArray[Any]]):
    """`num_envs` times `NASEnv`, without a Python loop over the environments.

    The same seeds and actions give what Gymnasium's `SyncVectorEnv` over `NASEnv` gives:
    observations, rewards, flags, masks and infos (entries of an info array hold where its ``_key``
    is true). Every returned array is a fresh one. Spaces that can be enumerated become a table of
    states at construction (0.02 to 0.4 s for the registered ids); larger ones are computed step by
    step, which is slower and gives the same.

    ## Differences from SyncVectorEnv
    * ``autoreset_mode="SameStep"``: ``info["final_obs"]`` is a plain ``(num_envs, ...)`` array
      instead of an array of objects.
    * With a budget all environments share one ledger. A step that overflows it is charged for the
      affordable architectures in row order, then `nasgym.BudgetExhausted` is raised; `reset` before
      the next step.
    * A wrong shape or dtype of the actions raises `InvalidValue`, and so does a step before the
      first reset. An action that is an integer, but illegal, ends its own environment's episode
      only.
    * The option ``reset_mask`` of `reset` is read and stays in the dict; the option ``target`` is
      one number, or one for each.
    * Each environment has its own generator, seeded with ``seed + i``; they are only made where
      targets or training seeds are drawn. Drawing from them is the one thing that is done one
      environment after the other.

    ## Arguments
    Those of `NASEnv`, and `num_envs`, `autoreset_mode` (``"NextStep"``, ``"SameStep"``,
    ``"Disabled"`` or the enum's member).
    """

    def __init__(
        self,
        problem: str | Problem | Ledger,
        num_envs: int = 1,
        *,
        observation: ObservationKind = "onehot",
        mask: MaskKind = "legal",
        granularity: Granularity = "decision",
        shaping: ShapingSpec = None,
        budget: Budget | float | dict[str, Any] | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **keywords: Any,
    ) -> None:
        check_render_mode(render_mode)
        if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise InvalidValue(f"num_envs is a whole number from 1 on, got {num_envs!r}.")
        self._core = EnvCore.open(
            problem,
            observation=observation,
            mask=mask,
            granularity=granularity,
            shaping=shaping,
            budget=budget,
            keywords=keywords,
        )
        self._evaluator, self._observer = self._core.evaluator, self._core.observer
        self._signal = self._make_signal()
        self._outcomes = Outcomes(self._core, self._signal)
        self.num_envs = int(num_envs)
        self.autoreset_mode = _mode(autoreset_mode)
        self.metadata = {**NASEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.space = self._evaluator.space
        self.single_action_space = gymnasium.spaces.Discrete(self._observer.steps.space.max_choices)
        self.single_observation_space = self._observer.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._episodes = make_episodes(self._observer, self.num_envs, self._core.potential)
        self._generators: list[np.random.Generator | None] = [None] * self.num_envs
        self._running, self._draws_targets = False, self._core.target_range is not None
        self._none, self._every = np.zeros(self.num_envs, dtype=bool), np.ones(self.num_envs, dtype=bool)
        # targets that are not the problem's: of all environments, and which of them have their own;
        # None where none has
        self._targets: Floats | None = None
        self._own = self._none.copy()
        self._potentials = np.zeros(self.num_envs)
        self._results: tuple[npt.NDArray[Any], Info] | None = None

    # ---- transitions ----------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Starts empty architectures, in all environments or in those of ``options["reset_mask"]``.

        Args:
            seed: One number, from which environment i takes ``seed + i``, or one number or None for
                each.
            options: ``{"reset_mask": (num_envs,) bool}`` with at least one True; ``{"target":
                number or (num_envs,) numbers}`` for the episodes that start.

        Raises:
            UnknownName: Another option.
            InvalidValue: Seeds, mask or targets have the wrong shape or type, a target is not
                allowed, the first reset leaves an environment out, or the environment is closed.
        """
        self._check_open()
        targets = self._core.given_targets(options, self.num_envs, known=("reset_mask",))
        rows = None if options is None else _reset_mask(options.get("reset_mask"), self.num_envs)
        if not (self._running or rows is None or rows.all()):
            raise InvalidValue("the first reset() starts every environment; leave out reset_mask.")
        self._seed(seed, rows)
        if rows is None and targets is None and not self._remembers:
            self._episodes.restart()
            self._running, self._results = True, None
            return self._episodes.observations(), {"action_mask": self._episodes.masks(), "_action_mask": self._every.copy()}
        chosen = np.ones(self.num_envs, dtype=bool) if rows is None else rows.copy()
        self._aim(chosen, targets)
        self._episodes.restart(rows)
        self._running = True
        self._note_potentials()
        masks = self._episodes.masks(self._targets)
        masks[~chosen] = 0
        return self._episodes.observations(self._targets), {"action_mask": masks, "_action_mask": chosen}

    def step(self, actions: npt.ArrayLike) -> tuple[Observation, npt.NDArray[Any], Bools, Bools, Info]:
        """Makes one decision in every environment; ``(num_envs,)`` integers."""
        choices, episodes = self._checked(actions), self._episodes
        resetting = None
        if episodes.some_ended and self.autoreset_mode is AutoresetMode.DISABLED:
            raise InvalidValue(_say_ended(np.logical_or(*episodes.ended())))
        if episodes.some_ended and self._remembers:
            resetting = np.logical_or(*episodes.ended())
            self._aim(resetting, None)
        self._results = None  # none, if the budget ends with this step
        episodes.move(choices, self._targets)
        if not episodes.some_ended:
            rewards, terminated, info = self._no_rewards(), self._none.copy(), Info()
        else:
            rewards, terminated, info = self._settle()
        if self._core.potential is not None:
            self._shape(rewards, terminated, resetting)
        self._results = (rewards, info)
        if episodes.some_ended and self.autoreset_mode is AutoresetMode.SAME_STEP:
            info = {
                "final_obs": episodes.observations(self._targets),
                "final_info": {"action_mask": episodes.masks(self._targets), "_action_mask": terminated.copy(), **info},
                "_final_obs": terminated.copy(),
                "_final_info": terminated.copy(),
            }
            self._aim(terminated, None)
            episodes.restart(None if episodes.all_complete else terminated)
            self._note_potentials()
        info["action_mask"], info["_action_mask"] = episodes.masks(self._targets), self._every.copy()
        return episodes.observations(self._targets), rewards, terminated, self._none.copy(), info

    @property
    def _remembers(self) -> bool:
        """Whether a reset changes more than the episodes."""
        return self._targets is not None or self._draws_targets or self._core.potential is not None

    def _no_rewards(self) -> npt.NDArray[Any]:
        return np.zeros((self.num_envs, *self._signal.shape), self._signal.dtype)

    def _settle(self) -> tuple[npt.NDArray[Any], Bools, Info]:
        """Rewards, terminations and infos of a step with which episodes end."""
        info = Info()
        if self._episodes.all_complete:
            rewards, columns = self._worth(slice(None))
            for name, (values, holds) in columns.items():
                info[name], info[f"_{name}"] = values, self._every.copy() if holds is None else holds
            return rewards, self._every.copy(), info
        complete, illegal = self._episodes.ended()
        rewards = self._no_rewards()
        if complete.any():
            rows = np.flatnonzero(complete)
            rewards[rows], columns = self._worth(rows)
            for name, (values, holds) in columns.items():
                info[name] = np.full(self.num_envs, None) if values.dtype == object else np.zeros(self.num_envs, values.dtype)
                info[f"_{name}"] = self._none.copy()
                which = rows if holds is None else rows[holds]
                info[name][which], info[f"_{name}"][which] = values if holds is None else values[holds], True
        if illegal.any():
            rewards[illegal] = self._signal.invalid(
                int(illegal.sum()), None if self._targets is None else self._targets[illegal]
            )
            info["invalid_action"], info["_invalid_action"] = illegal, illegal.copy()
        return rewards, complete | illegal, info

    # ---- targets and potentials -----------------------------------------------------------------

    def _aim(self, rows: Bools, targets: Floats | None) -> None:
        """Gives the episodes that start in some rows their targets.

        Given ones, drawn ones, or the problem's.
        """
        drawn = self._core.target_range
        if targets is None and drawn is None:
            if self._targets is not None:
                self._own = self._own & ~rows
                self._targets = np.where(self._own, self._targets, self._core.own_target) if self._own.any() else None
            return
        before = np.full(self.num_envs, self._core.own_target) if self._targets is None else self._targets
        if targets is None:
            assert drawn is not None, "one of the two is there"
            targets = before.copy()
            which = np.flatnonzero(rows)
            targets[which] = [drawn.draw(rng) for rng in self._generators_of(which)]
        self._targets, self._own = np.where(rows, targets, before), self._own | rows

    def _shape(self, rewards: Floats, terminated: Bools, resetting: Bools | None) -> None:
        """Adds gamma Phi(s') - Phi(s) to the rewards of a step, in place.

        Where a step resets, the reward stays 0.
        """
        potential = self._core.potential
        assert potential is not None, "asked by step"
        after = np.where(terminated, 0.0, self._episodes.potentials(self._targets))
        shaped = rewards + potential.gamma * after - self._potentials
        rewards[:] = shaped if resetting is None else np.where(resetting, 0.0, shaped)
        self._potentials = after

    def _note_potentials(self) -> None:
        if self._core.potential is not None:
            self._potentials = self._episodes.potentials(self._targets)

    def _worth(self, rows: Ints | slice) -> tuple[npt.NDArray[Any], Infos]:
        """Rewards and infos of the complete architectures of some rows.

        Each info comes with the rows for which it holds; None: all.
        """
        targets, own = (None, None) if self._targets is None else (self._targets[rows], self._own[rows])
        positions = self._episodes.positions()
        if positions is not None:
            return self._outcomes.of_positions(positions[rows], targets, own, lambda: self._generators_of(rows))
        archs = self._observer.steps.to_archs(self._episodes.rows()[0][rows])
        return self._outcomes.of_archs(archs, targets, own, self._generators_of(rows) if self._draws else None)

    # ---- masks, drawings ------------------------------------------------------------------------

    def action_masks(self) -> Bools:
        """``(num_envs, max_choices)`` bool, a fresh array."""
        return self._episodes.masks(self._targets).astype(bool)

    def optimal_actions(self) -> Bools:
        """``(num_envs, max_choices)`` bool; see `NASEnv.optimal_actions`."""
        return self._core.optimal_actions(*self._episodes.rows(), self._targets)

    def render(self) -> tuple[Rendering, ...] | None:
        """The architectures so far and what they can still cost; see `NASEnv.render`."""
        if self.render_mode is None:
            return None
        rows, steps = self._episodes.rows()
        archs, ended = self._observer.steps.to_archs(rows), np.logical_or(*self._episodes.ended())
        frames = []
        for i, arch in enumerate(archs):
            targets = None if self._targets is None or not self._own[i] else self._targets[i : i + 1]
            result = self._result_of(i) if ended[i] else None
            frames.append(render(self.render_mode, self._core, arch, int(steps[i]), targets, result))
        return tuple(frames)

    def _result_of(self, row: int) -> Info | None:
        """How an episode ended, from the last step; None where the budget ended first."""
        if self._results is None:
            return None
        rewards, info = self._results
        given = {name: values[row] for name, values in info.items() if not name.startswith("_") and info[f"_{name}"][row]}
        given.pop("action_mask", None)
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
        return {"reward": rewards[row].item() if rewards.ndim == 1 else rewards[row], **plain}

    # ---- arguments ------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self.closed:
            raise InvalidValue("this environment is closed; make a new one.")

    def _checked(self, actions: npt.ArrayLike) -> Ints:
        self._check_open()
        if not self._running:
            raise InvalidValue("call reset() before the first step.")
        if type(actions) is np.ndarray and actions.dtype == np.int64 and actions.shape == (self.num_envs,):
            return actions
        given = np.asarray(actions)
        if given.shape != (self.num_envs,) or given.dtype.kind not in "iu":
            raise InvalidValue(
                f"actions are {self.num_envs} integers, one for each environment; got shape {given.shape}, dtype {given.dtype}."
            )
        return given.astype(np.int64, copy=False)

    def _seed(self, seed: int | Sequence[int | None] | None, rows: Bools | None) -> None:
        """Seeds the generators of some rows; unseeded ones are made when they are needed."""
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
        return self._core.target_range is not None or self._evaluator.needs_rng

    def _generators_of(self, rows: Ints | slice) -> list[np.random.Generator]:
        found = []
        for i in np.arange(self.num_envs)[rows].tolist():
            generator = self._generators[i] or seeding.np_random()[0]
            self._generators[i] = generator
            found.append(generator)
        return found


def _say_ended(ended: Bools) -> str:
    which = np.flatnonzero(ended)
    return (
        f"environments {which[:5].tolist()}{' and more' * (len(which) > 5)} have ended; call "
        'reset(options={"reset_mask": terminations}) before the next step, or choose another autoreset_mode.'
    )


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
