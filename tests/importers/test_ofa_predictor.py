"""The accuracy predictor: golden values of the published weights, and damaged sources."""

import numpy as np
import pytest

from nasgym.errors import DataError, MissingData
from nasgym.importers.ofa_predictor import import_ofa_predictor, read_ofa_predictor
from nasgym.oracles.accuracy.once_for_all import OnceForAllModel
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.surrogates.perceptron import find_predictor, predictor_path
from tests.importers.ofa_arrays import arrays


@pytest.fixture
def file(tmp_path):
    np.savez(tmp_path / "weights.npz", **arrays())
    return tmp_path / "weights.npz"


@pytest.mark.parametrize(
    ("resolution", "block", "depth", "accuracy"),
    [
        (160, "k3e3", 2, 0.753118634),
        (224, "k3e3", 2, 0.777386487),
        (160, "k5e4", 3, 0.785766959),
        (224, "k5e4", 3, 0.817291021),
        (160, "k7e6", 4, 0.807503223),
        (224, "k7e6", 4, 0.835927784),
    ],
)
def test_published_predictions(shared, resolution, block, depth, accuracy):
    space = OnceForAllSpace()
    model = OnceForAllModel(read_ofa_predictor(shared / "tables" / "ofa_mbv3_accuracy_predictor.npz"))
    text = ",".join([f"r{resolution}", *["-".join([block] * depth)] * 5])
    assert model.accuracy(space.from_str(text))[0] == pytest.approx(accuracy, abs=1e-6)


def test_imported_and_found_again(file):
    with pytest.raises(MissingData, match="nasgym data import ofa PATH"):
        find_predictor()
    path = import_ofa_predictor(file)
    assert path == predictor_path()
    found = find_predictor()
    assert found.fingerprint == read_ofa_predictor(file).fingerprint
    assert found.card["source"]["file"] == "weights.npz"
    assert np.array_equal(found.weights[2], arrays()["4_weight"])


def test_torch_file(file, tmp_path):
    torch = pytest.importorskip("torch")
    state = {key.replace("_", "."): torch.from_numpy(values) for key, values in arrays().items()}
    # the published file has the older format
    torch.save(state, tmp_path / "acc_predictor.pth", _use_new_zipfile_serialization=False)
    assert read_ofa_predictor(tmp_path / "acc_predictor.pth").fingerprint == read_ofa_predictor(file).fingerprint
    (tmp_path / "acc_predictor.pth").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(DataError, match="not readable as weights of torch"):
        read_ofa_predictor(tmp_path / "acc_predictor.pth")


def change(**others):
    return {**arrays(), **others}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (change(extra=np.zeros(3)), "expected 0_weight"),
        ({}, "has the arrays none"),
        (change(**{"0_weight": np.zeros((400, 127), dtype=np.float32)}), r"weights \(400, 127\)"),
        (change(**{"6_bias": np.zeros((), dtype=np.float32)}), r"biases \(\)"),
        (
            change(**{"2_bias": np.full(400, np.nan, dtype=np.float32)}),
            "layer 1 of the predictor has a number that is not finite",
        ),
        (change(**{"2_bias": np.zeros(400, dtype=np.int64)}), "has the type int64"),
        (change(**{"2_bias": np.array([None] * 400)}), "not readable as arrays"),
    ],
)
def test_damaged_sources(tmp_path, content, message):
    np.savez(tmp_path / "weights.npz", **content)
    with pytest.raises(DataError, match=message):
        read_ofa_predictor(tmp_path / "weights.npz")


def test_no_archive(tmp_path):
    for content in (b"", b"PK\x03\x04 cut off"):
        (tmp_path / "weights.npz").write_bytes(content)
        with pytest.raises(DataError, match="not readable as arrays"):
            read_ofa_predictor(tmp_path / "weights.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(DataError, match="not readable as arrays"):
        read_ofa_predictor(tmp_path / "one.npy")
