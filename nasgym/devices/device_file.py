"""`Device`: block latencies of one piece of hardware, and its CSV file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from nasgym.devices.block_key import KEY_COLUMNS, OPS, TEXT_COLUMNS, Block
from nasgym.errors import DataError, InvalidValue, unknown_name
from nasgym.files import write_file

__all__ = [
    "DEVICE_NAME",
    "FORMAT",
    "RESERVED",
    "UNKNOWN",
    "VALUE_COLUMNS",
    "Device",
    "Latency",
    "Model",
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
        mean_ms: Latency in milliseconds: a mean where it was published as one; of a profile, the 10th percentile less what a call
            costs (`nasgym.profiling`).
        spread_ms: Standard deviation over the measurements (of a profile: over its rounds), None where not known.
        count: Number of measurements, None where not known.
    """

    mean_ms: float
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
        model: ``"lookup"``: every number is a latency of its own; ``"linear"``: coefficients of a fitted sum, of which some may
            be negative.
        source: Where the numbers come from.
        note: What one should know about them.

    Raises:
        DataError: A name or number is not allowed.
    """

    name: str
    space: str
    runtime: str
    threads: int | None
    batch: int
    precision: str
    latencies: Mapping[Block, Latency]
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
        """Hash of the rows and of the part of the header that gives them meaning (16 hex digits)."""
        meaning = [self.name, self.space, self.runtime, self.threads, self.batch, self.precision, self.model]
        rows = sorted([list(astuple(block)), list(astuple(latency))] for block, latency in self.latencies.items())
        return hashlib.sha256(json.dumps([FORMAT, meaning, rows]).encode()).hexdigest()[:16]


def _fault(block: Block, latency: Latency, model: Model) -> str:
    """What is wrong with a row, or nothing."""
    if block.op not in OPS:
        return str(unknown_name("op", block.op, OPS))
    if not math.isfinite(latency.mean_ms):
        return f"latency_ms is {latency.mean_ms}, which is not finite; measure the block again, or leave its row out."
    if latency.mean_ms < 0 and model == "lookup":
        return f"latency_ms is {latency.mean_ms}, which is negative; only coefficients of a linear model may be."
    if latency.spread_ms is not None and not 0 <= latency.spread_ms < math.inf:
        return f"spread_ms is {latency.spread_ms}; a standard deviation is finite and not negative."
    if latency.count is not None and latency.count < 1:
        return f"count is {latency.count}; a block was measured at least once, or the cell is empty."
    if any(number < 0 for number in astuple(block) if isinstance(number, int)):
        return "a key column is negative."
    return ""


# ---- writing ------------------------------------------------------------------------------------------------------------


def write_device(device: Device, path: Path) -> Path:
    """Writes a device file; a crash leaves the old file or the new one, never half of one.

    Key columns that say nothing about any block are left out; numbers are written with all their digits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    threads = UNKNOWN if device.threads is None else device.threads
    header: list[tuple[str, Any]] = [
        ("device", device.name),
        ("space", device.space),
        ("runtime", device.runtime),
        ("threads", threads),
        ("batch", device.batch),
        ("precision", device.precision),
        ("model", device.model),
        ("source", device.source),
        ("note", device.note),
        ("fingerprint", device.fingerprint),
    ]
    text = io.StringIO()
    text.write(f"# {FORMAT}\n" + "".join(f"# {key}: {value}\n" for key, value in header if value != ""))
    used = [column for column in KEY_COLUMNS if column == "op" or any(getattr(block, column) for block in device.latencies)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*used, *VALUE_COLUMNS])
    for block, latency in sorted(device.latencies.items(), key=lambda item: item[0]):
        keys = [getattr(block, column) or "" for column in used]
        writer.writerow([*keys, *("" if value is None else repr(value) for value in astuple(latency))])
    return write_file(path, text.getvalue())


# ---- reading ------------------------------------------------------------------------------------------------------------


