"""`Problem`: a space, what its architectures are worth, and what they cost."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.layer_terms import LayerTerms
from nasgym.oracles.oracle import AccuracyOracle, CostOracle
from nasgym.problems.evaluation import Constraint, Evaluations, Objective, Report
from nasgym.problems.exact import ExactAnswers
from nasgym.problems.goals import check_names, check_objectives
from nasgym.problems.qualities import Qualities, split_of
from nasgym.quality import ACCURACY, Quality
from nasgym.rewards import CostScale, RewardRule
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools, Floats

__all__ = ["Problem", "fingerprint_of"]

SUM_ROUNDING = 1e-12


class Problem(ExactAnswers):
    """Space, accuracy oracle, cost oracles, objectives, constraint and rule.

    Two verbs: `evaluate` (accuracy is paid for) and `costs` (it is not). Searches reach a problem
    through a `Ledger` only, which counts what they spend and has no `report`.

    Args:
        space: What can be built; possibly a restriction of the accuracy oracle's space.
        accuracy: How good; says what its quality is.
        cost_oracles: How expensive, each by its name; the first is the primary one, which target
            and constraint refer to.
        rule: What is rewarded.
        target: Wanted cost in the primary cost's unit, or None.
        lower: Least wanted cost, or None.
        objectives: What multi-objective agents optimise; by default the quality, and the primary
            cost where the rule has a target.
        spec: JSON-able keywords that rebuild the problem.
        report_accuracy: How good, for reports and exact answers, where that is not for a search to
            see; None where it is `accuracy`. No ledger reaches it.
        further: Qualities that are measured with the searched one, by name; see `Qualities`.

    Raises:
        InvalidValue: Target, limits, rule, names or objectives do not fit together or to the space.
        UnknownName: An objective is no quality or cost of the problem.
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
        report_accuracy: AccuracyOracle | None = None,
        further: Mapping[str, AccuracyOracle] | None = None,
    ) -> None:
        self.space, self.accuracy, self.rule = space, accuracy, rule
        self.report_accuracy = report_accuracy
        self.measured = Qualities(accuracy, further)
        self._check_report(further)
        rule.check_quality(accuracy.quality)
        self.cost_oracles = {oracle.name: oracle for oracle in cost_oracles}
        self.cost_name = next(iter(self.cost_oracles), None)
        self.spec = dict(spec or {})
        self.search_fidelity = accuracy.search_fidelity
        self.search_metric = accuracy.search_metric
        if self.cost_name is None and (rule.needs_target or target is not None or lower is not None):
            raise InvalidValue(f"reward rule {rule.name!r} with target={target} and lower={lower} needs a cost; give cost=...")
        # 3 and 3.0 are one target, and must have one fingerprint
        target, lower = None if target is None else float(target), None if lower is None else float(lower)
        self.scale = self._scale(target, lower)
        self.constraint = None
        if self.cost_name is not None and (target is not None or lower is not None):
            self.constraint = Constraint(self.cost_name, lower, target)
        default = [Objective(self.quality.name, self.quality.direction)]
        if rule.needs_target and self.cost_name is not None:
            default.append(Objective(self.cost_name, "min"))
        self.objectives = tuple(default if objectives is None else objectives)
        check_names(self.qualities, self.cost_oracles)
        check_objectives(self.objectives, self.qualities, self.cost_oracles)
        self.invalid_reward = self._invalid_reward()
        self._keeps_values = True

    def _check_report(self, further: Mapping[str, AccuracyOracle] | None) -> None:
        """What reports is of the quality that is searched, and of no further ones."""
        if self.report_accuracy is None:
            return
        ours, theirs = self.quality, self.report_accuracy.quality
        if (ours.name, ours.unit, ours.direction) != (theirs.name, theirs.unit, theirs.direction):
            raise InvalidValue(
                f"a search for {ours.words} cannot be reported by an oracle of another quality ({theirs.about}); leave out report=."
            )
        if further:
            raise InvalidValue(
                f"objectives of other data sets ({', '.join(further)}) do not go with report=; leave out one of the two."
            )

    def _scale(self, target: float | None, lower: float | None) -> CostScale:
        if self.cost_name is None:
            return CostScale(None, 0.0, 1.0, 1.0, self.quality)
        low, high = self.cost_bounds(self.space.empty())
        least, largest = float(low[0]), float(high[0])
        if target is not None:
            self._check_targets(np.array([target]), least, largest)
        if lower is not None and not 0 <= lower <= (largest if target is None else target):
            raise InvalidValue(f"lower limit {lower!r} must lie between 0 and the target (or the largest cost, {largest:g}).")
        if self.rule.needs_target and target is None:
            raise InvalidValue(
                f"reward rule {self.rule.name!r} needs a target; give target=..., a number of {self.cost_name} between "
                f"{least:g} and {largest:g}, or target={{'fraction': 0.5, 'of': 'range'}}."
            )
        if self.rule.needs_target and least <= 0:
            raise InvalidValue(
                f"cost {self.cost_name!r} has entries of 0, but reward rule {self.rule.name!r} divides by costs."
            )
        return CostScale(target, lower or 0.0, least, largest, self.quality)

    def _check_targets(self, targets: Floats, least: float, largest: float) -> None:
        bad = ~(np.isfinite(targets) & (targets > 0))
        if bad.any():
            raise InvalidValue(f"target must be a positive number of {self.cost_name}, got {float(targets[bad][0])!r}.")
        # bounds are summed in another order than costs, so the cheapest architecture's own cost may
        # lie below its bound
        if (targets < least * (1 - SUM_ROUNDING)).any():
            raise InvalidValue(
                f"target {targets.min():g} lies below the cheapest architecture of {self.space.name!r}, which costs {least:g} "
                f"{self.cost_name}; allowed are {least:g} and more (the most expensive one costs {largest:g})."
            )

    # ---- other targets --------------------------------------------------------------------------

    def check_targets(self, targets: Floats) -> None:
        """Checks that ``(n,)`` other targets can take the place of the problem's.

        Raises:
            InvalidValue: One is not a positive number, lies below the cheapest architecture or
                below the lower limit, or the problem has no target that another could replace.
        """
        if self.scale.target is None:
            raise InvalidValue(
                "this problem has no target that another could replace; make it with target=..., for example "
                "target={'fraction': 0.5, 'of': 'range'}."
            )
        self._check_targets(targets, self.scale.least, self.scale.largest)
        if (targets < self.scale.lower).any():
            raise InvalidValue(f"target {targets.min():g} lies below the lower limit {self.scale.lower:g} {self.cost_name}.")

    def at(self, target: float) -> Problem:
        """The same problem with another target.

        Accuracies that were looked up for exact answers are kept.

        Raises:
            InvalidValue: As `check_targets`.
        """
        self.check_targets(np.array([target], dtype=np.float64))
        other = copy.copy(self)
        for cached in ("everything", "_best_of_ranges", "_best_feasible_of_ranges", "fingerprint", "reporting"):
            other.__dict__.pop(cached, None)
        other.scale = replace(self.scale, target=float(target))
        assert self.constraint is not None, "a problem with a target has a constraint"
        other.constraint = replace(self.constraint, upper=float(target))
        other.invalid_reward = other._invalid_reward()
        other._keeps_values = False  # targets are drawn by the thousand, and each would leave a file
        other.spec = {**self.spec, "target": float(target)}
        return other

    def _invalid_reward(self) -> float:
        return float(self.rule.invalid_reward(self.scale))

    def invalid_rewards(self, targets: Floats) -> Floats:
        """``(N,)`` reward of an illegal action where each architecture has its own target."""
        scale = replace(self.scale, target=targets)
        return np.broadcast_to(np.asarray(self.rule.invalid_reward(scale), dtype=np.float64), targets.shape)

    def judge(self, accuracy: Floats, cost: Floats, targets: Floats | None = None) -> tuple[Floats, Bools]:
        """``(N,)`` rewards and whether the constraint holds, from accuracies and primary costs.

        Args:
            accuracy: ``(N,)`` the searched quality in its own unit.
            cost: ``(N,)`` primary cost; ignored where the problem has none.
            targets: ``(N,)`` one target for each, instead of the problem's.
        """
        scale, constraint = self.scale, self.constraint
        if targets is not None:
            scale = replace(scale, target=targets)
        feasible = np.ones(len(accuracy), dtype=bool) if constraint is None else constraint.holds(cost, targets)
        return self.rule(self.quality.worth(accuracy), cost, scale), feasible

    # ---- asking ---------------------------------------------------------------------------------

    def prepare(self, archs: npt.ArrayLike) -> Archs:
        """``(N, D)`` valid encodings: checked, with inactive decisions at 0.

        `key` merges those that share a measurement.

        Raises:
            InvalidValue: Wrong shape or type, an open or out-of-range entry, or a choice that is
                restricted away.
        """
        checked = self.space.check(archs)
        if self.space.is_valid(checked).all():  # as what agents propose mostly is
            return checked
        cleared = self.space.clear_inactive(checked)
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
        return self.space.canonical_valid(archs) if self.accuracy.canonical else archs

    def evaluate(
        self,
        archs: npt.ArrayLike,
        fidelity: int | None = None,
        rng: np.random.Generator | Sequence[np.random.Generator] | None = None,
        targets: Floats | None = None,
    ) -> Evaluations:
        """Accuracy, costs and reward of ``(N, D)`` complete architectures.

        Args:
            archs: ``(N, D)``; non-zero inactive decisions are canonicalised.
            fidelity: Epochs; by default the search fidelity.
            rng: Draws training seeds where the oracle samples them; one for all rows, or one for
                each.
            targets: ``(N,)`` one target for each row instead of the problem's; `check_targets` says
                which are allowed.

        Raises:
            InvalidValue: An architecture is not valid, or the oracle draws seeds and no generator
                was given.
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
            one_each = [self.accuracy.draw_seeds(key[None], epochs, own) for key, own in zip(keys, rng, strict=True)]
            seeds = np.concatenate(one_each or [np.empty(0, dtype=np.int64)])
        else:
            seeds = self.accuracy.draw_seeds(keys, epochs, rng or np.random.default_rng(0))
        found = self.measured.measure(keys, epochs, seeds)
        further = self.measured.further(keys, epochs, seeds)
        return self.assemble(prepared, split_of(found, self.search_metric), found.train_seconds, targets, further)

    def assemble(
        self,
        archs: Archs,
        accuracy: Floats,
        train_seconds: Floats,
        targets: Floats | None = None,
        further: Mapping[str, Floats] | None = None,
    ) -> Evaluations:
        """Evaluations from measured qualities: adds costs, reward and feasibility.

        Args:
            archs: ``(N, D)``.
            accuracy: ``(N,)`` the searched quality.
            train_seconds: ``(N,)``.
            targets: ``(N,)`` one target for each instead of the problem's.
            further: ``(N,)`` each, the qualities that were measured with it.
        """
        costs = self.costs(archs)
        reward, feasible = self.judge(accuracy, self.primary(costs, len(archs)), targets)
        named = {self.quality.name: accuracy, **(further or {})}
        return Evaluations(accuracy, costs, reward, feasible, train_seconds, named)

    def mean_evaluations(self, archs: npt.ArrayLike) -> Evaluations:
        """As `evaluate` at the search fidelity, by means over all training seeds; for reports only.

        Raises:
            InvalidValue: An architecture is not valid, or networks are trained or timed live.
        """
        if not self.deterministic:
            raise InvalidValue("there are no exact means where networks are trained or timed live; use a table.")
        prepared = self.prepare(archs)
        found, further = self.measured.means(self.key(prepared), self.search_fidelity)
        return self.assemble(prepared, split_of(found, self.search_metric), found.train_seconds, further=further)

    def primary(self, costs: Mapping[str, Floats], num: int) -> Floats:
        """``(num,)`` primary cost out of costs by name; ones where the problem has none."""
        return np.ones(num) if self.cost_name is None else costs[self.cost_name]

    def settle(
        self,
        archs: Archs,
        *,
        rng: np.random.Generator | Sequence[np.random.Generator] | None = None,
        targets: Floats | None = None,
    ) -> Evaluations:
        """See `nasgym.problems.evaluator.Evaluator.settle`."""
        return self.evaluate(archs, rng=rng, targets=targets)

    def judge_again(self, evaluations: Evaluations, targets: Floats) -> Evaluations:
        """The same evaluations under ``(N,)`` other targets.

        See `nasgym.problems.evaluator.Evaluator.judge_again`.
        """
        cost = self.primary(evaluations.costs, len(evaluations))
        reward, feasible = self.judge(evaluations.accuracy, cost, targets)
        return replace(evaluations, reward=reward, feasible=feasible)

    @property
    def quality(self) -> Quality:
        """What is searched for, and rewarded."""
        return self.accuracy.quality

    @property
    def qualities(self) -> Mapping[str, Quality]:
        """What is measured, by name; the searched quality first."""
        return self.measured.named

    @property
    def deterministic(self) -> bool:
        """Whether evaluations give the same on every machine and at any time.

        They do not where networks are trained or timed live.
        """
        return self.accuracy.deterministic and self.free_costs

    @property
    def fixed(self) -> bool:
        """Whether an evaluation gives the same each time: nothing is trained, drawn or measured."""
        return self.accuracy.deterministic and self.accuracy.seed != "sampled" and self.free_costs

    @property
    def needs_rng(self) -> bool:
        """Whether evaluations draw training seeds with the generators that they are given."""
        return not self.fixed

    @property
    def cost_fingerprint(self) -> str | None:
        """Fingerprint of the primary cost, or None."""
        return None if self.cost_name is None else self.cost_oracles[self.cost_name].fingerprint

    @property
    def free_costs(self) -> bool:
        """Whether costs can be asked for without paying: counted, tables, look-up tables."""
        return all(oracle.free for oracle in self.cost_oracles.values())

    def costs(self, archs: Archs) -> dict[str, Floats]:
        """Costs of ``(N, D)`` complete valid architectures, without paying for accuracy."""
        return {name: oracle.cost(archs) for name, oracle in self.cost_oracles.items()}

    def cost_bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest primary cost over the completions of partial architectures.

        ``-1`` marks what is open.

        Raises:
            InvalidValue: The problem has no cost, or a row has no completion.
        """
        return self.cost_oracle().bounds(archs)

    def bounds_of(self, cost: str, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest value of a cost, by name.

        Over the completions of partial architectures.

        Raises:
            UnknownName: The problem has no such cost.
            InvalidValue: A row has no completion.
        """
        return self.cost_oracle(cost).bounds(archs)

    def cost_oracle(self, name: str | None = None) -> CostOracle:
        """The cost of a name, by default the primary one.

        Raises:
            UnknownName: The problem has no such cost.
            InvalidValue: No name is given, and there is no cost at all.
        """
        wanted = self.cost_name if name is None else name
        if wanted is None:
            raise InvalidValue("this problem has no cost; give cost=...")
        if wanted not in self.cost_oracles:
            raise unknown_name("cost", wanted, self.cost_oracles)
        return self.cost_oracles[wanted]

    def cost_terms(self, name: str | None = None) -> LayerTerms | None:
        """A cost as numbers of layers, indexed by the options of `space`; by default the primary.

        None where the cost is not a sum of such numbers (`CostOracle.terms`).

        Raises:
            UnknownName: The problem has no such cost.
            InvalidValue: No name is given, and there is no cost at all.
        """
        return self.cost_oracle(name).terms()

    @cached_property
    def reporting(self) -> Problem:
        """The problem as reports see it: by `report_accuracy`, or itself where there is none.

        Its exact answers say how good the answers of a search really are.
        """
        if self.report_accuracy is None:
            return self
        other = self.without_report()
        other.accuracy = self.report_accuracy
        other.measured = Qualities(self.report_accuracy)
        other.search_fidelity = self.report_accuracy.search_fidelity
        other.search_metric = self.report_accuracy.search_metric
        return other

    def without_report(self) -> Problem:
        """The problem with nothing that a search must not see but the oracle that it searches with.

        It evaluates as this one does.
        """
        if self.report_accuracy is None:
            return self
        other = copy.copy(self)
        for kind in type(self).__mro__:
            for name, value in vars(kind).items():
                if isinstance(value, cached_property):
                    other.__dict__.pop(name, None)
        other.report_accuracy = None
        return other

    def report(self, archs: npt.ArrayLike) -> Report:
        """Test and validation accuracy at full fidelity; not for searches.

        Both are means over the training seeds, by `report_accuracy` where there is one.
        """
        if self.reporting is not self:
            return self.reporting.report(archs)
        prepared = self.prepare(archs)
        found, further = self.measured.report(self.key(prepared))
        costs = self.costs(prepared)
        _, feasible = self.judge(found.test, self.primary(costs, len(prepared)))
        return Report(found.test, found.validation, costs, feasible, further)

    @property
    def exact(self) -> Problem:
        """The problem itself, which counts nothing.

        `has_exact_answers` says whether there are exact answers.
        """
        return self

    @property
    def problem(self) -> Problem:
        """The problem itself; a ledger refuses."""
        return self

    # ---- identity -------------------------------------------------------------------------------

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
            **({} if self.report_accuracy is None else {"report": self.report_accuracy.fingerprint}),
            # a plain accuracy adds nothing, so that its problems keep their fingerprints
            **({} if self.quality == ACCURACY else {"quality": self.quality.describe()}),
            **({"further": further} if (further := self.measured.fingerprints) else {}),
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash of space, tables, devices, rule, constraint and objectives (16 hex digits).

        It is stored with every result.
        """
        return fingerprint_of(self.describe())

    def __repr__(self) -> str:
        goal = "no target" if self.scale.target is None else f"target {self.scale.target:g} {self.cost_name}"
        return f"Problem({self.space.name!r}, reward {self.rule.name!r}, {goal}, fingerprint {self.fingerprint})"


def fingerprint_of(described: Mapping[str, Any]) -> str:
    """Hash of the description of a problem (16 hex digits)."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
