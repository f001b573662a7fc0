"""A perplexity, a negative loss and an accuracy in percent in one comparison."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from nasgym.compare.comparison import plan_comparison
from nasgym.compare.judgement import judge
from nasgym.compare.leaderboard import leaderboard_text
from nasgym.compare.leaderboard_csv import leaderboard_csv, results_csv
from nasgym.compare.plots import Curve, Plot, _limits, plots_of
from nasgym.compare.report import write_files
from nasgym.compare.runs import run_all
from nasgym.ledger import Budget
from nasgym.quality import TAKEN
from tests import mixed

KEYWORDS = {"table": "mixed", "cost": "throughput", "objectives": mixed.OBJECTIVES}
AGENTS = ["random", "nsga2"]
BUDGET, SEEDS = 9, [0, 1, 2]


@pytest.fixture
def compared(own_data_folder, tmp_path):
    """Runs a comparison of random and nsga2 and judges it; other keywords may be given."""
    mixed.import_mixed(tmp_path / "files")

    def run(**keywords):
        asked = {**KEYWORDS, **keywords}
        hyper = {"nsga2": {"population": 4}}
        plan, problem = plan_comparison("nasgym/Table-v0", AGENTS, SEEDS, Budget("distinct", BUDGET), asked, hyper)
        runs = run_all(plan, tmp_path / "out", 1)
        return judge(problem, plan, runs)

    return run


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


def answer_rows(judgement):
    return judgement.problem.space.index_of(judgement.last_archs)


def test_three_qualities_and_a_cost_in_one_comparison(compared, tmp_path):
    judgement = compared()
    # the front, by comparing every pair of rows of the file
    columns = np.stack([mixed.column(name) for name in ("ppl", "loss", "acc", "img_s")], axis=1)
    best = np.flatnonzero(mixed.undominated(columns, mixed.LARGER))
    front = judgement.problem.pareto_front()
    np.testing.assert_array_equal(judgement.problem.space.index_of(front.archs), best)
    np.testing.assert_allclose(front.values, columns[best] / [1, 1, 100, 1], rtol=1e-6)

    # the order: mean regret, what the answers' perplexities lie above the least one of all
    ppl, found = mixed.column("ppl"), answer_rows(judgement)
    by_agent = {agent: ppl[found[judgement.of_agent(agent)]] - ppl.min() for agent in AGENTS}
    wanted = sorted(AGENTS, key=lambda agent: by_agent[agent].mean())
    assert [s.agent for s in judgement.standings] == wanted
    for standing in judgement.standings:
        assert standing.regret == pytest.approx(by_agent[standing.agent].mean(), abs=1e-5)
        assert standing.test.mean == pytest.approx(mixed.column("ppl_test")[found[judgement.of_agent(standing.agent)]].mean())
    for run, row in zip(judgement.runs, found, strict=True):
        assert run.reward[-1] == pytest.approx(-ppl[row])
        assert (np.diff(run.reward) > 0).all()

    # one percent of the range, which is 20 wide
    for standing in judgement.standings:
        near = [np.flatnonzero(-run.reward <= ppl.min() + 0.2) for run in judgement.runs if run.agent == standing.agent]
        assert standing.reached == pytest.approx(np.mean([len(there) > 0 for there in near]))
    assert judgement.optimum == pytest.approx(-22.5)
    assert judgement.ceiling.best == pytest.approx(22.75)
    assert judgement.ceiling.guided == pytest.approx(22.75)

    text = leaderboard_text(judgement)
    for said in (
        r"agent +test perplexity +IQM \[95 %\] +feasible",
        r"agent +test negative loss nats +test accuracy %\n",
        r"Test perplexity of the architecture with the best reward, what a perfect search reports: 22\.75\n",
        r"Best test perplexity of all feasible architectures: 22\.75\n",
        r"perplexity, less is better, 22 to 42\. Rewards have its sign turned",
        r"at least the optimum less one percent of the range of the perplexity",
        rf"exact front of perplexity \(min\), negative_loss \(max\), accuracy \(max\), throughput \(max\): {len(best)} of 18",
        r"test perplexity: the answer's test perplexity at full training",
    ):
        assert re.search(said, text), said
    assert "test %" not in text
    mean = np.mean(mixed.column("ppl_test")[found[judgement.of_agent(wanted[0])]])
    assert f"{mean:.2f}" in text
    assert not re.search(r"\d{4,} ?%", text)
    # percent once: 50.0 to 75.0 in the file
    accuracies = mixed.column("acc_test")[found[judgement.of_agent(wanted[0])]]
    assert f"{accuracies.mean():.2f} ± {accuracies.std(ddof=1):.2f}" in text

    (tmp_path / "page").mkdir()
    written = write_files(judgement, tmp_path / "page", ["nasgym", "compare"])
    page = written[-1].read_text()
    on_it = {agent: np.isin(found[judgement.of_agent(agent)], best).sum() for agent in AGENTS}
    assert f"answers on it: random {on_it['random']} of 3, nsga2 {on_it['nsga2']} of 3 runs" in text
    table = rows_of((tmp_path / "page" / "front.csv").read_text())
    assert [row["arch"] for row in table] == judgement.problem.space.to_str(front.archs)
    np.testing.assert_allclose([float(row["negative_loss"]) for row in table], mixed.column("loss")[best], rtol=1e-6)
    assert "test perplexity " in page
    assert "Where the perplexity values come from" in page
    best_run = judgement.best_run(wanted[0])
    assert f"test accuracy {mixed.column('acc_test')[found[best_run]]:.2f} %" in page
    assert f"test negative_loss {mixed.column('loss_test')[found[best_run]]:.3f} nats" in page


def test_columns_have_the_names_of_the_qualities(compared):
    judgement = compared()
    found = answer_rows(judgement)
    rows = rows_of(results_csv(judgement))
    for row, place in zip(rows, found, strict=True):
        assert float(row["perplexity"]) == pytest.approx(mixed.column("ppl")[place])
        assert float(row["test_perplexity"]) == pytest.approx(mixed.column("ppl_test")[place])
        assert float(row["validation_perplexity"]) == pytest.approx(mixed.column("ppl")[place])
        assert float(row["test_accuracy"]) == pytest.approx(mixed.column("acc_test")[place] / 100)
        assert float(row["test_negative_loss"]) == pytest.approx(mixed.column("loss_test")[place])
        assert "accuracy" not in row
    for row in rows_of(leaderboard_csv(judgement)):
        places = found[judgement.of_agent(row["agent"])]
        assert float(row["test_perplexity_mean"]) == pytest.approx(mixed.column("ppl_test")[places].mean())
        assert float(row["test_accuracy_mean"]) == pytest.approx(mixed.column("acc_test")[places].mean() / 100)
        assert float(row["test_negative_loss_iqm"]) < 0


def test_plots_follow_direction_and_unit(compared):
    plots = {plot.name: plot for plot in plots_of(compared())}
    search, test = plots["search_over_evaluations"], plots["test_over_evaluations"]
    assert (search.title, search.y_label) == ("What the search minimises", "validation perplexity of the incumbent")
    assert test.y_label == "test perplexity of the incumbent"
    assert search.less_is_better
    assert search.best == pytest.approx(22.5)
    for line in search.lines.values():
        assert (np.diff(line.mean) <= 1e-9).all()
        assert line.mean.min() >= 22.5 - 1e-6
    low, high = _limits(search)
    assert low < 22.5 < high
    assert "search_over_seconds" in plots


def test_a_signed_quality_goes_up(compared):
    judgement = compared(dataset="rooms")
    search = plots_of(judgement)[0]
    assert (search.title, search.y_label) == ("What the search maximises", "validation negative loss of the incumbent, nats")
    assert search.best == pytest.approx(-0.1)
    assert not search.less_is_better
    loss, found = mixed.column("loss"), answer_rows(judgement)
    regrets = {agent: (loss.max() - loss[found[judgement.of_agent(agent)]]).mean() for agent in AGENTS}
    assert [s.agent for s in judgement.standings] == sorted(AGENTS, key=regrets.get)
    # 1 % of a range of 3, where the optimum's own size, 0.1, would say 0.001
    assert "one percent of the range of the negative loss" in leaderboard_text(judgement)
    assert judgement.ceiling.best == pytest.approx(-0.15)


def test_percent_is_shown_once(compared):
    judgement = compared(dataset="c100", objectives=["accuracy", "perplexity"])
    search = plots_of(judgement)[0]
    assert search.y_label == "validation accuracy of the incumbent, %"
    assert search.best == pytest.approx(76.0)
    text = leaderboard_text(judgement)
    assert "test %" in text
    assert "Best test accuracy of all feasible architectures: 75.00 %" in text
    assert re.search(r"agent +test perplexity\n", text)


def test_a_rule_with_a_target_has_a_plot_of_the_quality_beside_the_reward(compared):
    keywords = {"reward": "constrained", "cost": "latency_ms@phone", "target": 15, "objectives": ["perplexity", "accuracy"]}
    plots = {plot.name: plot for plot in plots_of(compared(**keywords))}
    assert not plots["search_over_evaluations"].less_is_better
    shown = plots["validation_over_evaluations"]
    assert (shown.title, shown.less_is_better) == ("Validation perplexity", True)
    assert shown.best == pytest.approx(mixed.column("ppl")[mixed.column("phone_ms") <= 15].min())


def test_limits_of_falling_curves_mirror_those_of_rising_ones():
    x, rising = np.arange(4.0), np.array([0.0, 5.0, 8.0, 9.0])

    def plot(values, best, down):
        return Plot("p", "t", "x", "y", {"a": Curve(x, values, values - 1, values + 1)}, best, "b", down)

    low, high = _limits(plot(rising, 10.5, down=False))
    assert _limits(plot(-rising, -10.5, down=True)) == pytest.approx((-high, -low))


def test_no_quality_and_no_cost_can_have_the_name_of_a_fixed_column(compared):
    judgement = compared()
    assert judgement.fronts is not None, "their columns are fixed, too"
    (first, *_) = rows_of(results_csv(judgement))
    qualities = list(judgement.problem.qualities)
    own = {qualities[0], "throughput", f"validation_{qualities[0]}", *(f"test_{name}" for name in qualities)}
    assert own < set(first)
    assert set(first) - own <= TAKEN
    assert len(first) == len(results_csv(judgement).splitlines()[0].split(","))
