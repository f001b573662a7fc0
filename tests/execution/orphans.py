"""Whether processes have ended, also those whose parent was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc/self").exists()


def lives(pid: int) -> bool:
    """Whether a process runs; an orphan that has ended and that nobody has collected does not."""
    try:
        os.kill(pid, 0)
        return not PROC or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(pids: Iterable[int], seconds: float) -> list[int]:
    """Those that still run after so many seconds."""
    deadline, left = time.monotonic() + seconds, list(pids)
    while (left := [pid for pid in left if lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def end(pids: Iterable[int]) -> None:
    """For tests that failed: nothing that they started goes on."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
