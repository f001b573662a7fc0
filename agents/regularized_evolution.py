"""Regularized (aging) evolution: mutate the best of a sample, and let the oldest die."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasgym.agents.agent import AskTellAgent
from nasgym.agents.operators import mutation
from nasgym.agents.rejection import propose_feasible
from nasgym.errors import InvalidValue
from nasgym.ledger import Ledger
from nasgym.problem import Evaluations
from nasgym.spaces.space import Archs

__all__ = ["RegularizedEvolution"]


@dataclass
class RegularizedEvolution(AskTellAgent):
    """Aging evolution (Real et al., "Regularized Evolution for Image Classifier Architecture Search", 1802.01548).

    The fitness is the reward. The population begins with uniform draws; then, for ever: `sample` members are drawn uniformly
    with replacement, the best of them (the first drawn of equals) is mutated, its child joins and the oldest member leaves,
    however good it is.

    Attributes:
        population: P = 50, as in the NATS-Bench harness of PyGlove, one of whose authors is an author of LayerNAS. (The paper's
            ImageNet search is remembered as P = 100, its published notebook uses 100.)
        sample: S = 10, from the same harness. (Paper as remembered: 25; notebook: 10.)
        mutation: ``"neighbour"``: a uniformly drawn neighbour; or ``"nats-bench"``: as NATS-Bench's own code mutates, for
            its two spaces only (with ``population=10, sample=3`` this is its "REA").
        reject: Draw and mutate again what the constraint rules out, before it is evaluated; only where costs are free.
    """

    name: ClassVar[str] = "regularized-evolution"
    population: int = 50
    sample: int = 10
    mutation: str = "neighbour"
    reject: bool = False

    def __post_init__(self) -> None:
        if self.population < 1:
            raise InvalidValue(f"population must be at least 1, got {self.population!r}.")
        if self.sample < 1:
            raise InvalidValue(f"sample must be at least 1, got {self.sample!r}; members are drawn with replacement.")
        mutation(self.mutation)

    def start(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Draws the first population."""
        self._ledger, self._rng, self._mutate = ledger, rng, mutation(self.mutation)
        # a ring: the next child takes the place of the oldest
        self._members = self._propose(self.population, lambda n: ledger.space.sample(rng, n))
        self._fitness = np.full(self.population, -np.inf)
        self._oldest = 0
        self._begun = False

    def ask(self) -> Archs:
        """The whole first population, then one child at a time."""
        if not self._begun:
            return self._members
        drawn = self._rng.integers(0, self.population, self.sample)
        parent = drawn[self._fitness[drawn].argmax()]
        chosen = self._members[parent : parent + 1]
        return self._propose(1, lambda _: self._mutate(self._ledger.space, chosen, self._rng))

    def _propose(self, n: int, draw: Callable[[int], Archs]) -> Archs:
        return propose_feasible(self._ledger, n, draw) if self.reject else draw(n)

    def tell(self, archs: Archs, evaluations: Evaluations) -> None:
        """Lets the newcomers in and the oldest die."""
        if not self._begun:
            self._fitness, self._begun = evaluations.reward.copy(), True
            return
        for arch, reward in zip(archs, evaluations.reward.tolist(), strict=True):
            self._members[self._oldest], self._fitness[self._oldest] = arch, reward
            self._oldest = (self._oldest + 1) % self.population
