"""PPO in one file, to be read from top to bottom: settings, network, rollout, update.

    python examples/ppo_cleanrl_style.py --env-id nasgym/Digits-v0 --seed 1 --evaluations 300

Plain torch on the native vector environment. The layout is CleanRL's, the algorithm that of
Schulman et al. (1707.06347). Three things differ from a PPO for control, and each is needed to
learn anything within a few hundred evaluations:

* Illegal choices are masked out of the logits, so no episode is wasted on one, and all episodes
  have the same length.
* An update comes after every ten architectures, not after 2,048 steps.
* The policy learns from ranks. The best architectures differ by a tenth of a percent and the worst
  by half of all accuracy, or by minus one where a constraint is missed; no learning rate suits
  both. What counts is the share of recent architectures that is worse.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import nasgym
from nasgym.agents import make_agent


@dataclass
class Settings:
    """What can be set on the command line."""

    env_id: str = "nasgym/Digits-v0"
    """environment; any id of `nasgym list`"""
    seed: int = 0
    """of the network's first weights and of all draws"""
    evaluations: int = 300
    """architectures to evaluate, repeats included"""
    env_keywords: dict[str, Any] = field(default_factory=dict)
    """further keywords of the environment, as JSON: '{"reward": "accuracy", "target": null}'"""
    num_envs: int = 10
    """architectures that are built side by side; an update after each batch of them"""
    update_epochs: int = 8
    """passes over a batch in each update"""
    learning_rate: float = 1e-3
    """of Adam"""
    clip_coef: float = 0.2
    """how far the ratio of new to old probability may leave 1"""
    ent_coef: float = 0.2
    """what a nat of entropy is worth, in advantages of standard deviation 1"""
    vf_coef: float = 0.5
    """weight of the value loss"""
    max_grad_norm: float = 0.5
    """longest gradient"""
    window: int = 100
    """recent architectures that a new one is ranked among"""
    hidden: int = 64
    """units of each hidden layer"""


def layer(inputs: int, outputs: int, gain: float = 2**0.5) -> nn.Linear:
    """A linear layer with orthogonal weights and no bias at first."""
    made = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


