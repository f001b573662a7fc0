"""`EnvCore`: what is played and how, shared by the scalar and the vector environment."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from gymnasium.envs.registration import EnvSpec

from nasgym.envs.granularity import Granularity, Steps
from nasgym.envs.observation import MaskKind, ObservationKind, Observer
from nasgym.envs.potential import Potential, ShapingSpec
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.budget import Budget
from nasgym.ledger.ledger import Ledger
from nasgym.problems.evaluator import Evaluator
from nasgym.problems.factory import PROBLEM_KEYWORDS, make_problem, wanted_cost
from nasgym.problems.feasibility import Feasibility
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["EnvCore", "TargetRange"]


ENV_KEYWORDS = ("observation", "mask", "granularity", "shaping", "budget", "render_mode", "num_envs", "autoreset_mode")


@dataclass(frozen=True)
class TargetRange:
    """Targets that are drawn uniformly at every reset, in the primary cost's unit."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """One target."""
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class EnvCore:
    """A problem, or a ledger in front of it, and everything that the two environments ask about it.

    Attributes:
        evaluator: What evaluates.
        observer: What an agent sees.
        potential: What shapes the rewards, or None.
        target_range: Where targets are drawn from, or None: the problem's own target holds.
    """

    evaluator: Evaluator
    observer: Observer
    potential: Potential | None
    target_range: TargetRange | None

    @classmethod
    def open(
        cls,
        problem: str | Problem | Ledger,
        *,
        observation: ObservationKind = "onehot",
        mask: MaskKind = "legal",
        granularity: Granularity = "decision",
        shaping: ShapingSpec = None,
        budget: Budget | float | dict[str, Any] | None = None,
        keywords: Mapping[str, Any] | None = None,
    ) -> EnvCore:
        """From the arguments of `nasgym.envs.env.NASEnv`; `keywords` are those of `make_problem`.

        Raises:
            NasgymError: A keyword or a value is not known, or two of them do not go together.
        """
        evaluator, target_range = _open(problem, budget, dict(keywords or {}))
        if mask not in get_args(MaskKind):
            raise unknown_name("mask", mask, get_args(MaskKind))
        feasibility = Feasibility(evaluator) if mask == "feasible" else None
        observer = Observer(evaluator, observation, Steps.of(evaluator.space, granularity), feasibility)
        made = cls(evaluator, observer, Potential.of(evaluator, shaping), target_range)
        if target_range is not None:
            made.check_targets(np.array([target_range.low, target_range.high]))
        return made

    def marked(self, spec: EnvSpec | None) -> EnvSpec | None:
        """An environment's spec, nondeterministic if networks are trained or timed during play."""
        if spec is None or self.evaluator.deterministic:
            return spec
        copied = copy.copy(spec)
        copied.nondeterministic = True
        return copied

    # ---- targets --------------------------------------------------------------------------------

    def check_targets(self, targets: Floats) -> None:
        """Raises `InvalidValue` where these targets cannot take the place of the problem's."""
        self.evaluator.check_targets(targets)
        if self.observer.feasibility is not None:
            self.observer.feasibility.check_targets(targets)
        if self.potential is not None:
            self.potential.check_free(targets)

    def given_targets(self, options: Mapping[str, Any] | None, num: int, known: Sequence[str] = ()) -> Floats | None:
        """``(num,)`` targets out of the options of `reset`; None where they name none.

        Args:
            options: Of `reset`.
            num: Environments; with one, the target is a number, with more, a number or an array of
                `num`.
            known: Other options that the environment reads.

        Raises:
            UnknownName: There is another option.
            InvalidValue: The targets are not numbers, have a wrong shape, or are not allowed.
        """
        if options is not None and not isinstance(options, Mapping):
            raise InvalidValue(f"options of reset() are a dict like {{'target': 5e4}}, got {options!r}.")
        for option in options or {}:
            if option not in ("target", *known):
                raise unknown_name("option of reset()", option, ("target", *known))
        given = (options or {}).get("target")
        if given is None:
            return None
        targets = np.asarray(given)
        if targets.dtype.kind not in "iuf" or targets.shape not in ((), (num,)):
            many = f" or an array of {num}" if num > 1 else ""
            raise InvalidValue(f"option target is a number{many}, in the unit of {self.evaluator.cost_name}; got {given!r}.")
        targets = np.broadcast_to(targets.astype(np.float64), (num,))
        self.check_targets(targets)
        return targets

    @property
    def own_target(self) -> float:
        """The problem's target; NaN where it has none."""
        upper = None if self.evaluator.constraint is None else self.evaluator.constraint.upper
        return np.nan if upper is None else float(upper)

    # ---- exact answers --------------------------------------------------------------------------

    @property
    def problem(self) -> Problem:
        """The problem; with a budget `TestMetricsRefused` is raised instead."""
        return self.evaluator.problem

    def optimal_actions(self, rows: Archs, at: Ints, targets: Floats | None = None) -> Bools:
        """``(N, max_choices)`` the choices that lead to the best reward that the masks allow.

        Raises:
            InvalidValue: There is a budget, or no exact answer.
        """
        problem, best = self.evaluator.exact, self.observer.masks(rows, at, targets)
        which = np.full(len(rows), self.own_target) if targets is None else targets
        for target in np.unique(which):
            here = np.flatnonzero((which == target) | (np.isnan(which) & np.isnan(target)))
            here = here[at[here] < self.observer.steps.space.num_decisions]
            if len(here):
                asked = problem if target == self.own_target or np.isnan(target) else problem.at(float(target))
                best[here] = self._best_choices(asked, rows[here], at[here], best[here])
        return best

    def _best_choices(self, problem: Problem, rows: Archs, at: Ints, allowed: Bools) -> Bools:
        row, choice = np.nonzero(allowed)
        children = rows[row]
        children[np.arange(len(row)), at[row]] = choice
        values = np.full(allowed.shape, -np.inf)
        within = self.observer.feasibility is not None
        values[row, choice] = problem.value_to_go(self.observer.steps.to_archs(children), feasible_only=within)
        return np.asarray(allowed & (values == values.max(axis=1, keepdims=True)))


