"""`Feasibility`: which partial architectures can still meet the constraint."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.oracles.range_query import RangeQuery
from nasgym.problems.evaluator import Evaluator
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["Feasibility"]


# costs that are summed in another order than their bounds may differ in the last digits
ROUNDING = 1e-9


class Feasibility:
    """Says of prefixes whether some completion meets the constraint.

    Spaces that can be enumerated are answered from the costs of all their architectures, exactly
    and for any cost. In larger ones the bounds of the cost decide, which are exact for sums over
    layers and for chains over neighbouring layers; there a prefix whose least cost lies within a
    billionth of the target is given up, because sums in another order round differently.

    Args:
        evaluator: What has the costs.

    Raises:
        InvalidValue: There is no constraint, no architecture meets it, its cost is measured live,
            or the space is too large for a constraint with two ends.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        constraint = evaluator.constraint
        if constraint is None:
            raise InvalidValue(
                "mask='feasible' needs a constraint; give target=..., for example target={'fraction': 0.5, 'of': 'range'}."
            )
        if not evaluator.free_costs:
            raise InvalidValue(f"mask='feasible' needs bounds of {constraint.cost!r}, which is measured live; use a table.")
        if not evaluator.space.can_enumerate and constraint.lower and constraint.upper is not None:
            raise InvalidValue(
                f"space {evaluator.space.name!r} is too large to know exactly which prefixes end between the limits "
                f"{constraint.lower:g} and {constraint.upper:g}; leave out lower=, or narrow the space with restrict=."
            )
        self._evaluator, self._constraint = evaluator, constraint
        self._root = evaluator.space.empty()
        if not self.possible(self._root)[0]:
            limits = {"of at least": constraint.lower, "of at most": constraint.upper}
            said = " and ".join(f"{word} {limit!r}" for word, limit in limits.items() if limit is not None)
            raise InvalidValue(
                f"mask='feasible' leaves nothing: no architecture of {evaluator.space.name!r} has {constraint.cost} {said}."
            )

    def possible(self, prefixes: Archs, targets: Floats | None = None) -> Bools:
        """``(N,)`` whether some completion of each prefix meets the constraint.

        Args:
            prefixes: ``(N, D)`` architectures whose first decisions are made.
            targets: ``(N,)`` one target for each instead of the problem's.

        Raises:
            InvalidValue: Targets are given, and there is a lower limit: only a fixed pair of limits
                is known exactly.
        """
        if targets is not None:
            self.check_free()
            return np.asarray(self.least(prefixes) <= targets)
        if self._evaluator.space.can_enumerate:
            first, last = self._evaluator.space.completions(prefixes)
            return np.asarray(self._count[last + 1] > self._count[first])
        lower, upper = self._constraint.lower, self._constraint.upper
        if upper is not None:
            return np.asarray(self.least(prefixes) <= upper)
        _, largest = self._evaluator.cost_bounds(prefixes)
        return np.asarray(largest * (1 - ROUNDING) >= (lower or 0.0))

    def check_free(self) -> None:
        """Raises `InvalidValue` where the masks do not allow targets other than the problem's."""
        if self._constraint.lower:
            raise InvalidValue("with mask='feasible' and lower=, the target cannot change; leave out one of the three.")

    def check_targets(self, targets: Floats) -> None:
        """Checks ``(n,)`` targets.

        Raises:
            InvalidValue: No architecture meets one of them, or they may not change.
        """
        self.check_free()
        cheapest = self.least(self._root)[0]
        if (targets < cheapest).any():
            raise InvalidValue(
                f"mask='feasible' leaves nothing: no architecture of {self._evaluator.space.name!r} has {self._constraint.cost} of at "
                f"most {float(targets.min())!r}; allowed are targets from {float(cheapest)!r} on."
            )

    def least(self, prefixes: Archs) -> Floats:
        """``(N,)`` least cost of the completions of prefixes."""
        if self._evaluator.space.can_enumerate:
            first, last = self._evaluator.space.completions(prefixes)
            return self._cheapest.query(first, last)
        return self._evaluator.cost_bounds(prefixes)[0] * (1 + ROUNDING)

    @cached_property
    def _costs(self) -> Floats:
        return self._evaluator.costs(self._evaluator.space.enumerate())[self._constraint.cost]

    @cached_property
    def _cheapest(self) -> RangeQuery:
        return RangeQuery(self._costs, largest=False)

    @cached_property
    def _count(self) -> Ints:
        """``(size + 1,)`` feasible architectures before each position."""
        return np.concatenate([[0], np.cumsum(self._constraint.holds(self._costs))])
