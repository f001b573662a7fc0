"""Targets of an episode, exact answers of an environment, and what does not go together."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.envs import episodes
from nasgym.envs.env import NASEnv
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.problems.problem import Problem
from nasgym.rewards import Constrained, MnasNetSoft, make_rule
from tests.tiny import tiny_ledger, tiny_problem

DIGITS = "nasgym/Digits-v0"


def play(env, options=None, seed=None, choose=np.argmax):
    """One episode of unmasked actions; observations, masks, the last reward and info."""
    seen, info = env.reset(seed=seed, options=options)
    observations, masks, terminated = [seen], [info["action_mask"]], False
    while not terminated:
        seen, reward, terminated, _, info = env.step(np.int64(choose(info["action_mask"])))
        observations.append(seen)
        masks.append(info["action_mask"])
    return observations, masks, reward, info


def last(mask):
    return np.flatnonzero(mask)[-1]


# ---- targets of an episode ---------------------------------------------------------------------


@pytest.mark.parametrize("mask", ["legal", "feasible"])
@pytest.mark.parametrize("shaping", [None, "potential"])
@pytest.mark.parametrize("rule", ["constrained", "mnasnet-soft", "cost-bucket"])
def test_an_episodes_target_is_that_of_a_problem_made_with_it(rule, shaping, mask):
    problem = tiny_problem(rule=make_rule(rule), target=20.0)
    env = NASEnv(problem, mask=mask, shaping=shaping)
    for target in (4.0, 11.5, 30.0):
        other = NASEnv(tiny_problem(rule=make_rule(rule), target=target), mask=mask, shaping=shaping)
        for choose in (np.argmax, last):
            own, wanted = play(env, {"target": target}, choose=choose), play(other, choose=choose)
            for one, two in zip(own[:2], wanted[:2], strict=True):
                np.testing.assert_array_equal(one, two)
            assert own[2] == wanted[2]
            assert own[3].pop("target") == target
            assert wanted[3].pop("regret") >= 0
            for info in (own[3], wanted[3]):
                info.pop("action_mask")
            assert own[3] == wanted[3]
    first, again = play(env), play(NASEnv(problem, mask=mask, shaping=shaping))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert first[2] == again[2]
    assert first[3]["regret"] == again[3]["regret"]
    assert "target" not in first[3]


def test_an_illegal_action_pays_by_the_episodes_target():
    problem = tiny_problem(rule=make_rule({"rule": "absolute", "beta": -1.0}), target=20.0)
    env = NASEnv(problem)
    rewards = []
    for target in (None, 2.0):
        env.reset(options=target and {"target": target})
        rewards.append(env.step(99)[1])
    assert rewards == [problem.invalid_reward, problem.at(2.0).invalid_reward]
    assert rewards[0] != rewards[1]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_an_automatic_reset_goes_back_to_the_problems_target(mode):
    problem = tiny_problem(rule=MnasNetSoft(), target=20.0)
    env = NASVectorEnv(problem, 3, observation="dict", mask="feasible", autoreset_mode=mode)
    targets = np.array([5.0, 9.0, 30.0])
    start = np.array([np.log(target / 18.5) for target in (*targets, 20.0)])
    seen, _ = env.reset(options={"target": targets})
    np.testing.assert_allclose(seen["cost"][:, 1], start[:3], rtol=1e-6)
    for _ in range(5):
        before = env.action_masks()
        _, rewards, terminated, _, info = env.step(before.argmax(axis=1))
    assert terminated.all()
    final = info["final_info"] if mode == "SameStep" else info
    np.testing.assert_array_equal(final["target"], targets)
    assert "regret" not in final
    for i, text in enumerate(final["arch"]):
        ev = problem.at(targets[i]).evaluate(problem.space.from_str(text))
        assert (rewards[i], final["feasible"][i]) == (ev.reward[0], ev.feasible[0]) == (rewards[i], True)
    if mode == "Disabled":
        seen, _ = env.reset(options={"reset_mask": np.ones(3, dtype=bool)})
    elif mode == "NextStep":
        seen, rewards, _, _, _ = env.step(np.zeros(3, dtype=np.int64))
        assert (rewards == 0).all()
    else:
        seen = env.step(env.action_masks().argmax(axis=1))[0]
    np.testing.assert_allclose(seen["cost"][:, 1], start[3], rtol=1e-6)
    while True:
        _, _, terminated, _, info = env.step(env.action_masks().argmax(axis=1))
        if terminated.any():
            break
    final = info["final_info"] if mode == "SameStep" else info
    assert "target" not in final
    assert (final["regret"] >= 0).all()


def test_some_rows_have_a_target_of_their_own():
    env = NASVectorEnv(tiny_problem(rule=Constrained(), target=20.0), 3, autoreset_mode="Disabled")
    env.reset()
    for _ in range(5):
        env.step(env.action_masks().argmax(axis=1))
    env.reset(options={"reset_mask": np.array([True, False, True]), "target": 9.0})
    env.reset(options={"reset_mask": np.array([False, True, True])})
    for _ in range(5):
        info = env.step(env.action_masks().argmax(axis=1))[4]
    assert info["_target"].tolist() == [True, False, False]
    assert info["_regret"].tolist() == [False, True, True]
    assert info["target"][0] == 9.0


@pytest.mark.parametrize("given", [9, np.int32(9), np.float32(9), np.array(9.0), [9.0], np.array([9])])
def test_every_kind_of_number_is_a_target(given):
    assert play(NASEnv(tiny_problem(target=20.0)), {"target": given})[3]["target"] == 9.0


def test_options_are_left_as_they_are():
    env, options = NASVectorEnv(tiny_problem(target=20.0), 2), {"target": np.array([9.0, 12.0])}
    env.reset(options=options)
    assert list(options) == ["target"]
    options["target"][:] = 1.0
    for _ in range(5):
        info = env.step(env.action_masks().argmax(axis=1))[4]
    np.testing.assert_array_equal(info["target"], [9.0, 12.0])
    env.reset(options={"target": None})
    assert "_target" not in env.step([0, 0])[4]


# ---- ranges of targets -------------------------------------------------------------------------


def drawn(env, episodes, seed):
    targets = []
    for episode in range(episodes):
        targets.append(play(env, seed=seed if episode == 0 else None)[3]["target"])
    return targets


def test_drawn_targets_lie_within_their_range_and_follow_the_seed():
    env, twin = (gymnasium.make(DIGITS, target=[2e4, 6e4], observation="tokens").unwrapped for _ in range(2))
    targets = drawn(env, 40, seed=1)
    assert all(2e4 <= target <= 6e4 for target in targets)
    assert len(set(targets)) == 40
    assert min(targets) < 2.6e4 < 5.4e4 < max(targets)
    assert targets == drawn(twin, 40, seed=1)
    assert targets != drawn(twin, 40, seed=2)


def test_rows_draw_what_scalar_environments_with_their_seeds_draw():
    native = NASVectorEnv(DIGITS, 3, target=[2e4, 6e4], observation="tokens", autoreset_mode="SameStep")
    scalars = [NASEnv(DIGITS, target=[2e4, 6e4], observation="tokens") for _ in range(3)]
    wanted = np.array([drawn(env, 3, seed=7 + i) for i, env in enumerate(scalars)])
    _, info = native.reset(seed=7)
    for episode in range(3):
        while True:
            _, _, terminated, _, info = native.step(info["action_mask"].argmax(axis=1))
            if terminated.any():
                break
        np.testing.assert_array_equal(info["final_info"]["target"], wanted[:, episode])


def test_ends_of_a_range_are_targets_like_any_other():
    fractions = [{"fraction": 0.2, "of": "max"}, {"fraction": 0.5, "of": "range"}]
    env = NASEnv(DIGITS, target=fractions, observation="tokens")
    scale = env.problem.scale
    assert env._core.target_range.low == 0.2 * scale.largest
    assert env._core.target_range.high == scale.least + 0.5 * (scale.largest - scale.least)
    assert env.problem.constraint.upper == env._core.target_range.high
    one = NASEnv(DIGITS, target=(6e4, 6e4), observation="tokens")
    assert drawn(one, 3, seed=0) == [6e4] * 3


def test_a_given_target_takes_the_place_of_a_drawn_one():
    env = NASEnv(DIGITS, target=[2e4, 6e4], observation="tokens")
    assert play(env, {"target": 1.3e5})[3]["target"] == 1.3e5
    assert 2e4 <= play(env)[3]["target"] <= 6e4


@pytest.mark.parametrize("make", [NASEnv, NASVectorEnv])
@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"target": [2e4]}, r"range, \[low, high\]; got \[20000.0\]"),
        ({"target": [2e4, 6e4, 7e4]}, "one target, or the least and the largest"),
        ({"target": []}, "one target, or the least and the largest"),
        ({"target": [6e4, 2e4]}, "from the least to the largest"),
        ({"target": [None, 6e4], "reward": "accuracy"}, "from the least to the largest"),
        ({"target": [2e4, None], "reward": "accuracy"}, "from the least to the largest"),
        ({"target": [2e4, "6e4"]}, "target is a number"),
        ({"target": [1000.0, 6e4]}, "below the cheapest architecture of 'digits'"),
        ({"target": [-1.0, 6e4]}, "positive number"),
        ({"target": [2e4, float("nan")]}, "positive number"),
        ({"target": [2e4, 6e4], "lower": 3e4}, "lies below the lower limit"),
        ({"target": [2e4, 6e4], "lower": 1e4, "mask": "feasible"}, "with mask='feasible' and lower=, the target cannot change"),
        ({"target": [2e4, 6e4], "budget": 10}, "a range of targets has no budget"),
        ({"target": [2e4, 6e4], "shaping": {"potential": "value"}}, "the problem's own target only; use 'cost'"),
        ({"mask": "feasible", "reward": "accuracy"}, "mask='feasible' needs a constraint; give target="),
    ],
)
def test_ranges_are_checked(make, keywords, says):
    with pytest.raises(InvalidValue, match=says):
        make(DIGITS, **keywords)


def assert_refused(evaluator, target, says, error=InvalidValue, **options):
    """Both environments refuse a target with one sentence, and go on as if it were not asked."""
    for env in (NASEnv(evaluator, **options), NASVectorEnv(evaluator, 2, **options)):
        env.reset(seed=3)
        with pytest.raises(error, match=says) as caught:
            env.reset(seed=4, options={"target": target})
        assert "\n" not in str(caught.value)
        env.step(0 if isinstance(env, NASEnv) else [0, 0])


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (0.5, "target 0.5 lies below the cheapest architecture of 'tiny', which costs 1 latency_ms@phone"),
        (-3.0, "positive number of latency_ms@phone, got -3.0"),
        (float("inf"), "positive number"),
        (float("nan"), "positive number"),
        ("9", "option target is a number.* in the unit of latency_ms@phone; got '9'"),
        (True, "option target is a number"),
        ([1.0, 2.0, 3.0], "option target is a number"),
        ({"fraction": 0.5}, "option target is a number"),
        ([[9.0, 9.0]], "option target is a number"),
        ([9.0, None], "option target is a number"),
    ],
)
def test_targets_are_checked(target, says):
    assert_refused(tiny_problem(target=20.0), target, says)


def test_a_row_of_targets_is_for_a_vector():
    with pytest.raises(InvalidValue, match=r"a number, in the unit of latency_ms@phone; got \[9.0, 12.0\]"):
        NASEnv(tiny_problem(target=20.0)).reset(options={"target": [9.0, 12.0]})
    with pytest.raises(InvalidValue, match="a number or an array of 3, in the unit"):
        NASVectorEnv(tiny_problem(target=20.0), 3).reset(options={"target": [9.0, 12.0]})


@pytest.mark.parametrize("what", [3, None, NASEnv("nasgym/Digits-v0"), tiny_problem().accuracy])
def test_what_cannot_be_played(what):
    for kind in (NASEnv, NASVectorEnv):
        with pytest.raises(InvalidValue, match="is an environment id, a Problem or a Ledger"):
            kind(what)


def test_what_targets_do_not_go_with():
    aimed = tiny_problem(rule=Constrained(), target=20.0)
    assert_refused(tiny_problem(), 9.0, "no target that another could replace; make it with target=")
    assert_refused(tiny_problem(lower=5.0), 9.0, "no target that another could replace")
    assert_refused(Ledger(aimed, 10), 9.0, "with a budget the target cannot change, because rewards are compared")
    assert_refused(aimed, 9.0, "leave out budget=", budget=Budget("total", 10))
    assert_refused(tiny_problem(target=20.0, lower=5.0), 9.0, "with mask='feasible' and lower=", mask="feasible")
    assert_refused(tiny_problem(target=20.0, lower=5.0), 4.0, "target 4 lies below the lower limit 5")
    assert_refused(aimed, 9.0, "the problem's own target only", shaping={"potential": "value"})
    bare = Problem(aimed.space, aimed.accuracy, [], tiny_problem().rule)
    assert_refused(bare, 9.0, "no target that another could replace")


def test_a_lower_limit_stays_where_the_target_changes():
    problem = tiny_problem(rule=Constrained(), target=20.0, lower=5.0)
    env = NASEnv(problem)
    for choose in (np.argmax, last):
        info = play(env, {"target": 8.0}, choose=choose)[3]
        assert info["feasible"] == (5 <= info["latency_ms@phone"] <= 8)


@pytest.mark.parametrize("option", ["targets", "reset_mask", "start"])
def test_other_options_are_named(option):
    with pytest.raises(UnknownName, match=rf"unknown option of reset\(\) '{option}'\..*Known: target\."):
        NASEnv(tiny_problem()).reset(options={option: 1})


# ---- optimal actions, regret -------------------------------------------------------------------


def follow(env, asked, options=None, target=None):
    """Checks every state that optimal actions lead to.

    They reach the best that masks allow, and no other legal action does.
    """
    ev = asked.everything
    fits = ev.feasible if env._observer.feasibility is not None else np.ones(len(ev), dtype=bool)
    best = ev.reward[fits].max()
    ends = set()

    def value(actions):
        """The best reward after some actions, by playing on in all ways."""
        env.reset(options=options)
        for action in actions:
            _, reward, terminated, _, _ = env.step(np.int64(action))
        if actions and terminated:
            return reward
        return max(value((*actions, action)) for action in np.flatnonzero(env.action_masks()))

    def walk(actions):
        env.reset(options=options)
        for action in actions:
            _, reward, terminated, _, info = env.step(np.int64(action))
        if actions and terminated:
            assert reward == best
            if "regret" in info and env._observer.feasibility is None:
                assert info["regret"] == 0
            ends.add(info["arch"])
            np.testing.assert_array_equal(env.optimal_actions(), np.arange(env.action_space.n) == 0)
            return
        legal, optimal = env.action_masks(), env.optimal_actions()
        assert optimal.dtype == bool
        assert optimal.any()
        assert not (optimal & ~legal).any()
        for action in np.flatnonzero(legal):
            if optimal[action]:
                walk((*actions, action))
            else:
                assert value((*actions, action)) < best

    walk(())
    archs = asked.space.enumerate()[fits & (ev.reward == best)]
    assert ends == set(asked.space.to_str(archs))


@pytest.mark.parametrize("granularity", ["decision", "layer"])
@pytest.mark.parametrize("mask", ["legal", "feasible"])
@pytest.mark.parametrize("rule", ["accuracy", "constrained", "mnasnet-soft"])
def test_optimal_actions_lead_to_the_optimum_and_no_others_do(rule, mask, granularity):
    problem = tiny_problem(rule=make_rule(rule), target=12.0)
    env = NASEnv(problem, mask=mask, granularity=granularity)
    follow(env, problem)
    for target in (3.0, 30.0):
        follow(env, problem.at(target), {"target": target})
    if mask == "legal":
        assert problem.everything.reward.max() == problem.optimum().reward


def test_ties_are_all_optimal():
    problem = tiny_problem(restrict={"b.width": [8]})
    problem.everything.reward[:] = np.round(problem.everything.reward)
    env = NASEnv(problem, granularity="layer")
    env.reset()
    tied = problem.optimum().archs
    assert len(tied) > 1
    np.testing.assert_array_equal(
        np.flatnonzero(env.optimal_actions()), np.unique(env._observer.steps.whole.to_options(tied)[:, 0])
    )


def test_optimal_actions_of_limits_below():
    problem = tiny_problem(target=20.0, lower=10.0)
    follow(NASEnv(problem, mask="feasible"), problem)
    only = tiny_problem(lower=30.0)
    follow(NASEnv(only, mask="feasible"), only)
    follow(NASEnv(only), only)


@pytest.mark.parametrize("tabled", [True, False], ids=["tabled", "computed"])
@pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)
def test_optimal_actions_of_rows_are_those_of_scalars(mode, tabled, monkeypatch):
    if not tabled:
        monkeypatch.setattr(episodes, "TABLE_BYTES", 0)
    problem = tiny_problem(rule=MnasNetSoft(), target=12.0)
    options = {"mask": "feasible"}
    native, scalars = NASVectorEnv(problem, 4, autoreset_mode=mode, **options), [NASEnv(problem, **options) for _ in range(4)]
    targets = np.array([3.0, 12.0, 3.0, 30.0])
    native.reset(options={"target": targets})
    for env, target in zip(scalars, targets, strict=True):
        env.reset(options={"target": target})
    rng = np.random.default_rng(0)
    for _ in range(5):
        optimal = native.optimal_actions()
        assert optimal.dtype == bool
        np.testing.assert_array_equal(optimal, [env.optimal_actions() for env in scalars])
        wild = rng.random(4) < 0.1  # rows that end early stand still, or start again with the problem's target
        actions = np.where(wild, 99, optimal.argmax(axis=1))
        _, _, terminated, _, _ = native.step(actions)
        for i, (env, action) in enumerate(zip(scalars, actions, strict=True)):
            if env.step(action)[2] and mode is AutoresetMode.SAME_STEP:
                env.reset()
            elif terminated[i] and not terminated.all():
                return


def test_digits_is_solved_by_its_optimal_actions():
    for options in ({}, {"granularity": "layer"}, {"mask": "feasible", "reward": "accuracy", "target": 6e4}):
        env = NASVectorEnv(DIGITS, 8, observation="tokens", autoreset_mode="SameStep", **options)
        problem, rng = env.problem, np.random.default_rng(0)
        env.reset()
        while True:
            best = env.optimal_actions()
            _, rewards, terminated, _, info = env.step((rng.random(best.shape) * best).argmax(axis=1))
            if terminated.any():
                break
        ev = problem.everything
        assert (rewards == ev.reward[ev.feasible].max()).all()
        assert info["final_info"]["feasible"].all()


@pytest.mark.parametrize("env", [NASEnv, NASVectorEnv])
def test_exact_answers_are_refused_under_a_budget(env):
    for made in (env(tiny_ledger()), env(DIGITS, budget=5)):
        made.reset()
        with pytest.raises(InvalidValue, match=r"with a budget every evaluation is counted.*leave out budget="):
            made.optimal_actions()
    live = tiny_problem()
    live.accuracy.deterministic = False
    made = env(live)
    made.reset()
    with pytest.raises(InvalidValue, match="use a table"):
        made.optimal_actions()


@pytest.mark.parametrize("seed", ["mean", "sampled", 0])
@pytest.mark.parametrize("granularity", ["decision", "layer"])
def test_regret_is_what_the_mean_lacks(seed, granularity):
    problem = tiny_problem(rule=MnasNetSoft(), target=12.0, seed=seed)
    env, optimum = NASEnv(problem, granularity=granularity), problem.optimum()
    rng = np.random.default_rng(0)
    for _ in range(30):
        info = play(env, choose=lambda mask: rng.choice(np.flatnonzero(mask)))[3]
        row = problem.space.index_of(problem.space.from_str(info["arch"]))
        assert info["regret"] == optimum.reward - problem.everything.reward[row[0]] >= 0
        assert isinstance(info["regret"], float)
    env.reset()
    assert "regret" not in env.step(99)[4]


def test_regret_needs_exact_answers_and_one_question():
    problem = tiny_problem(rule=MnasNetSoft(), target=12.0)
    assert "regret" in play(NASEnv(problem))[3]
    assert "regret" not in play(NASEnv(problem), {"target": 12.0})[3]
    assert "regret" not in play(NASEnv(DIGITS, target=[2e4, 6e4]))[3]
    assert "regret" not in play(NASEnv(Ledger(problem, 5)))[3]
    live = tiny_problem(rule=MnasNetSoft(), target=12.0)
    live.accuracy.complete = False
    assert "regret" not in play(NASEnv(live))[3]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_drawn_questions_have_optimal_actions(seed):
    target = float(np.random.default_rng(seed).uniform(1, 40))
    problem = tiny_problem(rule=Constrained(), target=12.0)
    env = NASEnv(problem, granularity="layer")
    env.reset(options={"target": target})
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(env.optimal_actions().argmax())
    assert (reward, info["target"]) == (problem.at(target).optimum().reward, target)


def test_no_numpy_warnings_far_beyond_the_range():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rule in ("mnasnet-soft", "weighted-sum", "constrained", "cost-bucket"):
            env = NASEnv(tiny_problem(rule=make_rule(rule), target=20.0), shaping="potential", mask="feasible")
            observations, _, reward, _ = play(env, {"target": 1e300})
            assert np.isfinite(reward)
            assert all(env.observation_space.contains(seen) for seen in observations)
