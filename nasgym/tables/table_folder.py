"""The data folder: where imported tables lie."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from nasgym.errors import MissingData
from nasgym.tables.table_file import Table, read_table

__all__ = ["data_folder", "find_table", "imported_tables", "shipped_tables", "table_path"]

# what gets a published table, by table name; anything else is somebody's own table
IMPORT_COMMANDS = {
    "nas-bench-macro": "nasgym data import nas-bench-macro PATH",
    "nats-tss": "nasgym data import nats-bench PATH",
    "nats-sss": "nasgym data import nats-bench PATH",
}


def data_folder() -> Path:
    """``$NASGYM_DATA``, or else the platform's user data folder; not necessarily there yet."""
    named = os.environ.get("NASGYM_DATA")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("nasgym", appauthor=False))


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
    """Reads a table, imported or shipped.

    Raises:
        MissingData: There is none of that name; the message has the command that gets it.
        DataError: The file is damaged.
    """
    for tables in (imported_tables(), shipped_tables()):
        if name in tables:
            return read_table(tables[name])
    known = sorted({*imported_tables(), *shipped_tables()})
    command = IMPORT_COMMANDS.get(name, "nasgym data import table CSV SPEC.json")
    raise MissingData(
        f"table {name!r} is not in {data_folder()}; get it with `{command}` (NASGYM_DATA names another folder). "
        f"There are: {', '.join(known) or 'none'}."
    )
