"""Importer of anyone's own table: a CSV file and a spec that says what its columns mean."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasgym.data.folder import table_path
from nasgym.data.own_spec import AccuracyColumns, OwnSpec, read_spec
from nasgym.data.source import describe_source
from nasgym.data.table_file import Table, write_table
from nasgym.errors import DataError, unknown_name
from nasgym.spaces.space import Archs, Decision

__all__ = ["import_own_table", "read_own_table"]

Floats = npt.NDArray[np.float64]
BLANK = -1


def import_own_table(csv_path: str | Path, spec_path: str | Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Converts a CSV file with one row for each architecture and writes the table into the data folder.

    Args:
        csv_path: Comma-separated, UTF-8, the first row names the columns. Every architecture of the space stands in one row.
        spec_path: JSON: name, decisions, accuracies, training seconds, costs (``docs/own-table.md``).
        progress: Called with (rows done, all rows).

    Returns:
        The table file.

    Raises:
        DataError: A file is not readable, the spec contradicts itself, or a row is wrong; the message names the row (the
            header is row 1).
        UnknownName: A key, column or label does not exist; the nearest one is suggested.
    """
    table = read_own_table(Path(csv_path), Path(spec_path), progress)
    return write_table(table, table_path(table.name))


def read_own_table(csv_path: Path, spec_path: Path, progress: Callable[[int, int], None] | None = None) -> Table:
    """The table of a CSV file and its spec, not yet written; see `import_own_table`."""
    spec = read_spec(spec_path)
    sheet = _read_sheet(csv_path, spec)
    place = _places(sheet, spec, progress)
    accuracy = {}
    for entry in spec.accuracies:
        values = np.stack([sheet.floats(column, blank=len(entry.columns) > 1) for column in entry.columns], axis=1)
        accuracy[entry.dataset, entry.fidelity, str(entry.split)] = _fractions(sheet, entry, values)[place].astype(np.float32)
    seconds = {}
    for item in spec.train_seconds:
        columns = [sheet.floats(column, blank=len(item.columns) > 1) for column in item.columns]
        wide = np.stack(columns, axis=1)[place].astype(np.float32)
        seconds[item.dataset, item.fidelity] = wide if len(columns) > 1 else wide[:, 0]
    costs = {(cost.dataset, cost.name): sheet.floats(cost.column)[place] * cost.scale for cost in spec.costs}
    card = {
        "name": spec.name,
        "space": spec.space.description(),
        "datasets": list(spec.datasets),
        "search_fidelity": spec.search_fidelity,
        "report_fidelity": spec.report_fidelity,
        "search_metric": spec.search_metric,
        "canonical": spec.canonical,
        "seeds": {f"{entry.dataset}/{entry.fidelity}/{entry.split}": list(entry.columns) for entry in spec.accuracies},
        "notes": list(spec.notes),
        "spec": describe_source(spec_path)["source"],
        **describe_source(csv_path),
    }
    return Table(card, accuracy, seconds, costs)


@dataclass(frozen=True)
class _Sheet:
    """The rows of a CSV file; `numbers` are their row numbers as a spreadsheet counts them."""

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    numbers: list[int]

    def column(self, name: str) -> list[str]:
        position = self.header.index(name)
        return [row[position].strip() for row in self.rows]

    def where(self, row: int, column: str) -> str:
        return f"{self.path}, row {self.numbers[row]}, column {column!r}"

    def floats(self, column: str, *, blank: bool = False) -> Floats:
        """``(rows,)`` numbers from 0, NaN where a cell is blank and may be."""
        values = np.full(len(self.rows), np.nan)
        for row, cell in enumerate(self.column(column)):
            if not cell and blank:
                continue
            if not cell:
                raise DataError(f"{self.where(row, column)}: the cell is empty; a table has no holes.")
            try:
                # float() would read 1_000 as a thousand
                value = float(cell.replace("_", "?"))
            except ValueError:
                raise DataError(f"{self.where(row, column)}: {cell!r} is no number.") from None
            if not math.isfinite(value):
                raise DataError(f"{self.where(row, column)}: {cell} is not finite; a table has no holes.")
            if value < 0:
                raise DataError(f"{self.where(row, column)}: {cell} is negative.")
            values[row] = value
        return values


