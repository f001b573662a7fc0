"""Rewards of all architectures of a large space, kept on disk between processes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from nasgym.files import write_file
from nasgym.files.data_folder import data_folder
from nasgym.type_aliases import Floats

__all__ = ["KEPT_FROM", "kept_values"]

# below, computing takes no longer than reading: NATS-Bench size with 32,768 architectures needs 7
# ms
KEPT_FROM = 200_000


def kept_values(fingerprint: str, size: int, compute: Callable[[], Floats]) -> Floats:
    """``(size,)`` rewards in the order of the space, kept in ``values/`` of the data folder.

    A file that is there is read, unless it is not what it should be (another shape, half a file):
    then the rewards are computed and written again.

    Args:
        fingerprint: Of the problem; the file's name has it, and this library's version.
        size: Architectures of the space; small spaces are always computed.
        compute: Gives the rewards.
    """
    if size < KEPT_FROM:
        return compute()
    path = data_folder() / "values" / f"{fingerprint}-{version('nasgym')}.npy"
    if path.is_file():
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError):
            values = np.empty(0)
        if values.shape == (size,) and values.dtype == np.float64:
            return np.asarray(values)
    values = compute()
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content.getvalue())
    except OSError as error:
        warnings.warn(f"values are not kept: {path.parent} cannot be written ({error}); set NASGYM_DATA.", stacklevel=2)
    return values
