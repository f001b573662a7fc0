"""`RewardScale`: hand-computed advantages, and what no scale may depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.agents.common.reward_scale import RewardScale
from nasgym.errors import InvalidValue, UnknownName

UNIT = np.sqrt(4 / 45)


def test_ranks_by_hand():
    scale = RewardScale("rank", window=4)
    # shares below, ties counting half: 1/8, 4/8, 4/8, 7/8
    got = scale(np.array([-5.0, 0.2, 0.2, 0.9]))
    assert got == pytest.approx((np.array([1 / 8, 1 / 2, 1 / 2, 7 / 8]) ** 2 - 1 / 3) / UNIT)
    # the window drops -5: {0.2, 0.2, 0.9, 0.3}
    assert scale(np.array([0.3])) == pytest.approx([((5 / 8) ** 2 - 1 / 3) / UNIT])


def test_ranks_of_many_different_rewards_have_mean_0_and_variance_1():
    got = RewardScale("rank", window=1000)(np.random.default_rng(0).normal(size=1000))
    assert got.mean() == pytest.approx(0.0, abs=1e-5)
    assert got.var() == pytest.approx(1.0, abs=1e-3)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_ranks_depend_on_order_alone(rewards):
    array = np.round(np.array(rewards), 3)
    assert (RewardScale("rank")(array) == RewardScale("rank")(np.exp(3 * array))).all()


def test_percent_is_nats_benchs_baseline():
    scale = RewardScale("percent", momentum=0.9)
    # updated before use and bias-corrected: the first reward is its own baseline
    assert scale(np.array([0.5])) == pytest.approx([0.0])
    baseline = (0.9 * 0.1 * 50 + 0.1 * 80) / (1 - 0.9**2)
    assert scale(np.array([0.8])) == pytest.approx([80 - baseline])


def test_standardised_by_hand():
    scale = RewardScale("standardised", momentum=0.5)
    assert scale(np.array([1.0, 3.0])) == pytest.approx([-1.0, 1.0])
    # weights 1/3 and 2/3 of the batches: mean (2 + 2 * 5) / 3 = 4, mean square (5 + 2 * 25) / 3 =
    # 55 / 3
    assert scale(np.array([5.0, 5.0])) == pytest.approx(np.full(2, 1.0 / np.sqrt(55 / 3 - 16)))


@pytest.mark.parametrize("scaling", ["rank", "standardised", "percent"])
def test_equal_rewards_are_finite(scaling):
    scale = RewardScale(scaling)
    for _ in range(3):
        assert np.isfinite(scale(np.full(4, 0.1))).all()


def test_what_is_refused():
    with pytest.raises(UnknownName, match="Did you mean 'rank'"):
        RewardScale("ranks")
    with pytest.raises(InvalidValue, match="momentum"):
        RewardScale("percent", momentum=1.0)
    with pytest.raises(InvalidValue, match="window"):
        RewardScale("rank", window=1)


def test_percent_is_of_the_range_of_the_quality():
    rewards = np.array([-25.0, -30.0, -27.0])
    wide, narrow = RewardScale("percent", span=20.0)(rewards), RewardScale("percent")(rewards / 20)
    np.testing.assert_allclose(wide, narrow)
