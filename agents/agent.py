"""What an agent is: something that spends a ledger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from numbers import Integral, Real
from types import UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from nasgym.agents.disclosure import Disclosure
from nasgym.errors import BudgetExhausted, InvalidValue, unknown_name
from nasgym.ledger.answers import Answers
from nasgym.ledger.budget import Budget
from nasgym.ledger.history import History
from nasgym.ledger.ledger import Ledger
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Evaluations
from nasgym.problems.problem import Problem
from nasgym.registry import AGENTS
from nasgym.type_aliases import Archs

__all__ = ["Agent", "AskTellAgent", "SearchResult", "make_agent", "split_seed"]


def split_seed(seed: int) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
    """The independent seeds that one number gives to an agent and to the ledger that it spends."""
    agent, ledger = np.random.SeedSequence(seed).spawn(2)
    return agent, ledger


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        agent: Name of the agent.
        best_arch: ``(D,)`` the answer: what the agent recommended last, else the incumbent, the
            charged architecture with the best reward (the first of equals; `History.incumbent`).
        best_reward, best_accuracy: As the agent saw them: means over the evaluations of the answer,
            NaN where it never evaluated it.
        best_costs: By cost name; NaN where a cost is measured with evaluations and there was none.
        feasible: Whether the answer meets the constraint; False where that was not measured.
        evaluated: Whether the agent evaluated its answer.
        history: One row per charged evaluation.
        answers: What it would have answered at every moment, the answer last.
        seconds: All seconds by clock, charges included; NaN where the oracle knows none.
        charged_seconds: Those that it charged beside its evaluations, by clock.
        ended: ``"budget"``, ``"max_proposals"`` or ``"max_repeats"`` (the agent repeated itself) or
            ``"agent"`` (it had nothing left to try).
    """

    agent: str
    best_arch: Archs
    best_reward: float
    best_accuracy: float
    best_costs: Mapping[str, float]
    feasible: bool
    evaluated: bool
    history: History
    answers: Answers
    seconds: Mapping[Clock, float]
    charged_seconds: Mapping[Clock, float]
    ended: str


@dataclass
class Agent(ABC):
    """Base of all agents: a dataclass whose fields are the hyper-parameters.

    Their defaults are published ones, with the source beside them. A subclass must state `name` and
    `_search`; it draws from the given generator and nothing else, so that an interrupted run can be
    replayed. It need not stop by itself: `BudgetExhausted` ends it. Its answer is the best that it
    evaluated, unless it recommends something else: with `Ledger.recommend` while it searches, or
    with `_recommend` when it has ended.

    `needs` names the optional packages that it imports when it searches. Imported there, they cost
    nothing where an agent is only looked at; named here, a missing one is found before that.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()

    @property
    def draws(self) -> bool:
        """Whether a search draws anything; where it does not, it is the same with every seed.

        True unless an agent says otherwise.
        """
        return True

    def search(
        self,
        target: Ledger | Problem,
        rng: np.random.Generator | None = None,
        *,
        budget: Budget | float | None = None,
        seed: int = 0,
    ) -> SearchResult:
        """Spends a budget on a problem.

        Args:
            target: A ledger; or a problem, for which a ledger is made.
            rng: Where the agent draws from; by default a generator made from `seed`.
            budget: With a problem: what may be spent; a number means distinct evaluations.
            seed: Seeds the agent, and the training seeds that a new ledger draws.

        Returns:
            The answer, and the history.

        Raises:
            InvalidValue: A problem without a budget, a ledger with a second one or with none, or a
                budget too small for one evaluation.
            MissingPackage: A package that the agent needs is not installed.
        """
        _check_needs(type(self))
        agent_seed, ledger_seed = split_seed(seed)
        if isinstance(target, Problem):
            if budget is None:
                raise InvalidValue("a search on a problem needs a budget, for example budget=300.")
            target = Ledger(target, budget, seed=ledger_seed)
        elif budget is not None:
            raise InvalidValue("a ledger has its own budget; leave out budget=.")
        if target.budget is None:
            raise InvalidValue("a search needs a ledger with a budget; this one has none.")
        try:
            self._search(target, np.random.default_rng(agent_seed) if rng is None else rng)
        except BudgetExhausted:
            if target.ended is None:  # an agent or environment below may have raised it without the ledger's knowledge
                target.ended = "budget"
        recommended = self._recommend(target)
        if recommended is not None:
            target.recommend(recommended)
        return self._result(target)

    def _result(self, ledger: Ledger) -> SearchResult:
        history, charged = ledger.history, ledger.charged_seconds
        answers = ledger.answers(history)
        if len(answers) == 0:
            spent = "".join(f", {seconds:g} {clock} seconds were charged" for clock, seconds in charged.items())
            raise InvalidValue(
                f"agent {self.name!r} evaluated nothing with the budget {ledger.budget}{spent}; give it more, or let it recommend "
                "an architecture."
            )
        arch, row = answers.archs[-1], int(answers.observed[-1])
        if row >= 0:
            costs = {name: float(cost[row]) for name, cost in history.costs.items()}
            feasible = bool(history.feasible[row])
        else:
            costs, feasible = ledger.price(arch)
        return SearchResult(
            agent=self.name,
            best_arch=arch,
            best_reward=float(answers.reward[-1]),
            best_accuracy=float(answers.accuracy[-1]),
            best_costs=costs,
            feasible=feasible,
            evaluated=row >= 0,
            history=history,
            answers=answers,
            seconds=ledger.seconds,
            charged_seconds=charged,
            ended=ledger.ended or "agent",
        )

    def _recommend(self, ledger: Ledger) -> Archs | None:
        """Hook: ``(D,)`` what to answer now that the search has ended; None for `ledger.answers`.

        It may be an architecture that was never evaluated: the mean of a posterior, a derived
        network, the mode of a distribution. It must draw nothing, and cannot evaluate any more.
        """
        return None

    def disclose(self) -> Disclosure:
        """Hook: what was tuned, and what the agent knows; comparisons show it beside its results.

        By default nothing is stated, and that is what they show.
        """
        return Disclosure()

    @classmethod
    def fair_settings(cls) -> dict[str, Any]:
        """Hook: the hyper-parameters with which it keeps to a limit before it evaluates.

        By default ``reject=True`` and ``mask="feasible"``, where it has fields of these names; an
        agent that keeps to limits anyway has none.
        """
        fair = {"reject": True, "mask": "feasible"}
        return {field.name: fair[field.name] for field in fields(cls) if field.name in fair}

    @abstractmethod
    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Hook: evaluates through the ledger until it has nothing left to try.

        It lets `BudgetExhausted` pass through.
        """


