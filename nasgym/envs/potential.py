"""`Potential`: dense rewards that leave the optimal policy as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.problems.evaluator import Evaluator
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Archs, Floats

__all__ = ["Potential", "ShapingSpec"]

ShapingSpec: TypeAlias = str | Mapping[str, Any] | None
Kind: TypeAlias = Literal["cost", "value"]


@dataclass(frozen=True)
class Potential:
    """Potential-based shaping (Ng, Harada and Russell, ICML 1999).

    A step adds gamma Phi(s') - Phi(s), and Phi is 0 at the end. Over an episode the additions sum
    to a constant, so the order of all policies stays the same.

    Attributes:
        problem: What is played.
        kind: ``"cost"``: Phi is what a perfect network (accuracy 1, or the good end of the
            quality's range) at the least cost still possible would earn; it tells a policy at once
            when it has spent too much. ``"value"``: Phi is the best reward still possible, which
            gives the answer away: for study.
        gamma: Discount in (0, 1]; that of the learner.
    """

    problem: Problem
    kind: Kind
    gamma: float

    @classmethod
    def of(cls, evaluator: Evaluator, spec: ShapingSpec) -> Potential | None:
        """From ``"potential"`` or a mapping; None: no shaping.

        A mapping is ``{"potential": "cost" | "value", "gamma": 1.0}``.

        Raises:
            UnknownName: Another word, or another key.
            InvalidValue: gamma is not in (0, 1], the rule does not know the cost, the cost is
                measured live, or the problem has a budget.
        """
        if spec is None:
            return None
        given = {"potential": "cost"} if spec == "potential" else spec
        if not isinstance(given, Mapping):
            raise unknown_name("shaping", spec, ("potential",), "Or {'potential': 'cost' or 'value', 'gamma': 1.0}.")
        for key in given:
            if key not in ("potential", "gamma"):
                raise unknown_name("key of shaping", key, ("potential", "gamma"))
        kind: Any = given.get("potential", "cost")
        gamma: Any = given.get("gamma", 1.0)
        if kind not in get_args(Kind):
            raise unknown_name("potential", kind, get_args(Kind))
        if isinstance(gamma, bool) or not isinstance(gamma, Real) or not 0 < float(gamma) <= 1:
            raise InvalidValue(f"gamma of shaping is a number above 0 and at most 1, got {gamma!r}.")
        problem = evaluator.exact  # says why, where rewards are counted
        if kind == "cost" and not problem.rule.needs_target:
            raise InvalidValue(
                f"reward rule {problem.rule.name!r} does not know the cost, so the cost cannot shape it; choose another reward, "
                "or shaping={'potential': 'value'}."
            )
        if kind == "cost" and not problem.free_costs:
            raise InvalidValue(
                f"shaping='potential' needs exact bounds of costs, and {problem.cost_name} is measured during the search; leave out "
                "shaping=, or use a device with a look-up table."
            )
        if kind == "value":
            problem.optimum()  # says why, where there is no exact answer
        return cls(problem, kind, float(gamma))

    def of_prefixes(self, prefixes: Archs, targets: Floats | None = None) -> Floats:
        """``(N,)`` Phi of ``(N, D)`` prefixes; ``(N,)`` targets take the place of the problem's."""
        if self.kind == "cost":
            least, _ = self.problem.cost_bounds(prefixes)
            return self.of_costs(least, targets)
        self.check_free(targets)
        return self.problem.value_to_go(prefixes)

    def of_costs(self, least: Floats, targets: Floats | None = None) -> Floats:
        """``(N,)`` Phi of kind ``"cost"`` from the least costs of the completions."""
        return self.problem.judge(np.full(len(least), self.problem.quality.best), least, targets)[0]

    def check_free(self, targets: Floats | None) -> None:
        """Raises `InvalidValue` where this potential takes no targets but the problem's."""
        if targets is not None and self.kind == "value":
            raise InvalidValue("shaping={'potential': 'value'} knows the problem's own target only; use 'cost' with others.")
