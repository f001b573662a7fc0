"""Reader of images in an npz file: ``x_train``, ``y_train``, ``x_test``, ``y_test``.

These are the names and shapes in which Keras hands on MNIST, Fashion-MNIST and CIFAR.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from nasgym.errors import DataError
from nasgym.files.arrays import UNREADABLE, Array, load_arrays
from nasgym.training.image_data import MOST_BYTES, Pixels
from nasgym.type_aliases import Ints

__all__ = ["read_image_arrays"]

NAMES = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
CLASS_NAMES = "class_names"


def read_image_arrays(path: Path) -> tuple[list[str] | None, dict[str, tuple[Pixels, Ints]]]:
    """Reads an npz file; nothing in it is executed.

    ``x_train`` has bytes (uint8) ``(N, H, W)``, or ``(N, H, W, C)`` with C 1 or 3; ``y_train`` has
    whole numbers ``(N,)`` or ``(N, 1)``. ``x_test`` and ``y_test`` may be left out together, and so
    may ``class_names``.

    Returns:
        Names of the classes, None where the file has none, and by part images ``(N, C, H, W)`` with
        their labels.

    Raises:
        DataError: The file is damaged, lacks an array, or an array has objects, another type or
            another shape.
    """
    known = [*NAMES["train"], *NAMES["test"], CLASS_NAMES]
    _check_headers(path, known)
    arrays = load_arrays(path)
    wanted = dict(NAMES) if any(name in arrays for name in NAMES["test"]) else {"train": NAMES["train"]}
    for name in (name for pair in wanted.values() for name in pair):
        if name not in arrays:
            raise DataError(f"{path} has no array {name!r}; it has {', '.join(arrays) or 'none'}; expected {', '.join(known)}.")
    parts = {part: (_pixels(path, x, arrays[x]), _labels(path, y, arrays[y])) for part, (x, y) in wanted.items()}
    names = arrays.get(CLASS_NAMES)
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise DataError(f"{path}: {CLASS_NAMES!r} is no list of texts; leave it out, or give one for each class.")
    return None if names is None else names.tolist(), parts


def _check_headers(path: Path, known: list[str]) -> None:
    """Refuses foreign arrays before memory is taken for them."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                if name not in known:
                    raise DataError(f"{path} has an array {name!r:.80}; images have {', '.join(known)} only.")
                with archive.open(member) as file:
                    shape, dtype = _header(file)
                if dtype.hasobject:
                    raise DataError(f"{path}: array {name!r} holds Python objects, which are not read; save numbers.")
                if math.prod(shape) * dtype.itemsize > MOST_BYTES:
                    raise DataError(f"{path}: array {name!r} has the shape {shape}; at most {MOST_BYTES:,} bytes are read.")
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"{path} is not readable as arrays of numpy ({error}); save it again with numpy.savez.") from None


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of version {version}")
    shape, _, dtype = read(file)
    return shape, dtype


def _pixels(path: Path, name: str, array: Array) -> Pixels:
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise DataError(
            f"{path}: array {name!r} has {array.dtype} of the shape {array.shape}; images are bytes (uint8) of the shape (images, "
            "height, width) or (images, height, width, channels)."
        )
    return array[:, None] if array.ndim == 3 else np.ascontiguousarray(np.moveaxis(array, 3, 1))


def _labels(path: Path, name: str, array: Array) -> Ints:
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 1):
        raise DataError(
            f"{path}: array {name!r} has {array.dtype} of the shape {array.shape}; labels are whole numbers of the shape (images,)."
        )
    # what does not fit becomes negative, and is refused as every label out of range
    return array.reshape(len(array)).astype(np.int64)
