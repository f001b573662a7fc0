"""The predictor as an oracle."""

import numpy as np
import pytest

from nasgym.errors import InvalidValue, UnknownName
from nasgym.oracles.accuracy.once_for_all import OnceForAllModel, ofa_features
from nasgym.oracles.accuracy.surrogate import SurrogateOracle
from nasgym.oracles.oracle import AccuracyOracle
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.surrogates.perceptron import SHAPES, Predictor

SPACE = OnceForAllSpace()


def made_up(seed=0):
    """A model with drawn weights, whose outputs lie around 0.5."""
    rng = np.random.default_rng(seed)
    weights = tuple((rng.normal(size=shape) / np.sqrt(shape[1])).astype(np.float32) for shape in SHAPES)
    biases = tuple(np.full(shape[0], 0.5 if shape[0] == 1 else 0.0, dtype=np.float32) for shape in SHAPES)
    return OnceForAllModel(Predictor({"name": "ofa"}, weights, biases))


ORACLE = SurrogateOracle(made_up(), SPACE)


def predict(archs):
    return ORACLE.report(archs).validation


def test_features_by_hand():
    text = "r176,k3e3-k5e4,k7e6-k3e4-k5e3,k3e3-k3e3-k3e3-k7e3,k3e3-k3e3,k3e6-k3e6"
    (features,) = ofa_features(SPACE.from_str(text))
    kernels, expansions, resolution = features[:60].reshape(20, 3), features[60:120].reshape(20, 3), features[120:]
    assert kernels[:4].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert expansions[4:8].tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert kernels[11].tolist() == [0, 0, 1]
    assert resolution.tolist() == [0, 0, 0, 0, 1, 0, 0, 0]  # 112 + 4 * 16
    assert features.sum() == 2 * (2 + 3 + 4 + 2 + 2) + 1


def test_it_is_an_oracle_without_test_accuracy():
    assert isinstance(ORACLE, AccuracyOracle)
    archs = SPACE.sample(np.random.default_rng(0), 10)
    seeds = ORACLE.draw_seeds(archs, 0, np.random.default_rng(0))
    found = ORACLE.measure(archs, 0, seeds)
    assert ((found.validation > 0) & (found.validation < 1)).all()
    assert np.isnan(found.test).all()
    assert np.isnan(found.train_seconds).all()
    assert np.array_equal(ORACLE.report(archs).validation, found.validation)


def test_predictions_in_double_precision():
    archs = SPACE.sample(np.random.default_rng(1), 50)
    values = ofa_features(archs).astype(np.float64)
    predictor = ORACLE.model.predictor
    for i, (weight, bias) in enumerate(zip(predictor.weights, predictor.biases, strict=True)):
        values = values @ weight.T.astype(np.float64) + bias
        values = values if i == 3 else np.maximum(values, 0)
    assert predict(archs) == pytest.approx(values[:, 0], abs=6e-8)


def test_a_prediction_does_not_depend_on_its_company():
    archs = SPACE.sample(np.random.default_rng(2), 700)
    together = predict(archs)
    alone = np.concatenate([predict(archs[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(alone, together[:40])
    np.testing.assert_array_equal(predict(archs[::-1]), together[::-1])
    assert len(predict(archs[:0])) == 0


def test_fingerprints_are_those_of_the_weights():
    assert SurrogateOracle(made_up(), SPACE.restrict({"*.kernel": [3]})).fingerprint == ORACLE.fingerprint
    assert SurrogateOracle(made_up(1), SPACE).fingerprint != ORACLE.fingerprint


def test_refusals():
    archs = SPACE.sample(np.random.default_rng(3), 2)
    with pytest.raises(UnknownName, match="fidelity"):
        ORACLE.measure(archs, 12, np.full(2, -1))
    with pytest.raises(UnknownName, match="training seed"):
        ORACLE.measure(archs, 0, np.zeros(2, dtype=np.int64))
    with pytest.raises(InvalidValue, match="not of 'digits'"):
        SurrogateOracle(made_up(), DigitsSpace())
    small = SurrogateOracle(made_up(), SPACE.restrict({"*.kernel": [3]}))
    with pytest.raises(InvalidValue, match="is not valid"):
        small.report(SPACE.default[None])
