"""``latencies.csv``: what comes back from the machine that a kit was measured on.

It was written by ``measure.py`` or by anything else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nasgym.devices.device_file import UNKNOWN, check_milliseconds
from nasgym.errors import DataError, unknown_name
from nasgym.files.csv_file import cell_number
from nasgym.files.headed_csv import read_headed_csv
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
        path: CSV with the columns ``model`` (name of a file in ``models/``) and ``latency_ms``, and
            optionally ``low_ms``, ``high_ms``, ``spread_ms``, ``count`` and ``noisy``; before them
            lines ``# key: value`` about the machine.
        known: Names of the kit's models.

    Raises:
        DataError: The file is missing or damaged, or a number is not possible; the message names
            the line.
        UnknownName: A column, a key or a model does not exist.
    """
    if not path.exists():
        raise DataError(
            f"{path} is not there: run `python measure.py` in the kit on the device, or fill a CSV with the columns model and "
            "latency_ms by any other runtime."
        )
    file = read_headed_csv(path, HEADER)
    check_milliseconds(file)
    file.check_columns(COLUMNS, REQUIRED)
    timings: dict[str, Timing] = {}
    for number, cells in file.rows:
        model, where = cells["model"], file.where(number)
        if model not in known:
            raise unknown_name(f"model in {where}:", model, known)
        if model in timings:
            raise DataError(f"{where}: {model!r} was there before; keep one of the rows.")
        timings[model] = _timing(where, cells)
    return KitResults(file.head, timings)


def _timing(where: str, cells: Mapping[str, str]) -> Timing:
    latency = _number(where, "latency_ms", cells["latency_ms"])
    if latency == 0:
        raise DataError(f"{where}: latency_ms is 0; a model takes some time, so its unit or the measurement is wrong.")
    low, high = (_number(where, key, cells[key]) if cells.get(key) else latency for key in ("low_ms", "high_ms"))
    spread = _number(where, "spread_ms", cells["spread_ms"]) if cells.get("spread_ms") else 0.0
    count = _number(where, "count", cells["count"]) if cells.get("count") else 1.0
    return Timing(latency, low, high, spread, max(1, int(count)), cells.get("noisy", "0") not in ("", "0"))


def _number(where: str, column: str, cell: str) -> float:
    value = cell_number(f"{where}, column {column!r}", cell)
    if not 0 <= value < math.inf:
        raise DataError(f"{where}, column {column!r}: {cell} is not possible; it is finite and not negative.")
    return value


def import_kit(folder: Path, name: str, path: Path) -> Profiled:
    """Makes a device file out of a kit that was measured elsewhere.

    Args:
        folder: The kit, with ``latencies.csv``.
        name: Of the device, lower case.
        path: The device file to write; report and picture go beside it where whole networks were
            measured, too.

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
