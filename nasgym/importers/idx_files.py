"""Reader of IDX files, the format of MNIST and Fashion-MNIST, plain or packed by gzip.

A file is a magic number (0, 0, the type of the numbers, how many sides), the sides as big-endian
numbers of four bytes, then the numbers (LeCun et al., http://yann.lecun.com/exdb/mnist).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from nasgym.errors import DataError
from nasgym.training.image_data import MOST_BYTES, Pixels
from nasgym.training.resampling import LARGEST_SIDE
from nasgym.type_aliases import Ints

__all__ = ["idx_folder", "read_idx", "read_idx_folder"]

GZIP = b"\x1f\x8b"
BYTES = 8
PARTS = {"train": "train", "test": "t10k"}


def read_idx(path: Path, sides: int) -> Pixels:
    """The bytes of a file, in an array with as many sides as its header has to say.

    Args:
        path: The file, also one that gzip has packed.
        sides: 3 for images ``(N, H, W)``, 1 for labels ``(N,)``.

    Raises:
        DataError: The file is damaged, cut off or longer than its header says, or has another
            magic number or unlikely sides.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            if not packed:
                return _content(path, raw, sides)
            with gzip.open(raw) as file:
                return _content(path, file, sides)  # type: ignore[arg-type]  # reads like a binary file
    except EOFError:
        raise DataError(f"{path} is cut off; get it again.") from None
    except (OSError, zlib.error) as error:
        raise DataError(f"{path} is not readable as an IDX file ({error}); get it again.") from None


def _content(path: Path, file: IO[bytes], sides: int) -> Pixels:
    magic, wanted = _read(file, 4), bytes([0, 0, BYTES, sides])
    if magic != wanted:
        raise DataError(
            f"{path} begins with {magic.hex(' ')}, an IDX file of {'images' if sides == 3 else 'labels'} with {wanted.hex(' ')}; "
            "give the official files."
        )
    shape = [int.from_bytes(_read(file, 4), "big") for _ in range(sides)]
    size = math.prod(shape)
    if size > MOST_BYTES or max(shape[1:], default=0) > LARGEST_SIDE:
        raise DataError(f"{path} says that it has the shape {tuple(shape)}; at most {MOST_BYTES:,} bytes are read.")
    content = _read(file, size)
    if file.read(1):
        raise DataError(f"{path} goes on after the {size:,} bytes of its header's shape {tuple(shape)}; get it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _file(folder: Path, part: str, what: str, sides: int) -> Path | None:
    """``train-images-idx3-ubyte`` or one of the names under which it is handed on."""
    for dot in "-.":
        for end in ("", ".gz"):
            path = folder / f"{PARTS[part]}-{what}{dot}idx{sides}-ubyte{end}"
            if path.is_file():
                return path
    return None


def idx_folder(folder: Path) -> dict[str, tuple[Path, Path]] | None:
    """Files of images and labels by part, ``"train"`` and ``"test"``; None where none is there.

    Raises:
        DataError: Some of the four files are missing.
    """
    found = {part: (_file(folder, part, "images", 3), _file(folder, part, "labels", 1)) for part in PARTS}
    if not any(any(pair) for pair in found.values()):
        return None
    files = {}
    for part, (images, labels) in found.items():
        if images is None or labels is None:
            what = f"{PARTS[part]}-images-idx3-ubyte" if images is None else f"{PARTS[part]}-labels-idx1-ubyte"
            raise DataError(f"{folder} lacks {what} (or {what}.gz); all four official files belong into it.")
        files[part] = images, labels
    return files


def read_idx_folder(files: dict[str, tuple[Path, Path]]) -> dict[str, tuple[Pixels, Ints]]:
    """Grey images ``(N, 1, H, W)`` and labels by part; see `read_idx`."""
    return {
        part: (read_idx(images, 3)[:, None], read_idx(labels, 1).astype(np.int64)) for part, (images, labels) in files.items()
    }
