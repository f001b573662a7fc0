"""Costs of several cases: against looking at every architecture, restricted or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import InvalidValue
from nasgym.oracles.cost.cases import CasesCost
from nasgym.oracles.cost.chain import ChainCost
from nasgym.oracles.oracle import CostOracle
from tests.tiny import completions_of, partial_archs, tiny_space

SPACE = tiny_space()


def random_cases(rng, combine="sum"):
    """One chain for each option of the first layer of the tiny space: skip, conv 3, conv 5."""
    sizes = [len(layer.options) for layer in SPACE.layers]

    def chain():
        return ChainCost(SPACE, "any", float(rng.integers(9)), [rng.integers(-9, 9, n) for n in sizes], combine=combine)

    return [chain() for _ in range(sizes[0])]


def test_the_first_layer_says_which():
    cases = random_cases(np.random.default_rng(0))
    cost, archs = CasesCost(SPACE, cases), SPACE.enumerate()
    first = SPACE.to_options(archs)[:, 0]
    np.testing.assert_array_equal(cost.cost(archs), [cases[c].cost(a[None])[0] for c, a in zip(first, archs, strict=True)])
    assert isinstance(cost, CostOracle)
    assert len({cost.fingerprint, CasesCost(SPACE, cases[::-1]).fingerprint, cases[0].fingerprint}) == 3
    assert CasesCost(SPACE, cases).fingerprint == cost.fingerprint


@pytest.mark.parametrize(
    "restrict", [{}, {"b.width": [16]}, {"a.kernel": [5], "c.op": ["pool", "conv"]}, {"a.op": ["skip"]}], ids=str
)
@pytest.mark.parametrize("combine", ["sum", "largest"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_bounds_are_those_of_all_completions(combine, restrict, seed):
    rng = np.random.default_rng(seed)
    whole = CasesCost(SPACE, random_cases(rng, combine))
    cost = whole.narrow(SPACE.restrict(restrict)) if restrict else whole
    everything = cost.space.enumerate()
    values = cost.cost(everything)
    np.testing.assert_array_equal(values, whole.cost(everything))
    archs = partial_archs(cost.space, rng, 6)
    before = archs.copy()
    for arch, least, largest in zip(archs, *cost.bounds(archs), strict=True):
        within = values[completions_of(cost.space, arch)]
        assert (least, largest) == (within.min(), within.max())
    np.testing.assert_array_equal(archs, before)


def test_errors_teach():
    cases = random_cases(np.random.default_rng(0))
    with pytest.raises(InvalidValue, match=r"layer 'a' of 'tiny' has 3 options.* got 2 cases"):
        CasesCost(SPACE, cases[:2])
    cost = CasesCost(SPACE, cases)
    open_, impossible = np.full(5, -1, dtype=np.int8), np.full(5, -1, dtype=np.int8)
    impossible[3:] = 0, 1  # no operation has no kernel
    with pytest.raises(InvalidValue, match=r"architecture 1, .* has no valid completion"):
        cost.bounds(np.stack([open_, impossible]))
    with pytest.raises(InvalidValue, match=r"not valid in 'tiny'|allowed are 0"):
        cost.cost(open_[None])
