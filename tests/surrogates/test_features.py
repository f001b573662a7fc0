"""Architectures as columns, by hand."""

import numpy as np

from nasgym.spaces.decision import Decision
from nasgym.surrogates.features import ArchFeatures, is_ordinal
from tests.sampled import sampled_space

SPACE = sampled_space()
FEATURES = ArchFeatures(SPACE)


def test_columns_by_hand():
    archs = SPACE.from_str(["conv:5:swish,32,3,160", "sep:7,64,1,96", "pool,8,2,128"])
    nan = np.nan
    # op one-hot, kernel, act one-hot, width (descending), depth, size one-hot (in no order)
    wanted = [
        [0, 1, 0, 1, 0, 1, 1, 2, 0, 1, 0],
        [0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0],
        [1, 0, 0, nan, 0, 0, 3, 1, 0, 0, 1],
    ]
    np.testing.assert_array_equal(FEATURES.matrix(archs), wanted)
    assert FEATURES.codes(archs)[2].tolist() == [0, 3, 2, 3, 1, 2]
    assert FEATURES.description == (
        "11 columns: 3 decisions by the position of their number (missing where inactive), 3 one-hot (all 0 where inactive)"
    )


def test_no_two_architectures_are_alike():
    matrix = np.nan_to_num(FEATURES.matrix(SPACE.enumerate()), nan=-1)
    assert len(np.unique(matrix, axis=0)) == SPACE.size


def test_what_is_ordinal():
    for choices, wanted in (((3, 5, 7), True), ((8, 4.5, 2), True), ((1, 3, 2), False), (("a", 1, 2), False), ((4,), True)):
        assert is_ordinal(Decision("d", choices, "op")) is wanted
