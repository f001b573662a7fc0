"""Shaping leaves the optimal policy as it is: solved by stepping through every state."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.envs.env import NASEnv
from nasgym.envs.potential import Potential
from nasgym.errors import InvalidValue, UnknownName
from nasgym.registry import RULES
from nasgym.rewards import make_rule
from tests.tiny import completions_of, tiny_ledger, tiny_problem

COSTLY = [name for name in RULES.builtin if RULES.load(name).needs_target]


def replay(env, actions, target=None):
    """Steps to a state; its reward and whether it ended the episode, (0, False) at the start."""
    env.reset(options=None if target is None else {"target": target})
    reward, terminated = 0.0, False
    for action in actions:
        _, reward, terminated, _, _ = env.step(np.int64(action))
    return reward, terminated


def solve(env, gamma, target=None):
    """Backward induction: ``{state: (every action's value)}``; a state is the actions before it.

    The actions before a state are legal. Every action is tried in every state, illegal ones too;
    all rewards are those that the environment pays.
    """
    values = {}

    def value(state):
        replay(env, state, target)
        legal = env.action_masks()
        found = []
        for action in range(-1, len(legal) + 1):
            reward, terminated = replay(env, (*state, action), target)
            exists = 0 <= action < len(legal)
            assert terminated or (exists and legal[action])
            found.append(reward if terminated else reward + gamma * value((*state, action)))
        values[state] = np.array(found)
        return values[state].max()

    value(())
    return values


def optimal(values):
    return {state: frozenset(np.flatnonzero(q >= q.max() - 1e-9).tolist()) for state, q in values.items()}


def assert_invariant(make, kind, gamma, target=None):
    """The values of the shaped problem are those of the plain one minus a potential.

    So the best actions are the same.
    """
    plain = solve(make(), gamma, target)
    env = make(shaping={"potential": kind, "gamma": gamma})
    shaped = solve(env, gamma, target)
    assert optimal(shaped) == optimal(plain)
    for state, q in plain.items():
        replay(env, state, target)
        np.testing.assert_allclose(shaped[state] - q, -env._potential, rtol=0, atol=1e-9)
    moved = [state for state in plain if np.abs(shaped[state] - plain[state]).max() > 0]
    assert moved, "nothing was shaped"
    return plain


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("kind", ["cost", "value"])
@pytest.mark.parametrize("rule", ["constrained", "mnasnet-soft", "weighted-sum"])
def test_the_optimal_policy_of_a_small_problem_stays(rule, kind, gamma):
    problem = tiny_problem(rule=make_rule(rule), target=12.0, restrict={"b.width": [8, 24], "c.op": ["pool", "conv"]})
    values = assert_invariant(lambda **options: NASEnv(problem, observation="tokens", **options), kind, gamma)
    ends = sum(len(state) == 4 for state in values)
    assert ends >= 12  # states in which the last decision is made
    last = problem.space.num_decisions - 1
    best = max(q.max() for state, q in values.items() if len(state) == last)
    assert values[()].max() == pytest.approx(gamma**last * best)
    assert best == problem.optimum().reward


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("kind", ["cost", "value"])
def test_the_optimal_policy_of_digits_stays(kind, gamma):
    narrow = {"layer[3-5].op": ["skip"], "*.kernel": [3], "*.expansion": [3]}

    def make(**options):
        return NASEnv("nasgym/Digits-v0", observation="tokens", restrict=narrow, **options)

    assert make().problem.space.size == 4
    assert_invariant(make, kind, gamma)


def test_the_optimal_policy_of_whole_layers_within_a_target_stays():
    problem = tiny_problem(rule=make_rule("mnasnet-hard"), target=12.0)

    def make(**options):
        return NASEnv(problem, observation="tokens", granularity="layer", mask="feasible", **options)

    assert_invariant(make, "cost", 0.9)
    assert_invariant(make, "value", 1.0)
    assert_invariant(make, "cost", 1.0, target=5.0)


# ---- sums --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [None, 7.0])
@pytest.mark.parametrize("rule", COSTLY)
def test_the_rewards_of_an_episode_sum_up_to_the_rules(rule, target):
    problem = tiny_problem(rule=make_rule(rule), target=12.0)
    env = NASEnv(problem, shaping="potential")
    asked = problem if target is None else problem.at(target)
    # nothing is decided: a perfect network at the least cost of all, 1
    start = float(asked.judge(np.ones(1), np.ones(1))[0][0])
    rng = np.random.default_rng(0)
    for episode in range(40):
        _, info = env.reset(options={} if target is None else {"target": target})
        total, terminated = 0.0, False
        while not terminated:
            wild = episode % 4 == 0 and rng.random() < 0.3
            action = 99 if wild else rng.choice(np.flatnonzero(info["action_mask"]))
            _, reward, terminated, _, info = env.step(action)
            total += reward
        if "arch" in info:
            ev = asked.evaluate(problem.space.from_str(info["arch"]))
            assert info["rule_reward"] == ev.reward[0]
            assert total == pytest.approx(ev.reward[0] - start, abs=1e-12)
        else:
            assert "rule_reward" not in info
            assert total == pytest.approx(asked.invalid_reward - start, abs=1e-12)


def test_a_discounted_sum():
    """The first step is not discounted: what Phi(start) is worth there is what an episode lacks."""
    problem = tiny_problem(rule=make_rule("constrained"), target=12.0)
    env = NASEnv(problem, shaping={"potential": "value", "gamma": 0.9})
    for arch in problem.space.enumerate()[::5]:
        env.reset()
        rewards = [env.step(choice)[1] for choice in arch]
        wanted = 0.9**4 * problem.evaluate(arch[None]).reward[0] - problem.optimum().reward
        assert sum(0.9**i * reward for i, reward in enumerate(rewards)) == pytest.approx(wanted, abs=1e-12)


def test_potentials_by_hand():
    problem = tiny_problem(rule=make_rule("constrained"), target=12.0)
    cost, value = (Potential.of(problem, {"potential": kind}) for kind in ("cost", "value"))
    latency, rewards = problem.everything.costs["latency_ms@phone"], problem.everything.reward
    prefixes = np.array([[-1] * 5, [1, 1, -1, -1, -1], [0, 0, 2, 2, -1]], dtype=np.int8)
    completions = [completions_of(problem.space, prefix) for prefix in prefixes]
    least = np.array([latency[rows].min() for rows in completions])
    np.testing.assert_allclose(cost.of_prefixes(prefixes), np.where(least <= 12, 1, 12 / least - 1))
    np.testing.assert_array_equal(value.of_prefixes(prefixes), [rewards[rows].max() for rows in completions])
    assert Potential.of(problem, None) is None
    assert Potential.of(problem, "potential") == Potential(problem, "cost", 1.0)


# ---- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shaping", "error", "says"),
    [
        ("potentail", UnknownName, "Did you mean 'potential'"),
        (3, UnknownName, "unknown shaping 3"),
        ({"potential": "costs"}, UnknownName, "Did you mean 'cost'"),
        ({"potential": "cost", "gama": 1.0}, UnknownName, "Did you mean 'gamma'"),
        *[({"gamma": gamma}, InvalidValue, "above 0 and at most 1") for gamma in (0, 1.5, -1, True, "1", None, float("nan"))],
    ],
)
def test_errors_teach(shaping, error, says):
    with pytest.raises(error, match=says):
        NASEnv(tiny_problem(rule=make_rule("constrained"), target=12.0), shaping=shaping)


def test_what_shaping_does_not_go_with():
    with pytest.raises(InvalidValue, match="does not know the cost, so the cost cannot shape it"):
        NASEnv(tiny_problem(target=12.0), shaping="potential")
    with pytest.raises(InvalidValue, match="rewards are not shaped; leave out budget="):
        NASEnv(tiny_ledger(), shaping="potential")
    with pytest.raises(InvalidValue, match="leave out budget="):
        NASEnv("nasgym/Digits-v0", budget=5, shaping={"potential": "value"})
    problem = tiny_problem(rule=make_rule("constrained"), target=12.0)
    env = NASEnv(problem, shaping={"potential": "value"})
    with pytest.raises(InvalidValue, match="the problem's own target only; use 'cost' with others"):
        env.reset(options={"target": 9.0})
    live = tiny_problem(rule=make_rule("constrained"), target=12.0)
    live.accuracy.deterministic = False
    with pytest.raises(InvalidValue, match="use a table"):
        NASEnv(live, shaping={"potential": "value"})
