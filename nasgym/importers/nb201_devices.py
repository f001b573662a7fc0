"""Importer of device costs: of NAS-Bench-201's cells, or of your own columns for a space."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nasgym.errors import DataError, InvalidValue, NasgymError
from nasgym.files.csv_file import CsvFile, read_csv
from nasgym.files.provenance import describe_source
from nasgym.importers.column_names import KEY_COLUMN, Meanings, column_meanings, read_meanings
from nasgym.registry import SPACES
from nasgym.spaces.space import SearchSpace
from nasgym.tables.cost_columns import CostColumns, columns_path, write_columns
from nasgym.type_aliases import Ints

__all__ = ["import_cost_columns", "read_cost_columns"]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def import_cost_columns(
    path: str | Path,
    meanings: str | Path | None = None,
    *,
    space: str = "nats-tss",
    name: str = "nb201-devices",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Converts a CSV file with the costs of every architecture of a space.

    The columns are written into the data folder.

    Column ``arch_str`` has the architectures in their textual form. Every other column is the
    latency or the energy on a device: ``DEVICE_ms``, ``_us``, ``_s``, ``_mj``, ``_uj``, ``_j``,
    with or without ``_latency`` or ``_energy`` before the unit. Columns of HW-NAS-Bench
    (``hwnas_``), HELP (``help_``), HW-NAS-Bench-360 (``hw360_``), nn-Meter (``nnmeter_``) and EAGLE
    (``eagle_``) are known by these beginnings: data set and caveats come from there; the first two
    leave their beginning out of the device's name. A cell is blank where nothing was measured.

    Args:
        path: The file, also packed by gzip.
        meanings: JSON: columns to sentences, which are kept as the publication's own words, or to
            objects with ``unit``, ``cost``, ``device``, ``dataset``, ``note`` for what names do not
            say.
        space: Registered name of the space; it can be enumerated.
        name: Of the columns together.
        progress: Called with (columns done, all columns).

    Returns:
        The file of cost columns.

    Raises:
        DataError: A file is not readable, an architecture is missing or there twice, or a number is
            wrong; the message names row and column.
        UnknownName: A column's name is not allowed; the nearest one is suggested.
        InvalidValue: The space is too large, or the name is none.
    """
    columns = read_cost_columns(Path(path), None if meanings is None else Path(meanings), space, name, progress)
    return write_columns(columns, columns_path(space, name))


def read_cost_columns(
    path: Path,
    meanings_path: Path | None = None,
    space: str = "nats-tss",
    name: str = "nb201-devices",
    progress: Callable[[int, int], None] | None = None,
) -> CostColumns:
    """The columns of a file, not yet written; see `import_cost_columns`."""
    if not NAME.fullmatch(name):
        raise InvalidValue(f"{name!r} is no name of a file: lower-case letters, digits, dash, underscore.")
    whole: SearchSpace = SPACES.load(space)()
    if not whole.can_enumerate:
        raise InvalidValue(f"space {space!r} has {whole.size:.3g} architectures, too many for a row each; use a device file.")
    meanings = Meanings({}, {}) if meanings_path is None else read_meanings(meanings_path)
    sheet = read_csv(path)
    found = column_meanings(path, sheet.header, meanings)
    rows = _rows(sheet, whole)
    costs = {}
    for done, meaning in enumerate(found, 1):
        costs[meaning.dataset, meaning.name] = sheet.floats(meaning.column, blank=True)[rows] * meaning.factor
        if progress is not None:
            progress(done, len(found))
    card = {
        "name": name,
        "space": space,
        "notes": {f"{meaning.dataset}/{meaning.name}": f"{meaning.note} (column {meaning.column})" for meaning in found},
        "published": dict(meanings.texts),
        **({} if meanings_path is None else {"meanings": describe_source(meanings_path)["source"]}),
        **describe_source(path),
    }
    return CostColumns(card, costs)


def _rows(sheet: CsvFile, space: SearchSpace) -> Ints:
    """``(size,)`` the sheet's row of each architecture of the space; each must be there once."""
    rows = np.full(space.size, -1, dtype=np.int64)
    for row, place in enumerate(_places(sheet, space).tolist()):
        if rows[place] >= 0:
            text = space.to_str(space.enumerate()[place][None])[0]
            raise DataError(
                f"{sheet.path}: rows {sheet.numbers[rows[place]]} and {sheet.numbers[row]} are the same architecture, {text}; keep "
                "one of them."
            )
        rows[place] = row
    absent = np.flatnonzero(rows < 0)
    if len(absent):
        text = space.to_str(space.enumerate()[absent[:1]])[0]
        raise DataError(
            f"{sheet.path}: {len(absent):,} of {space.size:,} architectures are missing, the first is {text}; every one has a row, "
            "with blank cells where nothing was measured."
        )
    return rows


def _places(sheet: CsvFile, space: SearchSpace) -> Ints:
    """``(rows,)`` position of each row's architecture in the space."""
    texts = sheet.column(KEY_COLUMN)
    try:
        return space.index_of(space.from_str(texts))
    except NasgymError:
        for row, text in enumerate(texts):
            try:
                space.index_of(space.from_str([text]))
            except NasgymError as error:
                raise DataError(f"{sheet.where(row, KEY_COLUMN)}: {error}") from None
        raise
