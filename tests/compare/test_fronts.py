"""Archives and fronts: by hand, against brute force, and NATS-Bench's published hypervolume."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moocore import hypervolume, igd_plus, is_nondominated

import nasgym
from nasgym.agents import make_agent
from nasgym.compare.archive import Archive, archive_of
from nasgym.compare.comparison import plan_comparison
from nasgym.compare.fronts import FrontScale, judge_fronts
from nasgym.compare.judgement import judge
from nasgym.compare.leaderboard import leaderboard_text
from nasgym.compare.leaderboard_csv import leaderboard_csv, results_csv
from nasgym.compare.plots import plots_of
from nasgym.compare.run_result import RunResult, condense
from nasgym.compare.runs import run_all
from nasgym.errors import InvalidValue
from nasgym.ledger import Budget, Ledger
from nasgym.problems.evaluation import Objective
from tests.conftest import need_table
from tests.tiny import tiny_problem, tiny_space

ALL = tiny_space().enumerate()
TWO = (Objective("accuracy", "max"), Objective("latency_ms@phone", "min"))
THREE = (*TWO, Objective("energy_mj", "max"))


def searched(order: list[int], objectives=TWO, **options) -> tuple[RunResult, Ledger]:
    """A run on the tiny problem that evaluated these rows, one at a time."""
    problem = tiny_problem(objectives=list(objectives), **options)
    ledger = Ledger(problem, Budget("total", 100))
    for row in order:
        ledger.evaluate(ALL[[row]])
    result = make_agent("random")._result(ledger)
    return condense(result, 0, len(order), float(len(order)), 0.0, objectives), ledger


@given(st.lists(st.integers(0, 35), min_size=1, max_size=40), st.sampled_from([TWO, THREE]))
def test_an_archive_has_what_nothing_before_it_equals_or_beats(order, objectives):
    run, ledger = searched(order, objectives)
    values = np.stack([ledger.history.qualities.get(o.name, ledger.history.costs.get(o.name)) for o in objectives], 1)
    less = np.where([o.direction == "max" for o in objectives], -values, values)
    wanted = [row for row in range(len(order)) if not (less[:row] <= less[row]).all(axis=1).any()]
    np.testing.assert_array_equal(run.archive.evaluations, np.array(wanted) + 1)
    np.testing.assert_array_equal(run.archive.archs, ALL[[order[row] for row in wanted]])


def test_a_short_training_is_on_no_front():
    problem = tiny_problem(objectives=list(TWO))
    ledger = Ledger(problem, Budget("total", 100))
    ledger.evaluate(ALL[:10], fidelity=1)
    ledger.evaluate(ALL[10:13], fidelity=4)
    assert archive_of(ledger.history, TWO).evaluations.min() == 11


def test_scale_and_hypervolume_by_hand():
    # accuracy .9 at 4 ms, .8 at 2 ms, .5 at 1 ms: shares (0, 1), (.25, 1/3), (1, 0)
    scale = FrontScale.of(np.array([[0.9, 4.0], [0.8, 2.0], [0.5, 1.0]]), TWO)
    scaled = scale.scaled(np.array([[0.9, 4.0], [0.8, 2.0], [0.5, 1.0]]))
    np.testing.assert_allclose(scaled, [[0, 1], [0.25, 1 / 3], [1, 0]], atol=1e-12)
    # only the middle one has a volume: (1 - .25) times (1 - 1/3)
    assert hypervolume(scaled, ref=[1.0, 1.0]) == pytest.approx(0.75 * 2 / 3)


def test_an_objective_that_does_not_vary_counts_for_nothing():
    scale = FrontScale.of(np.array([[0.9, 4.0], [0.9, 4.0]]), TWO)
    np.testing.assert_array_equal(scale.scaled(np.array([[0.9, 4.0], [0.8, 4.0]])), [[0, 0], [1e9, 0]])


def test_a_front_of_one_architecture_has_no_distances():
    alone = (Objective("latency_ms@phone", "min"),)
    run, _ = searched([1, 2, 3], alone)
    fronts = judge_fronts(tiny_problem(objectives=list(alone)), [run])
    assert np.isnan(fronts.igd_plus).all()
    assert fronts.best == 1.0  # all of a range that has no width


@pytest.mark.parametrize("seed", range(3))
def test_fronts_against_moocore_on_everything_that_was_evaluated(seed):
    order = np.random.default_rng(seed).integers(0, 36, 25).tolist()
    run, _ = searched(order, THREE)
    problem = tiny_problem(objectives=list(THREE))
    fronts = judge_fronts(problem, [run])
    large = [True, False, True]
    values = problem.everything.values(THREE)
    exact = values[is_nondominated(values, maximise=large, keep_weakly=True)]
    signs = np.array([-1.0, 1.0, -1.0])
    low, high = (signs * exact).min(axis=0), (signs * exact).max(axis=0)

    def scaled(rows):
        return (signs * values[rows] - low) / (high - low)

    assert fronts.best == pytest.approx(hypervolume((signs * exact - low) / (high - low), ref=[1.0] * 3))
    for at, found in zip(fronts.at.tolist(), fronts.hypervolume[0].tolist(), strict=True):
        assert found == pytest.approx(hypervolume(scaled(order[:at]), ref=[1.0] * 3))
    own = scaled(order)
    own = own[is_nondominated(own)]
    assert fronts.igd_plus[0] == pytest.approx(igd_plus(own, ref=(signs * exact - low) / (high - low)))
    assert fronts.sizes[0] == len(own)


def test_a_search_that_found_everything_has_the_exact_front():
    run, _ = searched(list(range(36)), THREE)
    fronts = judge_fronts(tiny_problem(objectives=list(THREE)), [run])
    assert fronts.hypervolume[0, -1] == pytest.approx(fronts.best)
    assert fronts.igd_plus[0] == pytest.approx(0.0, abs=1e-12)


def test_a_run_that_evaluated_nothing_has_an_empty_front():
    problem = tiny_problem(objectives=list(TWO))
    ledger = Ledger(problem, Budget("total", 5))
    ledger.recommend(ALL[3])
    empty = condense(make_agent("random")._result(ledger), 0, 0, 0.0, 0.0, TWO)
    fronts = judge_fronts(problem, [empty, searched([1, 2, 3])[0]])
    assert (fronts.hypervolume[0, -1], fronts.sizes[0]) == (0.0, 0)
    assert np.isnan(fronts.igd_plus[0])
    assert fronts.hypervolume[1, -1] > 0


def test_archives_come_back_from_json():
    run, _ = searched([3, 1, 7, 30])
    again = RunResult.from_json(json.loads(json.dumps(run.to_json())))
    np.testing.assert_array_equal(again.archive.archs, run.archive.archs)
    assert again.to_json() == run.to_json()
    empty = Archive.from_json({"archs": [], "evaluations": []}, 5)
    assert empty.archs.shape == (0, 5)


# ---- comparisons -------------------------------------------------------------------------------

AGENTS = ["nsga2", "random"]


def test_an_id_of_several_objectives_is_compared_by_fronts(tmp_path):
    plan, problem = plan_comparison("nasgym/mo-Digits-v0", AGENTS, [0, 1], Budget("distinct", 40))
    assert [o.name for o in problem.objectives] == ["accuracy", "macs"]
    judgement = judge(problem, plan, run_all(plan, tmp_path, 1))
    fronts = judgement.fronts
    exact = problem.pareto_front()
    assert fronts.best == pytest.approx(hypervolume(fronts.scale.scaled(exact.values), ref=[1.0, 1.0]))
    assert (np.diff(fronts.hypervolume, axis=1) >= 0).all()
    assert (fronts.hypervolume[:, -1] < fronts.best).all()
    text = leaderboard_text(judgement)
    assert f"{len(exact.archs)} of 3,125 architectures (front.csv), hypervolume {fronts.best:.4f}" in text
    rows = list(csv.DictReader(io.StringIO(results_csv(judgement))))
    assert [float(row["hypervolume"]) for row in rows] == fronts.hypervolume[:, -1].tolist()
    plot = plots_of(judgement)[-1]
    assert (plot.name, plot.best) == ("front_over_evaluations", fronts.best)
    assert plot.lines["nsga2"].mean[-1] == pytest.approx(fronts.hypervolume[judgement.of_agent("nsga2"), -1].mean())
    assert "rank" in leaderboard_csv(judgement)


def test_without_named_objectives_there_are_no_fronts(tmp_path):
    plan, problem = plan_comparison("nasgym/Digits-v0", ["random"], [0], Budget("distinct", 10))
    assert not plan.fronts
    judgement = judge(problem, plan, run_all(plan, tmp_path, 1))
    assert judgement.fronts is None
    assert "hypervolume" not in leaderboard_text(judgement) + results_csv(judgement)


def test_an_id_without_a_target_gets_its_cost_as_an_objective():
    plan, problem = plan_comparison("nasgym/mo-Digits-v0", AGENTS, [0], Budget("distinct", 10), {"reward": "accuracy"})
    assert plan.keywords["objectives"] == ["accuracy", "macs"]
    assert len(problem.objectives) == 2


def test_fronts_that_cannot_be_looked_up_are_refused_before_the_first_evaluation():
    pytest.importorskip("torch")
    training = {"accuracy": "training"}
    with pytest.raises(InvalidValue, match="give report='table', or compare on 'nasgym/Digits-v0'"):
        plan_comparison("nasgym/mo-Digits-v0", AGENTS, [0], Budget("distinct", 2), training)
    plan, _ = plan_comparison("nasgym/mo-Digits-v0", AGENTS, [0], Budget("distinct", 2), {**training, "report": "table"})
    assert plan.fronts
    with pytest.raises(InvalidValue, match="has several objectives, got"):
        plan_comparison("nasgym/mo-Digits-v0", AGENTS, [0], Budget("distinct", 2), {"objectives": ["accuracy"]})


def test_the_published_hypervolume_of_nats_bench_size():
    """Error, parameters and FLOPs on CIFAR-10 (C-10/MOP3 of EvoXBench): 347 networks, .8384."""
    need_table("nats-sss")
    keywords = {"dataset": "cifar10", "reward": "accuracy", "cost": "macs", "extra_costs": ["params"]}
    problem = nasgym.make_problem("nasgym/NATS-SSS-v0", **keywords, objectives=["accuracy", "params", "macs"])
    exact = problem.pareto_front()
    assert len(exact.archs) == 347
    scale = FrontScale.of(exact.values, problem.objectives)
    assert round(hypervolume(scale.scaled(exact.values), ref=[1.0, 1.0, 1.0]), 4) == 0.8384
