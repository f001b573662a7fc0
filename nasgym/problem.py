"""`Problem`: a space, what its architectures are worth, and what they cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.oracle import AccuracyOracle, CostOracle, Floats
from nasgym.oracles.ranges import RangeExtremes
from nasgym.rewards import CostScale, RewardRule
from nasgym.spaces.space import Archs, SearchSpace

__all__ = ["Constraint", "Evaluations", "Objective", "Optimum", "Problem", "Report"]

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Objective:
    """Something to make large or small: ``"accuracy"`` or the name of a cost."""

    name: str
    direction: Literal["max", "min"]
    weight: float = 1.0


@dataclass(frozen=True)
class Constraint:
    """Limits of a cost, in its unit; None is no limit."""

    cost: str
    lower: float | None = None
    upper: float | None = None

    def holds(self, cost: Floats) -> Bools:
        """``(N,)`` whether costs lie within the limits (both inclusive)."""
        low = -np.inf if self.lower is None else self.lower
        high = np.inf if self.upper is None else self.upper
        return np.asarray((cost >= low) & (cost <= high))


@dataclass(frozen=True)
class Evaluations:
    """What N architectures are worth; arrays of shape (N,).

    Attributes:
        accuracy: In [0, 1]; the search metric at the fidelity that was asked for.
        costs: By cost name, in the unit of the name.
        reward: By the problem's rule.
        feasible: Whether the constraint holds; all true where there is none.
        train_seconds: What the training took, NaN where not known.
    """

    accuracy: Floats
    costs: Mapping[str, Floats]
    reward: Floats
    feasible: Bools
    train_seconds: Floats

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True)
class Report:
    """Full-fidelity numbers of N architectures, means over the training seeds; arrays of shape (N,).

    Attributes:
        test_accuracy: In [0, 1].
        validation_accuracy: In [0, 1], NaN where the oracle has none.
        costs: By cost name.
        feasible: Whether the constraint holds.
    """

    test_accuracy: Floats
    validation_accuracy: Floats
    costs: Mapping[str, Floats]
    feasible: Bools


@dataclass(frozen=True)
class Optimum:
    """The best architectures of a space under the problem's rule (mean over training seeds, search fidelity).

    Attributes:
        archs: ``(n, D)`` all that share the best reward, in the order of the space.
        reward, accuracy: The best reward, and the accuracy of the first of them.
        costs: Costs of the first of them.
    """

    archs: Archs
    reward: float
    accuracy: float
    costs: Mapping[str, float]


class Problem:
    """Space, accuracy oracle, cost oracles, objectives, constraint and rule.

    Two verbs: `evaluate` (accuracy is paid for) and `costs` (it is not). Searches reach a problem through a `Ledger`
    only, which counts what they spend and has no `report`.

    Args:
        space: What can be built; possibly a restriction of the accuracy oracle's space.
        accuracy: How good.
        cost_oracles: How dear, by name; the first is the primary one, which target and constraint speak of.
        rule: What is rewarded.
        target: Wanted cost in the primary cost's unit, or None.
        lower: Least wanted cost, or None.
        objectives: What multi-objective agents optimise; by default accuracy, and the primary cost where the rule has a
            target.
        spec: JSON-able keywords that rebuild the problem.

    Raises:
        InvalidValue: Target, limits or rule do not fit together or to the space.
    """

    def __init__(
        self,
        space: SearchSpace,
        accuracy: AccuracyOracle,
        cost_oracles: Sequence[CostOracle],
        rule: RewardRule,
        *,
        target: float | None = None,
        lower: float | None = None,
        objectives: Sequence[Objective] | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> None:
        self.space, self.accuracy, self.rule = space, accuracy, rule
        self.cost_oracles = {oracle.name: oracle for oracle in cost_oracles}
        self.cost_name = next(iter(self.cost_oracles), None)
        self.spec = dict(spec or {})
        self.search_fidelity = accuracy.search_fidelity
        self.search_metric = accuracy.search_metric
        if self.cost_name is None and (rule.needs_target or target is not None or lower is not None):
            raise InvalidValue(f"reward rule {rule.name!r} with target={target} and lower={lower} needs a cost; give cost=...")
        self.scale = self._scale(target, lower)
        self.constraint = None
        if self.cost_name is not None and (target is not None or lower is not None):
            self.constraint = Constraint(self.cost_name, lower, target)
        default = [Objective("accuracy", "max")]
        if rule.needs_target and self.cost_name is not None:
            default.append(Objective(self.cost_name, "min"))
        self.objectives = tuple(default if objectives is None else objectives)
        for objective in self.objectives:
            if objective.name not in ("accuracy", *self.cost_oracles):
                raise unknown_name("objective", objective.name, ("accuracy", *self.cost_oracles))
        self.invalid_reward = rule.invalid_reward(self.scale)

    def _scale(self, target: float | None, lower: float | None) -> CostScale:
        if self.cost_name is None:
            return CostScale(None, 0.0, 1.0, 1.0)
        low, high = self.cost_bounds(np.full((1, self.space.num_decisions), -1, dtype=np.int8))
        least, largest = float(low[0]), float(high[0])
        if target is not None and not (np.isfinite(target) and target > 0):
            raise InvalidValue(f"target must be a positive number of {self.cost_name}, got {target!r}.")
        if target is not None and target < least:
            raise InvalidValue(
                f"target {target:g} lies below the cheapest architecture of {self.space.name!r}, which costs {least:g} "
                f"{self.cost_name}; allowed are {least:g} and more (the dearest costs {largest:g})."
            )
        if lower is not None and not 0 <= lower <= (largest if target is None else target):
            raise InvalidValue(f"lower limit {lower!r} must lie between 0 and the target (or the dearest cost, {largest:g}).")
        if self.rule.needs_target and target is None:
            raise InvalidValue(
                f"reward rule {self.rule.name!r} needs a target; give target=..., a number of {self.cost_name} between "
                f"{least:g} and {largest:g}, or target={{'fraction': 0.5, 'of': 'range'}}."
            )
        if self.rule.needs_target and least <= 0:
            raise InvalidValue(
                f"cost {self.cost_name!r} has entries of 0, but reward rule {self.rule.name!r} divides by costs."
            )
        return CostScale(target, lower or 0.0, least, largest)

    # ---- asking --------------------------------------------------------------------------------------------------------

    def prepare(self, archs: npt.ArrayLike) -> Archs:
        """``(N, D)`` valid encodings: checked, inactive decisions at 0; `key` merges those that share a measurement.

        Raises:
            InvalidValue: Wrong shape or type, an open or out-of-range entry, or a choice that is restricted away.
        """
        checked = self.space.check(archs)
        cleared = self.space._clear_inactive(checked)
        valid = self.space.is_valid(cleared)
        if not valid.all():
            row = int(np.flatnonzero(~valid)[0])
            raise InvalidValue(
                f"architecture {row}, {checked[row].tolist()}, has a choice that space {self.space.name!r} does not allow; "
                "mask() says what is allowed."
            )
        return cleared

    def key(self, archs: Archs) -> Archs:
        """``(N, D)`` the encoding that shares a measurement with each prepared architecture."""
        return self.space._canonical_valid(archs) if self.accuracy.canonical else archs

    def evaluate(
        self,
        archs: npt.ArrayLike,
        fidelity: int | None = None,
        rng: np.random.Generator | Sequence[np.random.Generator] | None = None,
    ) -> Evaluations:
        """Accuracy, costs and reward of ``(N, D)`` complete architectures.

        Args:
            archs: ``(N, D)``; non-zero inactive decisions are canonicalised.
            fidelity: Epochs; by default the search fidelity.
            rng: Draws training seeds where the oracle samples them; one for all rows, or one for each.

        Raises:
            InvalidValue: An architecture is not valid, or the oracle draws seeds and no generator was given.
            UnknownName: The oracle has no such fidelity.
        """
        prepared = self.prepare(archs)
        keys = self.key(prepared)
        epochs = self.search_fidelity if fidelity is None else fidelity
        if rng is None and self.accuracy.seed == "sampled":
            raise InvalidValue(
                "this problem draws a training seed for every evaluation; pass rng=numpy.random.default_rng(seed)."
            )
        if isinstance(rng, Sequence):
            one_each = [self.accuracy.draw(key[None], epochs, own) for key, own in zip(keys, rng, strict=True)]
            seeds = np.concatenate(one_each or [np.empty(0, dtype=np.int64)])
        else:
            seeds = self.accuracy.draw(keys, epochs, rng or np.random.default_rng(0))
        found = self.accuracy.measure(keys, epochs, seeds)
        accuracy = found.validation if self.search_metric == "validation" else found.test
        return self.assemble(prepared, accuracy, found.train_seconds)

    def assemble(self, archs: Archs, accuracy: Floats, train_seconds: Floats) -> Evaluations:
        """Evaluations from measured accuracies: adds costs, reward and feasibility."""
        costs = self.costs(archs)
        primary = costs[self.cost_name] if self.cost_name is not None else np.ones(len(archs))
        feasible = np.ones(len(archs), dtype=bool) if self.constraint is None else self.constraint.holds(primary)
        return Evaluations(accuracy, costs, self.rule(accuracy, primary, self.scale), feasible, train_seconds)

    def costs(self, archs: Archs) -> dict[str, Floats]:
        """Costs of ``(N, D)`` complete valid architectures, without paying for accuracy."""
        return {name: oracle.cost(archs) for name, oracle in self.cost_oracles.items()}

    def cost_bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest primary cost over the completions of partial architectures (``-1`` is open).

        Raises:
            InvalidValue: The problem has no cost, or a row has no completion.
        """
        if self.cost_name is None:
            raise InvalidValue("this problem has no cost; give cost=...")
        return self.cost_oracles[self.cost_name].bounds(archs)

    def report(self, archs: npt.ArrayLike) -> Report:
        """Test and validation accuracy at full fidelity, means over the training seeds; not for searches."""
        prepared = self.prepare(archs)
        found = self.accuracy.report(self.key(prepared))
        costs = self.costs(prepared)
        primary = costs[self.cost_name] if self.cost_name is not None else np.ones(len(prepared))
        feasible = np.ones(len(prepared), dtype=bool) if self.constraint is None else self.constraint.holds(primary)
        return Report(found.test, found.validation, costs, feasible)

    # ---- exact answers ------------------------------------------------------------------------------------------------

    @cached_property
    def everything(self) -> Evaluations:
        """Evaluations of `space.enumerate()`: means over the training seeds at the search fidelity.

        Raises:
            InvalidValue: The space is too large, or accuracies are not a table.
        """
        if not self.accuracy.deterministic:
            raise InvalidValue("there is no exact answer where networks are trained or measured live; use a table.")
        archs = self.space.enumerate()
        keys = self.key(archs)
        found = self.accuracy.measure(keys, self.search_fidelity, np.full(len(archs), -1, dtype=np.int64))
        return self.assemble(archs, found.validation if self.search_metric == "validation" else found.test, found.train_seconds)

    def optimum(self) -> Optimum:
        """The best architectures of the space, exactly.

        Raises:
            InvalidValue: The space cannot be enumerated, or accuracies are not a table; the message has the reason.
        """
        ev = self.everything
        best = np.flatnonzero(ev.reward == ev.reward.max())
        return Optimum(
            self.space.enumerate()[best],
            float(ev.reward[best[0]]),
            float(ev.accuracy[best[0]]),
            {name: float(cost[best[0]]) for name, cost in ev.costs.items()},
        )

    @cached_property
    def _best_of_ranges(self) -> RangeExtremes:
        return RangeExtremes(self.everything.reward, largest=True)

    def value_to_go(self, archs: Archs) -> Floats:
        """``(N,)`` best reward that prefixes (first decisions made, the rest ``-1``) can still reach, exactly.

        Raises:
            InvalidValue: As `optimum`; or a row is not a prefix or has no completion.
        """
        first, last = self.space.completions(archs)
        return self._best_of_ranges.query(first, last)

    # ---- identity -------------------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """JSON-able description, by which results of different problems are kept apart."""
        return {
            "space": self.space.fingerprint,
            "accuracy": self.accuracy.fingerprint,
            "seed": self.accuracy.seed,
            "search_fidelity": self.search_fidelity,
            "costs": {name: oracle.fingerprint for name, oracle in self.cost_oracles.items()},
            "primary_cost": self.cost_name,
            "rule": self.rule.describe(),
            "constraint": None if self.constraint is None else asdict(self.constraint),
            "objectives": [asdict(objective) for objective in self.objectives],
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash of space, tables, devices, rule, constraint and objectives (16 hex digits); stored with every result."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        goal = "no target" if self.scale.target is None else f"target {self.scale.target:g} {self.cost_name}"
        return f"Problem({self.space.name!r}, reward {self.rule.name!r}, {goal}, fingerprint {self.fingerprint})"
