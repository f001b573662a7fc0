"""The cache of measured latencies: the first answer stays, whoever asks and whatever happens."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import time

import pytest

from nasgym.errors import DataError
from nasgym.measuring.latency_cache import LatencyCache, MeasuredLatency

ONE = MeasuredLatency(1.5, 1.4, 1.6, noisy=True)


def test_what_is_kept_is_read_under_its_fingerprint_only(tmp_path):
    cache = LatencyCache(tmp_path / "there" / "latencies.sqlite")
    assert cache.read("a", ["n"]) == {}
    assert not cache.path.parent.exists()
    assert cache.keep("a", [("n", "text", ONE)]) == {"n": ONE}
    assert LatencyCache(cache.path).read("a", ["n", "n", "m"]) == {"n": ONE}
    assert cache.read("b", ["n"]) == {}
    assert cache.read("a", []) == {}


def test_the_first_answer_stays(tmp_path):
    cache = LatencyCache(tmp_path / "latencies.sqlite")
    cache.keep("a", [("n", "text", ONE)])
    assert cache.keep("a", [("n", "text", MeasuredLatency(9.0)), ("m", "text", MeasuredLatency(2.0))]) == {
        "n": ONE,
        "m": MeasuredLatency(2.0),
    }


def test_more_networks_than_one_statement_takes(tmp_path):
    cache = LatencyCache(tmp_path / "latencies.sqlite")
    new = [(f"n{i}", "text", MeasuredLatency(i + 1.0)) for i in range(1201)]
    assert cache.keep("a", new) == {key: one for key, _, one in new}


def test_it_lies_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    assert LatencyCache().path == tmp_path / "latencies" / "measured.sqlite"


def _keep_until_killed(path):
    cache, number = LatencyCache(path), 0
    while True:
        cache.keep("a", [(f"n{number}", "text", MeasuredLatency(number + 1.0))])
        number += 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_loses_nothing_that_was_kept(tmp_path):
    path = tmp_path / "latencies.sqlite"
    worker = multiprocessing.get_context("fork").Process(target=_keep_until_killed, args=(path,))
    worker.start()
    try:
        cache, names = LatencyCache(path), [f"n{i}" for i in range(400)]
        deadline = time.monotonic() + 60
        while len(seen := cache.read("a", names)) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        worker.kill()
        worker.join()
    found = cache.read("a", names)
    assert len(seen) >= 5
    assert seen.items() <= found.items()
    assert sorted(found, key=lambda n: int(n[1:])) == [f"n{i}" for i in range(len(found))]


def _keep_own(path, number):
    LatencyCache(path).keep("a", [("shared", "text", MeasuredLatency(number + 1.0)), (f"n{number}", "text", ONE)])


def test_several_processes_agree(tmp_path):
    path = tmp_path / "latencies.sqlite"
    workers = [multiprocessing.get_context("fork").Process(target=_keep_own, args=(path, i), daemon=True) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    found = LatencyCache(path).read("a", ["shared", *(f"n{i}" for i in range(4))])
    assert len(found) == 5
    assert found["shared"].latency_ms in (1.0, 2.0, 3.0, 4.0)


def test_nothing_is_known_in_an_empty_file(tmp_path):
    path = tmp_path / "latencies.sqlite"
    path.touch()
    assert LatencyCache(path).read("a", ["n"]) == {}
    assert LatencyCache(path).keep("a", [("n", "text", ONE)]) == {"n": ONE}


def _keep_when_asked(path, asked):
    asked.wait(60)
    LatencyCache(path).keep("a", [("n", "text", ONE)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_first_readers_while_another_process_makes_the_file(tmp_path):
    context = multiprocessing.get_context("fork")
    for attempt in range(30):
        path, asked = tmp_path / f"{attempt}.sqlite", context.Event()
        writer = context.Process(target=_keep_when_asked, args=(path, asked), daemon=True)
        writer.start()
        try:
            asked.set()
            deadline = time.monotonic() + 60
            while not (found := LatencyCache(path).read("a", ["n"])) and time.monotonic() < deadline:
                pass
            assert found == {"n": ONE}
        finally:
            writer.kill()
            writer.join()


def test_damaged_and_foreign_files_are_refused(tmp_path):
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"no database, but long enough to have a header of one" * 20)
    with pytest.raises(DataError, match="move it away"):
        LatencyCache(damaged).read("a", ["n"])
    foreign = tmp_path / "foreign.sqlite"
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE other (x)")
    db.commit()
    db.close()
    with pytest.raises(DataError, match="something else"):
        LatencyCache(foreign).keep("a", [("n", "text", ONE)])


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    cache = LatencyCache(tmp_path / "file" / "latencies.sqlite")
    with pytest.raises(DataError, match="set NASGYM_DATA"):
        cache.keep("a", [("n", "text", ONE)])
    with pytest.raises(DataError, match="set NASGYM_DATA"), cache.sole_measurer("x"):
        pass


def test_only_one_measures(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    cache = LatencyCache(tmp_path / "latencies.sqlite")
    with cache.sole_measurer("board"):
        with (tmp_path / "board.lock").open("w") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with cache.sole_measurer("another"):
            pass
