"""`NASEnv`: the Gymnasium face of a problem; one step is one decision."""

from __future__ import annotations

from typing import Any, ClassVar, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.factory import PROBLEM_KEYWORDS, make_problem
from nasgym.ledger import Budget, Ledger
from nasgym.observation import Observation, ObservationKind, View
from nasgym.problem import Evaluations, Problem
from nasgym.spaces.decision import OPEN

__all__ = ["NASEnv", "ObservationKind", "open_door"]


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
        check_render_mode(render_mode)
        self._door = open_door(problem, budget, keywords)
        self._view = View(self._door, observation)
        self.space = self._door.space
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Discrete(self.space.max_choices)
        self.observation_space = self._view.observation_space
        self._arch = np.full((1, self.space.num_decisions), OPEN, dtype=np.int8)
        self._step = 0

    # ---- transitions ----------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Starts an empty architecture; there are no options yet, an unknown one raises `UnknownName`."""
        super().reset(seed=seed)
        for option in options or {}:
            raise unknown_name("option of reset()", option, ())
        self._arch[:] = OPEN
        self._step = 0
        return self._observe(), {"action_mask": self.action_masks().astype(np.int8)}

    def step(self, action: np.int64) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Makes the current decision."""
        if self._step >= self.space.num_decisions:
            raise InvalidValue("the architecture is complete; call reset() before the next step.")
        if np.asarray(action).dtype.kind not in "iu":
            raise InvalidValue(f"an action is an integer, the index of a choice; got {action!r}.")
        choice = int(np.asarray(action).item())
        if not (0 <= choice < self.space.max_choices and self.action_masks()[choice]):
            return self._end(self._door.invalid_reward, {"invalid_action": True})
        self._arch[0, self._step] = choice
        self._step += 1
        if self._step < self.space.num_decisions:
            return self._observe(), 0.0, False, False, {"action_mask": self.action_masks().astype(np.int8)}
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
        return self._observe(), reward, True, False, {"action_mask": self.action_masks().astype(np.int8), **info}

    def _evaluate(self) -> Evaluations:
        if isinstance(self._door, Problem):
            return self._door.evaluate(self._arch, rng=self.np_random)
        return self._door.evaluate(self._arch)

    # ---- what an agent sees ----------------------------------------------------------------------------------------------

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """``(max_choices,)`` bool, what sb3-contrib's MaskablePPO asks for."""
        mask: npt.NDArray[np.bool_] = self._view.masks(self._arch, np.array([self._step]))[0]
        return mask

    def _observe(self) -> Observation:
        observation: Observation = self._view.observe(self._arch, np.array([self._step]))[0]
        return observation

    def render(self) -> str | None:
        """The architecture so far, as text."""
        if self.render_mode is None:
            return None
        return self.space.to_str(self._arch)[0]


def check_render_mode(render_mode: str | None) -> None:
    """Raises `UnknownName` where the environments cannot draw so."""
    if render_mode is not None and render_mode not in NASEnv.metadata["render_modes"]:
        raise unknown_name("render mode", render_mode, NASEnv.metadata["render_modes"])


def open_door(
    problem: str | Problem | Ledger, budget: Budget | float | dict[str, Any] | None, keywords: dict[str, Any]
) -> Problem | Ledger:
    """What an environment evaluates with: a problem, or a ledger in front of it where there is a budget.

    Raises:
        NasgymError: A keyword or a value is not known, or a keyword does not go with a finished problem or ledger.
    """
    if not isinstance(problem, str) and keywords:
        raise InvalidValue(f"keywords {sorted(keywords)} only go with an id, not with a finished {type(problem).__name__}.")
    if isinstance(problem, Ledger):
        if budget is not None:
            raise InvalidValue("a ledger has its own budget; leave out budget=.")
        return problem
    for keyword in keywords:
        if keyword not in PROBLEM_KEYWORDS:
            raise unknown_name("keyword", keyword, (*PROBLEM_KEYWORDS, "observation", "budget", "render_mode"))
    made = make_problem(problem, **keywords) if isinstance(problem, str) else problem
    return made if budget is None else Ledger(made, Budget.of(budget))
