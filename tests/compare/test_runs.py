from __future__ import annotations

import csv
import json
import multiprocessing
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.compare.comparison import plan_comparison
from nasgym.compare.run_result import RunResult
from nasgym.compare.runs import run_all
from nasgym.errors import BudgetExhausted, DataError, InvalidValue, NasgymError
from nasgym.ledger import Budget
from nasgym.ledger.store import Store
from tests.compare.small import COMPARED, count_charges, fixed_files, run, start, store_contents
from tests.tiny import tiny_ledger

ENV = ("nasgym/Table-v0", ["random", "regularized-evolution"])
KILLED = [
    *COMPARED,
    "--agents",
    "random,regularized-evolution",
    "--budget",
    "400",
    "--seeds",
    "24",
    "--agent-set",
    "random.batch=1",
]


def without_wall(result: RunResult) -> dict[str, object]:
    return {key: value for key, value in result.to_json().items() if key != "wall_seconds"}


@pytest.mark.usefixtures("small_folder")
def test_results_equal_plain_searches_whatever_the_jobs(tmp_path):
    comparison, problem = plan_comparison(*ENV, [3, 1], Budget("distinct", 60), {"table": "small", "seed": "sampled"})
    seen: list[tuple[float, float]] = []
    results = [run_all(comparison, tmp_path / str(jobs), jobs, lambda *now: seen.append(now)) for jobs in (1, 3)]
    assert [(r.agent, r.seed) for r in results[0]] == [(a, s) for a in ENV[1] for s in (3, 1)]
    assert list(map(without_wall, results[0])) == list(map(without_wall, results[1]))
    assert seen[-1] == (240.0, 240.0)
    for found in results[0]:
        plain = make_agent(found.agent).search(problem, budget=60, seed=found.seed)
        incumbents = np.unique(plain.history.incumbent)
        np.testing.assert_array_equal(found.archs, plain.history.archs[incumbents])
        np.testing.assert_array_equal(found.reward, plain.history.reward[incumbents])
        np.testing.assert_array_equal(found.evaluations, incumbents + 1)
        np.testing.assert_allclose(found.seconds["simulated"], plain.history.train_seconds.cumsum()[incumbents])
        assert (found.charged, found.ended) == (60, "budget")


@pytest.mark.usefixtures("small_folder")
def test_finished_searches_are_kept_and_more_seeds_join_them(tmp_path):
    budget, keywords = Budget("distinct", 30), {"table": "small"}
    first, _ = plan_comparison(*ENV, [0], budget, keywords)
    more, _ = plan_comparison(*ENV, [0, 1], budget, keywords)
    walls = [result.wall_seconds for result in run_all(first, tmp_path, 1)]
    again = {(r.agent, r.seed): r.wall_seconds for r in run_all(more, tmp_path, 2)}
    assert [again[agent, 0] for agent in ENV[1]] == walls  # not one of them was run again


def test_json_round_trip_keeps_what_is_not_known():
    unknown = {"simulated": np.array([np.nan]), "measured": np.array([2.5])}
    result = RunResult(
        *("random", 3, np.array([[0, 1]], dtype=np.int8), np.array([1]), np.array([3]), unknown, 1, np.array([np.nan])),
        *(np.array([0.25]), 7, 9, 6, 7.0, {"simulated": np.nan}, {"measured": 2.5}, "budget", 0.1, np.nan, "abc", 1.5),
    )
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert data["seconds"] == {"simulated": [None], "measured": [2.5]}
    again = RunResult.from_json(data)
    assert np.isnan(again.seconds["simulated"]).all()
    assert np.isnan([again.reward[0], again.total_seconds["simulated"], again.last_fifth]).all()
    assert not again.evaluated
    assert again.archs.dtype == np.int8
    assert again.to_json() == data


def test_results_of_another_version_are_refused_in_one_sentence():
    with pytest.raises(DataError, match="another version of nasgym; name another one"):
        RunResult.from_json({"agent": "random", "seconds": [1.0]})


@pytest.mark.usefixtures("small_folder")
def test_jobs_and_failing_searches(tmp_path):
    comparison, _ = plan_comparison(*ENV, [0], Budget("distinct", 5), {"table": "small"})
    with pytest.raises(InvalidValue, match="jobs"):
        run_all(comparison, tmp_path, 0)
    # an interrupted run that proposed something else than it does now
    name, spec = comparison.run_name("random", 0), comparison.run_spec("random", 0)
    store = Store(tmp_path / "evaluations.sqlite")
    fingerprint = plan_comparison(*ENV, [0], Budget("distinct", 5), {"table": "small"})[1].accuracy.fingerprint
    key = (bytes(5), 1, 2)
    store.record(fingerprint, [(key, (0.1, 0.1, 1.0))], (store.open_run(name, spec).id, 0, [key]))
    store.close()
    with pytest.raises(NasgymError, match="proposed something else"):
        run_all(comparison, tmp_path, 2)
    # a worker that was asked to end may still be on its way out
    deadline = time.monotonic() + 30
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert multiprocessing.active_children() == []


