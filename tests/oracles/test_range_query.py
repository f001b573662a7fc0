"""Extremes of ranges, against looking at every entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.oracles.range_query import RangeQuery

entry = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")), st.just(float("inf")))


@given(values=st.lists(entry, min_size=1, max_size=40), data=st.data())
def test_every_range(values, data):
    array = np.array(values)
    first = np.array(data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1, max_size=8)))
    last = np.array([data.draw(st.integers(int(f), len(values) - 1)) for f in first])
    for largest, join in ((True, np.fmax), (False, np.fmin)):
        wanted = [join.reduce(array[f : e + 1]) for f, e in zip(first, last, strict=True)]
        np.testing.assert_array_equal(RangeQuery(array, largest=largest).query(first, last), wanted)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 9])
def test_whole_ranges_of_any_length(n):
    values = np.random.default_rng(n).permutation(n).astype(float)
    low, high = RangeQuery(values, largest=False), RangeQuery(values, largest=True)
    for first in range(n):
        for last in range(first, n):
            ends = np.array([first]), np.array([last])
            assert (low.query(*ends)[0], high.query(*ends)[0]) == (
                values[first : last + 1].min(),
                values[first : last + 1].max(),
            )
