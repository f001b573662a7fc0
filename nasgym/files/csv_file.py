"""`CsvFile`: the rows of a CSV file, with errors that name the cell."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasgym.errors import DataError, unknown_name
from nasgym.type_aliases import Floats

__all__ = ["CsvFile", "cell_number", "read_csv"]

GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class CsvFile:
    """The rows of a CSV file below the one that names the columns.

    Attributes:
        path: The file.
        header: Names of the columns.
        rows: Cells by row; each row has as many as the header.
        numbers: Number of each row as a spreadsheet counts them; the header is row 1.
    """

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    numbers: list[int]

    def column(self, name: str) -> list[str]:
        """The cells of a column, without blanks around them."""
        position = self.header.index(name)
        return [row[position].strip() for row in self.rows]

    def where(self, row: int, column: str) -> str:
        """A cell, in words that begin a message."""
        return f"{self.path}, row {self.numbers[row]}, column {column!r}"

    def floats(self, column: str, *, blank: bool = False, signed: bool = False) -> Floats:
        """``(rows,)`` numbers, NaN where a cell is blank and may be; from 0 on unless `signed`.

        Raises:
            DataError: A cell is empty, no number, negative or not finite.
        """
        values = np.full(len(self.rows), np.nan)
        for row, cell in enumerate(self.column(column)):
            if not cell and blank:
                continue
            if not cell:
                raise DataError(f"{self.where(row, column)}: the cell is empty; a table has no holes.")
            value = cell_number(self.where(row, column), cell)
            if math.isfinite(value) and (signed or value >= 0):
                values[row] = value
                continue
            fault = "is negative" if math.isfinite(value) else "is not finite"
            hint = "leave a cell blank where nothing was measured" if blank else "a table has no holes"
            raise DataError(f"{self.where(row, column)}: {cell} {fault}; {hint}.")
        return values


def cell_number(where: str, cell: str) -> float:
    """The number in a cell; it may be negative, infinite or NaN.

    Args:
        where: The cell, in words that begin a message.
        cell: Its text.

    Raises:
        DataError: It is no number.
    """
    try:
        # float() would read 1_000 as a thousand
        return float(cell.replace("_", "?"))
    except ValueError:
        raise DataError(f"{where}: {cell!r} is no number.") from None


def read_csv(path: Path, columns: Iterable[str] = ()) -> CsvFile:
    """Reads a CSV file in UTF-8, also one that gzip has packed; empty lines are passed over.

    Args:
        path: The file.
        columns: Columns that it must have.

    Raises:
        DataError: The file is not readable, or a row has more or fewer cells than the header.
        UnknownName: It lacks one of the columns; the nearest one is suggested.
    """
    try:
        packed = path.read_bytes()
        text = (gzip.decompress(packed) if packed.startswith(GZIP) else packed).decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        raise DataError(f"{path} is not readable as CSV in UTF-8 ({error}).") from None
    if not lines:
        raise DataError(f"{path} is empty; its first row names the columns.")
    header = tuple(name.strip() for name in lines[0])
    if len(header) == 1 and ";" in header[0]:
        raise DataError(f"{path} is separated by semicolons; save it with commas.")
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise DataError(f"{path} has two columns {twice[0]!r}; each needs a name of its own.")
    for column in columns:
        if column not in header:
            raise unknown_name(f"column of {path.name}", column, header)
    filled = [(number, row) for number, row in enumerate(lines[1:], 2) if row]
    for number, row in filled:
        if len(row) != len(header):
            raise DataError(f"{path}, row {number}: {len(row)} cells, the header has {len(header)}.")
    return CsvFile(path, header, [row for _, row in filled], [number for number, _ in filled])
