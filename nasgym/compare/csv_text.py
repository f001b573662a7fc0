"""Rows as CSV text."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["blank", "csv_text"]


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A head and rows of as many values; floats with all digits."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return file.getvalue()


def blank(value: float | None) -> float | str:
    """The number; empty text where it is not known."""
    return "" if value is None or math.isnan(value) else value
