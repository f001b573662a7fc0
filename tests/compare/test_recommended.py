"""An agent that charges 100 s, evaluates 40 networks and recommends one that it never evaluated.

It is the one of ``examples/recommending_agent.py``, found by its entry point.
"""

from __future__ import annotations

import csv
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from examples.recommending_agent import AdditiveFit
from nasgym.compare.comparison import Comparison
from nasgym.compare.judgement import Judgement, judge
from nasgym.compare.plots import curves
from nasgym.compare.run_result import RunResult, condense
from nasgym.ledger import Budget, Ledger
from nasgym.ledger.store import Store
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem
from tests.compare.small import count_charges, fixed_files, make_data_folder, run, start, store_contents

ROOT = Path(__file__).parents[2]
KEYWORDS = {"table": "small", "reward": "constrained", "target": 9.0}
COMPARE = (
    *("compare", "nasgym/Table-v0", "--agents", "random,additive-fit", "--seeds", "4", "--budget", "60", "--jobs", "2"),
    *("--set", "table=small", "--set", "reward=constrained", "--set", "target=9"),
)
ENTRY = "[nasgym.agents]\nadditive-fit = recommending_agent:AdditiveFit\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The small table, and a package that has the agent."""
    folder = make_data_folder(tmp_path_factory.mktemp("data"))
    info = folder / "site" / "recommending-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "recommending_agent.py", folder / "site")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recommending\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY)
    return folder


