"""Arrays with a JSON card in one npz file, and the checksum beside it."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError
from nasgym.files.provenance import sha256_of
from nasgym.files.write import write_file

__all__ = ["Array", "checksum_path", "load_arrays", "read_arrays", "verify_checksum", "write_arrays"]

Array: TypeAlias = npt.NDArray[Any]

# what opening a damaged or foreign file raises: in zipfile, zlib, numpy's header or the card.
# RuntimeError: a flag says that the archive is encrypted; MemoryError: a header names a huge shape
UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, MemoryError),
    *(zlib.error, zipfile.BadZipFile),
)


def checksum_path(path: Path) -> Path:
    """Where the SHA-256 of a file is kept: beside it."""
    return path.with_name(path.name + ".sha256")


def write_arrays(path: Path, card: Mapping[str, Any], arrays: Mapping[str, Array]) -> Path:
    """Writes arrays and a JSON card as npz, and the checksum beside it.

    A crash leaves the old files or the new ones, never half of one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = np.array(json.dumps(card, sort_keys=True))
    try:
        with beside.open("wb") as file:
            # not compressed: the files are small, and unpacking would take most of the reading time
            np.savez(file, card=text, **arrays)  # type: ignore[arg-type]  # names are keywords of savez
        digest = sha256_of(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    write_file(checksum_path(path), f"{digest}  {path.name}\n")
    return path


def verify_checksum(path: Path, remedy: str = "import it again") -> str:
    """The SHA-256 of a file after comparing it with the one beside it.

    Args:
        path: The file.
        remedy: What to do about a damaged one; ends the message.

    Raises:
        DataError: There is no checksum, or it differs.
    """
    kept = checksum_path(path)
    if not kept.is_file():
        raise DataError(f"{path} has no checksum beside it ({kept.name}); {remedy}.")
    # not split(): a checksum file cut off to nothing is a wrong checksum, not an IndexError
    wanted, found = kept.read_text(errors="replace").partition(" ")[0].strip(), sha256_of(path)
    if wanted != found:
        raise DataError(f"{path} is damaged: its SHA-256 is {found[:16]}..., {kept.name} says {wanted[:16]}...; {remedy}.")
    return found


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an npz file by name; nothing in it is executed.

    Raises:
        DataError: The file is not there, damaged or foreign, or has pickled objects.
    """
    try:
        return _load(path)
    except UNREADABLE as error:
        raise DataError(f"{path} is not readable as arrays of numpy ({error}).") from None


def read_arrays(
    path: Path, format: str, what: str, remedy: str, names: Collection[str] | None = None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Card and arrays of a file that `write_arrays` wrote; nothing in it is executed.

    Args:
        path: The file.
        format: What its card says as ``"format"``.
        what: What it is, for messages: ``"surrogate"``.
        remedy: What to do about a damaged one; ends the messages.
        names: Names of the arrays where they are always the same.

    Returns:
        The card without its format, and the other arrays by name.

    Raises:
        DataError: The file is damaged, foreign, or of another version.
    """
    try:
        arrays = _load(path)
        card = json.loads(str(arrays.pop("card")))
    except UNREADABLE as error:
        raise DataError(f"{path} is no {what} ({error}); {remedy}.") from None
    known = isinstance(card, dict) and card.pop("format", None) == format
    if not known or (names is not None and set(arrays) != set(names)):
        raise DataError(f"{path} is a {what} of another format; expected {format!r}; {remedy}.")
    return card, arrays


def _load(path: Path) -> dict[str, Array]:
    # opened here: numpy leaves a file open that it fails to read
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
