"""Python 2's pickles of CIFAR; a name outside of the allow-list is refused and nothing runs."""

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.importers.cifar_batches import read_cifar
from tests.importers.image_files import (
    array,
    batch,
    cifar_files,
    dictionary,
    listed,
    number,
    text,
    write_cifar,
    write_cifar_archive,
)

HARMLESS = b"cbuiltins\nlen\n(U\x03abct\x85R"


def test_a_forbidden_name_is_refused(tmp_path):
    folder = write_cifar(tmp_path, test_batch=b"\x80\x02}U\x04data" + HARMLESS + b"s.")
    with pytest.raises(
        DataError, match=r"test_batch asks for builtins\.len, .* nothing was executed\. Allowed: numpy\.dtype, "
    ):
        read_cifar(folder)


def test_a_file_that_is_missing_or_cut_off(tmp_path):
    with pytest.raises(DataError, match="lacks 'data_batch_3' of cifar-10-batches-py"):
        read_cifar(write_cifar(tmp_path / "a", data_batch_3=b""))
    with pytest.raises(DataError, match=r"data_batch_2 is damaged or no pickle"):
        read_cifar(write_cifar(tmp_path / "b", data_batch_2=batch(5, "labels")[:-900]))
    with pytest.raises(DataError, match=r"data_batch_2 is damaged or no pickle .*goes on after its pickle"):
        read_cifar(write_cifar(tmp_path / "c", data_batch_2=batch(5, "labels") + b"x"))
    with pytest.raises(DataError, match="has no images of CIFAR"):
        read_cifar(tmp_path)


PIXELS = np.zeros((2, 3072), dtype=np.uint8)
LABELS = listed([number(0), number(1)])


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (dictionary(labels=LABELS), "'data' holds nothing"),
        (dictionary(labels=LABELS, data=array(PIXELS[:, :3000])), r"'data' holds uint8 of the shape \(2, 3000\)"),
        (dictionary(labels=LABELS, data=array(PIXELS.astype(np.int8), code="i1")), "'data' holds int8"),
        (dictionary(data=array(PIXELS)), "'labels' is no list of whole numbers"),
        (dictionary(labels=listed([text("a"), text("b")]), data=array(PIXELS)), "'labels' is no list of whole numbers"),
        (dictionary(labels=listed([number(0)]), data=array(PIXELS)), "has 2 images and 1 labels"),
        (b"\x80\x02" + LABELS + b".", "holds no dictionary"),
    ],
)
def test_a_batch_of_another_build(tmp_path, raw, fault):
    with pytest.raises(DataError, match=f"test_batch.*{fault}"):
        read_cifar(write_cifar(tmp_path, test_batch=raw))


def test_names_of_another_build(tmp_path):
    with pytest.raises(DataError, match=r"batches\.meta: 'label_names' is no list of names"):
        read_cifar(write_cifar(tmp_path, **{"batches.meta": dictionary(label_names=listed([number(1)]))}))


def test_an_archive_that_is_cut_off(tmp_path):
    path = write_cifar_archive(tmp_path / "official.tar.gz")
    whole = path.read_bytes()
    for part in (0.3, 0.7, 0.999):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(DataError, match=r"(is cut off|is damaged)"):
            read_cifar(path)


def test_members_of_an_archive_are_those_of_one_data_set(tmp_path):
    folder, files = cifar_files("cifar100")
    foreign = {"../../meta": b"x", f"/{folder}/train": b"x", "elsewhere/test": b"x"}
    with pytest.raises(DataError, match="has no images of CIFAR"):
        read_cifar(write_cifar_archive(tmp_path / "a.tar.gz", files=foreign))
    mixed = {**{f"{folder}/{name}": raw for name, raw in files.items()}, "cifar-10-batches-py/test_batch": b"x"}
    with pytest.raises(DataError, match="has files of cifar-100-python and of cifar-10-batches-py"):
        read_cifar(write_cifar_archive(tmp_path / "b.tar.gz", files=mixed))
    with pytest.raises(DataError, match="has more than 100 members"):
        read_cifar(write_cifar_archive(tmp_path / "c.tar.gz", files={str(i): b"" for i in range(101)}))
