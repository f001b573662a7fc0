"""Local search: climb to a local optimum, then start again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np

from nasgym.agents.agent import Agent
from nasgym.agents.common.feasible import Draw, drawer, propose_feasible, within_limits
from nasgym.agents.disclosure import Disclosure
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.ledger import Ledger
from nasgym.type_aliases import Archs, Floats

__all__ = ["LocalSearch"]


@dataclass
class LocalSearch(Agent):
    """Hill climbing with restarts (White et al., 2005.02960).

    The paper is "Exploring the Loss Landscape in Neural Architecture Search".

    The climb begins at the best of `starts` uniform draws. Neighbours are queried one by one in
    random order, and the first one that is better becomes the new place; where none is, the search
    starts again with new draws. Better means a strictly larger reward. An architecture that was
    queried before is remembered, not queried again; only starting points are (the authors' code
    draws those again that it knows).

    Attributes:
        starts: Uniform draws before each climb; 10 as in the authors' code (naszilla).
        query_full_neighbourhood: Query all neighbours and move to the best, instead of to the first
            better one; off, as in the authors' code.
        reject: Draw starting points again that the constraint rules out, and pass over such
            neighbours, before they are evaluated; only where costs are free.
        draw: Starting points: ``"uniform"`` as in the paper; or ``"feasible"``: decision by
            decision, each choice uniform among those after which the constraint can still be met
            (`walk_feasible`); for tight limits.
    """

    name: ClassVar[str] = "local-search"
    starts: int = 10
    query_full_neighbourhood: bool = False
    reject: bool = False
    draw: Draw = "uniform"

    def __post_init__(self) -> None:
        if self.starts < 1:
            raise InvalidValue(f"starts must be at least 1, got {self.starts!r}.")
        if self.draw not in get_args(Draw):
            raise unknown_name("draw of local-search", self.draw, get_args(Draw))

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        return Disclosure(
            tuning="not tuned: 10 starts and the first better neighbour, as in the authors' code (naszilla, 2005.02960)",
            settings="none",
            choices="feasible in first draws" if self.draw == "feasible" else "legal",
            over_limit="rejected" if self.reject else "evaluated",
            reads_costs=self.reject or self.draw == "feasible",
            learns_from="rewards",
        )

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        known: dict[bytes, float] = {}
        draw = drawer(self.draw, ledger, rng)
        while True:
            points = propose_feasible(ledger, self.starts, draw) if self.reject else draw(self.starts)
            rewards = ledger.evaluate(points).reward
            known.update(zip((row.tobytes() for row in points), rewards.tolist(), strict=True))
            best = int(rewards.argmax())
            self._climb(ledger, rng, known, points[best], float(rewards[best]))

    def _climb(self, ledger: Ledger, rng: np.random.Generator, known: dict[bytes, float], arch: Archs, reward: float) -> None:
        """Episodes from one architecture to a local optimum."""
        at_once = None if self.query_full_neighbourhood else 1
        while True:
            neighbours, _ = ledger.space.neighbours(arch[None])
            if self.reject:
                neighbours = neighbours[within_limits(ledger, neighbours)]
            neighbours = rng.permutation(neighbours)
            step = at_once or max(1, len(neighbours))
            for first in range(0, len(neighbours), step):
                batch = neighbours[first : first + step]
                found = _rewards(ledger, known, batch)
                best = int(found.argmax())
                if found[best] > reward:
                    arch, reward = batch[best], float(found[best])
                    break
            else:
                return


def _rewards(ledger: Ledger, known: dict[bytes, float], archs: Archs) -> Floats:
    """``(N,)`` rewards; only what is not known yet is evaluated."""
    keys = [row.tobytes() for row in archs]
    new = [row for row, key in enumerate(keys) if key not in known]
    if new:
        found = ledger.evaluate(archs[new]).reward.tolist()
        known.update(zip((keys[row] for row in new), found, strict=True))
    return np.array([known[key] for key in keys])
