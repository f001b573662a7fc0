"""`TableCost`: a cost column of a table."""

from __future__ import annotations

import numpy as np

from nasgym.errors import DataError
from nasgym.oracles.cost.enumerated import EnumeratedCost
from nasgym.spaces.space import SearchSpace
from nasgym.tables.table_file import Table

__all__ = ["TableCost"]


class TableCost(EnumeratedCost):
    """A cost column of a table.

    Args:
        table: The table.
        space: Its whole space.
        column: Name of the column in the table.
        dataset: Data set of the column.
        name: Name under which the cost goes; by default the column's.

    Raises:
        UnknownName: The table has no such column.
        DataError: The column has holes, or the table is a sample.
    """

    def __init__(self, table: Table, space: SearchSpace, column: str, dataset: str, name: str | None = None) -> None:
        super().__init__(space, name or column, f"table:{table.fingerprint}:{dataset}:{column}")
        self.values = np.asarray(table.cost(dataset, column), dtype=np.float64)
        if table.sampled:
            raise DataError(
                f"cost {column!r} of table {table.name!r} was measured for a sample of {table.num_rows:,} architectures; fit a "
                f"surrogate with `nasgym data fit-surrogate {table.name}` and play it with accuracy='surrogate'."
            )
        self.provenance = f"{column} of table {table.name} ({table.fingerprint}), data set {dataset}"
        if np.isnan(self.values).any():
            raise DataError(
                f"cost {column!r} of table {table.name!r} was not measured for {int(np.isnan(self.values).sum())} "
                "architectures; choose another cost, or import a table without holes."
            )
