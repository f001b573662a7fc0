"""The episodes of a search: step for step those of the wrapped vector environment."""

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecEnv

from nasgym.agents.common.reward_scale import RewardScale
from nasgym.agents.common.sb3_rollouts import SB3Rollouts
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import BudgetExhausted, InvalidValue
from nasgym.ledger import Budget, Ledger
from nasgym.wrappers import SB3VecEnv
from tests.agents.learnable import digits_problem
from tests.stopping import stopping_problem
from tests.tiny import tiny_ledger, tiny_problem

PROBLEMS = {
    "tiny": lambda: tiny_problem(seed="sampled", target=20.0),
    "digits": lambda: digits_problem(constrained=True),
    "stops": lambda: stopping_problem("chain", target=0.5),
    "tiny, restricted": lambda: tiny_problem(restrict={"b.width": [16, 24], "*.kernel": [3]}, target=30.0),
}


def rollouts(ledger, num=2, mask="legal", scaling="rank"):
    return SB3Rollouts(ledger, num, mask, RewardScale(scaling))


@pytest.mark.parametrize("mask", ["legal", "feasible"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_steps_are_those_of_the_vector_environment(name, mask):
    """Legal actions drawn at random; rewards are scaled, all the rest is the same."""
    problem, rng = PROBLEMS[name](), np.random.default_rng(0)
    ours, theirs = (Ledger(problem, Budget("total", 100), seed=5) for _ in range(2))
    lean = rollouts(ours, 4, mask)
    full = SB3VecEnv(NASVectorEnv(theirs, 4, mask=mask, autoreset_mode="SameStep"))
    scale = RewardScale("rank")
    assert lean.observation_space == full.observation_space
    assert lean.action_space == full.action_space
    np.testing.assert_array_equal(lean.reset(), full.reset())
    for _ in range(4 * problem.space.num_decisions):
        masks = np.stack(full.env_method("action_masks"))
        np.testing.assert_array_equal(np.stack(lean.env_method("action_masks")), masks)
        actions = (rng.random(masks.shape) * masks).argmax(axis=1)
        seen, rewards, done, infos = full.step(actions)
        ours_seen, ours_rewards, ours_done, ours_infos = lean.step(actions)
        np.testing.assert_array_equal(ours_seen, seen)
        np.testing.assert_array_equal(ours_done, done)
        wanted = np.zeros(4)
        if done.any():
            wanted[done] = scale(rewards[done].astype(np.float64))
        np.testing.assert_array_equal(ours_rewards, wanted.astype(np.float32))
        assert ours_rewards.dtype == np.float32
        assert ours_infos == [{}] * len(infos)
    assert len(ours.history) == len(theirs.history) >= 16
    np.testing.assert_array_equal(ours.history.archs, theirs.history.archs)
    np.testing.assert_array_equal(ours.history.accuracy, theirs.history.accuracy)


def test_only_final_rewards_are_scaled():
    ledger = tiny_ledger(Budget("total", 10))
    envs = rollouts(ledger, 2, scaling="standardised")
    envs.reset()
    for _ in range(4):
        _, rewards, done, _ = envs.step(np.array([0, 0]))
        assert (rewards == 0).all()
        assert not done.any()
    _, rewards, done, _ = envs.step(np.array([0, 0]))
    assert done.all()
    assert rewards == pytest.approx([0.0, 0.0], abs=1e-3)  # both built the same architecture
    for actions in ([1, 0], [0, 0], [2, 1], [0, 0], [0, 0]):
        _, rewards, done, _ = envs.step(np.array(actions))
    one, two = ledger.history.reward[-2:]
    assert done.all()
    assert (rewards[0] > rewards[1]) == (one > two)


def test_what_was_returned_stays_as_it_was():
    envs = rollouts(tiny_ledger(Budget("total", 10)))
    first = envs.reset()
    masks = np.stack(envs.env_method("action_masks", indices=[1]))
    kept = first.copy(), masks.copy()
    for _ in range(7):
        envs.step(np.array([0, 0]))
    np.testing.assert_array_equal(first, kept[0])
    np.testing.assert_array_equal(masks, kept[1])
    assert masks.shape == (1, 3)


def test_the_budget_ends_it():
    envs = rollouts(tiny_ledger(Budget("total", 3)))
    envs.reset()
    for _ in range(9):  # two architectures, and all but the last decision of two more
        envs.step(np.array([0, 0]))
    with pytest.raises(BudgetExhausted):
        envs.step(np.array([0, 0]))


def test_what_stable_baselines3_asks():
    envs = rollouts(tiny_ledger(Budget("total", 10)))
    assert isinstance(envs, VecEnv)
    assert envs.has_attr("action_masks")
    assert not envs.has_attr("anything_else")
    assert envs.env_is_wrapped(object) == [False, False]
    with pytest.raises(AttributeError, match="no method 'render'"):
        envs.env_method("render")
    with pytest.raises(InvalidValue, match="cannot be changed"):
        envs.set_attr("mask", "feasible")
    with pytest.raises(InvalidValue, match="needs a constraint"):
        rollouts(tiny_ledger(Budget("total", 10)), mask="feasible")
    envs.reset()
    with pytest.raises(AssertionError, match="legal choices"):
        envs.step(np.array([7, 0]))