@pytest.fixture(scope="module")
def undisturbed(small_data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    done = run(small_data, *KILLED, "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out


def wait_for_charges(process, out: Path, wanted: int) -> bool:
    """Whether so many charges are committed; False where the command ended before."""
    deadline = time.monotonic() + 120
    while count_charges(out) < wanted:
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, "no evaluations within two minutes"
        time.sleep(0.01)
    return True


def interrupt(data: Path, out: Path, how: int, after: int) -> tuple[bool, int, str]:
    """Starts the comparison and ends it after so many charges.

    Returns:
        Whether it was still running, its exit code, its stderr.
    """
    with start(data, *KILLED, "--out", str(out)) as process:
        running = wait_for_charges(process, out, after)
        if running:
            process.send_signal(how)
        _, err = process.communicate(timeout=120)
    return running, process.returncode, err


def check_equal(out: Path, undisturbed: Path) -> None:
    assert fixed_files(out) == fixed_files(undisturbed)
    assert store_contents(out) == store_contents(undisturbed)


def test_killed_twice_and_stopped_once_equals_undisturbed(small_data, undisturbed, tmp_path):
    running, code, _ = interrupt(small_data, tmp_path, signal.SIGKILL, 100)
    assert (running, code) == (True, -signal.SIGKILL)
    running, code, _ = interrupt(small_data, tmp_path, signal.SIGKILL, count_charges(tmp_path) + 300)
    assert (running, code) == (True, -signal.SIGKILL)
    running, code, err = interrupt(small_data, tmp_path, signal.SIGINT, count_charges(tmp_path) + 300)
    assert (running, code) == (True, 130)
    assert "the same command goes on" in err
    assert "Traceback" not in err
    done = run(small_data, *KILLED, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    check_equal(tmp_path, undisturbed)


@pytest.mark.long
def test_killed_twenty_times_equals_undisturbed(small_data, undisturbed, tmp_path):
    whole, kills = count_charges(undisturbed), 0
    draw = random.Random(0)
    for k in range(20):
        # evenly spread, so that the last one still meets a running command
        wanted = max(count_charges(tmp_path) + 1, int(whole * (k + draw.random()) / 21))
        running, code, _ = interrupt(small_data, tmp_path, signal.SIGKILL, wanted)
        kills += running and code == -signal.SIGKILL
    assert kills == 20
    done = run(small_data, *KILLED, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    check_equal(tmp_path, undisturbed)


def test_a_grid_of_targets_that_was_killed_goes_on(small_data, tmp_path):
    killed = [*KILLED, "--set", "reward=constrained", "--targets", "30..80/25%"]
    killed[killed.index("24")] = "8"
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert run(small_data, *killed, "--out", str(whole)).returncode == 0
    with start(small_data, *killed, "--out", str(out)) as process:
        assert wait_for_charges(process, out, 200)
        process.kill()
        process.communicate(timeout=120)
    done = run(small_data, *killed, "--out", str(out))
    assert done.returncode == 0, done.stderr
    check_equal(out, whole)
    assert (out / "targets.csv").read_bytes() == (whole / "targets.csv").read_bytes()
    assert len((out / "results.csv").read_text().splitlines()) == 1 + 2 * 3 * 8


def test_second_command_in_the_same_folder_is_refused(small_data, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(small_data))
    monkeypatch.setattr("nasgym.compare.runs.LOCK_SECONDS", 0.2)
    comparison, _ = plan_comparison(*ENV, [0], Budget("distinct", 5), {"table": "small"})
    with start(small_data, *KILLED, "--out", str(tmp_path)) as process:
        assert wait_for_charges(process, tmp_path, 1)
        with pytest.raises(NasgymError, match="another comparison is running"):
            run_all(comparison, tmp_path, 1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 130


def test_no_clock_in_what_is_compared(undisturbed):
    with (undisturbed / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48
    assert list(rows[0])[-1] == "wall_seconds"
    assert "wall" not in (undisturbed / "leaderboard.txt").read_text()
    assert "wall" not in (undisturbed / "leaderboard.csv").read_text()


def test_free_repeats_of_one_architecture_are_counted_and_cannot_be_overwritten():
    one, other = tiny_ledger(Budget("distinct", 5, max_proposals=3)), tiny_ledger(Budget("distinct", 5))
    arch = one.space.sample(np.random.default_rng(0), 1)
    first, again = one.evaluate(arch), one.evaluate(arch.copy())
    assert (one.proposals, one.charges, len(one.history)) == (2, 1, 1)
    assert again.reward == first.reward == other.evaluate(np.repeat(arch, 2, axis=0)).reward[1]
    with pytest.raises(ValueError, match="read-only"):
        again.reward[0] = 9.0
    one.evaluate(arch)
    with pytest.raises(BudgetExhausted, match="repeats itself"):
        one.evaluate(arch)
    assert one.ended == "max_proposals"
