"""`Observer`: what an agent sees of N architectures under construction.

The scalar and the vector environment share this computation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import gymnasium
import numpy as np

from nasgym.envs.granularity import Steps
from nasgym.errors import unknown_name
from nasgym.problems.evaluator import Evaluator
from nasgym.problems.feasibility import Feasibility
from nasgym.spaces.decision import OPEN
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["MaskKind", "Observation", "ObservationKind", "Observer", "map_arrays"]

ObservationKind: TypeAlias = Literal["onehot", "tokens", "dict"]
MaskKind: TypeAlias = Literal["legal", "feasible"]
Observation: TypeAlias = Any  # one array, or a flat dict of arrays

# cost features are clipped: checkers and clients want a bounded space, and beyond ten times the
# target the exact number does not matter
FEATURE_LIMIT = 10.0


def map_arrays(call: Callable[..., Any], *observations: Observation) -> Observation:
    """Applies a function to the arrays of observations: to the one, or to those of each key."""
    if isinstance(observations[0], dict):
        return {key: call(*(observation[key] for observation in observations)) for key in observations[0]}
    return call(*observations)


@dataclass(frozen=True)
class Observer:
    """Observations and masks of prefixes.

    Prefixes are ``(N, T)`` rows of steps and ``(N,)`` steps made, T once an episode has ended.
    Where a method takes targets, ``(N,)`` of them replace the problem's; None means the problem's
    own.

    Attributes:
        evaluator: What has the costs and the constraint.
        kind: ``"onehot"``, ``"tokens"`` or ``"dict"``; see `nasgym.envs.env.NASEnv`.
        steps: What one step decides.
        feasibility: Where masks know the constraint; None: masks say what is legal.

    Raises:
        UnknownName: No such kind.
    """

    evaluator: Evaluator
    kind: ObservationKind
    steps: Steps
    feasibility: Feasibility | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(ObservationKind):
            raise unknown_name("observation", self.kind, get_args(ObservationKind))

    # ---- observations ---------------------------------------------------------------------------

    @cached_property
    def observation_space(self) -> gymnasium.spaces.Space[Any]:
        """The space of one architecture's observation."""
        space = self.steps.space
        tokens = gymnasium.spaces.Box(OPEN, space.max_choices - 1, (space.num_decisions,), np.int8)
        if self.kind == "tokens":
            return tokens
        cost = np.array([[0.0, -FEATURE_LIMIT], [FEATURE_LIMIT, FEATURE_LIMIT]], dtype=np.float32)
        if self.kind == "dict":
            count = gymnasium.spaces.Discrete(space.num_decisions + 1)
            parts = {"tokens": tokens, "step": count, "cost": gymnasium.spaces.Box(cost[0], cost[1], dtype=np.float32)}
            return gymnasium.spaces.Dict(parts)
        width = int(space.num_choices.sum()) + space.num_decisions
        low, high = np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32)
        return gymnasium.spaces.Box(np.append(low, cost[0]), np.append(high, cost[1]), dtype=np.float32)

    def observe(self, rows: Archs, at: Ints, targets: Floats | None = None, least: Floats | None = None) -> Observation:
        """Fresh arrays: ``(N, W)`` float32, ``(N, T)`` int8, or a dict of ``(N, ...)`` arrays.

        Args:
            rows: ``(N, T)`` what was decided.
            at: ``(N,)`` steps made.
            targets: ``(N,)`` one target for each instead of the problem's.
            least: ``(N,)`` from `least`, where they are at hand.
        """
        if self.kind == "tokens":
            return np.array(rows)
        cost = self.cost_features(self._least(rows) if least is None else least, targets)
        if self.kind == "dict":
            return {"cost": cost.astype(np.float32), "step": np.array(at, dtype=np.int64), "tokens": np.array(rows)}
        seen = np.zeros((len(rows), *(self.observation_space.shape or ())), dtype=np.float32)
        columns, choices, decisions = self._columns
        seen[:, : len(columns)] = rows[:, columns] == choices
        seen[:, len(columns) : -2] = at[:, None] == decisions
        seen[:, -2:] = cost
        return seen

    @property
    def sees_cost(self) -> bool:
        """Whether an observation has cost features that depend on the target."""
        return self.kind != "tokens"

    def aim(self, observations: Observation, least: Floats, targets: Floats) -> None:
        """Rewrites the cost features in place, for ``(N,)`` least costs and targets."""
        if self.sees_cost:
            place = observations["cost"] if self.kind == "dict" else observations[:, -2:]
            place[...] = self.cost_features(least, targets)

    @cached_property
    def _columns(self) -> tuple[Ints, Archs, Ints]:
        """Decision and choice of every column of the choices; the decisions' positions."""
        sizes = self.steps.space.num_choices
        choices = np.concatenate([np.arange(size, dtype=np.int8) for size in sizes])
        return np.repeat(np.arange(len(sizes)), sizes), choices, np.arange(len(sizes))

    def _least(self, rows: Archs) -> Floats:
        return self.least(rows) if self.has_target else np.zeros(len(rows))

    def least(self, rows: Archs) -> Floats:
        """``(N,)`` least primary cost of the completions."""
        return self.evaluator.cost_bounds(self.steps.to_archs(rows))[0]

    @property
    def has_target(self) -> bool:
        """Whether the problem has a target, its own or one for each episode."""
        return self.evaluator.constraint is not None and self.evaluator.constraint.upper is not None

    def cost_features(self, least: Floats, targets: Floats | None = None) -> Floats:
        """``(N, 2)`` least cost of the completions over the target, and log of the target.

        The target is divided by the middle of the cost range. Zeros where there is no target.
        """
        features = np.zeros((len(least), 2))
        upper = None if self.evaluator.constraint is None else self.evaluator.constraint.upper
        target = upper if targets is None else targets
        if target is not None:
            features[:, 0], features[:, 1] = least / target, np.log(target / self._middle)
        return np.clip(features, -FEATURE_LIMIT, FEATURE_LIMIT, out=features)

    @cached_property
    def _middle(self) -> float:
        """Middle of the cost range, in the unit of the primary cost."""
        low, high = self.evaluator.cost_bounds(self.evaluator.space.empty())
        return float(low[0] + high[0]) / 2

    # ---- masks ----------------------------------------------------------------------------------

    def masks(self, rows: Archs, at: Ints, targets: Floats | None = None) -> Bools:
        """``(N, max_choices)`` fresh bool: the allowed choices of each current step.

        After the last step only index 0 is allowed.
        """
        if (at == at[0]).all():
            return self._masks_at(rows, int(at[0]), targets)
        allowed = np.empty((len(rows), self.steps.space.max_choices), dtype=bool)
        for step in np.unique(at):
            here = at == step
            allowed[here] = self._masks_at(rows[here], int(step), None if targets is None else targets[here])
        return allowed

    def _masks_at(self, rows: Archs, step: int, targets: Floats | None) -> Bools:
        space = self.steps.space
        if step >= space.num_decisions:
            return np.tile(np.arange(space.max_choices) == 0, (len(rows), 1))
        allowed = space.mask(rows, step)
        if self.feasibility is not None:
            row, choice = np.nonzero(allowed)
            children = rows[row]
            children[:, step] = choice
            prefixes = self.steps.to_archs(children)
            allowed[row, choice] = self.feasibility.possible(prefixes, None if targets is None else targets[row])
        return allowed
