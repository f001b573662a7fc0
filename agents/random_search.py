"""Random search: the baseline that every other agent must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasgym.agents.agent import Agent
from nasgym.errors import InvalidValue
from nasgym.ledger import Ledger

__all__ = ["RandomSearch"]


@dataclass
class RandomSearch(Agent):
    """Uniform draws with replacement (as NATS-Bench's RANDOM, 2009.00437).

    Attributes:
        batch: Architectures drawn and evaluated at once; the result does not depend on it.
    """

    name: ClassVar[str] = "random"
    batch: int = 50

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InvalidValue(f"batch must be at least 1, got {self.batch!r}.")

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        while True:
            ledger.evaluate(ledger.space.sample(rng, self.batch))
