from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.compare.paired import Paired, all_pairs, holm, paired, shared_ranks
from nasgym.errors import InvalidValue


def pair(first: str, second: str, low: float, high: float) -> Paired:
    return Paired(first, second, (low + high) / 2, low, high, 0.5, 1.0)


def test_differences_are_taken_seed_by_seed():
    # the same 20 scores for both but for 0.01: nothing that two intervals could tell apart
    luck = np.random.default_rng(0).normal(0.0, 0.1, 20)
    lead = 0.01 + 1e-6 * np.arange(20)
    found = paired("a", "b", {"a": luck + lead, "b": luck})
    assert (found.low, found.high) == pytest.approx((0.01, 0.01), abs=2e-5)
    assert found.difference == pytest.approx(lead.mean())
    assert found.better == 1.0
    assert found.p_value == pytest.approx(2 * 0.5**20)  # all 20 signs alike
    assert not found.tied


def test_equal_agents_tie():
    scores = np.array([0.1, 0.5, 0.3, 0.9, 0.2])
    found = paired("a", "b", {"a": scores, "b": scores.copy()})
    assert (found.difference, found.low, found.high, found.better, found.p_value) == (0.0, 0.0, 0.0, 0.5, 1.0)
    assert found.tied


def test_better_counts_equal_scores_half():
    found = paired("a", "b", {"a": np.array([3.0, 1.0, 2.0, 2.0]), "b": np.array([1.0, 3.0, 2.0, 1.0])})
    assert found.better == (1 + 0 + 0.5 + 1) / 4


def test_turning_a_pair_around_turns_the_signs():
    scores = {"a": np.random.default_rng(1).random(11), "b": np.random.default_rng(2).random(11)}
    one, other = paired("a", "b", scores), paired("b", "a", scores)
    assert other.difference == pytest.approx(-one.difference)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=0.02)  # the same resamples
    assert other.better == pytest.approx(1 - one.better)
    assert other.p_value == pytest.approx(one.p_value)


def test_other_seeds_are_refused():
    with pytest.raises(InvalidValue, match="'a' has 3 runs and 'b' 2; pairs need the same seeds"):
        paired("a", "b", {"a": np.zeros(3), "b": np.zeros(2)})


def test_holm_by_hand():
    # sorted .01 .02 .03 .5 times 4 3 2 1: .04 .06 .06 .5
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_its_definition_rejects(p_values):
    corrected = holm(p_values)
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for step, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if p_values[i] * (len(p_values) - step) > level:
                break
            rejected.add(i)
        assert {i for i, p in enumerate(corrected) if p <= level} == rejected


def test_all_pairs_are_corrected_together():
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(mean, 0.1, 15) for name, mean in (("a", 1.0), ("b", 0.5), ("c", 0.5))}
    found = all_pairs(scores)
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    alone = [paired(one.first, one.second, scores).p_value for one in found]
    assert [one.p_value for one in found] == holm(alone)
    assert [one.tied for one in found] == [False, False, True]


def test_who_ties_with_the_first_of_a_rank_shares_it():
    ties = [pair("a", "b", -0.1, 0.2), pair("a", "c", 0.1, 0.2), pair("b", "c", -0.1, 0.2), pair("c", "d", -1, 1)]
    apart = [pair("a", "d", 0.1, 0.2), pair("b", "d", 0.1, 0.2)]
    assert shared_ranks(["a", "b", "c", "d"], [*ties, *apart]) == [1, 1, 3, 3]
    assert shared_ranks(["a", "d"], apart) == [1, 2]
    assert shared_ranks([], []) == []
