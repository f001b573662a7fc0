"""Files of arrays with a card: what is written is read, and nothing else is."""

import hashlib
import json
from contextlib import suppress

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.files.arrays import checksum_path, load_arrays, read_arrays, verify_checksum, write_arrays

FORMAT = "nasgym-toy-1"
CARD = {"format": FORMAT, "note": "ä", "list": [1, 2]}
ARRAYS = {"a/b": np.arange(6.0).reshape(2, 3), "c": np.zeros(0, dtype=np.int8)}


@pytest.fixture
def path(tmp_path):
    return write_arrays(tmp_path / "deep" / "toy.npz", CARD, ARRAYS)


def read(path, names=None):
    return read_arrays(path, FORMAT, "toy", "make it again", names)


def test_what_is_written_is_read(path):
    card, arrays = read(path, names=["c", "a/b"])
    assert card == {"note": "ä", "list": [1, 2]}
    assert list(arrays) == ["a/b", "c"]
    for name, values in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].tolist()) == (values.dtype, values.tolist())
    assert sorted(file.name for file in path.parent.iterdir()) == ["toy.npz", "toy.npz.sha256"]


def test_the_checksum_is_that_of_the_file(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert verify_checksum(path) == digest
    assert checksum_path(path).read_text() == f"{digest}  toy.npz\n"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"damaged.*; import it again\."):
        verify_checksum(path)
    checksum_path(path).write_text("")
    with pytest.raises(DataError, match=r"damaged.*; make it again\."):
        verify_checksum(path, "make it again")
    checksum_path(path).unlink()
    with pytest.raises(DataError, match="no checksum"):
        verify_checksum(path)


def test_a_failed_write_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_arrays(path, {"format": object()}, {})
    # an array that savez cannot take ends the writing in the middle
    with pytest.raises(ValueError, match="inhomogeneous"):
        write_arrays(path, CARD, {"a": np.zeros(9), "b": [[1], [1, 2]]})
    assert path.read_bytes() == before
    verify_checksum(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["toy.npz", "toy.npz.sha256"]


def test_a_damaged_byte_never_gives_other_numbers(path):
    """Some bytes hide an array, which the checksum finds; no byte changes what is read."""
    whole = path.read_bytes()
    for position in range(len(whole)):
        # 1 is the flag of an encrypted archive, 8 another kind of packing
        for flip in (1, 8, 255):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ flip]) + whole[position + 1 :])
            with pytest.raises(DataError, match="is damaged"):
                verify_checksum(path)
            # any other error fails the test
            with suppress(DataError):
                card, arrays = read(path)
                assert card == {"note": "ä", "list": [1, 2]}
                for name in arrays.keys() & ARRAYS.keys():
                    assert arrays[name].tolist() == ARRAYS[name].tolist()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_foreign_files_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"toy\.npz is no toy \(.*\); make it again\."):
        read(path)
    with pytest.raises(DataError, match="not readable as arrays of numpy"):
        load_arrays(path)


def test_files_of_one_array_and_of_pickled_objects_are_refused(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="is no toy"):
        read(path)
    np.savez(path, card=np.array(json.dumps(CARD)), a=np.array([None]))
    with pytest.raises(DataError, match=r"is no toy .*allow_pickle"):
        read(path)
    with pytest.raises(DataError, match="is no toy"):
        read(path.with_name("absent.npz"))


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (None, "is no toy"),
        ("[", "is no toy"),
        ("[]", r"is a toy of another format; expected 'nasgym-toy-1'; make it again\."),
        ("{}", "of another format"),
        ('{"format": "nasgym-toy-2"}', "of another format"),
        ("[" * 100_000, "is no toy"),
    ],
)
def test_cards_that_are_none(path, card, message):
    np.savez(path, a=np.zeros(1), **({} if card is None else {"card": np.array(card)}))
    with pytest.raises(DataError, match=message):
        read(path)


def test_other_arrays_than_the_format_has(path):
    for names in (["a/b"], ["a/b", "c", "d"], []):
        with pytest.raises(DataError, match="another format"):
            read(path, names)


def test_arrays_without_a_card_are_loaded(path):
    np.savez(path, a=np.ones(2), b=np.zeros(1))
    assert {name: values.tolist() for name, values in load_arrays(path).items()} == {"a": [1, 1], "b": [0]}
