"""SQLite files of one kind: made whole or not at all, and refused where they are something else."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nasgym.errors import DataError

__all__ = ["SqliteKind"]

# how long to wait for another process that is writing
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class SqliteKind:
    """One kind of SQLite file, and what is said about files that cannot be used as one.

    A file without tables, for example an empty one, is a new file. Schema and version come into it
    in one transaction, so that no process ever sees a part of them.

    Attributes:
        schema: ``CREATE TABLE`` statements, separated by semicolons.
        version: Of the schema, from 1; kept as SQLite's ``user_version``.
        unopened: Message where a file cannot be opened, with ``{path}`` and ``{error}`` in it.
        damaged: Message where SQLite fails later on, likewise.
        foreign: Message about a file of another kind or version, with ``{path}``, ``{found}`` (its
            version) and ``{version}`` in it.
        wal: Whether a write-ahead log lets processes read while one writes.
        upgrades: Statements that make a file of the next version out of one of version 1, 2 and so
            on; a file that is opened to write is brought up to date. Without them older versions
            are refused.
    """

    schema: str
    version: int
    unopened: str
    damaged: str
    foreign: str
    wal: bool = False
    upgrades: tuple[str, ...] = ()

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables."""
        return _tables(self.schema)

    def connect(self, path: Path | str) -> sqlite3.Connection:
        """Opens a file to read and write; it is made where it is not there. The caller closes it.

        Transactions are the caller's: see `transaction`.

        Args:
            path: The file, in a folder that is there; or ``":memory:"``.

        Raises:
            DataError: The file cannot be opened, is of another kind or version, or is damaged.
        """
        try:
            db = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise DataError(self.unopened.format(path=path, error=error)) from None
        try:
            with self.transaction(db, path):
                self._upgrade(db)
                if self._is_new(db, path):
                    for statement in self.schema.split(";"):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {self.version}")
            if self.wal:
                with self.data_errors(path):
                    _switch_to_wal(db)
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def reading(self, path: Path) -> Iterator[sqlite3.Connection | None]:
        """A file as it is at one moment, or None where it is not there or new: nothing is known.

        The file is neither made nor changed, and may be one that this process must not write.

        Raises:
            DataError: The file cannot be opened, is of another kind or version, or is damaged.
        """
        try:
            # asked before it is opened: another process may make it in the next moment
            there = path.exists()
        except OSError as error:
            raise DataError(self.unopened.format(path=path, error=error)) from None
        if not there:
            yield None
            return
        try:
            # rw does not make the file, and reads one that is write-protected; ro could not undo
            # what a process that was killed has left half written
            db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise DataError(self.unopened.format(path=path, error=error)) from None
        with closing(db), self.data_errors(path):
            # one transaction: between two, another process may have made the tables
            db.execute("BEGIN")
            yield None if self._is_new(db, path) else db

    @contextmanager
    def transaction(self, db: sqlite3.Connection, path: Path | str) -> Iterator[None]:
        """One transaction that writes; undone where it ends with an error.

        Raises:
            DataError: SQLite fails.
        """
        with self.data_errors(path):
            db.execute("BEGIN IMMEDIATE")
            try:
                yield
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def data_errors(self, path: Path | str) -> Iterator[None]:
        """Turns SQLite's errors into `DataError`."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise DataError(self.damaged.format(path=path, error=error)) from None

    def _upgrade(self, db: sqlite3.Connection) -> None:
        """Brings a file of this kind and an older version up to date; leaves any other as it is."""
        found, names = _version_and_tables(db)
        missing = self.upgrades[found - 1 :] if 1 <= found < self.version else ()
        if not missing or not names.issuperset(self.tables - _tables("".join(missing))):
            return
        for statement in ";".join(missing).split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {self.version}")

    def _is_new(self, db: sqlite3.Connection, path: Path | str) -> bool:
        """Whether a file has no tables; raises `DataError` where it has others."""
        found, names = _version_and_tables(db)
        if found == 0 and not names:
            return True
        if found != self.version or not names.issuperset(self.tables):
            raise DataError(self.foreign.format(path=path, found=found, version=self.version))
        return False


def _tables(statements: str) -> frozenset[str]:
    return frozenset(re.findall(r"CREATE TABLE (\w+)", statements))


def _version_and_tables(db: sqlite3.Connection) -> tuple[int, set[str]]:
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return int(db.execute("PRAGMA user_version").fetchone()[0]), names


def _switch_to_wal(db: sqlite3.Connection) -> None:
    """The last step of opening: a file that is not ours is refused without a change to it."""
    db.execute("PRAGMA synchronous = NORMAL")
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # where several processes switch at once, SQLite does not wait by itself
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
