"""PPO in RLlib (new API stack) with masked choices, beside random search.

    python examples/rllib_ppo.py --evaluations 500 --seeds 3

Needs ray[rllib], which requires Gymnasium 1.2.2 (`make test-clients` makes an environment with it
in .side/rllib). Read it from top to bottom: settings, environment, algorithm, loop, comparison.
Half a minute on a CPU.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import Any

# everything stays in this process, which has one core to itself; set before torch and ray are
# imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gymnasium as gym
import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule

import nasgym
from nasgym.agents import make_agent
from nasgym.agents.common.reward_scale import RewardScale
from nasgym.wrappers import MaskInObservation


@dataclass
class Settings:
    """What a run needs; chosen for a few hundred evaluations, not for millions of steps."""

    env_id: str = "nasgym/Digits-v0"
    """The table that comes with nasgym: maximise accuracy with at most half of the MACs range."""
    evaluations: int = 500
    """Complete architectures, that is episodes; what random search gets as well."""
    num_envs: int = 10
    """Architectures between two updates.

    Fewer updates of larger batches hardly learn anything in 500 evaluations.
    """
    epochs: int = 3
    """Passes over a batch. RLlib's 30 make the policy repeat a few architectures early."""
    learning_rate: float = 1e-3
    """Above RLlib's 5e-5, because there are only 150 gradient steps."""
    entropy_weight: float = 0.1
    """High: a search is judged by its best architecture, so the policy must keep trying others."""
    clip: float = 0.2
    """Of the ratio of probabilities, as in the paper (1707.06347)."""
    hidden: int = 64
    """Units of each of two layers, as in the paper."""


class RankedReward(gym.Wrapper):
    """Replaces the reward of a complete architecture by its rank among the last 100.

    The info keeps the reward itself. Rewards of infeasible architectures lie far below all others;
    ranks keep the differences at the top.
    """

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.scale = RewardScale("rank", window=100)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Steps; before the end the reward is 0."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated:
            info["reward"], reward = reward, float(self.scale(np.array([reward]))[0])
        return observation, reward, terminated, truncated, info


def make_env(config: dict[str, Any]) -> gym.Env:
    """One environment; its Dict of observations and action_mask is what RLlib masks with."""
    return MaskInObservation.dialect(RankedReward(gym.make(config["env_id"])), "rllib")


def make_algorithm(settings: Settings, seed: int, rewards: list[float]) -> PPO:
    """PPO in this process, without remote runners and learners.

    `rewards` gets the reward of every complete architecture.
    """
    steps = settings.num_envs * nasgym.make_problem(settings.env_id).space.num_decisions
    config = (
        PPOConfig()
        .environment("nasgym", env_config={"env_id": settings.env_id})
        .env_runners(num_env_runners=0, num_envs_per_env_runner=settings.num_envs)
        .learners(num_learners=0)
        .training(
            train_batch_size_per_learner=steps,
            minibatch_size=steps,
            num_epochs=settings.epochs,
            lr=settings.learning_rate,
            entropy_coeff=settings.entropy_weight,
            clip_param=settings.clip,
            # an episode is short and only its end is rewarded: no discount, and every choice is
            # credited with what was really reached
            gamma=1.0,
            lambda_=1.0,
            use_kl_loss=False,
            vf_loss_coeff=0.5,
            grad_clip=0.5,
        )
        .rl_module(
            rl_module_spec=RLModuleSpec(
                module_class=ActionMaskingTorchRLModule,  # the policy cannot draw an illegal choice
                model_config=DefaultModelConfig(fcnet_hiddens=[settings.hidden, settings.hidden], fcnet_activation="tanh"),
            )
        )
        # RLlib copies environments and their configuration, so a ledger in them would be a
        # copy: the callback counts
        .callbacks(on_episode_end=lambda episode, **_: rewards.append(episode.get_infos(-1)["reward"]))
        .debugging(seed=seed, log_level="ERROR")
    )
    return config.build_algo()


def search(settings: Settings, seed: int) -> list[float]:
    """One run of PPO: the reward of every architecture that it evaluated."""
    rewards: list[float] = []
    ray.tune.register_env("nasgym", make_env)
    algorithm = make_algorithm(settings, seed, rewards)
    while len(rewards) < settings.evaluations:
        algorithm.train()
    algorithm.stop()
    return rewards[: settings.evaluations]


def main() -> None:
    """Runs PPO and random search with the same number of evaluations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=Settings.evaluations)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)

    settings = Settings(evaluations=args.evaluations)
    problem = nasgym.make_problem(settings.env_id)
    optimum = problem.optimum().reward
    best = []
    for seed in range(args.seeds):
        rewards = search(settings, seed)
        best.append(max(rewards))
        print(f"seed {seed}: {len(rewards)} evaluations, best validation reward {best[-1]:.4f}")
    ray.shutdown()
    budget = nasgym.Budget("total", len(rewards))
    random = [make_agent("random").search(problem, budget=budget, seed=seed).best_reward for seed in range(20)]
    print(
        f"mean best reward after {len(rewards)} evaluations: PPO in RLlib {np.mean(best):.4f}, random search {np.mean(random):.4f}; "
        f"regret {optimum - np.mean(best):.4f} and {optimum - np.mean(random):.4f}; {len(best)} and {len(random)} seeds"
    )


if __name__ == "__main__":
    main()
