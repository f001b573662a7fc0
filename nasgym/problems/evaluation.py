"""What evaluations are made of: objectives, constraints, and arrays of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nasgym.errors import MissingPackage, unknown_name
from nasgym.quality import ACCURACY, Direction
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["Constraint", "Evaluations", "Front", "Objective", "Optimum", "Report", "nondominated"]


@dataclass(frozen=True)
class Objective:
    """Something to make large or small: a quality (``"accuracy"``) or a cost, by name."""

    name: str
    direction: Direction
    weight: float = 1.0


@dataclass(frozen=True)
class Constraint:
    """Limits of a cost, in its unit; None is no limit."""

    cost: str
    lower: float | None = None
    upper: float | None = None

    def holds(self, cost: Floats, targets: Floats | None = None) -> Bools:
        """``(N,)`` whether costs lie within the limits, both inclusive.

        ``(N,)`` targets take the place of `upper`.
        """
        low = -np.inf if self.lower is None else self.lower
        high = targets if targets is not None else np.inf if self.upper is None else self.upper
        return np.asarray((cost >= low) & (cost <= high))


@dataclass(frozen=True)
class Evaluations:
    """What N architectures are worth; arrays of shape (N,).

    Attributes:
        accuracy: The searched quality in its own unit, whatever its name (an accuracy: in [0, 1]);
            the search metric at the fidelity that was asked for.
        costs: By cost name, in the unit of the name.
        reward: By the problem's rule.
        feasible: Whether the constraint holds; all true where there is none.
        train_seconds: What the training took, NaN where not known.
        qualities: By name, each in its own unit: the searched one, which is `accuracy`, then those
            that were measured with it.
    """

    accuracy: Floats
    costs: Mapping[str, Floats]
    reward: Floats
    feasible: Bools
    train_seconds: Floats
    qualities: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.reward)

    def take(self, rows: Ints) -> Evaluations:
        """Those of ``(n,)`` rows, in fresh arrays."""
        costs = {name: cost.take(rows) for name, cost in self.costs.items()}
        seconds, feasible = self.train_seconds.take(rows), self.feasible.take(rows)
        qualities = {name: values.take(rows) for name, values in self.qualities.items()}
        return Evaluations(self.accuracy.take(rows), costs, self.reward.take(rows), feasible, seconds, qualities)

    def column(self, name: str) -> Floats:
        """``(N,)`` a quality or a cost, in its own unit.

        Raises:
            UnknownName: There is none of that name.
        """
        known = {**self.costs, **(self.qualities or {ACCURACY.name: self.accuracy})}
        if name not in known:
            raise unknown_name("quality or cost", name, known)
        return known[name]

    def values(self, objectives: Sequence[Objective]) -> Floats:
        """``(N, k)`` objectives, one or more, each in its own unit.

        Raises:
            UnknownName: As `column`.
        """
        return np.stack([self.column(objective.name) for objective in objectives], axis=1)


@dataclass(frozen=True)
class Report:
    """Full-fidelity numbers of N architectures, means over training seeds; arrays of shape (N,).

    Attributes:
        test_accuracy: The searched quality in its own unit (an accuracy: in [0, 1]).
        validation_accuracy: The same, NaN where the oracle has none.
        costs: By cost name.
        feasible: Whether the constraint holds.
        qualities: Test numbers of the qualities that are measured with it, by name.
    """

    test_accuracy: Floats
    validation_accuracy: Floats
    costs: Mapping[str, Floats]
    feasible: Bools
    qualities: Mapping[str, Floats] = field(default_factory=dict)

    def take(self, rows: Ints) -> Report:
        """Those of ``(n,)`` rows."""
        costs = {name: cost[rows] for name, cost in self.costs.items()}
        qualities = {name: values[rows] for name, values in self.qualities.items()}
        return Report(self.test_accuracy[rows], self.validation_accuracy[rows], costs, self.feasible[rows], qualities)


@dataclass(frozen=True)
class Optimum:
    """The best architectures of a space under the problem's rule.

    By the mean over the training seeds, at the search fidelity.

    Attributes:
        archs: ``(n, D)`` all that share the best reward, in the order of the space.
        reward, accuracy: The best reward, and the searched quality of the first of them.
        costs: Costs of the first of them.
        qualities: Every quality of the first of them, by name.
    """

    archs: Archs
    reward: float
    accuracy: float
    costs: Mapping[str, float]
    qualities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Front:
    """The architectures that no other one beats in every objective; equal ones are all in it.

    Attributes:
        archs: ``(n, D)`` in the order of the space.
        values: ``(n, k)`` their objectives, each in its own unit.
    """

    archs: Archs
    values: Floats


def nondominated(values: Floats, largest: Sequence[bool]) -> Bools:
    """``(n,)`` which of ``(n, k)`` rows no other one beats; equal rows stay together.

    Args:
        values: ``(n, k)``.
        largest: For each column whether large is good.

    Raises:
        MissingPackage: moocore is not installed.
    """
    try:
        from moocore import is_nondominated
    except ModuleNotFoundError as error:
        raise MissingPackage("Pareto fronts need the package moocore: pip install 'nasgym[agents]'.") from error
    return np.asarray(is_nondominated(values, maximise=list(largest), keep_weakly=True))
