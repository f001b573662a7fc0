"""MaskablePPO of sb3-contrib on the native vector environment, through the adapter `SB3VecEnv`.

    python examples/ppo_sb3.py --env-id nasgym/Digits-v0 --seed 1 --evaluations 300

The usual settings (2,048 steps between updates, discount 0.99, raw rewards) would hardly update
within a few hundred evaluations. Here an update comes after every ten architectures, nothing is
discounted, and rewards are replaced by their rank among the last hundred
(`nasgym.agents.common.reward_scale.RewardScale`).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

import nasgym
from nasgym.agents import make_agent
from nasgym.agents.common.reward_scale import RewardScale
from nasgym.wrappers import SB3VecEnv


class RankedRewards(VecEnvWrapper):
    """Replaces the rewards with which episodes end by their ranks.

    `VecMonitor`, which it wraps, keeps the true ones.
    """

    def __init__(self, envs: VecEnv) -> None:
        super().__init__(envs)
        self.scale = RewardScale("rank")

    def reset(self) -> VecEnvObs:
        """Starts all environments."""
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """Steps all environments."""
        observations, rewards, dones, infos = self.venv.step_wait()
        if dones.any():
            rewards[dones] = self.scale(rewards[dones].astype(np.float64))
        return observations, rewards, dones, infos


class History(BaseCallback):
    """Keeps (architecture, reward) of every episode, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, float]] = []

    def _on_step(self) -> bool:
        self.rows += [(info["arch"], info["episode"]["r"]) for info in self.locals["infos"] if "episode" in info]
        return True


def train(
    env_id: str,
    seed: int,
    evaluations: int,
    env_keywords: dict[str, Any] | None = None,
    num_envs: int = 10,
    **more: Any,
) -> tuple[list[tuple[str, float]], MaskablePPO]:
    """Trains a policy.

    Args:
        env_id: Environment.
        seed: Of the network's first weights and of all draws.
        evaluations: Architectures to evaluate, repeats included; a multiple of `num_envs`.
        env_keywords: Further keywords of the environment.
        num_envs: Architectures that are built side by side; an update after each batch of them.
        more: Further arguments of `MaskablePPO`.

    Returns:
        (architecture, reward) of every evaluation in order, and the model.
    """
    if evaluations < num_envs or evaluations % num_envs:
        raise SystemExit(f"error: --evaluations must be a multiple of {num_envs}, got {evaluations}.")
    torch.set_num_threads(1)
    vector_env = gym.make_vec(
        env_id,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode="SameStep",
        **(env_keywords or {}),
    )
    num_steps = vector_env.unwrapped.num_steps  # of an episode: with masks they are all as long
    settings = {"n_epochs": 8, "learning_rate": 1e-3, "ent_coef": 0.2, "gamma": 1.0, "gae_lambda": 1.0, **more}
    model = MaskablePPO(
        "MlpPolicy",
        RankedRewards(VecMonitor(SB3VecEnv(vector_env))),
        n_steps=num_steps,
        batch_size=num_steps * num_envs,
        seed=seed,
        device="cpu",
        **settings,
    )
    model.set_logger(Logger(folder=None, output_formats=[]))  # the default one makes a folder
    history = History()
    model.learn(evaluations * num_steps, callback=history)
    vector_env.close()
    return history.rows, model


def greedy_episode(model: MaskablePPO, env_id: str, env_keywords: dict[str, Any] | None = None) -> tuple[str, float]:
    """The architecture of the most likely choices, and its reward.

    It is none of the evaluations of the search.
    """
    env = gym.make(env_id, **(env_keywords or {}))
    observation, info = env.reset(seed=0)
    terminated, total = False, 0.0
    while not terminated:
        action, _ = model.predict(observation, action_masks=info["action_mask"].astype(bool), deterministic=True)
        observation, reward, terminated, _, info = env.step(action)
        total += float(reward)
    return info["arch"], total


def main() -> None:
    """Trains, and prints what came of it beside random search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env-id", default="nasgym/Digits-v0")
    parser.add_argument("--env-keywords", type=json.loads, default={}, help='JSON: {"reward": "accuracy", "target": null}')
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluations", type=int, default=300)
    args = parser.parse_args()
    history, model = train(args.env_id, args.seed, args.evaluations, args.env_keywords)
    rewards = np.array([reward for _, reward in history])
    fifth = max(1, len(rewards) // 5)
    print(f"mean reward: {rewards[:fifth].mean():.4f} in the first fifth, {rewards[-fifth:].mean():.4f} in the last fifth")
    arch, reward = greedy_episode(model, args.env_id, args.env_keywords)
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
