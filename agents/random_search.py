"""Random search: the baseline that every other agent must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasgym.agents.agent import Agent
from nasgym.agents.rejection import propose_feasible
from nasgym.errors import InvalidValue
from nasgym.ledger import Ledger
from nasgym.spaces.space import Archs

__all__ = ["RandomSearch"]


@dataclass
class RandomSearch(Agent):
    """Uniform draws with replacement (as NATS-Bench's RANDOM, 2009.00437).

    Attributes:
        batch: Architectures drawn and evaluated at once; without `reject` the result does not depend on it.
        reject: Draw again what the constraint rules out, before it is evaluated; only where costs are free.
    """

    name: ClassVar[str] = "random"
    batch: int = 50
    reject: bool = False

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InvalidValue(f"batch must be at least 1, got {self.batch!r}.")

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        def draw(n: int) -> Archs:
            return ledger.space.sample(rng, n)

        while True:
            ledger.evaluate(propose_feasible(ledger, self.batch, draw) if self.reject else draw(self.batch))
