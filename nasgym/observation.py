"""`View`: what an agent sees of N architectures under construction; one computation for one and for many environments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import gymnasium
import numpy as np
import numpy.typing as npt

from nasgym.errors import unknown_name
from nasgym.ledger import Ledger
from nasgym.oracles.oracle import Ints
from nasgym.problem import Problem
from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import Archs

__all__ = ["Observation", "ObservationKind", "View"]

ObservationKind: TypeAlias = Literal["onehot", "tokens"]
Observation: TypeAlias = npt.NDArray[Any]

# cost features are clipped: checkers and clients want a bounded space, and a tenfold excess says it all
FEATURE_LIMIT = 10.0


@dataclass(frozen=True)
class View:
    """Observations and masks of prefixes: ``(N, D)`` architectures and ``(N,)`` steps, D once an episode has ended.

    Attributes:
        door: The problem, or the ledger in front of it.
        kind: ``"onehot"`` or ``"tokens"``; see `nasgym.env.NASEnv`.

    Raises:
        UnknownName: No such kind.
    """

    door: Problem | Ledger
    kind: ObservationKind

    def __post_init__(self) -> None:
        if self.kind not in get_args(ObservationKind):
            raise unknown_name("observation", self.kind, get_args(ObservationKind))

    @cached_property
    def observation_space(self) -> gymnasium.spaces.Box:
        """The space of one architecture's observation."""
        space = self.door.space
        if self.kind == "tokens":
            return gymnasium.spaces.Box(OPEN, space.max_choices - 1, (space.num_decisions,), np.int8)
        width = int(space.num_choices.sum()) + space.num_decisions + 2
        low, high = np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32)
        high[-2:], low[-1] = FEATURE_LIMIT, -FEATURE_LIMIT
        return gymnasium.spaces.Box(low, high, dtype=np.float32)

    def observe(self, archs: Archs, steps: Ints) -> Observation:
        """``(N, W)`` fresh float32 or ``(N, D)`` fresh int8."""
        if self.kind == "tokens":
            return np.array(archs)
        seen = np.zeros((len(archs), *self.observation_space.shape), dtype=np.float32)
        columns, choices, decisions = self._columns
        seen[:, : len(columns)] = archs[:, columns] == choices
        seen[:, len(columns) : -2] = steps[:, None] == decisions
        seen[:, -2:] = self._cost_features(archs)
        return seen

    @cached_property
    def _columns(self) -> tuple[Ints, Archs, Ints]:
        """For every column of the choices: its decision and its choice; and the decisions' positions."""
        sizes = self.door.space.num_choices
        choices = np.concatenate([np.arange(size, dtype=np.int8) for size in sizes])
        return np.repeat(np.arange(len(sizes)), sizes), choices, np.arange(len(sizes))

    def _cost_features(self, archs: Archs) -> npt.NDArray[np.float64]:
        """``(N, 2)`` least cost of the completions over the target, and log of the target over the middle; or zeros."""
        features = np.zeros((len(archs), 2))
        target = None if self.door.constraint is None else self.door.constraint.upper
        if target is not None:
            low, _ = self.door.cost_bounds(archs)
            features[:, 0], features[:, 1] = low / target, np.log(target / self._middle)
        return np.clip(features, -FEATURE_LIMIT, FEATURE_LIMIT, out=features)

    @cached_property
    def _middle(self) -> float:
        """Middle of the cost range, in the unit of the primary cost."""
        low, high = self.door.cost_bounds(np.full((1, self.door.space.num_decisions), OPEN, dtype=np.int8))
        return float(low[0] + high[0]) / 2

    def masks(self, archs: Archs, steps: Ints) -> npt.NDArray[np.bool_]:
        """``(N, max_choices)`` fresh bool: the legal choices of each current decision; index 0 alone after the last one."""
        if (steps == steps[0]).all():
            return self._masks_at(archs, int(steps[0]))
        legal = np.empty((len(archs), self.door.space.max_choices), dtype=bool)
        for step in np.unique(steps):
            rows = steps == step
            legal[rows] = self._masks_at(archs[rows], int(step))
        return legal

    def _masks_at(self, archs: Archs, step: int) -> npt.NDArray[np.bool_]:
        space = self.door.space
        if step < space.num_decisions:
            return space.mask(archs, step)
        return np.tile(np.arange(space.max_choices) == 0, (len(archs), 1))
