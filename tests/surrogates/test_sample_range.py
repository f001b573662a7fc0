"""The range of a sample, by hand and against a plain loop."""

import numpy as np

from nasgym.surrogates.sample_range import SampleRange


def test_a_label_that_was_not_sampled():
    found = SampleRange(np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1]]), 3)
    # the first one differs from its nearest other one in two decisions, the other two in one
    assert found.radius == 2
    asked = np.array([[0, 0, 0], [0, 0, 1], [2, 0, 0], [0, 1, 2]])
    assert found.outside(asked).tolist() == [False, False, True, True]


def test_far_from_everything_that_was_sampled():
    # one decision at a time around 0000: every label but few of their combinations
    sample = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = SampleRange(sample, 2)
    assert found.radius == 1
    asked = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
    assert found.outside(asked).tolist() == [False, True, True]


def test_one_architecture_and_a_given_radius():
    assert SampleRange(np.array([[0, 1]]), 2).radius == 0
    assert SampleRange(np.array([[0, 1], [1, 0]]), 2).outside(np.array([[0, 0]])).tolist() == [False]
    assert SampleRange(np.array([[0, 1], [1, 0]]), 2, radius=0).outside(np.array([[0, 0], [0, 1]])).tolist() == [True, False]


def test_against_a_loop():
    rng = np.random.default_rng(0)
    sample, asked = rng.integers(0, 4, (1100, 6)), rng.integers(0, 5, (1500, 6))
    sample = np.unique(sample, axis=0)
    found = SampleRange(sample, 5)
    distance = (sample[:, None] != sample[None]).sum(axis=2)
    np.fill_diagonal(distance, 99)
    assert found.radius == distance.min(axis=1).max()
    near = (asked[:, None] != sample[None]).sum(axis=2).min(axis=1)
    np.testing.assert_array_equal(found.outside(asked), (near > found.radius) | (asked == 4).any(axis=1))
