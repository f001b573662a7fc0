"""Image sets that need no download: the handwritten digits that come with scikit-learn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nasgym.type_aliases import Floats, Ints

__all__ = ["ImageSet", "load_digits_images"]

Images = npt.NDArray[np.float32]
Labels = Ints


@dataclass(frozen=True)
class ImageSet:
    """Images of one channel, split once and for all.

    Attributes:
        name: Name of the data set.
        train: ``(M, H, W)`` normalised images, augmented copies included; `train_labels` ``(M,)``.
        validation, test: ``(V, H, W)`` and ``(T, H, W)``, with their labels.
        num_classes: Number of labels.
    """

    name: str
    train: Images
    train_labels: Labels
    validation: Images
    validation_labels: Labels
    test: Images
    test_labels: Labels
    num_classes: int

    @property
    def fingerprint(self) -> str:
        """Hash of all images and labels (16 hex digits)."""
        digest = hashlib.sha256(self.name.encode())
        for array in (self.train, self.train_labels, self.validation, self.validation_labels, self.test, self.test_labels):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


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
        return np.asarray((cropped - MEAN) / STD, dtype=np.float32)

    train, rest = images[:NUM_TRAIN], images[NUM_TRAIN:]
    return ImageSet(
        name="digits",
        train=np.concatenate([shifted(train) for _ in range(NUM_COPIES)]),
        train_labels=np.tile(labels[:NUM_TRAIN], NUM_COPIES),
        validation=shifted(rest[:NUM_VALIDATION]),
        validation_labels=labels[NUM_TRAIN : NUM_TRAIN + NUM_VALIDATION],
        test=shifted(rest[NUM_VALIDATION:]),
        test_labels=labels[NUM_TRAIN + NUM_VALIDATION :],
        num_classes=10,
    )
