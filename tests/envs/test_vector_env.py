"""The native vector environment against Gymnasium's loop over scalar ones, and misuse."""

from __future__ import annotations

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_match import check_environments_match
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from nasgym.envs import episodes
from nasgym.envs.core import EnvCore
from nasgym.envs.env import NASEnv
from nasgym.envs.granularity import Steps
from nasgym.envs.observation import Observer, map_arrays
from nasgym.envs.prefix_tree import PrefixTree
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import BudgetExhausted, InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.problems.problem import Problem
from nasgym.registration import IDS
from nasgym.rewards import MnasNetSoft
from tests.envs.play import MODES, OBSERVATIONS, assert_same, both, play_evaluator, some_actions
from tests.tiny import tiny_problem

# ids that are a table; others know other keywords (`tests/problems/sources/test_ofa.py`)
TABLES = [env_id for env_id, known in IDS.items() if known.plays_table]
KEYWORDS = [
    {},
    {"reward": "mnasnet-soft", "target": {"fraction": 0.3, "of": "range"}},
    {"reward": "constrained", "cost": "params"},
    {"reward": "accuracy", "target": None, "extra_costs": ["params"]},
    {"seed": "sampled", "reward": "accuracy"},
    {"budget": 10_000},
    {"budget": {"unit": "total", "amount": 10_000}, "seed": "sampled"},
]
# what else an environment can be asked for, on top of an id; every id has a MACs target here
RANGE = [{"fraction": 0.2, "of": "range"}, {"fraction": 0.9, "of": "range"}]
OPTIONS = [
    {"mask": "feasible", "target": {"fraction": 0.2, "of": "range"}, "reward": "accuracy"},
    {"granularity": "layer", "reward": "mnasnet-hard"},
    {"shaping": "potential", "reward": "constrained"},
    {"shaping": {"potential": "value", "gamma": 0.9}, "reward": "weighted-sum"},
    {"target": RANGE, "reward": "cost-bucket"},
    {"target": RANGE, "reward": "mnasnet-soft", "mask": "feasible", "shaping": "potential", "seed": "sampled"},
    {"target": RANGE, "reward": "absolute", "granularity": "layer", "mask": "feasible"},
]

# ---- equality ----------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("env_id", TABLES)
def test_every_id_equals_the_loop(imported, env_id, mode, observation):
    imported(IDS[env_id].table)
    first_seed = len(KEYWORDS) * (2 * MODES.index(mode) + OBSERVATIONS.index(observation))
    for seed, keywords in enumerate(KEYWORDS, first_seed):
        keywords = dict(keywords)
        evaluator = EnvCore.open(env_id, budget=keywords.pop("budget", None), keywords=keywords).evaluator
        play_evaluator(evaluator, mode, [seed], observation=observation)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("env_id", TABLES)
def test_every_option_equals_the_loop(imported, env_id, mode):
    imported(IDS[env_id].table)
    for seed, options in enumerate(OPTIONS, len(OPTIONS) * MODES.index(mode)):
        play_evaluator(env_id, mode, [seed], episodes=2, observation=OBSERVATIONS[seed % 3], **options)


@pytest.mark.long
@pytest.mark.parametrize("env_id", TABLES)
def test_a_thousand_seeds_equal_the_loop(imported, env_id):
    imported(IDS[env_id].table)
    pairs = [(mode, observation) for mode in MODES for observation in OBSERVATIONS]
    for i, (mode, observation) in enumerate(pairs):
        for j, keywords in enumerate(KEYWORDS):
            keywords = dict(keywords)
            evaluator = EnvCore.open(env_id, budget=keywords.pop("budget", None) and 10**6, keywords=keywords).evaluator
            seeds = range(len(KEYWORDS) * i + j, 1000, len(pairs) * len(KEYWORDS))
            play_evaluator(evaluator, mode, seeds, episodes=1, observation=observation)
        for j, options in enumerate(OPTIONS):
            seeds = range(len(OPTIONS) * i + j, 1000, len(pairs) * len(OPTIONS))
            play_evaluator(env_id, mode, seeds, episodes=1, observation=observation, **options)


