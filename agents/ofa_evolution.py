"""Once-for-All's evolutionary finder: the best quarter stays and has a hundred children.

None of the children is over the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasgym.agents.agent import AskTellAgent
from nasgym.agents.common.feasible import make_feasible, propose_feasible
from nasgym.agents.common.mutation import draw_choices
from nasgym.agents.disclosure import Disclosure
from nasgym.errors import InvalidValue
from nasgym.ledger.ledger import Ledger
from nasgym.problems.evaluation import Evaluations
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Ints

__all__ = ["OFAEvolution"]

# draws in a round of the first population: at tight limits one in a thousand is feasible
AT_ONCE = 1000


@dataclass
class OFAEvolution(AskTellAgent):
    """The evolutionary search of Once-for-All (Cai et al., 1908.09791).

    It follows the ``EvolutionFinder`` of the published code.

    The first population is drawn. In each generation the best stay as parents and have children,
    some by mutation and some by crossover; a child's parents are drawn uniformly with replacement.
    The best of parents and children are the next parents. The fitness is the reward. What the
    constraint rules out is made again, from the same parents, before it is evaluated. The published
    search runs 500 generations (50,100 evaluations); here the budget ends it.

    An individual has a choice for every decision, also for inactive ones (the blocks beyond a
    stage's depth): these are inherited and mutated as the others, and come to life when a deeper
    stage needs them. The first population has a uniform choice for each decision, so that each
    depth is as likely as the others.

    A mutation draws each gene again with probability `mutation`, uniformly from what is allowed,
    the old choice included. A gene is the decisions that have their name up to the last dot in
    common: kernel and expansion of a block are one gene, the depth of a stage is one, and the
    resolution. Crossover takes each decision from either of two parents, which may be the same.

    Attributes:
        population: Members of the first population, and children in each generation; 100.
        parents: Part of `population` that stays; 0.25.
        mutants: Part of the children that are mutants, the others are crossed; 0.5.
        mutation: Probability of each gene; 0.1 (the published tutorial's; the library draws the
            resolution with 0.5).
        reject: Make again what the constraint rules out, as published; costs that are not free are
            not asked for, and nothing is rejected then.
    """

    name: ClassVar[str] = "ofa-evolution"
    population: int = 100
    parents: float = 0.25
    mutants: float = 0.5
    mutation: float = 0.1
    reject: bool = True

    def __post_init__(self) -> None:
        if self.population < 2:
            raise InvalidValue(
                f"population must be at least 2, for a mutant and a child of two parents; got {self.population!r}."
            )
        if not 0.0 < self.parents <= 1.0:
            raise InvalidValue(f"parents is a part of the population, above 0 and up to 1, got {self.parents!r}.")
        for name in ("mutants", "mutation"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidValue(f"{name} must lie in [0, 1], got {getattr(self, name)!r}.")

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        return Disclosure(
            tuning=(
                "not tuned: the published EvolutionFinder (1908.09791), with the tutorial's mutation rate of 0.1; its searches make 50,100 "
                "evaluations"
            ),
            settings="none",
            choices="legal",
            over_limit="rejected" if self.reject else "evaluated",
            reads_costs=self.reject,
            learns_from="rewards",
        )

    def start(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Prepares a new search; what an earlier one learnt is dropped."""
        self._ledger, self._space, self._rng = ledger, ledger.space, rng
        self._rejects = self.reject and ledger.free_costs
        self._genes = _genes(ledger.space)
        self._parents = np.zeros((0, ledger.space.num_decisions), dtype=np.int8)
        self._fitness = np.zeros(0)

    def ask(self) -> Archs:
        """``(population, D)`` the first population, then the children of each generation."""
        if len(self._parents) == 0:
            self._asked = self._drawn()
        else:
            mutants = round(self.mutants * self.population)
            children = [self._made(mutants, 1, self._mutate), self._made(self.population - mutants, 2, self._cross)]
            self._asked = np.concatenate(children)
        return self._space.clear_inactive(self._asked)

    def tell(self, archs: Archs, evaluations: Evaluations) -> None:
        """Keeps the best of parents and children.

        Among equals, parents and earlier children go first.
        """
        members = np.concatenate([self._parents, self._asked])
        fitness = np.concatenate([self._fitness, evaluations.reward])
        best = np.argsort(-fitness, kind="stable")[: max(1, round(self.parents * self.population))]
        self._parents, self._fitness = members[best], fitness[best]

    def _drawn(self) -> Archs:
        """``(population, D)`` the first population."""

        def draw(n: int) -> Archs:
            return draw_choices(self._space, self._rng, n)

        if not self._rejects:
            return draw(self.population)
        return propose_feasible(self._ledger, self.population, draw, at_least=AT_ONCE)

    def _made(self, n: int, parents: int, make: Callable[[Archs], Archs]) -> Archs:
        """``(n, D)`` children; `make` makes some of their ``(n, parents, D)`` parents."""
        of = self._parents[self._rng.integers(0, len(self._parents), size=(n, parents))]
        return make_feasible(self._ledger, of, make) if self._rejects else make(of)

    def _mutate(self, of: Archs) -> Archs:
        hit = self._rng.random((len(of), len(np.unique(self._genes)))) < self.mutation
        return np.where(hit[:, self._genes], draw_choices(self._space, self._rng, len(of)), of[:, 0])

    def _cross(self, of: Archs) -> Archs:
        first = self._rng.random((len(of), of.shape[2])) < 0.5
        return np.where(first, of[:, 0], of[:, 1])


def _genes(space: SearchSpace) -> Ints:
    """``(D,)`` the gene that each decision belongs to, counted from 0."""
    owners = [name.rpartition(".")[0] or name for name in space.names]
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners))}
    return np.array([numbers[owner] for owner in owners])
