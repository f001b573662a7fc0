"""CSV files that begin with lines ``# key: value``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nasgym.errors import DataError, unknown_name
from nasgym.files.write import write_file

__all__ = ["HeadedCsv", "read_headed_csv", "write_headed_csv"]


@dataclass(frozen=True)
class HeadedCsv:
    """What such a file says.

    Attributes:
        path: The file.
        head: Values by key, without blanks around them.
        columns: Names of the columns, not checked yet.
        number: The line that names the columns, from 1.
        rows: Line number and cells of each row, without blanks around them.
    """

    path: Path
    head: Mapping[str, str]
    columns: tuple[str, ...]
    number: int
    rows: Sequence[tuple[int, Mapping[str, str]]]

    def where(self, number: int) -> str:
        """A line, in words that begin a message."""
        return f"{self.path}, line {number}"

    def check_columns(self, known: Iterable[str], required: Iterable[str]) -> None:
        """Checks the names of the columns.

        Raises:
            UnknownName: There is a column that is not known; the nearest one is suggested.
            DataError: Two columns have one name, or a required one is not there.
        """
        names, where = tuple(known), self.where(self.number)
        for column in self.columns:
            if column not in names:
                raise unknown_name(f"column in {where}:", column, names)
            if self.columns.count(column) > 1:
                raise DataError(f"{where}: two columns are called {column!r}.")
        for column in required:
            if column not in self.columns:
                raise DataError(f"{where} lacks the column {column!r}; it has {', '.join(self.columns)}.")


def read_headed_csv(path: Path, keys: Sequence[str], title: str = "") -> HeadedCsv:
    """Reads a file in UTF-8; empty lines are passed over.

    Args:
        path: The file.
        keys: Keys that its head may have.
        title: Text of the first line after its ``#``; empty where there is no such line.

    Raises:
        DataError: The file is not readable or damaged; the message names the line.
        UnknownName: The head has another key; the nearest one is suggested.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as text in UTF-8 ({error}).") from None
    top = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    first = 1 if title else 0
    if title and (not top or lines[0].lstrip("#").strip() != title):
        raise DataError(f"{path} has no header: its first line must be '# {title}', the next one '# {keys[0]}: ...'.")
    head = _head(path, lines[first:top], first + 1, keys)
    if top == len(lines):
        raise DataError(f"{path} ends after its header; the next line names the columns.")
    columns = _cells(path, top + 1, lines[top])
    if not any(columns):
        raise DataError(f"{path}, line {top + 1} is empty; it names the columns.")
    rows = []
    for number, line in enumerate(lines[top + 1 :], top + 2):
        if not line.strip():
            continue
        cells = _cells(path, number, line)
        if len(cells) != len(columns):
            raise DataError(f"{path}, line {number}: {len(cells)} cells, the header has {len(columns)}.")
        rows.append((number, dict(zip(columns, cells, strict=True))))
    return HeadedCsv(path, head, tuple(columns), top + 1, rows)


def _head(path: Path, lines: Sequence[str], first: int, keys: Sequence[str]) -> dict[str, str]:
    head: dict[str, str] = {}
    for number, line in enumerate(lines, first):
        key, colon, value = (part.strip() for part in line.lstrip("#").partition(":"))
        if not colon:
            raise DataError(f"{path}, line {number}: {line!r} is no line of a header; they are written '# key: value'.")
        if key not in keys:
            raise unknown_name(f"key of the header in {path}, line {number}:", key, keys)
        if key in head:
            raise DataError(f"{path}, line {number}: the header says {key!r} twice.")
        head[key] = value
    return head


def _cells(path: Path, number: int, line: str) -> list[str]:
    # a line at a time: a quote that is not closed is an error of its line, not of the rest
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True), [])]
    except csv.Error as error:
        raise DataError(f"{path}, line {number} is not readable as CSV ({error}).") from None


def write_headed_csv(
    path: Path, title: str, head: Mapping[str, object], columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> Path:
    """Writes such a file; a crash leaves the old file or the new one, never half of one.

    Args:
        path: The file.
        title: Text of the first line after its ``#``.
        head: Values by key; empty ones are left out.
        columns: Names of the columns.
        rows: Cells of each row.
    """
    text = io.StringIO()
    text.write(f"# {title}\n" + "".join(f"# {key}: {value}\n" for key, value in head.items() if value != ""))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return write_file(path, text.getvalue())
