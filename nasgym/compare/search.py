"""`Search`: one search of a comparison: agent, seed and, on a grid of targets, target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Search"]


@dataclass(frozen=True)
class Search:
    """One search.

    Attributes:
        agent: Name of the agent.
        seed: As it was asked for.
        target: In the unit of the cost; None where the comparison has no grid of targets.
    """

    agent: str
    seed: int
    target: float | None = None

    @property
    def drawn_seed(self) -> int:
        """The seed with which agent and ledger start; ``nasgym search --seed`` takes it, too.

        On a grid it depends on the target: with one seed for all targets, chance would not average
        out over them (random search would try the same architectures at each).
        """
        if self.target is None:
            return self.seed
        words = np.array([self.target], dtype="<f8").view("<u4")
        made = np.random.SeedSequence([self.seed, *words.tolist()])
        return int(made.generate_state(1)[0])
