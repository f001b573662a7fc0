"""`OwnSpec`: what the columns of a user's own CSV file mean."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nasgym.errors import DataError, InvalidValue, UnknownName, unknown_name
from nasgym.files.json_object import check_object, read_json
from nasgym.importers.own_qualities import read_qualities
from nasgym.quality import ACCURACY, TAKEN, Quality
from nasgym.registry import SPACES
from nasgym.spaces.described import DescribedSpace, space_from_description
from nasgym.spaces.space import ENUMERATION_LIMIT
from nasgym.tables.table_folder import IMPORT_COMMANDS, shipped_tables

__all__ = ["AccuracyColumns", "CostColumn", "OwnSpec", "SecondsColumns", "read_spec"]

SPEC_KEYS = (
    "name",
    "decisions",
    "layers",
    "default",
    "ends",
    "qualities",
    "accuracies",
    "train_seconds",
    "costs",
    "search_fidelity",
    "report_fidelity",
    "canonical",
    "sampled",
    "notes",
)
REQUIRED = ("name", "decisions", "accuracies", "search_fidelity", "report_fidelity")
NAME = re.compile(r"[A-Za-z0-9_-]+")
COST_NAME = re.compile(r"[a-z][a-z0-9_]*(@[A-Za-z0-9_.-]+)?")
DATASET = "default"


@dataclass(frozen=True)
class AccuracyColumns:
    """Columns with the accuracies of one data set, length and split, one for each training seed.

    With `percent` their numbers are percent, else they are in the quality's own unit.
    """

    columns: tuple[str, ...]
    dataset: str
    fidelity: int
    split: Literal["validation", "test"]
    quality: Quality
    percent: bool


@dataclass(frozen=True)
class SecondsColumns:
    """Columns with training seconds: one, or one for each training seed."""

    columns: tuple[str, ...]
    dataset: str
    fidelity: int


@dataclass(frozen=True)
class CostColumn:
    """A column with a cost; its numbers times `scale` are in the unit of `name`.

    Data set ``"*"``: the same for all.
    """

    column: str
    dataset: str
    name: str
    scale: float


@dataclass(frozen=True)
class OwnSpec:
    """A checked spec.

    Attributes:
        name: Name of the table and of its space.
        space: The space of the decisions.
        decisions: The CSV column of each decision.
        accuracies, train_seconds, costs: What the other columns are.
        search_fidelity, report_fidelity: Epochs.
        search_metric: ``"validation"``, or ``"test"`` where the spec has no validation accuracies.
        canonical: See `Table`.
        sampled: Whether the CSV file has a sample of the architectures only.
        notes: Free text for the card.
        qualities: What the numbers are, by data set; those that are no plain accuracies.
    """

    name: str
    space: DescribedSpace
    decisions: tuple[str, ...]
    accuracies: tuple[AccuracyColumns, ...]
    train_seconds: tuple[SecondsColumns, ...]
    costs: tuple[CostColumn, ...]
    search_fidelity: int
    report_fidelity: int
    search_metric: Literal["validation", "test"]
    canonical: bool
    sampled: bool
    notes: tuple[str, ...]
    qualities: Mapping[str, Quality]

    @property
    def datasets(self) -> tuple[str, ...]:
        """Data sets in the order in which the spec names them."""
        return tuple(dict.fromkeys(entry.dataset for entry in self.accuracies))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every CSV column that the spec names."""
        named = [*self.decisions]
        for columns in (*(entry.columns for entry in self.accuracies), *(entry.columns for entry in self.train_seconds)):
            named += columns
        return tuple(dict.fromkeys([*named, *(cost.column for cost in self.costs)]))


def read_spec(path: Path) -> OwnSpec:
    """Reads and checks a spec; ``docs/own-table.md`` lists its keys.

    Raises:
        DataError: The file is no JSON, lacks something or contradicts itself.
        UnknownName: It has a key that a spec does not have; the nearest one is suggested.
    """
    data = read_json(path)
    try:
        return _parse(data)
    except InvalidValue as error:
        raise DataError(f"{path}: {error}") from None
    except UnknownName as error:
        raise UnknownName(f"{path}: {error}") from None


