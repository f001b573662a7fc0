"""`NASEnv`: the Gymnasium face of a problem; one step is one decision."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal, SupportsFloat, TypeAlias

import gymnasium
import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.factory import PROBLEM_KEYWORDS, make_problem
from nasgym.ledger import Budget, Ledger
from nasgym.problem import Evaluations, Problem

__all__ = ["NASEnv", "ObservationKind"]

ObservationKind: TypeAlias = Literal["onehot", "tokens"]
Observation: TypeAlias = npt.NDArray[Any]

# cost features are clipped: checkers and clients want a bounded space, and a tenfold excess says it all
FEATURE_LIMIT = 10.0


class NASEnv(gymnasium.Env[Observation, np.int64]):
    """Builds an architecture, one decision a step, and rewards it when it is complete.

    ## Description
    A problem has a search space of D ordered decisions. An episode makes them one after the other; the complete
    architecture is evaluated (accuracy from the problem's oracle, costs from its cost oracles) and rewarded by the problem's
    rule.

    ## Action Space
    `Discrete(max_choices)`: the index of the choice for the current decision. Decisions have different numbers of choices, and
    some are inactive (the kernel of a skipped layer: one legal choice, 0): the mask says what is legal.

    ## Observation Space
    `observation="onehot"`: `Box` float32 of one-hot choices made so far (all zero where open), one-hot step (D entries, all
    zero at the end), lower bound of the cost so far over the target, and log of target over the middle of the cost range; the
    last two are clipped to [-10, 10], and 0 for problems without target. `observation="tokens"`: `Box` int8 ``(D,)``, -1 where
    open.

    ## Mask
    `info["action_mask"]`, int8 ``(max_choices,)``, after `reset` and every `step`; `action_masks()` gives the same as bool.
    Behind the last decision only index 0 is set.

    ## Rewards
    0 before the last decision, the rule's reward with it. An illegal action (masked or out of range) gives the rule's
    `invalid_reward`, which lies below every valid architecture's.

    ## Starting State
    Nothing is decided.

    ## Episode End
    Terminates with the last decision or an illegal action; never truncates. With a budget, `nasgym.BudgetExhausted` is raised
    when there is nothing left to evaluate with.

    ## Information
    `action_mask` always; at the end `arch` (text), `accuracy` in [0, 1], `feasible`, and every cost by its name; after an
    illegal action `invalid_action`.

    ## Arguments
    `problem`: an environment id (the default of each registered id), a `Problem` or a `Ledger`. `observation`: above.
    `budget`: None, a number of distinct evaluations, or ``{"unit": "total", "amount": 300}``. Every other keyword is one of
    `nasgym.make_problem`.

    ## Version History
    * v0: first version.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"], "render_fps": 4}  # type: ignore[misc]  # gymnasium has it mutable

    def __init__(
        self,
        problem: str | Problem | Ledger,
        *,
        observation: ObservationKind = "onehot",
        budget: Budget | float | dict[str, Any] | None = None,
        render_mode: str | None = None,
        **keywords: Any,
    ) -> None:
        if observation not in ("onehot", "tokens"):
            raise unknown_name("observation", observation, ("onehot", "tokens"))
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown_name("render mode", render_mode, self.metadata["render_modes"])
        if not isinstance(problem, str) and keywords:
            raise InvalidValue(f"keywords {sorted(keywords)} only go with an id, not with a finished {type(problem).__name__}.")
        self._door = _open(problem, budget, keywords)
        self.space = self._door.space
        self.kind = observation
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Discrete(self.space.max_choices)
        self.observation_space = self._observation_space()
        self._arch = np.full((1, self.space.num_decisions), -1, dtype=np.int8)
        self._step = 0

    # ---- transitions ----------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Starts an empty architecture; there are no options yet, an unknown one raises `UnknownName`."""
        super().reset(seed=seed)
        for option in options or {}:
            raise unknown_name("option of reset()", option, ())
        self._arch[:] = -1
        self._step = 0
        return self._observe(), {"action_mask": self._mask().astype(np.int8)}

    def step(self, action: np.int64) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Makes the current decision."""
        if self._step >= self.space.num_decisions:
            raise InvalidValue("the architecture is complete; call reset() before the next step.")
        if np.asarray(action).dtype.kind not in "iu":
            raise InvalidValue(f"an action is an integer, the index of a choice; got {action!r}.")
        choice = int(np.asarray(action).item())
        if not (0 <= choice < self.space.max_choices and self._mask()[choice]):
            return self._end(self._door.invalid_reward, {"invalid_action": True})
        self._arch[0, self._step] = choice
        self._step += 1
        if self._step < self.space.num_decisions:
            return self._observe(), 0.0, False, False, {"action_mask": self._mask().astype(np.int8)}
        ev = self._evaluate()
        info = {
            "arch": self.space.to_str(self._arch)[0],
            "accuracy": float(ev.accuracy[0]),
            "feasible": bool(ev.feasible[0]),
            **{name: float(cost[0]) for name, cost in ev.costs.items()},
        }
        return self._end(float(ev.reward[0]), info)

    def _end(self, reward: float, info: dict[str, Any]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._step = self.space.num_decisions
        return self._observe(), reward, True, False, {"action_mask": self._mask().astype(np.int8), **info}

    def _evaluate(self) -> Evaluations:
        if isinstance(self._door, Problem):
            return self._door.evaluate(self._arch, rng=self.np_random)
        return self._door.evaluate(self._arch)

    # ---- what an agent sees ----------------------------------------------------------------------------------------------

    def _mask(self) -> npt.NDArray[np.bool_]:
        if self._step >= self.space.num_decisions:
            return np.asarray(np.arange(self.space.max_choices) == 0)
        return np.asarray(self.space.mask(self._arch, self._step)[0])

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """``(max_choices,)`` bool, what sb3-contrib's MaskablePPO asks for."""
        return self._mask()

    def _observation_space(self) -> gymnasium.spaces.Box:
        decisions = self.space.num_decisions
        if self.kind == "tokens":
            return gymnasium.spaces.Box(-1, self.space.max_choices - 1, (decisions,), np.int8)
        width = int(self.space.num_choices.sum()) + decisions + 2
        low, high = np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32)
        high[-2:], low[-1] = FEATURE_LIMIT, -FEATURE_LIMIT
        return gymnasium.spaces.Box(low, high, dtype=np.float32)

    def _observe(self) -> Observation:
        if self.kind == "tokens":
            return np.array(self._arch[0])
        choices = np.arange(self.space.max_choices) == self._arch[0][:, None]
        made = choices[np.arange(self.space.max_choices) < self.space.num_choices[:, None]]
        step = np.arange(self.space.num_decisions) == self._step
        observation: Observation = np.concatenate([made, step, self._cost_features()]).astype(np.float32)
        return observation

    def _cost_features(self) -> npt.NDArray[np.float64]:
        target = None if self._door.constraint is None else self._door.constraint.upper
        if target is None:
            return np.zeros(2)
        low, _ = self._door.cost_bounds(self._arch)
        return np.asarray(np.clip([low[0] / target, np.log(target / self._middle)], -FEATURE_LIMIT, FEATURE_LIMIT))

    @cached_property
    def _middle(self) -> float:
        low, high = self._door.cost_bounds(np.full_like(self._arch, -1))
        return float(low[0] + high[0]) / 2

    def render(self) -> str | None:
        """The architecture so far, as text."""
        if self.render_mode is None:
            return None
        return self.space.to_str(self._arch)[0]


def _open(
    problem: str | Problem | Ledger, budget: Budget | float | dict[str, Any] | None, keywords: dict[str, Any]
) -> Problem | Ledger:
    if isinstance(problem, Ledger):
        if budget is not None:
            raise InvalidValue("a ledger has its own budget; leave out budget=.")
        return problem
    for keyword in keywords:
        if keyword not in PROBLEM_KEYWORDS:
            raise unknown_name("keyword", keyword, (*PROBLEM_KEYWORDS, "observation", "budget", "render_mode"))
    made = make_problem(problem, **keywords) if isinstance(problem, str) else problem
    return made if budget is None else Ledger(made, Budget.of(budget))
