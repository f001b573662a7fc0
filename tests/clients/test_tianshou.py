"""Tianshou: masked actions through its collector, one update, and the example."""

import gymnasium
import numpy as np
import torch
from tianshou.algorithm import DQN
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.utils.net.common import Net
from tianshou.utils.torch_utils import policy_within_training_step

import nasgym  # registers the ids
from nasgym.wrappers import MaskInObservation
from tests.clients.example import run_example

assert nasgym.__version__


def make_env():
    return MaskInObservation.dialect(gymnasium.make("nasgym/Digits-v0"), "tianshou")


def test_one_iteration_with_masks():
    np.random.seed(0)  # noqa: NPY002  # Tianshou draws from the global generator
    torch.manual_seed(0)
    env, envs = make_env(), DummyVectorEnv([make_env] * 4)
    policy = DiscreteQLearningPolicy(
        model=Net(state_shape=env.observation_space["obs"].shape, action_shape=2, hidden_sizes=[16]),
        action_space=env.action_space,
        eps_training=0.5,  # greedy and random choices both
    )
    dqn = DQN(policy=policy, optim=AdamOptimizerFactory(), gamma=1.0, n_step_return_horizon=15, target_update_freq=1)
    memory = VectorReplayBuffer(1000, 4)
    collector = Collector(dqn, envs, memory, exploration_noise=True)
    collector.reset()
    before = [weights.detach().clone() for weights in policy.model.parameters()]
    with policy_within_training_step(policy):
        stats = collector.collect(n_episode=8)
        dqn.update(memory, 64)
    assert stats.lens.tolist() == [15] * 8  # an illegal choice would have ended its episode early
    taken = memory.sample(0)[0]
    assert taken.obs.mask[np.arange(len(taken)), taken.act].all()
    assert not taken.obs.mask.all()
    assert any((now != then).any() for now, then in zip(policy.model.parameters(), before, strict=True))


def test_example():
    result = run_example("tianshou_dqn.py")
    assert result["evaluations"] == 500
    assert np.isclose(result["best"] + result["regret"], 0.9013, atol=2e-4)
    assert 0 <= result["regret"] < 0.03  # random search leaves 0.016; DQN on so little is no steadier than that
