"""`run_all`: every search of a comparison, on worker processes, safe against being killed.

Each worker builds the problem once and writes every charged evaluation into the store that all
share before the agent sees it. A search depends on its own seed only, so neither the number of
workers nor their speed changes a result; searches that have ended are not run again, and an
interrupted one is replayed from the store.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import Array, c_double
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.compare.comparison import Comparison
from nasgym.compare.run_result import RunResult, condense
from nasgym.compare.search import Search
from nasgym.errors import InvalidValue, NasgymError
from nasgym.execution.processes import Workers
from nasgym.ledger.ledger import Ledger
from nasgym.ledger.store import Store
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Evaluations
from nasgym.problems.problem import Problem

__all__ = ["Progress", "run_all", "store_path"]

Progress = Callable[[float, float], None]

LOCK_SECONDS = 10.0
IF_KILLED = "the same command goes on where it stopped, with less memory under --jobs 1."


def store_path(out: Path) -> Path:
    """The store of an output folder."""
    return out / "evaluations.sqlite"


def run_all(comparison: Comparison, out: Path, jobs: int, progress: Progress | None = None) -> list[RunResult]:
    """Runs what has not ended yet.

    Args:
        comparison: What is compared.
        out: Folder of the store; made if it is not there.
        jobs: Worker processes.
        progress: Called with (spent, to spend) in the budget's unit, over all searches.

    Returns:
        The results in the order of `Comparison.searches`.

    Raises:
        InvalidValue: `jobs` is less than 1; or more, and latencies are timed on this machine.
        NasgymError: A search failed, a worker was killed, or another process works in `out`.
    """
    if jobs < 1:
        raise InvalidValue(f"jobs must be at least 1, got {jobs!r}.")
    if jobs > 1 and comparison.exclusive:
        raise InvalidValue(
            f"device='live' times networks on this machine, where the other searches of jobs={jobs} would disturb it; give --jobs 1."
        )
    out.mkdir(parents=True, exist_ok=True)
    wanted = comparison.searches
    names = [_name(comparison, search) for search in wanted]
    with _sole_user(out):
        done = _finished(comparison, out)
        missing = [search for search, name in zip(wanted, names, strict=True) if name not in done]
        # seed by seed, so that an interrupted comparison has something of every agent; target by
        # target, so that a worker keeps a problem for all agents
        missing.sort(key=lambda search: (search.seed, search.target or 0.0))
        spent_before = (len(wanted) - len(missing)) * comparison.budget.amount
        total = len(wanted) * comparison.budget.amount
        if missing:
            _run_missing(
                comparison, out, jobs, missing, lambda spent: progress(spent_before + spent, total) if progress else None
            )
            done = _finished(comparison, out)
    if progress:
        progress(total, total)
    return [RunResult.from_json(done[name]) for name in names]


def _name(comparison: Comparison, search: Search) -> str:
    return comparison.run_name(search.agent, search.seed, search.target)


def _finished(comparison: Comparison, out: Path) -> dict[str, Mapping[str, Any]]:
    store = Store(store_path(out))
    try:
        return {run.name: run.result for run in store.runs() if run.result is not None}
    finally:
        store.close()


@contextmanager
def _sole_user(out: Path) -> Iterator[None]:
    """Keeps other commands out of the folder while this one works in it.

    Waits until workers of a killed command have noticed, and refuses a second command.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with (out / ".lock").open("w") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NasgymError(f"another comparison is running in {out}; wait for it, or give --out.") from None
                time.sleep(0.05)
        # workers take their share; as long as one of them lives, no other command starts here
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def _run_missing(
    comparison: Comparison, out: Path, jobs: int, missing: list[Search], progress: Callable[[float], None]
) -> None:
    spent, stop = RawArray(c_double, len(missing)), RawArray(c_double, 1)
    searches = list(enumerate(missing))
    shared = (comparison, out, spent, stop)
    with Workers(min(jobs, len(missing)), _start_worker, shared, if_killed=IF_KILLED) as workers:
        try:
            for _ in workers.run(_play, searches, lambda: progress(float(np.ctypeslib.as_array(spent).sum()))):
                pass  # a result lies in the store, where its search has put it
        finally:
            stop[0] = 1.0  # searches that still run end before their next evaluation


# ---- in a worker -------------------------------------------------------------------------------


@dataclass
class _Worker:
    comparison: Comparison
    store: Store
    spent: Array[c_double]
    stop: Array[c_double]
    lock: Any
    problem: Problem | None = None
    moved: Problem | None = None  # the same at another target

    def problem_at(self, target: float | None) -> Problem:
        """The problem of a search, made once; of targets the last one is kept."""
        from nasgym.problems.factory import make_problem
        from nasgym.registration import single_id

        if self.problem is None:
            self.problem = make_problem(single_id(self.comparison.env_id), **self.comparison.problem_keywords)
            if self.problem.fingerprint != self.comparison.problem:
                raise NasgymError("the table changed while the comparison started; run the command again.")
        if target is None:
            return self.problem
        if self.moved is None or self.moved.scale.target != target:
            self.moved = self.problem.at(target)
        return self.moved


_worker: _Worker | None = None


class _Stopped(Exception):
    """The command was interrupted."""


class _WatchedLedger(Ledger):
    """A ledger that says how far it is and ends when the command is interrupted."""

    slot: int
    worker: _Worker

    def evaluate(self, archs: npt.ArrayLike, fidelity: int | None = None) -> Evaluations:
        self._end_if_interrupted()
        found = super().evaluate(archs, fidelity)
        self.worker.spent[self.slot] = self.spent
        return found

    def charge(self, seconds: float, clock: Clock | None = None) -> float:
        self._end_if_interrupted()
        paid = super().charge(seconds, clock)
        self.worker.spent[self.slot] = self.spent
        return paid

    def _end_if_interrupted(self) -> None:
        if self.worker.stop[0]:
            raise _Stopped


def _start_worker(comparison: Comparison, out: Path, spent: Array[c_double], stop: Array[c_double]) -> None:
    global _worker
    lock = (out / ".lock").open("w")
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_SH)
    _worker = _Worker(comparison, Store(store_path(out)), spent, stop, lock)


def _play(task: tuple[int, Search]) -> None:
    """One search (slot, search), from opening its run in the store to keeping its result."""
    from nasgym.agents import make_agent
    from nasgym.agents.agent import split_seed

    slot, search = task
    worker = _worker
    assert worker is not None, "the pool's initialiser has run"
    comparison, store = worker.comparison, worker.store
    problem = worker.problem_at(search.target)
    name, spec = _name(comparison, search), comparison.run_spec(search.agent, search.seed, search.target)
    # seeded as Agent.search does with a problem: the same search, the same numbers
    seeded = split_seed(search.drawn_seed)[1]
    ledger = _WatchedLedger(problem, comparison.budget, seed=seeded, store=store, run=name, run_spec=spec)
    ledger.slot, ledger.worker = slot, worker
    start = time.perf_counter()
    result = make_agent(search.agent, **comparison.agents[search.agent]).search(ledger, seed=search.drawn_seed)
    seconds, objectives = time.perf_counter() - start, problem.objectives if comparison.fronts else None
    found = condense(result, search.seed, ledger.proposals, ledger.spent, seconds, objectives)
    store.close_run(store.open_run(name, spec).id, found.to_json())
    worker.spent[slot] = comparison.budget.amount
