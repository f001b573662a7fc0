"""`Budget`: what a search may spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

import numpy as np

from nasgym.errors import InvalidValue, unknown_name

__all__ = ["Budget", "BudgetUnit"]

BudgetUnit: TypeAlias = Literal["distinct", "total", "train_seconds"]
UNITS = ("distinct", "total", "train_seconds")
PROPOSALS_PER_EVALUATION = 20
# aging evolution that rejects still finds networks after hundreds of repeats: its regret on Digits
# after 300 evaluations (10 seeds) is 0.72 points with 1 in the place of 3; with 3 it is 0.31, as
# without a limit
REPEATS_PER_EVALUATION = 3
FEWEST_REPEATS = 100


@dataclass(frozen=True)
class Budget:
    """What a search may spend.

    Attributes:
        unit: ``"distinct"`` evaluations (a repeat is free and answered from the cache), ``"total"``
            evaluations (repeats are charged, and drawn again where the oracle draws training
            seeds), or ``"train_seconds"`` (of a table: simulated; as "total"; the last evaluation
            may overshoot, as in NATS-Bench).
        amount: How many.
        max_proposals: Ends an agent that has converged and repeats itself; by default 20 times
            `amount` for evaluations, none for seconds.
        max_repeats: Ends an agent that proposes nothing else than repeats, so many in a row; by
            default three times `amount`, and 100 at least, where repeats are free, else none.
    """

    unit: BudgetUnit
    amount: float
    max_proposals: int | None = field(default=None)
    max_repeats: int | None = field(default=None)

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise unknown_name("budget unit", self.unit, UNITS)
        seconds, number = self.unit == "train_seconds", isinstance(self.amount, int | float | np.number)
        good = number and not isinstance(self.amount, bool) and bool(np.isfinite(self.amount)) and self.amount > 0
        if not good or not (seconds or self.amount == int(self.amount)):
            what = "number of train seconds" if seconds else f"whole number of {self.unit} evaluations"
            raise InvalidValue(f"a budget is a positive {what}, got {self.amount!r}; for example Budget({self.unit!r}, 300).")
        if self.max_proposals is None and self.unit != "train_seconds":
            object.__setattr__(self, "max_proposals", int(self.amount) * PROPOSALS_PER_EVALUATION)
        if self.max_repeats is None and self.repeats_free:
            object.__setattr__(self, "max_repeats", max(int(self.amount) * REPEATS_PER_EVALUATION, FEWEST_REPEATS))
        for name in ("max_proposals", "max_repeats"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise InvalidValue(f"{name} must be at least 1, got {limit!r}.")
        if self.max_repeats is not None and not self.repeats_free:
            raise InvalidValue(f"max_repeats limits repeats that are free, and {self.unit!r} charges for them; leave it out.")

    @property
    def repeats_free(self) -> bool:
        """Whether only different networks count, so that proposals are more than evaluations."""
        return self.unit == "distinct"

    @classmethod
    def of(cls, budget: Budget | float | Mapping[str, Any]) -> Budget:
        """A budget from a number of distinct evaluations, or from a mapping.

        A mapping has the fields of `Budget`, as in a JSON file; a `Budget` is returned as it is.
        """
        if isinstance(budget, Mapping):
            names = [entry.name for entry in fields(cls)]
            for key in budget:
                if key not in names:
                    raise unknown_name("key of a budget", key, names)
            if not {"unit", "amount"} <= set(budget):
                raise InvalidValue(f"a budget has 'unit' and 'amount', got {dict(budget)!r}.")
            return cls(**budget)
        return budget if isinstance(budget, Budget) else cls("distinct", budget)