def _parse(data: Any) -> OwnSpec:
    check_object("the spec", data, SPEC_KEYS, REQUIRED)
    name = _text(data, "name", NAME, "letters, digits, - and _")
    taken = {*IMPORT_COMMANDS, *SPACES.builtin, *shipped_tables()}
    if name in taken:
        raise InvalidValue(
            f"the name {name!r} belongs to another table; choose a name that is none of {', '.join(sorted(taken))}."
        )
    sampled = _flag(data, "sampled")
    space, decisions = _space(name, data, sampled=sampled)
    qualities = read_qualities(data.get("qualities", {}))
    named = [entry.get("dataset", DATASET) for entry in _entries(data, "accuracies") if isinstance(entry, dict)]
    for dataset in qualities:
        if dataset not in named:
            raise unknown_name("data set of 'qualities'", dataset, dict.fromkeys(named))
    accuracies = tuple(_accuracy(entry, qualities) for entry in _entries(data, "accuracies"))
    seconds = tuple(_seconds(entry) for entry in _entries(data, "train_seconds"))
    costs = tuple(_cost(entry) for entry in _entries(data, "costs"))
    search, report = _epochs(data, "search_fidelity"), _epochs(data, "report_fidelity")
    canonical, notes = _flag(data, "canonical"), data.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise InvalidValue(f"'notes' is a list of texts, got {notes!r}.")
    _check_accuracies(accuracies)
    _check_belongs(accuracies, seconds, costs)
    metric = _search_metric(accuracies, search, report)
    texts = tuple(notes)
    return OwnSpec(
        name, space, decisions, accuracies, seconds, costs, search, report, metric, canonical, sampled, texts, qualities
    )


def _space(name: str, data: Mapping[str, Any], *, sampled: bool) -> tuple[DescribedSpace, tuple[str, ...]]:
    columns, decisions = [], []
    for entry in _entries(data, "decisions"):
        check_object("a decision", entry, ("column", "name", "role", "choices", "active_if"), ("column", "role", "choices"))
        column = _text(entry, "column")
        columns.append(column)
        decisions.append({"name": column} | {key: value for key, value in entry.items() if key != "column"})
    _check_twice("decisions", columns)
    description = {"name": name, "decisions": decisions}
    description |= {key: data[key] for key in ("layers", "default", "ends") if key in data}
    space = space_from_description(description)
    if not sampled and not space.can_enumerate:
        raise InvalidValue(
            f"the decisions make {space.size:.3g} architectures; a table lists all of them, {ENUMERATION_LIMIT:,} at most, unless "
            'the spec says "sampled": true.'
        )
    return space, tuple(columns)


def _accuracy(entry: Any, qualities: Mapping[str, Quality]) -> AccuracyColumns:
    known = ("column", "columns", "dataset", "fidelity", "split", "unit")
    check_object("an entry of 'accuracies'", entry, known, ("fidelity", "split"))
    split, dataset = entry["split"], _dataset(entry, DATASET)
    if split not in ("validation", "test"):
        raise unknown_name("split", split, ("validation", "test"))
    quality = qualities.get(dataset, ACCURACY)
    if quality.percent and "unit" not in entry:
        raise InvalidValue(
            f"an entry of 'accuracies' says in which 'unit' the file has it, percent or fraction, got {entry!r}."
        )
    if not quality.percent and not quality.unit and "unit" in entry:
        raise InvalidValue(
            f"an entry of 'accuracies' has \"unit\": {entry['unit']!r}, but {quality.name!r} of {dataset!r} has no unit; leave out "
            "\"unit\", or give 'qualities' one."
        )
    allowed = ("percent", "fraction") if quality.percent else (quality.unit,)
    unit = entry.get("unit", quality.unit)
    if unit not in allowed:
        raise unknown_name("unit of accuracies" if quality == ACCURACY else f"unit of {quality.name!r}", unit, allowed)
    columns = _columns("accuracies", entry)
    return AccuracyColumns(columns, dataset, _epochs(entry, "fidelity"), split, quality, quality.percent and unit == "percent")


def _seconds(entry: Any) -> SecondsColumns:
    check_object("an entry of 'train_seconds'", entry, ("column", "columns", "dataset", "fidelity"), ("fidelity",))
    return SecondsColumns(_columns("train_seconds", entry), _dataset(entry, DATASET), _epochs(entry, "fidelity"))


def _cost(entry: Any) -> CostColumn:
    check_object("an entry of 'costs'", entry, ("column", "dataset", "name", "scale"), ("column", "name"))
    scale = entry.get("scale", 1)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < math.inf:
        raise InvalidValue(f"the scale of a cost is a number above 0, got {scale!r}.")
    hint = "a lower-case word with its unit, and for a measurement its device: latency_ms@my-phone"
    dataset = "*" if entry.get("dataset", "*") == "*" else _dataset(entry, "*")
    name = _text(entry, "name", COST_NAME, hint)
    if name in TAKEN:
        raise InvalidValue(f"a cost cannot be called {name!r}, which means something else in results; name it otherwise.")
    return CostColumn(_text(entry, "column"), dataset, name, float(scale))