@pytest.fixture(scope="module")
def out(data, tmp_path_factory) -> Path:
    """The folder of a comparison that nobody disturbed."""
    folder = tmp_path_factory.mktemp("out")
    done = run(data, *COMPARE, "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def small_problem(data: Path, monkeypatch) -> Problem:
    monkeypatch.setenv("NASGYM_DATA", str(data))
    return make_problem("nasgym/Table-v0", **KEYWORDS)


def test_results_say_what_was_recommended_and_what_it_is_worth(data, out, monkeypatch):
    problem = small_problem(data, monkeypatch)
    mine = [row for row in rows_of(out / "results.csv") if row["agent"] == "additive-fit"]
    assert len(mine) == 4
    for row in mine:
        found = AdditiveFit().search(problem, budget=60, seed=int(row["seed"]))
        assert not (found.history.archs == found.best_arch).all(axis=1).any()
        assert row["arch"] == problem.space.to_str(found.best_arch[None])[0]
        assert (row["evaluated"], row["reward"], row["accuracy"]) == ("0", "", "")
        assert float(row["true_reward"]) == problem.mean_rewards(found.best_arch[None])[0]
        assert float(row["test_accuracy"]) == problem.report(found.best_arch[None]).test_accuracy[0]
        assert float(row["latency_ms@phone"]) == problem.costs(found.best_arch[None])["latency_ms@phone"][0]
        assert (row["feasible"], row["charged"], row["spent"], row["ended"]) == ("1", "40", "40.0", "agent")
        assert row["charged_seconds"] == "simulated:100.0"
        assert row["seconds"] == f"simulated:{float(100.0 + found.history.train_seconds.sum())!r}"
    theirs = [row for row in rows_of(out / "results.csv") if row["agent"] == "random"]
    assert all((row["evaluated"], row["charged_seconds"]) == ("1", "") for row in theirs)


def test_the_leaderboard_counts_and_explains(out):
    rows = {row["agent"]: row for row in rows_of(out / "leaderboard.csv")}
    results = [row for row in rows_of(out / "results.csv") if row["agent"] == "additive-fit"]
    mine = rows["additive-fit"]
    assert (mine["unseen_answers"], mine["charged_seconds_mean"], mine["charged_mean"]) == ("4", "simulated:100.0", "40.0")
    assert float(mine["reward_mean"]) == pytest.approx(np.mean([float(row["true_reward"]) for row in results]))
    assert (rows["random"]["unseen_answers"], rows["random"]["charged_seconds_mean"]) == ("0", "")
    text = (out / "leaderboard.txt").read_text()
    assert "additive-fit recommended its answer without having evaluated it in 4 of 4 runs" in text
    assert "simulated s: mean seconds that an agent charged beside its evaluations; the budget does not limit them." in text
    efforts = next(line for line in text.splitlines() if line.startswith("additive-fit") and "agent" in line.split()[-1])
    assert efforts.split()[1:4] == ["40.0", "40.0", "100.0"]


def test_the_page_names_it(out):
    page = (out / "report.html").read_text()
    assert "additive-fit recommended it and never evaluated it" in page
    assert "random recommended it" not in page
    assert "test accuracy of the answer, %" in page


def judged(problem: Problem, runs: list[RunResult]) -> Judgement:
    agents = {run.agent: {} for run in runs}
    comparison = Comparison("nasgym/Table-v0", KEYWORDS, agents, (0,), Budget("distinct", 60), problem.fingerprint, "0")
    return judge(problem, comparison, runs)


def searched(problem: Problem, agent: AdditiveFit, budget: Budget, **options) -> RunResult:
    ledger = Ledger(problem, budget, **options)
    result = agent.search(ledger, seed=0)
    return condense(result, 0, ledger.proposals, ledger.spent, 0.0)


def test_curves_end_with_the_recommendation(data, monkeypatch):
    problem = small_problem(data, monkeypatch)
    run = searched(problem, AdditiveFit(), Budget("distinct", 60))
    judgement = judged(problem, [run])
    over = curves(judgement, judgement.true_reward, clock=None)["additive-fit"]
    assert over.x[-1] == 40
    assert over.mean[-1] == problem.mean_rewards(run.archs[-1:])[0]
    timed = curves(judgement, judgement.true_reward, clock="simulated")["additive-fit"]
    assert timed.x[-1] == run.total_seconds["simulated"]
    assert timed.mean[-1] == over.mean[-1]
    # after the last evaluation the incumbent was the answer for another 100 seconds
    before = timed.mean[(timed.x > timed.x[-1] - 99.0) & (timed.x < timed.x[-1] - 1.0)]
    assert set(before.tolist()) == {over.mean[-2]}


def test_what_does_not_meet_the_constraint_is_shown_so(data, monkeypatch):
    problem = small_problem(data, monkeypatch)

    class Careless(AdditiveFit):
        def _recommend(self, ledger):
            return problem.space.enumerate()[-1]  # all layers as wide as they go

    result = Careless().search(problem, budget=60)
    assert not result.feasible
    assert np.isnan(result.best_reward)
    judgement = judged(problem, [searched(problem, Careless(), Budget("distinct", 60))])
    assert judgement.standings[0].feasible == 0.0
    assert not judgement.answers.feasible[0]


def test_seconds_of_two_clocks_have_no_curve_and_a_sentence(data, monkeypatch):
    from nasgym.compare.leaderboard import leaderboard_text
    from nasgym.compare.plots import plots_of

    problem = small_problem(data, monkeypatch)

    class Timed(AdditiveFit):
        def _search(self, ledger, rng):
            ledger.charge(3.0, "measured")
            super()._search(ledger, rng)

    judgement = judged(problem, [searched(problem, Timed(), Budget("distinct", 60))])
    assert [plot.name for plot in plots_of(judgement) if "seconds" in plot.name] == []
    assert "no curves over seconds: simulated and measured seconds" in leaderboard_text(judgement)


def test_a_budget_of_seconds_that_goes_into_the_model_still_has_an_answer(data, monkeypatch):
    problem = small_problem(data, monkeypatch)

    class ChargesAll(AdditiveFit):
        def _search(self, ledger, rng):
            while True:
                ledger.charge(60.0)

        def _recommend(self, ledger):
            return ledger.space.enumerate()[5]

    run = searched(problem, ChargesAll(), Budget("train_seconds", 150))
    assert (run.charged, run.spent, run.total_seconds) == (0, 180.0, {"simulated": 180.0})
    assert run.archs.tolist() == [problem.space.enumerate()[5].tolist()]
    judgement = judged(problem, [run])
    line = curves(judgement, judgement.true_reward, clock="simulated")["additive-fit"]
    assert (line.x[0], line.mean[-1]) == (180.0, problem.mean_rewards(run.archs)[0])
    assert RunResult.from_json(run.to_json()).to_json() == run.to_json()


def test_killed_and_resumed_equals_undisturbed(data, out, tmp_path):
    with start(data, *COMPARE, "--out", str(tmp_path)) as process:
        while count_charges(tmp_path) < 150:
            assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=120)
    assert count_charges(tmp_path) < count_charges(out)
    done = run(data, *COMPARE, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert fixed_files(tmp_path) == fixed_files(out)
    assert store_contents(tmp_path) == store_contents(out)
    charged = Store(tmp_path / "evaluations.sqlite")
    assert [len(charged.seconds(one.id)) for one in charged.runs()] == [1, 1, 1, 1, 0, 0, 0, 0]
    charged.close()


def test_search_prints_what_is_not_known(data):
    done = run(data, "search", "nasgym/Table-v0", "--agent", "additive-fit", "--set", "table=small", "--report")
    assert done.returncode == 0, done.stderr
    assert "reward:               not known: the agent recommends what it has not evaluated" in done.stdout
    assert "simulated seconds:    100 beside evaluations" in done.stdout
    assert "nan" not in done.stdout
