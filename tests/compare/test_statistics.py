from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import trim_mean

from nasgym.compare.statistics import (
    band,
    best_of_ties,
    bootstrap_interval,
    first_reach,
    iqm,
    median_evaluations,
    near_optimum,
    rank_agreement,
    regret,
    step_values,
)
from nasgym.errors import InvalidValue


def test_iqm_cuts_a_quarter_at_each_end():
    assert iqm([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -50.0]) == pytest.approx(3.5)  # 2, 3, 4, 5
    assert iqm([1.0, 2.0, 6.0]) == pytest.approx(3.0)  # int(3 / 4) = 0: nothing is cut
    assert iqm([[0.0, 1.0], [2.0, 9.0]]) == pytest.approx(1.5)  # runs and tasks are pooled


def test_interval_of_equal_scores_is_a_point():
    assert bootstrap_interval(np.full(7, 0.3), np.random.default_rng(0)) == pytest.approx((0.3, 0.3))


def test_interval_of_two_scores_is_their_range():
    # four equally likely resamples: both low (1/4), mixed (1/2), both high (1/4); 2.5 % and 97.5 %
    # lie in the outer ones
    assert bootstrap_interval([1.0, 3.0], np.random.default_rng(0)) == (1.0, 3.0)
    # ... and with 40 % in the middle, both ends lie in the mixed ones
    assert bootstrap_interval([1.0, 3.0], np.random.default_rng(0), confidence=0.4) == (2.0, 2.0)


def test_interval_is_stratified_and_seeded():
    # each task has one value for all runs: resampling within a task changes nothing, resampling the
    # pool would
    scores = np.tile([0.0, 1.0, 2.0, 3.0], (5, 1))
    assert bootstrap_interval(scores, np.random.default_rng(1)) == (1.5, 1.5)
    noisy = np.random.default_rng(2).normal(size=30)
    one, other = (bootstrap_interval(noisy, np.random.default_rng(4)) for _ in range(2))
    assert one == other
    assert one[0] < iqm(noisy) < one[1]


def test_interval_agrees_with_scipy_resample_by_resample():
    scores = np.random.default_rng(5).normal(size=13)
    drawn = np.random.default_rng(6).integers(0, 13, size=(500, 13, 1))
    means = trim_mean(scores[drawn[:, :, 0]], 0.25, axis=1)
    wanted = tuple(np.quantile(means, [0.025, 0.975]))
    assert bootstrap_interval(scores, np.random.default_rng(6), reps=500) == pytest.approx(wanted)


@pytest.mark.parametrize(("scores", "options"), [([], {}), ([1.0], {"reps": 0}), ([1.0], {"confidence": 1.0})])
def test_interval_refuses_nonsense(scores, options):
    with pytest.raises(InvalidValue, match="bootstrap"):
        bootstrap_interval(scores, np.random.default_rng(0), **options)


def test_steps_hold_until_the_next_place():
    values = step_values([0, 1, 2, 3, 9], [1, 3, 3], [0.1, 0.2, 0.5])
    np.testing.assert_array_equal(values, [np.nan, 0.1, 0.1, 0.5, 0.5])  # of equal places the last one counts


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8, unique=True), st.integers(1, 60))
def test_steps_equal_a_plain_loop(places, where):
    places = sorted(places)
    values = np.arange(len(places), dtype=float)
    wanted = max((v for p, v in zip(places, values, strict=True) if p <= where), default=np.nan)
    np.testing.assert_equal(step_values([where], places, values)[0], wanted)


def test_band():
    mean, low, high = band(np.array([[0.0, 4.0], [1.0, 4.0], [2.0, 4.0], [3.0, 4.0], [9.0, 4.0]]))
    np.testing.assert_allclose(mean, [3.0, 4.0])
    np.testing.assert_allclose(low, [1.0, 4.0])
    np.testing.assert_allclose(high, [3.0, 4.0])


def test_regret():
    np.testing.assert_allclose(regret(0.9, [0.9, 0.4, -0.1]), [0.0, 0.5, 1.0])


def test_near_optimum_lies_below_it_whatever_its_sign():
    assert near_optimum(0.8) == pytest.approx(0.792)
    assert near_optimum(-2.0) == pytest.approx(-2.02)
    assert near_optimum(0.0) == 0.0


def test_first_reach():
    assert first_reach([1, 4, 9], [0.1, 0.5, 0.9], 0.5) == 4
    assert first_reach([1, 4, 9], [0.1, 0.5, 0.9], 0.95) == np.inf


def test_median_counts_runs_that_never_got_there():
    assert median_evaluations([5, 1, 3]) == 3
    assert median_evaluations([2, 4]) == 3
    assert median_evaluations([1, 2, np.inf]) == 2
    assert median_evaluations([1, np.inf]) == np.inf
    assert median_evaluations([np.inf, np.inf]) == np.inf


def test_rank_agreement():
    assert rank_agreement([[1, 10], [2, 20], [3, 30]]) == pytest.approx(1.0)
    assert rank_agreement([[1, 30], [2, 20], [3, 10]]) == pytest.approx(-1.0)
    # ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15) = 0.6
    assert rank_agreement([[1, 2], [2, 1], [3, 4], [4, 3]]) == pytest.approx(0.6)
    # the mean over the pairs (1, -1, -1); a missing training leaves its pairs a row shorter
    table = [[1, 1, 4], [2, 2, 3], [3, 3, 2], [4, np.nan, 1]]
    assert rank_agreement(table) == pytest.approx(-1 / 3)
    assert rank_agreement([[1.0], [2.0], [3.0]]) is None
    assert rank_agreement([[1, np.nan], [2, np.nan], [3, 1]]) is None


def test_best_of_ties():
    assert best_of_ties(np.array([1.0, 3.0, 3.0]), np.array([9.0, 0.2, 0.4])) == pytest.approx(0.3)
