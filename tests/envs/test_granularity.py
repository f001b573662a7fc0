"""Whole layers as steps: the same architectures, rewards and answers as decision by decision."""

from __future__ import annotations

import itertools

import gymnasium
import numpy as np
import pytest

from nasgym.envs.env import NASEnv
from nasgym.envs.granularity import MOST_OPTIONS, Steps
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import InvalidValue
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.counted import ChainCost
from nasgym.problems.problem import Problem
from nasgym.registration import IDS
from nasgym.rewards import Accuracy, MnasNetSoft
from nasgym.spaces.decision import Decision
from nasgym.spaces.space import SearchSpace
from nasgym.tables.table_file import Table
from tests.tiny import completions_of, tiny_problem, tiny_space

RESTRICTIONS = [None, {"b.width": [8, 24]}, {"a.kernel": [5], "c.op": ["none", "conv"]}]


def episodes(env):
    """``{text: (reward, info)}`` of every architecture that legal actions build."""
    built = {}

    def grow(actions):
        env.reset()
        step = None
        for action in actions:
            step = env.step(np.int64(action))
        if step is not None and step[2]:
            info = {name: value for name, value in step[4].items() if name != "action_mask"}
            assert info["arch"] not in built
            built[info["arch"]] = (step[1], info)
            return
        for action in np.flatnonzero(env.action_masks()):
            grow([*actions, action])

    grow([])
    return built


@pytest.mark.parametrize("mask", ["legal", "feasible"])
@pytest.mark.parametrize("restrict", RESTRICTIONS)
def test_the_same_architectures_with_the_same_rewards(restrict, mask):
    problem = tiny_problem(rule=MnasNetSoft(), target=15.0, restrict=restrict)
    layers, decisions = (episodes(NASEnv(problem, granularity=g, mask=mask)) for g in ("layer", "decision"))
    assert layers == decisions
    ev = problem.everything
    fits = ev.feasible if mask == "feasible" else np.ones(len(ev), dtype=bool)
    assert set(layers) == set(problem.space.to_str(problem.space.enumerate()[fits]))


# those that train every candidate: `tests/problems/sources/test_space.py`
@pytest.mark.parametrize("env_id", [env_id for env_id, known in IDS.items() if not known.trains])
def test_every_id_by_layers(imported, env_id):
    imported(IDS[env_id].table)
    env = NASVectorEnv(env_id, 64, granularity="layer", autoreset_mode="SameStep")
    problem, space = env.problem, env.problem.space
    assert env.single_action_space.n == max(len(layer.options) for layer in space.layers)
    rng = np.random.default_rng(0)
    _, info = env.reset()
    for _ in range(len(space.layers)):
        masks = info["action_mask"]
        _, rewards, terminated, _, info = env.step((rng.random(masks.shape) * masks).argmax(axis=1))
    assert terminated.all()
    final = info["final_info"]
    ev = problem.evaluate(space.from_str(final["arch"].tolist()))
    np.testing.assert_array_equal(rewards, ev.reward)
    np.testing.assert_array_equal(final["accuracy"], ev.accuracy)
    assert len(set(final["arch"])) > 30


# ---- what is seen ------------------------------------------------------------------------------


def test_observations_by_hand():
    problem = tiny_problem(rule=MnasNetSoft(), target=15.0)
    env = NASEnv(problem, granularity="layer")
    start, info = env.reset()
    # three options of a (skip, conv 3, conv 5), three widths, four options of c; three steps; two
    # numbers about cost
    assert start.shape == (3 + 3 + 4 + 3 + 2,)
    np.testing.assert_array_equal(start[:-2], [0] * 10 + [1, 0, 0])
    np.testing.assert_array_equal(info["action_mask"], [1, 1, 1, 0])
    env.step(np.int64(2))
    seen, _, _, _, info = env.step(np.int64(1))
    np.testing.assert_array_equal(seen[:-2], [0, 0, 1] + [0, 1, 0] + [0] * 4 + [0, 0, 1])
    np.testing.assert_array_equal(info["action_mask"], [1, 1, 1, 1])
    completions = completions_of(problem.space, np.array([1, 1, 1, -1, -1]))
    least = problem.everything.costs["latency_ms@phone"][completions].min()
    np.testing.assert_allclose(seen[-2:], [least / 15, np.log(15 / 18.5)], rtol=1e-6)
    assert env.step(np.int64(3))[4]["arch"] == "conv:5,16,conv:3"


