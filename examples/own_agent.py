"""An agent of your own in thirty lines: the cross-entropy method, beside random search.

    python examples/own_agent.py --seeds 20 --budget 300

Both have the same budget. A package of yours makes the agent known to `nasgym compare` with the
entry point ``nasgym.agents``; a script needs none.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import nasgym
from nasgym.agents import Agent, AskTellAgent, make_agent


@dataclass
class CrossEntropy(AskTellAgent):
    """Cross-entropy method (Rubinstein, 1999): draw, keep the best few, move towards them.

    The best few are those of all draws so far; what moves are the probabilities of the choices.

    Attributes:
        batch: Architectures drawn at once.
        elite: How many of the best so far the probabilities move towards.
        rate: How far they move, in (0, 1].
    """

    name: ClassVar[str] = "cross-entropy"
    batch: int = 10
    elite: int = 10
    rate: float = 0.1

    def start(self, ledger: nasgym.Ledger, rng: np.random.Generator) -> None:
        """Every choice is as likely as any other."""
        self._space, self._rng = ledger.space, rng
        self._p = np.full((ledger.space.num_decisions, ledger.space.max_choices), 1.0 / ledger.space.max_choices)
        self._archs, self._reward = np.empty((0, ledger.space.num_decisions), dtype=np.int8), np.empty(0)

    def ask(self) -> np.ndarray:
        """Draws decision by decision; the mask says what is legal after the earlier ones."""
        archs = np.full((self.batch, self._space.num_decisions), -1, dtype=np.int8)
        for t in range(self._space.num_decisions):
            odds = self._p[t] * self._space.mask(archs, t)
            draws = self._rng.random((self.batch, 1)) * odds.sum(axis=1, keepdims=True)
            archs[:, t] = (odds.cumsum(axis=1) <= draws).sum(axis=1)
        return archs

    def tell(self, archs: np.ndarray, evaluations: nasgym.Evaluations) -> None:
        """Moves towards the elite."""
        self._archs, self._reward = np.concatenate([self._archs, archs]), np.append(self._reward, evaluations.reward)
        elite = self._archs[np.argsort(-self._reward, kind="stable")[: self.elite]]
        shares = (elite[:, :, None] == np.arange(self._space.max_choices)).mean(axis=0)
        self._p += self.rate * (shares - self._p)


def best_rewards(agent: Agent, problem: nasgym.Problem, budget: int, seeds: int) -> np.ndarray:
    """``(seeds,)`` the best reward of each search."""
    spend = nasgym.Budget("total", budget)  # repeats are paid for, by both
    return np.array([agent.search(problem, budget=spend, seed=seed).best_reward for seed in range(seeds)])


def main() -> None:
    """Runs both agents with the same seeds and prints the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=300, help="evaluations, repeats included")
    args = parser.parse_args()
    problem = nasgym.make_problem("nasgym/Digits-v0")
    mine = best_rewards(CrossEntropy(), problem, args.budget, args.seeds)
    random = best_rewards(make_agent("random"), problem, args.budget, args.seeds)
    print(f"better than random search with {(mine > random).sum()} seeds, worse with {(mine < random).sum()} of {args.seeds}")
    print(
        f"mean best reward after {args.budget} evaluations: cross-entropy {mine.mean():.4f}, random search {random.mean():.4f}; "
        f"optimum {problem.optimum().reward:.4f}"
    )


if __name__ == "__main__":
    main()
