"""`Store`: what was measured, and which run was charged for it, in one SQLite file.

Measurements are shared by all runs: a row is (oracle fingerprint, architecture, fidelity, training
seed) and is never written twice. Charges belong to a run: (run, ordinal) to a measurement; and so
do the seconds that an agent charged beside them. One call of `record` is one transaction; with the
write-ahead log a killed process loses nothing that was recorded, and several processes may write at
once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nasgym.errors import DataError
from nasgym.files.sqlite_file import SqliteKind
from nasgym.ledger.former_oracles import former_names, former_oracles
from nasgym.oracles.oracle import Clock
from nasgym.type_aliases import Archs, Ints

__all__ = ["Key", "Measured", "Run", "SecondsCharge", "Store"]

Key: TypeAlias = tuple[bytes, int, int]

SECONDS = """
CREATE TABLE seconds (
    run INTEGER NOT NULL REFERENCES runs (id),
    ordinal INTEGER NOT NULL,
    charges INTEGER NOT NULL,
    clock TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (run, ordinal)
) WITHOUT ROWID
"""
SCHEMA = f"""
CREATE TABLE measurements (
    id INTEGER PRIMARY KEY,
    oracle TEXT NOT NULL,
    arch BLOB NOT NULL,
    fidelity INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    validation REAL,
    test REAL,
    train_seconds REAL,
    UNIQUE (oracle, arch, fidelity, seed)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    result TEXT
);
CREATE TABLE charges (
    run INTEGER NOT NULL REFERENCES runs (id),
    ordinal INTEGER NOT NULL,
    measurement INTEGER NOT NULL REFERENCES measurements (id),
    PRIMARY KEY (run, ordinal)
) WITHOUT ROWID;
{SECONDS};
"""
KIND = SqliteKind(
    SCHEMA,
    version=2,
    unopened="{path} cannot be opened as a store ({error}); name another file.",
    damaged="{path} is not a nasgym store, or is damaged or cannot be written ({error}); name another file, or move this one away.",
    foreign=(
        "{path} is a SQLite file of another kind or version ({found}, expected {version}); name another file or move this one away."
    ),
    wal=True,
    upgrades=(SECONDS,),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: accuracies, or numbers of another quality, and training seconds.

    An accuracy is NaN where the oracle has none, the seconds where they are not known.
    """

    id: int
    validation: float
    test: float
    train_seconds: float


@dataclass(frozen=True)
class SecondsCharge:
    """Seconds that an agent charged beside its evaluations.

    Attributes:
        after: Charged evaluations before it.
        clock: What the seconds are (`nasgym.oracles.oracle.Clock`).
        seconds: How many.
    """

    after: int
    clock: Clock
    seconds: float


@dataclass(frozen=True)
class Run:
    """One search in the store: row, JSON-able description and, once it has ended, result."""

    id: int
    name: str
    spec: dict[str, Any]
    result: dict[str, Any] | None


def _real(value: float | None) -> float:
    return float("nan") if value is None else value


