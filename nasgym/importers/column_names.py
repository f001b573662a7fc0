"""What the columns of a CSV file of device costs mean: by their names, and by a JSON file.

The JSON file lies beside the CSV file and says what the names do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasgym.devices.device_file import DEVICE_NAME
from nasgym.errors import DataError, unknown_name
from nasgym.files.json_object import read_json
from nasgym.importers.published_columns import origin_of
from nasgym.tables.cost_columns import ANY_DATASET

__all__ = ["KEY_COLUMN", "OTHER_COLUMNS", "CostMeaning", "Meanings", "column_meanings", "read_meanings"]

KEY_COLUMN = "arch_str"
# numbers of architectures and accuracies, which are no costs
OTHER_COLUMNS = re.compile(r"arch_index|rep_arch_index|acc_[a-z0-9]+")
# unit -> what it measures, and the factor to milliseconds or millijoules
UNITS = {
    "ms": ("latency", 1.0),
    "us": ("latency", 1e-3),
    "s": ("latency", 1e3),
    "mj": ("energy", 1.0),
    "uj": ("energy", 1e-3),
    "j": ("energy", 1e3),
}
COSTS = {"latency": "latency_ms", "energy": "energy_mj"}
NAME = re.compile(rf"(?P<device>[a-z0-9][a-z0-9._-]*?)(_(?P<cost>{'|'.join(COSTS)}))?(_(?P<unit>{'|'.join(UNITS)}))?")
FORMS = ("DEVICE_ms", "DEVICE_us", "DEVICE_s", "DEVICE_latency_ms", "DEVICE_mj", "DEVICE_uj", "DEVICE_j", "DEVICE_energy_mj")
# what is measured and no device, as in latency_ms or train_s
COST_WORDS = (*COSTS, "train", "training", "train_time", "time", "power", "cost")
ENTRY_KEYS = ("cost", "unit", "device", "dataset", "note")
DATASET = re.compile(r"[A-Za-z0-9_.-]+|\*")


@dataclass(frozen=True)
class CostMeaning:
    """What a column is.

    Attributes:
        column: Its name in the file.
        dataset: Data set, or ``"*"`` for all.
        name: ``"latency_ms@DEVICE"`` or ``"energy_mj@DEVICE"``.
        factor: Brings its numbers to that unit.
        note: What is known about it.
    """

    column: str
    dataset: str
    name: str
    factor: float
    note: str


@dataclass(frozen=True)
class Meanings:
    """A JSON file of meanings.

    Attributes:
        texts: Sentences by key, as published; kept in the card, and not read by the program.
        entries: By column: an object with some of `ENTRY_KEYS`, which says what the column's name
            does not.
    """

    texts: Mapping[str, str]
    entries: Mapping[str, Mapping[str, str]]


def read_meanings(path: Path) -> Meanings:
    """Reads a JSON file that maps columns to sentences or objects.

    An object is for example ``{"unit": "us", "dataset": "cifar10"}``.

    Raises:
        DataError: It is no such file.
        UnknownName: An object has another key, or a unit or cost that does not exist; the nearest
            one is suggested.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise DataError(f"{path} is an object that maps columns to what they mean, got {type(found).__name__}.")
    texts = {key: value for key, value in found.items() if isinstance(value, str)}
    entries = {key: value for key, value in found.items() if not isinstance(value, str)}
    for column, entry in entries.items():
        _check_entry(f"{path}, column {column!r}", entry)
    return Meanings(texts, entries)


