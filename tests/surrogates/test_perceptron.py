"""The predictor of Once-for-All and its file.

Its published numbers are in tests/importers/test_ofa_predictor.py.
"""

import numpy as np
import pytest

from nasgym.errors import DataError, MissingData
from nasgym.files.arrays import checksum_path, write_arrays
from nasgym.surrogates.perceptron import (
    FEATURES,
    SHAPES,
    Predictor,
    find_predictor,
    predictor_path,
    read_predictor,
    write_predictor,
)

CARD = {"name": "ofa", "space": "ofa"}


@pytest.fixture
def predictor():
    rng = np.random.default_rng(0)
    weights = tuple(rng.normal(size=shape).astype(np.float32) for shape in SHAPES)
    return Predictor(CARD, weights, tuple(rng.normal(size=shape[0]).astype(np.float32) for shape in SHAPES))


def test_layers_with_relu_between_them(predictor):
    features = np.random.default_rng(1).integers(0, 2, (5, FEATURES)).astype(np.float32)
    values = features.astype(np.float64)
    for weight, bias in zip(predictor.weights[:-1], predictor.biases[:-1], strict=True):
        values = np.maximum(values @ weight.T + bias, 0)
    values = values @ predictor.weights[-1].T + predictor.biases[-1]
    found = predictor(features)
    assert (found.shape, found.dtype) == ((5,), np.float32)
    assert found == pytest.approx(values[:, 0], rel=1e-4)


def test_what_is_written_is_found_again(predictor):
    with pytest.raises(MissingData, match="nasgym data import ofa PATH"):
        find_predictor()
    assert write_predictor(predictor, predictor_path()) == predictor_path()
    found = find_predictor()
    assert (found.card, found.fingerprint) == (CARD, predictor.fingerprint)
    assert all(np.array_equal(a, b) for a, b in zip(found.weights, predictor.weights, strict=True))
    # not read again while its file is the same
    assert find_predictor() is found


def test_the_fingerprint_is_that_of_the_numbers(predictor):
    biases = (predictor.biases[0] + 1, *predictor.biases[1:])
    assert Predictor(CARD, predictor.weights, biases).fingerprint != predictor.fingerprint
    assert Predictor({}, predictor.weights, predictor.biases).fingerprint == predictor.fingerprint


def test_shapes_and_numbers_that_are_not_allowed(predictor):
    with pytest.raises(DataError, match=r"layer 1 of the predictor has weights \(400, 400\) and biases \(1,\)"):
        Predictor(CARD, predictor.weights, (predictor.biases[0], np.zeros(1, np.float32), *predictor.biases[2:]))
    with pytest.raises(DataError, match="layer 0 of the predictor has a number that is not finite"):
        Predictor(CARD, (predictor.weights[0] * np.inf, *predictor.weights[1:]), predictor.biases)


def test_a_damaged_file_is_noticed(predictor):
    path = write_predictor(predictor, predictor_path())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        find_predictor()
    checksum_path(path).unlink()
    with pytest.raises(DataError, match="no checksum"):
        find_predictor()


@pytest.mark.parametrize(
    ("card", "arrays"),
    [({"format": "else"}, {}), ({"format": "nasgym-predictor-1"}, {"weight0": np.zeros((400, 128), np.float32)})],
)
def test_a_file_of_another_format_is_refused(tmp_path, card, arrays):
    path = write_arrays(tmp_path / "other.npz", card, arrays)
    with pytest.raises(DataError, match=r"is a predictor of another format; .*import it again\."):
        read_predictor(path)
