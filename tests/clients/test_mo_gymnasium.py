"""MO-Gymnasium: its weighted sums are our scalar rule, and the example."""

import gymnasium
import mo_gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from mo_gymnasium.wrappers import LinearReward
from mo_gymnasium.wrappers.vector import MOSyncVectorEnv

import nasgym
from tests.clients.example import run_example

MO = "nasgym/mo-Digits-v0"
DIGITS = "nasgym/Digits-v0"


def episodes(env, number, seed):
    """Rewards and infos of the ends of random legal episodes."""
    rng, ends = np.random.default_rng(seed), []
    for _ in range(number):
        _, info = env.reset()
        terminated = False
        while not terminated:
            _, reward, terminated, _, info = env.step(rng.choice(np.flatnonzero(info["action_mask"])))
        ends.append((reward, info))
    return ends


class FreshWeights(LinearReward):
    """Gymnasium's checker wants a new array of weights in every info.

    LinearReward puts the same one into all.
    """

    def step(self, action):
        *transition, info = super().step(action)
        return *transition, {**info, "reward_weights": self.w.copy()}


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")  # it is a wrapper
def test_check_env_of_a_weighted_sum():
    check_env(FreshWeights(mo_gymnasium.make(MO)), skip_render_check=True)


def test_a_weight_on_accuracy_alone_is_the_accuracy_rule():
    linear = episodes(LinearReward(mo_gymnasium.make(MO), np.array([1.0, 0.0])), 20, 0)
    scalar = episodes(gymnasium.make(DIGITS, reward="accuracy"), 20, 0)
    for (sums, info), (reward, other) in zip(linear, scalar, strict=True):
        assert info["arch"] == other["arch"]
        assert sums == pytest.approx(reward, abs=1e-7)


@pytest.mark.parametrize("weight", [0.1, 0.5, 2.0])
def test_a_weighted_sum_is_the_scalar_rule(weight):
    # with the largest cost as target the rule is A + w (1 - C / T), the weighted sum A - w C / T
    largest = nasgym.make_problem(DIGITS).scale.largest
    rule = {"rule": "weighted-sum", "alpha": weight}
    linear = episodes(LinearReward(mo_gymnasium.make(MO), np.array([1.0, weight])), 20, 1)
    scalar = episodes(gymnasium.make(DIGITS, reward=rule, target=largest), 20, 1)
    for (sums, info), (reward, other) in zip(linear, scalar, strict=True):
        assert info["arch"] == other["arch"]
        assert sums + weight == pytest.approx(reward, abs=1e-6)
        assert sums == pytest.approx(info["accuracy"] - weight * info["macs"] / largest, abs=1e-6)


def test_their_vector_environment_takes_ours():
    envs = MOSyncVectorEnv([lambda: mo_gymnasium.make(MO)] * 3)
    _, info = envs.reset(seed=0)
    for _ in range(15):
        actions = info["action_mask"].argmax(axis=1)
        _, rewards, terminated, _, info = envs.step(actions)
        assert rewards.shape == (3, 2)
        assert rewards.dtype == np.float32
    assert terminated.all()
    assert (rewards == rewards[0]).all()
    assert all(envs.reward_space.contains(reward) for reward in rewards)


def test_example():
    result = run_example("morl_linear.py", "--seeds", "1")
    assert result["evaluations"] == 1000
    assert 0 <= result["regret"] < result["random_regret"]
