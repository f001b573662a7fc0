"""The environment against the checkers, against its problem, and in the hands of an agent."""

from __future__ import annotations

import copy
import json
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import nasgym
from nasgym.envs.env import NASEnv
from nasgym.errors import BudgetExhausted, InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.registration import IDS, live_id, mo_id
from nasgym.rewards import MnasNetSoft
from nasgym.tables.table_file import write_table
from tests.tiny import completions_of, tiny_problem, tiny_table

# ids that are a table; others know other keywords (`tests/problems/sources/test_ofa.py`)
TABLES = [env_id for env_id, known in IDS.items() if known.plays_table]
OBSERVATIONS = ("onehot", "tokens", "dict")
# keyword sets for ids whose primary cost is counted
COUNTED = [
    {},
    {"reward": "mnasnet-soft", "target": {"fraction": 0.3, "of": "range"}},
    {"reward": "constrained", "cost": "params"},
    {"seed": "sampled", "reward": "accuracy", "target": None},
    {"budget": 1000},
]
OWN = [
    {},
    {"device": "phone", "reward": "constrained"},
    {"seed": "sampled", "fidelity": 4, "extra_costs": ["latency_ms@board"]},
    {"restrict": {"a.op": ["skip"], "c.kernel": [3]}, "reward": "cost-bucket"},
    {"budget": {"unit": "total", "amount": 500}},
]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A data folder that has the tiny table and nothing else."""
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    write_table(tiny_table(), tmp_path / "tables" / "tiny.npz")


def walk(env, rng, *, legal=True):
    """One random episode; observations, rewards and infos of every step."""
    steps = []
    observation, info = env.reset()
    while True:
        mask = env.unwrapped.action_masks()
        assert mask.dtype == bool
        assert info["action_mask"].dtype == np.int8
        np.testing.assert_array_equal(info["action_mask"], mask)
        assert env.observation_space.contains(observation)
        assert mask.any()
        action = rng.choice(np.flatnonzero(mask)) if legal else rng.integers(env.action_space.n)
        observation, reward, terminated, truncated, info = env.step(action)
        assert (type(reward), type(terminated), truncated) == (float, bool, False)
        steps.append((observation, reward, info))
        if terminated:
            np.testing.assert_array_equal(info["action_mask"], np.arange(env.action_space.n) == 0)
            return steps


# ---- checkers ----------------------------------------------------------------------------------


def assert_checked(env_id, keywords):
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    env = gymnasium.make(env_id, disable_env_checker=True, **keywords).unwrapped
    check_env(env)
    check_for_sb3(env)
    env.close()
    env.close()


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("keywords", COUNTED, ids=str)
@pytest.mark.parametrize("env_id", TABLES)
def test_checkers_of_every_id(imported, env_id, keywords, observation):
    pytest.importorskip("stable_baselines3")
    imported(IDS[env_id].table)
    assert_checked(env_id, {"observation": observation, **keywords})


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("keywords", OWN, ids=str)
def test_checkers_of_an_own_table(own, keywords, observation):
    pytest.importorskip("stable_baselines3")
    assert_checked("nasgym/Table-v0", {"table": "tiny", "observation": observation, **keywords})


def test_ids_are_registered():
    names = [*IDS, *(mo_id(env_id) for env_id in IDS)]
    live = [env_id for env_id, known in IDS.items() if known.networks]
    assert {*names, *map(live_id, live)} == {name for name in gymnasium.registry if name.startswith("nasgym/")}
    for env_id in live:
        assert gymnasium.spec(live_id(env_id)).nondeterministic
        assert json.loads(gymnasium.spec(live_id(env_id)).to_json())["kwargs"] == {"problem": env_id, "device": "live"}
    for name, env_id in zip(names, [*IDS, *IDS], strict=True):
        spec = gymnasium.spec(name)
        assert spec.max_episode_steps is None
        assert json.loads(spec.to_json())["kwargs"] == {"problem": env_id}


# ---- an episode --------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_an_episode_is_worth_what_the_problem_says(observation):
    problem = tiny_problem(rule=MnasNetSoft(), target=15.0)
    env, rng = NASEnv(problem, observation=observation), np.random.default_rng(0)
    for _ in range(60):
        steps = walk(env, rng)
        assert len(steps) == 5
        assert [reward for _, reward, _ in steps[:-1]] == [0.0] * 4
        _, reward, info = steps[-1]
        arch = problem.space.from_str(info["arch"])
        assert problem.space.is_valid(arch).all()
        ev = problem.evaluate(arch)
        assert (reward, info["accuracy"], info["feasible"]) == (ev.reward[0], ev.accuracy[0], ev.feasible[0])
        assert info["latency_ms@phone"] == ev.costs["latency_ms@phone"][0]
        assert info["energy_mj"] == ev.costs["energy_mj"][0]
        assert "invalid_action" not in info


def test_every_architecture_can_be_built_and_nothing_else():
    problem = tiny_problem(restrict={"b.width": [8, 24], "a.kernel": [3]})
    env, built = NASEnv(problem), set()

    def grow(actions):
        env.reset()
        for action in actions:
            info = env.step(np.int64(action))[4]
        if len(actions) == 5:
            built.add(info["arch"])
            return
        for action in np.flatnonzero(env.action_masks()):
            grow([*actions, action])

    grow([])
    assert built == set(problem.space.to_str(problem.space.enumerate()))


@pytest.mark.parametrize("action", [3, -1, 1000])
def test_an_illegal_action_ends_the_episode(action):
    env = NASEnv(tiny_problem(rule=MnasNetSoft(), target=15.0))
    env.reset()
    observation, reward, terminated, truncated, info = env.step(np.int64(action))
    assert (reward, terminated, truncated) == (env._core.evaluator.invalid_reward, True, False)
    assert info["invalid_action"] is True
    assert env.observation_space.contains(observation)
    with pytest.raises(InvalidValue, match="reset"):
        env.step(np.int64(0))
    env.reset()
    assert not env.step(np.int64(0))[2]


def test_a_masked_action_is_illegal():
    env = NASEnv(tiny_problem())
    env.reset()
    env.step(np.int64(0))  # a.op = skip, so a.kernel has one choice
    np.testing.assert_array_equal(env.action_masks(), [True, False, False])
    assert env.step(np.int64(1))[4]["invalid_action"]


def test_illegal_actions_cost_no_budget():
    ledger = Ledger(tiny_problem(), 5)
    env = NASEnv(ledger)
    for _ in range(10):
        env.reset()
        env.step(np.int64(99))
    assert ledger.proposals == 0


def test_onehot_by_hand():
    problem = tiny_problem(rule=MnasNetSoft(), target=9.25)
    env = NASEnv(problem)
    start, _ = env.reset()
    # choices of 2 + 2 + 3 + 3 + 2 decisions, five steps, two cost features
    assert start.shape == (12 + 5 + 2,)
    wanted = np.zeros(19)
    wanted[12] = 1
    wanted[-2:] = 1 / 9.25, np.log(9.25 / 18.5)
    np.testing.assert_allclose(start, wanted, rtol=1e-6)
    env.step(np.int64(1))
    env.step(np.int64(0))
    seen = env.step(np.int64(2))[0]
    arch = np.array([[1, 0, 2, -1, -1]], dtype=np.int8)
    wanted = np.zeros(19)
    wanted[[1, 2, 6, 12 + 3]] = 1
    least = problem.everything.costs["latency_ms@phone"][completions_of(problem.space, arch[0])].min()
    wanted[-2:] = min(least / 9.25, 10), np.log(9.25 / 18.5)
    np.testing.assert_allclose(seen, wanted, rtol=1e-6)


def test_without_a_target_the_cost_features_are_zero():
    observation, _ = NASEnv(tiny_problem()).reset()
    np.testing.assert_array_equal(observation[-2:], [0, 0])


def test_tokens_by_hand():
    env = NASEnv(tiny_problem(), observation="tokens")
    start, _ = env.reset()
    np.testing.assert_array_equal(start, [-1] * 5)
    after = env.step(np.int64(1))[0]
    np.testing.assert_array_equal(after, [1, -1, -1, -1, -1])
    env.step(np.int64(1))
    np.testing.assert_array_equal(after, [1, -1, -1, -1, -1])  # no view of what moves on


def test_render():
    env = NASEnv(tiny_problem(), render_mode="ansi")
    env.reset()
    env.step(np.int64(0))
    assert env.render().splitlines()[0] == "skip,?,?:?"
    assert NASEnv(tiny_problem()).render() is None


# ---- determinism, copies -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["mean", "sampled"])
def test_two_environments_with_one_seed_are_the_same(seed):
    traces = []
    for _ in range(2):
        env, rng = NASEnv(tiny_problem(seed=seed)), np.random.default_rng(3)
        env.reset(seed=11)
        traces.append([[reward for _, reward, _ in walk(env, rng)] for _ in range(20)])
    assert traces[0] == traces[1]


def test_sampled_seeds_differ_between_episodes():
    env = NASEnv(tiny_problem(seed="sampled"))
    env.reset(seed=0)
    rewards = {walk(env, np.random.default_rng(5))[-1][1] for _ in range(30)}
    assert 1 < len(rewards) <= 3


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("keywords", OWN[1:3], ids=str)
def test_copies_go_on_alike(own, again, keywords):
    env = gymnasium.make("nasgym/Table-v0", table="tiny", **keywords)
    env.reset(seed=4)
    env.step(np.int64(0))
    twin = again(env)
    for action in (0, 2, 1):
        one, other = env.step(np.int64(action)), twin.step(np.int64(action))
        np.testing.assert_array_equal(one[0], other[0])
    assert env.step(np.int64(0))[1] == twin.step(np.int64(0))[1]


def test_the_spec_survives_json(own):
    keywords = {"table": "tiny", "device": "phone", "reward": {"rule": "absolute", "beta": -0.2}, "observation": "tokens"}
    env = gymnasium.make("nasgym/Table-v0", **keywords)
    twin = gymnasium.make(type(env.spec).from_json(env.spec.to_json()))
    assert twin.observation_space == env.observation_space
    one, other = (walk(e, np.random.default_rng(1))[-1] for e in (env, twin))
    assert (one[1], one[2]["arch"]) == (other[1], other[2]["arch"])


# ---- budget ------------------------------------------------------------------------------------


def test_a_budget_ends_with_an_error(own):
    env, rng = gymnasium.make("nasgym/Table-v0", table="tiny", budget={"unit": "total", "amount": 3}), np.random.default_rng(0)
    for _ in range(3):
        walk(env, rng)
    with pytest.raises(BudgetExhausted, match="budget of 3 total"):
        walk(env, rng)


def test_environments_can_share_a_ledger():
    ledger = Ledger(tiny_problem(), Budget("total", 4))
    envs, rng = [NASEnv(ledger), NASEnv(ledger)], np.random.default_rng(0)
    for env in (*envs, *envs):
        walk(env, rng)
    assert ledger.exhausted
    assert len(ledger.history) == 4


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keywords", "error", "says"),
    [
        ({"observation": "one-hot"}, UnknownName, "Did you mean 'onehot'"),
        ({"render_mode": "human"}, UnknownName, "Known: ansi"),
        ({"problem": "nasgym/Digit-v0"}, UnknownName, "Did you mean 'nasgym/Digits-v0'"),
        ({"problem": "nasgym/Table-v0", "rewrad": "accuracy"}, UnknownName, "Did you mean 'reward'"),
        ({"problem": "nasgym/Table-v0", "table": "tiny", "budget": 0}, InvalidValue, "positive whole number"),
        ({"problem": "nasgym/Table-v0", "table": "tiny", "budget": {"unit": "evals", "amount": 3}}, UnknownName, "budget unit"),
        ({"reward": "accuracy"}, InvalidValue, "only go with an id"),
        ({"mask": "feasable", "problem": tiny_problem(target=15.0)}, UnknownName, "Did you mean 'feasible'"),
        ({"mask": "feasible"}, InvalidValue, "needs a constraint; give target="),
        ({"granularity": "layers"}, UnknownName, "Did you mean 'layer'"),
        ({"shaping": "cost"}, UnknownName, "Known: potential"),
        ({"problem": "nasgym/Table-v0", "masks": "feasible"}, UnknownName, "unknown keyword 'masks'. Did you mean 'mask'"),
    ],
)
def test_errors_teach(own, keywords, error, says):
    with pytest.raises(error, match=says):
        NASEnv(**{"problem": tiny_problem(), **keywords})


def test_a_ledger_has_its_own_budget():
    with pytest.raises(InvalidValue, match="its own budget"):
        NASEnv(Ledger(tiny_problem(), 3), budget=3)


def test_reset_options_and_actions_are_checked():
    env = NASEnv(tiny_problem())
    with pytest.raises(UnknownName, match="option of reset"):
        env.reset(options={"start": 1})
    env.reset()
    for action in (0.5, "0", True, None, [0], np.array([0]), np.zeros((1, 1), dtype=np.int64), np.float32(1)):
        with pytest.raises(InvalidValue, match="an action is one integer, the index of a choice; got"):
            env.step(action)
    for action in (0, np.int8(0), np.uint64(0), np.array(0)):  # what was refused has changed nothing
        env.reset()
        np.testing.assert_array_equal(env.step(action)[0][:2], [1, 0])


def test_the_order_of_calls_is_checked():
    env = NASEnv(tiny_problem())
    with pytest.raises(InvalidValue, match=r"call reset\(\) before the first step"):
        env.step(0)
    env.reset()
    for _ in range(5):
        terminated = env.step(0)[2]
    assert terminated
    with pytest.raises(InvalidValue, match=r"call reset\(\) before the next step"):
        env.step(0)
    env.close()
    env.close()
    for call in (env.reset, lambda: env.step(0)):
        with pytest.raises(InvalidValue, match="this environment is closed; make a new one"):
            call()


def test_an_action_beyond_every_integer_is_illegal():
    env = NASEnv(tiny_problem())
    for action in (np.uint64(2**64 - 1), 2**63 - 1, -(2**63)):
        env.reset()
        assert env.step(action)[4]["invalid_action"]


def test_public_names():
    assert set(nasgym.__all__) <= set(dir(nasgym)) | set(nasgym._WHERE)
    for name in nasgym.__all__:
        assert getattr(nasgym, name).__name__ == name
    with pytest.raises(AttributeError, match="it has Budget"):
        _ = nasgym.Budgets


# ---- in the hands of an agent ------------------------------------------------------------------


def one_update(vec_env):
    from sb3_contrib import MaskablePPO

    model = MaskablePPO("MlpPolicy", vec_env, n_steps=16, batch_size=16, n_epochs=1, device="cpu", seed=0)
    model.learn(32)
    assert model.num_timesteps >= 32
    return model


def test_maskable_ppo_takes_one_update():
    pytest.importorskip("sb3_contrib")
    import torch
    from stable_baselines3.common.vec_env import DummyVecEnv

    torch.set_num_threads(1)
    problem = tiny_problem(rule=MnasNetSoft(), target=15.0)
    vec_env = DummyVecEnv([lambda: NASEnv(problem)] * 2)
    model = one_update(vec_env)
    observation = vec_env.reset()
    action, _ = model.predict(observation, action_masks=np.array(vec_env.env_method("action_masks")), deterministic=True)
    assert all(mask[a] for mask, a in zip(vec_env.env_method("action_masks"), action, strict=True))


def _make_env() -> NASEnv:
    return NASEnv(tiny_problem(rule=MnasNetSoft(), target=15.0))


@pytest.mark.long
def test_maskable_ppo_over_processes():
    pytest.importorskip("sb3_contrib")
    from stable_baselines3.common.vec_env import SubprocVecEnv

    vec_env = SubprocVecEnv([_make_env] * 2, start_method="spawn")
    try:
        one_update(vec_env)
    finally:
        vec_env.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments(own, mode):
    vec = gymnasium.make_vec("nasgym/Table-v0", num_envs=2, vectorization_mode=mode, table="tiny")
    try:
        _, info = vec.reset(seed=0)
        assert info["action_mask"].shape == (2, 3)
        for _ in range(5):
            _, rewards, terminated, _, info = vec.step(np.zeros(2, dtype=np.int64))
        assert terminated.all()
        assert info["arch"].tolist() == ["skip,8,none"] * 2
        assert (rewards > 0).all()
    finally:
        vec.close()


def test_regret_is_measured_against_what_the_masks_allow():
    """With accuracy as the rule the best of the whole space is out of reach."""
    problem = tiny_problem(target=12.0)
    env = NASEnv(problem, mask="feasible")
    ev = problem.everything
    best = ev.reward[ev.feasible].max()
    assert best < problem.optimum().reward
    _, info = env.reset()
    terminated = False
    while not terminated:
        action = np.flatnonzero(env.optimal_actions())[0]
        _, reward, terminated, _, info = env.step(action)
    assert reward == best
    assert info["regret"] == 0.0


@pytest.mark.parametrize(("granularity", "steps"), [("decision", 15), ("layer", 5)])
def test_the_length_of_an_episode_is_known(granularity, steps):
    env = gymnasium.make("nasgym/Digits-v0", granularity=granularity).unwrapped
    envs = gymnasium.make_vec("nasgym/Digits-v0", 2, granularity=granularity).unwrapped
    assert (env.num_steps, envs.num_steps) == (steps, steps)
    assert len(walk(env, np.random.default_rng(0))) == steps


def test_nothing_is_measured_for_a_regret_where_costs_are_measured_live():
    problem = tiny_problem(target=20.0)
    live = copy.copy(problem.cost_oracles["latency_ms@phone"])
    asked, measure = [], live.cost
    live.free, live.cost = False, lambda archs: (asked.append(len(archs)), measure(archs))[1]
    live = nasgym.Problem(problem.space, problem.accuracy, [live], problem.rule, target=20.0)
    info = walk(NASEnv(live), np.random.default_rng(0))[-1][2]
    assert asked == [1]
    assert "regret" not in info


def test_targets_may_be_numbers_of_numpy():
    for target in (np.float32(5e4), np.int64(50_000), 50_000):
        assert nasgym.make_problem("nasgym/Digits-v0", target=target).scale.target == 5e4
    spec = nasgym.make_problem("nasgym/Digits-v0", target=np.float32(5e4)).spec
    assert json.loads(json.dumps(spec)) == spec
    env = gymnasium.make("nasgym/Digits-v0", target=np.array([2e4, 5e4])).unwrapped
    env.reset(seed=0)
    assert 2e4 <= env._targets[0] <= 5e4
    with pytest.raises(InvalidValue, match="drawn from by environments"):
        nasgym.make_problem("nasgym/Digits-v0", target=np.array([2e4, 5e4]))
