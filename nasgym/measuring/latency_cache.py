"""`LatencyCache`: latencies of whole networks that were measured during searches.

They are in one SQLite file of the data folder. What was measured is never measured again: the first
answer stays, so that a repeated search, a search that was interrupted and every process of a
comparison read the same numbers. Each call is a transaction of its own on a connection of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasgym.errors import DataError
from nasgym.files.data_folder import data_folder
from nasgym.files.sqlite_file import SqliteKind

__all__ = ["THIS_MACHINE", "LatencyCache", "MeasuredLatency"]

# the lock of whoever measures with onnxruntime here
THIS_MACHINE = "this-machine"
SCHEMA = """
CREATE TABLE latencies (
    fingerprint TEXT NOT NULL,
    network TEXT NOT NULL,
    latency_ms REAL NOT NULL,
    low_ms REAL,
    high_ms REAL,
    noisy INTEGER NOT NULL,
    architecture TEXT NOT NULL,
    measured TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (fingerprint, network)
) WITHOUT ROWID
"""
UNUSABLE = (
    "{path}, where measured latencies are kept, is damaged or cannot be written ({error}); move it away, or set NASGYM_DATA."
)
KIND = SqliteKind(
    SCHEMA,
    version=1,
    unopened=UNUSABLE,
    damaged=UNUSABLE,
    foreign="{path} holds something else than measured latencies; move it away.",
)
# SQLite's limit of variables in one statement
AT_ONCE = 500


@dataclass(frozen=True)
class MeasuredLatency:
    """One network's latency.

    Attributes:
        latency_ms: Milliseconds.
        low_ms, high_ms: 95 % interval, None where it is not known.
        noisy: Whether the interval stayed wider than asked for.
    """

    latency_ms: float
    low_ms: float | None = None
    high_ms: float | None = None
    noisy: bool = False


class LatencyCache:
    """Latencies by (fingerprint of how they are measured, key of the network).

    Args:
        path: The SQLite file; by default ``latencies/measured.sqlite`` in the data folder. It is
            made when something is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = data_folder() / "latencies" / "measured.sqlite" if path is None else path

    def read(self, fingerprint: str, networks: Iterable[str]) -> dict[str, MeasuredLatency]:
        """What is known of some networks, by key; nothing where the file is empty or not there yet.

        Raises:
            DataError: The file is damaged or of another kind.
        """
        wanted = list(dict.fromkeys(networks))
        if not wanted:
            return {}
        found: dict[str, MeasuredLatency] = {}
        with KIND.reading(self.path) as db:
            if db is None:
                return {}
            for start in range(0, len(wanted), AT_ONCE):
                part = wanted[start : start + AT_ONCE]
                query = (
                    "SELECT network, latency_ms, low_ms, high_ms, noisy FROM latencies WHERE fingerprint = ? AND network IN "
                    f"({', '.join('?' * len(part))})"
                )
                rows: list[Any] = db.execute(query, (fingerprint, *part)).fetchall()
                found |= {network: MeasuredLatency(ms, low, high, bool(noisy)) for network, ms, low, high, noisy in rows}
        return found

    def keep(self, fingerprint: str, new: Sequence[tuple[str, str, MeasuredLatency]]) -> dict[str, MeasuredLatency]:
        """Adds (key, architecture as text, latency); on disk when this returns.

        A key that is there keeps what it has.

        Returns:
            What the file now says, by key.

        Raises:
            DataError: The file is damaged, of another kind, or cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"measured latencies cannot be kept in {self.path.parent} ({error}); set NASGYM_DATA.") from None
        rows = [(fingerprint, key, one.latency_ms, one.low_ms, one.high_ms, int(one.noisy), text) for key, text, one in new]
        with closing(KIND.connect(self.path)) as db, KIND.transaction(db, self.path):
            db.executemany(
                "INSERT OR IGNORE INTO latencies (fingerprint, network, latency_ms, low_ms, high_ms, noisy, architecture) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        return self.read(fingerprint, [key for key, _, _ in new])

    @contextmanager
    def sole_measurer(self, name: str) -> Iterator[None]:
        """Waits until no other process measures under that name: two would disturb each other.

        Windows has no such lock; there, two processes may measure at the same time.
        """
        if sys.platform == "win32":
            yield
            return
        import fcntl

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = (self.path.parent / f"{name}.lock").open("w")
        except OSError as error:
            raise DataError(f"measured latencies cannot be kept in {self.path.parent} ({error}); set NASGYM_DATA.") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
