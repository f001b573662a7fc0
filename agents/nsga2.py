"""NSGA-II: a population that keeps the trade-off between qualities and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np

from nasgym.agents.agent import AskTellAgent
from nasgym.agents.common.feasible import Draw, within_limits
from nasgym.agents.disclosure import Disclosure
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.ledger import Ledger
from nasgym.problems.evaluation import Constraint, Evaluations, Objective
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["NSGA2", "Aim"]

Aim: TypeAlias = Literal["objectives", "reward"]


@dataclass
class NSGA2(AskTellAgent):
    """Non-dominated sorting with crowding distance (Deb et al., 2002).

    The paper is "A fast and elitist multiobjective genetic algorithm".

    Optimises the problem's objectives, one or several (their weights do not count); among
    architectures that miss the constraint, the one that misses it by less wins. The reward decides
    only which charged architecture is the answer. So where agents are compared by reward and the
    cost is an objective, too, it spends evaluations on the rest of the front; with ``aim="reward"``
    it does not.

    An individual is one option index for each layer, not one choice for each decision: every
    exchange and every change of a whole layer is then a valid architecture, so no repair is needed.
    In a space with stops an individual also has options for layers that it does not reach, which
    come to life in longer children. A network that was evaluated once is never proposed again; the
    search ends where mating finds no new one.

    Attributes:
        population: Architectures in a generation. The paper uses 100 over 250 generations; 20 is
            this library's choice, so that budgets of a few hundred evaluations reach more than a
            handful of generations.
        crossover: Probability that two parents exchange layers (each with probability 1/2), else
            they are copied; 0.9 as in the paper.
        mutation: Probability that a layer takes another of its options, uniformly; None is 1 /
            number of layers, the paper's rate.
        reject: Draw again what the constraint rules out, before it is evaluated; only where costs
            are free. Children that are ruled out are dropped like repeated ones, and mating goes on
            for up to 100 rounds, so a generation may be smaller.
        draw: The first population: ``"uniform"``; or ``"feasible"``: decision by decision, each
            choice uniform among those after which the constraint can still be met
            (`walk_feasible`); for tight limits.
        aim: ``"objectives"``: the whole front of the problem's objectives, as in the paper; or
            ``"reward"``: the best reward alone, a genetic algorithm with the same operators.
    """

    name: ClassVar[str] = "nsga2"
    needs: ClassVar[tuple[str, ...]] = ("pymoo",)
    population: int = 20
    crossover: float = 0.9
    mutation: float | None = None
    reject: bool = False
    draw: Draw = "uniform"
    aim: Aim = "objectives"

    def __post_init__(self) -> None:
        if self.population < 2:
            raise InvalidValue(f"population must be at least 2, got {self.population!r}.")
        for field, value in (("crossover", self.crossover), ("mutation", self.mutation)):
            if value is not None and not 0 <= value <= 1:
                raise InvalidValue(f"{field} is a probability from 0 to 1, got {value!r}.")
        if self.draw not in get_args(Draw):
            raise unknown_name("draw of nsga2", self.draw, get_args(Draw))
        if self.aim not in get_args(Aim):
            raise unknown_name("aim of nsga2", self.aim, get_args(Aim))

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        for_front = self.aim == "objectives"
        looks_for = "the front of the objectives, whatever the reward" if for_front else "the best reward alone"
        return Disclosure(
            tuning=(
                "population 20 is this library's choice for a few hundred evaluations (paper: 100 for 25,000); crossover 0.9 and one "
                f"mutation a child as in the paper (Deb et al., 2002); it looks for {looks_for}"
            ),
            settings="not recorded",
            choices="feasible in first draws" if self.draw == "feasible" else "legal",
            over_limit="rejected" if self.reject else "evaluated",
            reads_costs=self.reject or self.draw == "feasible",
            learns_from="objectives and costs" if for_front else "rewards and costs",
        )

    def start(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Prepares a new search; what an earlier one learnt is dropped."""
        from pymoo.algorithms.moo.nsga2 import NSGA2 as PymooNSGA2
        from pymoo.core.problem import Problem as PymooProblem
        from pymoo.core.termination import NoTermination
        from pymoo.operators.crossover.ux import UX

        from nasgym.agents.common.pymoo_operators import DrawnArchitectures, LayerMutation, NewOnly

        self._space, self._objectives, self._constraint = ledger.space, ledger.objectives, ledger.constraint
        options = np.array([layer.count for layer in self._space.layers])
        self._problem = PymooProblem(
            n_var=len(options),
            n_obj=len(self._objectives) if self.aim == "objectives" else 1,
            n_ieq_constr=len(_limits(self._constraint)),
            xl=0,
            xu=options - 1,
            vtype=int,
        )
        allowed = partial(within_limits, ledger) if self.reject else None
        self._new_only = NewOnly(self._space, allowed)
        self._algorithm = PymooNSGA2(
            pop_size=self.population,
            sampling=DrawnArchitectures(ledger, self.draw, self.reject),
            crossover=UX(prob=self.crossover),
            mutation=LayerMutation(options, 1 / len(options) if self.mutation is None else self.mutation),
            eliminate_duplicates=self._new_only,
        )
        self._algorithm.setup(self._problem, termination=NoTermination(), seed=int(rng.integers(2**63)))

    def ask(self) -> Archs:
        """``(N, D)`` the next generation: at most `population` new architectures.

        There are none where nothing new was found.
        """
        generation = self._algorithm.ask()
        options = np.zeros((0, self._problem.n_var), dtype=np.int64) if generation is None else generation.get("X")
        self._asked = options
        return self._space.from_options(options)

    def tell(self, archs: Archs, evaluations: Evaluations) -> None:
        """Ranks the generation together with the one before it; the better half survives."""
        from pymoo.core.evaluator import Evaluator
        from pymoo.core.population import Population
        from pymoo.problems.static import StaticProblem

        generation = Population.new(X=self._options(archs))
        for_front = self.aim == "objectives"
        aimed = _minimised(self._objectives, evaluations) if for_front else -evaluations.reward[:, None]
        values = {"F": aimed, "G": _excess(self._constraint, evaluations)}
        Evaluator().eval(StaticProblem(self._problem, **values), generation)
        self._new_only.add(generation)
        self._algorithm.tell(infills=generation)

    @property
    def survivors(self) -> Archs:
        """``(population, D)`` what is left after the last whole generation.

        A search's history has every architecture that was ever on its front; published results of
        NSGA-II are those of its last population.
        """
        return self._space.from_options(self._algorithm.pop.get("X"))

    def _options(self, archs: Archs) -> Ints:
        """``(N, L)`` options; those that are not reached stay what they were when asked for."""
        options = self._space.to_options(archs)
        if self._space.fixed_length or len(self._asked) != len(archs):
            return options
        known = (self._space.from_options(self._asked) == archs).all(axis=1)
        return np.where(known[:, None], self._asked, options)


def _minimised(objectives: Sequence[Objective], ev: Evaluations) -> Floats:
    """``(N, number of objectives)`` values of which less is better."""
    signs = [-1.0 if objective.direction == "max" else 1.0 for objective in objectives]
    return ev.values(objectives) * signs


def _limits(constraint: Constraint | None) -> list[tuple[float, float]]:
    """(sign, limit) of each inequality; costs are not negative, so a lower limit of 0 is none."""
    both = [] if constraint is None else [(1.0, constraint.upper), (-1.0, constraint.lower)]
    return [(sign, limit) for sign, limit in both if limit]


def _excess(constraint: Constraint | None, ev: Evaluations) -> Floats:
    """``(N, limits)`` by which part of itself each limit is missed; at most 0 where it holds."""
    if constraint is None:
        return np.zeros((len(ev), 0))
    cost = ev.costs[constraint.cost]
    columns = [sign * (cost - limit) / limit for sign, limit in _limits(constraint)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(ev), 0))
