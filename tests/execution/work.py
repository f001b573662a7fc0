"""Tasks for worker processes, and a command that keeps some of them busy until it is killed.

``python -m tests.execution.work FOLDER STOP_SECONDS WHEN``; see `main`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from nasgym.errors import NasgymError
from nasgym.execution import processes
from nasgym.execution.processes import Workers

LONG = 60.0  # what is stopped in tests ends long before
_given: list[object] = []


def keep(*arguments: object) -> None:
    _given[:] = arguments


def fail_to_start() -> None:
    raise NasgymError("the store cannot be opened.")


def given(_: int) -> list[object]:
    return list(_given)


def count_up(slot: int) -> None:
    _given[0][slot] += 1.0


def square(number: int) -> int:
    time.sleep(0.01 * (number % 3))
    return number**2


def variables(names: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(os.environ.get(name) for name in names)


def wait_for(path: Path | None) -> None:
    """Returns at once for None."""
    while path is not None and not path.exists():
        time.sleep(0.01)


def sleep_as(path: Path) -> None:
    """Leaves the worker's id in a file, then is busy."""
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path)
    time.sleep(LONG)


def sleep_or_end(path: Path) -> None:
    """The worker of ``0`` is idle as soon as all are there; the others are busy."""
    if path.name != "0":
        return sleep_as(path)
    path.write_text(str(os.getpid()))
    while len(worker_ids(path.parent)) < 3:
        time.sleep(0.01)
    return None


def fail_beside(task: tuple[Path, bool]) -> None:
    """One worker fails as soon as another is busy."""
    path, fails = task
    if not fails:
        sleep_as(path)
    wait_for(path)
    raise NasgymError("this search cannot go on.")


def kill_self(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def worker_ids(folder: Path) -> list[int]:
    return [int(path.read_text() or 0) for path in folder.iterdir() if path.name.isdigit()]


def interrupted(paths: Iterable[Path]) -> Iterator[Path]:
    """The paths, and then Ctrl-C for the whole group, while the workers are still being loaded."""
    yield from paths
    time.sleep(0.15)  # interpreters are up by now and would say so; modules are being imported
    os.killpg(0, signal.SIGINT)


def main(folder: Path, stop_seconds: float, when: str) -> None:
    """Two busy workers and an idle one.

    It says "idle" when it has them, and leaves a file ``stopping`` when it stops. With `when`
    "starting" it interrupts itself and them before they are ready.
    """
    # a shell starts what it puts into the background with Ctrl-C ignored, and children inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    processes.STOP_SECONDS = stop_seconds
    paths: Iterable[Path] = [folder / name for name in "012"]
    try:
        with Workers(3) as workers:
            try:
                for _ in workers.run(sleep_or_end, interrupted(paths) if when == "starting" else paths):
                    print("idle", flush=True)
            finally:
                (folder / "stopping").touch()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