def tiny_evaluators():
    soft = MnasNetSoft()
    return {
        "plain": tiny_problem(),
        "target": tiny_problem(rule=soft, target=15.0),
        "sampled": tiny_problem(rule=soft, target=15.0, seed="sampled"),
        "one seed": tiny_problem(seed=0),
        "lower limit": tiny_problem(target=30.0, lower=5.0),
        "restricted": tiny_problem(rule=soft, target=20.0, restrict={"b.width": [8, 24], "a.kernel": [3], "c.op": ["conv"]}),
        "distinct": Ledger(tiny_problem(), 36),
        "total": Ledger(tiny_problem(seed="sampled"), Budget("total", 10_000), seed=4),
        "seconds": Ledger(tiny_problem(), Budget("train_seconds", 10**6)),
        "free ledger": Ledger(tiny_problem(seed="sampled"), None, seed=4),
    }


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("tabled", [True, False], ids=["tabled", "computed"])
@pytest.mark.parametrize("name", tiny_evaluators())
def test_inactive_decisions_limits_and_ledgers(name, tabled, mode, observation, monkeypatch):
    if not tabled:
        monkeypatch.setattr(episodes, "TABLE_BYTES", 0)
    evaluator = tiny_evaluators()[name]
    if name == "distinct":  # the loop stops in the middle of a batch that overflows; here nothing does
        evaluator.budget = Budget("distinct", 36, max_proposals=10_000, max_repeats=10_000)
    native, _ = both(evaluator, mode, observation=observation)
    assert isinstance(native._episodes, episodes.TabularEpisodes if tabled else episodes.ComputedEpisodes)
    play_evaluator(evaluator, mode, range(9), episodes=4, observation=observation)


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_vector_of_one_passes_the_checker_of_gymnasium(observation):
    class One(gymnasium.Env):
        """Row 0 of a vector environment, as a scalar one."""

        def __init__(self, vector):
            self.vector, self.render_mode = vector, vector.render_mode
            self.action_space, self.observation_space = vector.single_action_space, vector.single_observation_space

        def _row(self, info):
            values = {k: v[0] for k, v in info.items() if not k.startswith("_") and info[f"_{k}"][0]}
            return {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}

        def reset(self, *, seed=None, options=None):
            observation, info = self.vector.reset(seed=seed)
            return map_arrays(lambda array: array[0], observation), self._row(info)

        def step(self, action):
            observation, reward, terminated, truncated, info = self.vector.step(np.array([action]))
            first = map_arrays(lambda array: array[0], observation)
            return first, float(reward[0]), bool(terminated[0]), bool(truncated[0]), self._row(info)

        def render(self):
            return self.vector.render()[0]

    problem = tiny_problem(rule=MnasNetSoft(), target=15.0, seed="sampled")
    scalar = NASEnv(problem, observation=observation, render_mode="ansi")
    vector = NASVectorEnv(problem, observation=observation, autoreset_mode="Disabled", render_mode="ansi")
    assert scalar.observation_space == vector.single_observation_space
    check_environments_match(scalar, One(vector), 300)


# ---- its tree ----------------------------------------------------------------------------------


@pytest.mark.parametrize("restrict", [None, {"b.width": [8, 24], "a.kernel": [3]}, {"a.op": ["skip"], "c.kernel": [1]}])
def test_the_tree_has_every_prefix_once(restrict):
    space = tiny_problem(restrict=restrict).space
    tree = PrefixTree.of(space)
    inner = len(tree.children)
    np.testing.assert_array_equal(tree.archs[inner:], space.enumerate())
    np.testing.assert_array_equal((tree.archs >= 0).sum(axis=1), tree.steps)
    assert len(np.unique(tree.archs, axis=0)) == len(tree.archs)
    for node, (arch, step) in enumerate(zip(tree.archs[:inner], tree.steps[:inner], strict=True)):
        np.testing.assert_array_equal(tree.children[node] >= 0, space.mask(arch[None], step)[0])
        for choice in np.flatnonzero(tree.children[node] >= 0):
            wanted = arch.copy()
            wanted[step] = choice
            np.testing.assert_array_equal(tree.archs[tree.children[node, choice]], wanted)


def test_large_spaces_get_no_tables(monkeypatch):
    problem = tiny_problem()
    observer = Observer(problem, "onehot", Steps.of(problem.space, "decision"))
    assert isinstance(episodes.make_episodes(observer, 2), episodes.TabularEpisodes)
    monkeypatch.setattr(episodes, "TABLE_BYTES", 1000)
    assert isinstance(episodes.make_episodes(observer, 2), episodes.ComputedEpisodes)


# ---- budget ------------------------------------------------------------------------------------


