"""DQN in Tianshou with masked choices, beside random search.

    python examples/tianshou_dqn.py --evaluations 500 --seeds 3

Needs tianshou and pandas below 3 (`make test-clients` makes an environment with them in
.side/tianshou). Read it from top to bottom: settings, environment, network, loop, comparison. Half
a minute on a CPU.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from tianshou.algorithm import DQN
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.utils.net.common import Net
from tianshou.utils.torch_utils import policy_within_training_step

import nasgym
from nasgym.agents import make_agent
from nasgym.agents.common.reward_scale import RewardScale
from nasgym.envs.env import NASEnv
from nasgym.wrappers import MaskInObservation


@dataclass
class Settings:
    """What a run needs; chosen for a few hundred evaluations, not for millions of steps."""

    env_id: str = "nasgym/Digits-v0"
    """The table that comes with nasgym: maximise accuracy with at most half of the MACs range."""
    evaluations: int = 500
    """Complete architectures, that is episodes; what random search gets as well."""
    num_envs: int = 10
    """Architectures that are built side by side, between two rounds of updates."""
    updates: int = 20
    """Gradient steps after each round: two for each architecture."""
    batch_size: int = 128
    """Decisions in a gradient step, from the whole memory."""
    learning_rate: float = 1e-3
    """Of Adam; Tianshou's default."""
    first_epsilon: float = 1.0
    """Share of random decisions in the first round."""
    last_epsilon: float = 0.15
    """The same from the middle of the run on: two random decisions in an episode of 15.

    So the best is varied, not repeated.
    """
    hidden: int = 128
    """Units of each of two layers."""


class RankedReward(gym.Wrapper):
    """Replaces the reward of a complete architecture by its rank among the last 100.

    Rewards of infeasible architectures lie far below all others; ranks keep the differences at the
    top.
    """

    def __init__(self, env: gym.Env, scale: RewardScale) -> None:
        super().__init__(env)
        self.scale = scale

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Steps; before the end the reward is 0."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated:
            reward = float(self.scale(np.array([reward]))[0])
        return observation, reward, terminated, truncated, info


def search(problem: nasgym.Problem, settings: Settings, seed: int) -> nasgym.Ledger:
    """One run of DQN; the ledger has everything that it evaluated."""
    np.random.seed(seed)  # noqa: NPY002  # Tianshou explores and samples with the global generator
    torch.manual_seed(seed)
    # one ledger for all environments counts every evaluation
    ledger = nasgym.Ledger(problem, nasgym.Budget("total", settings.evaluations), seed=seed)
    scale = RewardScale("rank", window=100)

    def make_env() -> gym.Env:
        # Tianshou masks where the observation is {"obs": ..., "mask": ...}
        return MaskInObservation.dialect(RankedReward(NASEnv(ledger), scale), "tianshou")

    env = make_env()
    envs = DummyVectorEnv([make_env for _ in range(settings.num_envs)])
    envs.seed(seed)

    steps, choices, width = problem.space.num_decisions, problem.space.max_choices, env.observation_space["obs"].shape
    policy = DiscreteQLearningPolicy(
        model=Net(state_shape=width, action_shape=choices, hidden_sizes=[settings.hidden, settings.hidden]),
        action_space=env.action_space,
        eps_training=settings.first_epsilon,
    )
    # an episode is short and only its end is rewarded: no discount, and the target is what was
    # reached at the end, so that the reward of an architecture teaches all of its decisions at once
    dqn = DQN(
        policy=policy,
        optim=AdamOptimizerFactory(lr=settings.learning_rate),
        gamma=1.0,
        n_step_return_horizon=steps,
        target_update_freq=50,
    )
    memory = VectorReplayBuffer(settings.evaluations * steps, settings.num_envs)
    collector = Collector(dqn, envs, memory, exploration_noise=True)
    collector.reset()
    rounds = settings.evaluations // settings.num_envs
    for i in range(rounds):
        share = min(1.0, 2 * i / rounds)
        policy.set_eps_training(settings.first_epsilon + share * (settings.last_epsilon - settings.first_epsilon))
        with policy_within_training_step(policy):
            collector.collect(n_episode=settings.num_envs)
            for _ in range(settings.updates):
                dqn.update(memory, settings.batch_size)
    return ledger


def main() -> None:
    """Runs DQN and random search with the same number of evaluations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=Settings.evaluations)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)

    settings = Settings(evaluations=args.evaluations)
    problem = nasgym.make_problem(settings.env_id)
    optimum = problem.optimum().reward
    best = []
    for seed in range(args.seeds):
        history = search(problem, settings, seed).history
        best.append(history.reward.max())
        print(f"seed {seed}: {len(history)} evaluations, best validation reward {best[-1]:.4f}")
    budget = nasgym.Budget("total", len(history))
    random = [make_agent("random").search(problem, budget=budget, seed=seed).best_reward for seed in range(20)]
    print(
        f"mean best reward after {len(history)} evaluations: DQN in Tianshou {np.mean(best):.4f}, random search {np.mean(random):.4f}; "
        f"regret {optimum - np.mean(best):.4f} and {optimum - np.mean(random):.4f}; {len(best)} and {len(random)} seeds"
    )


if __name__ == "__main__":
    main()
