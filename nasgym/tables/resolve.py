"""Tables by name and the spaces of their cards, those of other packages included."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from nasgym.registry import SPACES, TABLES
from nasgym.spaces.described import space_from_description
from nasgym.spaces.space import SearchSpace
from nasgym.tables.table_file import Table, read_table
from nasgym.tables.table_folder import find_table, imported_tables, shipped_tables

__all__ = ["load_table", "named_or_described", "space_of"]


@lru_cache(maxsize=8)
def _cached_table(path: Path, _stamp: int) -> Table:
    return read_table(path)


def load_table(name: str) -> Table:
    """A shipped or imported table, or one of another package.

    Raises:
        MissingData: There is none of that name; the message has the command that gets it.
        DataError: The file is damaged.
    """
    paths = {**shipped_tables(), **imported_tables()}
    if name in paths:
        return _cached_table(paths[name], paths[name].stat().st_mtime_ns)
    if name in TABLES.names():
        path = TABLES.path(name)
        return _cached_table(path, path.stat().st_mtime_ns)
    return find_table(name)  # raises with the command that gets the table


def space_of(table: Table) -> SearchSpace:
    """The whole space of a table."""
    return named_or_described(table.card["space"])


def named_or_described(card: str | Mapping[str, Any]) -> SearchSpace:
    """The space that a card names, or whose decisions it describes.

    Raises:
        UnknownName: There is no space of that name.
        InvalidValue: The description contradicts itself.
    """
    space: SearchSpace = SPACES.load(card)() if isinstance(card, str) else space_from_description(card)
    return space