class Store:
    """Measurements and charges in a SQLite file.

    Args:
        path: The file, made if it is not there; ``":memory:"`` for one that ends with the process.

    Raises:
        DataError: The file is not a nasgym store, or one of another version.
    """

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.path = path
        self._known: dict[str, dict[Key, Measured]] = {}
        self._read_up_to: dict[str, int] = {}  # rows are only ever added, so their ids ascend
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = KIND.connect(path)

    def _transaction(self) -> AbstractContextManager[None]:
        return KIND.transaction(self._db, self.path)

    def _select(self, query: str, *values: str | int) -> list[Any]:
        with KIND.data_errors(self.path):
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._db.close()

    # ---- measurements ---------------------------------------------------------------------------

    def known(self, oracle: str) -> dict[Key, Measured]:
        """The measurements of an oracle by (architecture bytes, fidelity, seed).

        Read from the file once for each oracle and kept up to date with what this process records;
        what another process has added since is found by `catch_up`, or when `record` meets it.

        Raises:
            DataError: The file has measurements of the oracle under a former fingerprint, so all of
                them would be made again.
        """
        if oracle not in self._known:
            self._check_former(oracle)
            self.catch_up(oracle)
        return self._known[oracle]

    def _check_former(self, oracle: str) -> None:
        for former in former_names(oracle):
            ((found,),) = self._select("SELECT COUNT(*) FROM measurements WHERE oracle = ?", former)
            if found:
                raise DataError(
                    f"{self.path} was made when oracle {oracle} was called {former}, and has {found:,} of its measurements; go on "
                    f"with them after nasgym.ledger.store.Store({str(self.path)!r}).adopt_former(), or name another file to measure again."
                )

    def adopt_former(self) -> int:
        """Files the measurements of former fingerprints under what their oracles are called now.

        They are the same measurements. Runs keep their names and charges.

        Returns:
            How many there were.
        """
        changed = 0
        with self._transaction():
            for former, now in former_oracles().items():
                changed += self._db.execute("UPDATE measurements SET oracle = ? WHERE oracle = ?", (now, former)).rowcount
        self._known.clear()
        self._read_up_to.clear()
        return changed

    def catch_up(self, oracle: str) -> None:
        """Reads what was added since the last time; worth it before an expensive measurement."""
        rows = self._select(
            "SELECT arch, fidelity, seed, id, validation, test, train_seconds FROM measurements "
            "WHERE oracle = ? AND id > ? ORDER BY id",
            oracle,
            self._read_up_to.get(oracle, 0),
        )
        known = self._known.setdefault(oracle, {})
        for arch, fidelity, seed, ident, validation, test, seconds in rows:
            known[arch, fidelity, seed] = Measured(ident, _real(validation), _real(test), _real(seconds))
            self._read_up_to[oracle] = ident

    def record(
        self,
        oracle: str,
        new: Sequence[tuple[Key, tuple[float, float, float]]],
        charges: tuple[int, int, Sequence[Key]] | None = None,
    ) -> dict[Key, Measured]:
        """Adds measurements, and the charges of a run for them, in one transaction.

        Args:
            oracle: Fingerprint of the oracle.
            new: (key, (validation, test, train seconds)); a key that another process has added
                meanwhile keeps the numbers that it has, and those are returned.
            charges: (run id, first ordinal, keys in the order in which they are charged).

        Returns:
            The stored measurement of every key in `new`.

        Raises:
            DataError: Another process writes the same run.
        """
        known = self.known(oracle)
        added: dict[Key, Measured] = {}
        with self._transaction():
            for key, (validation, test, seconds) in new:
                cursor = self._db.execute(
                    "INSERT OR IGNORE INTO measurements (oracle, arch, fidelity, seed, validation, test, train_seconds) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (oracle, *key, validation, test, seconds),
                )
                if cursor.rowcount == 1 and cursor.lastrowid is not None:
                    added[key] = Measured(cursor.lastrowid, validation, test, seconds)
                else:
                    added[key] = self._read(oracle, key)
            if charges is not None:
                run, first, keys = charges
                rows = [(run, first + i, (added.get(key) or known[key]).id) for i, key in enumerate(keys)]
                try:
                    self._db.executemany("INSERT INTO charges (run, ordinal, measurement) VALUES (?, ?, ?)", rows)
                except sqlite3.IntegrityError:
                    raise self._other_writer() from None
        known.update(added)
        return added

    def _read(self, oracle: str, key: Key) -> Measured:
        row = self._db.execute(
            "SELECT id, validation, test, train_seconds FROM measurements "
            "WHERE oracle = ? AND arch = ? AND fidelity = ? AND seed = ?",
            (oracle, *key),
        ).fetchone()
        return Measured(row[0], _real(row[1]), _real(row[2]), _real(row[3]))

    # ---- runs -----------------------------------------------------------------------------------

    def open_run(self, name: str, spec: dict[str, Any]) -> Run:
        """The run of that name, made if it is not there.

        Raises:
            DataError: A run of that name exists with another specification.
        """
        text = json.dumps(spec, sort_keys=True)
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO runs (name, spec) VALUES (?, ?)", (name, text))
            ident, stored, result = self._db.execute("SELECT id, spec, result FROM runs WHERE name = ?", (name,)).fetchone()
        if stored != text:
            raise DataError(
                f"{self.path} holds a run {name!r} of another configuration ({stored}, now {text}); name another output folder."
            )
        return Run(ident, name, json.loads(stored), None if result is None else json.loads(result))

    def close_run(self, run: int, result: dict[str, Any]) -> None:
        """Keeps the result of a run that has ended."""
        with self._transaction():
            self._db.execute("UPDATE runs SET result = ? WHERE id = ?", (json.dumps(result, sort_keys=True), run))

    def runs(self) -> list[Run]:
        """All runs, by name."""
        rows = self._select("SELECT id, name, spec, result FROM runs ORDER BY name")
        return [Run(i, name, json.loads(spec), None if r is None else json.loads(r)) for i, name, spec, r in rows]

    def charges(self, run: int) -> list[int]:
        """Measurement ids that a run was charged for, by ordinal."""
        return [row[0] for row in self._select("SELECT measurement FROM charges WHERE run = ? ORDER BY ordinal", run)]

    def charge_seconds(self, run: int, ordinal: int, charge: SecondsCharge) -> None:
        """Adds seconds that a run was charged for.

        Raises:
            DataError: Another process writes the same run.
        """
        with self._transaction():
            try:
                self._db.execute(
                    "INSERT INTO seconds (run, ordinal, charges, clock, seconds) VALUES (?, ?, ?, ?, ?)",
                    (run, ordinal, charge.after, charge.clock, charge.seconds),
                )
            except sqlite3.IntegrityError:
                raise self._other_writer() from None

    def _other_writer(self) -> DataError:
        return DataError(f"another process is writing the same run to {self.path}; wait for it, or name another run.")

    def seconds(self, run: int) -> list[SecondsCharge]:
        """Seconds that a run was charged for, by ordinal."""
        rows = self._select("SELECT charges, clock, seconds FROM seconds WHERE run = ? ORDER BY ordinal", run)
        return [SecondsCharge(*row) for row in rows]

    def charged_archs(self, run: int, num_decisions: int) -> tuple[Archs, Ints]:
        """``(n, D)`` architectures that a run was charged for, by ordinal.

        Also ``(n,)`` their training seeds.
        """
        rows = self._select(
            "SELECT arch, seed FROM charges JOIN measurements ON id = measurement WHERE run = ? ORDER BY ordinal", run
        )
        archs = np.frombuffer(b"".join(row[0] for row in rows), dtype=np.int8).reshape(len(rows), num_decisions)
        return archs, np.array([row[1] for row in rows], dtype=np.int64)
