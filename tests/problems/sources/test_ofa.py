"""``nasgym/OFA-v0``: checkers, the vector environment against the loop, agents, refusals."""

import json
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import nasgym
from nasgym.agents import make_agent
from nasgym.devices import find_device, write_device
from nasgym.devices.device_folder import device_path
from nasgym.errors import MissingData, NasgymError, UnknownName
from nasgym.oracles.accuracy.surrogate import SurrogateOracle
from nasgym.oracles.cost.counted import MEASURES
from nasgym.oracles.cost.lookup import LookupCost
from tests.envs import play_objectives
from tests.envs.play import MODES, OBSERVATIONS, play_evaluator

ENV = "nasgym/OFA-v0"
OPTIONS = [
    {},
    {"target": 15.0, "mask": "feasible", "reward": "mnasnet-soft"},
    {"granularity": "layer", "target": [15.0, 40.0], "mask": "feasible"},
    {"shaping": "potential", "reward": "absolute"},
    {"restrict": {"*.depth": [2], "resolution": [160, 224]}, "reward": "cost-bucket"},
    {"budget": 1000},
]
# few enough networks for exact answers
SMALL = {"*.depth": [2], "*.expansion": [4], "resolution": [160, 224], "stage[1234].*.kernel": [3]}


@pytest.fixture(autouse=True)
def _data(imported):
    imported("ofa")


def test_the_defaults():
    problem = nasgym.make_problem(ENV)
    assert isinstance(problem.accuracy, SurrogateOracle)
    assert isinstance(problem.cost_oracles["latency_ms"], LookupCost)
    assert (problem.rule.name, problem.constraint.upper, problem.search_metric) == ("constrained", 25.0, "validation")
    least, largest = problem.cost_bounds(np.full((1, 46), -1, dtype=np.int8))
    assert (least[0], largest[0]) == pytest.approx((9.890346512, 92.398037995))
    assert not problem.has_exact_answers
    ev = problem.evaluate(problem.space.default[None])
    assert ev.accuracy[0] == pytest.approx(0.835927784, abs=1e-6)
    assert not ev.feasible[0]
    assert ev.reward[0] == pytest.approx(25.0 / ev.costs["latency_ms"][0] - 1.0)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_checkers(options):
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    for observation in OBSERVATIONS:
        env = gymnasium.make(ENV, disable_env_checker=True, observation=observation, **options).unwrapped
        check_env(env)
        sb3.check_env(env)
        env.close()


def test_the_spec_rebuilds_the_environment():
    env = gymnasium.make(ENV, target=20.0, device="note10")
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.problem.fingerprint == env.unwrapped.problem.fingerprint
    json.dumps(env.unwrapped.problem.describe())


def play_seeds(mode, seeds):
    """Scalar and vector environment side by side, the options in turn."""
    playable = [options for options in OPTIONS if "budget" not in options]
    for turn, options in enumerate(playable):
        mine = [seed for seed in seeds if seed % len(playable) == turn]
        play_evaluator(ENV, mode, mine, episodes=1, observation=OBSERVATIONS[turn % 3], **options)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_the_vector_environment_equals_the_loop(mode):
    play_seeds(mode, range(10 * MODES.index(mode), 10 * MODES.index(mode) + 10))


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_a_thousand_seeds_equal_the_loop(mode):
    play_seeds(mode, range(MODES.index(mode), 1000, len(MODES)))


def test_feasible_masks_end_feasible():
    envs = gymnasium.make_vec(ENV, 32, mask="feasible", target=11.0)
    _, info = envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(46):
        mask = info["action_mask"]
        _, _, terminated, _, info = envs.step((rng.random(mask.shape) * mask).argmax(axis=1))
    assert terminated.all()
    assert info["feasible"].all()
    assert (info["latency_ms"] <= 11.0).all()


def play_several(seeds):
    for i, mode in enumerate(MODES):
        native, loop = play_objectives.both(ENV, mode, number=2)
        for seed in seeds[i :: len(MODES)]:
            play_objectives.play(native, loop, seed, (0.0, 0.1)[seed % 2], native.num_steps + 2)


def test_several_objectives_equal_the_loop():
    play_several(range(20))


@pytest.mark.long
def test_several_objectives_equal_the_loop_for_a_thousand_seeds():
    play_several(range(1000))


def test_the_checker_of_several_objectives():
    env = gymnasium.make("nasgym/mo-OFA-v0").unwrapped
    with pytest.warns(UserWarning, match="The reward returned by"):  # the checker knows rewards of one number only
        check_env(env, skip_render_check=True)


def test_several_objectives():
    env = gymnasium.make("nasgym/mo-OFA-v0")
    _, info = env.reset(seed=0)
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(int(np.flatnonzero(info["action_mask"])[-1]))
    assert reward == pytest.approx([0.835927784, -1.0], abs=1e-6)


@pytest.mark.parametrize("agent", ["random", "regularized-evolution", "nsga2", "layernas", "local-search"])
def test_agents(agent):
    problem = nasgym.make_problem(ENV)
    result = make_agent(agent).search(problem, budget=120, seed=0)
    assert len(result.history) == 120
    assert result.best_costs["latency_ms"] <= 25.0
    assert result.best_reward > 0.75