def test_tokens_and_steps_count_layers():
    env = NASEnv(tiny_problem(target=15.0), granularity="layer", observation="dict")
    assert env.observation_space["tokens"] == gymnasium.spaces.Box(-1, 3, (3,), np.int8)
    assert env.observation_space["step"] == gymnasium.spaces.Discrete(4)
    env.reset()
    seen = env.step(np.int64(2))[0]
    np.testing.assert_array_equal(seen["tokens"], [2, -1, -1])
    assert seen["step"] == 1


def test_actions_of_a_restriction_are_its_own_options():
    env = NASEnv(tiny_problem(restrict={"a.kernel": [5], "c.op": ["conv"]}), granularity="layer")
    env.reset()
    np.testing.assert_array_equal(env.action_masks(), [True, True, False])
    env.step(np.int64(1))  # conv with kernel 5: kernel 3 is restricted away
    env.step(np.int64(2))
    assert env.step(np.int64(0))[4]["arch"] == "conv:5,24,conv:1"


def test_an_option_that_does_not_exist_is_illegal():
    env = NASEnv(tiny_problem(), granularity="layer")
    env.reset()
    env.step(np.int64(0))
    seen, reward, terminated, _, info = env.step(np.int64(3))  # widths have three options, layer c has four
    assert (reward, terminated, info["invalid_action"]) == (env.problem.invalid_reward, True, True)
    assert env.observation_space.contains(seen)


@pytest.mark.parametrize("mode", ["ansi", "svg", "rgb_array"])
def test_every_frame_is_drawn(mode):
    env = NASEnv(tiny_problem(rule=MnasNetSoft(), target=15.0), granularity="layer", render_mode=mode)
    env.reset()
    frames = [env.render()]
    for action in (2, 0, 3):
        env.step(np.int64(action))
        frames.append(env.render())
    if mode == "rgb_array":
        assert {frame.shape for frame in frames} == {frames[0].shape}
        assert not any(np.array_equal(one, other) for one, other in itertools.pairwise(frames))
        return
    assert "layer 1 of 3: a (3 options)" in frames[0]
    assert "layer 3 of 3: c (4 options)" in frames[2]
    assert "conv:5,8,conv:3" in frames[3]


# ---- the steps as a space ----------------------------------------------------------------------


@pytest.mark.parametrize("restrict", RESTRICTIONS)
def test_rows_of_steps_are_prefixes_of_architectures(restrict):
    whole = tiny_problem(restrict=restrict).space
    steps = Steps.of(whole, "layer")
    np.testing.assert_array_equal(steps.to_archs(steps.space.enumerate()), whole.enumerate())
    rows = steps.space.enumerate()[::3].copy()
    rows[:, 1:] = -1
    archs = steps.to_archs(rows)
    np.testing.assert_array_equal(archs[:, 2:], -1)
    assert (archs[:, :2] >= 0).all()
    for row, arch in zip(rows, archs, strict=True):
        np.testing.assert_array_equal(completions_of(whole, arch), completions_of(steps.space, row))


def test_decisions_are_the_space_itself():
    whole = tiny_space()
    steps = Steps.of(whole, "decision")
    assert steps.space is whole
    rows = whole.enumerate()
    assert steps.to_archs(rows) is rows


def wide_problem(last):
    """One layer of 13 x `last` options, and nothing but zeros to win."""
    space = SearchSpace("wide", [Decision("a", tuple(range(13)), "width"), Decision("b", tuple(range(last)), "width")])
    space = SearchSpace("wide", space.decisions, layers=[("both", 2)])
    card = {"name": "wide", "space": "wide", "datasets": ["d"], "search_fidelity": 1, "report_fidelity": 1}
    card |= {"search_metric": "test", "canonical": False}
    table = Table(card, {("d", 1, "test"): np.zeros((space.size, 1), dtype=np.float32)}, {}, {})
    cost = ChainCost(space, "macs", 1.0, [np.arange(space.size, dtype=np.float64)])
    return Problem(space, TableOracle(table, space), [cost], Accuracy())


def test_a_layer_with_too_many_options():
    assert NASEnv(wide_problem(9), granularity="layer").action_space.n == 117 <= MOST_OPTIONS
    for make in (NASEnv, NASVectorEnv):
        with pytest.raises(InvalidValue, match="layer 'both' of 'wide' has 130 options, a step can have 127; use granularity="):
            make(wide_problem(10), granularity="layer")
    env = NASEnv(wide_problem(9), granularity="layer", observation="tokens")
    assert env.observation_space.high.tolist() == [116]
    env.reset()
    assert env.step(np.int64(116))[4]["macs"] == 117
