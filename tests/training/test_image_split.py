"""Parts are fixed by the seed, stratified and disjoint; official test images stay test images."""

import numpy as np
import pytest

from nasgym.errors import InvalidValue, MissingData
from nasgym.training.image_data import ImageData, images_path, write_image_data
from nasgym.training.image_split import load_images, split_images

CLASSES, TRAIN, TEST = 4, 200, 40


def numbered(train=TRAIN, test=TEST, classes=CLASSES, labels=None):
    """Images of one pixel's worth: the number of the image, in two bytes, so that each is known."""

    def pixels(first, count):
        numbers = np.arange(first, first + count)
        out = np.zeros((count, 1, 2, 2), dtype=np.uint8)
        out[:, 0, 0, 0], out[:, 0, 0, 1] = numbers // 256, numbers % 256
        return out

    given = np.arange(train) % classes if labels is None else labels
    return ImageData(
        {"name": "numbered", "classes": classes}, pixels(0, train), given, pixels(train, test), np.arange(test) % classes
    )


def numbers_of(images, made):
    """Which images those of a part are."""
    scaled = images.astype(np.float64) * made.std[0] + made.mean[0]
    return np.round(scaled[:, 0, 0] * 255 @ [256, 1]).astype(int)


def test_parts_are_disjoint_and_test_images_stay_test_images():
    made = split_images(numbered())
    train, validation, test = (numbers_of(images, made) for _, images, _ in made.parts())
    assert (len(train), len(validation), len(test)) == (180, 20, 40)
    assert sorted([*train, *validation]) == list(range(TRAIN))
    assert sorted(test) == list(range(TRAIN, TRAIN + TEST))
    for _, images, labels in made.parts():
        assert (numbers_of(images, made) % CLASSES == labels).all()


def test_images_without_a_test_part_are_split_in_three():
    made = split_images(numbered(test=0), validation=30, test=50)
    parts = [numbers_of(images, made) for _, images, _ in made.parts()]
    assert [len(part) for part in parts] == [120, 30, 50]
    assert sorted(np.concatenate(parts)) == list(range(TRAIN))


def test_every_draw_has_the_classes_in_their_shares():
    labels = np.repeat([0, 1, 2], [120, 60, 20])
    made = split_images(numbered(classes=3, labels=labels, test=30), validation=20, subset=27)
    # 12, 6 and 2 of twenty; of 108, 54 and 18 a seventh part each is 16.2, 8.1 and 2.7
    assert np.bincount(made.validation_labels).tolist() == [12, 6, 2]
    assert np.bincount(made.train_labels).tolist() == [16, 8, 3]


def test_the_seed_decides_and_the_subset_leaves_validation_alone():
    one, again, other, few = (
        split_images(numbered(), seed=seed, **given) for seed, given in ((1, {}), (1, {}), (2, {}), (1, {"subset": 40}))
    )
    assert one.fingerprint == again.fingerprint
    assert one.fingerprint != other.fingerprint
    assert set(numbers_of(one.validation, one)) == set(numbers_of(few.validation, few))
    assert set(numbers_of(few.train, few)) < set(numbers_of(one.train, one))


def test_constants_are_those_of_the_training_images():
    rng = np.random.default_rng(0)
    train = rng.integers(0, 100, size=(40, 3, 4, 4), dtype=np.uint8)
    test = np.full((8, 3, 4, 4), 255, dtype=np.uint8)
    data = ImageData({"name": "bright", "classes": 2}, train, np.arange(40) % 2, test, np.arange(8) % 2)
    made = split_images(data, validation=4)
    assert made.train.mean(axis=(0, 2, 3)) == pytest.approx(np.zeros(3), abs=1e-3)
    assert made.train.std(axis=(0, 2, 3)) == pytest.approx(np.ones(3), abs=1e-3)
    assert all(round(value, 4) == value for value in (*made.mean, *made.std))
    assert made.test[0, :, 0, 0] == pytest.approx([(1 - m) / s for m, s in zip(made.mean, made.std, strict=True)])


def test_the_size_is_part_of_details_and_fingerprint():
    made = split_images(numbered(), resolution=3, channels=3, subset=40)
    assert made.shape == (3, 3, 3)
    assert made.details == "40 training, 20 validation and 40 test images of 3 x 3 x 3, 4 classes, split by seed 0"
    assert made.fingerprint != split_images(numbered(), resolution=4, channels=3, subset=40).fingerprint


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"subset": 181}, "subset=181: 'numbered' has 180 images left for its training part, and a part has 4 at least"),
        ({"subset": 3}, "subset=3: "),
        ({"validation": 0}, "validation=0: 'numbered' has 200 images left for its validation part"),
        ({"validation": 200}, "subset=0: 'numbered' has 0 images left"),
        ({"test": 41}, "test=41: 'numbered' has 40 images left for its test part"),
        ({"subset": 20.0}, r"subset is a number of images, got 20\.0"),
        ({"test": True}, "test is a number of images, got True"),
        ({"seed": -1}, "the seed of a split is a whole number from 0 on, got -1"),
        ({"resolution": 0}, "resolution is a whole number"),
        ({"channels": 2}, "channels are 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given, fault):
    with pytest.raises(InvalidValue, match=fault):
        split_images(numbered(), **given)


def test_images_that_are_all_alike_are_refused():
    alike = ImageData(
        {"name": "alike", "classes": 2},
        *(np.zeros((20, 1, 2, 2), dtype=np.uint8), np.arange(20) % 2, np.zeros((4, 1, 2, 2), dtype=np.uint8), np.arange(4) % 2),
    )
    with pytest.raises(InvalidValue, match="have a channel without any difference"):
        split_images(alike)


def test_images_go_by_name(own_data_folder):
    write_image_data(numbered(), images_path("numbered"))
    assert load_images("numbered", subset=40).fingerprint == split_images(numbered(), subset=40).fingerprint
    with pytest.raises(MissingData, match="images 'nothing' are not in"):
        load_images("nothing")


def test_the_digits_have_one_size_and_one_split():
    pytest.importorskip("sklearn")
    assert load_images("digits").fingerprint == "40c2af40e9f766ed"
    with pytest.raises(InvalidValue, match="leave out resolution=16, seed=3"):
        load_images("digits", resolution=16, seed=3)