def test_restrictions_have_exact_answers():
    problem = nasgym.make_problem(ENV, restrict=SMALL, target=15.0)
    assert problem.has_exact_answers
    best = problem.optimum()
    everything = problem.everything
    assert best.reward == everything.reward[everything.feasible].max()
    assert best.costs["latency_ms"] <= 15.0
    result = make_agent("random").search(problem, budget=20, seed=0)
    assert result.best_reward <= best.reward


@pytest.mark.parametrize("cost", MEASURES)
def test_counted_costs(cost):
    problem = nasgym.make_problem(ENV, cost=cost, extra_costs=["latency_ms"])
    least, largest = problem.cost_bounds(np.full((1, 46), -1, dtype=np.int8))
    # the id's own target is in milliseconds
    assert problem.constraint.upper == (least[0] + largest[0]) / 2
    assert nasgym.make_problem(ENV, cost="latency_ms").constraint.upper == 25.0
    assert list(problem.cost_oracles) == [cost, "latency_ms"]
    found = problem.evaluate(problem.space.default[None])
    assert (found.costs[cost][0], found.costs["latency_ms"][0]) == pytest.approx((largest[0], 92.398037995))
    result = make_agent("random").search(problem, budget=30, seed=0)
    assert result.best_costs[cost] <= problem.constraint.upper


def test_counted_costs_in_masks_and_exact_answers():
    env = gymnasium.make(ENV, cost="peak_memory_kb", mask="feasible", target={"fraction": 0.1, "of": "range"})
    _, info = env.reset(seed=0)
    rng, terminated = np.random.default_rng(0), False
    while not terminated:
        _, _, terminated, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
    assert info["feasible"]
    problem = nasgym.make_problem(ENV, restrict=SMALL, cost="macs", target={"fraction": 0.3, "of": "range"})
    everything = problem.everything
    assert problem.optimum().reward == everything.reward[everything.feasible].max()
    assert not everything.feasible.all()


def test_another_device(tmp_path, monkeypatch):
    from nasgym.surrogates.perceptron import find_predictor, predictor_path, write_predictor

    phone, predictor = find_device("ofa", "note10"), find_predictor()
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    with pytest.raises(MissingData, match=r"predictor 'ofa' .* `nasgym data import ofa PATH`"):
        nasgym.make_problem(ENV)
    write_predictor(predictor, predictor_path())
    with pytest.raises(MissingData, match=r"device 'note10' .* `nasgym data import ofa PATH`"):
        gymnasium.make(ENV)
    from dataclasses import replace

    slow = {block: replace(latency, latency_ms=2 * latency.latency_ms) for block, latency in phone.latencies.items()}
    write_device(phone, device_path("ofa", "note10"))
    write_device(replace(phone, name="slow", latencies=slow), device_path("ofa", "slow"))
    problem = nasgym.make_problem(ENV, device="slow", extra_costs=["latency_ms@note10"], target=50.0)
    ev = problem.evaluate(problem.space.sample(np.random.default_rng(0), 5))
    assert ev.costs["latency_ms"] == pytest.approx(2 * ev.costs["latency_ms@note10"])
    assert problem.fingerprint != nasgym.make_problem(ENV, target=50.0).fingerprint


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"accuracy": "trained"}, "unknown accuracy oracle 'trained'.*predictor, table, surrogate, training"),
        ({"cost": "mac"}, "unknown cost 'mac'.*Did you mean 'macs'"),
        ({"cost": "energy_mj"}, "unknown cost 'energy_mj'.*latency_ms@note10, .*macs"),
        ({"cost": "macs", "device": "note1"}, "device 'note1' of space 'ofa' is not in "),
        ({"cost": "macs", "target": 25.0}, "target 25 lies below the cheapest architecture"),
        ({"device": "note1"}, "device 'note1' of space 'ofa' is not in .* There are: note10"),
        ({"seed": "sampled"}, "unknown training seed 'sampled'"),
        ({"fidelity": 12}, "unknown fidelity"),
        ({"dataset": "cifar10"}, "unknown dataset 'cifar10'.*imagenet"),
        ({"table": "digits"}, "give accuracy='table' or 'surrogate'"),
        ({"accuracy": "table", "table": "digits"}, "table 'digits' is not one of space 'ofa'"),
        ({"target": 9.0}, "lies below the cheapest architecture"),
    ],
)
def test_refusals(keywords, message):
    with pytest.raises(NasgymError, match=message) as caught:
        nasgym.make_problem(ENV, **keywords)
    assert not isinstance(caught.value, UnknownName) or "unknown" in str(caught.value)


def test_a_comparison_says_that_accuracies_are_predicted(tmp_path):
    """There are no test accuracies: no curve of them, and no noise ceiling."""
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    command = ["compare", ENV, "--agents", "random,local-search", "--budget", "15", "--seeds", "2", "--out", str(out)]
    done = subprocess.run([sys.executable, "-m", "nasgym", *command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "predicted by the Once-for-All accuracy predictor" in done.stdout
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "note10 (unknown, batch 1, unknown), 480 blocks" in page
    assert "trained on this machine" not in page
    assert "nan %" not in page
