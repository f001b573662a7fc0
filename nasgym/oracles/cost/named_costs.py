"""`NamedCosts`: measured costs of a table's architectures.

They come from the table itself and from imported cost columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from nasgym.devices.device_folder import device_files, device_names
from nasgym.errors import DataError, UnknownName, unknown_name
from nasgym.oracles.cost.columns import ColumnCost
from nasgym.oracles.oracle import LATENCY, CostOracle
from nasgym.registry import SPACES
from nasgym.spaces.space import SearchSpace
from nasgym.tables.cost_columns import IMPORT_COMMANDS, CostColumns, columns_path, find_columns
from nasgym.tables.table_file import Table

__all__ = ["NamedCosts"]

OF_DEVICE = f"{LATENCY}@"
# (space, column, data set, name) to the cost
_OfTable: TypeAlias = Callable[[SearchSpace, str, str, str | None], CostOracle]


@dataclass(frozen=True)
class NamedCosts:
    """Costs by name for one data set.

    Attributes:
        table: The table.
        space: Its whole space.
        dataset: Data set of the costs.
        of_table: Makes the cost of a column of the table.
    """

    table: Table
    space: SearchSpace
    dataset: str
    of_table: _OfTable

    @cached_property
    def _files(self) -> list[CostColumns]:
        """Imported columns of the space.

        There are none for an own table, whose card describes its space instead of naming it.
        """
        return find_columns(self.space.name) if isinstance(self.table.card["space"], str) else []

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The table's costs, then those of imported columns that every architecture has."""
        columns = [name for file in self._files for name in file.names(self.dataset, complete=True)]
        return tuple(dict.fromkeys([*self.table.cost_names(self.dataset), *columns]))

    @property
    def devices(self) -> list[str]:
        """Devices with a column of latencies."""
        return [name.removeprefix(OF_DEVICE) for name in self.names if name.startswith(OF_DEVICE)]

    @property
    def profiled(self) -> list[str]:
        """Devices with a device file for the space.

        `nasgym.oracles.cost.planned_costs` makes costs from them.
        """
        return device_names(self.space.name) if self._is_builtin else []

    @property
    def _is_builtin(self) -> bool:
        return isinstance(self.table.card["space"], str) and self.space.name in SPACES.builtin

    def __contains__(self, name: str) -> bool:
        """Whether there is such a cost, possibly one with holes."""
        return name in self.table.cost_names(self.dataset) or any(name in file.names(self.dataset) for file in self._files)

    def unknown_device(self, device: object) -> UnknownName:
        """The error for a device that is not there.

        It says for which data sets or spaces the device is there, or how more are imported.
        """
        others = sorted(
            {owner for file in self._files for owner, name in file.costs if name == f"{OF_DEVICE}{device}"}
            - {self.dataset, "*"}
        )
        hint = f"It is there for data set {', '.join(others)}." if others else ""
        if not self._files and self.space.name in IMPORT_COMMANDS:
            hint = f"More are imported with `{IMPORT_COMMANDS[self.space.name]}`."
        spaces = [space for space, name in device_files() if name == device]
        if spaces:
            hint = f"The one of that name was measured for the blocks of {', '.join(map(repr, spaces))}. {hint}".rstrip()
        known = dict.fromkeys([*self.devices, *self.profiled])
        return unknown_name(f"device of table {self.table.name!r} ({self.dataset})", device, known, hint)

    def make(self, column: str, name: str | None = None) -> CostOracle:
        """The cost of a column, by default under the column's name.

        Raises:
            UnknownName: There is none.
            DataError: It has holes, or there are two of that name.
        """
        files = [file for file in self._files if column in file.names(self.dataset)]
        places = [str(columns_path(file.space, file.name)) for file in files]
        in_table = column in self.table.cost_names(self.dataset)
        if in_table:
            places.insert(0, f"table {self.table.name!r}")
        if len(places) > 1:
            raise DataError(f"cost {column!r} is in {' and in '.join(places)}; delete one file, or import it again without.")
        if files:
            return ColumnCost(files[0], self.space, column, self.dataset, name)
        if not in_table:
            raise unknown_name("cost", column, self.names)
        return self.of_table(self.space, column, self.dataset, name)
