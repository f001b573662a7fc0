"""Numbers as pages print them."""

import numpy as np
import pytest

from benchmarks.intervals import lead, lead_text, mean, middle, student, words


def test_students_interval_of_a_known_sample():
    # mean 3, standard deviation sqrt(2.5), t of 4 degrees 2.776: 3 -+ 2.776 * 1.5811 / sqrt(5)
    assert student(np.arange(1.0, 6.0)) == pytest.approx((1.0368, 4.9632), abs=1e-4)
    assert mean(np.arange(1.0, 6.0), 2) == "3.00 [1.04, 4.96]"


def test_one_run_has_no_interval():
    assert middle([0.81234], 4) == "0.8123"
    assert mean([0.81234], 4) == "0.8123"


def test_what_lies_far_out_does_not_move_the_middle():
    assert middle([0.0, 0.5, 0.5, 100.0], 2).startswith("0.50 [")


def test_a_lead_is_taken_seed_by_seed():
    noise = np.array([0.0, 10.0, -5.0, 3.0, 7.0, 1.0])
    assert lead_text(noise + 0.25, noise, 2) == "+0.25 [+0.25, +0.25]"
    assert lead_text([1.0], [0.5, 0.5, 0.5], 2) == "+0.50 [+0.50, +0.50]"
    assert lead(noise, noise[::-1]).tied


def test_few_runs_are_said_to_be_few():
    assert "87 to 91 %" in words(5)
    assert "too few" in words(5)
    assert "93 to 95 %" in words(10)
    assert "too few" not in words(10)