@dataclass
class AskTellAgent(Agent):
    """Base of agents that propose a batch, see what it is worth, and propose the next.

    A subclass overrides `start`, `ask` and `tell`; other evaluators can drive it through the same
    three calls.
    """

    @abstractmethod
    def start(self, ledger: Ledger, rng: np.random.Generator) -> None:
        """Prepares a new search; what an earlier one learnt is dropped."""

    @abstractmethod
    def ask(self) -> Archs:
        """``(N, D)`` what to evaluate next; N = 0 ends the search."""

    @abstractmethod
    def tell(self, archs: Archs, evaluations: Evaluations) -> None:
        """Learns from what was asked for."""

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        self.start(ledger, rng)
        while len(archs := self.ask()):
            self.tell(archs, ledger.evaluate(archs))


def make_agent(name: str, **hyperparameters: Any) -> Agent:
    """An agent by name.

    Args:
        name: A built-in agent or one of another package (`nasgym.registry`).
        **hyperparameters: Fields of its dataclass.

    Raises:
        UnknownName: No such agent or hyper-parameter; the nearest is suggested.
        InvalidValue: A hyper-parameter is outside of what is allowed.
        MissingPackage: A package that the agent needs is not installed.
    """
    kind: type[Agent] = AGENTS.load(name)
    _check_needs(kind)
    known = [field.name for field in fields(kind)]
    for key in hyperparameters:
        if key not in known:
            raise unknown_name(f"hyper-parameter of agent {name!r}", key, known)
    hints = get_type_hints(kind)
    for key, value in hyperparameters.items():
        if not _fits(value, hints[key]):
            wanted = str(kind.__annotations__.get(key, hints[key]))
            raise InvalidValue(f"hyper-parameter {key!r} of agent {name!r} is of the type {wanted}, got {value!r}.")
    return kind(**hyperparameters)


def _check_needs(kind: type[Agent]) -> None:
    for package in kind.needs:
        if find_spec(package) is None:
            raise AGENTS.missing(kind.name, package)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value has a declared type.

    Types beyond numbers, text and unions of them are left to the agent.
    """
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if hint is str or origin is Literal:  # which texts is checked by the agent, with a suggestion
        return isinstance(value, str)
    if hint in (int, float):
        return isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (bool, type(None)) else True
