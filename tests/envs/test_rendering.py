"""What both environments draw at every stage of an episode, and Gymnasium's checks of it."""

from __future__ import annotations

from xml.etree import ElementTree

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from nasgym.envs import episodes
from nasgym.envs.env import NASEnv
from nasgym.envs.mo_env import MONASEnv, MONASVectorEnv
from nasgym.envs.rendering import RENDER_MODES, check_render_mode
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import BudgetExhausted, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.problems.problem import Problem
from nasgym.rewards import Constrained
from tests.tiny import tiny_problem

ARCH = (1, 1, 2, 2, 0)
TEXT = "conv:5,24,conv:1"


def said(frame):
    """All words of a frame: of a text, or of an SVG document, which must be well formed."""
    if frame.startswith("<"):
        return " ".join(text for element in ElementTree.fromstring(frame).iter() for text in (element.text or "",))
    return frame


def aimed():
    return tiny_problem(rule=Constrained(), target=20.0)


def looks(frame, mode, *words):
    """The frame is of its mode, and says all of the words where it has any."""
    if mode == "rgb_array":
        assert (frame.dtype, frame.ndim, frame.shape[2]) == (np.uint8, 3, 3)
        assert len(np.unique(frame)) > 5
        return
    assert isinstance(frame, str)
    assert frame.startswith("<svg") == (mode == "svg")
    for word in words:
        assert word in said(frame), word


def stages(env, first, step):
    """Frames of an episode: start, after two decisions, the end.

    Then of one with an illegal action, and of one with a target.
    """
    frames = {}
    env.reset()
    frames["start"] = first(env.render())
    for i, choice in enumerate(ARCH):
        step(choice)
        if i == 1:
            frames["middle"] = first(env.render())
    frames["end"] = first(env.render())
    env.reset()
    frames["again"] = first(env.render())
    step(1)
    step(99)
    frames["illegal"] = first(env.render())
    env.reset(options={"target": 5.0})
    frames["aimed"] = first(env.render())
    for choice in ARCH:
        step(choice)
    frames["missed"] = first(env.render())
    return frames


def check_stages(frames, mode, problem):
    ev = problem.evaluate(np.array([ARCH]))
    looks(frames["start"], mode, "decision 1 of 5: a.op (skip or conv)", "1 to 36, target 20 (")
    looks(frames["middle"], mode, "decision 3 of 5: b.width (8, 16 or 24)", "conv:5,?,?")
    end = (TEXT, "complete: 5 of 5 decisions", f"accuracy {ev.accuracy[0]:.2%}", f"reward {ev.reward[0]:.4g}", " · feasible")
    looks(frames["end"], mode, *end, "regret")
    looks(frames["illegal"], mode, "ended after 1 of 5 decisions", "invalid action", f"reward {problem.invalid_reward:.4g}")
    looks(frames["aimed"], mode, "decision 1 of 5", "1 to 36, target 5 (")
    missed = problem.at(5.0).evaluate(np.array([ARCH])).reward[0]
    looks(frames["missed"], mode, TEXT, "not feasible", f"reward {missed:.4g}")
    if mode != "rgb_array":
        assert frames["again"] == frames["start"]
        assert "regret" not in said(frames["missed"])
        assert "feasible" not in said(frames["middle"])
        assert len({frames[name] for name in ("start", "middle", "end", "illegal", "aimed", "missed")}) == 6
    else:
        np.testing.assert_array_equal(frames["again"], frames["start"])
        assert len({frame.shape for frame in frames.values()}) == 1
        assert len({frame.tobytes() for frame in frames.values()}) == 6


@pytest.mark.parametrize("mode", RENDER_MODES)
def test_every_stage_of_a_scalar_environment(mode):
    problem = aimed()
    assert problem.evaluate(np.array([ARCH])).costs["latency_ms@phone"] == 13
    env = NASEnv(problem, render_mode=mode)
    check_stages(stages(env, lambda frame: frame, lambda choice: env.step(np.int64(choice))), mode, problem)


@pytest.mark.parametrize(("mode", "tabled"), [*((mode, True) for mode in RENDER_MODES), ("ansi", False)])
def test_every_stage_of_a_vector_environment(mode, tabled, monkeypatch):
    if not tabled:
        monkeypatch.setattr(episodes, "TABLE_BYTES", 0)
    problem = aimed()
    env = NASVectorEnv(problem, 2, render_mode=mode, autoreset_mode="Disabled")
    check_stages(stages(env, lambda frames: frames[0], lambda choice: env.step([choice, choice])), mode, problem)


def test_rows_are_drawn_as_scalar_environments_draw_them():
    env = NASVectorEnv(aimed(), 3, render_mode="ansi")
    scalars = [NASEnv(aimed(), render_mode="ansi") for _ in range(3)]
    for options in (None, {"target": 9.0}):
        env.reset(options=options)
        for scalar in scalars:
            scalar.reset(options=options)
        for actions in ((1, 0, 99), (1, 0, None), (2, 1, None), (2, 1, None), (1, 0, None)):
            assert env.render() == tuple(scalar.render() for scalar in scalars)
            env.step([99 if action is None else action for action in actions])
            for scalar, action in zip(scalars, actions, strict=True):
                if action is not None:
                    scalar.step(action)
            if actions[2] is None:
                scalars[2].reset()  # the step after the end starts again, the one after that ends the episode
                if "ended" in env.render()[2]:
                    scalars[2].step(99)
        assert [frame.splitlines()[0] for frame in env.render()[:2]] == ["conv:5,24,conv:3", "skip,16,pool"]


