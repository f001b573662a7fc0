"""`CostColumns`: costs of every architecture of a space that belong to no table.

For example latencies on many devices.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.errors import DataError, unknown_name
from nasgym.files.arrays import read_arrays, verify_checksum, write_arrays
from nasgym.files.cached import cached_by_mtime
from nasgym.files.data_folder import data_folder
from nasgym.type_aliases import Floats

__all__ = [
    "ANY_DATASET",
    "IMPORT_COMMANDS",
    "CostColumns",
    "columns_path",
    "find_columns",
    "imported_columns",
    "read_columns",
    "write_columns",
]

FORMAT = "nasgym-costs-1"
CARD_KEYS = ("name", "space", "notes")
ANY_DATASET = "*"
# what gets published columns, by space
IMPORT_COMMANDS = {"nats-tss": "nasgym data import nb201-devices PATH"}


@dataclass(frozen=True)
class CostColumns:
    """Named costs; row i of each is architecture i of ``SearchSpace.enumerate()``.

    Attributes:
        card: JSON-able description. Required keys: ``name``; ``space``, the registered name of the
            space; ``notes``, what each column is, by ``"dataset/name"``. Free keys say where the
            numbers come from.
        costs: (data set or ``"*"`` for all, cost name with unit and device) to ``(rows,)`` float64,
            NaN where not measured.

    Raises:
        DataError: A key is missing, columns differ in length, or a number is negative or infinite.
    """

    card: Mapping[str, Any]
    costs: Mapping[tuple[str, str], Floats]

    def __post_init__(self) -> None:
        for key in CARD_KEYS:
            if key not in self.card:
                raise DataError(f"the card of cost columns lacks {key!r}; it has {', '.join(sorted(self.card))}.")
        if not self.costs:
            raise DataError(f"cost columns {self.name!r} have no column.")
        for (dataset, cost), values in self.costs.items():
            where = f"cost {cost!r} ({dataset}) of {self.name!r}"
            if values.shape != (self.num_rows,):
                raise DataError(f"{where} has the shape {values.shape}, expected ({self.num_rows},).")
            if np.isinf(values).any() or (values < 0).any():
                raise DataError(f"{where} has a negative or infinite entry.")
            if np.isnan(values).all():
                raise DataError(f"{where} has no value for any architecture; leave the column out.")

    @property
    def name(self) -> str:
        """Name of the columns together."""
        return str(self.card["name"])

    @property
    def space(self) -> str:
        """Registered name of the space."""
        return str(self.card["space"])

    @property
    def num_rows(self) -> int:
        """Number of architectures."""
        return len(next(iter(self.costs.values())))

    @property
    def num_complete(self) -> int:
        """Number of columns that have a value for every architecture; others cannot be played."""
        return sum(not np.isnan(values).any() for values in self.costs.values())

    def names(self, dataset: str, *, complete: bool = False) -> tuple[str, ...]:
        """Costs of a data set; with ``complete`` only those of every architecture."""
        owned = {name for owner, name in self.costs if owner in (dataset, ANY_DATASET)}
        return tuple(sorted(name for name in owned if not (complete and np.isnan(self.column(dataset, name)).any())))

    def _key(self, dataset: str, name: str) -> tuple[str, str]:
        for owner in (dataset, ANY_DATASET):
            if (owner, name) in self.costs:
                return owner, name
        raise unknown_name(f"cost of {self.name!r} for data set {dataset!r}", name, self.names(dataset))

    def column(self, dataset: str, name: str) -> Floats:
        """``(rows,)`` a cost; raises `UnknownName` where the data set has none of that name."""
        return self.costs[self._key(dataset, name)]

    def about(self, dataset: str, name: str) -> str:
        """What a column is, in the words of the import."""
        return str(self.card["notes"].get("/".join(self._key(dataset, name)), "nothing is known about it"))

    def fingerprint_of(self, dataset: str, name: str) -> str:
        """Hash of one column's numbers and meaning (16 hex digits).

        Other columns do not change it.
        """
        return self._hash([self._key(dataset, name)])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all columns (16 hex digits)."""
        return self._hash(sorted(self.costs))

    def _hash(self, keys: list[tuple[str, str]]) -> str:
        digest = hashlib.sha256(json.dumps([FORMAT, self.space, keys]).encode())
        for key in keys:
            digest.update(np.ascontiguousarray(self.costs[key], dtype=np.float64).tobytes())
        return digest.hexdigest()[:16]


def columns_path(space: str, name: str) -> Path:
    """Where imported columns of that name lie, or will lie."""
    return data_folder() / "costs" / space / f"{name}.npz"


def imported_columns() -> dict[tuple[str, str], Path]:
    """The files of cost columns by (space, name)."""
    return {(path.parent.name, path.stem): path for path in sorted((data_folder() / "costs").glob("*/*.npz"))}


def find_columns(space: str) -> list[CostColumns]:
    """All cost columns that were imported for a space.

    Raises:
        DataError: A file is damaged, or belongs to another space.
    """
    found = []
    for path in sorted((data_folder() / "costs" / space).glob("*.npz")):
        columns = _read(path)
        if (columns.space, columns.name) != (space, path.stem):
            raise DataError(f"{path} holds the columns {columns.name!r} of space {columns.space!r}; import them again.")
        found.append(columns)
    return found


@cached_by_mtime(maxsize=8)
def _read(path: Path) -> CostColumns:
    return read_columns(path)


def write_columns(columns: CostColumns, path: Path) -> Path:
    """Writes cost columns and their checksum beside them.

    A crash leaves the old files or the new ones, never half of one.
    """
    arrays = {f"{dataset}/{name}": values.astype(np.float64) for (dataset, name), values in columns.costs.items()}
    return write_arrays(path, {"format": FORMAT, **columns.card}, arrays)


def read_columns(path: Path) -> CostColumns:
    """Reads a file of cost columns after comparing it with its checksum; nothing in it is executed.

    Raises:
        DataError: The file is damaged, foreign, or of another version.
    """
    verify_checksum(path)
    card, arrays = read_arrays(path, FORMAT, "file of cost columns", "import it again")
    costs = {}
    for key, values in arrays.items():
        dataset, slash, name = key.partition("/")
        if not slash:
            raise DataError(f"{path} has an array {key!r} that cost columns do not have; import it again.")
        costs[dataset, name] = values
    return CostColumns(card, costs)
