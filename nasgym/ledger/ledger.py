"""`Ledger`: the only evaluator that agents see; it counts, caches, logs and commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from nasgym.errors import BudgetExhausted, InvalidValue, unknown_name
from nasgym.ledger.answers import Answers, Recommendation, answers_of
from nasgym.ledger.budget import Budget
from nasgym.ledger.history import Entry, History, history_of
from nasgym.ledger.problem_view import ProblemView
from nasgym.ledger.record import Numbers, Record
from nasgym.ledger.store import Key, Measured, SecondsCharge, Store
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Evaluations
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Archs, Bools, Floats

__all__ = ["Ledger"]


class Ledger(ProblemView):
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
        super().__init__(problem)
        self.budget = None if budget is None else Budget.of(budget)
        self._rng = np.random.default_rng(seed)
        self._record = Record(problem.accuracy, store, run, run_spec)
        self._cache: dict[tuple[bytes, int], Key] = {}
        self._singles: dict[tuple[bytes, int], Evaluations] = {}
        self.spent, self.proposals, self.charges = 0.0, 0, 0
        self._repeats = 0  # proposals since the last charge
        self.ended: str | None = None
        self._log: list[Entry] = []
        self._seconds: list[SecondsCharge] = []
        self._charged: dict[Clock, float] = {}
        self._recommended: list[Recommendation] = []
        self._evaluated, self._summed = 0.0, 0  # seconds of so many log entries

    @classmethod
    def before(cls, evaluator: Problem | Ledger, budget: Budget | float) -> Ledger:
        """A ledger in front of a problem.

        Raises:
            InvalidValue: It is a ledger already, or the budget is not a budget.
        """
        if isinstance(evaluator, Ledger):
            raise InvalidValue("a ledger has its own budget; leave out budget=.")
        return cls(evaluator, budget)

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
        return self.remaining <= 0 or _reached(self.proposals, self.budget.max_proposals) or self._only_repeats

    @property
    def _only_repeats(self) -> bool:
        return self.budget is not None and _reached(self._repeats, self.budget.max_repeats)

    def _raise_if_exhausted(self) -> None:
        assert self.budget is not None, "only called with a budget"
        if self.remaining <= 0:
            self.ended = "budget"
            raise BudgetExhausted(f"the budget of {self.budget.amount:g} {self.budget.unit} is spent.")
        if self._only_repeats:
            self.ended = "max_repeats"
            raise BudgetExhausted(
                f"the last {self._repeats} of {self.proposals} proposed architectures had been evaluated before: the agent repeats "
                "itself (Budget(max_repeats=...) sets this limit)."
            )
        if _reached(self.proposals, self.budget.max_proposals):
            self.ended = "max_proposals"
            raise BudgetExhausted(
                f"{self.proposals} architectures were proposed for {self.charges} charged evaluations: the agent repeats "
                "itself (Budget(max_proposals=...) sets this limit)."
            )

    def charge(self, seconds: float, clock: Clock | None = None) -> float:
        """Charges seconds that an agent spent beside its evaluations, as on shared weights.

        A budget in seconds limits them, and the last charge may overshoot; other budgets do not.
        Curves and results show them in any case. They are committed before this returns.

        Args:
            seconds: How many, 0 or more.
            clock: ``"measured"`` where they are processor seconds of this machine, ``"simulated"``
                where they were recorded elsewhere; by default those of the evaluations (`clock`).

        Returns:
            The seconds that were charged. Where an interrupted run is replayed they are those of
            the first time, since a clock never says the same twice: decide by them.

        Raises:
            InvalidValue: Not a number of seconds, or the budget is in seconds of another clock.
            UnknownName: There is no such clock.
            BudgetExhausted: The budget is in seconds, and nothing was left before.
            DataError: A replayed run charges something else than it did before.
        """
        clocks, kind = get_args(Clock), self.clock if clock is None else clock
        if kind not in clocks:
            raise unknown_name("clock", kind, clocks)
        number = isinstance(seconds, int | float | np.number) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds < np.inf:
            raise InvalidValue(f"charge() takes a number of seconds of 0 or more, got {seconds!r}.")
        limited = self.budget is not None and self.budget.unit == "train_seconds"
        if limited and kind != self.clock:
            raise InvalidValue(
                f"the budget is in {self.clock} seconds, which are not added to {kind} ones; give a budget of 'distinct' or "
                "'total' evaluations, which shows charged seconds and does not limit them."
            )
        if limited:
            self._raise_if_exhausted()
        charge = SecondsCharge(self.charges, kind, float(seconds))
        paid = self._record.charge_seconds(len(self._seconds), charge)
        self._seconds.append(SecondsCharge(self.charges, kind, paid))
        self._charged = {**self._charged, kind: self._charged.get(kind, 0.0) + paid}  # log entries keep the old one
        if limited:
            self.spent += paid
        return paid

    def recommend(self, arch: npt.ArrayLike) -> None:
        """Says what the search would answer if it ended now, in place of the incumbent.

        It costs nothing, tells nothing, and need not have been evaluated: the mean of a posterior,
        a derived network, the mode of a distribution. Curves, leaderboards and reports show it from
        this moment on, until another one is recommended. `nasgym.agents.Agent` has a hook for what
        is recommended once the search has ended.

        Args:
            arch: ``(D,)`` or ``(1, D)`` complete architecture.

        Raises:
            InvalidValue: It is not one valid architecture.
        """
        rows = np.atleast_2d(np.asarray(arch))
        if rows.shape != (1, self.space.num_decisions):
            raise InvalidValue(
                f"one architecture of {self.space.num_decisions} decisions is recommended, got an array of shape "
                f"{np.asarray(arch).shape}."
            )
        prepared = self._problem.prepare(rows)
        form = self._problem.key(prepared)[0].tobytes()
        self._recommended.append(Recommendation(prepared[0], form, self.charges, self.proposals, self.seconds))

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
            self._repeats += 1
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
        seeds = np.array([seed for *_, seed in batch.keys], dtype=np.int64)
        further = self._problem.measured.further(batch.forms, epochs, seeds)
        measured = self._commit(batch, new)
        test = self._problem.search_metric == "test"
        accuracy = np.array([m.test if test else m.validation for m in measured], dtype=np.float64)
        seconds = np.array([m.train_seconds for m in measured], dtype=np.float64)
        ev = self._problem.assemble(batch.archs, accuracy, seconds, further=further)
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
        if not lone or self.budget is None or not self.budget.repeats_free:
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
        if self.budget.repeats_free:
            seen: set[bytes] = set()
            for i, r in enumerate(raw):
                charged[i] = (r, fidelity) not in self._cache and r not in seen
                seen.add(r)
            allowed = self._until_only_repeats(charged)
            forms, raw, charged = forms[:allowed], raw[:allowed], charged[:allowed]
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

    def _until_only_repeats(self, charged: Bools) -> int:
        """How many rows of a batch are proposed until `max_repeats` in a row are reached."""
        assert self.budget is not None, "only called with a budget"
        if self.budget.max_repeats is None:
            return len(charged)
        rows = np.arange(len(charged))
        latest = np.maximum.accumulate(np.where(charged, rows, -1 - self._repeats))
        reached = np.flatnonzero(rows - latest >= self.budget.max_repeats)
        return int(reached[0]) + 1 if len(reached) else len(charged)

    def _measure_new(self, batch: _Batch, fidelity: int) -> dict[Key, Numbers]:
        """Measures what has not been measured yet."""
        known = self._record.look_up(batch.keys)
        first = {key: row for row, key in reversed(list(enumerate(batch.keys))) if key not in known}
        if not first:
            return {}
        rows = sorted(first.values())
        seeds = np.array([batch.keys[row][2] for row in rows], dtype=np.int64)
        got = self._problem.measured.measure(batch.forms[rows], fidelity, seeds)
        values = zip(got.validation.tolist(), got.test.tolist(), got.train_seconds.tolist(), strict=True)
        return {batch.keys[row]: numbers for row, numbers in zip(rows, values, strict=True)}

    def _cut_by_seconds(self, batch: _Batch, new: Mapping[Key, Numbers]) -> _Batch:
        """The rows that begin while seconds are left; the last one may overshoot."""
        known = self._record.known()
        seconds = np.array([new[key][2] if key in new else known[key].train_seconds for key in batch.keys])
        if np.isnan(seconds).any():
            raise InvalidValue("the oracle knows no training seconds here; use a budget of 'distinct' or 'total' evaluations.")
        before = self.spent + np.concatenate([[0.0], np.cumsum(seconds)[:-1]])
        count = int((before < self._amount).sum())
        return _Batch(batch.archs[:count], batch.forms[:count], batch.keys[:count], batch.charged[:count])

    @property
    def _amount(self) -> float:
        return np.inf if self.budget is None else self.budget.amount

    def _commit(self, batch: _Batch, new: Mapping[Key, Numbers]) -> list[Measured]:
        """The kept measurement of every row; new ones and the charges for them are committed."""
        paid = [key for key, pays in zip(batch.keys, batch.charged.tolist(), strict=True) if pays]
        known = self._record.commit(paid, new, self.charges)
        return [known[key] for key in batch.keys]

    def _log_charges(self, batch: _Batch, fidelity: int, ev: Evaluations) -> None:
        assert self.budget is not None, "only called with a budget"
        rows = np.flatnonzero(batch.charged)
        self._cache.update({key[:2]: key for key in batch.keys})
        steps = ev.train_seconds[rows] if self.budget.unit == "train_seconds" else np.ones(len(rows))
        spent = self.spent + np.cumsum(steps)
        forms = [batch.keys[row][0] for row in rows.tolist()]
        proposals = self.proposals + rows + 1
        self._log.append(Entry(batch.archs[rows], fidelity, ev, rows, spent, proposals, forms, self._charged))
        self.proposals += len(batch.keys)
        self._repeats = len(batch.keys) - 1 - int(rows[-1]) if len(rows) else self._repeats + len(batch.keys)
        self.charges += len(rows)
        if len(rows):
            self.spent = float(spent[-1])

    @property
    def history(self) -> History:
        """Everything that was charged, in order."""
        noisy = self._problem.accuracy.seed == "sampled"
        problem, decisions = self._problem, self.space.num_decisions
        return history_of(self._log, problem.cost_oracles, decisions, self.clock, noisy=noisy, qualities=problem.qualities)

    @property
    def charged_seconds(self) -> dict[Clock, float]:
        """Seconds that the agent charged beside its evaluations, by clock."""
        return dict(self._charged)

    @property
    def seconds(self) -> dict[Clock, float]:
        """All seconds so far by clock, those of the evaluations included; NaN where not known."""
        for entry in self._log[self._summed :]:
            # one after the other, as the history's running sums are
            for seconds in entry.ev.train_seconds[entry.rows].tolist():
                self._evaluated += seconds
        self._summed = len(self._log)
        return {
            self.clock: self._evaluated + self._charged.get(self.clock, 0.0),
            **{c: s for c, s in self._charged.items() if c != self.clock},
        }

    def answers(self, history: History | None = None) -> Answers:
        """What the search would have answered at every moment; empty where there was no answer.

        Args:
            history: `history`, where it is at hand.
        """
        return answers_of(self.history if history is None else history, self._recommended, self.seconds)


def _reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit


def _frozen(ev: Evaluations) -> Evaluations:
    """The same numbers, made read-only because they are handed out again."""
    for values in (ev.accuracy, ev.reward, ev.feasible, ev.train_seconds, *ev.costs.values(), *ev.qualities.values()):
        values.setflags(write=False)
    return ev


@dataclass(frozen=True)
class _Batch:
    """Rows that are evaluated together: architectures, their shared encodings, keys, charges."""

    archs: Archs
    forms: Archs
    keys: list[Key]
    charged: Bools
