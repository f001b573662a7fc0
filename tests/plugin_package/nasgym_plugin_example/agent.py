"""An agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasgym import Ledger
from nasgym.agents import Agent


@dataclass
class CoordinateSearch(Agent):
    """Takes the best choice of one decision after the other, in random order.

    It starts from a random architecture, and then from another one.

    Attributes:
        rounds: How often the decisions are gone through at most; a round without a gain is the
            last.
    """

    name: ClassVar[str] = "coordinate-search"
    rounds: int = 3

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        space = ledger.space
        while True:  # the ledger ends it
            arch = space.sample(rng, 1)
            reward = ledger.evaluate(arch).reward[0]
            for _ in range(self.rounds):
                before = reward
                for decision in rng.permutation(space.num_decisions):
                    others = self._others(space, arch, decision)
                    if len(others):
                        rewards = ledger.evaluate(others).reward
                        if rewards.max() > reward:
                            arch, reward = others[[rewards.argmax()]], rewards.max()
                if reward == before:
                    break

    def _others(self, space, arch: np.ndarray, decision: int) -> np.ndarray:
        """The architectures that differ in one decision; what it switches off is cleared."""
        choices = np.flatnonzero(space.mask(arch, decision)[0])
        others = np.repeat(arch, len(choices), axis=0)
        others[:, decision] = choices
        others = space.canonical(others[choices != arch[0, decision]])
        return others[space.is_valid(others)]
