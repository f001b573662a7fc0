"""What all measured latencies share: nothing is measured twice, nothing exact is claimed."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.envs.env import NASEnv
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Ledger
from nasgym.measuring.latency_cache import LatencyCache, MeasuredLatency
from nasgym.networks.space_plans import has_layers, plan_of, planned_spaces
from nasgym.oracles.cost.counted import counted_cost
from nasgym.oracles.cost.measured import MARGIN, _extreme, former_key, network_key, network_onnx
from nasgym.oracles.oracle import CostOracle
from nasgym.spaces.digits import DigitsSpace
from tests.oracles.cost.measured import FakeLatency, fake_problem
from tests.tiny import tiny_space

SPACE = DigitsSpace()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latencies.sqlite"


def test_cost_is_measured_once_for_each_network(path):
    fake = FakeLatency(path)
    assert isinstance(fake, CostOracle)
    assert fake.terms() is None
    # a skip of layer 2 and one of layer 3 are one network
    archs = SPACE.from_str(["k3e3,skip,k3e6,skip,k5e3", "k3e3,k3e6,skip,skip,k5e3", "k5e3,skip,skip,skip,skip"])
    found = fake.cost(archs[[0, 1, 2, 0]])
    np.testing.assert_allclose(found, counted_cost(SPACE, "macs").cost(archs[[0, 1, 2, 0]]) * 1e-5)
    assert found[0] == found[1]
    assert len(fake.asked) == 2
    again = FakeLatency(path)
    np.testing.assert_array_equal(again.cost(archs), found[:3])
    assert again.asked == []
    other = FakeLatency(path, fingerprint="fake:2")
    other.cost(archs)
    assert len(other.asked) == 2


def test_a_failure_loses_nothing(path):
    fake = FakeLatency(path)
    fake.fails_at = 2
    archs = SPACE.sample(np.random.default_rng(0), 5)
    with pytest.raises(RuntimeError, match="fire"):
        fake.cost(archs)
    again = FakeLatency(path)
    again.cost(archs)
    assert len(again.asked) == 3
    assert not set(again.asked) & set(fake.asked)


def test_bounds_are_one_estimated_range(path):
    fake = FakeLatency(path)
    rows = np.concatenate([SPACE.sample(np.random.default_rng(0), 3), SPACE.empty()])
    least, largest = fake.bounds(rows)
    assert len(fake.asked) == 2
    low, high = counted_cost(SPACE, "macs").bounds(rows[-1:])
    np.testing.assert_allclose(least, low[0] * 1e-5 * (1 - MARGIN))
    np.testing.assert_allclose(largest, high[0] * 1e-5 * (1 + MARGIN))
    with pytest.raises(InvalidValue, match="shape"):
        fake.bounds(rows[:, :3])


def test_a_restriction_has_its_own_range_and_knows_what_was_measured(path):
    fake = FakeLatency(path)
    arch = SPACE.from_str(["k3e3,skip,skip,skip,k3e3"])
    fake.cost(arch)
    narrow = SPACE.restrict({"*.kernel": [3]})
    narrowed = fake.narrow(narrow)
    narrowed.cost(arch)
    assert len(fake.asked) == 1
    root = SPACE.empty()
    assert narrowed.bounds(root)[1][0] < fake.bounds(root)[1][0]
    with pytest.raises(InvalidValue):
        narrowed.cost(SPACE.from_str(["k5e3,skip,skip,skip,k3e3"]))


@pytest.mark.parametrize("space", planned_spaces(), ids=lambda space: space.name)
def test_extremes_have_the_fewest_and_the_most_macs(space):
    macs = counted_cost(space, "macs")
    root = space.empty()
    for bound, largest in zip(macs.bounds(root), (False, True), strict=True):
        arch = _extreme(macs, largest)[None]
        assert space.is_valid(arch).all()
        np.testing.assert_allclose(macs.cost(arch), bound)


# cells with one output may still be built of other operations
BUILT_ALIKE = [space for space in planned_spaces() if has_layers(space)]


@pytest.mark.parametrize("space", BUILT_ALIKE, ids=lambda space: space.name)
def test_canonical_forms_share_a_key(space):
    archs = space.sample(np.random.default_rng(1), 20)
    for arch, canonical in zip(archs, space.canonical(archs), strict=True):
        assert network_key(plan_of(space, arch)) == network_key(plan_of(space, canonical))


def test_weights_follow_from_the_network():
    pytest.importorskip("onnx")
    plan = plan_of(SPACE, SPACE.default)
    assert network_onnx(plan, 1, "float32") == network_onnx(plan, 1, "float32")
    assert network_onnx(plan, 1, "float32") != network_onnx(plan, 2, "float32")
    with pytest.raises(InvalidValue, match="batch"):
        network_onnx(plan, 0, "float32")
    with pytest.raises(UnknownName, match="Did you mean 'int8'"):
        network_onnx(plan, 1, "int4")


def test_a_space_without_networks_is_refused(path):
    with pytest.raises(InvalidValue, match="nothing here builds those of space 'tiny'"):
        FakeLatency(path, tiny_space())


# ---- in a problem ------------------------------------------------------------------------------


def test_a_search_is_repeated_from_what_was_measured(path):
    problem = fake_problem(path)
    assert not problem.deterministic
    first = make_agent("regularized-evolution").search(problem, budget=12, seed=3)
    count = len(problem.cost_oracles["latency_ms"].asked)
    assert count <= 14  # the range takes two
    again = fake_problem(path)
    assert again.fingerprint == problem.fingerprint
    second = make_agent("regularized-evolution").search(again, budget=12, seed=3)
    assert again.cost_oracles["latency_ms"].asked == []
    np.testing.assert_array_equal(first.history.archs, second.history.archs)
    np.testing.assert_array_equal(first.history.reward, second.history.reward)


def test_nothing_exact_is_claimed(path):
    problem = fake_problem(path)
    assert not problem.free_costs
    assert not problem.has_exact_answers
    with pytest.raises(InvalidValue, match="latency_ms is measured during the search"):
        problem.optimum()
    with pytest.raises(InvalidValue, match="measured live"):
        NASEnv(problem, mask="feasible")
    with pytest.raises(InvalidValue, match="exact bounds"):
        NASEnv(problem, shaping="potential")
    with pytest.raises(InvalidValue, match="no exact answer"):
        NASEnv(problem, shaping={"potential": "value"})
    with pytest.raises(InvalidValue, match="bucket_by='options'"):
        make_agent("layernas").search(problem, budget=3)
    with pytest.raises(InvalidValue, match="without an evaluation"):
        Ledger(problem, 3).costs(SPACE.default[None])
    assert len(problem.cost_oracles["latency_ms"].asked) == 2
    assert len(make_agent("layernas", bucket_by="options").search(problem, budget=5).history) == 5


@pytest.mark.parametrize("observation", ["onehot", "tokens", "dict"])
def test_environments_measure_what_is_finished_only(path, observation):
    problem = fake_problem(path)
    env, vector = NASEnv(problem, observation=observation), NASVectorEnv(problem, num_envs=2, observation=observation)
    env.reset(seed=0)
    vector.reset(seed=0)
    for step in range(SPACE.num_decisions):
        assert len(problem.cost_oracles["latency_ms"].asked) == 2
        *_, info = env.step(0)
        assert ("latency_ms" in info) == (step == SPACE.num_decisions - 1)
    assert info["latency_ms"] == problem.costs(SPACE.from_str(info["arch"]))["latency_ms"][0]
    assert "regret" not in info
    for _ in range(SPACE.num_decisions):
        *_, infos = vector.step(np.zeros(2, dtype=np.int64))
    np.testing.assert_array_equal(infos["latency_ms"], [info["latency_ms"]] * 2)
    assert len(problem.cost_oracles["latency_ms"].asked) <= 3


def test_a_finished_episode_is_drawn_with_what_was_measured(path):
    env = NASEnv(fake_problem(path), render_mode="ansi")
    env.reset(seed=0)
    assert "latency_ms: 0.027 to 1.55, target 1" in env.render()
    for _ in range(SPACE.num_decisions):
        *_, info = env.step(0)
    assert info["latency_ms"] == pytest.approx(0.03, abs=0.001)
    assert "latency_ms: 0.03, target 1 (within the target)" in env.render()


def test_specs_are_marked_as_nondeterministic(path, monkeypatch):
    spec = gymnasium.spec("nasgym/Digits-v0")
    for kind in (NASEnv, lambda problem: NASVectorEnv(problem, num_envs=2)):
        env = kind(fake_problem(path))
        assert env.spec is None
        env.spec = spec
        assert env.spec.nondeterministic
        env = kind(fake_problem(path).at(2.0))
        env.spec = spec
        assert env.spec.nondeterministic
    assert not spec.nondeterministic
    assert not gymnasium.make("nasgym/Digits-v0").spec.nondeterministic
    assert gymnasium.make("nasgym/Digits-v0", accuracy="training").spec.nondeterministic
    assert gymnasium.spec("nasgym/live-Digits-v0").nondeterministic


def test_what_was_measured_under_a_former_key_is_not_measured_again(path):
    cost = FakeLatency(path)
    arch, other = SPACE.enumerate()[[5, 2000]]
    LatencyCache(path).keep(cost.fingerprint, [(former_key(plan_of(SPACE, arch)), "then", MeasuredLatency(7.5))])
    assert cost.cost(np.stack([arch, other]))[0] == 7.5
    assert len(cost.asked) == 1
    # as keys were at commit ee40575
    assert former_key(plan_of(SPACE, SPACE.default)) == "45beb639c89beea0bbfcc4e60db26625"
