from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from nasgym.compare.block_interval import grid_mean, grid_pairs
from nasgym.errors import InvalidValue


def test_by_hand():
    # six blocks of two with the means 1 to 6: mean 3.5, deviation sqrt(3.5), error 0.76376
    one = grid_mean(np.array([0, 2, 1, 3, 2, 4, 3, 5, 4, 6, 5, 7], dtype=float))
    assert one.mean == 3.5
    assert (one.low, one.high) == (pytest.approx(3.5 - 2.57058 * 0.763763, abs=1e-5), pytest.approx(3.5 + 1.963312, abs=1e-5))
    assert one.p_value == pytest.approx(ttest_1samp([1, 2, 3, 4, 5, 6], 0).pvalue)


def test_uneven_blocks_keep_the_mean_of_all_values():
    values = np.arange(51.0) ** 2
    blocks = np.split(values, [9, 18, 27, 35, 43])  # 51 = 3 * 9 + 3 * 8
    one = grid_mean(values)
    assert one.mean == values.mean()
    half = 2.5705818 * np.std([b.mean() for b in blocks], ddof=1) / np.sqrt(6)
    assert (one.low, one.high) == (pytest.approx(one.mean - half), pytest.approx(one.mean + half))


def test_few_targets_have_a_mean_and_nothing_else():
    one = grid_mean(np.arange(11.0))
    assert one.mean == 5.0
    assert np.isnan([one.low, one.high, one.p_value]).all()
    assert grid_pairs({"a": np.arange(11.0), "b": np.zeros(11)}) == []
    with pytest.raises(InvalidValue, match="a mean needs values"):
        grid_mean(np.empty(0))


def test_equal_values_are_certain():
    zero, two = grid_mean(np.zeros(12)), grid_mean(np.full(12, 2.0))
    assert (zero.low, zero.high, zero.p_value) == (0.0, 0.0, 1.0)
    assert (two.low, two.high, two.p_value) == (2.0, 2.0, 0.0)


def test_stretches_of_equal_values_widen_the_interval():
    """51 values that are 17 in truth say less than 51; a plain interval does not see it."""
    draws = np.random.default_rng(0).exponential(size=(400, 17))
    held = [
        (grid_mean(np.repeat(d, 3)).low <= 1 <= grid_mean(np.repeat(d, 3)).high, _plain_holds(np.repeat(d, 3))) for d in draws
    ]
    blocks, plain = np.mean(held, axis=0)
    assert blocks > 0.88
    assert plain < 0.78


def _plain_holds(values):
    half = 2.008559 * values.std(ddof=1) / np.sqrt(len(values))
    return abs(values.mean() - 1) <= half


@given(st.lists(st.floats(-1e3, 1e3), min_size=12, max_size=60), st.floats(-10, 10), st.floats(0.5, 2))
def test_intervals_move_and_stretch_with_the_values(values, move, stretch):
    one, other = grid_mean(np.array(values)), grid_mean(np.array(values) * stretch + move)
    assert other.mean == pytest.approx(one.mean * stretch + move, abs=1e-6)
    assert other.high - other.low == pytest.approx((one.high - one.low) * stretch, abs=1e-6)
    assert one.low <= one.mean <= one.high


def test_pairs_by_hand():
    base = np.zeros(12)
    first = np.tile([1.0, 3.0], 6)  # every block has the mean 2
    worse = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 1], dtype=float)
    pairs = grid_pairs({"a": first, "b": base, "c": worse})
    assert [(one.first, one.second) for one in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert (pairs[0].difference, pairs[0].low, pairs[0].better, pairs[0].p_value) == (2.0, 2.0, 1.0, 0.0)
    # ten ties count half, one win, one loss
    assert (pairs[2].difference, pairs[2].better, pairs[2].p_value) == (0.0, 0.5, 1.0)
    assert pairs[2].tied
    of_one = grid_pairs({"a": first, "b": base, "c": worse}, "b")
    assert [(one.first, one.second) for one in of_one] == [("b", "a"), ("b", "c")]
    assert of_one[0].difference == -2.0