def _check_accuracies(accuracies: tuple[AccuracyColumns, ...]) -> None:
    _check_twice("accuracies", [f"{entry.dataset}/{entry.fidelity}/{entry.split}" for entry in accuracies])
    owner: dict[str, AccuracyColumns] = {}
    for entry in accuracies:
        for column in entry.columns:
            other = owner.setdefault(column, entry)
            if other is not entry:
                raise InvalidValue(
                    f"'accuracies' uses the column {column!r} twice, as {other.dataset}/{other.fidelity}/{other.split} and "
                    f"{entry.dataset}/{entry.fidelity}/{entry.split}; with one kind of accuracy only, give it as split 'test'."
                )


def _check_belongs(
    accuracies: tuple[AccuracyColumns, ...], seconds: tuple[SecondsColumns, ...], costs: tuple[CostColumn, ...]
) -> None:
    """Training seconds and costs speak of data sets and lengths that have accuracies."""
    _check_twice("train_seconds", [f"{entry.dataset}/{entry.fidelity}" for entry in seconds])
    _check_twice("costs", [f"{cost.dataset}/{cost.name}" for cost in costs])
    for entry in seconds:
        counts = {len(a.columns) for a in accuracies if (a.dataset, a.fidelity) == (entry.dataset, entry.fidelity)}
        if not counts:
            raise InvalidValue(f"'train_seconds' has {entry.dataset}/{entry.fidelity}, for which there are no accuracies.")
        if len(entry.columns) not in {1, *counts}:
            raise InvalidValue(
                f"'train_seconds' of {entry.dataset}/{entry.fidelity} has {len(entry.columns)} columns; give one, or one for "
                f"each training seed ({', '.join(map(str, sorted(counts)))})."
            )
    datasets = tuple(dict.fromkeys(entry.dataset for entry in accuracies))
    for cost in costs:
        if cost.dataset not in ("*", *datasets):
            raise unknown_name(f"data set of the cost {cost.name!r}", cost.dataset, ("*", *datasets))


def _search_metric(accuracies: tuple[AccuracyColumns, ...], search: int, report: int) -> Literal["validation", "test"]:
    there = {(entry.dataset, entry.fidelity, entry.split) for entry in accuracies}
    metric: Literal["validation", "test"] = "validation" if any(split == "validation" for *_, split in there) else "test"
    for dataset in dict.fromkeys(entry.dataset for entry in accuracies):
        for key, fidelity, split in (("search_fidelity", search, metric), ("report_fidelity", report, "test")):
            if (dataset, fidelity, split) not in there:
                found = ", ".join(f"{f}/{s}" for d, f, s in sorted(there) if d == dataset)
                raise InvalidValue(
                    f"{key!r} is {fidelity}, but data set {dataset!r} has no {split} accuracies of {fidelity} epochs; it has "
                    f"{found} (epochs/split). With one kind of accuracy only, give it as split 'test'."
                )
    return metric


def _entries(data: Mapping[str, Any], key: str) -> list[Any]:
    entries = data.get(key, [])
    if not isinstance(entries, list) or (key in REQUIRED and not entries):
        raise InvalidValue(f"{key!r} is a list of objects, got {entries!r}.")
    return entries


def _columns(key: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    if ("column" in entry) == ("columns" in entry):
        raise InvalidValue(f"an entry of {key!r} has either 'column' (one) or 'columns' (a list, one for each training seed).")
    columns = [entry["column"]] if "column" in entry else entry["columns"]
    if not isinstance(columns, list) or not columns or not all(isinstance(column, str) and column for column in columns):
        raise InvalidValue(f"an entry of {key!r} names its columns in text, got {columns!r}.")
    _check_twice(key, columns)
    return tuple(columns)


def _dataset(entry: Mapping[str, Any], default: str) -> str:
    return _text(entry, "dataset", NAME, "letters, digits, - and _") if "dataset" in entry else default


def _flag(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key, False)
    if not isinstance(value, bool):
        raise InvalidValue(f"{key!r} is true or false, got {value!r}.")
    return value


def _epochs(entry: Mapping[str, Any], key: str) -> int:
    value = entry[key]
    if type(value) is not int or value < 1:
        raise InvalidValue(f"{key!r} is a number of epochs, a whole number from 1, got {value!r}.")
    return value


def _text(entry: Mapping[str, Any], key: str, pattern: re.Pattern[str] = re.compile(r".+"), hint: str = "text") -> str:
    value = entry[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidValue(f"{key!r} is {value!r}; allowed are {hint}.")
    return value


def _check_twice(key: str, values: list[str]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise InvalidValue(f"{key!r} has {twice[0]!r} twice.")
