"""What tables there are, and whether they are whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasgym.errors import DataError, NasgymError
from nasgym.files.arrays import checksum_path, verify_checksum
from nasgym.files.provenance import sha256_of
from nasgym.registry import SPACES, TABLES
from nasgym.spaces.described import space_from_description
from nasgym.tables.table_file import Table, read_table
from nasgym.tables.table_folder import imported_tables, shipped_tables

__all__ = ["TableInfo", "list_tables", "verify_tables"]


@dataclass(frozen=True)
class TableInfo:
    """One line of ``nasgym data list``.

    Attributes:
        name: Name of the table.
        where: ``"imported"``, ``"shipped"`` or ``"another package"``; of several tables of one name the first kind is used.
        path: The file; None where another package does not say where it is.
        space: Name of its space.
        size: Number of architectures that the table has.
        datasets: Its data sets; the first is the default.
        fidelities: Epochs of the default data set, ascending.
        seeds: Largest number of training seeds.
        search_metric: ``"validation"``, or ``"test"`` where there are no validation accuracies.
        bytes: Size of the file.
        problem: Why the file is not readable, empty where it is; a damaged table has no other numbers.
    """

    name: str
    where: str
    path: Path | None
    space: str = ""
    size: int = 0
    datasets: tuple[str, ...] = ()
    fidelities: tuple[int, ...] = ()
    seeds: int = 0
    search_metric: str = ""
    bytes: int = 0
    problem: str = ""


def list_tables() -> list[TableInfo]:
    """The tables that can be used: imported ones, shipped ones, and those of other packages."""
    tables = [_inform(name, "imported", path) for name, path in imported_tables().items()]
    tables += [_inform(name, "shipped", path) for name, path in shipped_tables().items()]
    for name in _package_tables():
        try:
            tables.append(_inform(name, "another package", TABLES.path(name)))
        except DataError as error:
            tables.append(TableInfo(name, "another package", None, problem=str(error)))
    return tables


def _package_tables() -> list[str]:
    """Names of other packages' tables that no imported or shipped table hides."""
    return [name for name in TABLES.names() if name not in imported_tables() and name not in shipped_tables()]


def _inform(name: str, where: str, path: Path) -> TableInfo:
    try:
        table = read_table(path)
    except DataError as error:
        return TableInfo(name, where, path, bytes=path.stat().st_size, problem=str(error))
    return TableInfo(
        name,
        where,
        path,
        _space_name(table),
        table.num_rows,
        table.datasets,
        table.fidelities(table.datasets[0]),
        max(values.shape[1] for values in table.accuracy.values()),
        str(table.card["search_metric"]),
        path.stat().st_size,
    )


def _space_name(table: Table) -> str:
    space = table.card["space"]
    return str(space["name"]) if isinstance(space, dict) else str(space)


def verify_tables() -> list[tuple[str, bool, str]]:
    """Checks every table: the SHA-256 beside it, the contents, and that it fits the space of its card.

    Returns:
        (name, whether it is whole, what was found), imported tables first, those of other packages last: only these may
        lack the SHA-256 beside them.
    """
    found = []
    for name, path in [*imported_tables().items(), *shipped_tables().items()]:
        try:
            found.append((name, True, _verify(name, path, verify_checksum(path))))
        except NasgymError as error:
            found.append((name, False, str(error)))
    for name in _package_tables():
        try:
            path = TABLES.path(name)
            kept = checksum_path(path).is_file()
            said = _verify(name, path, verify_checksum(path) if kept else sha256_of(path))
            found.append((name, True, said if kept else f"{said} (its package keeps none beside it)"))
        except NasgymError as error:
            found.append((name, False, str(error)))
    return found


def _verify(name: str, path: Path, digest: str) -> str:
    table = read_table(path)
    if table.name != name:
        raise DataError(f"{path} holds the table {table.name!r}; name the file after it.")
    named = table.card["space"]
    space = space_from_description(named) if isinstance(named, dict) else SPACES.load(str(named))()
    if table.archs is not None:
        whole = table.archs.shape[1] == space.num_decisions and space.is_valid(table.archs).all()
        if not whole or len(np.unique(table.archs, axis=0)) < table.num_rows:
            raise DataError(f"{path} has architectures that space {space.name!r} does not have, or twice; import it again.")
        return f"a sample of {table.num_rows:,} of {space.size:,} architectures, SHA-256 {digest[:16]}"
    if space.size != table.num_rows:
        raise DataError(
            f"{path} has {table.num_rows:,} rows, the space {space.name!r} of its card {space.size:,} architectures; import it "
            "again."
        )
    return f"{table.num_rows:,} architectures, SHA-256 {digest[:16]}"
