"""``nasgym list``."""

from __future__ import annotations

import zipfile
from pathlib import Path

from nasgym.cli import terminal
from nasgym.errors import DataError
from nasgym.registration import Benchmark

__all__ = ["list_command"]


def list_command() -> None:
    """Environment ids, agents, reward rules, spaces, tables and devices."""
    from nasgym.devices.device_folder import device_files
    from nasgym.files.data_folder import data_folder
    from nasgym.problems.sources.space import is_playable
    from nasgym.registration import IDS, live_id, mo_id
    from nasgym.registry import AGENTS, RULES, SPACES, TABLES
    from nasgym.tables.cost_columns import imported_columns
    from nasgym.tables.table_folder import imported_tables, shipped_tables

    tables = {**shipped_tables(), **imported_tables()}
    out = terminal.console()
    ids = terminal.table("Environments", "id", "what it is")
    for env_id, known in IDS.items():
        there = known.table in tables if known.plays_table else is_playable(known)
        state = "" if there else f" ({_missing(known)})"
        ids.add_row(env_id, known.summary + state)
    out.print(ids)
    timed = [env_id for env_id, known in IDS.items() if known.networks]
    names_of_timed = ", ".join(env_id.partition("/")[2] for env_id in timed)
    out.print(f"Each has a twin with one reward for each objective: {mo_id(next(iter(IDS)))} and so on.")
    out.print(f"These have one that times every network on this machine, {live_id(timed[0])} and so on: {names_of_timed}.\n")
    for title, names in (("Agents", AGENTS.names()), ("Reward rules", RULES.names()), ("Spaces", SPACES.names())):
        out.print(f"[bold]{title}[/]\n{', '.join(names)}\n")
    shown = terminal.table(f"Tables (data folder {data_folder()})", "name", "where", "devices in it")
    for name, path in tables.items():
        shown.add_row(name, "imported" if name in imported_tables() else "shipped", ", ".join(_devices(path)) or "-")
    for (space, name), path in imported_columns().items():
        shown.add_row(name, f"cost columns of {space}", ", ".join(_devices(path)) or "-")
    for name in TABLES.names():
        if name not in tables:  # an imported or shipped table is played in place of a package's of the same name
            shown.add_row(name, "another package", _devices_of_plugin(name))
    out.print(shown)
    by_space: dict[str, list[str]] = {}
    for space, name in device_files():
        by_space.setdefault(space, []).append(name)
    files = terminal.table("Device files (device=NAME; more come from `nasgym profile SPACE`)", "space", "devices")
    for space, names in by_space.items():
        files.add_row(space, ", ".join(names))
    out.print(files)


def _missing(known: Benchmark) -> str:
    return f"table {known.table} is not there" if known.plays_table else f"data {known.table} are not there"


def _devices_of_plugin(name: str) -> str:
    """Devices of another package's table, or what is wrong with it, so that the list goes on."""
    from nasgym.registry import TABLES

    try:
        return ", ".join(_devices(TABLES.path(name))) or "-"
    except DataError as error:
        return f"NOT USABLE: {error}"


def _devices(path: Path) -> list[str]:
    """Devices of a table, read from the names of its arrays; the numbers stay where they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name.rpartition("latency_ms@")[2].removesuffix(".npy") for name in archive.namelist() if "latency_ms@" in name
            ]
    except (zipfile.BadZipFile, OSError):
        return ["(not readable; see `nasgym data verify`)"]
    return sorted(set(names))