class Policy(nn.Module):
    """Actor and critic: two networks of two hidden layers."""

    def __init__(self, inputs: int, choices: int, hidden: int) -> None:
        super().__init__()
        self.actor = nn.Sequential(
            layer(inputs, hidden), nn.Tanh(), layer(hidden, hidden), nn.Tanh(), layer(hidden, choices, gain=0.01)
        )
        self.critic = nn.Sequential(
            layer(inputs, hidden), nn.Tanh(), layer(hidden, hidden), nn.Tanh(), layer(hidden, 1, gain=1.0)
        )

    def log_probabilities(self, observations: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """``(N, choices)``; of illegal choices a very negative number whose exponential is 0."""
        return self.actor(observations).masked_fill(~masks, -1e9).log_softmax(dim=-1)

    def value(self, observations: torch.Tensor) -> torch.Tensor:
        """``(N,)`` the rank that an episode will end with."""
        return self.critic(observations).squeeze(-1)


def ranks(new: np.ndarray, recent: np.ndarray) -> np.ndarray:
    """Squared shares of recent returns that lie below; ties count half.

    They have mean 0 and variance 1 if the shares are uniform. The square tells good from very good
    more than bad from very bad: a search is judged by its best architecture.
    """
    share = (recent < new[:, None]).mean(axis=1) + 0.5 * (recent == new[:, None]).mean(axis=1)
    return (share**2 - 1 / 3) / np.sqrt(4 / 45)


def train(env_id: str, seed: int, evaluations: int, **more: Any) -> tuple[list[tuple[str, float]], Policy]:
    """Trains a policy; `more` are further `Settings`.

    Returns:
        (architecture, reward) of every evaluation in order, and the policy after the last update.
    """
    args = Settings(env_id, seed, evaluations, **more)
    updates, rest = divmod(args.evaluations, args.num_envs)
    if updates == 0 or rest:
        raise SystemExit(f"error: --evaluations must be a multiple of {args.num_envs} (--num-envs), got {args.evaluations}.")
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    # SameStep: the observation after an episode's last step is the next episode's first, so no step
    # is lost
    envs = gym.make_vec(
        args.env_id,
        num_envs=args.num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode="SameStep",
        **args.env_keywords,
    )
    num_steps = envs.unwrapped.num_steps
    inputs, choices = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
    policy = Policy(inputs, choices, args.hidden)
    optimizer = torch.optim.Adam(policy.parameters(), lr=args.learning_rate, eps=1e-5)

    observations = torch.zeros(num_steps, args.num_envs, inputs)
    masks = torch.zeros(num_steps, args.num_envs, choices, dtype=torch.bool)
    actions = torch.zeros(num_steps, args.num_envs, dtype=torch.int64)
    log_probs = torch.zeros(num_steps, args.num_envs)
    recent: deque[float] = deque(maxlen=args.window)
    history: list[tuple[str, float]] = []

    observation, info = envs.reset(seed=args.seed)
    for _ in range(updates):
        # rollout: every environment builds one architecture
        returns = np.zeros(args.num_envs)
        for step in range(num_steps):
            observations[step] = torch.from_numpy(observation)
            masks[step] = torch.from_numpy(info["action_mask"]).bool()
            with torch.no_grad():
                log_p = policy.log_probabilities(observations[step], masks[step])
            actions[step] = torch.multinomial(log_p.exp(), 1).squeeze(1)
            log_probs[step] = log_p.gather(1, actions[step][:, None]).squeeze(1)
            observation, reward, terminated, _, info = envs.step(actions[step].numpy())
            returns += reward
        assert terminated.all(), "all episodes have the same length"
        history += zip(info["final_info"]["arch"].tolist(), returns.tolist(), strict=True)

        # advantages: nothing is discounted, so every step of an episode returns the rank of its
        # architecture
        recent.extend(returns.tolist())
        targets = torch.from_numpy(ranks(returns, np.array(recent))).float().expand(num_steps, -1)
        with torch.no_grad():
            advantages = targets - policy.value(observations)
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)

        # update: a batch is small enough to be taken whole
        for _ in range(args.update_epochs):
            log_p = policy.log_probabilities(observations, masks)
            ratio = (log_p.gather(2, actions[..., None]).squeeze(2) - log_probs).exp()
            clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
            policy_loss = -torch.minimum(advantages * ratio, advantages * clipped).mean()
            value_loss = 0.5 * (policy.value(observations) - targets).square().mean()
            entropy = -(log_p.exp() * log_p).sum(dim=-1).mean()
            loss = policy_loss + args.vf_coef * value_loss - args.ent_coef * entropy
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(policy.parameters(), args.max_grad_norm)
            optimizer.step()
    envs.close()
    return history, policy


def greedy_episode(policy: Policy, env_id: str, env_keywords: dict[str, Any] | None = None) -> tuple[str, float]:
    """The architecture of the most likely choices, and its reward.

    It is none of the evaluations of the search.
    """
    env = gym.make(env_id, **(env_keywords or {}))
    observation, info = env.reset(seed=0)
    terminated, total = False, 0.0
    while not terminated:
        mask = torch.from_numpy(info["action_mask"]).bool()
        with torch.no_grad():
            action = policy.log_probabilities(torch.from_numpy(observation), mask).argmax()
        observation, reward, terminated, _, info = env.step(action.numpy())
        total += float(reward)
    return info["arch"], total


def parse() -> Settings:
    """Settings from the command line: one option for each field."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Settings in this file says what each is.", formatter_class=form
    )
    for entry in fields(Settings):
        option = "--" + entry.name.replace("_", "-")
        default = getattr(Settings(), entry.name)
        parser.add_argument(option, type=json.loads if isinstance(default, dict) else type(default), default=default)
    return Settings(**vars(parser.parse_args()))


def main() -> None:
    """Trains, and prints what came of it beside random search."""
    args = parse()
    history, policy = train(**vars(args))
    rewards = np.array([reward for _, reward in history])
    fifth = max(1, len(rewards) // 5)
    print(f"mean reward: {rewards[:fifth].mean():.4f} in the first fifth, {rewards[-fifth:].mean():.4f} in the last fifth")
    arch, reward = greedy_episode(policy, args.env_id, args.env_keywords)
    print(f"greedy episode of the final policy: {arch}, reward {reward:.4f}")
    print(f"best: {history[rewards.argmax()][0]}")
    problem = gym.make(args.env_id, **args.env_keywords).unwrapped.problem
    random = make_agent("random").search(problem, budget=nasgym.Budget("total", len(history)), seed=args.seed)
    print(
        f"best reward after {len(history)} evaluations: PPO {rewards.max():.4f}, random search {random.best_reward:.4f}; "
        f"optimum {problem.optimum().reward:.4f}"
    )


if __name__ == "__main__":
    main()
