"""`Ledger`: the only evaluator that agents see; it counts, caches, logs and commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from nasgym.errors import BudgetExhausted, DataError, InvalidValue, TestMetricsRefused
from nasgym.ledger.budget import Budget
from nasgym.ledger.history import Entry, History, history_of
from nasgym.ledger.store import Key, Measured, Store
from nasgym.oracles.layer_terms import LayerTerms
from nasgym.problems.evaluation import Constraint, Evaluations, Objective
from nasgym.problems.problem import Problem
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools, Floats

__all__ = ["Ledger"]


class Ledger:
    """A problem with a budget, a cache and a log.

    Agents see the space, the objectives, the constraint, `costs`, `cost_bounds`, `cost_terms` and
    `evaluate`; never test metrics.

    Args:
        problem: What is evaluated.
        budget: What may be spent; a number means distinct evaluations. None: no limit, and no log
            is kept.
        seed: Seed of the generator that draws training seeds.
        store: Where measurements and charges are committed before the agent sees them; None keeps
            them in memory.
        run: Name of this run in the store; a run that was interrupted is replayed by running it
            again.
        run_spec: JSON-able description that the store keeps and compares.
    """

    def __init__(
        self,
        problem: Problem,
        budget: Budget | float | None,
        *,
        seed: int | np.random.SeedSequence = 0,
        store: Store | None = None,
        run: str | None = None,
        run_spec: Mapping[str, Any] | None = None,
    ) -> None:
        self._problem = problem
        self.budget = None if budget is None else Budget.of(budget)
        self._rng = np.random.default_rng(seed)
        self._store = store
        self._run: int | None = None
        self._replayed: list[int] = []
        if store is not None and run is not None:
            self._run = store.open_run(run, dict(run_spec or {})).id
            self._replayed = store.charges(self._run)
        self._cache: dict[tuple[bytes, int], Key] = {}
        self._singles: dict[tuple[bytes, int], Evaluations] = {}
        self._memory: dict[Key, Measured] = {}
        self.spent, self.proposals, self.charges = 0.0, 0, 0
        self.ended: str | None = None
        self._log: list[Entry] = []

    @classmethod
    def before(cls, evaluator: Problem | Ledger, budget: Budget | float) -> Ledger:
        """A ledger in front of a problem.

        Raises:
            InvalidValue: It is a ledger already, or the budget is not a budget.
        """
        if isinstance(evaluator, Ledger):
            raise InvalidValue("a ledger has its own budget; leave out budget=.")
        return cls(evaluator, budget)

    # ---- what an agent may know -----------------------------------------------------------------

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self._problem.space

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What multi-objective agents optimise."""
        return self._problem.objectives

    @property
    def constraint(self) -> Constraint | None:
        """Limits of the primary cost, or None."""
        return self._problem.constraint

    @property
    def cost_name(self) -> str | None:
        """Name of the primary cost, or None."""
        return self._problem.cost_name

    @property
    def invalid_reward(self) -> float:
        """Reward of an illegal action."""
        return self._problem.invalid_reward

    @property
    def search_fidelity(self) -> int:
        """Epochs of an evaluation that asks for nothing else."""
        return self._problem.search_fidelity

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Epochs that can be asked for, ascending."""
        return self._problem.accuracy.fidelities

    @property
    def free_costs(self) -> bool:
        """Whether costs can be asked for without paying."""
        return self._problem.free_costs

    @property
    def deterministic(self) -> bool:
        """As `Problem.deterministic`."""
        return self._problem.deterministic

    @property
    def fixed(self) -> bool:
        """Never: an evaluation is counted each time."""
        return False

    @property
    def needs_rng(self) -> bool:
        """Never: a ledger has its own generator of seeds, so that a run can be replayed."""
        return False

    @property
    def has_exact_answers(self) -> bool:
        """Never: see `exact`."""
        return False

    @property
    def exact(self) -> NoReturn:
        """Refused: exact answers come from evaluations that were not paid for.

        Raises:
            InvalidValue: Always.
        """
        raise InvalidValue(
            "with a budget every evaluation is counted, so exact answers are not given and rewards are not shaped; leave out "
            "budget=."
        )

    def costs(self, archs: Archs) -> dict[str, Floats]:
        """Costs of complete architectures; free for counted, table and look-up costs.

        Raises:
            InvalidValue: A cost is measured live, which is a part of an evaluation and paid for as
                such.
        """
        if not self.free_costs:
            live = ", ".join(name for name, oracle in self._problem.cost_oracles.items() if not oracle.free)
            raise InvalidValue(
                f"{live} is measured while architectures are evaluated, and not given without an evaluation; use an agent that does "
                "not ask for costs (layernas: bucket_by='options')."
            )
        return self._problem.costs(archs)

    def cost_bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """Least and largest primary cost over the completions of partial architectures."""
        return self._problem.cost_bounds(archs)

    def bounds_of(self, cost: str, archs: Archs) -> tuple[Floats, Floats]:
        """Least and largest value of a cost, by name, over completions of partial architectures."""
        return self._problem.bounds_of(cost, archs)

    def cost_terms(self, name: str | None = None) -> LayerTerms | None:
        """A cost as numbers of layers, indexed by the options of `space`; by default the primary.

        None where the cost is not a sum of such numbers, or is measured during the search.

        Raises:
            UnknownName: The problem has no such cost.
            InvalidValue: No name is given, and there is no cost at all.
        """
        oracle = self._problem.cost_oracle(name)
        return oracle.terms() if oracle.free else None

    def check_targets(self, targets: Floats) -> NoReturn:
        """Refused: a ledger's incumbent is the best answer to one question.

        Raises:
            InvalidValue: Always.
        """
        raise InvalidValue("with a budget the target cannot change, because rewards are compared; leave out budget=.")

    def invalid_rewards(self, targets: Floats) -> NoReturn:
        """Refused, as `check_targets` is."""
        self.check_targets(targets)

    def judge_again(self, evaluations: Evaluations, targets: Floats) -> NoReturn:
        """Refused, as `check_targets` is."""
        self.check_targets(targets)

    def report(self, archs: object) -> NoReturn:
        """Refused: test metrics are for reports.

        Raises:
            TestMetricsRefused: Always.
        """
        raise TestMetricsRefused(
            "a ledger does not give test metrics: a search that sees them reports its own training set. "
            "Call problem.report(archs) after the search has ended."
        )

    @property
    def problem(self) -> NoReturn:
        """Refused, as `report` is."""
        raise TestMetricsRefused(
            "agents see a ledger, not its problem, which knows test metrics; the ledger has space, costs, cost_bounds, "
            "objectives, constraint and evaluate."
        )

    # ---- spending -------------------------------------------------------------------------------

    @property
    def remaining(self) -> float:
        """What is left in the budget's unit; infinite without a budget."""
        return max(0.0, self._amount - self.spent)

    @property
    def exhausted(self) -> bool:
        """Whether the next evaluation would raise `BudgetExhausted`."""
        if self.budget is None:
            return False
        limit = self.budget.max_proposals
        return self.remaining <= 0 or (limit is not None and self.proposals >= limit)

    def _raise_if_exhausted(self) -> None:
        assert self.budget is not None, "only called with a budget"
        if self.remaining <= 0:
            self.ended = "budget"
            raise BudgetExhausted(f"the budget of {self.budget.amount:g} {self.budget.unit} is spent.")
        if self.budget.max_proposals is not None and self.proposals >= self.budget.max_proposals:
            self.ended = "max_proposals"
            raise BudgetExhausted(
                f"{self.proposals} architectures were proposed for {self.charges} charged evaluations: the agent repeats "
                "itself (Budget(max_proposals=...) sets this limit)."
            )

    def charge(self, train_seconds: float) -> None:
        """Charges seconds that an agent spent on training shared weights.

        Raises:
            InvalidValue: The budget is not in seconds, or the number is negative.
            BudgetExhausted: Nothing was left before.
        """
        if self.budget is None or self.budget.unit != "train_seconds" or not train_seconds >= 0:
            raise InvalidValue(
                f"charge() takes seconds from a budget of train_seconds; got {train_seconds!r}, budget {self.budget}."
            )
        self._raise_if_exhausted()
        self.spent += train_seconds

    def evaluate(self, archs: npt.ArrayLike, fidelity: int | None = None) -> Evaluations:
        """Evaluates ``(N, D)`` complete architectures and charges for them.

        Every charge is committed before this returns. A batch that overflows the budget is charged
        for the affordable rows in row order, committed, and then `BudgetExhausted` is raised.

        Raises:
            BudgetExhausted: Nothing was left, or not enough for the whole batch.
            InvalidValue: An architecture is not valid.
            UnknownName: The oracle has no such fidelity.
            DataError: A replayed run proposes something else than it did before.
        """
        epochs = self.search_fidelity if fidelity is None else fidelity
        single = self._single(archs, epochs)
        if single in self._singles:
            self._raise_if_exhausted()
            self.proposals += 1
            return self._singles[single]
        prepared = self._problem.prepare(archs)
        if self.budget is None:
            return self._problem.evaluate(prepared, epochs, self._rng)
        if len(prepared):
            self._raise_if_exhausted()
        batch = self._plan(prepared, epochs)
        new = self._measure_new(batch, epochs)
        if self.budget.unit == "train_seconds":
            batch = self._cut_by_seconds(batch, new)
        measured = self._commit(batch, new)
        test = self._problem.search_metric == "test"
        accuracy = np.array([m.test if test else m.validation for m in measured], dtype=np.float64)
        seconds = np.array([m.train_seconds for m in measured], dtype=np.float64)
        ev = self._problem.assemble(batch.archs, accuracy, seconds)
        self._log_charges(batch, epochs, ev)
        if len(batch.archs) < len(prepared):
            self._raise_if_exhausted()
        if single is not None:
            self._singles[single] = _frozen(ev)
        return ev

    def settle(
        self,
        archs: Archs,
        *,
        rng: np.random.Generator | Sequence[np.random.Generator] | None = None,
        targets: Floats | None = None,
    ) -> Evaluations:
        """See `nasgym.problems.evaluator.Evaluator.settle`.

        Training seeds are drawn with the ledger's own generator, not with `rng`.

        Raises:
            BudgetExhausted: As `evaluate`.
            InvalidValue: Targets are given, which cannot change.
        """
        if targets is not None:
            self.check_targets(targets)
        return self.evaluate(archs)

    def _single(self, archs: npt.ArrayLike, fidelity: int) -> tuple[bytes, int] | None:
        """Key of a lone architecture whose repeats are free; None for everything else.

        Agents that mutate one architecture at a time repeat themselves four times out of five when
        they converge; those repeats are answered without checking and pricing the same row again.
        """
        lone = isinstance(archs, np.ndarray) and archs.dtype == np.int8 and archs.shape == (1, self.space.num_decisions)
        if not lone or self.budget is None or self.budget.unit != "distinct":
            return None
        return np.asarray(archs).tobytes(), fidelity

    def _plan(self, archs: Archs, fidelity: int) -> _Batch:
        """The affordable rows of a batch, their keys, and which of them are charged."""
        assert self.budget is not None, "only called with a budget"
        limit = self.budget.max_proposals
        allowed = len(archs) if limit is None else min(len(archs), limit - self.proposals)
        forms = self._problem.key(archs[:allowed])
        raw = [form.tobytes() for form in forms]
        charged = np.ones(allowed, dtype=bool)
        if self.budget.unit == "distinct":
            seen: set[bytes] = set()
            for i, r in enumerate(raw):
                charged[i] = (r, fidelity) not in self._cache and r not in seen
                seen.add(r)
        if self.budget.unit != "train_seconds":
            affordable = int(np.searchsorted(np.cumsum(charged), self.remaining, side="right"))
            forms, raw, charged = forms[:affordable], raw[:affordable], charged[:affordable]
        seeds = self._problem.accuracy.draw_seeds(forms[charged], fidelity, self._rng)
        draws = iter(seeds.tolist())
        keys: list[Key] = []
        here: dict[bytes, Key] = {}  # joins the cache when it is charged, not before: a measurement may fail
        for r, pays in zip(raw, charged.tolist(), strict=True):
            if pays:
                here[r] = (r, fidelity, next(draws))
            keys.append(here[r] if r in here else self._cache[r, fidelity])
        return _Batch(archs[: len(raw)], forms, keys, charged)

    def _known(self) -> Mapping[Key, Measured]:
        return self._memory if self._store is None else self._store.known(self._problem.accuracy.fingerprint)

    def _measure_new(self, batch: _Batch, fidelity: int) -> dict[Key, tuple[float, float, float]]:
        """Measures what has not been measured yet."""
        known = self._known()
        if self._store is not None and not self._problem.accuracy.deterministic and any(k not in known for k in batch.keys):
            # a training takes long: another run may have finished the same one in the meantime
            self._store.catch_up(self._problem.accuracy.fingerprint)
        first = {key: row for row, key in reversed(list(enumerate(batch.keys))) if key not in known}
        if not first:
            return {}
        rows = sorted(first.values())
        seeds = np.array([batch.keys[row][2] for row in rows], dtype=np.int64)
        got = self._problem.accuracy.measure(batch.forms[rows], fidelity, seeds)
        values = zip(got.validation.tolist(), got.test.tolist(), got.train_seconds.tolist(), strict=True)
        return {batch.keys[row]: numbers for row, numbers in zip(rows, values, strict=True)}

    def _cut_by_seconds(self, batch: _Batch, new: Mapping[Key, tuple[float, float, float]]) -> _Batch:
        """The rows that begin while seconds are left; the last one may overshoot."""
        known = self._known()
        seconds = np.array([new[key][2] if key in new else known[key].train_seconds for key in batch.keys])
        if np.isnan(seconds).any():
            raise InvalidValue("the oracle knows no training seconds here; use a budget of 'distinct' or 'total' evaluations.")
        before = self.spent + np.concatenate([[0.0], np.cumsum(seconds)[:-1]])
        count = int((before < self._amount).sum())
        return _Batch(batch.archs[:count], batch.forms[:count], batch.keys[:count], batch.charged[:count])

    @property
    def _amount(self) -> float:
        return np.inf if self.budget is None else self.budget.amount

    def _commit(self, batch: _Batch, new: Mapping[Key, tuple[float, float, float]]) -> list[Measured]:
        """The stored measurement of every row.

        New measurements and the charges for them are on disk when this returns.
        """
        if self._store is None:
            for key, numbers in new.items():
                self._memory[key] = Measured(len(self._memory), *numbers)
            return [self._memory[key] for key in batch.keys]
        paid = [key for key, pays in zip(batch.keys, batch.charged.tolist(), strict=True) if pays]
        recorded = self._replayed[self.charges : self.charges + len(paid)]
        known = self._known()
        replayed = [known[key].id if key in known else None for key in paid[: len(recorded)]]
        if replayed != recorded:
            raise DataError(
                f"this run proposed something else after {self.charges} evaluations than it did before it was interrupted; "
                "agents must draw from the generator that they are given, and nothing else. Name another output folder."
            )
        fresh = paid[len(recorded) :]
        if new or fresh:
            charges = None if self._run is None else (self._run, self.charges + len(recorded), fresh)
            self._store.record(self._problem.accuracy.fingerprint, list(new.items()), charges)
        return [known[key] for key in batch.keys]

    def _log_charges(self, batch: _Batch, fidelity: int, ev: Evaluations) -> None:
        assert self.budget is not None, "only called with a budget"
        rows = np.flatnonzero(batch.charged)
        self._cache.update({key[:2]: key for key in batch.keys})
        steps = ev.train_seconds[rows] if self.budget.unit == "train_seconds" else np.ones(len(rows))
        spent = self.spent + np.cumsum(steps)
        self._log.append(Entry(batch.archs[rows], fidelity, ev, rows, spent, self.proposals + rows + 1))
        self.proposals += len(batch.keys)
        self.charges += len(rows)
        if len(rows):
            self.spent = float(spent[-1])

    @property
    def history(self) -> History:
        """Everything that was charged, in order."""
        return history_of(self._log, self._problem.cost_oracles, self.space.num_decisions)


def _frozen(ev: Evaluations) -> Evaluations:
    """The same numbers, made read-only because they are handed out again."""
    for values in (ev.accuracy, ev.reward, ev.feasible, ev.train_seconds, *ev.costs.values()):
        values.setflags(write=False)
    return ev


@dataclass(frozen=True)
class _Batch:
    """Rows that are evaluated together: architectures, their shared encodings, keys, charges."""

    archs: Archs
    forms: Archs
    keys: list[Key]
    charged: Bools
