from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.compare.statistics import (
    band,
    best_of_ties,
    first_reach,
    iqm,
    median_evaluations,
    near_optimum,
    rank_agreement,
    regret,
    step_values,
)


def test_iqm_cuts_a_quarter_at_each_end():
    assert iqm([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -50.0]) == pytest.approx(3.5)  # 2, 3, 4, 5
    assert iqm([1.0, 2.0, 6.0]) == pytest.approx(3.0)  # int(3 / 4) = 0: nothing is cut
    assert iqm([[0.0, 1.0], [2.0, 9.0]]) == pytest.approx(1.5)  # runs and tasks are pooled


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
