"""Episodes that end at a stop: scalar and vector environments, checkers, masks, exact answers."""

from __future__ import annotations

import copy

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from nasgym.envs import episodes
from nasgym.envs.env import NASEnv
from nasgym.envs.granularity import Steps
from nasgym.envs.mo_env import MONASEnv, MONASVectorEnv
from nasgym.envs.prefix_tree import PrefixTree
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.ledger import Budget, Ledger
from nasgym.problems.evaluation import Objective
from nasgym.problems.feasibility import Feasibility
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy, Constrained, MnasNetSoft
from nasgym.spaces.nas_rl import NASRLSpace
from nasgym.wrappers import MaskInObservation
from tests.envs import play_objectives
from tests.envs.play import MODES, OBSERVATIONS, assert_same, both, play_evaluator
from tests.spaces.test_layer import Share
from tests.stopping import STOPPING, stopping_problem
from tests.tiny import completions_of

SOFT = MnasNetSoft()
RESTRICTED = {"chain": {"head": ["go"], "b.width": [8, 24]}, "nas-rl": {"layer2.more": ["more"], "*.height": [3, 7]}}
ALWAYS = {"chain": {"more": ["stop"], "a.op": ["conv"]}, "nas-rl": {"layer3.more": ["stop"]}}


def evaluators(name):
    return {
        "plain": stopping_problem(name),
        "target": stopping_problem(name, rule=SOFT, target=0.5),
        "sampled": stopping_problem(name, rule=SOFT, target=0.5, seed="sampled"),
        "restricted": stopping_problem(name, rule=SOFT, target=0.5, restrict=RESTRICTED[name]),
        "always stopped": stopping_problem(name, restrict=ALWAYS[name]),
        "total": Ledger(stopping_problem(name, seed="sampled"), Budget("total", 10_000), seed=4),
    }


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("tabled", [True, False], ids=["tabled", "computed"])
@pytest.mark.parametrize("kind", evaluators("chain"))
@pytest.mark.parametrize("name", STOPPING)
def test_the_vector_environment_equals_the_loop(name, kind, tabled, mode, monkeypatch):
    if not tabled:
        monkeypatch.setattr(episodes, "TABLE_BYTES", 0)
    evaluator = evaluators(name)[kind]
    native, _ = both(evaluator, mode)
    assert isinstance(native._episodes, episodes.TabularEpisodes if tabled else episodes.ComputedEpisodes)
    for seed, observation in enumerate(OBSERVATIONS, 3 * MODES.index(mode)):
        play_evaluator(copy.deepcopy(evaluator), mode, [seed, seed + 9], episodes=3, observation=observation)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize(
    "options",
    [
        {"mask": "feasible"},
        {"granularity": "layer"},
        {"granularity": "layer", "mask": "feasible", "shaping": "potential"},
        {"shaping": {"potential": "value", "gamma": 0.9}},
        {"shaping": "potential", "mask": "feasible"},
    ],
)
@pytest.mark.parametrize("tabled", [True, False], ids=["tabled", "computed"])
@pytest.mark.parametrize("name", STOPPING)
def test_every_option_equals_the_loop(name, options, tabled, mode, monkeypatch):
    if not tabled:
        monkeypatch.setattr(episodes, "TABLE_BYTES", 0)
    problem = stopping_problem(name, rule=Constrained() if "granularity" in options else SOFT, target=0.3)
    play_evaluator(problem, mode, range(3), episodes=2, observation=OBSERVATIONS[len(options) % 3], **options)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", STOPPING)
def test_several_rewards_equal_the_loop(name, mode):
    native, loop = play_objectives.both(stopping_problem(name), mode)
    for seed in range(3):
        play_objectives.play(native, loop, seed, illegal=0.05 * seed, steps=30)


@pytest.mark.parametrize("granularity", ["decision", "layer"])
@pytest.mark.parametrize("name", STOPPING)
def test_an_episode_ends_with_its_architecture(name, granularity):
    """Every architecture, played: as many steps as it has, nothing truncated, zeros before."""
    problem = stopping_problem(name)
    env = NASEnv(problem, granularity=granularity, observation="dict")
    steps = env._core.observer.steps.space
    lengths = set()
    for row, arch in zip(steps.enumerate(), problem.space.enumerate(), strict=True):
        observation, info = env.reset()
        length = int(steps.lengths(row[None])[0])
        for t, choice in enumerate(row[:length].tolist()):
            assert info["action_mask"][choice] == 1
            assert observation["step"] == t
            observation, reward, terminated, truncated, info = env.step(choice)
            assert terminated == (t == length - 1)
            assert not truncated
            assert terminated or reward == 0.0
        assert info["arch"] == problem.space.to_str(arch[None])[0]
        assert reward == problem.evaluate(arch[None]).reward[0]
        assert observation["step"] == env.num_steps
        np.testing.assert_array_equal(observation["tokens"], row)
        np.testing.assert_array_equal(info["action_mask"], np.arange(len(info["action_mask"])) == 0)
        lengths.add(length)
    assert len(lengths) == 3
    assert max(lengths) == env.num_steps


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("granularity", ["decision", "layer"])
@pytest.mark.parametrize("name", STOPPING)
def test_both_checkers_pass(name, granularity, observation):
    env = NASEnv(stopping_problem(name), observation=observation, granularity=granularity)
    check_env(env, skip_render_check=True)
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(env, warn=True, skip_render_check=True)


