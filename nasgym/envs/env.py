"""`NASEnv`: the Gymnasium face of a problem; one step is one decision."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from nasgym.envs.core import EnvCore
from nasgym.envs.granularity import Granularity
from nasgym.envs.observation import MaskKind, Observation, ObservationKind, map_arrays
from nasgym.envs.outcomes import Outcomes
from nasgym.envs.played import Played
from nasgym.envs.potential import ShapingSpec
from nasgym.envs.rendering import RENDER_MODES, Rendering, check_render_mode, render
from nasgym.errors import InvalidValue
from nasgym.ledger.budget import Budget
from nasgym.ledger.ledger import Ledger
from nasgym.problems.problem import Problem
from nasgym.spaces.decision import OPEN
from nasgym.type_aliases import Archs, Bools, Floats

__all__ = ["NASEnv"]


class NASEnv(Played, gymnasium.Env[Observation, np.int64]):
    """Builds an architecture, one decision a step, and rewards it when it is complete.

    ## Description
    A problem has a search space of D ordered decisions. An episode makes them one after the other;
    the complete architecture is evaluated (accuracy from the problem's oracle, costs from its cost
    oracles) and rewarded by the problem's rule.

    ## Action Space
    `Discrete(max_choices)`: the index of the choice for the current decision. Decisions have
    different numbers of choices, and some are inactive (the kernel of a skipped layer: one legal
    choice, 0): the mask says what is legal. With `granularity="layer"` a step makes all decisions
    of a layer at once, and its choices are the layer's valid options; read T, the number of layers,
    for D below.

    ## Observation Space
    `observation="onehot"`: `Box` float32 of one-hot choices made so far (all zero where open),
    one-hot step (D entries, all zero at the end), lower bound of the cost so far over the target,
    and log of target over the middle of the cost range; the last two are clipped to [-10, 10], and
    0 for problems without target. `observation="tokens"`: `Box` int8 ``(D,)``, -1 where open.
    `observation="dict"`: the tokens, `step` (`Discrete(D + 1)`) and `cost`, the two numbers about
    cost and target.

    ## Mask
    `info["action_mask"]`, int8 ``(max_choices,)``, after `reset` and every `step`; `action_masks()`
    gives the same as bool. After the last decision only index 0 is set. With `mask="feasible"` a
    choice is also masked out where none of its completions meets the constraint, so that every
    episode of unmasked actions ends feasible. That is exact wherever bounds of the cost are exact:
    for tables, sums over layers and chains over neighbouring layers. Where latencies are measured
    live, it is refused.

    ## Rewards
    0 before the end, the rule's reward with it. An illegal action (masked or out of range) gives
    the rule's `invalid_reward`, which lies below every valid architecture's. `shaping="potential"`
    makes the reward dense: every step adds gamma Phi(s') - Phi(s), which leaves the optimal policy
    as it is (see `nasgym.envs.potential.Potential`).

    ## Starting State
    Nothing is decided. The target is the problem's, or, with `target=[low, high]`, drawn uniformly.
    `reset(options={"target": 5e4})` sets the one of this episode.

    ## Episode End
    Terminates with the last decision, a decision that completes the architecture (a stop; what
    comes after it then holds 0), or an illegal action; never truncates. With a budget,
    `nasgym.BudgetExhausted` is raised when there is nothing left to evaluate with.

    ## Information
    `action_mask` always; at the end `arch` (text), `accuracy` in [0, 1] (another quality under its
    own name, and those that are measured with it), `feasible`, every cost by its name; `target`
    where the episode had its own, else `regret`, the best reward that the masks allow minus this
    architecture's (both means over the training seeds; only where the space can be enumerated, and
    without budget); `rule_reward`, the unshaped reward, where shaping is on; after an illegal
    action `invalid_action`.

    ## Arguments
    `problem`: an environment id (the default of each registered id), a `Problem` or a `Ledger`.
    `observation`, `mask` (``"legal"``, ``"feasible"``), `granularity` (``"decision"``,
    ``"layer"``): above. `shaping`: None, ``"potential"`` or ``{"potential": "cost" or "value",
    "gamma": 1.0}``. `budget`: None, a number of distinct evaluations, or ``{"unit": "total",
    "amount": 300}``. `target`: as in `nasgym.make_problem`, or ``[low, high]`` of two such targets.
    `render_mode`: ``"ansi"``, ``"svg"`` or ``"rgb_array"``. Every other keyword is one of
    `nasgym.make_problem`.

    ## Version History
    * v0: first version.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # type: ignore[misc]  # gymnasium has it mutable

    def __init__(
        self,
        problem: str | Problem | Ledger,
        *,
        observation: ObservationKind = "onehot",
        mask: MaskKind = "legal",
        granularity: Granularity = "decision",
        shaping: ShapingSpec = None,
        budget: Budget | float | dict[str, Any] | None = None,
        render_mode: str | None = None,
        **keywords: Any,
    ) -> None:
        check_render_mode(render_mode)
        self._core = EnvCore.open(
            problem,
            observation=observation,
            mask=mask,
            granularity=granularity,
            shaping=shaping,
            budget=budget,
            keywords=keywords,
        )
        self._observer = self._core.observer
        self._signal = self._make_signal()
        self._outcomes = Outcomes(self._core, self._signal)
        self._last = self._observer.steps.space.num_decisions
        self.space = self._core.evaluator.space
        self.render_mode = render_mode
        self._num_choices = self._observer.steps.space.max_choices
        self.action_space = gymnasium.spaces.Discrete(self._num_choices)
        self.observation_space = self._observer.observation_space
        self._row = np.full((1, self._last), OPEN, dtype=np.int8)
        self._step, self._running, self._closed = 0, False, False
        self._targets: Floats | None = None
        self._potential = 0.0
        self._result: dict[str, Any] | None = None

    def _give(self, reward: npt.NDArray[Any]) -> Any:
        """Hook: one reward as `step` returns it."""
        return float(reward)

    # ---- transitions ----------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Starts an empty architecture.

        Args:
            seed: Of the generator that draws targets and training seeds, where they are drawn.
            options: ``{"target": number}`` in the primary cost's unit, for this episode.

        Raises:
            UnknownName: Another option.
            InvalidValue: The target is not allowed, or the environment is closed.
        """
        self._check_open()
        super().reset(seed=seed)
        self._targets = self._core.given_targets(options, 1)
        if self._targets is None and self._core.target_range is not None:
            self._targets = np.array([self._core.target_range.draw(self.np_random)])
        self._row[:] = OPEN
        self._step, self._running, self._result = 0, True, None
        self._potential = self._phi()
        return self._observe(), {"action_mask": self.action_masks().astype(np.int8)}

    def step(self, action: np.int64) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Makes the current decision.

        Raises:
            InvalidValue: The action is not an integer, nothing was reset, the episode has ended, or
                the environment is closed.
            BudgetExhausted: Nothing is left to evaluate with.
        """
        self._check_open()
        if not self._running:
            raise InvalidValue("call reset() before the first step.")
        if self._step >= self._last:
            raise InvalidValue("the architecture is complete; call reset() before the next step.")
        if np.asarray(action).shape != () or np.asarray(action).dtype.kind not in "iu":
            raise InvalidValue(f"an action is one integer, the index of a choice; got {action!r}.")
        choice = int(np.asarray(action).item())
        if not (0 <= choice < self._num_choices and self.action_masks()[choice]):
            reward = self._signal.invalid(1, self._targets)[0]
            return self._end(reward, {"invalid_action": True})
        self._row[0, self._step] = choice
        self._step += 1
        if not self.space.fixed_length:
            self._step = int(self._observer.steps.complete(self._row, np.array([self._step]))[0])
        if self._step < self._last:
            reward = np.zeros(self._signal.shape, self._signal.dtype)
            given = self._give(self._shaped(reward, self._phi()))
            return self._observe(), given, False, False, {"action_mask": self.action_masks().astype(np.int8)}
        own = None if self._targets is None else np.array([True])
        rewards, infos = self._outcomes.of_archs(self._archs(), self._targets, own, self.np_random)
        return self._end(rewards[0], {name: _item(values) for name, (values, _) in infos.items()})

    def _end(self, reward: Any, info: dict[str, Any]) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        self._step = self._last
        given = self._give(self._shaped(reward, 0.0))
        self._result = {"reward": given, **info}
        return self._observe(), given, True, False, {"action_mask": self.action_masks().astype(np.int8), **info}

    def _shaped(self, reward: Any, after: float) -> Any:
        """The reward of a step whose state has a potential; 0 at the end."""
        potential = self._core.potential
        if potential is None:
            return reward
        shaped = reward + potential.gamma * after - self._potential
        self._potential = after
        return shaped

    def _phi(self) -> float:
        potential = self._core.potential
        return 0.0 if potential is None else float(potential.of_prefixes(self._archs(), self._targets)[0])

    def _archs(self) -> Archs:
        return self._observer.steps.to_archs(self._row)

    # ---- what an agent sees ---------------------------------------------------------------------

    def action_masks(self) -> Bools:
        """``(max_choices,)`` bool, what sb3-contrib's MaskablePPO asks for."""
        mask: Bools = self._observer.masks(self._row, np.array([self._step]), self._targets)[0]
        return mask

    def optimal_actions(self) -> Bools:
        """``(max_choices,)`` bool, the allowed actions that lead to the best reward still possible.

        For study.

        Raises:
            InvalidValue: The space cannot be enumerated, accuracies are not a table, or there is a
                budget.
        """
        best: Bools = self._core.optimal_actions(self._row, np.array([self._step]), self._targets)[0]
        return best

    def _observe(self) -> Observation:
        seen = self._observer.observe(self._row, np.array([self._step]), self._targets)
        return map_arrays(lambda array: array[0], seen)

    def render(self) -> Rendering | None:
        """The architecture so far and what it can still cost, as text, SVG or pixels.

        None without a render mode.
        """
        if self.render_mode is None:
            return None
        return render(self.render_mode, self._core, self._archs()[0], self._step, self._targets, self._result)

    def close(self) -> None:
        """Closes the environment; closing it again does nothing."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidValue("this environment is closed; make a new one.")


def _item(column: npt.NDArray[Any]) -> Any:
    """The one entry of an info column, as Python's own type."""
    return column[0] if column.dtype == object else column[0].item()
