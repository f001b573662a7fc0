"""Random search: the baseline that every other agent must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np

from nasgym.agents.agent import Agent
from nasgym.agents.common.feasible import Draw, drawer, propose_feasible
from nasgym.agents.disclosure import Disclosure
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.ledger import Ledger

__all__ = ["RandomSearch"]


@dataclass
class RandomSearch(Agent):
    """Uniform draws with replacement (as NATS-Bench's RANDOM, 2009.00437).

    Attributes:
        batch: Architectures drawn and evaluated at once; without `reject` the result does not
            depend on it.
        reject: Draw again what the constraint rules out, before it is evaluated; only where costs
            are free.
        draw: ``"uniform"``; or ``"feasible"``: decision by decision, each choice uniform among
            those after which the constraint can still be met (`walk_feasible`); for limits that
            hardly any uniform draw meets.
    """

    name: ClassVar[str] = "random"
    batch: int = 50
    reject: bool = False
    draw: Draw = "uniform"

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InvalidValue(f"batch must be at least 1, got {self.batch!r}.")
        if self.draw not in get_args(Draw):
            raise unknown_name("draw of random", self.draw, get_args(Draw))

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        return Disclosure(
            tuning="nothing to tune: draws with replacement, as NATS-Bench's RANDOM (2009.00437)",
            settings="none",
            choices="feasible" if self.draw == "feasible" else "legal",
            over_limit="rejected" if self.reject or self.draw == "feasible" else "evaluated",
            reads_costs=self.reject or self.draw == "feasible",
            learns_from="nothing",
        )

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        draw = drawer(self.draw, ledger, rng)
        while True:
            ledger.evaluate(propose_feasible(ledger, self.batch, draw) if self.reject else draw(self.batch))
