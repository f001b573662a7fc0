import bz2
import collections
import pickle

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.importers.pickles.restricted_pickle import load_pickle
from tests.importers.nats_files import Runs


def write(path, raw):
    path.write_bytes(bz2.compress(raw))
    return path


def test_plain_data_and_numpy_numbers_come_back(tmp_path):
    content = collections.OrderedDict(a=[1, 2.5, None, True], b={"x": (1, "two")}, c={3}, d=np.float64(0.125), e=np.int32(-7))
    found = load_pickle(write(tmp_path / "f.pbz2", pickle.dumps(content, protocol=4)))
    assert found == content
    assert isinstance(found, collections.OrderedDict)
    assert type(found["d"]) is float


def test_both_names_of_numpys_core_are_read(tmp_path):
    raw = pickle.dumps(np.float64(0.5), protocol=4)
    assert b"numpy._core.multiarray" in raw
    old = raw.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
    old = old[:2] + b"\x95" + (len(old) - 11).to_bytes(8, "little") + old[11:]
    assert load_pickle(write(tmp_path / "old.pbz2", old)) == 0.5
    assert load_pickle(write(tmp_path / "new.pbz2", raw)) == 0.5


def test_a_foreign_name_is_refused_before_anything_runs(tmp_path):
    trace = tmp_path / "trace"
    file = write(tmp_path / "bad.pbz2", pickle.dumps({"a": Runs(trace)}, protocol=4))
    with pytest.raises(DataError, match=r"bad\.pbz2 asks for (_io|io)\.open"):
        load_pickle(file)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Runs(trace))).close()
    assert trace.exists(), "the same pickle does write with an unrestricted reader"


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "os system", "collections OrderedDict.fromkeys", "numpy dtype.newbyteorder", "collections Counter"],
)
def test_every_other_name_is_refused(tmp_path, name):
    module, attribute = name.split()
    raw = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(attribute)]) + attribute.encode()
    with pytest.raises(DataError, match=f"{module}.{attribute}"):
        load_pickle(write(tmp_path / "f.pbz2", raw + b"\x93."))


@pytest.mark.parametrize("value", [np.str_("text"), np.complex128(1j), np.datetime64("2020-01-01")])
def test_numpy_values_that_are_no_plain_numbers_are_refused(tmp_path, value):
    with pytest.raises(DataError, match="numpy"):
        load_pickle(write(tmp_path / "f.pbz2", pickle.dumps(value, protocol=4)))


def test_attributes_of_the_allowed_names_cannot_be_set(tmp_path):
    # the name, then BUILD with (None, {"__new__": 1}): sets attributes on most things
    raw = b"\x80\x04\x8c\x16numpy._core.multiarray\x8c\x06scalar\x93N}\x8c\x07__new__K\x01s\x86b."
    with pytest.raises(DataError):
        load_pickle(write(tmp_path / "f.pbz2", raw))
    assert load_pickle(write(tmp_path / "good.pbz2", pickle.dumps(np.float64(2), protocol=4))) == 2


def test_damage_is_reported(tmp_path):
    whole = bz2.compress(pickle.dumps(list(range(5000)), protocol=4))
    cases = {
        "cut": whole[: len(whole) // 2],
        "unfinished": whole[:-4],
        "flipped": whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:],
        "plain": b"no archive",
        "empty": b"",
        "no-pickle": bz2.compress(b"no pickle"),
        "longer": bz2.compress(pickle.dumps(1) + b"more"),
    }
    for name, raw in cases.items():
        path = tmp_path / name
        path.write_bytes(raw)
        with pytest.raises(DataError, match=name):
            load_pickle(path)
    with pytest.raises(DataError, match="absent"):
        load_pickle(tmp_path / "absent")
