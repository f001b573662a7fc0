"""`SideContestant`: asks a script in a side environment for one block at a time.

So the script takes turns with the other contestants.
"""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.side.install import SCRIPTS, missing, python_of

__all__ = ["SideContestant", "Unusable", "start"]

# JAX compiles first
PATIENCE_SECONDS = 180.0


class Unusable(RuntimeError):
    """A side contestant cannot take part, or not any longer.

    Args:
        reason: Why.
        contestant: The one that ran and ended; None where it never ran.
    """

    def __init__(self, reason: str, contestant: SideContestant | None = None) -> None:
        super().__init__(reason)
        self.contestant = contestant


class SideContestant:
    """A running script; leave the context to end it.

    Args:
        command: The interpreter, the script and its arguments.

    Raises:
        Unusable: The script ends or is silent for too long.
    """

    def __init__(self, command: list[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the script runs; close() closes it
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0)
        try:
            self.description = self._answer()
        except Unusable:
            self.close()
            raise

    def block(self) -> float:
        """See `benchmarks.contest.Contestant.block`."""
        assert self._process.stdin is not None, "opened with a pipe"
        try:
            self._process.stdin.write(b"\n")
        except BrokenPipeError:
            raise Unusable(self._last_words(), self) from None
        return float(self._answer()["seconds"])

    def _answer(self) -> dict[str, Any]:
        """The next line of JSON; other lines are what libraries print."""
        assert self._process.stdout is not None, "opened with a pipe"
        while True:
            if not select.select([self._process.stdout], [], [], PATIENCE_SECONDS)[0]:
                raise Unusable(f"silent for {PATIENCE_SECONDS:.0f} s", self)
            line = self._process.stdout.readline()
            if not line:
                raise Unusable(self._last_words(), self)
            if line.startswith(b"{"):
                return dict(json.loads(line))

    def _last_words(self) -> str:
        self._process.wait(PATIENCE_SECONDS)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with status {self._process.returncode}"

    def close(self) -> None:
        """Ends the script."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def __enter__(self) -> SideContestant:
        """Is ready already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the script."""
        self.close()


def start(name: str, num: int) -> SideContestant:
    """The contestant of a side environment with `num` environments.

    Raises:
        Unusable: The side environment is not installed, or its script fails.
    """
    reason = missing(name)
    if reason is not None:
        raise Unusable(reason)
    return SideContestant([str(python_of(name)), str(Path(__file__).with_name(SCRIPTS[name])), str(num)])
