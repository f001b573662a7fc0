"""Regularized (aging) evolution: mutate the best of a sample, and let the oldest die."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasgym.agents.agent import AskTellAgent
from nasgym.agents.operators import mutation
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
    """

    name: ClassVar[str] = "regularized-evolution"
    population: int = 50
    sample: int = 10
    mutation: str = "neighbour"

    def __post_init__(self) -> None:
        if self.population < 1:
            raise InvalidValue(f"population must be at least 1, got {self.population!r}.")
        if self.sample < 1:
            raise InvalidValue(f"sample must be at least 1, got {self.sample!r}; members are drawn with replacement.")
        mutation(self.mutation)

    def start(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Draws the first population."""
        self._space, self._rng, self._mutate = ledger.space, rng, mutation(self.mutation)
        # a ring: the next child takes the place of the oldest
        self._members = ledger.space.sample(rng, self.population)
        self._fitness = np.full(self.population, -np.inf)
        self._oldest = 0
        self._begun = False

    def ask(self) -> Archs:
        """The whole first population, then one child at a time."""
        if not self._begun:
            return self._members
        drawn = self._rng.integers(0, self.population, self.sample)
        parent = drawn[self._fitness[drawn].argmax()]
        return self._mutate(self._space, self._members[parent : parent + 1], self._rng)

    def tell(self, archs: Archs, evaluations: Evaluations) -> None:
        """Lets the newcomers in and the oldest die."""
        if not self._begun:
            self._fitness, self._begun = evaluations.reward.copy(), True
            return
        for arch, reward in zip(archs, evaluations.reward.tolist(), strict=True):
            self._members[self._oldest], self._fitness[self._oldest] = arch, reward
            self._oldest = (self._oldest + 1) % self.population
