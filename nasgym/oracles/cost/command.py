"""`CommandLatency`: a command of the user measures latencies, for example on a board over ssh."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nasgym.errors import DataError, InvalidValue
from nasgym.measuring.checks import check_batch
from nasgym.measuring.latency_cache import LatencyCache, MeasuredLatency
from nasgym.networks.memory import Precision
from nasgym.networks.plan import NetworkPlan
from nasgym.oracles.cost.measured import MeasuredCost, Planner, network_onnx
from nasgym.spaces.space import SearchSpace

__all__ = ["PLACE", "CommandLatency", "read_latency"]

PLACE = "{onnx}"
# what a shell, here or at the other end of ssh, reads as one plain word
PLAIN_PATH = re.compile(r"[\w./\\:-]+", re.ASCII)
NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)"
LABELLED = re.compile(rf"\s*latency_ms\s*[:=]\s*({NUMBER})\s*(?:ms)?\s*", re.IGNORECASE | re.ASCII)
BARE = re.compile(rf"\s*({NUMBER})\s*(?:ms)?\s*", re.IGNORECASE | re.ASCII)
# a command may print without end
KEPT_BYTES = 65_536
SHOWN_CHARACTERS = 200
PIPE_SECONDS = 2.0


class CommandLatency(MeasuredCost):
    """Latency of whole networks with random weights, as a command prints it.

    The command is split into arguments once, as a shell would split it, and run without a shell; in
    each argument ``{onnx}`` becomes the path of the network's ONNX file, which has no character
    that is special to a shell. It prints milliseconds: ``latency_ms: 12.3`` on a line of its own,
    or else a number on a line of its own; in both cases ``ms`` may follow. Of several such lines
    the last one counts, and those with the label go before those without. Only its standard output
    is read. It fails when it ends with another exit code than 0, prints no such line or a number
    that is not positive and finite, or runs for longer than `timeout`; then it is tried again.
    However it ends, what it has started in its process group is killed with it.

    It runs in the folder that is the current one when this is made. Measurements are kept apart by
    command, hardware, batch and precision, and a program or an argument that is a path of this
    machine counts with its whole path, so that ``./bench.sh`` in two folders are two. What a script
    says does not count: an edited one needs another `hardware`.

    Args:
        space: A space with plans, or a restriction of one.
        command: For example ``"ssh board bench {onnx}"``.
        name: Name with unit under which the cost goes.
        timeout: Seconds for one run.
        retries: Further runs for a network when one fails.
        hardware: What the command measures on, for reports; measurements of another one are kept
            apart.
        batch: Images at once.
        precision: ``"float32"`` or ``"int8"``.
        planner: ``(D,)`` architecture to plan; by default that of the space, at the size of the
            publication.
        cache: Where measurements are kept; by default in the data folder.

    Raises:
        InvalidValue: A value is out of range, the command has no ``{onnx}``, or the space has no
            plans.
        UnknownName: There is no such precision.
    """

    def __init__(
        self,
        space: SearchSpace,
        command: str,
        *,
        name: str = "latency_ms",
        timeout: float = 60.0,
        retries: int = 2,
        hardware: str = "",
        batch: int = 1,
        precision: Precision = "float32",
        planner: Planner | None = None,
        cache: LatencyCache | None = None,
    ) -> None:
        check_batch(batch, precision)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
            raise InvalidValue(f"timeout is a positive number of seconds, got {timeout!r}.")
        if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
            raise InvalidValue(f"retries is a count from 0 on, got {retries!r}.")
        if not isinstance(hardware, str):
            raise InvalidValue(f"hardware is a text, got {hardware!r}.")
        self.arguments = _arguments(command)
        self.command, self.timeout, self.retries, self.batch, self.precision = (
            command,
            float(timeout),
            retries,
            batch,
            precision,
        )
        self._folder = os.getcwd()
        program, *rest = self.arguments
        located = [os.path.abspath(program) if os.sep in program else program]
        located += [os.path.abspath(argument) if os.path.exists(argument) else argument for argument in rest]
        described = json.dumps({"command": located, "hardware": hardware, "batch": batch, "precision": precision})
        super().__init__(space, name, f"command:{hashlib.sha256(described.encode()).hexdigest()[:16]}", planner, cache)
        where = f" on {hardware}" if hardware else ""
        self.provenance = (
            f"MEASURED LIVE{where}, each whole network while the search ran, by the command {command!r} (batch {batch}, {precision}); "
            "another run on an empty cache gives other numbers"
        )

    @property
    def _lock(self) -> str:
        return self.fingerprint.replace(":", "-")

    def _measure(self, plans: dict[str, NetworkPlan], keep: Callable[[dict[str, MeasuredLatency]], None]) -> None:
        for key, plan in plans.items():
            keep({key: MeasuredLatency(self._try(plan))})

    def _try(self, plan: NetworkPlan) -> float:
        with tempfile.TemporaryDirectory(prefix="nasgym-") as folder:
            path = Path(folder) / "network.onnx"
            if not PLAIN_PATH.fullmatch(str(path)):
                raise DataError(
                    f"networks are written to {path}, and a shell over ssh would not read that path as one word; set TMPDIR to a "
                    "folder whose path has letters, digits, dots, dashes and underscores only."
                )
            path.write_bytes(network_onnx(plan, self.batch, self.precision))
            arguments = [argument.replace(PLACE, str(path)) for argument in self.arguments]
            for _ in range(self.retries + 1):
                done = _run(arguments, self.timeout, self._folder)
                reason = done.failure
                if not reason:
                    found = read_latency(done.output)
                    if isinstance(found, float):
                        return found
                    reason = found
        tries = f"in {self.retries + 1} tries, the last of which" if self.retries else "and"
        raise DataError(
            f"command {self.command!r} gave no latency of network {plan.name!r} {tries} {reason}; the end of its output: {done.end}. "
            "What was measured before is kept."
        )


def _arguments(command: str) -> list[str]:
    if not isinstance(command, str):
        raise InvalidValue(f"the command of a device is a text such as 'ssh board bench {PLACE}', got {command!r}.")
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise InvalidValue(f"command {command!r} cannot be split into arguments ({error}); close the quotation.") from None
    if not arguments or not arguments[0] or PLACE in arguments[0] or not any(PLACE in argument for argument in arguments):
        raise InvalidValue(
            f"the command of a device is a program and its arguments, one of which has {PLACE} in the place of the network's file, "
            f"as in 'ssh board bench {PLACE}'; got {command!r}."
        )
    return arguments


def read_latency(output: str) -> float | str:
    """Milliseconds that a command printed (see `CommandLatency`), or why there are none."""
    for pattern in (LABELLED, BARE):
        numbers = [match[1] for line in output.splitlines() if (match := pattern.fullmatch(line))]
        if numbers:
            latency = float(numbers[-1])
            return latency if 0 < latency < math.inf else f"printed {numbers[-1]}, not a positive number of milliseconds"
    return "printed no line 'latency_ms: NUMBER' and no line that is a number"


# ---- running -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """How a command ended: its output, the end of it as one line, and why it failed.

    ``failure`` is empty where it did not fail.
    """

    output: str
    end: str
    failure: str


def _run(arguments: list[str], timeout: float, folder: str) -> _Run:
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            start_new_session=True,  # a group of its own, which can be killed as a whole
        )
    except (OSError, ValueError) as error:
        raise DataError(f"command {shlex.join(arguments)!r} cannot be run: {error}.") from None
    assert process.stdout is not None, "is a pipe"
    assert process.stderr is not None, "is a pipe"
    pipes = [_Pipe(process.stdout), _Pipe(process.stderr)]
    failure = ""
    try:
        code = process.wait(timeout)
        if code != 0:
            failure = f"ended with exit code {code}"
    except subprocess.TimeoutExpired:
        failure = f"ran for longer than {timeout:g} seconds and was killed"
    finally:
        if process.returncode is not None:  # a child that holds a pipe may still print
            all(pipe.ended(PIPE_SECONDS) for pipe in pipes)
        _kill(process)
        for pipe in pipes:
            pipe.ended(PIPE_SECONDS)
    output, errors = (pipe.text for pipe in pipes)
    return _Run(output, _end(output, errors), failure)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and its group, whether or not the process itself has ended."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):  # all of them have ended; some systems say so in this way
        pass
    process.wait()


def _end(output: str, errors: str) -> str:
    """The last characters of what was printed, errors after output.

    Without what a terminal would act on.
    """
    both = " ".join(f"{output}\n{errors}".split())
    shown = "".join(c if c.isprintable() else "?" for c in both)
    return repr(shown[-SHOWN_CHARACTERS:]) if shown else "nothing"


class _Pipe:
    """Reads a pipe to its end in a thread, and keeps the last bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._kept = file, bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._file:
            while part := self._file.read1(8192):  # type: ignore[attr-defined]  # pipes of Popen are buffered readers
                self._kept += part
                del self._kept[:-KEPT_BYTES]

    def ended(self, seconds: float) -> bool:
        """Whether the end was reached, after waiting for it for at most `seconds`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def text(self) -> str:
        """What was kept; bytes that are not text are replaced."""
        return bytes(self._kept).decode("utf-8", errors="replace")
