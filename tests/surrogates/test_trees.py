"""Trees as look-ups: one by hand, scikit-learn's own predictions, arrays that do not fit."""

from dataclasses import replace

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.surrogates.features import ArchFeatures
from nasgym.surrogates.trees import Trees
from tests.sampled import sampled_space

SPACE = sampled_space()
FEATURES = ArchFeatures(SPACE)
CODES = FEATURES.codes(SPACE.enumerate())
KERNEL, DEPTH = 3, 7


def by_hand():
    """Depth at most 2 (position 1)? Then 0.1; else kernel 3 or missing? Then 0.2, else 0.4.

    And a tree of one leaf.
    """
    return Trees(
        feature=np.array([DEPTH, -1, KERNEL, -1, -1, -1]),
        threshold=np.array([1.5, 0, 0.5, 0, 0, 0]),
        missing_left=np.array([False, False, True, False, False, False]),
        left=np.array([1, 0, 3, 0, 0, 0]),
        right=np.array([2, 0, 4, 0, 0, 0]),
        value=np.array([0, 0.1, 0, 0.2, 0.4, 10.0]),
        first_nodes=np.array([0, 5, 6]),
        first_trees=np.array([0, 2, 2]),
        baseline=np.array([0.5, -1.0]),
    )


def test_a_tree_by_hand():
    trees = by_hand()
    archs = SPACE.from_str(["conv:7:relu,64,2,96", "conv:7:relu,64,3,96", "sep:3,64,3,96", "pool,64,3,96"])
    found = trees.predict(0, FEATURES, FEATURES.codes(archs))
    assert found == pytest.approx([10.6, 10.9, 10.7, 10.7])
    # a model without a tree
    assert trees.predict(1, FEATURES, FEATURES.codes(archs)).tolist() == [-1.0] * 4
    assert len(trees.predict(0, FEATURES, CODES[:0])) == 0


def test_an_infinite_threshold_asks_whether_a_number_is_missing():
    trees = replace(by_hand(), threshold=np.array([1.5, 0, np.inf, 0, 0, 0]), missing_left=np.zeros(6, dtype=bool))
    archs = SPACE.from_str(["conv:7:relu,64,3,96", "pool,64,3,96"])
    assert trees.predict(0, FEATURES, FEATURES.codes(archs)) == pytest.approx([10.7, 10.9])


@pytest.mark.parametrize("scale", [1.0, 1e8])
def test_equal_to_scikit_learn(scale):
    pytest.importorskip("sklearn")
    from sklearn.ensemble import HistGradientBoostingRegressor

    from nasgym.surrogates.fit import BOOSTING, _plain

    rng = np.random.default_rng(1)
    archs = SPACE.enumerate()[rng.choice(SPACE.size, 150, replace=False)]
    models = []
    for _ in range(2):
        values = scale * (rng.normal(size=150) + archs[:, 3])
        models.append(HistGradientBoostingRegressor(**BOOSTING).fit(FEATURES.matrix(archs), values))
    trees = _plain(models)
    assert len(trees.first_nodes) - 1 == 600
    for number, model in enumerate(models):
        wanted = model.predict(FEATURES.matrix(SPACE.enumerate()))
        found = trees.predict(number, FEATURES, CODES)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12 * scale)
        # and a prediction does not depend on its company
        alone = np.concatenate([trees.predict(number, FEATURES, CODES[i : i + 1]) for i in range(30)])
        np.testing.assert_array_equal(alone, found[:30])


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": np.zeros(5)},
        {"first_nodes": np.array([0, 5, 7])},
        {"first_nodes": np.array([1, 5, 6])},
        {"first_trees": np.array([0, 3, 2])},
        {"baseline": np.zeros(3)},
        {"left": np.array([1, 0, 2, 0, 0, 0])},  # its own child: a walk would never end
        {"left": np.array([1, 0, 5, 0, 0, 0])},  # a child in the next tree
        {"left": np.array([2, 0, 3, 0, 0, 0])},  # a node of two parents
        {"value": np.array([0, np.nan, 0, 0, 0, 0])},
        {"feature": np.array(-1)},
        {"feature": np.array([DEPTH, -1, KERNEL, -1, -1, -1.0])},
        {"threshold": np.array([1.5, 0, np.nan, 0, 0, 0])},
        {"threshold": np.zeros(6, dtype=np.int64)},
        {"missing_left": np.zeros(6)},
        {"left": np.array([-1, 0, 3, 0, 0, 0])},
        {"left": np.array([2**62, 0, 3, 0, 0, 0])},
        {"first_nodes": np.array([], dtype=np.int64)},
        {"first_nodes": np.array([0, 6, 6])},  # a tree without a node
        {"first_trees": np.array(0)},
    ],
)
def test_arrays_that_do_not_fit_together(changes):
    with pytest.raises(DataError, match="do not fit together"):
        replace(by_hand(), **changes)