def test_a_partial_reset_leaves_the_other_results():
    env = NASVectorEnv(aimed(), 3, render_mode="ansi", autoreset_mode="Disabled")
    env.reset()
    env.step([99, 99, 1])
    env.reset(options={"reset_mask": np.array([True, False, False])})
    frames = env.render()
    assert "invalid action" in frames[1]
    assert "invalid action" not in frames[0]
    assert frames[2].startswith("conv:?")


def test_same_step_shows_what_has_started():
    env = NASVectorEnv(aimed(), 2, render_mode="ansi", autoreset_mode="SameStep")
    env.reset()
    start = env.render()
    env.step([99, 0])
    after = env.render()
    assert after[0] == start[0]
    assert after[1].startswith("skip")


def test_an_overspent_budget_leaves_a_frame_without_a_result():
    env = NASVectorEnv(Ledger(tiny_problem(), Budget("total", 1)), 2, render_mode="ansi")
    env.reset()
    with pytest.raises(BudgetExhausted):  # noqa: PT012 - the last step
        for choice in ARCH:
            env.step([choice, choice])
    assert all(frame.startswith(TEXT) and "reward" not in frame for frame in env.render())
    scalar = NASEnv(Ledger(tiny_problem(), Budget("total", 1)), render_mode="ansi")
    with pytest.raises(BudgetExhausted):  # noqa: PT012 - the second episode
        for _ in range(2):
            scalar.reset()
            for choice in ARCH:
                scalar.step(choice)
    assert "reward" not in scalar.render()


@pytest.mark.parametrize("mode", RENDER_MODES)
def test_several_objectives(mode):
    problem = tiny_problem()
    env, rows = MONASEnv(problem, render_mode=mode), MONASVectorEnv(problem, 2, render_mode=mode)
    env.reset()
    rows.reset()
    for choice in ARCH:
        reward = env.step(choice)[1]
        rows.step([choice, choice])
    looks(env.render(), mode, TEXT, f"reward ({reward[0]:.4g}, {reward[1]:.4g})")
    for frame in rows.render():
        np.testing.assert_array_equal(frame, env.render())


@pytest.mark.parametrize("mode", RENDER_MODES)
def test_problems_without_target_or_cost(mode):
    whole = tiny_problem()
    free = Problem(whole.space, whole.accuracy, [], whole.rule)
    for evaluator in (free, tiny_problem(lower=5.0), Ledger(whole, 5)):
        env = NASEnv(evaluator, render_mode=mode)
        env.reset()
        looks(env.render(), mode, "decision 1 of 5")
        for choice in ARCH:
            env.step(choice)
        looks(env.render(), mode, TEXT, "reward")


def test_words_of_shaping():
    env = NASEnv(aimed(), render_mode="ansi", shaping="potential")
    env.reset()
    for choice in ARCH:
        info = env.step(choice)[4]
    assert f"rule_reward {info['rule_reward']:.4g}" in env.render()


def test_looking_changes_nothing():
    drawn, plain = (NASEnv(aimed(), observation="dict", render_mode=mode) for mode in ("svg", None))
    drawn.reset(seed=0)
    plain.reset(seed=0)
    for choice in ARCH:
        drawn.render()
        one, other = drawn.step(choice), plain.step(choice)
        assert one[1:4] == other[1:4]
        for name in one[0]:
            np.testing.assert_array_equal(one[0][name], other[0][name])
    assert plain.render() is None


# ---- Gymnasium ---------------------------------------------------------------------------------


def test_gymnasiums_checker_draws_in_every_mode():
    env = gymnasium.make("nasgym/Digits-v0", render_mode="rgb_array", observation="tokens")
    assert env.metadata["render_modes"] == list(RENDER_MODES)
    check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("mode", RENDER_MODES)
def test_wrapped_and_vectorised_by_gymnasium(mode):
    env = gymnasium.make("nasgym/Digits-v0", render_mode=mode)
    env.reset(seed=0)
    looks(env.render(), mode, "decision 1 of 15: layer1.op")
    vector = gymnasium.make_vec("nasgym/Digits-v0", 2, render_mode=mode)
    vector.reset(seed=0)
    frames = vector.render()
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[0], env.render())


def test_videos_take_the_frames():
    from gymnasium.wrappers import RenderCollection

    env = RenderCollection(NASEnv(aimed(), render_mode="rgb_array"))
    env.reset()
    for choice in ARCH[:2]:
        env.step(choice)
    frames = env.render()
    assert len(frames) == 3
    assert {frame.shape for frame in frames} == {frames[0].shape}


@pytest.mark.parametrize("make", [NASEnv, NASVectorEnv, MONASEnv, MONASVectorEnv])
def test_other_modes_are_named(make):
    with pytest.raises(UnknownName, match=r"unknown render mode 'human'.*Known: ansi, rgb_array, svg"):
        make(tiny_problem(), render_mode="human")
    for mode in (None, *RENDER_MODES):
        check_render_mode(mode)
