"""`ProblemView`: what a search may know of a problem without paying, and what it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from nasgym.errors import InvalidValue, TestMetricsRefused
from nasgym.oracles.layer_terms import LayerTerms
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Constraint, Evaluations, Objective
from nasgym.problems.problem import Problem
from nasgym.quality import Quality
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["ProblemView"]


class ProblemView:
    """Space, objectives, constraint and free costs of a problem; never its test metrics.

    Args:
        problem: The problem; what reports alone may know of it is left out.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem.without_report()

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self._problem.space

    @property
    def quality(self) -> Quality:
        """What is searched for, and rewarded."""
        return self._problem.quality

    @property
    def qualities(self) -> Mapping[str, Quality]:
        """What is measured, by name; the searched quality first."""
        return self._problem.qualities

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What multi-objective agents optimise."""
        return self._problem.objectives

    @property
    def constraint(self) -> Constraint | None:
        """Limits of the primary cost, or None."""
        return self._problem.constraint

    @property
    def cost_name(self) -> str | None:
        """Name of the primary cost, or None."""
        return self._problem.cost_name

    @property
    def cost_fingerprint(self) -> str | None:
        """Fingerprint of the primary cost, or None."""
        return self._problem.cost_fingerprint

    @property
    def invalid_reward(self) -> float:
        """Reward of an illegal action."""
        return self._problem.invalid_reward

    @property
    def search_fidelity(self) -> int:
        """Epochs of an evaluation that asks for nothing else."""
        return self._problem.search_fidelity

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Epochs that can be asked for, ascending."""
        return self._problem.measured.fidelities

    @property
    def clock(self) -> Clock:
        """What the training seconds of evaluations are."""
        return self._problem.accuracy.clock

    @property
    def free_costs(self) -> bool:
        """Whether costs can be asked for without paying."""
        return self._problem.free_costs

    @property
    def deterministic(self) -> bool:
        """As `Problem.deterministic`."""
        return self._problem.deterministic

    @property
    def fixed(self) -> bool:
        """Never: an evaluation is counted each time."""
        return False

    @property
    def needs_rng(self) -> bool:
        """Never: a ledger has its own generator of seeds, so that a run can be replayed."""
        return False

    @property
    def has_exact_answers(self) -> bool:
        """Never: see `exact`."""
        return False

    @property
    def exact(self) -> NoReturn:
        """Refused: exact answers come from evaluations that were not paid for.

        Raises:
            InvalidValue: Always.
        """
        raise InvalidValue(
            "with a budget every evaluation is counted, so exact answers are not given and rewards are not shaped; leave out "
            "budget=."
        )

    def costs(self, archs: Archs) -> dict[str, Floats]:
        """Costs of complete architectures; free for counted, table and look-up costs.

        Raises:
            InvalidValue: A cost is measured live, which is a part of an evaluation and paid for as
                such.
        """
        if not self.free_costs:
            live = ", ".join(name for name, oracle in self._problem.cost_oracles.items() if not oracle.free)
            raise InvalidValue(
                f"{live} is measured while architectures are evaluated, and not given without an evaluation; use an agent that does "
                "not ask for costs (layernas: bucket_by='options')."
            )
        return self._problem.costs(archs)

    def price(self, arch: Archs) -> tuple[dict[str, float], bool]:
        """Costs of one ``(D,)`` architecture, and whether they meet the constraint.

        A cost that is measured with evaluations is NaN, and meets no constraint.
        """
        oracles = self._problem.cost_oracles
        costs = {name: one.cost(arch[None]) if one.free else np.array([np.nan]) for name, one in oracles.items()}
        feasible = self.constraint is None or bool(self.constraint.holds(costs[self.constraint.cost])[0])
        return {name: float(cost[0]) for name, cost in costs.items()}, feasible

    def cost_bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """Least and largest primary cost over the completions of partial architectures."""
        return self._problem.cost_bounds(archs)

    def bounds_of(self, cost: str, archs: Archs) -> tuple[Floats, Floats]:
        """Least and largest value of a cost, by name, over completions of partial architectures."""
        return self._problem.bounds_of(cost, archs)

    def cost_terms(self, name: str | None = None) -> LayerTerms | None:
        """A cost as numbers of layers, indexed by the options of `space`; by default the primary.

        None where the cost is not a sum of such numbers, or is measured during the search.

        Raises:
            UnknownName: The problem has no such cost.
            InvalidValue: No name is given, and there is no cost at all.
        """
        oracle = self._problem.cost_oracle(name)
        return oracle.terms() if oracle.free else None

    def check_targets(self, targets: Floats) -> NoReturn:
        """Refused: a ledger's incumbent is the best answer to one question.

        Raises:
            InvalidValue: Always.
        """
        raise InvalidValue("with a budget the target cannot change, because rewards are compared; leave out budget=.")

    def invalid_rewards(self, targets: Floats) -> NoReturn:
        """Refused, as `check_targets` is."""
        self.check_targets(targets)

    def judge_again(self, evaluations: Evaluations, targets: Floats) -> NoReturn:
        """Refused, as `check_targets` is."""
        self.check_targets(targets)

    def report(self, archs: object) -> NoReturn:
        """Refused: test metrics are for reports.

        Raises:
            TestMetricsRefused: Always.
        """
        raise TestMetricsRefused(
            "a ledger does not give test metrics: a search that sees them reports its own training set. "
            "Call problem.report(archs) after the search has ended."
        )

    @property
    def problem(self) -> NoReturn:
        """Refused, as `report` is."""
        raise TestMetricsRefused(
            "agents see a ledger, not its problem, which knows test metrics; the ledger has space, costs, cost_bounds, "
            "objectives, constraint and evaluate."
        )
