"""`ImageSet`: images that networks are trained on, and scikit-learn's digits as one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.type_aliases import Floats, Ints

__all__ = ["DIGITS_NAME", "ImageSet", "Images", "Labels", "load_digits_images"]

Images = npt.NDArray[np.float32]
Labels = Ints


@dataclass(frozen=True)
class ImageSet:
    """Normalised images, split once and for all.

    Attributes:
        name: Name of the data set.
        train: ``(M, C, R, R)`` images, augmented copies included; `train_labels` ``(M,)``, from 0
            on.
        validation, test: ``(V, C, R, R)`` and ``(T, C, R, R)``, with their labels.
        num_classes: Number of labels.
        mean, std: What was taken off every channel of pixels in [0, 1], and what the rest was
            divided by, ``C`` numbers each.
        details: How the images were made, in words; empty for the digits.

    Raises:
        InvalidValue: Shapes do not go together, a label is out of range, or a part has images of
            one class only.
    """

    name: str
    train: Images
    train_labels: Labels
    validation: Images
    validation_labels: Labels
    test: Images
    test_labels: Labels
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    details: str = ""

    def __post_init__(self) -> None:
        for part, images, labels in self.parts():
            where = f"the {part} part of image set {self.name!r}"
            if images.ndim != 4 or images.shape[2] != images.shape[3]:
                raise InvalidValue(f"{where} has the shape {images.shape}; expected (images, channels, side, side).")
            if images.shape[1:] != self.train.shape[1:]:
                raise InvalidValue(f"{where} has images of {images.shape[1:]}, the train part of {self.train.shape[1:]}.")
            if labels.shape != images.shape[:1]:
                raise InvalidValue(f"{where} has {len(images):,} images and labels of the shape {labels.shape}; one each.")
            found = np.unique(labels)
            if len(found) < 2:
                raise InvalidValue(
                    f"{where} has {len(images):,} images of {len(found)} class{'es' * (len(found) == 0)}; it needs two classes at least, "
                    "so take more images."
                )
            if found[0] < 0 or found[-1] >= self.num_classes:
                wrong = found[0] if found[0] < 0 else found[-1]
                raise InvalidValue(
                    f"{where} has the label {wrong}; with {self.num_classes} classes labels are 0 to {self.num_classes - 1}."
                )
        if len(self.mean) != self.shape[0] or len(self.std) != self.shape[0]:
            raise InvalidValue(
                f"image set {self.name!r} has {self.shape[0]} channels, {len(self.mean)} means and {len(self.std)} deviations."
            )

    def parts(self) -> tuple[tuple[str, Images, Labels], ...]:
        """Name, images and labels of the three parts."""
        return (
            ("train", self.train, self.train_labels),
            ("validation", self.validation, self.validation_labels),
            ("test", self.test, self.test_labels),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        channels, height, width = self.train.shape[1:]
        return channels, height, width

    @property
    def black(self) -> tuple[float, ...]:
        """Value of a black pixel in every channel: what stands beyond the edges of an image."""
        return tuple(-mean / std for mean, std in zip(self.mean, self.std, strict=True))

    def check_enough(self, count: int, what: str) -> None:
        """Checks that so many training images can be drawn without drawing one twice.

        Args:
            count: Images that are drawn together.
            what: What they are, for the message: ``"a batch"``.

        Raises:
            InvalidValue: There are fewer.
        """
        if count > len(self.train):
            raise InvalidValue(
                f"{what} draws {count:,} images, and image set {self.name!r} has {len(self.train):,} to train on; draw fewer, or "
                "take more images."
            )

    @property
    def fingerprint(self) -> str:
        """Hash of all images and labels, of the split, and of the details (16 hex digits)."""
        digest = hashlib.sha256(self.name.encode())
        for _, images, labels in self.parts():
            for array in (images, labels):
                digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(self.details.encode())
        return digest.hexdigest()[:16]


DIGITS_NAME = "digits"
SPLIT_SEED = 12345
NUM_TRAIN, NUM_VALIDATION = 800, 500
NUM_COPIES = 8
MEAN, STD = 0.305, 0.376


def load_digits_images() -> ImageSet:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels: 800 train, 500 validation, 497 test.

    Every image is shifted by up to one pixel (zero-padded, cropped at random), training images
    eight times with eight shifts; without the shifts, trained networks hardly differ and seeds
    disagree on their ranking. Split and shifts are the same at every call.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    rng = np.random.default_rng(SPLIT_SEED)
    order = rng.permutation(len(raw.target))
    images, labels = raw.images[order] / 16.0, raw.target[order].astype(np.int64)

    def shifted(block: Floats) -> Images:
        padded = np.pad(block, ((0, 0), (1, 1), (1, 1)))
        dy, dx = rng.integers(0, 3, size=(2, len(block)))
        rows, columns = dy[:, None] + np.arange(8), dx[:, None] + np.arange(8)
        cropped = padded[np.arange(len(block))[:, None, None], rows[:, :, None], columns[:, None, :]]
        return np.asarray((cropped - MEAN) / STD, dtype=np.float32)[:, None]

    train, rest = images[:NUM_TRAIN], images[NUM_TRAIN:]
    return ImageSet(
        name=DIGITS_NAME,
        train=np.concatenate([shifted(train) for _ in range(NUM_COPIES)]),
        train_labels=np.tile(labels[:NUM_TRAIN], NUM_COPIES),
        validation=shifted(rest[:NUM_VALIDATION]),
        validation_labels=labels[NUM_TRAIN : NUM_TRAIN + NUM_VALIDATION],
        test=shifted(rest[NUM_VALIDATION:]),
        test_labels=labels[NUM_TRAIN + NUM_VALIDATION :],
        num_classes=10,
        mean=(MEAN,),
        std=(STD,),
    )
