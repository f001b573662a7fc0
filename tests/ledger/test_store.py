"""Measurements and charges on disk: replay, sharing, crashes, foreign files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from nasgym.errors import BudgetExhausted, DataError
from nasgym.ledger import Budget, Ledger
from nasgym.ledger.store import Store
from tests.ledger.counted_oracle import counted_oracle
from tests.tiny import tiny_problem, tiny_space

ALL = tiny_space().enumerate()
KEY = (b"\x00\x01", 3, 7)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "runs.sqlite"


def search(store, *, stop_after=None, picks=3, run="r", budget=None, problem=None):
    """Random proposals in batches of three; the history, or None if killed before the end."""
    problem = problem or tiny_problem(seed="sampled")
    ledger = Ledger(problem, budget or Budget("total", 30), seed=1, store=store, run=run, run_spec={"agent": "toy"})
    rng = np.random.default_rng(picks)
    try:
        for batch in range(10**6):
            if batch == stop_after:
                return None
            ledger.evaluate(problem.space.sample(rng, 3))
    except BudgetExhausted:
        return ledger.history


def assert_same(one, other):
    for name in ("archs", "fidelity", "accuracy", "reward", "feasible", "train_seconds", "spent", "incumbent", "proposals"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


# ---- measurements ------------------------------------------------------------------------------


def test_measurements_come_back(path):
    store = Store(path)
    store.record("oracle", [(KEY, (0.1, float("nan"), 1 / 3))])
    store.close()
    store.close()
    again = Store(path).known("oracle")
    assert list(again) == [KEY]
    assert (again[KEY].validation, again[KEY].train_seconds) == (0.1, 1 / 3)
    assert np.isnan(again[KEY].test)
    assert Store(path).known("another oracle") == {}


def test_the_first_measurement_stays(path):
    one, other = Store(path), Store(path)
    assert one.known("oracle") == other.known("oracle") == {}
    one.record("oracle", [(KEY, (0.1, 0.2, 3.0))])
    kept = other.record("oracle", [(KEY, (0.9, 0.9, 9.0))])
    assert kept[KEY] == one.known("oracle")[KEY] == other.known("oracle")[KEY]
    assert kept[KEY].validation == 0.1


def test_a_store_in_memory():
    store = Store()
    store.record("oracle", [(KEY, (0.1, 0.2, 3.0))])
    assert KEY in store.known("oracle")


def test_nothing_is_measured_twice_by_two_runs(path):
    first = tiny_problem(seed="sampled")
    rows = counted_oracle(first)
    one = search(Store(path), run="one", problem=first)
    second = tiny_problem(seed="sampled")
    again = counted_oracle(second)
    other = search(Store(path), run="two", problem=second)
    assert_same(one, other)
    assert rows
    assert not again
    # and a reused measurement is charged as if it were made
    assert other.spent[-1] == 30


def test_numbers_that_another_process_recorded_meanwhile_are_used(path):
    problem, ours, theirs = tiny_problem(), Store(path), Store(path)
    ours.known(problem.accuracy.fingerprint)
    key = (ALL[4].tobytes(), 1, -1)
    theirs.record(problem.accuracy.fingerprint, [(key, (0.123, 0.5, 2.0))])
    ledger = Ledger(problem, 5, store=ours, run="r")
    assert ledger.evaluate(ALL[[4]]).accuracy[0] == 0.123


def test_what_another_process_has_trained_meanwhile_is_not_trained_again(path):
    problem, ours, theirs = tiny_problem(), Store(path), Store(path)
    problem.accuracy.deterministic = False  # as if every network were trained
    rows = counted_oracle(problem)
    ledger = Ledger(problem, 5, store=ours, run="r")
    ledger.evaluate(ALL[:1])
    key = (ALL[4].tobytes(), 1, -1)
    theirs.record(problem.accuracy.fingerprint, [(key, (0.123, 0.5, 2.0))])
    assert ledger.evaluate(ALL[[4, 5]]).accuracy[0] == 0.123
    assert [row for row, _ in rows] == [ALL[0].tobytes(), ALL[5].tobytes()]


# ---- replay ------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [Budget("total", 30), Budget("distinct", 20), Budget("train_seconds", 160)])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(path, budget):
    wanted = search(Store(), budget=budget)
    assert search(Store(path), budget=budget, stop_after=4) is None
    charged = len(Store(path).charges(1))
    assert 0 < charged < len(wanted)
    problem = tiny_problem(seed="sampled")
    rows = counted_oracle(problem)
    assert_same(search(Store(path), budget=budget, problem=problem), wanted)
    assert len(rows) < len(wanted)
    assert len(Store(path).charges(1)) == len(wanted)


def test_a_finished_run_is_read_and_not_charged_again(path):
    wanted = search(Store(path))
    problem = tiny_problem(seed="sampled")
    rows = counted_oracle(problem)
    assert_same(search(Store(path), problem=problem), wanted)
    assert not rows
    assert len(Store(path).charges(1)) == 30


def test_a_run_without_store_is_the_same(path):
    assert_same(search(None, run=None), search(Store(path)))


def test_a_replay_that_proposes_something_else_is_refused(path):
    search(Store(path), stop_after=4)
    before = Store(path).charges(1)
    with pytest.raises(DataError, match="proposed something else after 0 evaluations"):
        search(Store(path), picks=8)
    assert Store(path).charges(1) == before


def test_a_run_of_another_configuration_is_refused(path):
    store = Store(path)
    store.open_run("r", {"agent": "random"})
    with pytest.raises(DataError, match="another configuration"):
        store.open_run("r", {"agent": "ppo"})


def test_two_processes_that_write_one_run_are_refused(path):
    problem = tiny_problem()
    one, other = (Ledger(problem, 5, store=Store(path), run="r") for _ in range(2))
    one.evaluate(ALL[:1])
    with pytest.raises(DataError, match="another process"):
        other.evaluate(ALL[:1])


def test_charges_and_results(path):
    store = Store(path)
    history = search(store)
    archs, seeds = store.charged_archs(1, 5)
    np.testing.assert_array_equal(archs, history.archs)
    assert set(seeds.tolist()) <= {0, 1, 2}
    store.close_run(1, {"reward": 0.5})
    (run,) = Store(path).runs()
    assert (run.name, run.spec, run.result) == ("r", {"agent": "toy"}, {"reward": 0.5})
    assert store.charged_archs(99, 5)[0].shape == (0, 5)


# ---- crashes and company -----------------------------------------------------------------------

CRASH = """
import os, sys
import numpy as np
from nasgym.ledger.store import Store
store = Store(sys.argv[1])
run = store.open_run("r", {}).id
store.record("oracle", [((b"a", 1, 0), (0.1, 0.1, 1.0))], (run, 0, [(b"a", 1, 0)]))
store._db.execute("BEGIN IMMEDIATE")
store._db.execute("INSERT INTO measurements (oracle, arch, fidelity, seed) VALUES ('oracle', x'62', 1, 0)")
os._exit(9)
"""


def test_a_killed_process_leaves_whole_transactions(path):
    done = subprocess.run([sys.executable, "-c", CRASH, str(path)], cwd=ROOT, check=False)
    assert done.returncode == 9
    store = Store(path)
    assert list(store.known("oracle")) == [(b"a", 1, 0)]
    assert len(store.charges(1)) == 1
    assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.record("oracle", [((b"b", 1, 0), (0.2, 0.2, 1.0))])


def test_a_failed_record_leaves_nothing(path):
    store = Store(path)
    with pytest.raises(KeyError):
        store.record("oracle", [(KEY, (0.1, 0.2, 3.0))], (1, 0, [KEY, (b"never measured", 1, 0)]))
    assert store.known("oracle") == Store(path).known("oracle") == {}
    store.record("oracle", [(KEY, (0.1, 0.2, 3.0))])


def _work(path: str, name: str) -> list[float]:
    return search(Store(path), run=name, picks=int(name)).accuracy.tolist()


def test_several_processes_share_a_new_store(path):
    names = ["1", "2", "3"]
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        found = list(pool.map(_work, [str(path)] * 3, names))
    store = Store(path)
    assert [run.name for run in store.runs()] == names
    for run, accuracy in zip(store.runs(), found, strict=True):
        assert len(store.charges(run.id)) == 30
        assert accuracy == search(None, run=None, picks=int(run.name)).accuracy.tolist()
    assert len(store.known(tiny_problem().accuracy.fingerprint)) <= 90


def test_an_empty_file_is_a_new_store(path):
    path.parent.mkdir()
    path.touch()
    store = Store(path)
    store.record("oracle", [(KEY, (0.1, 0.2, 3.0))])
    assert KEY in Store(path).known("oracle")
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (1,)


def _begin(path: Path, barrier: Barrier, number: int) -> None:
    barrier.wait(60)
    store = Store(path)
    run = store.open_run(str(number), {}).id
    key = (b"%d" % number, 1, 0)
    store.record("oracle", [(key, (0.1, 0.2, 3.0))], (run, 0, [key]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_several_processes_make_a_store_at_once(tmp_path):
    context = get_context("fork")
    for attempt in range(20):
        path, barrier = tmp_path / f"{attempt}.sqlite", context.Barrier(8)
        workers = [context.Process(target=_begin, args=(path, barrier, number), daemon=True) for number in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0] * 8
        store = Store(path)
        assert [len(store.charges(run.id)) for run in store.runs()] == [1] * 8
        store.close()


# ---- other files -------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"no database at all, only text\n" * 50, b"\x00" * 4096])
def test_garbage_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "garbage"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a nasgym store"):
        Store(path)
    assert path.read_bytes() == content


def test_a_damaged_store_is_named(path):
    store = Store(path)
    search(store)
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x55" * (len(content) - 4096))  # the first page has the schema and stays
    damaged = Store(path)
    for ask in (damaged.runs, lambda: damaged.charges(1), lambda: damaged.known("x"), lambda: damaged.open_run("s", {})):
        with pytest.raises(DataError, match=r"runs\.sqlite is not a nasgym store, or is damaged"):
            ask()
    damaged.close()


@pytest.mark.parametrize("version", [0, 1, 7])
def test_another_programs_database_is_refused_and_kept(tmp_path, version):
    path = tmp_path / "theirs.sqlite"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE birds (name TEXT)")
    theirs.execute(f"PRAGMA user_version = {version}")
    theirs.commit()
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="another kind or version"):
        Store(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["theirs.sqlite"]


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(DataError, match="cannot be opened"):
        Store(tmp_path)


# ---- charged seconds ---------------------------------------------------------------------------


def charging_search(store, clock, *, stop_after=None, seconds=(5.0, 2.0, 1.0)):
    """Charges seconds between evaluations; what the agent was charged, or None if killed before."""
    ledger = Ledger(tiny_problem(), 6, store=store, run="r", run_spec={})
    paid = []
    for step, number in enumerate(seconds):
        if step == stop_after:
            return None
        paid.append(ledger.charge(number, clock))
        ledger.evaluate(ALL[step : step + 1])
    ledger.recommend(ALL[30])
    return paid, ledger


def test_charged_seconds_are_replayed(path):
    assert charging_search(Store(path), "simulated", stop_after=2) is None
    paid, ledger = charging_search(Store(path), "simulated")
    fresh, undisturbed = charging_search(Store(), "simulated")
    assert paid == fresh == [5.0, 2.0, 1.0]
    np.testing.assert_array_equal(ledger.history.seconds["simulated"], undisturbed.history.seconds["simulated"])
    assert ledger.answers().archs[-1].tolist() == ALL[30].tolist()


def test_a_replayed_run_gets_the_measured_seconds_of_the_first_time(path):
    charging_search(Store(path), "measured", stop_after=2, seconds=(5.0, 2.0, 1.0))
    paid, ledger = charging_search(Store(path), "measured", seconds=(5.5, 2.5, 1.5))
    assert paid == [5.0, 2.0, 1.5]
    assert ledger.charged_seconds == {"measured": 8.5}


def test_a_replayed_run_that_charges_something_else_is_refused(path):
    charging_search(Store(path), "simulated", stop_after=2)
    with pytest.raises(DataError, match="charged other seconds after 0 evaluations"):
        charging_search(Store(path), "simulated", seconds=(5.5, 2.0, 1.0))
    with pytest.raises(DataError, match="charged other seconds after 0 evaluations"):
        charging_search(Store(path), "measured")


def test_a_replayed_run_that_leaves_out_or_adds_a_charge_is_refused(path):
    def play(charges: dict[int, float], evaluations: int):
        ledger = Ledger(tiny_problem(), 20, store=Store(path), run="r", run_spec={})
        for step in range(evaluations):
            if step in charges:
                ledger.charge(charges[step])
            ledger.evaluate(ALL[2 * step : 2 * step + 2])
        return ledger

    play({1: 100.0}, 2)
    with pytest.raises(DataError, match="went on after 2 evaluations without a charge that it made before"):
        play({}, 3)
    with pytest.raises(DataError, match="charged other seconds after 0 evaluations"):
        play({0: 5.0}, 3)
    with pytest.raises(DataError, match="charged other seconds after 2 evaluations"):
        play({1: 50.0}, 3)
    assert play({1: 100.0, 2: 7.0}, 3).charged_seconds == {"simulated": 107.0}
    with pytest.raises(DataError, match="went on after 4 evaluations without a charge"):
        play({1: 100.0}, 3)
    other = Ledger(tiny_problem(), 20, store=Store(path), run="other", run_spec={})
    other.evaluate(ALL[:4])
    again = Ledger(tiny_problem(), 20, store=Store(path), run="other", run_spec={})
    again.evaluate(ALL[:2])
    with pytest.raises(DataError, match=r"charged seconds after 2 evaluations .* where it did not before"):
        again.charge(3.0)


def test_a_charge_after_the_last_evaluation_may_follow_in_a_replay(path):
    first = Ledger(tiny_problem(), 20, store=Store(path), run="r", run_spec={})
    first.evaluate(ALL[:2])
    first.charge(9.0)
    again = Ledger(tiny_problem(), 20, store=Store(path), run="r", run_spec={})
    again.evaluate(ALL[:2])
    assert again.charge(9.0) == 9.0
    again.evaluate(ALL[2:4])
    assert again.charged_seconds == {"simulated": 9.0}


def test_charged_seconds_are_on_disk_before_the_agent_goes_on(path):
    Ledger(tiny_problem(), 6, store=Store(path), run="r").charge(5.0)
    db = sqlite3.connect(path)
    assert db.execute("SELECT ordinal, charges, clock, seconds FROM seconds").fetchall() == [(0, 0, "simulated", 5.0)]
    db.close()


def test_two_processes_cannot_charge_one_run(path):
    one, other = (Ledger(tiny_problem(), 5, store=Store(path), run="r") for _ in range(2))
    one.charge(1.0)
    with pytest.raises(DataError, match="another process is writing the same run"):
        other.charge(1.0)


def test_a_store_without_charged_seconds_is_brought_up_to_date(path):
    """Stores of version 1 had no table of seconds; what they hold is kept."""
    search(Store(path), stop_after=4)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DROP TABLE seconds")
    db.execute("PRAGMA user_version = 1")
    charges = db.execute("SELECT * FROM charges").fetchall()
    assert len(charges) == 12
    store = Store(path)
    assert db.execute("SELECT * FROM charges").fetchall() == charges
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    assert_same(search(store), search(Store()))
    assert store.seconds(store.open_run("r", {"agent": "toy"}).id) == []
    db.close()
