"""Masks that know the constraint, against every completion; and episodes that follow them."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nasgym.envs import episodes
from nasgym.envs.core import EnvCore
from nasgym.envs.env import NASEnv
from nasgym.envs.granularity import Steps
from nasgym.envs.observation import Observer
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import InvalidValue
from nasgym.ledger import Ledger
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.counted import ChainCost
from nasgym.problems.feasibility import Feasibility
from nasgym.problems.problem import Problem
from nasgym.registration import IDS
from nasgym.rewards import Accuracy
from nasgym.spaces import space as space_module
from tests.tiny import completions_of, tiny_problem, tiny_space, tiny_table

HALF = {"fraction": 0.5, "of": "range"}
TIGHT = {"fraction": 0.05, "of": "range"}
TABLES = ("nasgym/Digits-v0", "nasgym/NASBenchMacro-v0", "nasgym/NATS-TSS-v0", "nasgym/NATS-SSS-v0")
RESTRICTIONS = [
    None,
    None,
    {"b.width": [8, 24]},
    {"a.kernel": [5], "c.op": ["none", "conv"]},
    {"a.op": ["skip"], "c.kernel": [1]},
]


def some_space(rng):
    restrict = RESTRICTIONS[rng.integers(len(RESTRICTIONS))]
    return tiny_space() if restrict is None else tiny_space().restrict(restrict)


def some_cost(rng, space):
    """A chain or a plain sum over the layers.

    Terms are fractions, so sums in another order differ in the last digits.
    """
    sizes = [len(layer.options) for layer in space.layers]
    unary = [rng.uniform(0.1, 5, size) for size in sizes]
    pair = [rng.uniform(0, 5, ends) for ends in itertools.pairwise(sizes)] if rng.random() < 0.7 else None
    return ChainCost(space, "latency_ms", rng.uniform(0, 3), unary, pair)


def some_problem(rng, *, chain, kinds=("upper", "both", "lower")):
    """A problem with limits that are, as often as not, an architecture's own cost."""
    space = some_space(rng)
    if chain:
        whole = tiny_problem()
        problem = Problem(space, TableOracle(tiny_table(), whole.space), [some_cost(rng, space)], Accuracy())
    else:
        allowed = dict(zip(space.names, [np.flatnonzero(row) for row in space.allowed], strict=True))
        labels = {d.name: [d.choices[choice] for choice in allowed[d.name]] for d in space.decisions}
        problem = tiny_problem(restrict=labels)
    costs = np.sort(costs_of(problem))
    kind = kinds[rng.integers(len(kinds))]
    low, high = np.sort(rng.choice(costs, 2, replace=False)) if rng.random() < 0.5 else np.sort(rng.uniform(*costs[[0, -1]], 2))
    limits = {"upper": {"target": high}, "both": {"target": high, "lower": low}, "lower": {"lower": low}}[kind]
    return Problem(problem.space, problem.accuracy, list(problem.cost_oracles.values()), problem.rule, **limits)


def costs_of(problem):
    return problem.costs(problem.space.enumerate())[problem.cost_name]


def prefixes_of(space, step):
    """Every legal prefix of some length."""
    return np.unique(np.where(np.arange(space.num_decisions) < step, space.enumerate(), -1), axis=0).astype(np.int8)


def states_of(steps):
    """Every prefix that is not complete: rows, steps and children.

    A child is ``(row, choice, architecture)``.
    """
    for step in range(steps.space.num_decisions):
        rows = prefixes_of(steps.space, step)
        children = []
        for row, choice in zip(*np.nonzero(steps.space.mask(rows, step)), strict=True):
            child = rows[row].copy()
            child[step] = choice
            children.append((row, choice, steps.to_archs(child[None])[0]))
        yield rows, np.full(len(rows), step), children


def by_looking(problem, steps, limits):
    """``[(rows, at, masks)]`` from the costs of all completions.

    `limits` are the least and the largest allowed cost.
    """
    costs = costs_of(problem)
    fine = (costs >= limits[0]) & (costs <= limits[1])
    for rows, at, children in states_of(steps):
        masks = np.zeros((len(rows), steps.space.max_choices), dtype=bool)
        for row, choice, arch in children:
            masks[row, choice] = fine[completions_of(problem.space, arch)].any()
        yield rows, at, masks


def limits_of(problem):
    lower, upper = problem.constraint.lower, problem.constraint.upper
    return -np.inf if lower is None else lower, np.inf if upper is None else upper


def feasible_observer(evaluator, granularity):
    return Observer(evaluator, "tokens", Steps.of(evaluator.space, granularity), Feasibility(evaluator))


# ---- masks against all completions -------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), chain=st.booleans(), granularity=st.sampled_from(["decision", "layer"]))
def test_a_choice_is_unmasked_where_a_completion_meets_the_constraint(seed, chain, granularity):
    problem = some_problem(np.random.default_rng(seed), chain=chain)
    if not problem.constraint.holds(costs_of(problem)).any():
        with pytest.raises(InvalidValue, match="leaves nothing"):
            Feasibility(problem)
        return
    observer = feasible_observer(problem, granularity)
    for rows, at, masks in by_looking(problem, observer.steps, limits_of(problem)):
        np.testing.assert_array_equal(observer.masks(rows, at), masks)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), chain=st.booleans(), granularity=st.sampled_from(["decision", "layer"]))
