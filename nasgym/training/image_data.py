"""`ImageData`: images as they were published, in the data folder, by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError, InvalidValue, MissingData
from nasgym.files.arrays import read_arrays, verify_checksum, write_arrays
from nasgym.files.cached import cached_by_mtime
from nasgym.files.data_folder import data_folder
from nasgym.training.images import DIGITS_NAME
from nasgym.training.resampling import LARGEST_SIDE
from nasgym.type_aliases import Ints

__all__ = [
    "MOST_BYTES",
    "ImageData",
    "Pixels",
    "check_name",
    "find_images",
    "images_path",
    "imported_images",
    "read_image_data",
    "write_image_data",
]

Pixels = npt.NDArray[np.uint8]

FORMAT = "nasgym-images-1"
ARRAYS = ("train", "train_labels", "test", "test_labels")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
MOST_CLASSES = 100_000
# of one array in a file from elsewhere; the training images of CIFAR-10 have 154 MB
MOST_BYTES = 4 << 30


@dataclass(frozen=True)
class ImageData:
    """Bytes and labels; nothing is resampled, normalised or split yet.

    Attributes:
        card: JSON-able description. Required keys: ``name``; ``classes``, the names of the classes,
            or their number. Free keys say where the images come from.
        train: ``(N, C, S, S)`` pixels from 0 (black) to 255, C 1 (grey) or 3 (red, green, blue).
        train_labels: ``(N,)`` from 0 on.
        test: ``(T, C, S, S)``; T is 0 where the images came without a test part.
        test_labels: ``(T,)``.

    Raises:
        DataError: Shapes do not go together, a label is out of range, or a class has no training
            image.
    """

    card: Mapping[str, Any]
    train: Pixels
    train_labels: Ints
    test: Pixels
    test_labels: Ints

    def __post_init__(self) -> None:
        for part, pixels, labels in (("train", self.train, self.train_labels), ("test", self.test, self.test_labels)):
            _check_pixels(f"the {part} images", pixels)
            if pixels.shape[1:] != self.train.shape[1:]:
                raise DataError(f"the {part} images are of {pixels.shape[1:]}, the train images of {self.train.shape[1:]}.")
            if labels.shape != pixels.shape[:1]:
                raise DataError(
                    f"there are {len(pixels):,} {part} images and {labels.size:,} {part} labels; one label an image."
                )
            self._check_labels(part, labels)
        if not 2 <= self.num_classes <= MOST_CLASSES:
            raise DataError(f"there are {self.num_classes:,} classes; expected 2 to {MOST_CLASSES:,}.")
        absent = np.flatnonzero(np.bincount(self.train_labels, minlength=self.num_classes) == 0)
        if len(absent):
            raise DataError(
                f"no training image has the label {absent[0]}; labels count from 0 without a gap, up to {self.num_classes - 1} here."
            )

    def _check_labels(self, part: str, labels: Ints) -> None:
        wrong = (labels < 0) | (labels >= self.num_classes)
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"the {part} label {labels[row]} of image {row} is out of range; {self.num_classes} classes have the labels 0 to {self.num_classes - 1}."
            )

    @property
    def name(self) -> str:
        """Name of the images together."""
        return str(self.card["name"])

    @property
    def num_classes(self) -> int:
        """Number of labels."""
        classes = self.card["classes"]
        return classes if isinstance(classes, int) else len(classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        channels, height, width = self.train.shape[1:]
        return channels, height, width

    @property
    def about(self) -> str:
        """What is in it, in a few words."""
        shape = " x ".join(map(str, self.shape))
        return f"{len(self.train):,} train and {len(self.test):,} test images of {shape}, {self.num_classes} classes"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all pixels and labels (16 hex digits)."""
        digest = hashlib.sha256(json.dumps([FORMAT, self.name, self.train.shape, self.test.shape]).encode())
        for array in (self.train, self.train_labels, self.test, self.test_labels):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def _check_pixels(where: str, pixels: Pixels) -> None:
    if pixels.dtype != np.uint8:
        raise DataError(f"{where} are numbers of the type {pixels.dtype}; expected bytes from 0 to 255 (uint8).")
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or pixels.shape[2] != pixels.shape[3]:
        raise DataError(f"{where} have the shape {pixels.shape}; expected square ones of 1 or 3 channels.")
    if not 1 <= pixels.shape[2] <= LARGEST_SIDE:
        raise DataError(f"{where} have {pixels.shape[2]:,} pixels in a row; expected 1 to {LARGEST_SIDE:,}.")


def check_name(name: str) -> str:
    """The name, where images can be called so.

    Raises:
        InvalidValue: It has other letters, or is that of the digits that are always there.
    """
    if not NAME.fullmatch(name):
        raise InvalidValue(f"{name!r} is no name of images (lower-case letters, digits, dash, underscore); give --name.")
    if name == DIGITS_NAME:
        raise InvalidValue(f"{name!r} are the images that come with scikit-learn; give another --name.")
    return name


def images_path(name: str) -> Path:
    """Where the imported images of that name lie, or will lie."""
    return data_folder() / "images" / f"{name}.npz"


def imported_images() -> dict[str, Path]:
    """The files of imported images by name."""
    return {path.stem: path for path in sorted((data_folder() / "images").glob("*.npz"))}


def find_images(name: str) -> ImageData:
    """Imported images by name; read again only when their file has changed.

    Raises:
        MissingData: There are none of that name; the message has the command that gets them.
        DataError: The file is damaged.
    """
    paths = imported_images()
    if name not in paths:
        raise MissingData(
            f"images {name!r} are not in {data_folder()}; get them with `nasgym data import images PATH --name {name}` "
            f"(NASGYM_DATA names another folder). There are: {', '.join((DIGITS_NAME, *paths))}."
        )
    return _read(paths[name])


# as many as a search needs: one set may take hundreds of megabytes
@cached_by_mtime(maxsize=1)
def _read(path: Path) -> ImageData:
    return read_image_data(path)


def write_image_data(data: ImageData, path: Path) -> Path:
    """Writes images and their checksum beside them.

    A crash leaves the old files or the new ones, never half of one.
    """
    arrays = {name: getattr(data, name) for name in ARRAYS}
    return write_arrays(path, {"format": FORMAT, **data.card}, arrays)


def read_image_data(path: Path) -> ImageData:
    """Reads a file of images after comparing it with its checksum; nothing in it is executed.

    Raises:
        DataError: The file is damaged, foreign, of another version, or was renamed.
    """
    verify_checksum(path)
    card, arrays = read_arrays(path, FORMAT, "file of images", "import them again", ARRAYS)
    for key in ("name", "classes"):
        if key not in card:
            raise DataError(f"the card of {path} lacks {key!r}; import the images again.")
    try:
        found = ImageData(card, **arrays)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if found.name != path.stem:
        raise DataError(f"{path} holds the images {found.name!r}; name the file after them.")
    return found
