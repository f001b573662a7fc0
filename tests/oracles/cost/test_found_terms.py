"""Terms that are found in the costs of all architectures: only where every cost is their sum."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.oracles.cost.found_terms import ROUNDING, found_terms


def made(rng, counts, *, pairs):
    """``(product,)`` drawn sums over layers and, with `pairs`, neighbours."""
    values = np.full(counts, rng.uniform(-9, 9))
    for layer, count in enumerate(counts):
        values += rng.uniform(-9, 9, count).reshape([-1 if i == layer else 1 for i in range(len(counts))])
    for layer, (count, after) in enumerate(itertools.pairwise(counts)):
        shape = [{layer: count, layer + 1: after}.get(i, 1) for i in range(len(counts))]
        values += pairs * rng.uniform(1, 9, (count, after)).reshape(shape)
    return values.reshape(-1)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_sums_are_found_and_give_every_cost(seed, pairs):
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 5, rng.integers(1, 6)).tolist()
    values = made(rng, counts, pairs=pairs)
    terms = found_terms(values, counts)
    assert terms.counts == tuple(counts)
    assert (terms.pair is None) == (not pairs or len(counts) == 1)
    rows = np.array(list(itertools.product(*map(range, counts))))
    np.testing.assert_allclose(terms.cost(rows), values, rtol=0, atol=ROUNDING * np.abs(values).max())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_one_cost_that_is_no_sum_is_seen(seed, pairs):
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 5, rng.integers(3, 6)).tolist()
    values = made(rng, counts, pairs=pairs)
    values[rng.integers(len(values))] += 1e-4
    assert found_terms(values, counts) is None


def test_layers_apart_that_influence_each_other_are_no_chain():
    first, last = np.indices((2, 2, 2))[[0, 2]]
    assert found_terms((first * last).astype(float).reshape(-1), (2, 2, 2)) is None
    found = found_terms(np.array([0.0, 0.0, 0.0, 1.0]), (2, 2))
    assert found.pair[0].tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_holes_are_no_sum():
    assert found_terms(np.array([1.0, np.nan, 2.0, 3.0]), (2, 2)) is None
