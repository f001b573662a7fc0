"""Tables by name, those of other packages included, and the spaces of their cards."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from nasgym.errors import MissingData
from nasgym.files.cached import cached_by_mtime
from nasgym.files.data_folder import data_folder
from nasgym.registry import SPACES, TABLES
from nasgym.spaces.described import space_from_description
from nasgym.spaces.space import SearchSpace
from nasgym.tables.table_file import Table, read_table

__all__ = ["find_table", "imported_tables", "shipped_tables", "space_of_card", "space_of_table", "table_path"]

# what gets a published table, by table name; anything else is a user's own table
IMPORT_COMMANDS = {
    "nas-bench-macro": "nasgym data import nas-bench-macro PATH",
    "nats-tss": "nasgym data import nats-bench PATH",
    "nats-sss": "nasgym data import nats-bench PATH",
}


def table_path(name: str) -> Path:
    """Where the imported table of that name lies, or will lie."""
    return data_folder() / "tables" / f"{name}.npz"


def imported_tables() -> dict[str, Path]:
    """The imported tables by name."""
    return {path.stem: path for path in sorted((data_folder() / "tables").glob("*.npz"))}


def shipped_tables() -> dict[str, Path]:
    """The tables that come with nasgym, by name."""
    folder = Path(str(resources.files("nasgym.envs_data"))) / "tables"
    return {path.stem: path for path in sorted(folder.glob("*.npz"))}


def find_table(name: str) -> Table:
    """A table by name: an imported one, else a shipped one, else one of another package.

    It is read again only when its file has changed.

    Raises:
        MissingData: There is none of that name; the message has the command that gets it.
        DataError: The file is damaged.
    """
    paths = {**shipped_tables(), **imported_tables()}
    if name not in paths and name in TABLES.names():
        paths[name] = TABLES.path(name)
    if name in paths:
        return _read(paths[name])
    command = IMPORT_COMMANDS.get(name, "nasgym data import table CSV SPEC.json")
    raise MissingData(
        f"table {name!r} is not in {data_folder()}; get it with `{command}` (NASGYM_DATA names another folder). "
        f"There are: {', '.join(sorted(paths)) or 'none'}."
    )


@cached_by_mtime(maxsize=8)
def _read(path: Path) -> Table:
    return read_table(path)


def space_of_table(table: Table) -> SearchSpace:
    """The whole space of a table."""
    return space_of_card(table.card["space"])


def space_of_card(card: str | Mapping[str, Any]) -> SearchSpace:
    """The space that a card names, or whose decisions it describes.

    Raises:
        UnknownName: There is no space of that name.
        InvalidValue: The description contradicts itself.
    """
    space: SearchSpace = SPACES.load(card)() if isinstance(card, str) else space_from_description(card)
    return space
