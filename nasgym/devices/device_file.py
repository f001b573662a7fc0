"""`Device`: block latencies of one piece of hardware, and its CSV file."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from nasgym.devices.block_key import KEY_COLUMNS, OPS, TEXT_COLUMNS, BlockKey
from nasgym.errors import DataError, InvalidValue, unknown_name
from nasgym.files.csv_file import cell_number
from nasgym.files.headed_csv import HeadedCsv, read_headed_csv, write_headed_csv

__all__ = [
    "DEVICE_NAME",
    "FORMAT",
    "RESERVED",
    "UNKNOWN",
    "VALUE_COLUMNS",
    "Device",
    "Latency",
    "Model",
    "check_milliseconds",
    "read_device",
    "write_device",
]

FORMAT = "nasgym-device-1"
UNKNOWN = "unknown"
REQUIRED = ("device", "space", "runtime", "threads", "batch", "precision")
HEADER = (*REQUIRED, "model", "source", "note", "fingerprint")
# what `nasgym.make_problem` takes for something else
RESERVED = "live"
VALUE_COLUMNS = ("latency_ms", "spread_ms", "count")
DEVICE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

Model: TypeAlias = Literal["lookup", "linear"]


@dataclass(frozen=True)
class Latency:
    """What was measured for a block.

    Attributes:
        latency_ms: Latency in milliseconds: a mean where it was published as one; of a profile, the
            10th percentile less what a call costs (`nasgym.profiling`).
        spread_ms: Standard deviation over the measurements (of a profile: over its rounds), None
            where not known.
        count: Number of measurements, None where not known.
    """

    latency_ms: float
    spread_ms: float | None = None
    count: int | None = None


@dataclass(frozen=True)
class Device:
    """A look-up table: the latency of a network is the sum over its blocks.

    Attributes:
        name: Of the hardware, lower case, for example ``"note10"``.
        space: Name of the space whose blocks were measured.
        runtime: What ran the blocks, or ``"unknown"``.
        threads: Threads of the runtime, None where not known.
        batch: Images at once.
        precision: For example ``"float32"``, or ``"unknown"``.
        latencies: By block; at least one.
        model: ``"lookup"``: every number is a latency of its own; ``"linear"``: coefficients of a
            fitted sum, of which some may be negative.
        source: Where the numbers come from.
        note: What a reader should know about them.

    Raises:
        DataError: A name or number is not allowed.
    """

    name: str
    space: str
    runtime: str
    threads: int | None
    batch: int
    precision: str
    latencies: Mapping[BlockKey, Latency]
    model: Model = "lookup"
    source: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not DEVICE_NAME.fullmatch(self.name):
            raise DataError(f"{self.name!r} is no name of a device: lower-case letters, digits, dot, dash, underscore.")
        if self.name == RESERVED:
            raise DataError(f"device={RESERVED!r} measures on this machine; give the device another name.")
        if not DEVICE_NAME.fullmatch(self.space):
            raise DataError(f"{self.space!r} is no name of a space: lower-case letters, digits, dot, dash, underscore.")
        for key, text in (("runtime", self.runtime), ("precision", self.precision)):
            if not text:
                raise DataError(f"device {self.name!r} has an empty {key}; write {UNKNOWN!r} where it is not known.")
        for key in ("space", "runtime", "precision", "source", "note"):
            if "\n" in getattr(self, key) or "\r" in getattr(self, key):
                raise DataError(f"the {key} of device {self.name!r} has several lines; write it in one.")
        if self.model not in get_args(Model):
            raise unknown_name(f"model of device {self.name!r}", self.model, get_args(Model))
        if self.batch < 1 or (self.threads is not None and self.threads < 1):
            raise DataError(f"device {self.name!r}: threads={self.threads} and batch={self.batch} are counts from 1 on.")
        if not self.latencies:
            raise DataError(f"device {self.name!r} has no blocks.")
        for block, latency in self.latencies.items():
            if fault := _fault(block, latency, self.model):
                raise DataError(f"device {self.name!r}, block {block}: {fault}")

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the rows and of the header fields that give them meaning (16 hex digits)."""
        meaning = [self.name, self.space, self.runtime, self.threads, self.batch, self.precision, self.model]
        rows = sorted([list(astuple(block)), list(astuple(latency))] for block, latency in self.latencies.items())
        return hashlib.sha256(json.dumps([FORMAT, meaning, rows]).encode()).hexdigest()[:16]


def _fault(block: BlockKey, latency: Latency, model: Model) -> str:
    """What is wrong with a row, or nothing."""
    if block.op not in OPS:
        return str(unknown_name("op", block.op, OPS))
    if not math.isfinite(latency.latency_ms):
        return f"latency_ms is {latency.latency_ms}, which is not finite; measure the block again, or leave its row out."
    if latency.latency_ms < 0 and model == "lookup":
        return f"latency_ms is {latency.latency_ms}, which is negative; only coefficients of a linear model may be."
    if latency.spread_ms is not None and not 0 <= latency.spread_ms < math.inf:
        return f"spread_ms is {latency.spread_ms}; a standard deviation is finite and not negative."
    if latency.count is not None and latency.count < 1:
        return f"count is {latency.count}; a block was measured at least once, or the cell is empty."
    if any(number < 0 for number in astuple(block) if isinstance(number, int)):
        return "a key column is negative."
    return ""


