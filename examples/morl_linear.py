"""Accuracy against cost: REINFORCE on MO-Gymnasium's LinearReward, beside random search.

    python examples/morl_linear.py --evaluations 1000 --seeds 3

REINFORCE learns several weighted sums, one after the other. Needs mo-gymnasium, torch and moocore.
Read it from top to bottom: settings, one episode, search, comparison. Half a minute on a CPU.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import gymnasium as gym
import mo_gymnasium
import moocore
import numpy as np
import torch
from mo_gymnasium.wrappers import LinearReward
from torch import nn

import nasgym
from nasgym.agents import make_agent
from nasgym.agents.common.reward_scale import RewardScale


@dataclass
class Settings:
    """What a run needs; chosen for a thousand evaluations."""

    env_id: str = "nasgym/mo-Digits-v0"
    """Accuracy, and minus the cost as a fraction of the largest; both are maximised."""
    cost_weights: tuple[float, ...] = (0.0, 0.02, 0.1, 0.3, 0.6, 2.0, 5.0)
    """What the whole cost range is worth in accuracy; the front's hull has corners between them."""
    evaluations: int = 1000
    """Complete architectures, all weights together; what random search gets as well."""
    batch: int = 10
    """Architectures between two updates."""
    learning_rate: float = 3e-3
    """Of Adam; high, because a weight has some fifteen updates."""
    entropy_weight: float = 0.1
    """In advantages of variance 1; high, because everything found on the way counts."""
    hidden: int = 64
    """Units of the hidden layer."""


def rollout(envs: list[gym.Env], policy: nn.Module) -> tuple[np.ndarray, np.ndarray, torch.Tensor, torch.Tensor]:
    """One episode in each environment, in lock-step.

    Returns:
        ``(batch,)`` weighted sums, ``(batch, 2)`` reward vectors, ``(batch,)`` log-probabilities of
        the episodes and ``(batch,)`` entropies, each summed over the decisions.
    """
    observations, infos = zip(*(env.reset() for env in envs), strict=True)
    log_probability, entropy, done = torch.zeros(len(envs)), torch.zeros(len(envs)), False
    while not done:
        legal = torch.as_tensor(np.stack([info["action_mask"] for info in infos]), dtype=torch.bool)
        # an illegal choice has probability 0
        choices = torch.distributions.Categorical(
            logits=policy(torch.as_tensor(np.stack(observations))).masked_fill(~legal, -1e9)
        )
        actions = choices.sample()
        log_probability, entropy = log_probability + choices.log_prob(actions), entropy + choices.entropy()
        steps = [env.step(action) for env, action in zip(envs, actions.numpy(), strict=True)]
        observations, sums, ended, _, infos = zip(*steps, strict=True)
        done = all(ended)
    # rewards are zero vectors before the last decision
    return np.array(sums), np.stack([info["vector_reward"] for info in infos]), log_probability, entropy


def search(settings: Settings, seed: int) -> np.ndarray:
    """Learns one weighted sum after the other; returns the reward vectors of all evaluations."""
    torch.manual_seed(seed)
    envs = [LinearReward(mo_gymnasium.make(settings.env_id)) for _ in range(settings.batch)]
    width, choices = envs[0].observation_space.shape[0], int(envs[0].action_space.n)
    policy = nn.Sequential(nn.Linear(width, settings.hidden), nn.Tanh(), nn.Linear(settings.hidden, choices))
    adam = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate)
    found = []
    # from expensive to cheap: the policy of one weight is a good start for the next
    for cost_weight, updates in zip(settings.cost_weights, shares(settings), strict=True):
        for env in envs:
            env.set_weight(np.array([1.0, cost_weight]))
        scale = RewardScale("rank", window=50)  # ranks suit sums of every weight
        for _ in range(updates):
            sums, vectors, log_probability, entropy = rollout(envs, policy)
            found.append(vectors)
            advantages = torch.as_tensor(scale(sums), dtype=torch.float32)
            loss = -(advantages * log_probability + settings.entropy_weight * entropy).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
    return np.concatenate(found)


def shares(settings: Settings) -> list[int]:
    """Updates of each weight."""
    return [len(part) for part in np.array_split(np.arange(settings.evaluations // settings.batch), len(settings.cost_weights))]


def random_search(evaluations: int, seed: int) -> np.ndarray:
    """Reward vectors of uniform draws."""
    problem = nasgym.make_problem("nasgym/Digits-v0", reward="accuracy")
    history = make_agent("random").search(problem, budget=nasgym.Budget("total", evaluations), seed=seed).history
    return np.stack([history.accuracy, -history.costs["macs"] / problem.scale.largest], axis=1)


def hypervolume(vectors: np.ndarray) -> float:
    """The area that the vectors dominate; accuracy and cost over the largest are in [0, 1]."""
    return moocore.hypervolume(vectors, ref=[0.0, -1.0], maximise=True)


def main() -> None:
    """Runs both with the same number of evaluations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=Settings.evaluations)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)

    settings = Settings(evaluations=args.evaluations)
    exact = hypervolume(np.stack(mo_gymnasium.make(settings.env_id).unwrapped.pareto_front(gamma=1.0)))
    found = []
    for seed in range(args.seeds):
        vectors = search(settings, seed)
        found.append(hypervolume(vectors))
        print(f"seed {seed}: {len(vectors)} evaluations, hypervolume {found[-1]:.4f}")
    random = [hypervolume(random_search(len(vectors), seed)) for seed in range(20)]
    print(
        f"mean hypervolume after {len(vectors)} evaluations: REINFORCE on {len(settings.cost_weights)} weights {np.mean(found):.4f}, "
        f"random search {np.mean(random):.4f}; regret {exact - np.mean(found):.4f} and {exact - np.mean(random):.4f}; "
        f"exact front {exact:.4f}; {len(found)} and {len(random)} seeds"
    )


if __name__ == "__main__":
    main()
