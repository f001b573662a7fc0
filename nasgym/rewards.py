"""Reward rules: what an architecture's accuracy and cost are worth.

Formulas and sources: A is the worth of the quality, C the cost, T the target in the same unit. The
worth of an accuracy is the accuracy, in [0, 1]; of another quality the number in its own unit, with
its sign turned where less is better (a perplexity of 25 is worth -25). S is the width of the
quality's range and B the worth of its bad end: 1 and 0 for an accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypeAlias

import numpy as np

from nasgym import registry
from nasgym.errors import InvalidValue, unknown_name
from nasgym.quality import ACCURACY, Quality
from nasgym.type_aliases import Floats

__all__ = [
    "Absolute",
    "Accuracy",
    "Constrained",
    "CostBucket",
    "CostScale",
    "MnasNetHard",
    "MnasNetSoft",
    "RewardRule",
    "WeightedSum",
    "make_rule",
]


@dataclass(frozen=True)
class CostScale:
    """What a rule may know about cost and quality: the target, and their ranges.

    Attributes:
        target: The wanted cost, one for all or ``(N,)`` one for each architecture; None where there
            is none.
        lower: Least wanted cost (0 unless the problem has a lower limit).
        least, largest: Cost of the cheapest and of the most expensive architecture of the space.
        quality: What is rewarded; an accuracy unless the problem says otherwise.
    """

    target: float | Floats | None
    lower: float
    least: float
    largest: float
    quality: Quality = ACCURACY


@dataclass(frozen=True)
class RewardRule:
    """Base of the rules: a frozen dataclass of numbers, so that ``asdict`` and JSON rebuild it.

    A rule states `name`, whether it `needs_target`, and `_reward`; it may state `invalid_reward`,
    which must lie below every reward of a valid architecture. With `any_quality` it says that it
    gives the right order for worths below zero, too, and multiplies what it adds in units of
    accuracy with `scale.quality.span`. A rule that multiplies accuracies cannot: a price below 1
    would make a worth of -25 better.

    `form` numbers the formulas that a name has had. A rule of which the same hyper-parameters begin
    to mean other rewards raises it: results of both are then kept apart.
    """

    name: ClassVar[str]
    needs_target: ClassVar[bool] = True
    any_quality: ClassVar[bool] = False
    form: ClassVar[int] = 1

    def __call__(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        """``(N,)`` rewards from ``(N,)`` worths of the quality and costs.

        The worth of an accuracy is the accuracy, in [0, 1] (`Quality.worth`). Rules without a
        target ignore the costs.
        """
        return self._reward(accuracy, cost, scale)

    def _reward(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        raise NotImplementedError(f"{type(self).__name__} must say what an architecture is worth")

    def invalid_reward(self, scale: CostScale) -> float | Floats:
        """Reward of an illegal action, below that of every valid architecture.

        One for each target.
        """
        target = scale.least if scale.target is None else scale.target
        corners = np.stack(np.broadcast_arrays(scale.least, scale.largest, target)).astype(np.float64)
        quality = scale.quality
        ends = (quality.least_worth, quality.most_worth)
        worst = np.minimum(*(self._reward(np.full_like(corners, a), corners, scale).min(axis=0) for a in ends))
        below = np.minimum(worst, quality.least_worth) - quality.span
        return float(below) if below.ndim == 0 else np.asarray(below)

    def check_quality(self, quality: Quality) -> None:
        """Refuses qualities that the rule says nothing about.

        Raises:
            InvalidValue: The quality is signed or minimised, and the rule does not take any.
        """
        if self.any_quality or not (quality.signed or quality.minimised):
            return
        others = [name for name in registry.RULES.builtin if registry.RULES.load(name).any_quality]
        why = "is minimised" if quality.minimised else f"can be negative (from {quality.low:g} on)"
        raise InvalidValue(
            f"reward rule {self.name!r} multiplies, or does not say that it takes any quality: it needs one that is never negative "
            f"and of which more is better, and {quality.words} {why}. Give reward= one of {', '.join(others)}."
        )

    def describe(self) -> dict[str, Any]:
        """What `make_rule` reads, for JSON; with the formula's number where it is not the first."""
        return {"rule": self.name, **({} if self.form == 1 else {"form": self.form}), **asdict(self)}


def _target(scale: CostScale) -> float | Floats:
    if scale.target is None:
        raise InvalidValue(
            "this reward rule needs a target; give target=..., for example target={'fraction': 0.5, 'of': 'range'}."
        )
    return scale.target


