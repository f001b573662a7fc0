"""What comes back from the machine that a kit was measured on: ``latencies.csv``, by ``measure.py`` or by anything else."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nasgym.devices.device_file import UNKNOWN
from nasgym.errors import DataError, unknown_name
from nasgym.measuring.measure import COLUMNS, Timing
from nasgym.profiling.kit import EMPTY, read_kit
from nasgym.profiling.profile import Profiled, device_of, write_results
from nasgym.registry import SPACES

__all__ = ["KitResults", "import_kit", "read_results"]

RESULTS = "latencies.csv"
REQUIRED = ("model", "latency_ms")
HEADER = ("processor", "architecture", "system", "cores", "runtime", "provider", "threads")


@dataclass(frozen=True)
class KitResults:
    """The file's header and timings.

    Attributes:
        about: Lines ``# key: value``; keys are those of `HEADER`.
        timings: By file name of the model.
    """

    about: Mapping[str, str]
    timings: Mapping[str, Timing]

    @property
    def threads(self) -> int | None:
        """Threads of the runtime, None where the file does not say."""
        text = self.about.get("threads", UNKNOWN)
        return int(text) if re.fullmatch("[0-9]{1,6}", text) and int(text) else None

    @property
    def runtime(self) -> str:
        """Runtime and provider."""
        return " ".join(self.about[key] for key in ("runtime", "provider") if key in self.about) or UNKNOWN


def read_results(path: Path, known: Sequence[str]) -> KitResults:
    """Reads latencies of a kit's models.

    Args:
        path: CSV with the columns ``model`` (name of a file in ``models/``) and ``latency_ms``, and as one likes ``low_ms``,
            ``high_ms``, ``spread_ms``, ``count`` and ``noisy``; before them lines ``# key: value`` about the machine.
        known: Names of the kit's models.

    Raises:
        DataError: The file is missing or damaged, or a number is not possible; the message names the line.
        UnknownName: A column, a key or a model does not exist.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(
            f"{path} is not there: run `python measure.py` in the kit on the device, or fill a CSV with the columns model and "
            "latency_ms by any other runtime."
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as text in UTF-8 ({error}).") from None
    top = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    about = {}
    for number, line in enumerate(lines[:top], 1):
        key, colon, value = (part.strip() for part in line.lstrip("#").partition(":"))
        if not colon or key not in HEADER:
            raise unknown_name(f"key in {path}, line {number}:", key, HEADER)
        about[key] = value
    rows = list(csv.reader(lines[top:]))
    columns = [name.strip() for name in rows[0]] if rows else []
    for column in columns:
        if column in ("latency_us", "latency_s", "latency_ns", "latency"):
            raise DataError(f"{path}: latencies are in milliseconds, in a column 'latency_ms'; got {column!r}.")
        if column not in COLUMNS:
            raise unknown_name(f"column in {path}", column, COLUMNS)
    for column in REQUIRED:
        if columns.count(column) != 1:
            raise DataError(
                f"{path} has {columns.count(column)} columns {column!r}, wanted is one; it has {', '.join(columns)}."
            )
    timings: dict[str, Timing] = {}
    for number, row in enumerate(rows[1:], top + 2):
        if not row:
            continue
        if len(row) != len(columns):
            raise DataError(f"{path}, line {number}: {len(row)} cells, there are {len(columns)} columns.")
        cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
        model = cells["model"]
        if model not in known:
            raise unknown_name(f"model in {path}, line {number}:", model, known)
        if model in timings:
            raise DataError(f"{path}, line {number}: {model!r} was there before; keep one of the rows.")
        timings[model] = _timing(f"{path}, line {number}", cells)
    return KitResults(about, timings)


def _timing(where: str, cells: Mapping[str, str]) -> Timing:
    latency = _number(where, "latency_ms", cells["latency_ms"])
    if latency == 0:
        raise DataError(f"{where}: latency_ms is 0; a model takes some time, so its unit or the measurement is wrong.")
    low, high = (_number(where, key, cells[key]) if cells.get(key) else latency for key in ("low_ms", "high_ms"))
    spread = _number(where, "spread_ms", cells["spread_ms"]) if cells.get("spread_ms") else 0.0
    count = _number(where, "count", cells["count"]) if cells.get("count") else 1.0
    return Timing(latency, low, high, spread, max(1, int(count)), cells.get("noisy", "0") not in ("", "0"))


def _number(where: str, column: str, cell: str) -> float:
    try:
        value = float(cell.replace("_", "?"))
    except ValueError:
        raise DataError(f"{where}, column {column!r}: {cell!r} is no number.") from None
    if not 0 <= value < math.inf:
        raise DataError(f"{where}, column {column!r}: {cell} is not possible; it is finite and not negative.")
    return value


def import_kit(folder: Path, name: str, path: Path) -> Profiled:
    """Makes a device file out of a kit that was measured elsewhere.

    Args:
        folder: The kit, with ``latencies.csv``.
        name: Of the device, lower case.
        path: The device file to write; report and picture go beside it where whole networks were measured, too.

    Raises:
        DataError: The kit or its latencies are damaged, or blocks are missing.
        UnknownName: A name in the files is not known.
    """
    kit = read_kit(folder)
    space = SPACES.load(kit.space)()
    found = read_results(folder / RESULTS, list(kit.models))
    machine = ", ".join(found.about[key] for key in ("processor", "system") if key in found.about)
    device = device_of(
        kit,
        found.timings,
        name,
        runtime=found.runtime,
        threads=found.threads,
        source="kit" + (f"; {machine}" if machine else ""),
        note="" if EMPTY in found.timings else f"the cost of a call ({EMPTY}) was not measured and is part of every block",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_results(space, kit, found.timings, device, path)
