"""`ExactAnswers`: what a problem knows without searching: optimum, front, value-to-go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.oracles.oracle import AccuracyOracle, CostOracle, Measurements, Split
from nasgym.oracles.range_query import RangeQuery
from nasgym.problems.evaluation import Evaluations, Front, Objective, Optimum, nondominated
from nasgym.problems.goals import check_objectives
from nasgym.problems.qualities import Qualities, split_of
from nasgym.problems.value_cache import kept_values
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["ExactAnswers"]


class ExactAnswers(ABC):
    """The part of a problem that answers exactly, from the accuracies of all architectures.

    There are such answers where `has_exact_answers`.
    """

    space: SearchSpace
    accuracy: AccuracyOracle
    measured: Qualities
    cost_oracles: Mapping[str, CostOracle]
    objectives: tuple[Objective, ...]
    search_fidelity: int
    search_metric: Split
    _keeps_values: bool

    @property
    def has_exact_answers(self) -> bool:
        """Whether `optimum`, `pareto_front` and `value_to_go` exist.

        They need the accuracies of all architectures at once, costs that are free, and a space that
        can be enumerated.
        """
        return self.accuracy.deterministic and self.accuracy.complete and self.free_costs and self.space.can_enumerate

    @property
    @abstractmethod
    def free_costs(self) -> bool:
        """Whether costs can be asked for without paying."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of all that the answers depend on."""

    @abstractmethod
    def key(self, archs: Archs) -> Archs:
        """``(N, D)`` the encoding that shares a measurement with each prepared architecture."""

    @abstractmethod
    def assemble(
        self,
        archs: Archs,
        accuracy: Floats,
        train_seconds: Floats,
        targets: Floats | None = None,
        further: Mapping[str, Floats] | None = None,
    ) -> Evaluations:
        """Evaluations from measured qualities."""

    @cached_property
    def _mean_measurements(self) -> tuple[Measurements, dict[str, Floats]]:
        """Means over the training seeds at the search fidelity, of `space.enumerate()`."""
        if not self.accuracy.deterministic:
            raise InvalidValue("there is no exact answer where networks are trained or measured live; use a table.")
        keys = self.key(self.space.enumerate())
        return self.measured.means(keys, self.search_fidelity)

    @cached_property
    def everything(self) -> Evaluations:
        """Evaluations of `space.enumerate()`: means over the training seeds at the search fidelity.

        Raises:
            InvalidValue: The space is too large, accuracies are not a table, or a cost is measured
                live.
        """
        if not self.free_costs:
            live = ", ".join(name for name, oracle in self.cost_oracles.items() if not oracle.free)
            raise InvalidValue(
                f"there is no exact answer where {live} is measured during the search; use a look-up table or a column of a table."
            )
        found, further = self._mean_measurements
        accuracy = split_of(found, self.search_metric)
        return self.assemble(self.space.enumerate(), accuracy, found.train_seconds, further=further)

    def optimum(self) -> Optimum:
        """The best architectures of the space, exactly.

        Raises:
            InvalidValue: The space cannot be enumerated, or accuracies are not a table; the message
                has the reason.
        """
        ev = self.everything
        best = np.flatnonzero(ev.reward == ev.reward.max())
        return Optimum(
            self.space.enumerate()[best],
            float(ev.reward[best[0]]),
            float(ev.accuracy[best[0]]),
            {name: float(cost[best[0]]) for name, cost in ev.costs.items()},
            {name: float(values[best[0]]) for name, values in ev.qualities.items()},
        )

    def pareto_front(self, objectives: Sequence[Objective] | None = None, *, feasible_only: bool = False) -> Front:
        """The architectures that no other one beats in every objective, exactly.

        Args:
            objectives: By default the problem's.
            feasible_only: Only those that meet the constraint count; otherwise it does not count.

        Raises:
            InvalidValue: As `optimum`; or there are no objectives, one is named twice, or against
                the direction of its quality.
            UnknownName: An objective is no quality or cost of the problem.
            MissingPackage: moocore is not installed.
        """
        wanted = self.objectives if objectives is None else tuple(objectives)
        check_objectives(wanted, self.measured.named, self.cost_oracles)
        ev = self.everything
        values = ev.values(wanted)
        among = np.flatnonzero(ev.feasible) if feasible_only else np.arange(len(ev))
        best = among[nondominated(values[among], [objective.direction == "max" for objective in wanted])]
        return Front(self.space.enumerate()[best], values[best])

    @cached_property
    def _best_of_ranges(self) -> RangeQuery:
        values = kept_values(self.fingerprint, self.space.size, lambda: self.everything.reward) if self._keeps_values else None
        return RangeQuery(self.everything.reward if values is None else values, largest=True)

    @cached_property
    def _best_feasible_of_ranges(self) -> RangeQuery:
        ev = self.everything
        return RangeQuery(np.where(ev.feasible, ev.reward, -np.inf), largest=True)

    def mean_rewards(self, archs: Archs) -> Floats:
        """``(N,)`` rewards of complete architectures, by mean accuracy over the training seeds.

        Raises:
            InvalidValue: As `optimum`; or a row is not a complete valid architecture.
        """
        return np.asarray(self.everything.reward[self.space.index_of(archs)])

    def value_to_go(self, archs: Archs, *, feasible_only: bool = False) -> Floats:
        """``(N,)`` best reward that prefixes can still reach, exactly.

        In a prefix the first decisions are made and the rest are ``-1``. Backward induction over
        the tree of decisions gives the same. Because the order of the space is lexicographic, it is
        the largest reward in a range of positions. Rewards of large spaces are kept on disk
        (`nasgym.problems.value_cache`).

        Args:
            archs: ``(N, D)`` prefixes.
            feasible_only: Only completions that meet the constraint count; minus infinity where
                there is none.

        Raises:
            InvalidValue: As `optimum`; or a row is not a prefix or has no completion.
        """
        first, last = self.space.completions(archs)
        return (self._best_feasible_of_ranges if feasible_only else self._best_of_ranges).query(first, last)