@dataclass(frozen=True)
class Accuracy(RewardRule):
    """R = A. The cost does not count."""

    name: ClassVar[str] = "accuracy"
    needs_target: ClassVar[bool] = False
    any_quality: ClassVar[bool] = True

    def _reward(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        return np.asarray(accuracy, dtype=np.float64)


@dataclass(frozen=True)
class MnasNetSoft(RewardRule):
    """R = A (C / T)^w, w = alpha where C <= T, else beta (MnasNet, 1807.11626, section 3).

    Attributes:
        alpha, beta: -0.07 each: a doubled latency is worth five percent of relative accuracy.
    """

    name: ClassVar[str] = "mnasnet-soft"
    alpha: float = -0.07
    beta: float = -0.07

    def _reward(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        ratio = cost / _target(scale)
        return np.asarray(accuracy * ratio ** np.where(ratio <= 1.0, self.alpha, self.beta))


@dataclass(frozen=True)
class MnasNetHard(MnasNetSoft):
    """R = A where C <= T, else A T / C (MnasNet, 1807.11626, section 3).

    Attributes:
        alpha, beta: 0 and -1.
    """

    name: ClassVar[str] = "mnasnet-hard"
    alpha: float = 0.0
    beta: float = -1.0


@dataclass(frozen=True)
class WeightedSum(RewardRule):
    """R = A + lambda S |C / T - 1|, lambda = alpha where C <= T, else beta.

    The form is MnasNet's (section 3), which publishes no coefficients and does not divide by T;
    that division, the factor S and the defaults are this library's.

    Attributes:
        alpha, beta: -0.07 each.
    """

    name: ClassVar[str] = "weighted-sum"
    any_quality: ClassVar[bool] = True
    alpha: float = -0.07
    beta: float = -0.07

    def _reward(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        excess = cost / _target(scale) - 1.0
        price = scale.quality.span * np.where(excess <= 0.0, self.alpha, self.beta)
        return np.asarray(accuracy + price * np.abs(excess))


@dataclass(frozen=True)
class Absolute(RewardRule):
    """R = A + beta S |C / T - 1| (TuNAS, 2008.06120; S is this library's).

    Attributes:
        beta: -0.10.
    """

    name: ClassVar[str] = "absolute"
    any_quality: ClassVar[bool] = True
    beta: float = -0.10

    def _reward(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        return np.asarray(accuracy + self.beta * scale.quality.span * np.abs(cost / _target(scale) - 1.0))


@dataclass(frozen=True)
class Constrained(RewardRule):
    """R = A where C <= T, else B - S e / (1 + e) with the relative excess e = C / T - 1.

    For an accuracy that is T / C - 1: half of the range is lost at twice the target, all of it
    never. Every feasible architecture beats every other, and of two others the one that misses the
    limit by less; the rule is this library's. With a lower limit L, below it e = 1 - C / L.
    """

    name: ClassVar[str] = "constrained"
    any_quality: ClassVar[bool] = True
    form: ClassVar[int] = 2  # 1 was B - S min(1, e), the same for everything from twice the target on

    def _reward(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        excess = cost / _target(scale) - 1.0
        if scale.lower > 0:
            excess = np.maximum(excess, np.maximum(scale.lower - cost, 0.0) / scale.lower)
        excess = np.maximum(excess, 0.0)
        missed = scale.quality.least_worth - scale.quality.span * (excess / (1.0 + excess))
        return np.asarray(np.where(excess == 0.0, accuracy, missed))


@dataclass(frozen=True)
class CostBucket(RewardRule):
    """LayerNAS's cost buckets (2304.11517) as a scalar, for agents that need one.

    The scalar form is this library's. `buckets` intervals of equal width lie between the cheapest
    and the most expensive architecture. R = A in the buckets that hold [lower, T]; outside, B - S
    d / `buckets`, where d is the distance to them in buckets.

    Attributes:
        buckets: 100, as in the paper's experiments.
    """

    name: ClassVar[str] = "cost-bucket"
    any_quality: ClassVar[bool] = True
    buckets: int = 100

    def _reward(self, accuracy: Floats, cost: Floats, scale: CostScale) -> Floats:
        low, high = (self._bucket(np.asarray(limit), scale) for limit in (scale.lower, _target(scale)))
        bucket = self._bucket(cost, scale)
        outside = np.maximum(np.maximum(low - bucket, bucket - high), 0)
        missed = scale.quality.least_worth - scale.quality.span * (outside / self.buckets)
        return np.asarray(np.where(outside == 0, accuracy, missed))

    def _bucket(self, cost: Floats, scale: CostScale) -> Floats:
        width = (scale.largest - scale.least) / self.buckets
        place = np.floor((cost - scale.least) / width) if width > 0 else np.zeros_like(cost)
        return np.clip(place, 0, self.buckets - 1)


RuleSpec: TypeAlias = str | Mapping[str, Any]


def make_rule(spec: RuleSpec) -> RewardRule:
    """A rule from its name, or from ``{"rule": name, hyper-parameter: value, ...}``.

    Args:
        spec: Names are those of `nasgym.registry.RULES`, other packages' included. With ``"form"``,
            as `describe` writes it, only that formula of the rule will do.

    Raises:
        UnknownName: No such rule or hyper-parameter.
        InvalidValue: There is no name, a hyper-parameter is not a finite number, or the rule has
            another formula now.
    """
    values = dict(spec) if isinstance(spec, Mapping) else {"rule": spec}
    name = values.pop("rule", None)
    if not isinstance(name, str):
        raise InvalidValue(
            f"a reward is a name or {{'rule': name, ...}}, got {spec!r}; rules: {', '.join(registry.RULES.names())}."
        )
    rule: type[RewardRule] = registry.RULES.load(name)
    form = values.pop("form", rule.form)
    if form != rule.form:
        raise InvalidValue(
            f"the formula of reward rule {name!r} has number {rule.form}, got form={form!r}; leave out form=, or write the formula of "
            "that time as a rule of your own."
        )
    known = {field.name: field for field in fields(rule)}
    for key, value in values.items():
        if key not in known:
            raise unknown_name(f"hyper-parameter of reward rule {name!r}", key, known)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise InvalidValue(f"hyper-parameter {key!r} of reward rule {name!r} must be a finite number, got {value!r}.")
    if "buckets" in values and (values["buckets"] != int(values["buckets"]) or values["buckets"] < 1):
        raise InvalidValue(f"buckets must be a whole number from 1 on, got {values['buckets']!r}.")
    return rule(**values)
