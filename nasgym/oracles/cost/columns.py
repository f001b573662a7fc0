"""`ColumnCost`: a cost of every architecture of a space, from a file of cost columns."""

from __future__ import annotations

import numpy as np

from nasgym.errors import DataError
from nasgym.oracles.cost.enumerated import EnumeratedCost
from nasgym.spaces.space import SearchSpace
from nasgym.tables.cost_columns import CostColumns

__all__ = ["ColumnCost"]


class ColumnCost(EnumeratedCost):
    """One of `CostColumns` over a space.

    Args:
        columns: The file's contents.
        space: Their whole space.
        column: Name of the column.
        dataset: Data set of the column.
        name: Name under which the cost goes; by default the column's.

    Attributes:
        provenance: One sentence: the column, its file, and what is known about it.

    Raises:
        UnknownName: There is no such column for the data set.
        DataError: The column has holes, or the file does not fit the space.
    """

    def __init__(self, columns: CostColumns, space: SearchSpace, column: str, dataset: str, name: str | None = None) -> None:
        super().__init__(space, name or column, f"columns:{columns.fingerprint_of(dataset, column)}")
        if (columns.space, columns.num_rows) != (space.name, space.size):
            raise DataError(
                f"cost columns {columns.name!r} are about {columns.num_rows:,} architectures of {columns.space!r}, the space is "
                f"{space.name!r} with {space.size:,}; import them again."
            )
        self.values = columns.column(dataset, column)
        absent = int(np.isnan(self.values).sum())
        if absent:
            kind = column.partition("@")[0]
            whole = ", ".join(one for one in columns.names(dataset, complete=True) if one.partition("@")[0] == kind) or "none"
            raise DataError(
                f"cost {column!r} of {columns.name!r} was measured for {space.size - absent:,} of {space.size:,} architectures only, "
                f"and a search needs it for all of them; choose a complete one: {whole}."
            )
        self.provenance = f"{column} of {columns.name} ({columns.fingerprint}): {columns.about(dataset, column)}"
