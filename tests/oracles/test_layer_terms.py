"""Terms of layers: by hand, against every architecture of small costs, and by Monte Carlo."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import InvalidValue
from nasgym.oracles.layer_terms import LayerTerms

SEEDS = st.integers(0, 2**32 - 1)


def drawn(rng, counts, *, combine="sum", pairs=False):
    """A chain of drawn integers, also negative."""
    unary = tuple(rng.integers(-9, 9, count).astype(float) for count in counts)
    pair = tuple(rng.integers(-9, 9, shape).astype(float) for shape in itertools.pairwise(counts)) if pairs else None
    return LayerTerms(float(rng.integers(-9, 9)), unary, pair, combine)


def any_terms(seed, combine=None):
    """Up to four layers of up to four options; with and without pairs and cases."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, rng.integers(1, 5)).tolist()
    combine = combine or str(rng.choice(["sum", "largest"]))
    chains = [drawn(rng, counts, combine=combine, pairs=bool(rng.integers(2))) for _ in range(counts[0])]
    return (LayerTerms.of_cases(chains) if rng.integers(2) else chains[0]), rng


def every(terms):
    """``(M, L)`` all options."""
    return np.array(list(itertools.product(*map(range, terms.counts))))


def by_definition(terms, row):
    """The cost of one architecture, term by term."""
    chain = terms.by_first_layer[row[0]] if terms.by_first_layer else terms
    found = [chain.constant, *(u[i] for u, i in zip(chain.unary, row, strict=True))]
    found += [p[a, b] for p, (a, b) in zip(chain.pair or (), itertools.pairwise(row), strict=False)]
    return sum(found) if terms.combine == "sum" else max(found)


def probabilities(rng, counts):
    """A distribution for each layer, now and then with a zero."""
    found = [rng.random(count) * (rng.random(count) > 0.2) + 1e-3 for count in counts]
    return [one / one.sum() for one in found]


def test_by_hand():
    unary = (np.array([1.0, 2.0]), np.array([10.0, 20.0, 30.0]))
    chain = LayerTerms(100.0, unary, (np.array([[0.0, 5.0, 0.0], [7.0, 0.0, -60.0]]),))
    assert chain.counts == (2, 3)
    assert chain.cases == (chain,)
    assert chain.cost(np.array([[0, 0], [0, 1], [1, 0], [1, 2]])).tolist() == [111.0, 126.0, 119.0, 72.0]
    assert [float(one[0]) for one in chain.extremes()] == [72.0, 131.0]
    assert chain.expected([np.array([0.5, 0.5]), np.array([0.0, 1.0, 0.0])]) == 124.0
    largest = LayerTerms(3.0, unary, combine="largest")
    assert largest.cost(np.array([[0, 0], [1, 2]])).tolist() == [10.0, 30.0]
    cases = LayerTerms.of_cases([chain, LayerTerms(0.0, unary)])
    assert cases.cost(np.array([[0, 1], [1, 1]])).tolist() == [126.0, 22.0]
    assert cases.counts == (2, 3)
    assert cases.narrow([np.array([1]), np.array([0, 2])]).cost(np.array([[0, 0], [0, 1]])).tolist() == [12.0, 32.0]


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_cost_and_extremes_are_those_of_all_architectures(seed):
    terms, rng = any_terms(seed)
    rows = every(terms)
    values = np.array([by_definition(terms, row) for row in rows])
    np.testing.assert_array_equal(terms.cost(rows), values)
    assert [float(one[0]) for one in terms.extremes()] == [values.min(), values.max()]
    allowed = [rng.random((6, count)) < 0.7 for count in terms.counts]
    for i, (least, largest) in enumerate(zip(*terms.extremes(allowed), strict=True)):
        fits = np.all([mask[i, rows[:, layer]] for layer, mask in enumerate(allowed)], axis=0)
        within = values[fits]
        assert (least, largest) == ((within.min(), within.max()) if fits.any() else (np.inf, -np.inf))


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_a_restriction_keeps_its_terms(seed):
    terms, rng = any_terms(seed)
    kept = [np.sort(rng.choice(count, rng.integers(1, count + 1), replace=False)) for count in terms.counts]
    part = terms.narrow(kept)
    rows = every(part)
    whole = np.stack([k[column] for k, column in zip(kept, rows.T, strict=True)], axis=1)
    assert part.counts == tuple(map(len, kept))
    assert part.combine == terms.combine
    np.testing.assert_array_equal(part.cost(rows), terms.cost(whole))


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_the_expected_cost_is_the_weighted_mean_of_all(seed):
    terms, rng = any_terms(seed, "sum")
    rows, by_layer = every(terms), probabilities(rng, terms.counts)
    weights = np.prod([p[column] for p, column in zip(by_layer, rows.T, strict=True)], axis=0)
    assert terms.expected(by_layer) == pytest.approx(weights @ terms.cost(rows), abs=1e-9)
    # linear in each layer's probabilities: a derivative is a difference, whatever the step
    gradient = terms.expected_gradient(by_layer)
    for layer, slopes in enumerate(gradient):
        for option, slope in enumerate(slopes):
            moved = [p.copy() for p in by_layer]
            moved[layer][option] += 0.5
            assert terms.expected(moved) - terms.expected(by_layer) == pytest.approx(0.5 * slope, abs=1e-9)


def test_the_expected_cost_is_the_mean_of_draws():
    rng = np.random.default_rng(0)
    chains = [drawn(rng, [3, 4, 5, 2], pairs=True) for _ in range(3)]
    for terms in (chains[0], LayerTerms.of_cases(chains)):
        by_layer = probabilities(rng, terms.counts)
        draws = np.stack([rng.choice(len(p), 100_000, p=p) for p in by_layer], axis=1)
        costs = terms.cost(draws)
        assert terms.expected(by_layer) == pytest.approx(costs.mean(), abs=5 * costs.std() / len(costs) ** 0.5)


def test_the_expectation_of_the_largest_is_refused():
    terms = LayerTerms(0.0, (np.array([1.0, 2.0]),), combine="largest")
    for ask in (terms.expected, terms.expected_gradient, LayerTerms.of_cases([terms, terms]).expected):
        with pytest.raises(InvalidValue, match="'largest' of its terms"):
            ask([np.array([0.5, 0.5])])


def test_terms_are_shared_and_not_written():
    given_ = np.array([1.0, 2.0])
    terms = LayerTerms(0.0, (given_, given_), (np.zeros((2, 2)),))
    for values in (*terms.unary, *terms.pair):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 5.0
    given_[0] = 1.0  # the caller's own array stays his
    terms.expected_gradient([given_, given_])[0][0] = 5.0


def test_what_does_not_fit_together_is_refused():
    unary = (np.zeros(2), np.zeros(3))
    with pytest.raises(InvalidValue, match=r"pairs of shapes \[\(2, 3\)\], got \[\(3, 2\)\]"):
        LayerTerms(0.0, unary, (np.zeros((3, 2)),))
    with pytest.raises(InvalidValue, match="the same options"):
        LayerTerms.of_cases([LayerTerms(0.0, unary), LayerTerms(0.0, unary[::-1])])
    with pytest.raises(InvalidValue, match="in the same way"):
        LayerTerms.of_cases([LayerTerms(0.0, unary), LayerTerms(0.0, unary, combine="largest")])
