from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ctypes import c_double
from multiprocessing.sharedctypes import RawArray
from pathlib import Path

import pytest

from nasgym.errors import InvalidValue, NasgymError
from nasgym.execution import processes
from nasgym.execution.processes import Workers
from tests.execution import work
from tests.execution.orphans import end, lives, wait_until_gone

ROOT = Path(__file__).parents[2]
# far above what is needed, far below what the workers would sleep
SECONDS = 15.0


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_task_comes_once_with_its_result_whatever_the_jobs(jobs):
    with Workers(jobs) as workers:
        found = list(workers.run(work.square, range(20)))
    assert sorted(found) == [(number, number**2) for number in range(20)]


def test_a_result_comes_while_another_task_runs(tmp_path):
    seen = tmp_path / "seen"
    with Workers(2) as workers:
        order = []
        for path, _ in workers.run(work.wait_for, [seen, None]):
            order.append(path)
            seen.touch()
    assert order == [None, seen]


def test_tick_is_called_while_nothing_comes(tmp_path):
    ticks = []

    def tick():
        ticks.append(1)
        if len(ticks) == 3:
            (tmp_path / "third").touch()

    with Workers(1) as workers:
        assert len(list(workers.run(work.wait_for, [tmp_path / "third"], tick))) == 1
    assert len(ticks) >= 4


def test_no_tasks_are_no_results_and_no_workers():
    with Workers(2) as workers:
        assert list(workers.run(work.square, [])) == []
        assert multiprocessing.active_children() == []


def test_workers_serve_one_run_after_another():
    with Workers(2) as workers:
        assert sorted(workers.run(work.square, [1, 2])) == [(1, 1), (2, 4)]
        assert sorted(workers.run(work.square, [3])) == [(3, 9)]


def test_jobs_below_one_are_refused():
    with pytest.raises(InvalidValue, match="jobs must be at least 1, got 0"):
        Workers(0)


def test_the_initialiser_gets_its_arguments_and_shared_arrays():
    shared = RawArray(c_double, 2)
    with Workers(2, work.keep, ("a", 1)) as workers:
        assert [found for _, found in workers.run(work.given, [0])] == [["a", 1]]
    with Workers(2, work.keep, (shared,)) as workers:
        assert len(list(workers.run(work.count_up, [0, 1, 1]))) == 3
    assert list(shared) == [1.0, 2.0]


def test_an_error_of_the_initialiser_reaches_the_caller():
    with pytest.raises(NasgymError, match=r"the store cannot be opened\."), Workers(1, work.fail_to_start) as workers:
        list(workers.run(work.square, [1]))


def test_workers_see_one_thread_and_further_variables_and_this_process_does_not(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_")
    with Workers(1, variables={"MALLOC_TRIM_THRESHOLD_": "5000"}) as workers:
        for _, found in workers.run(work.variables, [names]):
            assert found == ("1", "1", "5000")
            assert dict(os.environ) == before
    assert dict(os.environ) == before


def test_the_environment_is_restored_where_the_start_fails(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = dict(os.environ)

    def tasks():
        yield 1
        assert os.environ["OMP_NUM_THREADS"] == "1"
        raise RuntimeError("no second task")

    with pytest.raises(RuntimeError, match="no second task"), Workers(1) as workers:
        list(workers.run(work.square, tasks()))
    assert dict(os.environ) == before
    if hasattr(signal, "pthread_sigmask"):
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_an_error_of_a_task_reaches_the_caller_and_ends_its_own_workers_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.2)
    bystander = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(work.LONG,))
    bystander.start()
    try:
        busy = tmp_path / "0"
        with pytest.raises(NasgymError, match=r"this search cannot go on\."), Workers(2) as workers:
            list(workers.run(work.fail_beside, [(busy, False), (busy, True)]))
        assert not lives(int(busy.read_text()))
        assert multiprocessing.active_children() == [bystander]
    finally:
        bystander.kill()
        bystander.join()


def test_leaving_early_ends_the_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.2)
    with Workers(3) as workers:
        for _ in workers.run(work.sleep_or_end, [tmp_path / name for name in "012"]):
            break
    assert len(work.worker_ids(tmp_path)) == 3
    assert not any(map(lives, work.worker_ids(tmp_path)))


def test_a_killed_worker_is_one_sentence():
    wanted = r"^a worker process ended without a word \(killed, or out of memory\); give --jobs 1\.$"
    with pytest.raises(NasgymError, match=wanted), Workers(2, if_killed="give --jobs 1.") as workers:
        list(workers.run(work.kill_self, range(4)))
    assert multiprocessing.active_children() == []


# ---- the process that owns the workers is ended ------------------------------------------------


def start_owner(folder: Path, stop_seconds: float, when: str) -> subprocess.Popen[str]:
    command, pipe = [sys.executable, "-m", "tests.execution.work", str(folder), str(stop_seconds), when], subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


@contextlib.contextmanager
def owner(folder: Path, stop_seconds: float) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process, leader of its group, and the ids of its workers: two busy ones and an idle one."""
    process = start_owner(folder, stop_seconds, "never")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "idle\n"
        pids = work.worker_ids(folder)
        assert len(pids) == 3
        assert all(map(lives, pids))
        yield process, pids
    finally:
        process.kill()
        end(work.worker_ids(folder))  # they hold the pipes, which are read to their end
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_killed_parent(how, tmp_path):
    with owner(tmp_path, 3.0) as (process, pids):
        process.send_signal(how)
        assert process.wait(SECONDS) == -how
        assert wait_until_gone(pids, SECONDS) == []


def test_ctrl_c_in_a_terminal_ends_the_workers_without_a_word_from_them(tmp_path):
    with owner(tmp_path, 0.5) as (process, pids):
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, err) == (130, "")
        assert wait_until_gone(pids, 0.0) == []


def test_ctrl_c_while_workers_start_is_not_heard_by_them(tmp_path):
    process = start_owner(tmp_path, 1.0, "starting")
    try:
        assert process.communicate(timeout=SECONDS) == ("", "")
        assert process.returncode == 130
    finally:
        process.kill()
        end(work.worker_ids(tmp_path))


def test_a_second_ctrl_c_ends_busy_workers_at_once(tmp_path):
    with owner(tmp_path, work.LONG) as (process, pids):
        os.killpg(process.pid, signal.SIGINT)
        while not (tmp_path / "stopping").exists():
            time.sleep(0.01)
        time.sleep(0.5)
        assert all(map(lives, pids[1:]))
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, err) == (130, "")
        assert wait_until_gone(pids, 0.0) == []
