"""PPO in TorchRL on the native vector environment, with masked choices, beside random search.

    python examples/torchrl_ppo.py --evaluations 500 --seeds 3

Needs torchrl (`make test-clients` makes an environment with it in .side/torchrl). Read it from top
to bottom: settings, environment, networks, loop, comparison. Fifteen seconds on a CPU.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import ActionMask, GymWrapper, TransformedEnv
from torchrl.modules import MaskedCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

import nasgym
from nasgym.agents import make_agent
from nasgym.agents.common.reward_scale import RewardScale
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.wrappers import VectorMaskInObservation


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
    """Passes over a batch. The usual 10 make the policy repeat a few architectures early."""
    learning_rate: float = 1e-3
    """Above the usual 3e-4, because there are only 150 gradient steps."""
    entropy_weight: float = 0.1
    """High: a search is judged by its best architecture, so the policy must keep trying others."""
    clip: float = 0.2
    """Of the ratio of probabilities, as in the paper (1707.06347)."""
    hidden: int = 64
    """Units of each of two layers, as in the paper."""


def make_env(ledger: nasgym.Ledger, settings: Settings) -> TransformedEnv:
    """Architectures side by side, with one ledger that counts every evaluation."""
    # TorchRL resets the environments itself: it refuses Gymnasium's default mode, and observations
    # that are a Dict in SameStep
    env = NASVectorEnv(ledger, settings.num_envs, autoreset_mode="Disabled")
    env = VectorMaskInObservation.dialect(env, "torchrl")
    # ActionMask gives the mask to the action's spec as well, so that TorchRL's own random actions
    # are legal
    return TransformedEnv(GymWrapper(env, categorical_action_encoding=True), ActionMask())


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, outputs))


def search(problem: nasgym.Problem, settings: Settings, seed: int) -> nasgym.Ledger:
    """One run of PPO; the ledger has everything that it evaluated."""
    torch.manual_seed(seed)
    ledger = nasgym.Ledger(problem, nasgym.Budget("total", settings.evaluations), seed=seed)
    env = make_env(ledger, settings)
    env.set_seed(seed)

    width, choices = env.observation_spec["observation"].shape[-1], problem.space.max_choices
    logits = TensorDictModule(mlp(width, settings.hidden, choices), in_keys=["observation"], out_keys=["logits"])
    actor = ProbabilisticActor(
        logits,
        in_keys={"logits": "logits", "mask": "action_mask"},  # the policy cannot draw an illegal choice
        distribution_class=MaskedCategorical,
        spec=env.action_spec,
        return_log_prob=True,
    )
    critic = ValueOperator(mlp(width, settings.hidden, 1), in_keys=["observation"])
    # an episode is short and only its end is rewarded: no discount, and every choice is credited
    # with what was really reached
    advantage = GAE(gamma=1.0, lmbda=1.0, value_network=critic, average_gae=True)
    loss = ClipPPOLoss(actor, critic, clip_epsilon=settings.clip, entropy_coeff=settings.entropy_weight, critic_coeff=0.5)
    adam = torch.optim.Adam(loss.parameters(), lr=settings.learning_rate)

    # rewards of infeasible architectures lie far below all others; ranks among the last 100 keep
    # the differences at the top
    scale = RewardScale("rank", window=100)
    steps = problem.space.num_decisions * settings.num_envs
    updates = settings.evaluations // settings.num_envs
    collector = Collector(
        env, actor, frames_per_batch=steps, total_frames=updates * steps, auto_register_policy_transforms=True
    )
    for batch in collector:
        ended = batch["next", "terminated"]
        rewards = batch["next", "reward"]
        rewards[ended] = torch.as_tensor(scale(rewards[ended].double().numpy()), dtype=rewards.dtype)
        for _ in range(settings.epochs):
            advantage(batch)
            terms = loss(batch.reshape(-1))
            adam.zero_grad()
            (terms["loss_objective"] + terms["loss_critic"] + terms["loss_entropy"]).backward()
            nn.utils.clip_grad_norm_(loss.parameters(), 0.5)
            adam.step()
    collector.shutdown()
    return ledger


def main() -> None:
    """Runs PPO and random search with the same number of evaluations."""
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
        f"mean best reward after {len(history)} evaluations: PPO in TorchRL {np.mean(best):.4f}, random search {np.mean(random):.4f}; "
        f"regret {optimum - np.mean(best):.4f} and {optimum - np.mean(random):.4f}; {len(best)} and {len(random)} seeds"
    )


if __name__ == "__main__":
    main()