def test_targets_of_an_episode_take_the_place_of_the_problems(seed, chain, granularity):
    rng = np.random.default_rng(seed)
    problem = some_problem(rng, chain=chain, kinds=("upper",))
    observer, costs = feasible_observer(problem, granularity), costs_of(problem)
    for target in (costs.min(), rng.choice(costs), rng.uniform(costs.min(), 2 * costs.max())):
        for rows, at, masks in by_looking(problem, observer.steps, (-np.inf, target)):
            np.testing.assert_array_equal(observer.masks(rows, at, np.full(len(rows), target)), masks)


def shifted(limits, by):
    """Limits that are a billionth wider or narrower."""
    return limits[0] * (1 - by), limits[1] * (1 + by)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), chain=st.booleans(), granularity=st.sampled_from(["decision", "layer"]))
def test_large_spaces_give_up_what_is_a_billionth_from_a_limit_and_nothing_else(seed, chain, granularity):
    rng = np.random.default_rng(seed)
    problem = some_problem(rng, chain=chain, kinds=("upper", "lower"))
    costs, limits = costs_of(problem), limits_of(problem)
    steps = Steps.of(problem.space, granularity)
    exact = list(by_looking(problem, steps, limits))
    sure = list(by_looking(problem, steps, shifted(limits, -3e-9)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space_module, "ENUMERATION_LIMIT", 0)
        assert not problem.space.can_enumerate
        if limits[1] < costs.min() * (1 + 3e-9) or limits[0] > costs.max() * (1 - 3e-9):
            return  # the whole space may be given up; see below
        observer = feasible_observer(problem, granularity)
        found = [observer.masks(rows, at) for rows, at, _ in exact]
    for masks, (_, _, most), (_, _, least) in zip(found, exact, sure, strict=True):
        assert not (masks & ~most).any()
        assert not (least & ~masks).any()


def test_large_spaces_name_a_target_that_leaves_nothing(monkeypatch):
    problem = tiny_problem(target=1.0)  # what the cheapest costs
    assert NASEnv(problem, mask="feasible").reset()[1]["action_mask"].any()
    monkeypatch.setattr(space_module, "ENUMERATION_LIMIT", 0)
    with pytest.raises(InvalidValue, match=r"no architecture of 'tiny' has latency_ms@phone of at most 1\.0"):
        NASEnv(problem, mask="feasible")
    env = NASEnv(tiny_problem(target=9.0), mask="feasible")
    with pytest.raises(InvalidValue, match=re.escape("at most 1.0; allowed are targets from 1.000000001 on")):
        env.reset(options={"target": 1.0})
    assert env.reset(options={"target": 1.00000001})[1]["action_mask"].any()


@example(seed=0)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_cheapest_architectures_own_cost_is_a_target(seed):
    """Its cost may lie below its own bound by a rounding: they are sums in another order."""
    rng = np.random.default_rng(seed)
    space = some_space(rng)
    cost = some_cost(rng, space)
    costs = cost.cost(space.enumerate())
    oracle = TableOracle(tiny_table(), tiny_space())
    env = NASEnv(Problem(space, oracle, [cost], Accuracy(), target=costs.max()), mask="feasible")
    for evaluator in (env, NASEnv(Problem(space, oracle, [cost], Accuracy(), target=costs.min()), mask="feasible")):
        _, info = evaluator.reset(options={"target": costs.min()})
        terminated = False
        while not terminated:
            _, _, terminated, _, info = evaluator.step(np.flatnonzero(info["action_mask"])[-1])
        assert info["latency_ms"] == costs.min()
        assert info["feasible"]


# ---- episodes ----------------------------------------------------------------------------------


def reached(observer):
    """Positions of the architectures that masks leave: level by level, over all prefixes."""
    rows = np.full((1, observer.steps.space.num_decisions), -1, dtype=np.int8)
    for step in range(observer.steps.space.num_decisions):
        row, choice = np.nonzero(observer.masks(rows, np.full(len(rows), step)))
        rows = rows[row]
        rows[:, step] = choice
    return observer.evaluator.space.index_of(observer.steps.to_archs(rows))


@pytest.mark.parametrize("granularity", ["decision", "layer"])
@pytest.mark.parametrize("target", [HALF, TIGHT], ids=["half", "tight"])
@pytest.mark.parametrize("env_id", TABLES)
def test_exactly_the_feasible_architectures_are_reached(imported, env_id, target, granularity):
    imported(IDS[env_id].table)
    core = EnvCore.open(env_id, mask="feasible", granularity=granularity, keywords={"target": target, "reward": "accuracy"})
    problem = core.problem
    feasible = np.flatnonzero(costs_of(problem) <= problem.constraint.upper)
    assert 0 < len(feasible) < problem.space.size
    np.testing.assert_array_equal(np.sort(reached(core.observer)), feasible)


def random_episodes(env, episodes, rng, seen=None):
    """Plays random unmasked actions until so many episodes have ended, each of them feasible."""
    observations, info = env.reset(seed=0)
    ended = 0
    while ended < episodes:
        masks = info["action_mask"]
        assert masks.any(axis=1).all()
        actions = (rng.random(masks.shape, dtype=np.float32) * masks).argmax(axis=1)
        observations, _, terminated, _, info = env.step(actions)
        if terminated.any():
            final = info["final_info"]
            assert "invalid_action" not in final
            assert final["feasible"][terminated].all()
            limit = final.get("target", env.problem.constraint.upper)
            assert (final[env.problem.cost_name] <= limit)[terminated].all()
            ended += int(terminated.sum())
            if seen is not None:
                seen.update(final["arch"][terminated].tolist())
    assert observations.dtype == np.int8
    return ended


@pytest.mark.parametrize("env_id", TABLES)
def test_a_million_random_episodes_end_feasible(imported, env_id):
    imported(IDS[env_id].table)
    target = {"fraction": 0.5, "of": "max" if env_id == "nasgym/NATS-SSS-v0" else "range"}
    env = NASVectorEnv(
        env_id, 4096, observation="tokens", mask="feasible", target=target, reward="accuracy", autoreset_mode="SameStep"
    )
    assert random_episodes(env, 1_000_000, np.random.default_rng(0)) >= 1_000_000


@pytest.mark.parametrize("tabled", [True, False], ids=["tabled", "computed"])
@pytest.mark.parametrize("granularity", ["decision", "layer"])
def test_every_row_ends_within_its_own_target(tabled, granularity, monkeypatch):
    if not tabled:
        monkeypatch.setattr(episodes, "TABLE_BYTES", 0)
    targets = np.concatenate([[1.0, 1.0, 2.0, 36.0], np.linspace(1, 36, 28)])
    env = NASVectorEnv(tiny_problem(target=20.0), 32, mask="feasible", granularity=granularity, autoreset_mode="Disabled")
    rng = np.random.default_rng(0)
    largest = np.zeros(32)
    for _ in range(30):
        _, info = env.reset(options={"target": targets})
        terminated = np.zeros(32, dtype=bool)
        while not terminated.all():
            masks = info["action_mask"]
            _, _, terminated, _, info = env.step((rng.random(masks.shape) * masks).argmax(axis=1))
        np.testing.assert_array_equal(info["target"], targets)
        assert (info["latency_ms@phone"] <= targets).all()
        assert info["feasible"].all()
        largest = np.maximum(largest, info["latency_ms@phone"])
    assert largest[3] > 20  # a target beyond the problem's opens what that one rules out
    assert (largest[:2] == 1).all()


def test_drawn_targets_hold_for_the_episodes_that_drew_them():
    ends = [{"fraction": 0.05, "of": "range"}, {"fraction": 0.6, "of": "range"}]
    env = NASVectorEnv("nasgym/Digits-v0", 512, observation="tokens", mask="feasible", target=ends, autoreset_mode="SameStep")
    assert random_episodes(env, 2048, np.random.default_rng(1)) >= 2048


def test_random_episodes_see_every_feasible_architecture():
    problem, seen = tiny_problem(target=9.0, lower=3.0), set()
    env = NASVectorEnv(problem, 64, observation="tokens", mask="feasible", autoreset_mode="SameStep")
    random_episodes(env, 1000, np.random.default_rng(0), seen)
    feasible = problem.constraint.holds(costs_of(problem))
    assert seen == set(problem.space.to_str(problem.space.enumerate()[feasible]))


def test_under_a_budget_the_masks_cost_nothing():
    ledger = Ledger(tiny_problem(target=9.0), 36)
    env = NASEnv(ledger, mask="feasible")
    _, info = env.reset()
    for _ in range(5):
        assert ledger.proposals == 0
        info = env.step(np.flatnonzero(info["action_mask"])[-1])[4]
    assert (info["feasible"], ledger.charges) == (True, 1)


def test_what_is_masked_is_illegal():
    env = NASEnv(tiny_problem(target=1.0), mask="feasible")
    _, info = env.reset()
    assert info["action_mask"].sum() == 1
    assert env.step(1 - int(info["action_mask"].argmax()))[4]["invalid_action"]


# ---- refused -----------------------------------------------------------------------------------


def test_a_window_that_no_cost_falls_into():
    with pytest.raises(InvalidValue, match=r"has latency_ms@phone of at least 5.2 and of at most 5.8\."):
        NASEnv(tiny_problem(target=5.8, lower=5.2), mask="feasible")


def test_two_limits_of_a_large_space(monkeypatch):
    monkeypatch.setattr(space_module, "ENUMERATION_LIMIT", 0)
    with pytest.raises(InvalidValue, match=r"too large to know exactly.*leave out lower="):
        NASEnv(tiny_problem(target=20.0, lower=5.0), mask="feasible")


def test_costs_that_are_measured_live():
    problem = tiny_problem(target=20.0)
    problem.cost_oracles["latency_ms@phone"].free = False
    with pytest.raises(InvalidValue, match="bounds of 'latency_ms@phone', which is measured live; use a table"):
        NASEnv(problem, mask="feasible")
