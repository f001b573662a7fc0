import io
import zipfile

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.importers.image_arrays import read_image_arrays
from tests.importers.image_files import image_arrays, write_image_arrays


def test_grey_images_get_a_channel_and_colours_come_first(tmp_path):
    _, grey = read_image_arrays(write_image_arrays(tmp_path / "grey.npz"))
    assert (grey["train"][0][:, 0] == image_arrays()["x_train"]).all()
    colours = np.random.default_rng(0).integers(0, 256, size=(30, 6, 6, 3), dtype=np.uint8)
    _, found = read_image_arrays(write_image_arrays(tmp_path / "rgb.npz", x_train=colours))
    assert found["train"][0].shape == (30, 3, 6, 6)
    assert (found["train"][0][7, 2] == colours[7, :, :, 2]).all()


def test_columns_of_labels_and_names_are_read(tmp_path):
    labels = image_arrays()["y_train"][:, None]
    names, found = read_image_arrays(
        write_image_arrays(tmp_path / "a.npz", y_train=labels, class_names=np.array(["a", "b", "c"]))
    )
    assert names == ["a", "b", "c"]
    assert found["train"][1].tolist() == labels[:, 0].tolist()


def test_a_test_part_may_be_left_out_as_a_whole_only(tmp_path):
    _, found = read_image_arrays(write_image_arrays(tmp_path / "a.npz", x_test=None, y_test=None))
    assert list(found) == ["train"]
    with pytest.raises(DataError, match="has no array 'y_test'; it has x_train, y_train, x_test"):
        read_image_arrays(write_image_arrays(tmp_path / "b.npz", y_test=None))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"x_train": np.array([{}] * 30, dtype=object)}, "array 'x_train' holds Python objects"),
        ({"x_train": np.zeros((30, 6, 6))}, r"array 'x_train' has float64 of the shape \(30, 6, 6\); images are bytes"),
        ({"x_train": np.zeros((30, 36), dtype=np.uint8)}, "array 'x_train' has uint8"),
        ({"y_train": np.zeros(30)}, "array 'y_train' has float64"),
        ({"y_train": np.zeros((30, 3), dtype=np.int64)}, "labels are whole numbers"),
        ({"class_names": np.arange(3)}, "'class_names' is no list of texts"),
        ({"others": np.arange(3)}, "has an array 'others'; images have x_train, y_train"),
        ({"x_train": None}, "has no array 'x_train'"),
    ],
)
def test_other_arrays_are_refused(tmp_path, changed, fault):
    with pytest.raises(DataError, match=fault):
        read_image_arrays(write_image_arrays(tmp_path / "a.npz", **changed))


def test_a_header_that_names_a_huge_shape_takes_no_memory(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 6, 6)})
    path = write_image_arrays(tmp_path / "a.npz", x_train=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", header.getvalue())
    with pytest.raises(
        DataError, match=r"array 'x_train' has the shape \(1000000000, 6, 6\); at most 4,294,967,296 bytes are read"
    ):
        read_image_arrays(path)


@pytest.mark.parametrize("part", [0.1, 0.6, 0.98])
def test_a_file_that_is_cut_off(tmp_path, part):
    path = write_image_arrays(tmp_path / "a.npz")
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(DataError, match="not readable as arrays of numpy"):
        read_image_arrays(path)
