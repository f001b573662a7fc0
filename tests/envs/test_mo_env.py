"""One reward for each objective: MO-Gymnasium's interface, without MO-Gymnasium."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.envs import episodes
from nasgym.envs.mo_env import MONASEnv, MONASVectorEnv
from nasgym.errors import BudgetExhausted, InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.counted import ChainCost
from nasgym.oracles.cost.table import TableCost
from nasgym.problems.evaluation import Objective
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem
from nasgym.registration import IDS, mo_id
from nasgym.rewards import Constrained, MnasNetSoft
from nasgym.tables.table_file import Table
from tests import mixed
from tests.envs.play_objectives import both, play
from tests.tiny import DESCRIPTION, SIZE, tiny_problem, tiny_space, tiny_table

# ids that are a table; others know other keywords (`tests/problems/sources/test_ofa.py`)
TABLES = [env_id for env_id, known in IDS.items() if known.plays_table]
MO = "nasgym/mo-Digits-v0"
TWO = [Objective("accuracy", "max"), Objective("latency_ms@phone", "min")]
THREE = [Objective("energy_mj", "min"), *TWO]


def dominates(one, other):
    return bool((one >= other).all() and (one > other).any())


def undominated(points):
    """The different points that no other one dominates, as a sorted list."""
    different = {tuple(point) for point in points.tolist()}
    best = [p for p in different if not any(dominates(np.array(q), np.array(p)) for q in different)]
    return sorted(best)


# ---- rewards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", TABLES)
def test_rewards_of_every_id(imported, env_id):
    imported(IDS[env_id].table)
    env = gymnasium.make(mo_id(env_id), observation="tokens").unwrapped
    assert isinstance(env, MONASEnv)
    assert (env.reward_dim, env.reward_space.shape) == (2, (2,))
    largest = env.problem.scale.largest
    rng = np.random.default_rng(0)
    illegal = 0
    for episode in range(30):
        _, info = env.reset(seed=episode)
        terminated = False
        while not terminated:
            wild = episode % 3 == 0 and rng.random() < 0.2
            action = rng.integers(-3, 12) if wild else rng.choice(np.flatnonzero(info["action_mask"]))
            _, reward, terminated, truncated, info = env.step(action)
            assert (reward.dtype, reward.shape, truncated) == (np.float32, (2,), False)
            assert env.reward_space.contains(reward)
            if not terminated:
                np.testing.assert_array_equal(reward, [0, 0])
        if "invalid_action" in info:
            np.testing.assert_array_equal(reward, [-1, -2])
            illegal += 1
        else:
            np.testing.assert_allclose(reward, [info["accuracy"], -info["macs"] / largest], rtol=1e-6)
            np.testing.assert_allclose(reward * env.objective_units, [info["accuracy"], info["macs"]], rtol=1e-6)
        assert "regret" not in info
    assert illegal


def test_objectives_keep_their_order_and_their_units():
    problem = tiny_problem(objectives=THREE)
    env = MONASEnv(problem)
    assert [objective.name for objective in env.objectives] == ["energy_mj", "accuracy", "latency_ms@phone"]
    np.testing.assert_array_equal(env.objective_units, [-35.5, 1, -36])
    np.testing.assert_array_equal(env.reward_space.low, np.float32([-2, -1, -2]))
    np.testing.assert_array_equal(env.reward_space.high, np.float32([0, 1, 0]))
    for arch in problem.space.enumerate():
        env.reset()
        for choice in arch:
            _, reward, _, _, info = env.step(choice)
        ev = problem.evaluate(arch[None])
        wanted = [ev.costs["energy_mj"][0], ev.accuracy[0], ev.costs["latency_ms@phone"][0]]
        np.testing.assert_allclose(reward * env.objective_units, wanted, rtol=1e-6)
        invalid = env.reward_space.low
        assert (reward > invalid).all()
        assert info["latency_ms@phone"] == wanted[2]


def test_qualities_and_costs_are_paid_by_direction_and_range(own_data_folder, tmp_path):
    mixed.import_mixed(tmp_path)
    keywords = {"table": "mixed", "cost": "throughput", "extra_costs": ["latency_ms@phone"]}
    problem = make_problem("nasgym/Table-v0", objectives=[*mixed.OBJECTIVES, "latency_ms@phone"], **keywords)
    env = MONASEnv(problem)
    largest = mixed.column("img_s").max(), mixed.column("phone_ms").max()
    np.testing.assert_allclose(env.objective_units, [-42, 3, 1, largest[0], -largest[1]])
    np.testing.assert_allclose(env.reward_space.low, [-2, -2, -1, -1, -2])
    np.testing.assert_allclose(env.reward_space.high, [-22 / 42, 0, 1, 1, 0])
    columns = np.stack([mixed.column(name) for name in ("ppl", "loss", "acc", "img_s", "phone_ms")], axis=1) / [1, 1, 100, 1, 1]
    for row, arch in enumerate(problem.space.enumerate()):
        env.reset()
        for choice in arch:
            _, reward, _, _, info = env.step(choice)
        np.testing.assert_allclose(reward * env.objective_units, columns[row], rtol=1e-6)
        assert env.reward_space.contains(reward)
        assert (reward > env.reward_space.low).all()
        assert info["perplexity"] == pytest.approx(columns[row, 0])
        assert info["accuracy"] == pytest.approx(columns[row, 2])
    best = mixed.undominated(columns, np.array([False, True, True, True, False]))
    front = np.array(env.pareto_front(1.0))
    assert len(front) == best.sum()
    order = np.lexsort(front.T)
    wanted = columns[best] / env.objective_units
    np.testing.assert_allclose(front[order], wanted[np.lexsort(wanted.T)], rtol=1e-6)


@pytest.mark.parametrize("budget", [None, 40])
def test_one_environment_and_many_pay_the_same_for_every_quality(own_data_folder, tmp_path, budget):
    mixed.import_mixed(tmp_path)
    keywords = {"table": "mixed", "cost": "throughput", "objectives": mixed.OBJECTIVES}
    many = gymnasium.make_vec("nasgym/mo-Table-v0", num_envs=3, vectorization_mode="vector_entry_point", **keywords)
    one = gymnasium.make("nasgym/mo-Table-v0", budget=budget, **keywords).unwrapped
    many.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(4):
        actions = rng.integers(0, [3, 3, 2], size=(3, 3))
        for step in range(3):
            _, rewards, ended, _, infos = many.step(actions[:, step])
        assert ended.all()
        for i, row in enumerate(actions):
            one.reset()
            for choice in row:
                _, reward, _, _, info = one.step(int(choice))
            np.testing.assert_array_equal(reward, rewards[i])
            assert info["negative_loss"] == infos["negative_loss"][i]
        many.step(actions[:, 0])  # starts again
    many.close()


def test_a_restriction_has_its_own_largest_cost():
    problem = tiny_problem(restrict={"b.width": [16]}, objectives=TWO)
    env = MONASEnv(problem)
    assert env.objective_units[1] == -problem.everything.costs["latency_ms@phone"].max() != -36


def test_default_objectives():
    names = lambda env: [objective.name for objective in env.objectives]  # noqa: E731
    assert names(MONASEnv(tiny_problem())) == ["accuracy", "latency_ms@phone"]
    assert names(MONASEnv(tiny_problem(rule=MnasNetSoft(), target=9.0))) == ["accuracy", "latency_ms@phone"]
    assert names(MONASEnv(Ledger(tiny_problem(), 5))) == ["accuracy", "latency_ms@phone"]
    keywords = {"extra_costs": ["params"], "objectives": ["params", "accuracy", "macs"]}
    assert names(gymnasium.make(MO, **keywords).unwrapped) == ["params", "accuracy", "macs"]


@pytest.mark.parametrize("rule", [None, MnasNetSoft(), Constrained()])
def test_rules_and_targets_do_not_change_the_rewards(rule):
    env = MONASEnv(tiny_problem(rule=rule, target=9.0), mask="legal")
    rewards = []
    for target in (None, 3.0, 30.0):
        env.reset(options=None if target is None else {"target": target})
        for choice in (1, 1, 2, 2, 1):
            _, reward, _, _, info = env.step(choice)
        rewards.append(reward)
        assert info["feasible"] == (info["latency_ms@phone"] <= (target or 9.0))
        assert info.get("target") == target
    np.testing.assert_array_equal(rewards[1:], rewards[:-1])


# ---- the native vector environment -------------------------------------------------------------


def play_both(evaluator, mode, start, illegal, steps=25, **options):
    native, loop = both(evaluator, mode, **options)
    aim = {"target": 11.0} if "target" not in options and native._observer.has_target else None
    play(native, loop, start, illegal, steps, aim)


@pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)
@pytest.mark.parametrize("tabled", [True, False], ids=["tabled", "computed"])
@pytest.mark.parametrize("illegal", [0.0, 0.2])
def test_native_equals_the_loop(mode, tabled, illegal, monkeypatch):
    if not tabled:
        monkeypatch.setattr(episodes, "TABLE_BYTES", 0)
    play_both(tiny_problem(objectives=THREE), mode, 0, illegal)
    play_both(tiny_problem(target=15.0, seed="sampled"), mode, 1, illegal)
    play_both(tiny_problem(rule=Constrained(), target=15.0), mode, 2, illegal, mask="feasible", granularity="layer")


@pytest.mark.parametrize("env_id", TABLES)
def test_native_equals_the_loop_for_every_id(imported, env_id):
    imported(IDS[env_id].table)
    mode = list(AutoresetMode)[list(IDS).index(env_id) % 3]
    ends = [{"fraction": 0.2, "of": "range"}, {"fraction": 0.9, "of": "range"}]
    play_both(env_id, mode, 3, 0.05, steps=40, target=ends, mask="feasible", seed="sampled")


def play_seeds(env_id, seeds):
    """Three kinds of settings in the three modes, some seeds each."""
    half, accurate = {"fraction": 0.5, "of": "range"}, {"reward": "accuracy"}
    settings = [{}, {"mask": "feasible", "target": half, **accurate}, {"granularity": "layer", "seed": "sampled", **accurate}]
    pairs = [(mode, options) for mode in AutoresetMode for options in settings]
    for i, (mode, options) in enumerate(pairs):
        native, loop = both(env_id, mode, number=3, **options)
        for seed in seeds[i :: len(pairs)]:
            play(native, loop, seed, (0.0, 0.1)[seed % 2], native.num_steps + 2)


@pytest.mark.parametrize("env_id", TABLES)
def test_twenty_seeds_equal_the_loop(imported, env_id):
    imported(IDS[env_id].table)
    play_seeds(env_id, range(20))


@pytest.mark.long
@pytest.mark.parametrize("env_id", TABLES)
def test_a_thousand_seeds_equal_the_loop(imported, env_id):
    imported(IDS[env_id].table)
    play_seeds(env_id, range(1000))


# ---- the front ---------------------------------------------------------------------------------


def coarse_problem(seed, *, objectives=TWO, target=None, lower=None):
    """Few different accuracies and costs, so that architectures tie in one objective or in all."""
    rng = np.random.default_rng(seed)
    accuracy = {("toy", 1, "test"): rng.integers(1, 6, (SIZE, 1)).astype(np.float32) / 8}
    costs = {("toy", o.name): rng.integers(1, 6, SIZE).astype(np.float64) for o in THREE if o.name != "accuracy"}
    card = {"name": "coarse", "space": DESCRIPTION, "datasets": ["toy"], "search_fidelity": 1, "report_fidelity": 1}
    table = Table(card | {"search_metric": "test", "canonical": False}, accuracy, {}, costs)
    oracles = [TableCost(table, tiny_space(), name, "toy") for name in ("latency_ms@phone", "energy_mj")]
    oracle = TableOracle(table, tiny_space())
    return Problem(tiny_space(), oracle, oracles, MnasNetSoft(), target=target or 5.0, lower=lower, objectives=objectives)


def returns_of(env, gamma, archs):
    """``(n, k)`` discounted returns of architectures, by playing them."""
    returns = []
    for arch in archs:
        env.reset()
        rewards = [env.step(choice)[1].astype(np.float64) for choice in arch]
        returns.append(sum(gamma**i * reward for i, reward in enumerate(rewards)))
    return np.array(returns)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), gamma=st.sampled_from([1.0, 0.9]), three=st.booleans())
def test_the_front_is_what_no_other_return_dominates(seed, gamma, three):
    for problem in (
        coarse_problem(seed, objectives=THREE if three else TWO),
        tiny_problem(table=tiny_table(shift=seed % 7 / 100), objectives=THREE if three else TWO),
    ):
        env = MONASEnv(problem)
        front = env.pareto_front(gamma)
        assert all((point.dtype, point.shape) == (np.float64, (env.reward_dim,)) for point in front)
        wanted = undominated(returns_of(env, gamma, problem.space.enumerate()))
        np.testing.assert_allclose(sorted(map(tuple, front)), wanted, rtol=1e-12)
        native = MONASVectorEnv(problem, 3).pareto_front(gamma)
        np.testing.assert_array_equal(native, front)


def test_the_discount_counts_steps():
    problem = tiny_problem(objectives=TWO)
    one = np.array(MONASEnv(problem).pareto_front(1.0))
    np.testing.assert_allclose(MONASEnv(problem).pareto_front(0.5), one * 0.5**4)
    np.testing.assert_allclose(MONASEnv(problem, granularity="layer").pareto_front(0.5), one * 0.5**2)
    front = problem.pareto_front(TWO).values
    np.testing.assert_allclose(np.sort(one[:, 1] * -36), np.sort(front[:, 1]))


@pytest.mark.parametrize("limits", [{"target": 3.0}, {"target": 4.0, "lower": 3.0}])
def test_the_front_of_feasible_masks_is_that_of_feasible_architectures(limits):
    for seed in range(5):
        problem = coarse_problem(seed, objectives=THREE[:2], **limits)  # the limited cost is no objective
        env = MONASEnv(problem, mask="feasible")
        feasible = problem.space.enumerate()[problem.everything.feasible]
        wanted = undominated(returns_of(env, 1.0, feasible))
        np.testing.assert_allclose(sorted(map(tuple, env.pareto_front(1.0))), wanted, rtol=1e-12)


def test_what_float32_makes_equal_does_not_stay_in_the_front():
    """Of two costs that only differ after the seventh digit the better accuracy is left."""
    whole = tiny_problem()
    shapes = [len(layer.options) for layer in whole.space.layers]
    terms = [np.zeros(shapes[0]), np.zeros(shapes[1]), np.arange(4.0)]
    cost = ChainCost(whole.space, "macs", 1e9, terms)
    problem = Problem(whole.space, whole.accuracy, [cost], whole.rule)
    assert len(problem.pareto_front([TWO[0], Objective("macs", "min")]).values) > 1
    env = MONASEnv(problem)
    wanted = undominated(returns_of(env, 1.0, problem.space.enumerate()))
    assert len(wanted) == 1
    assert [tuple(point) for point in env.pareto_front(1.0)] == wanted


@pytest.mark.parametrize("env_id", TABLES)
def test_the_front_of_every_id(imported, env_id):
    imported(IDS[env_id].table)
    env = gymnasium.make(mo_id(env_id)).unwrapped
    front = np.array(env.pareto_front(0.99))
    best = front[front[:, 0].argmax()] / 0.99 ** (env.problem.space.num_decisions - 1)
    assert best[0] == pytest.approx(env.problem.everything.accuracy.max(), rel=1e-6)
    order = np.argsort(front[:, 0])
    assert (np.diff(front[order, 0]) > 0).all()
    assert (np.diff(front[order, 1]) < 0).all()


# ---- Gymnasium ---------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", ["onehot", "tokens", "dict"])
def test_gymnasiums_checker_only_minds_the_reward(observation):
    env = gymnasium.make(MO, observation=observation).unwrapped
    with pytest.warns(UserWarning, match="The reward returned by `step") as said:
        check_env(env, skip_render_check=True)
    assert len(said) == 1


def test_making_it_does_not_warn():
    env = gymnasium.make(MO, render_mode="ansi")
    _, info = env.reset(seed=0)
    env.step(int(info["action_mask"].argmax()))
    assert "decision 2 of 15" in env.render()
    env.close()


def test_mo_gymnasium_is_not_needed():
    code = (
        "import sys, gymnasium, nasgym; sys.modules['mo_gymnasium'] = None; "
        f"env = gymnasium.make({MO!r}); env.reset(); print(env.step(9)[1].tolist()); "
        f"print(type(gymnasium.make_vec({MO!r}, 2)).__name__)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:2] == ["[-1.0, -2.0]", "MONASVectorEnv"]


def test_specs_survive_json():
    keywords = {"target": [2e4, 6e4], "mask": "feasible", "granularity": "layer", "objectives": ["macs", "accuracy"]}
    env = gymnasium.make(MO, **keywords)
    assert json.loads(env.spec.to_json())["kwargs"]["target"] == [2e4, 6e4]
    twin = gymnasium.make(type(env.spec).from_json(env.spec.to_json()))
    traces = []
    for one in (env, twin):
        _, info = one.reset(seed=3)
        rewards = []
        for _ in range(5):
            _, reward, _, _, info = one.step(int(info["action_mask"].argmax()))
            rewards.append(reward.tolist())
        traces.append((rewards, info["target"]))
    assert traces[0] == traces[1]
    vector = gymnasium.make_vec(MO, 3, autoreset_mode="SameStep")
    again = gymnasium.make_vec(type(vector.spec).from_json(vector.spec.to_json()))
    assert isinstance(again, MONASVectorEnv)
    assert again.num_envs == 3


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_on_alike(again):
    env = MONASEnv(tiny_problem(seed="sampled", target=9.0))
    env.reset(seed=4)
    env.step(1)
    twin = again(env)
    assert (twin.reward_space, twin.reward_dim, twin.objectives) == (env.reward_space, env.reward_dim, env.objectives)
    for action in (1, 2, 2, 1):
        np.testing.assert_array_equal(env.step(action)[1], twin.step(action)[1])


def test_rewards_are_not_written_again():
    env = MONASEnv(tiny_problem())
    env.reset()
    first = env.step(0)[1]
    first[:] = 7
    np.testing.assert_array_equal(env.step(0)[1], [0, 0])
    env.reset()
    invalid = env.step(99)[1]
    invalid[:] = 7
    env.reset()
    np.testing.assert_array_equal(env.step(99)[1], [-1, -2])


# ---- budget ------------------------------------------------------------------------------------


def test_a_budget_is_counted():
    ledger = Ledger(tiny_problem(), Budget("total", 3))
    env = MONASEnv(ledger)
    for _ in range(3):
        env.reset()
        env.step(99)  # costs nothing
        env.reset()
        for choice in (1, 1, 2, 2, 1):
            _, reward, _, _, info = env.step(choice)
        assert reward[1] == np.float32(-info["latency_ms@phone"] / 36)
    env.reset()
    for choice in (1, 1, 2, 2):
        env.step(choice)
    with pytest.raises(BudgetExhausted, match="budget of 3 total"):
        env.step(1)
    for ask in (lambda: env.pareto_front(1.0), lambda: MONASVectorEnv(ledger, 2).pareto_front(1.0)):
        with pytest.raises(InvalidValue, match=r"with a budget every evaluation is counted.*leave out budget="):
            ask()


# ---- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [MONASEnv, MONASVectorEnv])
def test_misuse(make):
    aimed = tiny_problem(rule=Constrained(), target=9.0)
    for gamma in (0, -0.5, 1.1, True, "1", None, float("nan")):
        with pytest.raises(InvalidValue, match="gamma is a number above 0 and at most 1"):
            make(aimed).pareto_front(gamma)
    for shaping in ("potential", {"potential": "value"}):
        with pytest.raises(InvalidValue, match="one for each objective; leave out shaping="):
            make(aimed, shaping=shaping)
    with pytest.raises(UnknownName, match="Did you mean 'macs'"):
        make("nasgym/Digits-v0", objectives=["accuracy", "mac"])
    with pytest.raises(UnknownName, match="Known: accuracy, macs"):
        make("nasgym/Digits-v0", objectives=["accuracy", "latency_ms"])
    whole = tiny_problem()
    with pytest.raises(InvalidValue, match="need a cost beside accuracy; give cost="):
        make(Problem(whole.space, whole.accuracy, [], whole.rule))
    with pytest.raises(InvalidValue, match="'accuracy' cannot be 'min': accuracy, more is better"):
        tiny_problem(objectives=[Objective("accuracy", "min"), *TWO[1:]])
    nothing = ChainCost(whole.space, "macs", 0.0, [np.zeros(len(layer.options)) for layer in whole.space.layers])
    with pytest.raises(InvalidValue, match="'macs' costs 0 for every architecture"):
        make(Problem(whole.space, whole.accuracy, [nothing], whole.rule))
    live = tiny_problem()
    live.accuracy.deterministic = False
    with pytest.raises(InvalidValue, match="use a table"):
        make(live).pareto_front(1.0)


@pytest.mark.parametrize("objectives", [["accuracy"], []])
def test_one_objective_is_refused_where_it_was_named(objectives):
    with pytest.raises(InvalidValue, match="at least two objectives"):
        gymnasium.make("nasgym/mo-Digits-v0", objectives=objectives)


def test_a_problem_is_asked_for_without_mo():
    with pytest.raises(UnknownName, match="is 'nasgym/Digits-v0'"):
        make_problem("nasgym/mo-Digits-v0")