def read_device(path: Path, space: str | None = None) -> Device:
    """Reads a device file; nothing in it is executed.

    The file is CSV in UTF-8. It begins with ``# nasgym-device-1`` and one ``# key: value`` a line: device, space, runtime,
    threads, batch, precision (``unknown`` where it is not known), and as one likes model, source, note and fingerprint. The next
    line names the columns: ``op`` and other fields of `Block`, then ``latency_ms`` and as one likes ``spread_ms`` and
    ``count``; an empty key cell is 0 or empty text.

    Args:
        path: The file.
        space: Name of the space that it must have been measured for, or None for any.

    Raises:
        DataError: The file is damaged or says something that it should not; the message names the line.
        UnknownName: A key of the header or a column does not exist; the nearest one is suggested.
        InvalidValue: It was measured for another space.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as text in UTF-8 ({error}).") from None
    top = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    header = _read_header(path, lines[:top])
    if space is not None and header["space"] != space:
        raise InvalidValue(
            f"{path} was measured for the blocks of space {header['space']!r}, not of {space!r}; name a device of {space!r}."
        )
    latencies = _read_rows(path, lines, top, header["model"])
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


def _read_header(path: Path, lines: Sequence[str]) -> dict[str, Any]:
    if not lines or lines[0].lstrip("#").strip() != FORMAT:
        raise DataError(f"{path} has no header: a device file begins with the line '# {FORMAT}' and '# device: NAME'.")
    header = dict.fromkeys(HEADER, "")
    header["model"] = "lookup"
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], 2):
        key, colon, value = (part.strip() for part in line.lstrip("#").partition(":"))
        if not colon:
            raise DataError(f"{path}, line {number}: {line!r} is no line of a header; they are written '# key: value'.")
        if key not in HEADER:
            raise unknown_name(f"key of the header in {path}, line {number}:", key, HEADER)
        if key in seen:
            raise DataError(f"{path}, line {number}: the header says {key!r} twice.")
        seen.add(key)
        header[key] = value
    for key in REQUIRED:
        if not header[key]:
            raise DataError(f"{path}: the header lacks '# {key}: ...'; write {UNKNOWN!r} where it is not known.")
    return header


def _read_rows(path: Path, lines: Sequence[str], top: int, model: Model) -> dict[Block, Latency]:
    if top >= len(lines):
        raise DataError(f"{path} ends behind its header; the next line names the columns.")
    columns = [name.strip() for name in _cells(path, top + 1, lines[top])]
    _check_columns(path, top + 1, columns)
    latencies: dict[Block, Latency] = {}
    where: dict[Block, int] = {}
    for number, line in enumerate(lines[top + 1 :], top + 2):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in _cells(path, number, line)]
        if len(cells) != len(columns):
            raise DataError(f"{path}, line {number}: {len(cells)} cells, the header has {len(columns)}.")
        block, latency = _read_row(f"{path}, line {number}", dict(zip(columns, cells, strict=True)))
        if fault := _fault(block, latency, model):
            raise DataError(f"{path}, line {number}: {fault}")
        if block in latencies:
            raise DataError(f"{path}: lines {where[block]} and {number} are the same block, {block}; keep one of them.")
        latencies[block], where[block] = latency, number
    if not latencies:
        raise DataError(f"{path} has no rows behind its columns.")
    return latencies


def _cells(path: Path, number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise DataError(f"{path}, line {number} is not readable as CSV ({error}).") from None


def _check_columns(path: Path, number: int, columns: Sequence[str]) -> None:
    known = (*KEY_COLUMNS, *VALUE_COLUMNS)
    for column in columns:
        if column in ("latency_us", "latency_s", "latency_ns", "latency"):
            raise DataError(f"{path}, line {number}: latencies are in milliseconds, in a column 'latency_ms'; got {column!r}.")
        if column not in known:
            raise unknown_name(f"column in {path}, line {number}:", column, known)
        if columns.count(column) > 1:
            raise DataError(f"{path}, line {number}: two columns are called {column!r}.")
    for column in ("op", "latency_ms"):
        if column not in columns:
            raise DataError(f"{path}, line {number} lacks the column {column!r}; it has {', '.join(columns)}.")


def _read_row(where: str, row: Mapping[str, str]) -> tuple[Block, Latency]:
    keys: dict[str, Any] = {}
    for column in KEY_COLUMNS:
        cell = row.get(column, "")
        keys[column] = cell if column in TEXT_COLUMNS else _whole(f"{where}, column {column!r}", cell) if cell else 0
    spread, count = row.get("spread_ms", ""), row.get("count", "")
    latency = Latency(
        _number(f"{where}, column 'latency_ms'", row["latency_ms"]),
        _number(f"{where}, column 'spread_ms'", spread) if spread else None,
        _whole(f"{where}, column 'count'", count) if count else None,
    )
    return Block(**keys), latency


def _whole(where: str, cell: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", cell):
        raise DataError(f"{where}: {cell!r} is no whole number.")
    return int(cell)


def _number(where: str, cell: str) -> float:
    try:
        # float() would read 1_000 as a thousand
        return float(cell.replace("_", "?"))
    except ValueError:
        raise DataError(f"{where}: {cell!r} is no number.") from None