def test_an_overflowing_batch_is_charged_for_its_first_rows():
    ledger = Ledger(tiny_problem(), Budget("total", 10))
    env = NASVectorEnv(ledger, 4, autoreset_mode="SameStep")
    rng = np.random.default_rng(0)
    built = []
    env.reset()
    with pytest.raises(BudgetExhausted, match="budget of 10 total"):  # noqa: PT012 - the third episode overflows
        while True:
            actions = some_actions(rng, env.action_masks(), 0.0)
            info = env.step(actions)[-1]
            built += info["final_info"]["arch"].tolist() if "final_info" in info else []
    assert (ledger.charges, len(built)) == (10, 8)
    assert ledger.space.to_str(ledger.history.archs)[:8] == built


def test_illegal_actions_cost_no_budget():
    ledger = Ledger(tiny_problem(), 5)
    env = NASVectorEnv(ledger, 3)
    env.reset()
    for _ in range(10):
        env.step(np.full(3, 99))
    assert ledger.proposals == 0


def test_a_vector_of_one_repeats_for_free_and_may_write_into_what_it_gets():
    env = NASVectorEnv(Ledger(tiny_problem(), 5), 1)
    env.reset()
    for _ in range(3):
        for _ in range(5):
            _, rewards, _, _, info = env.step([0])
        assert rewards[0] > 0
        rewards[0] = info["accuracy"][0] = 7.0
        env.step([0])


# ---- Gymnasium ---------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", TABLES)
def test_make_vec_gives_the_same_in_every_way(imported, env_id):
    imported(IDS[env_id].table)
    ways = ["sync", "vector_entry_point", *(["async"] if env_id == "nasgym/Digits-v0" else [])]
    envs = [gymnasium.make_vec(env_id, 2, vectorization_mode=way, observation="tokens", seed="sampled") for way in ways]
    assert isinstance(envs[1], NASVectorEnv)
    assert isinstance(gymnasium.make_vec(env_id, 2), NASVectorEnv)
    rng = np.random.default_rng(0)
    try:
        first = [env.reset(seed=5) for env in envs]
        for other in first[1:]:
            assert_same(other, first[0])
        for _ in range(40):
            actions = some_actions(rng, envs[1].action_masks(), 0.02)
            given = [env.step(actions) for env in envs]
            for other in given[1:]:
                assert_same(other, given[0])
    finally:
        for env in envs:
            env.close()


def test_the_spec_rebuilds_the_environment():
    env = gymnasium.make_vec("nasgym/Digits-v0", 3, observation="tokens", autoreset_mode="SameStep")
    twin = gymnasium.make_vec(type(env.spec).from_json(env.spec.to_json()))
    assert (twin.num_envs, twin.autoreset_mode) == (3, AutoresetMode.SAME_STEP)
    assert twin.observation_space == env.observation_space


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_on_alike(again):
    env = NASVectorEnv(tiny_problem(seed="sampled"), 3)
    env.reset(seed=3)
    env.step([0, 1, 0])
    twin = again(env)
    for _ in range(12):
        assert_same(twin.step([0, 1, 0]), env.step([0, 1, 0]))


def test_what_is_returned_is_not_written_again():
    for observation in OBSERVATIONS:
        env = NASVectorEnv(tiny_problem(rule=MnasNetSoft(), target=15.0), 3, observation=observation)
        given = [env.reset()]
        kept = [copy.deepcopy(given[0])]
        for _ in range(14):
            given.append(env.step([0, 1, 0]))
            kept.append(copy.deepcopy(given[-1]))
        for one, other in zip(given, kept, strict=True):
            assert_same(one, other)
        seen = [array for each in given for array in (each[0].values() if observation == "dict" else [each[0]])]
        for array in (*seen, *given[-1][1:4], given[-1][4]["action_mask"]):
            array[:] = 1  # nor is the environment's own memory
        fresh = NASVectorEnv(tiny_problem(rule=MnasNetSoft(), target=15.0), 3, observation=observation)
        assert_same(env.reset(), fresh.reset())
        assert_same(env.step([0, 1, 0]), fresh.step([0, 1, 0]))


def test_statistics_of_a_partial_reset_stay_with_the_others():
    """A mask that is taken out of the options makes this wrapper forget every environment."""
    env = RecordEpisodeStatistics(NASVectorEnv(tiny_problem(), 3, autoreset_mode="Disabled"))
    env.reset()
    for _ in range(3):
        env.step(np.zeros(3, dtype=np.int64))
    env.reset(options={"reset_mask": np.array([True, False, False])})
    assert env.episode_lengths.tolist() == [0, 3, 3]