def _open(
    problem: str | Problem | Ledger, budget: Budget | float | dict[str, Any] | None, keywords: dict[str, Any]
) -> tuple[Evaluator, TargetRange | None]:
    """What an environment evaluates with: a problem, or with a budget the ledger in front of it."""
    if not isinstance(problem, str):
        if keywords:
            raise InvalidValue(f"keywords {sorted(keywords)} only go with an id, not with a finished {type(problem).__name__}.")
        if not callable(getattr(problem, "settle", None)):
            raise InvalidValue(f"what is played is an environment id, a Problem or a Ledger, got {problem!r}.")
        return (problem if budget is None else Ledger.before(problem, Budget.of(budget))), None
    for keyword in keywords:
        if keyword not in PROBLEM_KEYWORDS:
            raise unknown_name("keyword", keyword, (*PROBLEM_KEYWORDS, *ENV_KEYWORDS))
    made, target_range = _make(problem, keywords)
    if budget is None:
        return made, target_range
    if target_range is not None:
        raise InvalidValue("a range of targets has no budget: a ledger compares rewards, and those of two targets differ.")
    return Ledger(made, Budget.of(budget)), None


def _make(env_id: str, keywords: dict[str, Any]) -> tuple[Problem, TargetRange | None]:
    """A problem, and where its targets are drawn from, or None.

    If ``target`` is a pair, targets are drawn between its two numbers, and the problem's own target
    is the larger one.
    """
    target = keywords.get("target")
    if isinstance(target, np.ndarray):
        target = target.tolist()
    if not isinstance(target, list | tuple):
        return make_problem(env_id, **keywords), None
    if len(target) != 2:
        raise InvalidValue(f"target is one target, or the least and the largest of a range, [low, high]; got {target!r}.")
    made = make_problem(env_id, **{**keywords, "target": target[1]})
    low, high = (wanted_cost(end, list(made.cost_oracles.values()), made.space) for end in target)
    if low is None or high is None or low > high:
        raise InvalidValue(f"a range of targets goes from the least to the largest, [low, high]; got {target!r}.")
    return made, TargetRange(low, high)