@pytest.mark.parametrize("name", STOPPING)
def test_masks_stand_in_observations_to_the_end(name):
    env, rng = MaskInObservation(NASEnv(stopping_problem(name))), np.random.default_rng(0)
    for _ in range(20):
        (seen, info), terminated = env.reset(), False
        while not terminated:
            np.testing.assert_array_equal(seen["action_mask"], info["action_mask"])
            seen, _, terminated, _, info = env.step(rng.choice(np.flatnonzero(info["action_mask"])))
            assert env.observation_space.contains(seen)
        assert np.flatnonzero(seen["action_mask"]).tolist() == [0]


@pytest.mark.parametrize("name", STOPPING)
def test_stable_baselines_wrapper_gives_what_ended(name):
    """Episodes of different length: the observation at the end, then that of the next begin."""
    pytest.importorskip("stable_baselines3")
    from nasgym.wrappers.sb3_vec_env import SB3VecEnv

    problem = stopping_problem(name)
    envs = SB3VecEnv(NASVectorEnv(problem, 8, observation="tokens", autoreset_mode="SameStep"))
    seen, rng = envs.reset(), np.random.default_rng(0)
    lengths, steps = set(), np.zeros(8, dtype=int)
    for _ in range(60):
        masks = np.stack(envs.env_method("action_masks"))
        seen, rewards, dones, infos = envs.step((rng.random(masks.shape) * masks).argmax(axis=1))
        steps += 1
        for i, (done, info) in enumerate(zip(dones, infos, strict=True)):
            if not done:
                assert rewards[i] == 0
                continue
            arch = info["terminal_observation"]
            assert problem.space.to_str(arch[None]) == [info["arch"]]
            assert steps[i] == problem.space.lengths(arch[None])[0]
            assert not info["TimeLimit.truncated"]
            assert (seen[i] == -1).all()
            lengths.add(int(steps[i]))
            steps[i] = 0
    assert len(lengths) == 3


@pytest.mark.parametrize("restrict", [None, RESTRICTED, ALWAYS])
@pytest.mark.parametrize("name", STOPPING)
def test_the_tree_has_every_prefix_once(name, restrict):
    space = stopping_problem(name, restrict=restrict and restrict[name]).space
    tree = PrefixTree.of(space)
    inner = len(tree.children)
    np.testing.assert_array_equal(tree.archs[inner:], space.enumerate())
    np.testing.assert_array_equal(tree.steps[inner:], space.num_decisions)
    assert len(np.unique(tree.archs, axis=0)) == len(tree.archs)
    for node, (arch, step) in enumerate(zip(tree.archs[:inner], tree.steps[:inner], strict=True)):
        assert (arch >= 0).sum() == step
        assert not space.ended(arch[None])[0]
        np.testing.assert_array_equal(tree.children[node] >= 0, space.mask(arch[None], step)[0])
        for choice in np.flatnonzero(tree.children[node] >= 0):
            wanted = arch.copy()
            wanted[step] = choice
            if space.ended(wanted[None])[0]:
                wanted = np.maximum(wanted, 0)
            np.testing.assert_array_equal(tree.archs[tree.children[node, choice]], wanted)


@pytest.mark.parametrize("name", STOPPING)
def test_feasible_masks_are_exact(name):
    problem = stopping_problem(name, rule=Constrained(), target=0.4, lower=0.02)
    everything, feasible = problem.space.enumerate(), problem.everything.feasible
    known, tree = Feasibility(problem), PrefixTree.of(problem.space)
    wanted = [feasible[completions_of(problem.space, arch)].any() for arch in tree.archs]
    np.testing.assert_array_equal(known.possible(tree.archs), wanted)
    assert 0 < feasible.sum() < len(everything)
    env = NASEnv(problem, mask="feasible")
    rng, lengths = np.random.default_rng(0), set()
    for _ in range(50):
        _, info = env.reset()
        terminated = False
        while not terminated:
            _, _, terminated, _, info = env.step(rng.choice(np.flatnonzero(info["action_mask"])))
        assert info["feasible"]
        lengths.add(info["arch"].count(","))
    assert len(lengths) > 1


