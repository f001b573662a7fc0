"""``python -m benchmarks.side.install``: the side environments, with pinned versions.

They lie under ``$BENCH_SIDE`` or ``.side/``. What cannot be installed stops nothing: the reason is
kept, and the table of ``make bench`` states it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIDE = Path(os.environ.get("BENCH_SIDE") or ROOT / ".side")
# environment: its script; the packages are pinned in the file of the environment's name beside this
# one
SCRIPTS = {"envpool": "envpool_cartpole.py", "jumanji": "jumanji_knapsack.py"}
SECONDS = 900.0


def pins(name: str) -> Path:
    """The requirements of a side environment."""
    return Path(__file__).with_name(f"{name}.txt")


def python_of(name: str) -> Path:
    """Its interpreter, there or not."""
    return SIDE / name / "bin" / "python"


def state_of(name: str) -> Path:
    """The file that says with which requirements it was installed, or why it was not."""
    return SIDE / f"{name}.state"


def missing(name: str) -> str | None:
    """Why a side environment cannot be used; None where it can."""
    state = state_of(name).read_text() if state_of(name).is_file() else ""
    if state == _digest(name) and python_of(name).exists():
        return None
    return state.partition("not installed: ")[2] or "not installed; python -m benchmarks.side.install"


def install(name: str) -> str | None:
    """Installs a side environment unless it is there as pinned; the reason where that fails."""
    if missing(name) is None:
        return None
    SIDE.mkdir(exist_ok=True)
    print(f"side environment {name}: being installed into {SIDE / name}", flush=True)
    venv.create(SIDE / name, with_pip=True, clear=True)
    command = [str(python_of(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(pins(name))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        said, failed = done.stderr, done.returncode != 0
    except subprocess.TimeoutExpired:
        said, failed = f"ERROR: not done after {SECONDS:.0f} s", True
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    reason = (errors or said.splitlines() or ["pip said nothing"])[-1] if failed else None
    state_of(name).write_text(_digest(name) if reason is None else f"not installed: {reason}")
    return reason


def _digest(name: str) -> str:
    return hashlib.sha256(pins(name).read_bytes() + sys.version.encode()).hexdigest()


def main() -> None:
    """Installs all of them."""
    for name in SCRIPTS:
        reason = install(name)
        print(f"side environment {name}: {'is there' if reason is None else reason}")


if __name__ == "__main__":
    main()
