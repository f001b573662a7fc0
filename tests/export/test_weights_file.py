"""Weights read from files: what people have, and what is refused."""

from __future__ import annotations

import pickle

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
