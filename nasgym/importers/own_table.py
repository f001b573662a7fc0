"""Importer of your own table: a CSV file and a spec that says what its columns mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError, unknown_name
from nasgym.files.csv_file import CsvFile, read_csv
from nasgym.files.provenance import describe_source
from nasgym.importers.own_spec import AccuracyColumns, OwnSpec, read_spec
from nasgym.quality import ACCURACY
from nasgym.spaces.decision import Decision
from nasgym.tables.table_file import Table, write_table
from nasgym.tables.table_folder import table_path
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["import_own_table", "read_own_table"]

BLANK = -1


def import_own_table(csv_path: str | Path, spec_path: str | Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Converts a CSV file with one row for each architecture to a table in the data folder.

    Args:
        csv_path: Comma-separated, UTF-8, the first row names the columns. Every architecture of the
            space stands in one row, or of a sampled table a sample of them.
        spec_path: JSON: name, decisions, accuracies, training seconds, costs
            (``docs/own-table.md``).
        progress: Called with (rows done, all rows).

    Returns:
        The table file.

    Raises:
        DataError: A file is not readable, the spec contradicts itself, or a row is wrong; the
            message names the row (the header is row 1).
        UnknownName: A key, column or label does not exist; the nearest one is suggested.
    """
    table = read_own_table(Path(csv_path), Path(spec_path), progress)
    return write_table(table, table_path(table.name))


def read_own_table(csv_path: Path, spec_path: Path, progress: Callable[[int, int], None] | None = None) -> Table:
    """The table of a CSV file and its spec, not yet written; see `import_own_table`."""
    spec = read_spec(spec_path)
    sheet = read_csv(csv_path, spec.columns)
    archs, place = _places(sheet, spec, progress)
    accuracy = {}
    for entry in spec.accuracies:
        values = _kept(sheet, entry)[place].astype(np.float32)
        accuracy[entry.dataset, entry.fidelity, str(entry.split)] = values
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
        **({"sampled": True} if spec.sampled else {}),
        **({"qualities": {name: quality.describe() for name, quality in spec.qualities.items()}} if spec.qualities else {}),
        "seeds": {f"{entry.dataset}/{entry.fidelity}/{entry.split}": list(entry.columns) for entry in spec.accuracies},
        "notes": list(spec.notes),
        "spec": describe_source(spec_path)["source"],
        **describe_source(csv_path),
    }
    return Table(card, accuracy, seconds, costs, archs if spec.sampled else None)


def _places(sheet: CsvFile, spec: OwnSpec, progress: Callable[[int, int], None] | None) -> tuple[Archs, Ints]:
    """``(N, D)`` the sheet's architectures in the order of the space, and ``(N,)`` their rows.

    None is there twice. Unless the table is a sample, all architectures of the space are there.
    """
    space = spec.space
    archs = np.zeros((len(sheet.rows), space.num_decisions), dtype=np.int8)
    for t, (column, decision) in enumerate(zip(spec.decisions, space.decisions, strict=True)):
        archs[:, t] = _choices(sheet, column, decision)
    archs = _active_choices(sheet, spec, archs)
    seen: dict[bytes, int] = {}
    for row, arch in enumerate(archs):
        first = seen.setdefault(arch.tobytes(), row)
        if first != row:
            raise DataError(
                f"{sheet.path}: rows {sheet.numbers[first]} and {sheet.numbers[row]} describe the same architecture, "
                f"{_named(spec, arch)}."
            )
        if progress is not None:
            progress(row + 1, len(archs))
    if spec.sampled and not len(archs):
        raise DataError(f"{sheet.path} has a header and no row; a sampled table has at least one architecture.")
    if not spec.sampled and len(archs) < space.size:
        there = np.zeros(space.size, dtype=bool)
        there[space.index_of(archs)] = True
        raise DataError(
            f"{sheet.path}: {space.size - len(archs):,} of {space.size:,} architectures are missing, the first is "
            f"{_named(spec, space.enumerate()[there.argmin()])}. A table has to be complete, unless its spec says "
            '"sampled": true.'
        )
    order = np.lexsort(archs.T[::-1])
    return archs[order], order


def _choices(sheet: CsvFile, column: str, decision: Decision) -> npt.NDArray[np.int8]:
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


def _active_choices(sheet: CsvFile, spec: OwnSpec, archs: Archs) -> Archs:
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


def _kept(sheet: CsvFile, entry: AccuracyColumns) -> Floats:
    """``(rows, seeds)`` accuracies in the unit in which they are kept, after checking the range."""
    quality, several, one = entry.quality, len(entry.columns) > 1, 100.0 if entry.percent else 1.0
    values = np.stack([sheet.floats(column, blank=several, signed=quality.signed) for column in entry.columns], axis=1)
    kept = values / one
    wrong = np.argwhere(quality.outside(kept))
    if len(wrong):
        row, seed = wrong[0]
        unit = ("percent" if entry.percent else "fractions") if quality.percent else quality.unit
        hint = ' If these are percent, say so: "unit": "percent".' if quality.percent and not entry.percent else ""
        raise DataError(
            f"{sheet.where(int(row), entry.columns[seed])}: {values[row, seed]:g} is no {quality.words}{unit and f' in {unit}'}, "
            f"which reaches from {one * quality.low:g} to {one * quality.high:g}.{hint}"
        )
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        raise DataError(f"{sheet.where(int(empty.argmax()), entry.columns[0])}: no training seed has an accuracy.")
    largest = float(np.nanmax(np.abs(values)))
    # small errors in percent are no fractions where the spec says how large they may be
    if entry.percent and largest <= 1 < one * max(abs(quality.low), abs(quality.high)):
        small = (
            f" If it is percent, give the {quality.words} its range in 'qualities', \"high\": 1." if quality != ACCURACY else ""
        )
        raise DataError(
            f"{sheet.path}: the largest number of {', '.join(entry.columns)} is {largest:g}, which looks like a fraction, not like "
            f'percent; say so in the spec: "unit": "fraction".{small}'
        )
    return kept
