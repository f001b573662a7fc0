"""Image sets refuse what networks cannot learn from; the digits are what they always were."""

from dataclasses import replace

import numpy as np
import pytest

from nasgym.errors import InvalidValue
from nasgym.training.images import ImageSet, load_digits_images


def image_set(**changed):
    images, labels = np.arange(4 * 2 * 2, dtype=np.float32).reshape(4, 1, 2, 2), np.array([0, 1, 0, 1])
    parts = dict.fromkeys(("train", "validation", "test"), images)
    classes = {f"{part}_labels": labels for part in parts}
    return replace(ImageSet("four", **parts, **classes, num_classes=2, mean=(0.25,), std=(0.5,)), **changed)


def test_the_digits_are_what_they_were_when_tables_were_made_of_them():
    pytest.importorskip("sklearn")
    digits = load_digits_images()
    # in the card of envs_data/tables/digits.npz
    assert digits.fingerprint == "40c2af40e9f766ed"
    assert digits.shape == (1, 8, 8)
    assert [len(images) for _, images, _ in digits.parts()] == [6400, 500, 497]
    assert digits.train.min() == pytest.approx(digits.black[0])


def test_black_is_a_black_pixel_after_normalisation():
    assert image_set().black == (-0.5,)


def test_the_fingerprint_covers_pixels_labels_split_and_details():
    one = image_set()
    assert one.fingerprint == image_set().fingerprint
    others = [
        image_set(train=one.train + 1),
        image_set(test_labels=1 - one.test_labels),
        image_set(name="others"),
        image_set(details="of another size"),
        image_set(train=one.train[:2], train_labels=one.train_labels[:2]),
    ]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 6


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"train": np.zeros((4, 2, 2), dtype=np.float32)}, r"the train part of image set 'four' has the shape \(4, 2, 2\)"),
        (
            {"train": np.zeros((4, 1, 2, 3), dtype=np.float32)},
            r"has the shape \(4, 1, 2, 3\); expected \(images, channels, side",
        ),
        (
            {"test": np.zeros((4, 1, 3, 3), dtype=np.float32)},
            r"the test part .* images of \(1, 3, 3\), the train part of \(1, 2, 2",
        ),
        ({"train_labels": np.array([0, 1, 1])}, r"has 4 images and labels of the shape \(3,\)"),
        ({"train_labels": np.array([0, 1, 2, 1])}, "has the label 2; with 2 classes labels are 0 to 1"),
        ({"train_labels": np.array([0, -1, 0, 1])}, "has the label -1"),
        ({"validation_labels": np.zeros(4, dtype=np.int64)}, "the validation part .* has 4 images of 1 class; it needs two"),
        (
            {"test": np.zeros((0, 1, 2, 2), dtype=np.float32), "test_labels": np.zeros(0, dtype=np.int64)},
            "0 images of 0 classes",
        ),
        ({"mean": (0.1, 0.2)}, "has 1 channels, 2 means and 1 deviations"),
    ],
)
def test_what_does_not_go_together_is_refused(changed, fault):
    with pytest.raises(InvalidValue, match=fault):
        image_set(**changed)


def test_fewer_images_than_a_batch_are_refused():
    image_set().check_enough(4, "a batch")
    with pytest.raises(InvalidValue, match="a batch draws 5 images, and image set 'four' has 4 to train on"):
        image_set().check_enough(5, "a batch")
