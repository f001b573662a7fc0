"""An agent that recommends what it has never evaluated: the best by a model of a few networks.

    python examples/recommending_agent.py --seeds 20

It evaluates 40 random networks, charges 100 seconds for the work on its model, and recommends the
network that the model likes best. The recommendation costs nothing and is looked up after the
search; the best of the 40, which is what random search answers, stands beside it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import nasgym
from nasgym.agents import Agent


@dataclass
class AdditiveFit(Agent):
    """Ridge regression of the accuracy on the choices, and the best network within the limit by it.

    Attributes:
        evaluations: Random networks to fit to.
        seconds: Simulated seconds to charge for the model.
        ridge: Strength of the penalty on the weights.
    """

    name: ClassVar[str] = "additive-fit"
    evaluations: int = 40
    seconds: float = 100.0
    ridge: float = 1.0

    def _search(self, ledger: nasgym.Ledger, rng: np.random.Generator) -> None:
        """One network after the other, so that an interrupted search has lost none."""
        self._fitted: np.ndarray | None = None
        # distinct ones, whatever the budget counts
        every = ledger.space.enumerate()
        archs = every[rng.permutation(len(every))[: self.evaluations]]
        accuracy = np.concatenate([ledger.evaluate(arch[None]).accuracy for arch in archs])
        ledger.charge(self.seconds, "simulated")
        seen = _one_hot(ledger.space, archs)
        gram = seen.T @ seen + self.ridge * np.eye(seen.shape[1])
        self._fitted = np.linalg.solve(gram, seen.T @ (accuracy - accuracy.mean()))

    def _recommend(self, ledger: nasgym.Ledger) -> np.ndarray | None:
        """The best network by the model; nothing where the budget ended before there was one."""
        if self._fitted is None:
            return None
        every, limit = ledger.space.enumerate(), ledger.constraint
        if limit is not None:
            every = every[limit.holds(ledger.costs(every)[limit.cost])]
        predicted = _one_hot(ledger.space, every) @ self._fitted
        return np.asarray(every[int(predicted.argmax())])


def _one_hot(space: nasgym.SearchSpace, archs: np.ndarray) -> np.ndarray:
    """``(N, features)`` a one for every choice that an architecture has made."""
    return (archs[:, :, None] == np.arange(space.max_choices)).reshape(len(archs), -1).astype(np.float64)


def main() -> None:
    """Runs the agent with many seeds; compares what it recommends with the best it evaluated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    problem = nasgym.make_problem("nasgym/Digits-v0")
    found = [AdditiveFit().search(problem, budget=60, seed=seed) for seed in range(args.seeds)]
    recommended = problem.mean_rewards(np.stack([result.best_arch for result in found]))
    observed = np.array([result.history.reward.max() for result in found])
    unseen = sum(not result.evaluated for result in found)
    print(f"{unseen} of {args.seeds} recommended networks were never evaluated")
    print(
        f"mean reward after {len(found[0].history)} evaluations: recommended {recommended.mean():.4f}, random search "
        f"{observed.mean():.4f}; optimum {problem.optimum().reward:.4f}"
    )


if __name__ == "__main__":
    main()
