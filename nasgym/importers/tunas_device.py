"""Importer of TuNAS's linear latency model: the published coefficients to a device file."""

from __future__ import annotations

import ast
import base64
import binascii
import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency, write_device
from nasgym.devices.device_folder import device_path
from nasgym.devices.tunas_blocks import CONSTANT, model_terms
from nasgym.errors import DataError
from nasgym.files.csv_file import cell_number
from nasgym.files.provenance import describe_source

__all__ = ["import_tunas_device", "read_tunas_device"]

COLUMNS = ("layer", "op", "in_hw", "in_ch", "out_ch", "stride", "kernel", "expand", "is_skip", "coef_ms")
OPS = {"bias": "constant", "sepconv": "sepconv", "bneck": "mbconv", "zero": "skip"}
WEIGHTS, BIAS = "_PROXYLESSNAS_SEARCH_KERNEL", "_PROXYLESSNAS_SEARCH_BIAS"


def import_tunas_device(path: str | Path, name: str = "pixel1") -> Path:
    """Converts the coefficients of ``proxylessnas_search`` to a device file in the data folder.

    Args:
        path: The published ``cost_model_data.py`` (``google-research/google-research:tunas/``),
            which is read and not run; or a CSV file with the columns layer, op, in_hw, in_ch,
            out_ch, stride, kernel, expand, is_skip, coef_ms, one row a coefficient, and the bias.
        name: Of the device.

    Returns:
        The device file.

    Raises:
        DataError: The file is damaged or lacks a coefficient.
    """
    return write_device(read_tunas_device(Path(path), name), device_path("tunas", name))


def read_tunas_device(path: Path, name: str = "pixel1") -> Device:
    """The device of the file, not yet written; see `import_tunas_device`."""
    found = _read_python(path) if path.suffix == ".py" else _read_csv(path)
    wanted = [CONSTANT, *model_terms()]
    for block in wanted:
        if block not in found:
            raise DataError(f"{path} lacks the coefficient of {block}; the published model has {len(wanted) - 1} and a bias.")
    foreign = [block for block in found if block not in set(wanted)]
    if foreign:
        raise DataError(f"{path} has a coefficient of {foreign[0]}, which the published model does not have.")
    source = describe_source(path)["source"]
    return Device(
        name=name,
        space="tunas",
        runtime="unknown",
        threads=None,
        batch=1,
        precision="unknown",
        latencies={block: Latency(found[block]) for block in wanted},
        model="linear",
        source=f"{source['file']}, SHA-256 {source['sha256']}",
        note="TuNAS's model of the latency of a Pixel 1, space proxylessnas_search; a coefficient is no latency of its own.",
    )


def _read_python(path: Path) -> dict[BlockKey, float]:
    """The numbers in the texts of the published module: base64 of big-endian single precision."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise DataError(f"{path} is not readable as Python ({error}).") from None
    texts = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bytes)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    numbers = []
    for name in (BIAS, WEIGHTS):
        if name not in texts:
            raise DataError(f"{path} has no {name}; is it the published cost_model_data.py?")
        try:
            raw = base64.b64decode(b"".join(texts[name].split()), validate=True)
            numbers.append(np.frombuffer(raw, dtype=">f4").astype(np.float64))
        except (binascii.Error, ValueError) as error:
            raise DataError(f"{path}: {name} is no base64 of single-precision numbers ({error}).") from None
    bias, weights = numbers
    terms = model_terms()
    if len(bias) != 1 or len(weights) != len(terms) or not np.isfinite([*bias, *weights]).all():
        raise DataError(
            f"{path} has {len(bias)} and {len(weights)} numbers of {BIAS} and {WEIGHTS}, expected 1 and {len(terms)}, all finite."
        )
    return dict(zip([CONSTANT, *terms], [*bias.tolist(), *weights.tolist()], strict=True))


def _read_csv(path: Path) -> dict[BlockKey, float]:
    found: dict[BlockKey, float] = {}
    for number, row in _rows(path):
        where = f"{path}, line {number}"
        block = _block(where, row)
        if block in found:
            raise DataError(f"{where}: {block} stands twice.")
        found[block] = _coefficient(where, row["coef_ms"])
    return found


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines(), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} is not readable as CSV in UTF-8 ({error}).") from None
    if not lines or tuple(lines[0]) != COLUMNS:
        raise DataError(f"{path} has the columns {', '.join(lines[0]) if lines else 'none'}, expected {', '.join(COLUMNS)}.")
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(COLUMNS):
            raise DataError(f"{path}, line {number}: {len(cells)} cells, the header has {len(COLUMNS)}.")
    return [(number, dict(zip(COLUMNS, cells, strict=True))) for number, cells in enumerate(lines[1:], 2)]


def _block(where: str, row: dict[str, str]) -> BlockKey:
    if row["layer"] == "bias":
        return CONSTANT
    op = OPS.get(row["op"])
    if op is None:
        raise DataError(f"{where}: the op is {row['op']!r}; expected sepconv, bneck or zero.")
    numbers: dict[str, Any] = {}
    for column in ("in_hw", "in_ch", "out_ch", "stride", "kernel", "expand"):
        cell = row[column]
        if not cell and op == "skip" and column in ("kernel", "expand"):
            numbers[column] = 0
        elif cell.isascii() and cell.isdecimal() and 0 < int(cell) < 10_000:
            numbers[column] = int(cell)
        else:
            raise DataError(f"{where}, column {column!r}: {cell!r} is no whole number from 1 on.")
    expand, in_hw = numbers.pop("expand"), numbers["in_hw"]
    wide = expand * numbers["in_ch"] if op == "mbconv" else 0
    return BlockKey(op, out_hw=-(-in_hw // numbers["stride"]), mid_ch=wide, layer=row["layer"], **numbers)


def _coefficient(where: str, cell: str) -> float:
    value = cell_number(f"{where}, column 'coef_ms'", cell)
    if not math.isfinite(value):
        raise DataError(f"{where}, column 'coef_ms': {cell} is not finite.")
    return value
