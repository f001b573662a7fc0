"""Importer of images: Fashion-MNIST's and CIFAR's official files, and arrays of your own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from nasgym.errors import DataError
from nasgym.files.provenance import describe_source
from nasgym.importers.cifar_batches import cifar_folder, read_cifar
from nasgym.importers.idx_files import GZIP, idx_folder, read_idx_folder
from nasgym.importers.image_arrays import read_image_arrays
from nasgym.training.image_data import ImageData, check_name, images_path, write_image_data

__all__ = ["import_images", "read_images"]

ZIP = b"PK"
EXPECTED = (
    "expected the folder with train-images-idx3-ubyte and so on (Fashion-MNIST), cifar-10-batches-py, cifar-100-python, the "
    ".tar.gz of one of them, or an npz file with x_train, y_train, x_test and y_test"
)


def import_images(path: str | Path, name: str | None = None, progress: Callable[[int, int], None] | None = None) -> Path:
    """Writes images into the data folder, from files that are recognised by themselves.

    Pixels are kept as they are; resolution, subset and split are chosen where the images are used
    (`nasgym.training.image_split.load_images`).

    Args:
        path: A folder with the four IDX files of Fashion-MNIST (or MNIST, KMNIST), packed by gzip
            or not; CIFAR-10's or CIFAR-100's official Python batches, as the folder or as the
            ``.tar.gz``; or an npz file (`nasgym.importers.image_arrays`).
        name: By default ``cifar10`` and ``cifar100``, else what the file or folder is called.
        progress: Called with (files read, files in all).

    Returns:
        The file of images.

    Raises:
        DataError: Files are missing, damaged or cut off, or hold something else; nothing of them is
            executed.
        InvalidValue: The name is none.
    """
    data = read_images(Path(path), name, progress)
    return write_image_data(data, images_path(data.name))


def read_images(path: Path, name: str | None = None, progress: Callable[[int, int], None] | None = None) -> ImageData:
    """The images of official files, not yet written; see `import_images`."""
    if name is not None:
        check_name(name)
    used: tuple[Path, ...] = ()
    classes: list[str] | None = None
    called = path.resolve().name if path.is_dir() else path.name.partition(".")[0]
    idx = idx_folder(path) if path.is_dir() else None
    if idx is not None:
        used, parts = tuple(file for pair in idx.values() for file in pair), read_idx_folder(idx)
    elif path.is_dir() or _beginning(path) == GZIP:
        known = cifar_folder(path) if path.is_dir() else None
        if path.is_dir() and known is None:
            raise DataError(f"{path} has no images that are known; {EXPECTED}.")
        cifar, classes, parts = read_cifar(path, progress)
        called = cifar.name
        if known is not None:
            used = tuple(known[1] / file for file in cifar.files)
    elif _beginning(path) == ZIP:
        classes, parts = read_image_arrays(path)
    else:
        raise DataError(f"{path} {'holds no images that are known' if path.is_file() else 'does not exist'}; {EXPECTED}.")
    pixels, labels = parts["train"]
    empty = np.empty((0, *pixels.shape[1:]), dtype=np.uint8), np.empty(0, dtype=np.int64)
    card = {
        "name": check_name(called if name is None else name),
        "classes": classes or int(labels.max(initial=-1)) + 1,
        **describe_source(path, used),
    }
    try:
        return ImageData(card, pixels, labels, *parts.get("test", empty))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2)
    except OSError:
        return b""
