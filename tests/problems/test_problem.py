"""A problem's answers against its table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import InvalidValue, UnknownName
from nasgym.problems.evaluation import Objective
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem, fingerprint_of
from nasgym.registry import RULES
from nasgym.rewards import Constrained, MnasNetSoft, make_rule
from tests.tiny import SIZE, completions_of, partial_archs, tiny_problem, tiny_space, tiny_table


def test_evaluate_reads_the_table_and_applies_the_rule():
    problem, table = tiny_problem(rule=Constrained(), target=20.0), tiny_table()
    ev = problem.evaluate(problem.space.enumerate())
    latency = table.costs["toy", "latency_ms@phone"]
    mean = np.nanmean(table.accuracy["toy", 1, "validation"].astype(np.float64), axis=1)
    np.testing.assert_allclose(ev.accuracy, mean, rtol=1e-12)
    np.testing.assert_array_equal(ev.costs["latency_ms@phone"], latency)
    np.testing.assert_array_equal(ev.costs["energy_mj"], table.costs["*", "energy_mj"])
    np.testing.assert_array_equal(ev.feasible, latency <= 20)
    np.testing.assert_allclose(ev.reward, np.where(latency <= 20, mean, 20 / latency - 1), rtol=1e-12)
    assert len(ev) == SIZE


def test_evaluate_canonicalises_inactive_decisions():
    problem = tiny_problem()
    one, other = (problem.evaluate([[0, kernel, 1, 0, kernel]]) for kernel in (0, 1))
    assert one.accuracy == other.accuracy
    assert one.costs["energy_mj"] == other.costs["energy_mj"]


def test_fidelity_is_the_callers_choice():
    problem = tiny_problem()
    archs = problem.space.enumerate()
    assert (problem.evaluate(archs, 4).accuracy != problem.evaluate(archs).accuracy).any()
    with pytest.raises(UnknownName, match="Known: 1, 4"):
        problem.evaluate(archs, 2)


def test_sampled_seeds_need_a_generator():
    problem = tiny_problem(seed="sampled")
    archs = problem.space.enumerate()
    with pytest.raises(InvalidValue, match="rng="):
        problem.evaluate(archs)
    one, other = (problem.evaluate(archs, rng=np.random.default_rng(1)).accuracy for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_report_is_test_accuracy_at_full_fidelity():
    problem = tiny_problem(seed="sampled", rule=Constrained(), target=20.0)
    report = problem.report(problem.space.enumerate())
    table = tiny_table()
    np.testing.assert_allclose(report.test_accuracy, np.nanmean(table.accuracy["toy", 4, "test"].astype(float), axis=1))
    np.testing.assert_allclose(
        report.validation_accuracy, np.nanmean(table.accuracy["toy", 4, "validation"].astype(float), axis=1)
    )
    np.testing.assert_array_equal(report.feasible, table.costs["toy", "latency_ms@phone"] <= 20)


@pytest.mark.parametrize("restrict", [None, {"a.kernel": [5], "b.width": [8, 24]}])
@pytest.mark.parametrize("rule", ["accuracy", "constrained", "mnasnet-soft", "cost-bucket"])
def test_optimum_is_the_best_of_all(rule, restrict):
    problem = tiny_problem(rule=make_rule(rule), target=18.0, restrict=restrict)
    ev = problem.evaluate(problem.space.enumerate())
    best = problem.optimum()
    assert best.reward == ev.reward.max()
    np.testing.assert_array_equal(best.archs, problem.space.enumerate()[ev.reward == ev.reward.max()])
    first = int(ev.reward.argmax())
    assert best.accuracy == ev.accuracy[first]
    assert best.costs == {name: cost[first] for name, cost in ev.costs.items()}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_value_to_go_is_the_best_completion(seed):
    problem = tiny_problem(rule=MnasNetSoft(), target=18.0)
    archs = partial_archs(problem.space, np.random.default_rng(seed), 6, prefixes=True)
    rewards = problem.everything.reward
    wanted = [rewards[completions_of(problem.space, arch)].max() for arch in archs]
    np.testing.assert_array_equal(problem.value_to_go(archs), wanted)


def test_value_to_go_never_rises_along_an_episode():
    problem = tiny_problem()
    for arch in problem.space.enumerate()[::5]:
        prefixes = np.where(np.arange(5) < np.arange(6)[:, None], arch, -1).astype(np.int8)
        values = problem.value_to_go(prefixes)
        assert (np.diff(values) <= 0).all()
        assert values[0] == problem.optimum().reward
        assert values[-1] == problem.evaluate(arch[None]).reward[0]


def test_cost_bounds_are_of_the_primary_cost():
    low, high = tiny_problem().cost_bounds(np.full((1, 5), -1, dtype=np.int8))
    assert (low[0], high[0]) == (1.0, 36.0)


# ---- constraint, objectives --------------------------------------------------------------------


def test_lower_limit():
    problem = tiny_problem(target=20.0, lower=10.0)
    ev = problem.evaluate(problem.space.enumerate())
    latency = ev.costs["latency_ms@phone"]
    np.testing.assert_array_equal(ev.feasible, (latency >= 10) & (latency <= 20))
    both = tiny_problem(target=20.0, lower=10.0, rule=Constrained()).evaluate(problem.space.enumerate())
    assert both.feasible.any()
    assert both.reward[both.feasible].min() >= 0 > both.reward[~both.feasible].max()
    only_lower = tiny_problem(lower=10.0)
    assert only_lower.constraint is not None
    np.testing.assert_array_equal(only_lower.evaluate(only_lower.space.enumerate()).feasible, latency >= 10)


def test_without_limits_everything_is_feasible():
    problem = tiny_problem()
    assert problem.constraint is None
    assert problem.evaluate(problem.space.enumerate()).feasible.all()


def test_default_objectives_follow_the_rule():
    assert tiny_problem().objectives == (Objective("accuracy", "max"),)
    assert tiny_problem(rule=MnasNetSoft(), target=9.0).objectives == (
        Objective("accuracy", "max"),
        Objective("latency_ms@phone", "min"),
    )
    chosen = [Objective("energy_mj", "min", 2.0)]
    assert tiny_problem(objectives=chosen).objectives == tuple(chosen)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"target": 0.5}, InvalidValue, "which costs 1 latency_ms@phone; allowed are 1 and more .*36"),
        ({"target": -1.0}, InvalidValue, "positive number"),
        ({"target": float("nan")}, InvalidValue, "positive number"),
        ({"rule": MnasNetSoft()}, InvalidValue, "between 1 and 36"),
        ({"target": 10.0, "lower": 11.0}, InvalidValue, "between 0 and the target"),
        ({"lower": 99.0}, InvalidValue, "largest cost, 36"),
        ({"objectives": [Objective("energy", "min")]}, UnknownName, "Did you mean 'energy_mj'"),
    ],
)
def test_errors_teach(options, error, says):
    with pytest.raises(error, match=says):
        tiny_problem(**options)


@pytest.mark.parametrize("options", [{"target": 5.0}, {"lower": 5.0}, {"rule": Constrained(), "target": 5.0}])
def test_limits_need_a_cost(options):
    whole = tiny_problem()
    rule = options.pop("rule", whole.rule)
    with pytest.raises(InvalidValue, match="give cost="):
        Problem(whole.space, whole.accuracy, [], rule, **options)
    bare = Problem(whole.space, whole.accuracy, [], whole.rule)
    assert bare.evaluate(bare.space.enumerate()[:2]).costs == {}
    with pytest.raises(InvalidValue, match="no cost"):
        bare.cost_bounds(np.full((1, 5), -1, dtype=np.int8))


@pytest.mark.parametrize(
    ("archs", "says"),
    [
        ([[0, 0, 0, 0]], r"\(N, 5\)"),
        ([[0, 0, 0, 0, -1]], "'c.kernel'; allowed are 0 to 1"),
        ([[0, 0, 9, 0, 0]], "'b.width'; allowed are 0 to 2"),
    ],
)
def test_bad_architectures(archs, says):
    for ask in (tiny_problem().evaluate, tiny_problem().report):
        with pytest.raises(InvalidValue, match=says):
            ask(archs)


def test_restricted_away():
    problem = tiny_problem(restrict={"b.width": [8]})
    with pytest.raises(InvalidValue, match=r"does not allow; mask\(\)"):
        problem.evaluate([[0, 0, 1, 0, 0]])
    assert problem.evaluate([[0, 1, 0, 0, 0]]).accuracy == tiny_problem().evaluate([[0, 0, 0, 0, 0]]).accuracy


# ---- other targets -----------------------------------------------------------------------------


def assert_same_problem(one, other):
    for name, values in vars(one.everything).items():
        wanted = getattr(other.everything, name)
        if name in ("costs", "qualities"):
            assert values.keys() == wanted.keys()
            values, wanted = np.array(list(values.values())), np.array(list(wanted.values()))
        np.testing.assert_array_equal(values, wanted, err_msg=name)
    best, wanted = one.optimum(), other.optimum()
    np.testing.assert_array_equal(best.archs, wanted.archs)
    assert (best.reward, best.accuracy, best.costs) == (wanted.reward, wanted.accuracy, wanted.costs)
    root = np.full((1, 5), -1, dtype=np.int8)
    for feasible_only in (False, True):
        best, wanted = (problem.value_to_go(root, feasible_only=feasible_only) for problem in (one, other))
        assert best == wanted
    assert (one.invalid_reward, one.scale, one.constraint) == (other.invalid_reward, other.scale, other.constraint)
    assert (one.objectives, one.describe(), one.fingerprint) == (other.objectives, other.describe(), other.fingerprint)
    np.testing.assert_array_equal(one.report(root * 0).feasible, other.report(root * 0).feasible)


@pytest.mark.parametrize("lower", [None, 3.0])
@pytest.mark.parametrize("rule", RULES.builtin)
def test_at_another_target_it_is_the_problem_made_with_it(rule, lower):
    problem = tiny_problem(rule=make_rule(rule), target=18.0, lower=lower)
    problem.optimum(), problem.fingerprint, problem.value_to_go(np.full((1, 5), -1, dtype=np.int8), feasible_only=True)
    before = vars(problem).copy()
    for target in (5, 9.5, np.float64(36.0), 70.0):
        fresh = tiny_problem(rule=make_rule(rule), target=target, lower=lower)
        assert_same_problem(problem.at(target), fresh)
        assert_same_problem(problem.at(30.0).at(target), fresh)
        assert problem.at(target).spec["target"] == target
    assert all(vars(problem)[name] is value for name, value in before.items())
    assert_same_problem(problem, tiny_problem(rule=make_rule(rule), target=18.0, lower=lower))


def test_a_problem_at_another_target_is_the_one_of_its_keywords():
    problem = make_problem("nasgym/Digits-v0")
    assert problem.at(50_000).fingerprint == make_problem("nasgym/Digits-v0", target=50_000).fingerprint
    again = dict(problem.at(50_000).spec)
    assert make_problem(again.pop("env_id"), **again).fingerprint == problem.at(50_000).fingerprint


def test_whole_numbers_are_the_same_limits():
    assert tiny_problem(target=20, lower=5).fingerprint == tiny_problem(target=20.0, lower=5.0).fingerprint


@pytest.mark.parametrize("rule", RULES.builtin)
def test_each_architecture_can_have_its_own_target(rule):
    problem = tiny_problem(rule=make_rule(rule), target=18.0)
    archs = problem.space.enumerate()
    targets = np.random.default_rng(0).uniform(1, 40, SIZE)
    ev = problem.evaluate(archs, targets=targets)
    for i, target in enumerate(targets):
        alone = problem.at(target).evaluate(archs[i : i + 1])
        assert (ev.accuracy[i], ev.reward[i], ev.feasible[i]) == (alone.accuracy[0], alone.reward[0], alone.feasible[0])
        assert problem.invalid_rewards(targets)[i] == pytest.approx(problem.at(target).invalid_reward, rel=1e-14)


@pytest.mark.parametrize(
    ("options", "target", "says"),
    [
        ({}, 9.0, "no target that another could replace; make it with target="),
        ({"lower": 3.0}, 9.0, "no target that another could replace"),
        ({"target": 9.0}, 0.5, "target 0.5 lies below the cheapest architecture of 'tiny'"),
        ({"target": 9.0, "lower": 3.0}, 2.0, "target 2 lies below the lower limit 3"),
        ({"target": 9.0}, 0.0, "positive number of latency_ms@phone, got 0.0"),
        ({"target": 9.0}, float("inf"), "positive number"),
    ],
)
def test_other_targets_are_checked(options, target, says):
    with pytest.raises(InvalidValue, match=says):
        tiny_problem(**options).at(target)


@pytest.mark.parametrize("limits", [{"target": 9.0}, {"target": 20.0, "lower": 10.0}, {"lower": 30.0}])
def test_the_best_feasible_completion(limits):
    problem = tiny_problem(**limits)
    ev = problem.everything
    archs = partial_archs(problem.space, np.random.default_rng(0), 60, prefixes=True)
    wanted = [np.where(ev.feasible, ev.reward, -np.inf)[completions_of(problem.space, arch)].max() for arch in archs]
    assert -np.inf in wanted
    np.testing.assert_array_equal(problem.value_to_go(archs, feasible_only=True), wanted)


@pytest.mark.parametrize("feasible_only", [False, True])
def test_the_front_is_what_nothing_dominates(feasible_only):
    wanted = [Objective("accuracy", "max"), Objective("energy_mj", "min")]
    problem = tiny_problem(target=20.0, lower=5.0)
    problem.everything.accuracy[:] = np.round(problem.everything.accuracy, 1)  # ties
    front = problem.pareto_front(wanted, feasible_only=feasible_only)
    ev = problem.everything
    values = np.stack([ev.accuracy, -ev.costs["energy_mj"]], axis=1)
    among = np.flatnonzero(ev.feasible) if feasible_only else np.arange(SIZE)
    beaten = lambda i: any((values[j] >= values[i]).all() and (values[j] > values[i]).any() for j in among)  # noqa: E731
    best = [i for i in among if not beaten(i)]
    np.testing.assert_array_equal(front.archs, problem.space.enumerate()[best])
    np.testing.assert_array_equal(front.values, values[best] * [1, -1])


# ---- identity ----------------------------------------------------------------------------------


def test_fingerprint_names_what_matters():
    marks = {
        "plain": tiny_problem(),
        "rule": tiny_problem(rule=Constrained(), target=20.0),
        "hyper-parameter": tiny_problem(rule=MnasNetSoft(alpha=-0.1), target=20.0),
        "other": tiny_problem(rule=MnasNetSoft(), target=20.0),
        "target": tiny_problem(target=20.0),
        "lower": tiny_problem(target=20.0, lower=3.0),
        "table": tiny_problem(table=tiny_table(shift=0.05)),
        "seed": tiny_problem(seed="sampled"),
        "restriction": tiny_problem(restrict={"b.width": [8]}),
        "objectives": tiny_problem(objectives=[Objective("energy_mj", "min")]),
    }
    assert len({problem.fingerprint for problem in marks.values()}) == len(marks)
    assert tiny_problem().fingerprint == marks["plain"].fingerprint
    json.dumps(marks["rule"].describe())


def test_fingerprint_knows_the_formula_of_the_rule():
    problem = tiny_problem(rule=Constrained(), target=20.0)
    described = problem.describe()
    former = described | {"rule": {"rule": "constrained"}}  # what its first formula was described as
    assert problem.fingerprint == fingerprint_of(described) != fingerprint_of(former)


def test_fingerprint_knows_which_cost_is_the_primary_one():
    whole = tiny_problem()
    costs = list(whole.cost_oracles.values())
    turned = Problem(whole.space, whole.accuracy, costs[::-1], whole.rule)
    assert turned.fingerprint != whole.fingerprint


def test_fingerprint_forgets_how_the_keywords_were_ordered(imported):
    imported("nas-bench-macro")
    one = make_problem("nasgym/NASBenchMacro-v0", restrict={"stage1.layer1.op": ["identity"], "stage2.layer1.op": ["identity"]})
    two = make_problem("nasgym/NASBenchMacro-v0", restrict={"stage2.layer1.op": ["identity"], "stage1.layer1.op": ["identity"]})
    assert one.fingerprint == two.fingerprint


def test_what_is_trained_live_has_no_exact_answer():
    problem = tiny_problem()
    problem.accuracy.deterministic = False
    with pytest.raises(InvalidValue, match="use a table"):
        problem.optimum()


# ---- published ---------------------------------------------------------------------------------


def test_best_macro_network_within_half_of_the_range(imported):
    imported("nas-bench-macro")
    problem = make_problem("nasgym/NASBenchMacro-v0", reward="constrained")
    best = problem.optimum()
    low, high = problem.cost_bounds(np.full((1, 8), -1, dtype=np.int8))
    assert problem.constraint.upper == (low[0] + high[0]) / 2
    assert round(100 * best.accuracy, 4) == 92.4167
    free = make_problem("nasgym/NASBenchMacro-v0").optimum()
    assert round(100 * free.accuracy, 2) == 93.13
    assert "22212220" in problem.space.to_str(free.archs)


def test_worst_macro_network(imported):
    imported("nas-bench-macro")
    assert round(100 * make_problem("nasgym/NASBenchMacro-v0").everything.accuracy.min(), 2) == 45.36


def test_tiny_space_stays_what_the_tests_say():
    assert tiny_space().size == SIZE
