"""`FittedCost`: a cost that was fitted to a sampled table."""

from __future__ import annotations

from functools import cached_property

from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.cost.enumerated import EnumeratedCost
from nasgym.oracles.oracle import MEAN
from nasgym.spaces.space import ENUMERATION_LIMIT, SearchSpace
from nasgym.surrogates.surrogate import Surrogate
from nasgym.tables.table_file import Table
from nasgym.type_aliases import Archs, Floats

__all__ = ["FittedCost"]


class FittedCost(EnumeratedCost):
    """A cost of a sampled table, predicted for every architecture: the mean over the members.

    Bounds are exact bounds of the predictions, found by predicting the whole space, which therefore
    has to be one that can be enumerated (possibly after a restriction).

    Args:
        surrogate: What was fitted.
        table: The table that it was fitted to.
        space: The table's space or a restriction of it.
        column: Name of the column in the table.
        dataset: Data set of the column.
        name: Name under which the cost goes; by default the column's.

    Attributes:
        provenance: One sentence: that the cost was fitted, and how well.

    Raises:
        UnknownName: The table has no such column.
    """

    def __init__(
        self, surrogate: Surrogate, table: Table, space: SearchSpace, column: str, dataset: str, name: str | None = None
    ) -> None:
        owners = [owner for owner in (dataset, "*") if (owner, column) in table.costs]
        if not owners:
            raise unknown_name(f"cost of table {table.name!r}", column, table.cost_names(dataset))
        self._made = surrogate, table, column, dataset
        self._column = f"cost/{owners[0]}/{column}"
        super().__init__(space, name or column, f"fitted:{surrogate.fingerprint}:{self._column}")
        quality = surrogate.targets[self._column].quality(surrogate.card["folds"])
        self.provenance = f"PREDICTED by {surrogate.about}: {quality}"

    def notes(self, archs: Archs) -> list[str]:
        """That the cost was predicted, and how well."""
        return [f"{self.name} is {self.provenance}."]

    @cached_property
    def values(self) -> Floats:  # type: ignore[override]  # computed when it is first asked for, then kept like any attribute
        """``(size,)`` predicted costs in the order of `space.enumerate`.

        Raises:
            InvalidValue: The space is too large.
        """
        if not self.space.can_enumerate:
            raise InvalidValue(
                f"cost {self.name!r} was fitted to a sample, and its bounds need a prediction for each of the {self.space.size:.3g} "
                f"architectures of {self.space.name!r}; restrict= the space to {ENUMERATION_LIMIT:,} at most, or play without a cost."
            )
        return self._made[0].predict(self._column, self.space.enumerate(), MEAN)

    def narrow(self, space: SearchSpace) -> FittedCost:
        """The same cost over a restriction of the space; bounds are those of its completions."""
        surrogate, table, column, dataset = self._made
        return FittedCost(surrogate, table, space, column, dataset, self.name)
