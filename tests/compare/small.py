"""A table of our own that is large enough to kill a comparison in the middle.

It has 1,024 networks, three training seeds and noise.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nasgym.tables.table_file import Table, write_table

DECISIONS = 5
CHOICES = 4
ROWS = CHOICES**DECISIONS
COMPARED = ["compare", "nasgym/Table-v0", "--set", "table=small", "--set", "seed=sampled"]


def small_table() -> Table:
    """Accuracy rises with the sum of the choices; the cost too; seconds are known."""
    rng = np.random.default_rng(3)
    archs = np.stack(np.unravel_index(np.arange(ROWS), (CHOICES,) * DECISIONS), axis=1)
    clean = 0.5 + 0.025 * archs.sum(axis=1) + 0.02 * rng.random(ROWS)
    accuracy = {
        ("toy", 1, split): (clean[:, None] + 0.01 * rng.uniform(-1, 1, (ROWS, 3))).astype(np.float32)
        for split in ("validation", "test")
    }
    card = {
        "name": "small",
        "space": {
            "name": "small",
            "decisions": [{"name": f"layer{i}.width", "role": "width", "choices": [8, 16, 24, 32]} for i in range(DECISIONS)],
        },
        "datasets": ["toy"],
        "search_fidelity": 1,
        "report_fidelity": 1,
        "search_metric": "validation",
        "canonical": False,
        "notes": ["made for tests"],
    }
    seconds = {("toy", 1): (1.0 + archs.sum(axis=1)).astype(np.float32)}
    return Table(card, accuracy, seconds, {("toy", "latency_ms@phone"): 1.0 + archs.sum(axis=1)})


def make_data_folder(folder: Path) -> Path:
    """A data folder that holds the small table and nothing else."""
    write_table(small_table(), folder / "tables" / "small.npz")
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nasgym", *arguments]


def environment(data: Path) -> dict[str, str]:
    """Packages in the folder ``site`` of the data are found, too."""
    root = str(Path(__file__).parents[2])
    return {**os.environ, "NASGYM_DATA": str(data), "PYTHONPATH": f"{root}{os.pathsep}{data / 'site'}", "COLUMNS": "120"}


def _listen_to_ctrl_c() -> None:
    # a shell starts what it puts into the background with Ctrl-C ignored, and children inherit that
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def start(data: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The running command; one that a failing test left running is killed."""
    pipe, listen = subprocess.PIPE, _listen_to_ctrl_c
    with subprocess.Popen(
        command(*arguments), env=environment(data), stdout=pipe, stderr=pipe, text=True, preexec_fn=listen
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=environment(data), capture_output=True, text=True, timeout=300, check=False)


def count_charges(out: Path) -> int:
    """Committed charges, 0 where there is no store yet."""
    try:
        with sqlite3.connect(f"file:{out / 'evaluations.sqlite'}?mode=ro", uri=True) as db:
            found = db.execute("SELECT count(*) FROM charges").fetchone()[0]
        db.close()
        return int(found)
    except sqlite3.OperationalError:
        return 0


def store_contents(out: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Measurements without their ids, and charges by run name and ordinal; both sorted."""
    db = sqlite3.connect(out / "evaluations.sqlite")
    measured = db.execute("SELECT hex(arch), fidelity, seed, validation, test FROM measurements ORDER BY 1, 2, 3").fetchall()
    charged = db.execute(
        "SELECT name, ordinal, hex(arch), seed FROM charges JOIN measurements m ON m.id = measurement JOIN runs r ON r.id = run "
        "ORDER BY 1, 2"
    ).fetchall()
    db.close()
    return measured, charged


def without_clock(out: Path) -> str:
    """results.csv without its last column."""
    return "\n".join(line.rpartition(",")[0] for line in (out / "results.csv").read_text().splitlines())


def fixed_files(out: Path) -> dict[str, bytes]:
    """Every file that must not depend on how the comparison came about."""
    names = ["leaderboard.txt", "leaderboard.csv", "comparison.json", *(path.name for path in sorted(out.glob("*.svg")))]
    files = {name: (out / name).read_bytes() for name in names}
    return {**files, "results.csv": without_clock(out).encode()}