def test_final_observations_are_plain_arrays():
    env = NASVectorEnv(tiny_problem(), 2, autoreset_mode="SameStep")
    env.reset()
    info = env.step([0, 99])[-1]
    assert info["final_obs"].shape == env.observation_space.shape
    assert info["final_obs"].dtype == np.float32
    assert info["_final_obs"].tolist() == [False, True]
    assert info["final_info"]["invalid_action"].tolist() == [False, True]


def test_render():
    env = NASVectorEnv(tiny_problem(), 2, render_mode="ansi")
    env.reset()
    env.step([0, 1])
    assert [text.splitlines()[0] for text in env.render()] == ["skip,?,?:?", "conv:?,?,?:?"]
    assert NASVectorEnv(tiny_problem()).render() is None


# ---- misuse ------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", [[0], [[0, 0]], [0.0, 1.0], ["0", "1"], [True, False], 0])
def test_actions_are_checked(actions):
    env = NASVectorEnv(tiny_problem(), 2)
    env.reset()
    with pytest.raises(InvalidValue, match="2 integers, one for each environment"):
        env.step(actions)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_every_kind_of_integer_is_an_action(dtype):
    env = NASVectorEnv(tiny_problem(), 2)
    env.reset()
    largest = np.array([0, np.iinfo(dtype).max], dtype=dtype)
    assert env.step(largest)[2].tolist() == [False, True]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"start": 1}, UnknownName, "Known: target, reset_mask"),
        ({"reset_mask": [True, False]}, InvalidValue, "numpy array of 2 bools"),
        ({"reset_mask": np.ones(3, dtype=bool)}, InvalidValue, "numpy array of 2 bools"),
        ({"reset_mask": np.ones(2)}, InvalidValue, "numpy array of 2 bools"),
        ({"reset_mask": np.zeros(2, dtype=bool)}, InvalidValue, "at least one True"),
    ],
)
def test_options_of_reset_are_checked(options, error, says):
    env = NASVectorEnv(tiny_problem(), 2)
    env.reset()
    with pytest.raises(error, match=says):
        env.reset(options=options)


def test_the_order_of_calls_is_checked():
    env = NASVectorEnv(tiny_problem(), 2, autoreset_mode="Disabled")
    with pytest.raises(InvalidValue, match=r"call reset\(\) before the first step"):
        env.step([0, 0])
    with pytest.raises(InvalidValue, match="starts every environment"):
        env.reset(options={"reset_mask": np.array([True, False])})
    env.reset()
    env.step([99, 0])
    with pytest.raises(InvalidValue, match=r"environments \[0\] have ended"):
        env.step([0, 0])
    with pytest.raises(InvalidValue, match="one number or 2"):
        env.reset(seed=[1, 2, 3])
    env.close()
    env.close()
    for call in (env.reset, lambda: env.step([0, 0])):
        with pytest.raises(InvalidValue, match="closed"):
            call()


@pytest.mark.parametrize(
    ("keywords", "error", "says"),
    [
        ({"num_envs": 0}, InvalidValue, "from 1 on"),
        ({"num_envs": 2.0}, InvalidValue, "from 1 on"),
        ({"autoreset_mode": "NextSte"}, UnknownName, "Did you mean 'NextStep'"),
        ({"observation": "one-hot"}, UnknownName, "Did you mean 'onehot'"),
        ({"render_mode": "human"}, UnknownName, "Known: ansi"),
        ({"mask": "feasable", "problem": tiny_problem(target=15.0)}, UnknownName, "Did you mean 'feasible'"),
        ({"mask": "feasible"}, InvalidValue, "needs a constraint"),
        ({"granularity": "block"}, UnknownName, "Known: decision, layer"),
        ({"problem": "nasgym/Digits-v0", "rewrad": "accuracy"}, UnknownName, "Did you mean 'reward'"),
        ({"reward": "accuracy"}, InvalidValue, "only go with an id"),
    ],
)
def test_errors_teach(keywords, error, says):
    with pytest.raises(error, match=says):
        NASVectorEnv(**{"problem": tiny_problem(), **keywords})


def test_sampled_problems_take_one_generator_or_one_for_each_row():
    problem: Problem = tiny_problem(seed="sampled")
    archs = problem.space.sample(np.random.default_rng(0), 6)
    each = problem.evaluate(archs, rng=[np.random.default_rng(i) for i in range(6)])
    for i, arch in enumerate(archs):
        assert problem.evaluate(arch[None], rng=np.random.default_rng(i)).accuracy[0] == each.accuracy[i]