# ---- writing -----------------------------------------------------------------------------------


def write_device(device: Device, path: Path) -> Path:
    """Writes a device file; a crash leaves the old file or the new one, never half of one.

    Key columns that say nothing about any block are left out; numbers are written with all their
    digits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "device": device.name,
        "space": device.space,
        "runtime": device.runtime,
        "threads": UNKNOWN if device.threads is None else device.threads,
        "batch": device.batch,
        "precision": device.precision,
        "model": device.model,
        "source": device.source,
        "note": device.note,
        "fingerprint": device.fingerprint,
    }
    used = [column for column in KEY_COLUMNS if column == "op" or any(getattr(block, column) for block in device.latencies)]
    rows = []
    for block, latency in sorted(device.latencies.items(), key=lambda item: item[0]):
        keys = [getattr(block, column) or "" for column in used]
        rows.append([*keys, *("" if value is None else repr(value) for value in astuple(latency))])
    return write_headed_csv(path, FORMAT, header, [*used, *VALUE_COLUMNS], rows)


# ---- reading -----------------------------------------------------------------------------------


def read_device(path: Path, space: str | None = None) -> Device:
    """Reads a device file; nothing in it is executed.

    The file is CSV in UTF-8. It begins with ``# nasgym-device-1`` and one ``# key: value`` a line:
    device, space, runtime, threads, batch, precision (``unknown`` where it is not known), and
    optionally model, source, note and fingerprint. The next line names the columns: ``op`` and
    other fields of `BlockKey`, then ``latency_ms`` and optionally ``spread_ms`` and ``count``; an
    empty key cell is 0 or empty text.

    Args:
        path: The file.
        space: Name of the space that it must have been measured for, or None for any.

    Raises:
        DataError: The file is damaged or says something that it should not; the message names the
            line.
        UnknownName: A key of the header or a column does not exist; the nearest one is suggested.
        InvalidValue: It was measured for another space.
    """
    file = read_headed_csv(path, HEADER, FORMAT)
    header: dict[str, Any] = {**dict.fromkeys(HEADER, ""), "model": "lookup", **file.head}
    for key in REQUIRED:
        if not header[key]:
            raise DataError(f"{path}: the header lacks '# {key}: ...'; write {UNKNOWN!r} where it is not known.")
    if space is not None and header["space"] != space:
        raise InvalidValue(
            f"{path} was measured for the blocks of space {header['space']!r}, not of {space!r}; name a device of {space!r}."
        )
    latencies = _read_rows(file, header["model"])
    device = Device(
        name=header["device"],
        space=header["space"],
        runtime=header["runtime"],
        threads=None if header["threads"] == UNKNOWN else _whole(f"{path}, threads", header["threads"]),
        batch=_whole(f"{path}, batch", header["batch"]),
        precision=header["precision"],
        latencies=latencies,
        model=header["model"],
        source=header["source"],
        note=header["note"],
    )
    said = header["fingerprint"]
    if said and said != device.fingerprint:
        raise DataError(
            f"{path} has the fingerprint {said} in its header, but its contents have {device.fingerprint}: rows are missing or "
            "were changed after it was written. Import or measure it again; for a table of your own, leave out the fingerprint."
        )
    return device


def _read_rows(file: HeadedCsv, model: Model) -> dict[BlockKey, Latency]:
    check_milliseconds(file)
    file.check_columns((*KEY_COLUMNS, *VALUE_COLUMNS), ("op", "latency_ms"))
    latencies: dict[BlockKey, Latency] = {}
    lines: dict[BlockKey, int] = {}
    for number, row in file.rows:
        block, latency = _read_row(file.where(number), row)
        if fault := _fault(block, latency, model):
            raise DataError(f"{file.where(number)}: {fault}")
        if block in latencies:
            raise DataError(f"{file.path}: lines {lines[block]} and {number} are the same block, {block}; keep one of them.")
        latencies[block], lines[block] = latency, number
    if not latencies:
        raise DataError(f"{file.path} has no rows after its columns.")
    return latencies


def check_milliseconds(file: HeadedCsv) -> None:
    """Raises `DataError` where a column has latencies in another unit."""
    for column in file.columns:
        if column in ("latency_us", "latency_s", "latency_ns", "latency"):
            raise DataError(
                f"{file.where(file.number)}: latencies are in milliseconds, in a column 'latency_ms'; got {column!r}."
            )


def _read_row(where: str, row: Mapping[str, str]) -> tuple[BlockKey, Latency]:
    keys: dict[str, Any] = {}
    for column in KEY_COLUMNS:
        cell = row.get(column, "")
        keys[column] = cell if column in TEXT_COLUMNS else _whole(f"{where}, column {column!r}", cell) if cell else 0
    spread, count = row.get("spread_ms", ""), row.get("count", "")
    latency = Latency(
        cell_number(f"{where}, column 'latency_ms'", row["latency_ms"]),
        cell_number(f"{where}, column 'spread_ms'", spread) if spread else None,
        _whole(f"{where}, column 'count'", count) if count else None,
    )
    return BlockKey(**keys), latency


def _whole(where: str, cell: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", cell):
        raise DataError(f"{where}: {cell!r} is no whole number.")
    return int(cell)
