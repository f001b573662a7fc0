import io
import pickle

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.importers.pickles.pickled_arrays import read_arrays_pickle
from nasgym.importers.pickles.restricted_pickle import as_data_errors
from tests.importers.image_files import array

SMALL = np.arange(6, dtype=np.uint8).reshape(2, 3)


def read(raw):
    with as_data_errors("file", "pickle"):
        return read_arrays_pickle(io.BytesIO(raw))


def refused(raw, fault):
    with pytest.raises(DataError, match=fault):
        read(raw)


def test_the_array_of_python_2_is_that_of_numpy():
    raw = b"\x80\x02" + array(SMALL) + b"."
    assert pickle.loads(raw, encoding="latin-1").tolist() == SMALL.tolist()
    assert read(raw).array.tolist() == SMALL.tolist()


@pytest.mark.parametrize(
    "values", [SMALL, np.asfortranarray(SMALL), np.arange(5, dtype=">i4"), np.zeros((0, 3)), np.array(2.5)]
)
def test_arrays_of_python_3_come_back(values):
    found = read(pickle.dumps(values, protocol=4)).array
    assert (found.dtype, found.shape) == (values.dtype, values.shape)
    assert (found == values).all()
    assert not found.flags.writeable


def test_arrays_of_objects_are_refused():
    refused(pickle.dumps(np.array([{}], dtype=object), protocol=4), "a numpy number of the type 'O8'")


def test_sizes_that_do_not_agree_are_refused():
    whole = b"\x80\x02" + array(SMALL) + b"."
    refused(whole.replace(b"(K\x02K\x03t", b"(K\x02K\x04t"), r"an array of the shape \(2, 4\) in 6 bytes")
    refused(whole.replace(b"(K\x02K\x03t", b"(K\x02J\xff\xff\xff\xfft"), r"an array of the shape \(2, -1\)")
    refused(whole.replace(b"(K\x02K\x03t", b"(" + 6 * b"K\x01" + b"t"), "an array of the shape")


def test_another_kind_of_array_is_refused():
    refused(b"\x80\x02" + array(SMALL, kind=b"numpy\nmatrix\n") + b".", r"asks for numpy\.matrix")
    refused(b"\x80\x02" + array(SMALL, kind=b"numpy\ndtype\n") + b".", "an array of the kind")


def test_what_the_names_stand_for_cannot_be_called_or_changed():
    refused(b"\x80\x02cnumpy\nndarray\nK\x05\x85R.", "an array that is called")
    refused(b"\x80\x02cnumpy\nndarray\nN}U\x01xK\x01s\x86b.", "is damaged or no pickle")
    refused(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nN}U\x01xK\x01s\x86b.", "is damaged or no pickle")
    refused(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x85RNb.", "an array that is none of numbers")