def _check_entry(where: str, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: a sentence, or an object with {', '.join(ENTRY_KEYS)}; got {entry!r}.")
    for key, value in entry.items():
        if key not in ENTRY_KEYS:
            raise unknown_name(f"key in {where}:", key, ENTRY_KEYS)
        if not isinstance(value, str) or not value:
            raise DataError(f"{where}: {key!r} is a text, got {value!r}.")
    for key, known in (("unit", UNITS), ("cost", COSTS)):
        if key in entry and entry[key] not in known:
            raise unknown_name(f"{key} in {where}:", entry[key], known)
    if not DATASET.fullmatch(entry.get("dataset", ANY_DATASET)):
        raise DataError(f"{where}: {entry['dataset']!r} is no name of a data set; write letters and digits, or '*' for all.")


def column_meanings(path: Path, header: Sequence[str], meanings: Meanings) -> list[CostMeaning]:
    """What each cost column of a CSV file is, in the order of the file.

    Args:
        path: The file, for messages.
        header: Names of its columns.
        meanings: What a JSON file adds.

    Raises:
        UnknownName: A column has a name that is not allowed, or the JSON file has an object for a
            column that is not there; the nearest one is suggested.
        DataError: Name and JSON file contradict each other, a unit is not stated, no device is, two
            columns are one cost, or none is a cost.
    """
    for column in meanings.entries:
        if column not in header:
            raise unknown_name(f"column of {path.name} in the JSON file:", column, header)
    if KEY_COLUMN not in header:
        raise unknown_name(f"column of {path.name}", KEY_COLUMN, header, "It has the architectures in their textual form.")
    found: dict[tuple[str, str], CostMeaning] = {}
    for column in header:
        if column == KEY_COLUMN or (OTHER_COLUMNS.fullmatch(column) and column not in meanings.entries):
            continue
        meaning = _meaning(path, column, meanings.entries.get(column, {}))
        first = found.setdefault((meaning.dataset, meaning.name), meaning)
        if first is not meaning:
            raise DataError(
                f"{path}: columns {first.column!r} and {column!r} are both {meaning.name} of data set {meaning.dataset!r}; keep one "
                "of them, or give one another device in the JSON file."
            )
    if not found:
        raise DataError(f"{path} has no column of costs; they are called {', '.join(FORMS)}.")
    return list(found.values())


def _meaning(path: Path, column: str, entry: Mapping[str, str]) -> CostMeaning:
    where = f"{path}, column {column!r}"
    parts = NAME.fullmatch(column)
    unit = _agreed(where, "unit", parts and parts["unit"], entry.get("unit"))
    cost = _agreed(where, "cost", parts and parts["cost"], entry.get("cost"))
    if unit is None:
        if cost is None:
            # nothing is suggested that would be refused like the column itself
            stem = re.sub(r"[^a-z0-9._-]+", "-", (column.rpartition("_")[0] or column).lower()).lstrip("._-") or "device"
            likely = [KEY_COLUMN, "arch_index", "rep_arch_index", *(f"{stem}_{known}" for known in UNITS)]
            error = unknown_name(f"column in {path}:", column, likely)
            raise type(error)(
                f"{str(error).partition(' Known:')[0]} Columns of costs are called {', '.join(FORMS)}; for other names, the JSON "
                "file has an object with the column's cost, unit and device."
            )
        raise DataError(
            f"{where} does not say its unit; rename it, for example {column}_{'ms' if cost == 'latency' else 'mj'}, or give it in the "
            f'JSON file: {{"{column}": {{"unit": "..."}}}}; units are {", ".join(UNITS)}.'
        )
    measured, factor = UNITS[unit]
    if cost not in (None, measured):
        raise DataError(f"{where}: {unit!r} is a unit of {measured}, not of {cost}; units are {', '.join(UNITS)}.")
    device, dataset, note = origin_of(parts["device"] if parts else "")
    device, dataset = entry.get("device", device), entry.get("dataset", dataset)
    if not DEVICE_NAME.fullmatch(device):
        raise DataError(
            f'{where}: {device!r} is no name of a device: lower-case letters, digits, dot, dash, underscore; give one as "device" in '
            "the JSON file."
        )
    if device in COST_WORDS:
        raise DataError(
            f'{where}: {device!r} is no device; rename the column, for example DEVICE_{column}, give "device" in the JSON file, or leave '
            "the column out."
        )
    return CostMeaning(column, dataset, f"{COSTS[measured]}@{device}", factor, entry.get("note", note))


def _agreed(where: str, what: str, named: str | None, stated: str | None) -> str | None:
    if named is not None and stated not in (None, named):
        raise DataError(f"{where}: the name says that its {what} is {named!r}, the JSON file {stated!r}; correct one of them.")
    return named or stated
