"""Reader of CIFAR-10 and CIFAR-100: the official Python batches, as a folder or as the archive.

A batch is a pickle of Python 2 with ``data``, bytes ``(N, 3072)``: red, green and blue planes of 32
x 32 pixels. Names of the classes are in a file of their own (Krizhevsky, "Learning Multiple Layers
of Features from Tiny Images", 2009; https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from nasgym.errors import DataError
from nasgym.importers.pickles.pickled_arrays import PickledArray, read_arrays_pickle
from nasgym.importers.pickles.restricted_pickle import as_data_errors
from nasgym.training.image_data import Pixels
from nasgym.type_aliases import Ints

__all__ = ["CIFARS", "Cifar", "cifar_folder", "read_cifar"]

SHAPE = (3, 32, 32)
# the largest official file has 155 MB, the archives have nine members at most
LARGEST_FILE, MOST_MEMBERS = 512 << 20, 100
NO_ARCHIVE = (tarfile.TarError, OSError, EOFError, ValueError, zlib.error)


@dataclass(frozen=True)
class Cifar:
    """The official files of one data set.

    Attributes:
        name: What its images are called where nothing else is asked for.
        folder: In the archive.
        train, test: Files with images.
        meta: File with the names of the classes.
        labels, names: Keys of the labels in a batch and of the names in `meta`.
    """

    name: str
    folder: str
    train: tuple[str, ...]
    test: str
    meta: str
    labels: str
    names: str

    @property
    def files(self) -> tuple[str, ...]:
        """All of them, in the order in which they are put together."""
        return (*self.train, self.test, self.meta)


CIFARS = (
    Cifar(
        "cifar10",
        "cifar-10-batches-py",
        tuple(f"data_batch_{number}" for number in range(1, 6)),
        *("test_batch", "batches.meta", "labels", "label_names"),
    ),
    Cifar("cifar100", "cifar-100-python", ("train",), "test", "meta", "fine_labels", "fine_label_names"),
)


def cifar_folder(path: Path) -> tuple[Cifar, Path] | None:
    """The data set in a folder, or in the official folder inside of it; None where none is."""
    for cifar in CIFARS:
        for folder in (path, path / cifar.folder):
            if (folder / cifar.meta).is_file() and (folder / cifar.test).is_file():
                return cifar, folder
    return None


def read_cifar(
    path: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[Cifar, list[str], dict[str, tuple[Pixels, Ints]]]:
    """Reads a folder or the archive, file after file; nothing is unpacked to the disk.

    Args:
        path: The folder, its parent, or the ``.tar.gz``.
        progress: Called with (files read, files in all).

    Returns:
        The data set, the names of its classes, and images and labels of ``"train"`` and ``"test"``.

    Raises:
        DataError: A file is missing, damaged or cut off, names a forbidden function, or holds
            something else.
    """
    found: dict[str, Any] = {}
    cifar = None
    for cifar, name, file in _folder_files(path) if path.is_dir() else _archive_files(path):
        where = f"{path}: {name}"
        with _as_archive_errors(path), as_data_errors(where, "pickle"):
            content = read_arrays_pickle(file)
        if not isinstance(content, dict):
            raise DataError(f"{where} holds no dictionary; give the official Python batches.")
        found[name] = _names(where, cifar, content) if name == cifar.meta else _batch(where, cifar, content)
        if progress is not None:
            progress(len(found), len(cifar.files))
    expected = " or ".join(cifar.folder for cifar in CIFARS)
    if cifar is None:
        raise DataError(f"{path} has no images of CIFAR; expected the official folder {expected}, or its .tar.gz.")
    absent = [name for name in cifar.files if name not in found]
    if absent:
        raise DataError(f"{path} lacks {absent[0]!r} of {cifar.folder}; it is cut off or not complete, get it again.")
    parts = {"train": [found[name] for name in cifar.train], "test": [found[cifar.test]]}
    joined = {part: tuple(np.concatenate(arrays) for arrays in zip(*batches, strict=True)) for part, batches in parts.items()}
    return cifar, found[cifar.meta], {part: (pixels, labels) for part, (pixels, labels) in joined.items()}


def _folder_files(path: Path) -> Iterator[tuple[Cifar, str, IO[bytes]]]:
    known = cifar_folder(path)
    if known is None:
        return
    cifar, folder = known
    for name in cifar.files:
        if (folder / name).is_file():
            _check_size(f"{path}: {name}", (folder / name).stat().st_size)
            with (folder / name).open("rb") as file:
                yield cifar, name, file


@contextmanager
def _as_archive_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except NO_ARCHIVE as error:
        raise DataError(f"{path} is cut off or no .tar.gz ({error}); get it again.") from None


def _archive_files(path: Path) -> Iterator[tuple[Cifar, str, IO[bytes]]]:
    wanted = {f"{cifar.folder}/{name}": (cifar, name) for cifar in CIFARS for name in cifar.files}
    first: Cifar | None = None
    with _as_archive_errors(path), tarfile.open(path, "r|gz") as archive:
        for number, member in enumerate(archive):
            if number >= MOST_MEMBERS:
                raise DataError(f"{path} has more than {MOST_MEMBERS} members; an official archive has nine at most.")
            _check_size(f"{path}: {member.name!r:.80}", member.size)
            cifar, name = wanted.pop(member.name.removeprefix("./"), (None, ""))
            if cifar is None or not member.isreg():
                continue
            first = first or cifar
            if cifar != first:
                raise DataError(f"{path} has files of {first.folder} and of {cifar.folder}; give one of them.")
            file = archive.extractfile(member)
            if file is not None:
                yield cifar, name, file


def _check_size(where: str, size: int) -> None:
    if size > LARGEST_FILE:
        raise DataError(f"{where} has {size:,} bytes; an official file has {LARGEST_FILE:,} at most.")


def _batch(where: str, cifar: Cifar, content: dict[Any, Any]) -> tuple[Pixels, Ints]:
    data, labels = content.get("data"), content.get(cifar.labels)
    pixels = data.array if isinstance(data, PickledArray) else None
    if pixels is None or pixels.ndim != 2 or pixels.shape[1] != np.prod(SHAPE) or pixels.dtype != np.uint8:
        said = "nothing" if pixels is None else f"{pixels.dtype} of the shape {pixels.shape}"
        raise DataError(f"{where}: 'data' holds {said}; expected bytes (uint8) of the shape (images, {np.prod(SHAPE)}).")
    if not isinstance(labels, list) or not all(type(label) is int and abs(label) < 1 << 31 for label in labels):
        raise DataError(f"{where}: {cifar.labels!r} is no list of whole numbers; give the official Python batches.")
    if len(labels) != len(pixels):
        raise DataError(f"{where} has {len(pixels):,} images and {len(labels):,} labels; one label an image.")
    return pixels.reshape(-1, *SHAPE), np.array(labels, dtype=np.int64)


def _names(where: str, cifar: Cifar, content: dict[Any, Any]) -> list[str]:
    names = content.get(cifar.names)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(f"{where}: {cifar.names!r} is no list of names; give the official Python batches.")
    return names
