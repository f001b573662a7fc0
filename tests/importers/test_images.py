"""Images from files in the official layouts, recognised by themselves."""

import gzip

import numpy as np
import pytest

from nasgym.errors import DataError, InvalidValue
from nasgym.files.arrays import checksum_path
from nasgym.importers.images import import_images, read_images
from nasgym.training.image_data import find_images
from tests.importers.image_files import (
    CLASSES,
    TEST,
    TRAIN,
    drawn,
    write_cifar,
    write_cifar_archive,
    write_idx_folder,
    write_image_arrays,
)


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_idx_files(tmp_path, packed):
    path = import_images(write_idx_folder(tmp_path / "idx", packed=packed), "fashion-mnist")
    assert checksum_path(path).is_file()
    found = find_images("fashion-mnist")
    assert (found.shape, found.num_classes, found.card["classes"]) == ((1, 6, 6), CLASSES, CLASSES)
    for pixels, labels, count in ((found.train, found.train_labels, TRAIN), (found.test, found.test_labels, TEST)):
        wanted, classes = drawn(count, 6, 6)
        assert (pixels[:, 0] == wanted).all()
        assert labels.tolist() == classes.tolist()
    assert found.card["source"]["files"] == 4


@pytest.mark.parametrize(("kind", "batches"), [("cifar10", 5), ("cifar100", 1)])
def test_cifar_as_folder_parent_and_archive_is_the_same(tmp_path, kind, batches):
    folder = write_cifar(tmp_path / "data", kind)
    archive = write_cifar_archive(tmp_path / "official.tar.gz", kind)
    found = [read_images(path) for path in (folder, folder.parent, archive)]
    assert len({one.fingerprint for one in found}) == 1
    assert found[0].name == kind
    assert found[0].card["classes"] == ["airplane", "automobile", "bird"]
    assert found[0].train.shape == (batches * TRAIN, 3, 32, 32)
    assert found[0].test.shape == (TEST, 3, 32, 32)
    assert [one.card["source"]["file"] for one in found] == [folder.name, "data", "official.tar.gz"]
    # a row of a batch is the red plane, then the green and the blue one
    rows, _ = drawn(TRAIN, 3072, seed=batches if batches > 1 else 0)
    assert found[0].train[-1, 1, 2, 3] == rows[-1, 1024 + 2 * 32 + 3]


def test_arrays_are_called_after_their_file(tmp_path):
    path = import_images(write_image_arrays(tmp_path / "mine.npz"))
    assert path.name == "mine.npz"
    assert find_images("mine").shape == (1, 6, 6)


def test_progress_counts_the_files_of_cifar(tmp_path):
    seen = []
    read_images(write_cifar(tmp_path, "cifar100"), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", ["Mine", "../mine", "", "digits"])
def test_a_name_is_checked_before_anything_is_read(tmp_path, name):
    with pytest.raises(InvalidValue, match="--name"):
        import_images(tmp_path / "absent", name)


def test_a_file_whose_name_is_none_asks_for_one(tmp_path):
    with pytest.raises(InvalidValue, match=r"'My images' is no name .* give --name"):
        import_images(write_image_arrays(tmp_path / "My images.npz"))


def test_what_is_no_images_says_what_is_expected(tmp_path):
    (tmp_path / "text.txt").write_text("nothing")
    for path, fault in (
        (tmp_path, "has no images"),
        (tmp_path / "text.txt", "holds no images"),
        (tmp_path / "no", "not exist"),
    ):
        with pytest.raises(DataError, match=f"{fault}.*expected the folder with train-images-idx3-ubyte"):
            import_images(path)


def test_counts_that_differ_name_the_part(tmp_path):
    with pytest.raises(DataError, match=r"few\.npz: there are 30 train images and 29 train labels"):
        import_images(write_image_arrays(tmp_path / "few.npz", y_train=np.arange(29) % 3))


def test_labels_out_of_range_name_the_image(tmp_path):
    with pytest.raises(DataError, match=r"the test label 3 of image 4 is out of range; 3 classes have the labels 0 to 2"):
        import_images(write_image_arrays(tmp_path / "a.npz", y_test=np.array([0, 1, 2, 0, 3, 1, 2, 0, 1])))
    with pytest.raises(DataError, match=r"the train label -1 of image 0 is out of range"):
        import_images(write_image_arrays(tmp_path / "b.npz", y_train=np.arange(30) % 3 - 1))
    with pytest.raises(DataError, match=r"no training image has the label 0; labels count from 0"):
        import_images(write_image_arrays(tmp_path / "c.npz", y_train=np.arange(30) % 3 + 1))
    with pytest.raises(DataError, match=r"there are 4,000,000,001 classes"):
        import_images(write_image_arrays(tmp_path / "d.npz", y_train=np.arange(30) + 4_000_000_000 - 29))


def test_nothing_is_written_where_images_are_refused(tmp_path, own_folder):
    with pytest.raises(DataError):
        import_images(write_image_arrays(tmp_path / "few.npz", y_train=np.arange(29) % 3))
    assert not list(own_folder.glob("**/*.npz*"))


def test_a_single_packed_file_is_no_archive(tmp_path):
    folder = write_idx_folder(tmp_path, packed=True)
    with pytest.raises(DataError, match=r"is cut off or no \.tar\.gz"):
        import_images(folder / "train-images-idx3-ubyte.gz", "fashion-mnist")
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz") as file:
        assert file.read(4) == b"\x00\x00\x08\x03"


def test_the_whole_of_fashion_mnist(shared):
    found = read_images(shared / "images" / "fashion_mnist.npz", "fashion-mnist")
    assert found.about == "60,000 train and 10,000 test images of 1 x 28 x 28, 10 classes"
    assert np.bincount(found.train_labels).tolist() == [6000] * 10
    assert np.bincount(found.test_labels).tolist() == [1000] * 10
    # the constants that are usual for it, 0.2860 and 0.3530
    counts, values = np.bincount(found.train.ravel(), minlength=256), np.arange(256) / 255
    mean = np.average(values, weights=counts)
    assert (mean, np.average((values - mean) ** 2, weights=counts) ** 0.5) == pytest.approx((0.2860, 0.3530), abs=5e-5)
