"""Regularized (aging) evolution: mutate the best of a sample, and let the oldest die."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np

from nasgym.agents.agent import AskTellAgent
from nasgym.agents.common.feasible import Draw, drawer, make_feasible, propose_feasible, within_limits
from nasgym.agents.common.mutation import mutation
from nasgym.agents.disclosure import Disclosure
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.ledger import Ledger
from nasgym.problems.evaluation import Evaluations
from nasgym.type_aliases import Archs

__all__ = ["RegularizedEvolution"]

# mutants of a parent that are looked at together for one that is new
AT_ONCE = 32
# such rounds, before the parent is proposed again: then the neighbourhood is as good as used up
ROUNDS = 32


@dataclass
class RegularizedEvolution(AskTellAgent):
    """Aging evolution (Real et al., 1802.01548).

    The paper is "Regularized Evolution for Image Classifier Architecture Search".

    The fitness is the reward. The population begins with uniform draws; then, forever: `sample`
    members are drawn uniformly with replacement, the best of them (the first drawn of equals) is
    mutated, its child joins and the oldest member leaves, however good it is.

    Attributes:
        population: P = 50, as in the NATS-Bench harness of PyGlove, one of whose authors is an
            author of LayerNAS. (The paper's ImageNet search is remembered as P = 100, its published
            notebook uses 100.)
        sample: S = 10, from the same harness. (Paper as remembered: 25; notebook: 10.)
        mutation: ``"neighbour"``: a uniformly drawn neighbour; ``"choice"``: another choice of a
            uniformly drawn active decision (the same thing except in spaces with depths, where most
            neighbours are deeper); ``"nats-bench"``: as NATS-Bench's own code mutates, for its two
            spaces only (with ``population=10, sample=3`` this is its "REA").
        reject: Draw and mutate again what the constraint rules out, before it is evaluated; only
            where costs are free.
        draw: The first population: ``"uniform"`` as in the paper; or ``"feasible"``: decision by
            decision, each choice uniform among those after which the constraint can still be met
            (`walk_feasible`); for tight limits.
        edits: Mean number of mutations that make a child, 1 + Poisson(edits - 1). 1 is the paper's.
            With a limit that binds, a single edit can only make a network cheaper or break the
            limit; two can also move cost from one place to another.
        repeats: Propose again what was proposed before. Without, a parent is mutated until the
            child is new (where 1,024 mutants were not, the parent itself is proposed): for budgets
            that count repeats.
        batch: Children made of one state of the population, as by workers side by side; 1 makes one
            after the other.
    """

    name: ClassVar[str] = "regularized-evolution"
    population: int = 50
    sample: int = 10
    mutation: str = "neighbour"
    reject: bool = False
    draw: Draw = "uniform"
    edits: float = 1.0
    repeats: bool = True
    batch: int = 1

    def __post_init__(self) -> None:
        if self.population < 1:
            raise InvalidValue(f"population must be at least 1, got {self.population!r}.")
        if self.sample < 1:
            raise InvalidValue(f"sample must be at least 1, got {self.sample!r}; members are drawn with replacement.")
        if not (np.isfinite(self.edits) and self.edits >= 1):
            raise InvalidValue(f"edits is a mean number of mutations, at least 1, got {self.edits!r}.")
        if self.batch < 1:
            raise InvalidValue(f"batch must be at least 1, got {self.batch!r}.")
        if self.draw not in get_args(Draw):
            raise unknown_name("draw of regularized-evolution", self.draw, get_args(Draw))
        mutation(self.mutation)

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        return Disclosure(
            tuning=(
                "not tuned: population 50 and sample 10 of NATS-Bench's harness of PyGlove (paper, as remembered: 100 and 25 for 20,000 "
                "models; NATS-Bench's own code: 10 and 3), the paper's single edits (1802.01548)"
            ),
            settings="none",
            choices="feasible in first draws" if self.draw == "feasible" else "legal",
            over_limit="rejected" if self.reject else "evaluated",
            reads_costs=self.reject or self.draw == "feasible",
            learns_from="rewards",
        )

    def start(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Draws the first population."""
        self._ledger, self._rng, self._mutate = ledger, rng, mutation(self.mutation)
        draw = drawer(self.draw, ledger, rng)
        # a ring: the next child takes the place of the oldest
        self._members = propose_feasible(ledger, self.population, draw) if self.reject else draw(self.population)
        self._fitness = np.full(self.population, -np.inf)
        self._proposed = {row.tobytes() for row in self._members}
        self._oldest = 0
        self._begun = False

    def ask(self) -> Archs:
        """The whole first population, then `batch` children at a time."""
        if not self._begun:
            return self._members
        drawn = self._rng.integers(0, self.population, (self.batch, self.sample))
        best = self._fitness[drawn].argmax(axis=1)
        parents = self._members[drawn[np.arange(self.batch), best]]
        if not self.repeats:
            return self._new_mutants(parents)
        return make_feasible(self._ledger, parents, self._mutants) if self.reject else self._mutants(parents)

    def _mutants(self, parents: Archs) -> Archs:
        """``(N, D)`` a mutant of each parent."""
        mutants = self._mutate(self._ledger.space, parents, self._rng)
        if self.edits > 1:
            further = self._rng.poisson(self.edits - 1, len(parents))
            for edit in range(further.max()):
                more = further > edit
                mutants[more] = self._mutate(self._ledger.space, mutants[more], self._rng)
        return mutants

    def _new_mutants(self, parents: Archs) -> Archs:
        """``(N, D)`` a mutant of each parent that was not proposed before.

        It is the parent itself where many tries found none.
        """
        children = parents.copy()  # known, and feasible where that is asked for
        missing = np.arange(len(parents))
        for _ in range(ROUNDS):
            mutants = self._mutants(np.repeat(parents[missing], AT_ONCE, axis=0))
            allowed = within_limits(self._ledger, mutants) if self.reject else np.ones(len(mutants), dtype=bool)
            found = np.zeros(len(missing), dtype=bool)
            for row in np.flatnonzero(allowed).tolist():
                owner, form = row // AT_ONCE, mutants[row].tobytes()
                if not found[owner] and form not in self._proposed:
                    children[missing[owner]], found[owner] = mutants[row], True
                    self._proposed.add(form)
            missing = missing[~found]
            if len(missing) == 0:
                break
        return children

    def tell(self, archs: Archs, evaluations: Evaluations) -> None:
        """Lets the newcomers in and the oldest die."""
        if not self._begun:
            self._fitness, self._begun = evaluations.reward.copy(), True
            return
        for arch, reward in zip(archs, evaluations.reward.tolist(), strict=True):
            self._members[self._oldest], self._fitness[self._oldest] = arch, reward
            self._oldest = (self._oldest + 1) % self.population
