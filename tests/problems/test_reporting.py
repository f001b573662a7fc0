"""Problems that are searched by one accuracy oracle and reported by another."""

from __future__ import annotations

import gc
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np
import pytest

import nasgym
from nasgym.agents import make_agent
from nasgym.compare.comparison import Comparison
from nasgym.compare.judgement import judge
from nasgym.compare.leaderboard import leaderboard_text
from nasgym.compare.report import source_lines
from nasgym.compare.run_result import condense
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.problems.problem import Problem
from tests.tiny import tiny_problem, tiny_space, tiny_table

ALL = tiny_space().enumerate()


def shifted_problem(seed="mean") -> tuple[Problem, Problem]:
    """A problem that searches by the tiny table and reports by another, and the latter's own."""
    searched, other = tiny_problem(seed=seed), tiny_problem(table=tiny_table(shift=-0.1))
    costs = list(searched.cost_oracles.values())
    return Problem(searched.space, searched.accuracy, costs, searched.rule, report_accuracy=other.accuracy), other


def reachable_from(start: object) -> set[int]:
    """Ids of what references lead to, but for modules, classes and the globals of functions."""
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | BuiltinFunctionType):
            continue
        seen[id(one)] = one
        if isinstance(one, FunctionType):
            waiting += [one.__closure__, one.__defaults__, one.__kwdefaults__, one.__dict__]
        else:
            waiting += gc.get_referents(one)
    return set(seen)


def test_a_search_sees_one_oracle_and_the_report_another():
    problem, other = shifted_problem()
    np.testing.assert_array_equal(problem.evaluate(ALL).accuracy, tiny_problem().evaluate(ALL).accuracy)
    np.testing.assert_array_equal(problem.report(ALL).test_accuracy, other.report(ALL).test_accuracy)
    assert problem.reporting.optimum().reward == other.optimum().reward
    assert problem.reporting.accuracy is problem.report_accuracy
    assert problem.optimum().reward == tiny_problem().optimum().reward
    assert problem.fingerprint != tiny_problem().fingerprint
    assert tiny_problem().reporting.fingerprint == tiny_problem().fingerprint


def test_the_oracle_that_reports_cannot_be_reached_through_a_ledger():
    problem, _ = shifted_problem()
    problem.report(ALL[:1])  # whatever it keeps is there
    report_oracle = problem.report_accuracy
    ledger = Ledger(problem, 5)
    ledger.evaluate(ALL[:3])
    found = reachable_from(ledger)
    assert id(problem.accuracy) in found  # the walk does reach oracles
    assert id(report_oracle) not in found
    assert id(report_oracle.table) not in found
    for name in ("report", "problem"):
        with pytest.raises(nasgym.errors.TestMetricsRefused):
            getattr(ledger, name) if name == "problem" else ledger.report(ALL[:1])


def test_another_target_keeps_the_oracle_that_reports():
    base = nasgym.make_problem("nasgym/Digits-v0", accuracy="training", report="table")
    other = base.at(base.scale.target * 1.5)
    assert other.reporting.constraint == other.constraint != base.constraint
    assert other.report_accuracy is base.report_accuracy


def test_short_trainings_are_searched_and_the_table_reports():
    pytest.importorskip("torch")
    problem = nasgym.make_problem("nasgym/Digits-v0", accuracy="training", fidelity=3, report="table")
    table = nasgym.make_problem("nasgym/Digits-v0")
    assert problem.search_fidelity == 3
    result = make_agent("random").search(problem, budget=2, seed=0)
    assert result.seconds.keys() == {"measured"}
    arch = result.best_arch[None]
    np.testing.assert_array_equal(problem.report(arch).test_accuracy, table.report(arch).test_accuracy)
    comparison = Comparison("nasgym/Digits-v0", {}, {"random": {}}, (0,), Budget("distinct", 2), problem.fingerprint, "0")
    judgement = judge(problem, comparison, [condense(result, 0, 2, 2.0, 0.0)])
    assert judgement.optimum == table.optimum().reward
    assert judgement.true_reward[0][-1] == table.mean_rewards(arch)[0]
    assert judgement.standings[0].reward.mean == table.mean_rewards(arch)[0]
    assert "come from different oracles" in leaderboard_text(judgement)
    assert any(key.startswith("reported ") for key, _ in source_lines(problem))


def test_what_reports_is_named_and_is_not_what_the_search_sees():
    for name in ("table", "surrogate"):
        with pytest.raises((InvalidValue, UnknownName), match="report"):
            nasgym.make_problem("nasgym/Digits-v0", report=name)
    with pytest.raises(UnknownName, match="accuracy oracle for reports 'tabel'"):
        nasgym.make_problem("nasgym/Digits-v0", accuracy="training", report="tabel")
    with pytest.raises(InvalidValue, match=r"report is a name, got 3\."):
        nasgym.make_problem("nasgym/Digits-v0", report=3)
    with pytest.raises(InvalidValue, match=r"report='table' is what the search sees; leave out report=, or search by another"):
        nasgym.make_problem("nasgym/Digits-v0", report="table")


def test_the_oracle_that_reports_has_its_own_fidelities_and_no_draws():
    problem = nasgym.make_problem("nasgym/Digits-v0", accuracy="training", fidelity=3, seed="sampled", report="table")
    assert isinstance(problem.report_accuracy, TableOracle)
    assert problem.report_accuracy.seed == "mean"
    assert problem.report_accuracy.search_fidelity == nasgym.make_problem("nasgym/Digits-v0").search_fidelity


def test_with_drawn_seeds_the_leaderboard_shows_means_and_not_the_lucky_draw():
    problem = tiny_problem(seed="sampled")
    ledger = Ledger(problem, 30, seed=0)
    result = make_agent("random").search(ledger, seed=0)
    comparison = Comparison("x", {}, {"random": {}}, (0,), Budget("distinct", 30), problem.fingerprint, "0")
    judgement = judge(problem, comparison, [condense(result, 0, 30, 30.0, 0.0)])
    assert judgement.standings[0].reward.mean == problem.mean_rewards(result.best_arch[None])[0]
    assert judgement.standings[0].reward.mean != result.best_reward


def test_answers_that_are_trained_for_the_report_have_curves_that_end_with_them(tmp_path):
    pytest.importorskip("torch")
    from nasgym.compare.plots import draw_plots, plots_of

    problem = nasgym.make_problem("nasgym/Digits-v0", report="training")
    ledger = Ledger(problem, 3)
    result = make_agent("random").search(ledger, seed=0)
    comparison = Comparison("x", {}, {"random": {}}, (0,), Budget("distinct", 3), problem.fingerprint, "0")
    judgement = judge(problem, comparison, [condense(result, 0, 3, 3.0, 0.0)])
    assert 0 <= judgement.true_accuracy[0][-1] <= 1
    line = plots_of(judgement)[0].lines["random"]
    assert np.isfinite(line.mean[-1])
    assert draw_plots(judgement, tmp_path)
    text = leaderboard_text(judgement)
    assert "what is reported: Accuracies: trained on this machine" in text


def test_the_data_set_is_that_of_the_table_that_reports():
    from tests.conftest import need_table

    pytest.importorskip("torch")
    need_table("nats-tss")
    problem = nasgym.make_problem("nasgym/NATS-TSS-v0", accuracy="training", report="table", dataset="cifar100")
    assert problem.report_accuracy.dataset == "cifar100"
    with pytest.raises(UnknownName, match="cifar100"):
        nasgym.make_problem("nasgym/NATS-TSS-v0", accuracy="training", dataset="cifar100")
