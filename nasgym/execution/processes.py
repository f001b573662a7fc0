"""`Workers`: the project's one pool of worker processes; they end however their command ends.

Workers are spawned, so they inherit no threads and no locks. What they compute must depend on the
task alone: tasks go to whoever is free, and results come in the order in which they are ready.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from nasgym.errors import InvalidValue, NasgymError

__all__ = ["Workers"]

Task = TypeVar("Task")
Result = TypeVar("Result")

# workers run side by side; a numeric library with threads of its own slows all of them down
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
POLL_SECONDS = 0.2
STOP_SECONDS = 3.0


class Workers:
    """Worker processes for the length of a ``with`` block.

    Every worker ends when this process ends, even where it was killed, and leaves Ctrl-C to this
    process. When the block ends before its tasks have (an error, Ctrl-C, ``break``), tasks that
    wait are dropped; workers get `STOP_SECONDS` for those that run, and are then terminated.

    Args:
        jobs: Worker processes, at least 1; no more are started than there are tasks.
        initialiser: Called once in every worker before its first task; importable by name.
        arguments: Its arguments; they may hold shared arrays (`multiprocessing.sharedctypes`),
            which tasks may not.
        variables: Environment variables that the workers see, besides one thread for each numeric
            library; this process has them only while workers start.
        if_killed: The next step for the user when a worker was killed, the end of a sentence.

    Raises:
        InvalidValue: `jobs` is less than 1.
    """

    def __init__(
        self,
        jobs: int,
        initialiser: Callable[..., None] | None = None,
        arguments: tuple[Any, ...] = (),
        *,
        variables: Mapping[str, str] | None = None,
        if_killed: str = "run it again with fewer jobs.",
    ) -> None:
        if jobs < 1:
            raise InvalidValue(f"jobs must be at least 1, got {jobs!r}.")
        self._context = _OwnProcesses()
        self._pool = ProcessPoolExecutor(jobs, self._context, _start, (initialiser, arguments))
        self._variables = {**ONE_THREAD, **(variables or {})}
        self._if_killed = if_killed
        self._open = 0  # tasks whose result has not been handed out

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        patience = threading.Timer(STOP_SECONDS, self._terminate)
        patience.daemon = True
        try:
            if error is not None or self._open:
                patience.start()
            self._pool.shutdown(cancel_futures=True)
        finally:  # a second Ctrl-C ends the waiting, not the stopping
            patience.cancel()
            self._terminate()
            self._pool.shutdown(cancel_futures=True)

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], tick: Callable[[], None] | None = None
    ) -> Iterator[tuple[Task, Result]]:
        """Yields (task, result) as soon as a result is there.

        Args:
            function: What a worker calls with a task; importable by name.
            tasks: What is to be done; it is started in this order.
            tick: Called in this process after every result, and every `POLL_SECONDS` in between.

        Raises:
            NasgymError: A worker was killed. Whatever `function` or the initialiser raises is
                raised here, too; results that were ready before come first.
        """
        ended: SimpleQueue[Future[Result]] = SimpleQueue()
        task_of: dict[Future[Result], Task] = {}
        try:
            with _environment(self._variables), _interrupts_wait():
                for task in tasks:
                    future = self._pool.submit(_work, function, task)
                    task_of[future] = task
                    self._open += 1
                    future.add_done_callback(ended.put)
            while task_of:
                try:
                    future = ended.get(timeout=POLL_SECONDS)
                except Empty:
                    pass
                else:
                    found = future.result()
                    self._open -= 1
                    yield task_of.pop(future), found
                if tick is not None:
                    tick()
        except BrokenProcessPool:
            raise NasgymError(f"a worker process ended without a word (killed, or out of memory); {self._if_killed}") from None

    def _terminate(self) -> None:
        for worker in self._context.made:
            if worker.pid is not None:
                # nothing happens to one that has ended; the pool's own thread waits for all of them
                worker.terminate()


class _OwnProcesses(SpawnContext):
    """Keeps the processes that are made through it: those of others are never terminated."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[SpawnProcess] = []

    def Process(self, *args: Any, **keywords: Any) -> SpawnProcess:  # type: ignore[override]  # there it is a class
        worker = SpawnProcess(*args, **keywords)
        self.made.append(worker)
        return worker


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Workers started inside see these variables when they load the libraries that read them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Workers started inside never see Ctrl-C: this process tells them to stop."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---- in a worker -------------------------------------------------------------------------------

_failure: Exception | None = None


def _start(initialiser: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    global _failure
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        if initialiser is not None:
            initialiser(*arguments)
    except Exception as error:
        # raised by the first task: a pool whose initialiser fails says only that it is broken
        _failure = error


def _end_with_parent() -> None:
    """A worker whose command was killed ends at once; the next command finds nobody writing."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers have a parent"
    parent.join()
    os._exit(1)


def _work(function: Callable[[Task], Result], task: Task) -> Result:
    if _failure is not None:
        raise _failure
    return function(task)
