"""The reward rules by hand, and what must hold for each of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.errors import InvalidValue, UnknownName
from nasgym.quality import Quality
from nasgym.registry import RULES
from nasgym.rewards import CostScale, make_rule

SCALE = CostScale(target=100.0, lower=0.0, least=20.0, largest=220.0)
ACCURACY = np.array([0.9, 0.9, 0.9])
COST = np.array([50.0, 100.0, 200.0])


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("accuracy", [0.9, 0.9, 0.9]),
        ("mnasnet-soft", [0.9 * 0.5**-0.07, 0.9, 0.9 * 2**-0.07]),
        ({"rule": "mnasnet-soft", "alpha": -0.2, "beta": -1}, [0.9 * 0.5**-0.2, 0.9, 0.45]),
        ("mnasnet-hard", [0.9, 0.9, 0.45]),
        ("weighted-sum", [0.9 - 0.035, 0.9, 0.9 - 0.07]),
        ({"rule": "weighted-sum", "alpha": 0.1, "beta": -0.5}, [0.95, 0.9, 0.4]),
        ("absolute", [0.85, 0.9, 0.8]),
        ({"rule": "absolute", "beta": -0.02}, [0.89, 0.9, 0.88]),
        ("constrained", [0.9, 0.9, -0.5]),  # an excess of 1: 1 / (1 + 1)
        # buckets of 2: the target is in number 40, 200 in number 90
        ("cost-bucket", [0.9, 0.9, -0.5]),
        ({"rule": "cost-bucket", "buckets": 2}, [0.9, 0.9, -0.5]),
    ],
)
def test_formulas_by_hand(spec, wanted):
    np.testing.assert_allclose(make_rule(spec)(ACCURACY, COST, SCALE), wanted, rtol=1e-12)


def test_a_doubled_latency_costs_five_percent():
    soft = make_rule("mnasnet-soft")(np.array([0.8, 0.8]), np.array([100.0, 200.0]), SCALE)
    assert soft[1] / soft[0] == pytest.approx(0.95, abs=0.003)


def test_constrained_is_graded_however_far_the_limit_is_missed():
    rewards = make_rule("constrained")(np.full(5, 0.5), np.array([100.0, 101.0, 150.0, 400.0, 1e6]), SCALE)
    np.testing.assert_allclose(rewards, [0.5, -1 / 101, -1 / 3, -0.75, -0.9999])


def test_constrained_has_a_lower_end():
    scale = replace(SCALE, lower=80.0)
    # 1/16, 1/2 and all of 80 are missing
    rewards = make_rule("constrained")(np.full(5, 0.5), np.array([80.0, 75.0, 40.0, 0.0, 125.0]), scale)
    np.testing.assert_allclose(rewards, [0.5, -1 / 17, -1 / 3, -0.5, -0.2])


@given(
    st.sampled_from(
        [Quality("accuracy", "fraction", "max", 0, 1), Quality("loss", "", "max", -3, 0), Quality("miss", "", "min", 22, 42)]
    ),
    st.floats(1e-3, 1e6),
    st.sampled_from([0, 0.05, 0.5, 0.95]),
    st.lists(st.integers(0, 2000), min_size=2, max_size=30, unique=True),
    st.integers(0, 1000),
)
def test_constrained_falls_strictly_with_what_a_limit_is_missed_by(quality, target, share, places, seed):
    lower, rng = share * target, np.random.default_rng(seed)
    scale = CostScale(target, lower, 0.0, 1e5 * target, quality)
    misses = np.sort(np.array(places)) / 2000
    worth = quality.worth(rng.uniform(quality.low, quality.high, len(misses)))
    rule = make_rule("constrained")
    # far above the upper limit, and from the lower limit down to nothing
    above, below = rule(worth, target * (1 + 1e5 * misses), scale), rule(worth, lower * (1 - misses), scale)
    inside = rule(worth, rng.uniform(lower, target, len(misses)), scale)
    np.testing.assert_array_equal(inside, worth)
    for missed in (above, below) if lower else (above,):
        missed = missed[misses > 0]
        assert (np.diff(missed) < 0).all()
        assert (missed < quality.least_worth).all()
        assert (missed > quality.least_worth - quality.span).all()
        assert (missed > rule.invalid_reward(scale)).all()
    # just above the limit the reward falls as fast as the cost rises, in units of the range
    edge = rule(worth[:1], np.array([target * (1 + 1e-6)]), scale)
    np.testing.assert_allclose((quality.least_worth - edge) / quality.span, 1e-6, rtol=1e-2)


def test_cost_bucket_has_a_lower_end():
    scale = CostScale(target=100.0, lower=60.0, least=20.0, largest=220.0)
    # ten buckets of 20: 60 begins number 2, 100 begins number 4
    rewards = make_rule({"rule": "cost-bucket", "buckets": 10})(np.full(5, 0.7), np.array([20.0, 59.0, 60, 119, 220]), scale)
    np.testing.assert_allclose(rewards, [-0.2, -0.1, 0.7, 0.7, -0.5])


def test_cost_bucket_of_a_space_with_one_cost():
    scale = CostScale(target=5.0, lower=0.0, least=5.0, largest=5.0)
    np.testing.assert_array_equal(make_rule("cost-bucket")(np.array([0.3]), np.array([5.0]), scale), [0.3])


number = st.floats(-3, 3, allow_nan=False)


def some_rule(name, alpha, beta, buckets):
    values = {"alpha": alpha, "beta": beta, "buckets": buckets}
    return make_rule({"rule": name, **{k: v for k, v in values.items() if k in RULES.load(name).__dataclass_fields__}})


@given(
    name=st.sampled_from(sorted(RULES.builtin)),
    alpha=number,
    beta=number,
    buckets=st.integers(1, 200),
    ends=st.tuples(st.floats(0.01, 1e3), st.floats(1.0, 100.0)),
    place=st.tuples(st.floats(0, 1.5), st.floats(0, 1)),
    seed=st.integers(0, 1000),
)
def test_an_illegal_action_is_worth_less_than_anything(name, alpha, beta, buckets, ends, place, seed):
    least, largest = ends[0], ends[0] * ends[1]
    target = least + place[0] * (largest - least)
    scale = CostScale(target, place[1] * target, least, largest)
    rule = some_rule(name, alpha, beta, buckets)
    rng = np.random.default_rng(seed)
    costs = np.concatenate([[least, largest], rng.uniform(least, largest, 50), np.geomspace(least, largest, 10)])
    rewards = rule(rng.choice([0.0, 0.5, 1.0], len(costs)), np.clip(costs, least, largest), scale)
    assert rule.invalid_reward(scale) < rewards.min()


@given(
    name=st.sampled_from(sorted(RULES.builtin)),
    alpha=number,
    beta=number,
    buckets=st.integers(1, 200),
    ends=st.tuples(st.floats(0.01, 1e3), st.floats(1.0, 100.0)),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_targets_in_arrays_are_targets_one_by_one(name, alpha, beta, buckets, ends, share, seed):
    rule, rng = some_rule(name, alpha, beta, buckets), np.random.default_rng(seed)
    least, largest = ends[0], ends[0] * ends[1]
    targets = np.append(rng.uniform(least, 1.5 * largest, 15), [least, largest])
    scale = CostScale(targets, share * least, least, largest)
    costs = np.append(rng.uniform(least, largest, 15), [largest, least]).clip(least, largest)
    accuracy = rng.choice([0.0, 0.5, 1.0], len(costs))
    rewards, invalid = rule(accuracy, costs, scale), rule.invalid_reward(scale)
    assert rewards.shape == targets.shape
    assert np.shape(invalid) == targets.shape
    for i, target in enumerate(targets):
        one = CostScale(float(target), scale.lower, least, largest)
        np.testing.assert_allclose(rewards[i], rule(accuracy[i : i + 1], costs[i : i + 1], one)[0], rtol=1e-13)
        np.testing.assert_allclose(invalid[i], rule.invalid_reward(one), rtol=1e-13)
        assert invalid[i] < rule(rng.choice([0.0, 1.0], 40), np.linspace(least, largest, 40), one).min()


@pytest.mark.parametrize("name", RULES.builtin)
def test_json_round_trip(name):
    rule = make_rule(name)
    assert make_rule(json.loads(json.dumps(rule.describe()))) == rule
    assert hash(rule) == hash(make_rule(name))


def test_a_rule_says_its_formula_where_it_is_not_the_first():
    assert make_rule("absolute").describe() == {"rule": "absolute", "beta": -0.10}
    assert make_rule("constrained").describe() == {"rule": "constrained", "form": 2}


def test_a_rule_goes_by_its_own_name():
    assert {name: RULES.load(name).name for name in RULES.builtin} == {name: name for name in RULES.builtin}


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("mnasnet", UnknownName, "Did you mean 'mnasnet-"),
        ({"rule": "absolute", "betta": 1}, UnknownName, "Did you mean 'beta'"),
        ({"rule": "absolute", "beta": "1"}, InvalidValue, "finite number"),
        ({"rule": "absolute", "beta": float("nan")}, InvalidValue, "finite number"),
        ({"rule": "absolute", "beta": True}, InvalidValue, "finite number"),
        ({"rule": "cost-bucket", "buckets": 0}, InvalidValue, "whole number from 1"),
        ({"rule": "cost-bucket", "buckets": 2.5}, InvalidValue, "whole number from 1"),
        ({"rule": "constrained", "form": 1}, InvalidValue, "has number 2, got form=1; leave out form="),
        ({"rule": "absolute", "form": 2}, InvalidValue, "has number 1, got form=2"),
        ({"beta": 1}, InvalidValue, "a reward is a name or"),
        (3, InvalidValue, "a reward is a name or"),
    ],
)
def test_errors_teach(spec, error, says):
    with pytest.raises(error, match=says):
        make_rule(spec)


def test_a_rule_without_its_target():
    with pytest.raises(InvalidValue, match="give target="):
        make_rule("absolute")(ACCURACY, COST, CostScale(None, 0.0, 1.0, 2.0))


# ---- other qualities than accuracy -------------------------------------------------------------

PERPLEXITY = Quality("perplexity", "", "min", 22, 42)
LOSS = Quality("negative_loss", "nats", "max", -3, 0)
BLEU = Quality("bleu", "", "max", 0, 60)
TAKES_ANY = ("accuracy", "weighted-sum", "absolute", "constrained", "cost-bucket")


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        # worth -25 for a perplexity of 25; the range is 20 wide, its bad end worth -42
        ("accuracy", [-25.0, -25.0, -25.0]),
        ("weighted-sum", [-25 - 0.07 * 20 * 0.5, -25.0, -25 - 0.07 * 20]),
        ("absolute", [-25 - 0.1 * 20 * 0.5, -25.0, -25 - 0.1 * 20]),
        ("constrained", [-25.0, -25.0, -42 - 20 * 0.5]),
        ("cost-bucket", [-25.0, -25.0, -42 - 20 * 0.5]),
    ],
)
def test_a_perplexity_by_hand(spec, wanted):
    scale = replace(SCALE, quality=PERPLEXITY)
    rewards = make_rule(spec)(PERPLEXITY.worth(np.full(3, 25.0)), COST, scale)
    np.testing.assert_allclose(rewards, wanted, rtol=1e-12)


@pytest.mark.parametrize("quality", [PERPLEXITY, LOSS, BLEU])
@pytest.mark.parametrize("name", TAKES_ANY)
def test_an_illegal_action_is_worth_less_with_any_quality(name, quality):
    scale, rule, rng = replace(SCALE, quality=quality), make_rule(name), np.random.default_rng(0)
    values = rng.uniform(quality.low, quality.high, 400)
    values[:2] = quality.low, quality.high
    rewards = rule(quality.worth(values), rng.choice([20.0, 100.0, 101.0, 220.0], 400), scale)
    assert rule.invalid_reward(scale) < rewards.min()


@pytest.mark.parametrize("quality", [PERPLEXITY, LOSS, BLEU])
@pytest.mark.parametrize("name", ["constrained", "cost-bucket"])
def test_whatever_is_feasible_beats_whatever_is_not(name, quality):
    scale = replace(SCALE, quality=quality)
    worth = np.array([quality.least_worth, quality.most_worth])
    feasible, missed = (make_rule(name)(worth, np.full(2, cost), scale) for cost in (100.0, 104.0))
    assert feasible.min() > missed.max()


@pytest.mark.parametrize("quality", [PERPLEXITY, LOSS])
def test_rules_that_multiply_refuse_signed_and_minimised_qualities_by_name(quality):
    words = "perplexity is minimised" if quality.minimised else r"negative loss can be negative \(from -3 on\)"
    for name in RULES.builtin:
        if name in TAKES_ANY:
            make_rule(name).check_quality(quality)
            continue
        said = rf"'{name}' multiplies.*{words}. Give reward= one of accuracy, .*constrained"
        with pytest.raises(InvalidValue, match=said):
            make_rule(name).check_quality(quality)


def test_rules_that_multiply_take_a_quality_that_is_never_negative():
    scale = replace(SCALE, quality=BLEU)
    for name in RULES.builtin:
        make_rule(name).check_quality(BLEU)
    np.testing.assert_allclose(make_rule("mnasnet-hard")(np.array([30.0]), np.array([200.0]), scale), [15.0])
    assert make_rule("mnasnet-hard").invalid_reward(scale) == -60.0


@given(st.sampled_from(TAKES_ANY), st.integers(0, 1000))
def test_a_minimised_accuracy_is_the_error_rate_one_below(name, seed):
    """With the error rate 1 - A, every rule gives its reward of A less 1: the same order."""
    rng, error = np.random.default_rng(seed), Quality("error", "fraction", "min", 0, 1)
    accuracy, cost = rng.random(20), rng.uniform(20, 220, 20)
    plain = make_rule(name)(accuracy, cost, SCALE)
    turned = make_rule(name)(error.worth(1 - accuracy), cost, replace(SCALE, quality=error))
    np.testing.assert_allclose(turned, plain - 1, atol=1e-12)
