"""`Evaluator`: what environments evaluate with, a `Problem` or the `Ledger` in front of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nasgym.problems.evaluation import Constraint, Evaluations, Objective
from nasgym.quality import Quality
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

if TYPE_CHECKING:
    from nasgym.problems.problem import Problem

__all__ = ["Evaluator"]


class Evaluator(Protocol):
    """What a `Problem` and a `Ledger` both are; its user never asks which of the two it is."""

    @property
    def space(self) -> SearchSpace:
        """What can be built."""

    @property
    def quality(self) -> Quality:
        """What is searched for, and rewarded."""

    @property
    def qualities(self) -> Mapping[str, Quality]:
        """What is measured, by name; the searched quality first."""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What multi-objective agents optimise."""

    @property
    def constraint(self) -> Constraint | None:
        """Limits of the primary cost, or None."""

    @property
    def cost_name(self) -> str | None:
        """Name of the primary cost, or None."""

    @property
    def cost_fingerprint(self) -> str | None:
        """Fingerprint of the primary cost, or None; equal ones have equal costs and bounds."""

    @property
    def invalid_reward(self) -> float:
        """Reward of an illegal action."""

    @property
    def free_costs(self) -> bool:
        """Whether costs can be asked for without paying."""

    @property
    def deterministic(self) -> bool:
        """Whether evaluations give the same on every machine and at any time."""

    @property
    def fixed(self) -> bool:
        """Whether an evaluation counts nothing and gives the same each time, so it may be kept."""

    @property
    def needs_rng(self) -> bool:
        """Whether `settle` draws training seeds with the generators that it is given."""

    @property
    def has_exact_answers(self) -> bool:
        """Whether `exact` knows the best reward and every architecture's mean reward."""

    @property
    def exact(self) -> Problem:
        """The problem, for exact answers, which count nothing.

        Raises:
            InvalidValue: Every evaluation is counted here.
        """

    @property
    def problem(self) -> Problem:
        """The problem, with the test metrics that it knows.

        Raises:
            TestMetricsRefused: It is out of reach.
        """

    def settle(
        self,
        archs: Archs,
        *,
        rng: np.random.Generator | Sequence[np.random.Generator] | None = None,
        targets: Floats | None = None,
    ) -> Evaluations:
        """Evaluates the ``(N, D)`` complete architectures that episodes ended with.

        Args:
            archs: Complete architectures.
            rng: Draws training seeds where they are drawn by the episodes (`needs_rng`); one
                generator for all rows, or one for each.
            targets: ``(N,)`` one target for each row instead of the problem's.

        Raises:
            BudgetExhausted: There is a budget, and nothing or too little is left.
            InvalidValue: Targets cannot change here.
        """

    def judge_again(self, evaluations: Evaluations, targets: Floats) -> Evaluations:
        """The same evaluations under ``(N,)`` other targets; nothing is evaluated.

        Raises:
            InvalidValue: Targets cannot change here.
        """

    def costs(self, archs: Archs) -> dict[str, Floats]:
        """Costs of ``(N, D)`` complete architectures, ``(N,)`` each."""

    def cost_bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest primary cost over the completions of partial architectures."""

    def bounds_of(self, cost: str, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest value of a cost, by name, over the completions of each row."""

    def check_targets(self, targets: Floats) -> None:
        """Raises `InvalidValue` where ``(n,)`` targets cannot replace the problem's."""

    def invalid_rewards(self, targets: Floats) -> Floats:
        """``(N,)`` reward of an illegal action where each episode has its own target."""
