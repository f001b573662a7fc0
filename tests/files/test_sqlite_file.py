"""SQLite files of one kind: new ones, foreign ones, damaged ones, and many processes at once."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from nasgym.errors import DataError
from nasgym.files import sqlite_file
from nasgym.files.sqlite_file import SqliteKind

KIND = SqliteKind(
    "CREATE TABLE toys (name TEXT PRIMARY KEY); CREATE TABLE boxes (size INTEGER)",
    version=3,
    unopened="{path} cannot be opened ({error}).",
    damaged="{path} is damaged ({error}).",
    foreign="{path} has version {found}, expected {version}.",
)


def names(path: Path) -> list[str] | None:
    with KIND.reading(path) as db:
        return None if db is None else [row[0] for row in db.execute("SELECT name FROM toys ORDER BY name")]


def add(path: Path, *toys: str | None) -> None:
    with closing(KIND.connect(path)) as db, KIND.transaction(db, path):
        for toy in toys:
            db.execute("INSERT INTO toys VALUES (?)", (toy.lower(),))


def test_what_is_added_is_read(tmp_path):
    path = tmp_path / "with space, ? and #.sqlite"
    add(path, "ball")
    add(path, "car")
    assert names(path) == ["ball", "car"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)


def test_nothing_is_known_where_there_is_no_file_or_an_empty_one(tmp_path):
    path = tmp_path / "toys.sqlite"
    assert names(path) is None
    assert list(tmp_path.iterdir()) == []
    path.touch()
    assert names(path) is None
    assert path.read_bytes() == b""
    add(path, "ball")
    assert names(path) == ["ball"]


def test_a_file_that_another_process_is_making_is_new(tmp_path):
    path = tmp_path / "toys.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as maker:
        maker.execute("BEGIN IMMEDIATE")
        for statement in (*KIND.schema.split(";"), "PRAGMA user_version = 3", "INSERT INTO toys VALUES ('ball')"):
            maker.execute(statement)
        assert path.exists()
        assert names(path) is None
        maker.execute("COMMIT")
        assert names(path) == ["ball"]


def test_a_reader_sees_one_moment(tmp_path):
    path = tmp_path / "toys.sqlite"
    add(path, "ball")
    with KIND.reading(path) as db, closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as writer:
        assert db is not None
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            writer.execute("INSERT INTO boxes VALUES (1)")
    add(path, "car")


def test_a_failed_transaction_leaves_nothing(tmp_path):
    path = tmp_path / "toys.sqlite"
    with pytest.raises(AttributeError):
        add(path, "ball", None)
    with pytest.raises(DataError, match=r"toys\.sqlite is damaged \(UNIQUE"):
        add(path, "ball", "ball")
    assert names(path) == []
    add(path, "ball", "car")
    assert names(path) == ["ball", "car"]


@pytest.mark.parametrize(("table", "version"), [("birds", 3), ("toys", 2), ("toys", 3), ("toys", 0)])
def test_files_of_another_kind_or_version_are_refused_and_kept(tmp_path, table, version):
    path = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE {table} (name TEXT)")
        db.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    for use in (names, KIND.connect):
        with pytest.raises(DataError, match=rf"theirs\.sqlite has version {version}, expected 3\."):
            use(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["theirs.sqlite"]


def test_garbage_and_folders_are_refused(tmp_path):
    path = tmp_path / "garbage"
    path.write_bytes(b"no database at all, only text\n" * 50)
    for use in (names, KIND.connect):
        with pytest.raises(DataError, match=r"garbage is damaged"):
            use(path)
        with pytest.raises(DataError, match="cannot be opened"):
            use(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another user's process")
def test_a_reader_needs_no_permission_to_write():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        add(folder / "toys.sqlite", "ball")
        (folder / "toys.sqlite").chmod(0o444)
        folder.chmod(0o555)
        child = multiprocessing.get_context("fork").Process(target=_read_as_nobody, args=(folder / "toys.sqlite",))
        child.start()
        child.join(60)
        folder.chmod(0o755)
        assert child.exitcode == 0


def _read_as_nobody(path: Path) -> None:
    if os.geteuid() == 0:  # root may write everything
        os.setuid(65534)
    with pytest.raises(DataError):
        add(path, "car")
    assert names(path) == ["ball"]
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("wal", [False, True])
def test_many_processes_make_one_file_at_once(tmp_path, wal):
    context = multiprocessing.get_context("fork")
    for attempt in range(10):
        path = tmp_path / f"{attempt}.sqlite"
        if attempt % 2:
            path.touch()
        barrier = context.Barrier(6)
        workers = [context.Process(target=_add_at_once, args=(path, barrier, str(i), wal), daemon=True) for i in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0] * 6
        assert names(path) == [str(i) for i in range(6)]


def _add_at_once(path: Path, barrier, name: str, wal: bool) -> None:
    kind = SqliteKind(KIND.schema, 3, KIND.unopened, KIND.damaged, KIND.foreign, wal)
    barrier.wait()
    with closing(kind.connect(path)) as db, kind.transaction(db, path):
        db.execute("INSERT INTO toys VALUES (?)", (name,))


class Busy:
    """A connection on which the log is switched on only at the third time."""

    def __init__(self, error: int) -> None:
        self.error, self.tries = error, 0

    def execute(self, statement: str) -> None:
        if "journal_mode" in statement:
            self.tries += 1
            if self.tries < 3:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = self.error
                raise error


def test_the_log_is_switched_on_however_many_do_it_at_once(monkeypatch):
    db = Busy(sqlite3.SQLITE_BUSY_SNAPSHOT)
    sqlite_file._switch_to_wal(db)
    assert db.tries == 3
    with pytest.raises(sqlite3.OperationalError):
        sqlite_file._switch_to_wal(Busy(sqlite3.SQLITE_READONLY))
    monkeypatch.setattr(sqlite_file, "WAIT_SECONDS", -1.0)
    with pytest.raises(sqlite3.OperationalError):
        sqlite_file._switch_to_wal(Busy(sqlite3.SQLITE_BUSY))


def test_an_older_version_is_brought_up_to_date_with_what_it_holds(tmp_path):
    path = tmp_path / "toys.sqlite"
    first = replace(KIND, schema="CREATE TABLE toys (name TEXT)", version=1, upgrades=())
    with closing(first.connect(path)) as db:
        db.execute("INSERT INTO toys VALUES ('ball')")
    upgrades = ("CREATE TABLE cars (name TEXT)", "CREATE TABLE dolls (name TEXT); INSERT INTO dolls SELECT name FROM toys")
    schema = "CREATE TABLE toys (name TEXT); CREATE TABLE cars (name TEXT); CREATE TABLE dolls (name TEXT)"
    latest = replace(KIND, schema=schema, version=3, upgrades=upgrades)
    for _ in range(2):
        with closing(latest.connect(path)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (3,)
            assert db.execute("SELECT name FROM dolls").fetchall() == [("ball",)]
    with pytest.raises(DataError, match="expected 1"):
        first.connect(path)


def test_an_older_version_of_another_kind_is_refused_and_kept(tmp_path):
    path = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE birds (name TEXT)")
        db.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    schema = "CREATE TABLE toys (name TEXT); CREATE TABLE cars (name TEXT)"
    with pytest.raises(DataError, match="version 1, expected 2"):
        replace(KIND, schema=schema, version=2, upgrades=("CREATE TABLE cars (name TEXT)",)).connect(path)
    assert path.read_bytes() == before
