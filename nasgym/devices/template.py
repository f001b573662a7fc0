"""A device file to be filled by hand: all blocks of a space, no latencies."""

from __future__ import annotations

from pathlib import Path

from nasgym.devices.block_key import KEY_COLUMNS
from nasgym.devices.device_file import DEVICE_NAME, FORMAT, RESERVED, UNKNOWN, VALUE_COLUMNS
from nasgym.devices.layout import block_layout
from nasgym.errors import InvalidValue
from nasgym.files.headed_csv import write_headed_csv
from nasgym.spaces.space import SearchSpace

__all__ = ["write_template"]


def write_template(
    space: SearchSpace, name: str, path: Path, *, batch: int = 1, threads: int | None = None, precision: str = UNKNOWN
) -> Path:
    """Writes a device file whose column ``latency_ms`` is empty.

    Args:
        space: The space.
        name: Of the device, lower case.
        path: The file; it must not be there yet.
        batch: Images at once, for the header.
        threads: Of the runtime, for the header; None where they are not known.
        precision: For the header.

    Raises:
        InvalidValue: No blocks are known for the space, their latencies do not add up, the name is
            none, or the file is there.
    """
    if not DEVICE_NAME.fullmatch(name) or name == RESERVED:
        raise InvalidValue(
            f"{name!r} is no name of a device: lower-case letters, digits, dot, dash, underscore; and not {RESERVED!r}. Give --name."
        )
    if path.exists():
        raise InvalidValue(f"{path} is there already; remove it, or name another file.")
    blocks = list(block_layout(space))
    used = [column for column in KEY_COLUMNS if any(getattr(block, column) for block in blocks)]
    header = {"device": name, "space": space.name, "runtime": UNKNOWN, "threads": threads or UNKNOWN}
    header |= {"batch": batch, "precision": precision}
    rows = [[*(getattr(block, column) or "" for column in used), *("" for _ in VALUE_COLUMNS)] for block in blocks]
    return write_headed_csv(path, FORMAT, header, [*used, *VALUE_COLUMNS], rows)
