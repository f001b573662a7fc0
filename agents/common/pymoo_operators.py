"""Operators of pymoo's genetic algorithms on architectures, as one option index for each layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.sampling import Sampling

from nasgym.agents.common.feasible import Draw, drawer, propose_feasible
from nasgym.ledger.ledger import Ledger
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["DrawnArchitectures", "LayerMutation", "NewOnly"]


class DrawnArchitectures(Sampling):  # type: ignore[misc]  # pymoo ships no types, its classes are Any
    """Architectures of `draw`, with uniform options for the layers that they do not reach."""

    def __init__(self, ledger: Ledger, draw: Draw, reject: bool) -> None:
        super().__init__()
        self.ledger, self.space, self.draw, self.reject = ledger, ledger.space, draw, reject

    def _do(self, problem: Any, n_samples: int, *args: Any, random_state: np.random.Generator, **kwargs: Any) -> Ints:
        draw = drawer(self.draw, self.ledger, random_state)
        archs = propose_feasible(self.ledger, n_samples, draw) if self.reject else draw(n_samples)
        options = self.space.to_options(archs)
        if self.space.stops is None:
            return options
        counts = [layer.count for layer in self.space.layers]
        return np.where(self.space.stops.reached(archs), options, random_state.integers(0, counts, size=options.shape))


class LayerMutation(Mutation):  # type: ignore[misc]  # pymoo ships no types, its classes are Any
    """Gives each layer, with the same probability, another of its options."""

    def __init__(self, options: Ints, probability: float) -> None:
        super().__init__()
        self.options, self.probability = options, probability

    def _do(self, problem: Any, X: Ints, *args: Any, random_state: np.random.Generator, **kwargs: Any) -> Ints:
        hit = (random_state.random(X.shape) < self.probability) & (self.options > 1)
        # a step of 1 to m - 1 around the circle of m options never ends where it began
        step = random_state.integers(1, np.maximum(self.options, 2), size=X.shape)
        return np.where(hit, (X + step) % self.options, X)


class NewOnly(DuplicateElimination):  # type: ignore[misc]  # pymoo ships no types, its classes are Any
    """Drops networks that were evaluated before or repeat within a batch, by canonical form.

    Also those that are not `allowed`, a function of ``(N, D)`` architectures, if there is one.
    """

    def __init__(self, space: SearchSpace, allowed: Callable[[Archs], Bools] | None) -> None:
        super().__init__()
        self.space, self.allowed = space, allowed
        self.evaluated: set[bytes] = set()

    def forms(self, individuals: Population) -> list[bytes]:
        """The canonical form of each individual."""
        return [row.tobytes() for row in self.space.canonical(self.space.from_options(individuals.get("X")))]

    def add(self, individuals: Population) -> None:
        """Remembers what was evaluated."""
        self.evaluated.update(self.forms(individuals))

    def _do(self, pop: Population, other: Population | None, is_duplicate: Bools) -> Bools:
        seen = self.evaluated.copy() if other is None else set(self.forms(other))
        for i, form in enumerate(self.forms(pop)):
            is_duplicate[i] = form in seen
            if other is None:
                seen.add(form)
        if other is None and self.allowed is not None:
            is_duplicate |= ~self.allowed(self.space.from_options(pop.get("X")))
        return is_duplicate
