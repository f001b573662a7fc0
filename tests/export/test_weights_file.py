"""Weights read from files: what people have, and what is refused."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest

from nasgym.errors import DataError, InvalidValue, MissingPackage
from nasgym.export.weights_file import read_weights

ARRAYS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b.bias": np.ones(2, np.float16)}


def check(found):
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], array)


def test_npz(tmp_path):
    np.savez(tmp_path / "w.npz", **ARRAYS, **{"bn.num_batches_tracked": np.int64(3)})
    check(read_weights(tmp_path / "w.npz"))


@pytest.mark.parametrize("ending", [".pt", ".pth"])
def test_state_dictionaries(tmp_path, ending):
    torch = pytest.importorskip("torch")
    state = {name: torch.nn.Parameter(torch.from_numpy(array)) for name, array in ARRAYS.items()}
    state["b.bias"] = torch.ones(2, dtype=torch.bfloat16)
    torch.save({**state, "bn.num_batches_tracked": torch.tensor(3)}, tmp_path / f"w{ending}")
    check(read_weights(tmp_path / f"w{ending}"))


class Evil:
    def __reduce__(self):
        return (open, ("broken-into", "w"))


def test_every_damage_to_an_npz_is_named_as_such(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", a=np.arange(40, dtype=np.float32), b=np.ones(3))
    whole = (tmp_path / "w.npz").read_bytes()
    rng, refused = np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        (tmp_path / "w.npz").write_bytes(damaged)
        try:
            read_weights(tmp_path / "w.npz")
        except DataError as error:
            refused += "\n" not in str(error)
    assert refused > 100


def test_archives_that_python_cannot_open(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.ones(3))
    whole = bytearray((tmp_path / "w.npz").read_bytes())
    central = whole.index(b"PK\x01\x02")
    for name, at, value in (("encrypted", 8, 1), ("compression", 10, 99)):
        damaged = whole.copy()
        damaged[central + at] = value
        (tmp_path / "w.npz").write_bytes(damaged)
        with pytest.raises(DataError, match=rf"w.npz is not a file of arrays.*{name}"):
            read_weights(tmp_path / "w.npz")
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("notes.txt", "not an array")
    with pytest.raises(DataError, match=r"'notes.txt' of .* is not a numpy array, got bytes"):
        read_weights(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"a": np.array([np.nan])}, "'a' of .* finite"),
        ({"a": np.array([1e39])}, "beyond float32"),
        ({"a": np.ones(2, complex)}, "dtype complex128"),
        ({"bn.running_var": np.array([1.0, -0.5])}, "not negative, got -0.5"),
    ],
)
def test_numbers_that_are_no_weights(tmp_path, values, words):
    np.savez(tmp_path / "w.npz", **values)
    with pytest.raises(DataError, match=words):
        read_weights(tmp_path / "w.npz")


def test_tensors_that_are_no_arrays(tmp_path):
    torch = pytest.importorskip("torch")
    for tensor in (torch.eye(3).to_sparse(), torch.ones(2, device="meta")):
        torch.save({"a.weight": tensor}, tmp_path / "w.pt")
        with pytest.raises(DataError, match=r"weight 'a.weight' of .*w.pt is not an array that numpy knows"):
            read_weights(tmp_path / "w.pt")


def test_files_that_are_no_weights(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    np.savez("objects.npz", a=np.array([Evil()], dtype=object))
    np.savez("whole.npz", a=np.arange(3))
    np.savez("endless.npz", a=np.array([np.inf]))
    np.save("array.npy", np.ones(2))
    (tmp_path / "array.npy").rename("array.npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-30])
    (tmp_path / "rubbish.pt").write_bytes(b"rubbish")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Evil()))
    torch.save({"state_dict": {"a": torch.ones(2)}, "epoch": 3}, "checkpoint.pt")
    torch.save({"a": Evil()}, "evil.pt")
    for name in ("objects", "whole", "endless", "array", "empty", "cut"):
        with pytest.raises(DataError, match=f"{name}.npz"):
            read_weights(tmp_path / f"{name}.npz")
    for name in ("rubbish", "empty", "pickle", "evil"):
        with pytest.raises(DataError, match=f"{name}.pt is not a file of weights"):
            read_weights(tmp_path / f"{name}.pt")
    with pytest.raises(DataError, match=r"torch.save\(network.state_dict"):
        read_weights(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "broken-into").exists()
    with pytest.raises(InvalidValue, match=r"\.npz, \.pt and \.pth"):
        read_weights(tmp_path / "w.h5")
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "nowhere.pt")
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingPackage, match=r"nasgym\[agents\]"):
        read_weights(tmp_path / "rubbish.pt")
