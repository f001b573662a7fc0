"""Images in the data folder, by name."""

import numpy as np
import pytest

from nasgym.errors import DataError, InvalidValue, MissingData
from nasgym.training.image_data import (
    ImageData,
    check_name,
    find_images,
    images_path,
    imported_images,
    read_image_data,
    write_image_data,
)

pytestmark = pytest.mark.usefixtures("own_data_folder")


def image_data(**changed):
    rng = np.random.default_rng(0)
    given = {
        "card": {"name": "mine", "classes": 3},
        "train": rng.integers(0, 256, size=(9, 1, 4, 4), dtype=np.uint8),
        "train_labels": np.arange(9) % 3,
        "test": rng.integers(0, 256, size=(6, 1, 4, 4), dtype=np.uint8),
        "test_labels": np.arange(6) % 3,
    }
    return ImageData(**{**given, **changed})


def test_what_was_written_is_read():
    written = image_data()
    path = write_image_data(written, images_path("mine"))
    found = find_images("mine")
    assert found.card == written.card
    assert found.fingerprint == written.fingerprint
    assert (found.train == written.train).all()
    assert imported_images() == {"mine": path}
    assert image_data(train=written.train ^ 1).fingerprint != written.fingerprint


def test_images_that_are_not_there_say_how_to_get_them():
    write_image_data(image_data(), images_path("mine"))
    with pytest.raises(MissingData, match=r"data import images PATH --name cifar10`.*There are: digits, mine\."):
        find_images("cifar10")


def test_a_damaged_file_is_noticed():
    path = write_image_data(image_data(), images_path("mine"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="is damaged: its SHA-256"):
        read_image_data(path)


def test_a_file_under_another_name_is_noticed():
    path = write_image_data(image_data(), images_path("others"))
    with pytest.raises(DataError, match="holds the images 'mine'"):
        read_image_data(path)


def test_names_of_classes_say_how_many_there_are():
    assert image_data(card={"name": "mine", "classes": ["a", "b", "c"]}).num_classes == 3
    with pytest.raises(DataError, match="the train label 2 of image 2 is out of range; 2 classes have the labels 0 to 1"):
        image_data(card={"name": "mine", "classes": ["a", "b"]})


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"train": np.zeros((9, 1, 4, 4))}, "the train images are numbers of the type float64"),
        ({"train": np.zeros((9, 2, 4, 4), dtype=np.uint8)}, r"have the shape \(9, 2, 4, 4\); expected square ones of 1 or 3"),
        ({"train": np.zeros((9, 1, 4, 5), dtype=np.uint8)}, "expected square ones"),
        ({"train": np.zeros((9, 1, 0, 0), dtype=np.uint8)}, "have 0 pixels in a row; expected 1 to 1,024"),
        (
            {"test": np.zeros((6, 3, 4, 4), dtype=np.uint8)},
            r"the test images are of \(3, 4, 4\), the train images of \(1, 4, 4\)",
        ),
        ({"test_labels": np.zeros(5, dtype=np.int64)}, "there are 6 test images and 5 test labels"),
        ({"train_labels": np.zeros(9, dtype=np.int64)}, "no training image has the label 1"),
        ({"card": {"name": "mine", "classes": 1}, "train_labels": np.zeros(9, dtype=np.int64)}, "out of range"),
    ],
)
def test_what_does_not_go_together_is_refused(changed, fault):
    with pytest.raises(DataError, match=fault):
        image_data(**changed)


def test_one_class_is_none():
    labels = {"train_labels": np.zeros(9, dtype=np.int64), "test_labels": np.zeros(6, dtype=np.int64)}
    with pytest.raises(DataError, match="there are 1 classes; expected 2 to 100,000"):
        image_data(card={"name": "mine", "classes": 1}, **labels)


def test_names():
    assert check_name("fashion-mnist_2") == "fashion-mnist_2"
    for name in ("digits", "A", "a/b", "", "-a", "a.b"):
        with pytest.raises(InvalidValue):
            check_name(name)