def _read_sheet(path: Path, spec: OwnSpec) -> _Sheet:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} is not readable as CSV in UTF-8 ({error}).") from None
    if not lines:
        raise DataError(f"{path} is empty; its first row names the columns.")
    header = tuple(name.strip() for name in lines[0])
    if len(header) == 1 and ";" in header[0]:
        raise DataError(f"{path} is separated by semicolons; save it with commas.")
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise DataError(f"{path} has two columns {twice[0]!r}; each needs a name of its own.")
    for column in spec.columns:
        if column not in header:
            raise unknown_name(f"column of {path.name}", column, header)
    filled = [(number, row) for number, row in enumerate(lines[1:], 2) if row]
    for number, row in filled:
        if len(row) != len(header):
            raise DataError(f"{path}, row {number}: {len(row)} cells, the header has {len(header)}.")
    return _Sheet(path, header, [row for _, row in filled], [number for number, _ in filled])


def _places(sheet: _Sheet, spec: OwnSpec, progress: Callable[[int, int], None] | None) -> npt.NDArray[np.int64]:
    """``(architectures,)`` the sheet's row of each architecture of the space, after checking that each is there once."""
    space = spec.space
    archs = np.zeros((len(sheet.rows), space.num_decisions), dtype=np.int8)
    for t, (column, decision) in enumerate(zip(spec.decisions, space.decisions, strict=True)):
        archs[:, t] = _choices(sheet, column, decision)
    archs = _active_choices(sheet, spec, archs)
    places = np.full(space.size, -1, dtype=np.int64)
    for row, index in enumerate(space.index_of(archs).tolist()):
        if places[index] >= 0:
            raise DataError(
                f"{sheet.path}: rows {sheet.numbers[places[index]]} and {sheet.numbers[row]} describe the same architecture, "
                f"{_named(spec, archs[row])}."
            )
        places[index] = row
        if progress is not None:
            progress(row + 1, len(archs))
    missing = np.flatnonzero(places < 0)
    if len(missing):
        raise DataError(
            f"{sheet.path}: {len(missing):,} of {space.size:,} architectures are missing, the first is "
            f"{_named(spec, space.enumerate()[missing[0]])}. A table has to be complete."
        )
    return places


def _choices(sheet: _Sheet, column: str, decision: Decision) -> npt.NDArray[np.int8]:
    """``(rows,)`` index of each row's label, `BLANK` for an empty cell."""
    by_text = {str(label): index for index, label in enumerate(decision.choices)}
    by_value = {float(label): index for index, label in enumerate(decision.choices) if not isinstance(label, str)}
    found = np.full(len(sheet.rows), BLANK, dtype=np.int8)
    for row, cell in enumerate(sheet.column(column)):
        index = BLANK if not cell else by_text.get(cell)
        if index is None and by_value:
            # a spreadsheet may write the label 3 as 3.0
            try:
                index = by_value.get(float(cell))
            except ValueError:
                index = None
        if index is None:
            raise unknown_name(f"label in {sheet.where(row, column)}:", cell, by_text)
        found[row] = index
    return found


def _active_choices(sheet: _Sheet, spec: OwnSpec, archs: Archs) -> Archs:
    """Inactive decisions at 0, whatever their cells say; active ones must not be blank."""
    filled = np.maximum(archs, 0)
    active = spec.space.active(filled)
    blank = active & (archs == BLANK)
    if blank.any():
        row, t = (int(i) for i in np.argwhere(blank)[0])
        allowed = ", ".join(map(str, spec.space.decisions[t].choices))
        raise DataError(
            f"{sheet.where(row, spec.decisions[t])}: the cell is empty, but the decision is active. Known: {allowed}."
        )
    return np.where(active, filled, np.int8(0))


def _named(spec: OwnSpec, arch: Archs) -> str:
    labels = ", ".join(f"{name}={label}" for name, label in spec.space.labels(arch[None])[0].items())
    return f"{spec.space.to_str(arch[None])[0]!r} ({labels})"


def _fractions(sheet: _Sheet, entry: AccuracyColumns, values: Floats) -> Floats:
    """``(rows, seeds)`` accuracies as fractions, after checking range and unit."""
    limit = 100.0 if entry.unit == "percent" else 1.0
    high = np.argwhere(values > limit)
    if len(high):
        row, seed = high[0]
        hint = ' If these are percent, say so: "unit": "percent".' if entry.unit == "fraction" else ""
        raise DataError(
            f"{sheet.where(int(row), entry.columns[seed])}: {values[row, seed]:g} is no accuracy in {entry.unit}, which reach "
            f"from 0 to {limit:g}.{hint}"
        )
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        raise DataError(f"{sheet.where(int(empty.argmax()), entry.columns[0])}: no training seed has an accuracy.")
    if entry.unit == "percent" and np.nanmax(values) <= 1:
        raise DataError(
            f"{sheet.path}: the largest number of {', '.join(entry.columns)} is {np.nanmax(values):g}, which looks like a "
            'fraction, not like percent; say so in the spec: "unit": "fraction".'
        )
    return values / limit
