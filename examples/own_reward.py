"""A reward rule of your own, without a package around it.

    python examples/own_reward.py

A rule is a frozen dataclass of numbers, and a `Problem` uses it.
`make_problem` takes rules by name, since its keywords must fit into JSON. A script takes the
problem of an id apart and puts it together again with another rule. A package of yours makes the
rule known by name with the entry point ``nasgym.rules``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import ClassVar

import gymnasium as gym
import numpy as np

import nasgym
from nasgym.agents import make_agent
from nasgym.rewards import CostScale, RewardRule


@dataclass(frozen=True)
class Priced(RewardRule):
    """R = A - price (C - C_least) / (C_largest - C_least).

    Every bit of cost has its price, and there is no target.

    Attributes:
        price: How much more accurate the most expensive architecture must be than the cheapest to
            be worth as much.
    """

    name: ClassVar[str] = "priced"
    needs_target: ClassVar[bool] = False
    price: float = 0.1

    def _reward(self, accuracy: np.ndarray, cost: np.ndarray, scale: CostScale) -> np.ndarray:
        return accuracy - self.price * (cost - scale.least) / (scale.largest - scale.least)


def main() -> None:
    """Searches with three prices; the higher the price, the cheaper the network that wins."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=200, help="evaluations, each architecture counted once")
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    base = nasgym.make_problem("nasgym/Digits-v0", reward="accuracy")
    for price in (0.01, 0.1, 0.3):
        problem = nasgym.Problem(base.space, base.accuracy, list(base.cost_oracles.values()), Priced(price=price))
        result = make_agent("regularized-evolution").search(problem, budget=args.budget, seed=0)
        print(
            f"price {price}: {base.space.to_str(result.best_arch[None])[0]}, accuracy {result.best_accuracy:.1%}, "
            f"{result.best_costs['macs']:,.0f} MACs"
        )

    problem = nasgym.Problem(base.space, base.accuracy, list(base.cost_oracles.values()), Priced())
    env = gym.make("nasgym/Digits-v0", problem=problem)  # the same rule, in the environment
    _, info = env.reset(seed=0)
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(int(info["action_mask"].argmax()))
    print(f"an episode of first choices: {info['arch']}, reward {reward:.4f}")

    found = {
        agent: np.mean([make_agent(agent).search(problem, budget=args.budget, seed=s).best_reward for s in range(args.seeds)])
        for agent in ("regularized-evolution", "random")
    }
    print(
        f"mean best reward after {args.budget} evaluations: regularized evolution {found['regularized-evolution']:.4f}, "
        f"random search {found['random']:.4f}; optimum {problem.optimum().reward:.4f}"
    )


if __name__ == "__main__":
    main()
