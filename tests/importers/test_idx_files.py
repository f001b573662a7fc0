import gzip

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.importers.idx_files import idx_folder, read_idx
from tests.importers.image_files import idx, write_idx_folder

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def written(tmp_path, raw):
    path = tmp_path / "file-idx3-ubyte"
    path.write_bytes(raw)
    return path


def test_bytes_stand_in_the_order_of_the_header(tmp_path):
    raw = b"\x00\x00\x08\x03" + b"\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04" + bytes(range(24))
    assert idx(IMAGES) == raw
    assert (read_idx(written(tmp_path, raw), 3) == IMAGES).all()
    assert (read_idx(written(tmp_path, gzip.compress(raw)), 3) == IMAGES).all()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("cut", [2, 4, 9, 16, 39])
def test_a_file_that_is_cut_off(tmp_path, packed, cut):
    raw = idx(IMAGES)[:cut]
    with pytest.raises(DataError, match="is cut off; get it again"):
        read_idx(written(tmp_path, gzip.compress(raw) if packed else raw), 3)


def test_a_gzip_file_that_is_cut_off_or_damaged(tmp_path):
    raw = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (9, 9, 9), dtype=np.uint8)))
    with pytest.raises(DataError, match="is cut off"):
        read_idx(written(tmp_path, raw[: len(raw) // 2]), 3)
    with pytest.raises(DataError, match="is cut off"):
        read_idx(written(tmp_path, raw[:-3]), 3)
    with pytest.raises(DataError, match="not readable as an IDX file"):
        read_idx(written(tmp_path, raw[:-8] + b"\x00\x00\x00\x00" + raw[-4:]), 3)


def test_a_file_that_goes_on(tmp_path):
    with pytest.raises(DataError, match="goes on after the 24 bytes"):
        read_idx(written(tmp_path, idx(IMAGES) + b"x"), 3)


def test_another_magic_number(tmp_path):
    with pytest.raises(DataError, match="begins with 00 00 08 01, an IDX file of images with 00 00 08 03"):
        read_idx(written(tmp_path, idx(IMAGES[0, 0])), 3)
    with pytest.raises(DataError, match="begins with 00 00 0d 01, an IDX file of labels with 00 00 08 01"):
        read_idx(written(tmp_path, b"\x00\x00\x0d\x01" + bytes(40)), 1)


def test_sides_that_no_file_has_take_no_memory(tmp_path):
    for sides in (b"\xff\xff\xff\xff" * 3, b"\x00\x00\x00\x01\x00\x00\x08\x00\x00\x00\x00\x01"):
        with pytest.raises(DataError, match="says that it has the shape"):
            read_idx(written(tmp_path, b"\x00\x00\x08\x03" + sides), 3)


def test_a_folder_without_one_of_the_four_names_it(tmp_path):
    assert idx_folder(tmp_path) is None
    folder = write_idx_folder(tmp_path)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="lacks t10k-labels-idx1-ubyte"):
        idx_folder(folder)
    # the names of torchvision's mirrors
    (folder / "t10k-labels.idx1-ubyte").write_bytes(idx(np.zeros(9, dtype=np.uint8)))
    assert idx_folder(folder)["test"][1].name == "t10k-labels.idx1-ubyte"