@pytest.mark.parametrize("name", STOPPING)
def test_bounds_potentials_and_values_of_every_prefix(name):
    problem = stopping_problem(name, rule=SOFT, target=0.5)
    tree, ev = PrefixTree.of(problem.space), problem.everything
    low, high = problem.cost_bounds(tree.archs)
    best = problem.value_to_go(tree.archs)
    for arch, *found in zip(tree.archs, low, high, best, strict=True):
        agree = completions_of(problem.space, arch)
        cost = ev.costs["latency_ms@phone"][agree]
        assert found == [cost.min(), cost.max(), ev.reward[agree].max()]


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("name", STOPPING)
def test_shaping_adds_the_same_to_every_episode(name, gamma):
    """Discounted, whatever the length: so the order of policies stays."""
    problem = stopping_problem(name, rule=SOFT, target=0.5)
    env = NASEnv(problem, shaping={"potential": "cost", "gamma": gamma})
    added = []
    for arch in problem.space.sample(np.random.default_rng(0), 30):
        env.reset()
        total, info, length = 0.0, {}, int(problem.space.lengths(arch[None])[0])
        for t, choice in enumerate(arch[:length].tolist()):
            _, reward, _, _, info = env.step(choice)
            total += gamma**t * reward
        added.append(total - gamma ** (length - 1) * info["rule_reward"])
    assert added == pytest.approx([added[0]] * 30)


@pytest.mark.parametrize("gamma", [1.0, 0.8])
@pytest.mark.parametrize("granularity", ["decision", "layer"])
@pytest.mark.parametrize("name", STOPPING)
def test_fronts_of_discounted_returns_by_looking_at_all(name, granularity, gamma):
    objectives = [Objective("accuracy", "max"), Objective("latency_ms@phone", "min")]
    problem = stopping_problem(name, objectives=objectives)
    env = MONASEnv(problem, granularity=granularity)
    steps, ev = Steps.of(problem.space, granularity).space, problem.everything
    share = ev.costs["latency_ms@phone"] / ev.costs["latency_ms@phone"].max()
    paid = np.stack([ev.accuracy, -share], axis=1).astype(np.float32).astype(np.float64)
    paid *= gamma ** (steps.lengths(steps.enumerate()) - 1)[:, None]
    front = {tuple(p) for p in paid if not ((paid >= p).all(axis=1) & (paid > p).any(axis=1)).any()}
    np.testing.assert_allclose(env.pareto_front(gamma), sorted(front))
    np.testing.assert_allclose(MONASVectorEnv(problem, 2, granularity=granularity).pareto_front(gamma), sorted(front))


@pytest.mark.parametrize("name", STOPPING)
def test_optimal_actions_lead_to_the_optimum(name):
    problem = stopping_problem(name)
    env = NASEnv(problem)
    env.reset()
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(int(np.flatnonzero(env.optimal_actions())[0]))
    assert reward == problem.optimum().reward
    assert info["regret"] == 0


@pytest.mark.parametrize("name", STOPPING)
def test_frames_have_one_size_and_say_how_an_episode_ended(name):
    pytest.importorskip("PIL")
    problem = stopping_problem(name, target=0.5)
    frames, texts = [], []
    everything = problem.space.enumerate()
    _, one_of_each = np.unique(problem.space.lengths(everything), return_index=True)
    for arch in everything[one_of_each]:
        picture, text = (NASEnv(problem, render_mode=mode) for mode in ("rgb_array", "ansi"))
        for env in (picture, text):
            env.reset()
            for choice in arch[: problem.space.lengths(arch[None])[0]].tolist():
                env.step(choice)
        frames.append(picture.render().shape)
        texts.append(text.render())
        assert texts[-1].startswith(problem.space.to_str(arch[None])[0] + "\n")
    assert len(set(frames)) == 1
    assert ["a stop" in text for text in texts] == [True, True, False]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_the_published_space_is_played_in_vectors_of_any_length(mode):
    """6 to 15 layers, 10^58 architectures: computed step by step, and never listed."""
    space = NASRLSpace()
    native, loop = both(Problem(space, Share(space), [], Accuracy()), mode, observation="tokens")
    assert isinstance(native._episodes, episodes.ComputedEpisodes)
    native.reset(seed=0)
    loop.reset(seed=0)
    rng, ended = np.random.default_rng(0), 0
    for _ in range(250):
        masks = native.action_masks()
        actions = (rng.random(masks.shape) * masks).argmax(axis=1)
        given = native.step(actions)
        assert_same(given, loop.step(actions))
        ended += int(given[2].sum())
        if mode is MODES[-1] and given[2].any():
            for envs in (native, loop):
                envs.reset(options={"reset_mask": given[2].copy()})
    assert ended > 4


def test_products_have_one_length():
    assert gymnasium.make("nasgym/Digits-v0").unwrapped.space.fixed_length
