"""RLlib, new API stack: one training iteration with masks, and the example."""

import gymnasium
import numpy as np
import pytest
import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule

from nasgym.wrappers import MaskInObservation
from tests.clients.example import run_example


@pytest.fixture
def one_process():
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_one_iteration_with_masks(one_process):
    ray.tune.register_env("nasgym", lambda config: MaskInObservation.dialect(gymnasium.make("nasgym/Digits-v0"), "rllib"))
    episodes = []

    def keep(episode, **_):
        episodes.append((len(episode), episode.get_observations(), episode.get_actions(), episode.get_return()))

    config = (
        PPOConfig()
        .environment("nasgym")
        .env_runners(num_env_runners=0, num_envs_per_env_runner=2)
        .training(train_batch_size_per_learner=60, minibatch_size=60, num_epochs=1)
        .rl_module(rl_module_spec=RLModuleSpec(module_class=ActionMaskingTorchRLModule))
        .callbacks(on_episode_end=keep)
        .debugging(seed=0)
    )
    algorithm = config.build_algo()
    before = algorithm.get_weights()["default_policy"]
    algorithm.train()
    after = algorithm.get_weights()["default_policy"]
    algorithm.stop()
    assert any((before[name] != after[name]).any() for name in before)
    assert [length for length, *_ in episodes] == [15] * 4  # an illegal choice would have ended its episode early
    for _, observations, actions, reward in episodes:
        masks = np.stack([observation["action_mask"] for observation in observations[:-1]])
        assert (masks[np.arange(15), np.asarray(actions)] == 1).all()
        assert -1 <= reward <= 1


def test_example():
    result = run_example("rllib_ppo.py")
    assert result["evaluations"] == 500
    assert np.isclose(result["best"] + result["regret"], 0.9013, atol=2e-4)
    assert 0 <= result["regret"] < result["random_regret"]
