"""Judgement, leaderboard, plots and page, on hand-made runs of a table of four networks."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nasgym.compare.comparison import Comparison
from nasgym.compare.judgement import judge
from nasgym.compare.leaderboard import leaderboard_text
from nasgym.compare.leaderboard_csv import leaderboard_csv, pairs_csv, results_csv
from nasgym.compare.plots import colours, curves, plots_of
from nasgym.compare.report import write_comparison, write_files
from nasgym.compare.run_result import RunResult
from nasgym.ledger import Budget
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.table import TableCost
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy, Constrained
from nasgym.spaces.described import space_from_description
from nasgym.tables.table_file import Table

DESCRIPTION = {
    "name": "four",
    "decisions": [
        {"name": "a", "role": "op", "choices": ["x", "<b>&"]},
        {"name": "b", "role": "op", "choices": ["x", "y"]},
    ],
}
# two training seeds; rows are (0,0), (0,1), (1,0), (1,1); means 0.5, 0.6, 0.8, 0.8
VALIDATION = np.array([[0.4, 0.6], [0.6, 0.6], [0.9, 0.7], [0.8, 0.8]])
TEST = np.array([[0.50], [0.61], [0.70], [0.80]])


def make_problem(*, metric: str = "validation", target: float | None = None, seconds: bool = True) -> Problem:
    accuracy = {("toy", 1, "test"): TEST.astype(np.float32)}
    if metric == "validation":
        accuracy["toy", 1, "validation"] = VALIDATION.astype(np.float32)
    card = {
        "name": "four",
        "space": DESCRIPTION,
        "datasets": ["toy"],
        "search_fidelity": 1,
        "report_fidelity": 1,
        "search_metric": metric,
        "canonical": False,
        "notes": ["a <script>note</script>"],
    }
    times = {("toy", 1): np.array([10.0, 20.0, 30.0, 40.0], dtype=np.float32)} if seconds else {}
    table = Table(card, accuracy, times, {("*", "latency_ms"): np.array([1.0, 2.0, 3.0, 4.0])})
    space = space_from_description(DESCRIPTION)
    rule = Accuracy() if target is None else Constrained()
    return Problem(space, TableOracle(table, space), [TableCost(table, space, "latency_ms", "toy")], rule, target=target)


def make_run(agent: str, seed: int, rows: list[int], at: list[int], digest: str, *, seconds: bool = True) -> RunResult:
    """A search of 10 evaluations whose incumbents were these rows, found at these evaluations."""
    archs = np.array([[row // 2, row % 2] for row in rows], dtype=np.int8)
    reward = VALIDATION.mean(axis=1)[rows]
    times = 10.0 * np.array(at, dtype=float) if seconds else np.full(len(at), np.nan)
    whole = 100.0 if seconds else np.nan
    return RunResult(
        *(agent, seed, archs, np.array(at), np.array(at) + 1, {"simulated": times}, 0, reward, reward),
        *(10, 12, 10, 10.0, {"simulated": whole}, {}),
        *("budget", 0.5, 0.6, digest, 0.123 + seed),
    )


def make_judgement(problem: Problem | None = None, *, seconds: bool = True):
    problem = problem or make_problem()
    agents = {"random": {"batch": 50}, "layernas": {}}
    comparison = Comparison(
        "nasgym/Table-v0", {"table": "four"}, agents, (0, 1), Budget("distinct", 10), problem.fingerprint, "0"
    )
    runs = [
        make_run("random", 0, [0, 1], [1, 4], "one", seconds=seconds),
        make_run("random", 1, [1, 3], [2, 6], "two", seconds=seconds),
        make_run("layernas", 0, [3], [3], "same", seconds=seconds),
        make_run("layernas", 1, [3], [3], "same", seconds=seconds),
    ]
    return judge(problem, comparison, runs)


def test_standings_by_hand():
    judgement = make_judgement()
    first, second = judgement.standings
    assert (first.agent, second.agent) == ("layernas", "random")  # ranked by regret
    assert first.deterministic
    assert not second.deterministic
    assert first.regret == pytest.approx(0.0, abs=1e-7)
    assert second.regret == pytest.approx(0.1)  # (0.8 - 0.6 + 0.8 - 0.8) / 2
    assert (second.to_near, second.reached) == (np.inf, 0.5)
    assert (first.to_near, first.reached) == (3.0, 1.0)
    assert second.test.mean == pytest.approx((0.61 + 0.80) / 2)
    assert second.test.std == pytest.approx(np.std([0.61, 0.80], ddof=1))
    assert second.reward.iqm == pytest.approx(0.7)
    assert second.ended == {"budget": 2}


def test_pairs_by_hand():
    judgement = make_five()
    (pair,) = judgement.pairs
    # layernas less random: 0.3, 0.2, 0, 0, 0; the middle half of five leaves out one at each end
    assert (pair.first, pair.second) == ("layernas", "random")
    assert pair.difference == pytest.approx(0.2 / 3)
    assert pair.better == pytest.approx((2 + 3 * 0.5) / 5)
    assert judgement.ranks == ([1, 1] if pair.low <= 0 else [1, 2])
    rows = list(csv.DictReader(io.StringIO(pairs_csv(judgement))))
    assert [(row["first"], row["second"], float(row["better_share"])) for row in rows] == [("layernas", "random", 0.7)]
    text = leaderboard_text(judgement)
    assert "layernas has more reward by" in text
    assert re.search(r"rank +agent", text)
    assert "5 runs: an interval of 95 % holds the true value" in text


def make_five():
    problem, agents = make_problem(), {"random": {}, "layernas": {}}
    comparison = Comparison("x", {}, agents, tuple(range(5)), Budget("distinct", 10), problem.fingerprint, "0")
    rows = {"random": [0, 1, 3, 3, 3], "layernas": [3, 3, 3, 3, 3]}
    return judge(problem, comparison, [make_run(a, s, [row], [1], f"{a}{s}") for a in agents for s, row in enumerate(rows[a])])


def test_the_order_is_that_of_the_paired_differences():
    """One infeasible answer in twenty moves a mean, and neither order nor ranks."""
    problem, agents = make_problem(), {"random": {}, "layernas": {}}
    comparison = Comparison("x", {}, agents, tuple(range(20)), Budget("distinct", 10), problem.fingerprint, "0")
    rows = {"random": [1] * 20, "layernas": [3] * 15 + [0] * 5}
    runs = [make_run(a, s, [row], [1], f"{a}{s}") for a in agents for s, row in enumerate(rows[a])]
    judgement = judge(problem, comparison, runs)
    assert [s.agent for s in judgement.standings] == ["layernas", "random"]
    assert judgement.pairs[0].difference > 0
    assert judgement.ranks == [1, 2]


def test_agents_that_are_told_apart_have_ranks_of_their_own():
    problem, agents = make_problem(), {"random": {}, "layernas": {}, "nsga2": {}}
    comparison = Comparison("x", {}, agents, tuple(range(12)), Budget("distinct", 10), problem.fingerprint, "0")
    rows = {"random": [0] * 12, "layernas": [3] * 12, "nsga2": [3, 2] * 6}
    runs = [make_run(agent, seed, [row], [1], f"{agent}{seed}") for agent in agents for seed, row in enumerate(rows[agent])]
    judgement = judge(problem, comparison, runs)
    assert [s.agent for s in judgement.standings][2] == "random"
    assert judgement.ranks == [1, 1, 3]
    board = list(csv.DictReader(io.StringIO(leaderboard_csv(judgement))))
    assert [row["rank"] for row in board] == ["1", "1", "3"]
    assert "fewer than 10 runs" not in leaderboard_text(judgement)


def test_few_seeds_have_no_ranks():
    judgement = make_judgement()  # two seeds
    assert judgement.ranks is None
    assert judgement.pairs == []
    assert pairs_csv(judgement) == "first,second,difference,low,high,better_share,p_value_holm\n"
    text = leaderboard_text(judgement)
    assert "has more reward by" not in text
    assert "rank" not in text.split("Noise ceiling")[0]
    assert "with fewer than 5 agents are not ranked" in text
    assert [row["rank"] for row in csv.DictReader(io.StringIO(leaderboard_csv(judgement)))] == ["", ""]


def test_ceiling_by_hand():
    ceiling = make_judgement().ceiling
    # rows 2 and 3 share the best mean validation accuracy of 0.8 (float32: up to rounding)
    assert ceiling.best == pytest.approx(0.80)
    assert ceiling.guided in (pytest.approx(0.75), pytest.approx(0.70), pytest.approx(0.80))
    # ranks 1 2 4 3 against 1.5 1.5 3 4
    assert ceiling.rank_agreement == pytest.approx(np.corrcoef([1, 2, 4, 3], [1.5, 1.5, 3, 4])[0, 1])


def test_constraint_counts_feasible_answers_and_bounds_the_ceiling():
    judgement = make_judgement(make_problem(target=2.0))
    by_agent = {s.agent: s for s in judgement.standings}
    assert by_agent["random"].feasible == 0.5  # latencies 2 and 4
    assert by_agent["layernas"].feasible == 0.0
    assert judgement.ceiling.best == pytest.approx(0.61)
    assert judgement.ceiling.guided == pytest.approx(0.61)
    assert [s.agent for s in judgement.standings] == ["random", "layernas"]


def test_text_says_what_must_be_known():
    text = leaderboard_text(make_judgement())
    assert "deterministic: every seed gave the same search (layernas)" in text
    assert re.search(r"layernas +80\.00 +deterministic", text)
    assert "search metric validation" in text
    assert "no search saw it" in text
    marked = leaderboard_text(make_judgement(make_problem(metric="test")))
    assert "search metric TEST" in marked
    assert "search_metric=test" in marked
    assert "not known, the table has one training seed" in marked
    assert "no search saw it" not in marked


def test_without_an_optimum_the_reason_stands_in_its_place():
    problem = make_problem()
    problem.accuracy.deterministic = False  # as if every network were trained
    judgement = make_judgement(problem)
    text = leaderboard_text(judgement)
    assert "regret" not in text.split("Noise ceiling")[0]
    assert "to 99 %" not in text
    assert "no exact answer where networks are trained" in text
    assert judgement.test is None
    assert judgement.answers.test_accuracy == pytest.approx([0.61, 0.80, 0.80, 0.80])
    assert [plot.name for plot in plots_of(judgement)] == ["search_over_evaluations", "search_over_seconds"]
    assert next(csv.DictReader(io.StringIO(leaderboard_csv(judgement))))["regret_mean"] == ""


def test_results_have_a_row_for_each_run_and_the_clock_last():
    rows = list(csv.DictReader(io.StringIO(results_csv(make_judgement()))))
    assert [(row["agent"], row["seed"]) for row in rows] == [
        ("random", "0"),
        ("random", "1"),
        ("layernas", "0"),
        ("layernas", "1"),
    ]
    assert rows[0]["arch"] == "x,y"
    assert float(rows[0]["latency_ms"]) == 2.0
    assert float(rows[0]["test_accuracy"]) == pytest.approx(0.61)
    assert list(rows[0])[-1] == "wall_seconds"


def test_curves_are_steps():
    judgement = make_judgement()
    line = curves(judgement, judgement.true_reward, clock=None)["random"]
    np.testing.assert_array_equal(line.x, np.arange(2, 11))  # from where both runs have an incumbent
    np.testing.assert_allclose(line.mean[[0, 1, 2, 3, 4]], [0.55, 0.55, 0.6, 0.6, 0.7], atol=1e-6)
    timed = curves(judgement, judgement.true_reward, clock="simulated")["random"]
    assert (timed.x[0], timed.x[-1]) == (20.0, 100.0)


def test_seconds_only_where_they_are_known():
    judgement = make_judgement(make_problem(seconds=False), seconds=False)
    assert [plot.name for plot in plots_of(judgement)] == ["search_over_evaluations", "test_over_evaluations"]


def test_validation_accuracy_has_a_plot_of_its_own_where_the_reward_is_something_else():
    judgement = make_judgement(make_problem(target=3.5))
    plots = {plot.name: plot for plot in plots_of(judgement)}
    assert list(plots) == [f"{what}_over_{x}" for x in ("evaluations", "seconds") for what in ("search", "validation", "test")]
    shown = plots["validation_over_evaluations"]
    assert shown.best == pytest.approx(80.0)
    np.testing.assert_allclose(shown.lines["random"].mean[[0, 2, 4]], [55, 60, 70], atol=1e-4)


def test_plots_mark_the_test_metric():
    labels = [plot.y_label for plot in plots_of(make_judgement(make_problem(metric="test")))]
    assert "search_metric=test" in labels[0]


def test_an_agent_keeps_its_colour():
    assert colours(["layernas", "mine"])["layernas"] == colours(["random", "layernas"])["layernas"]
    several = colours(["random", "layernas", "mine", "yours"])
    assert len(set(several.values())) == 4


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href") and value and not value.startswith("#")]

    def handle_data(self, data):
        self.words.append(data)


def test_page_is_self_contained_and_escaped(tmp_path):
    judgement = make_judgement()
    write_comparison(judgement.comparison, tmp_path)
    written = write_files(judgement, tmp_path, ["nasgym", "compare", "<x>"])
    assert all(path.is_file() for path in written)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        *("search_over_evaluations.png", "search_over_seconds.png", "test_over_evaluations.png", "test_over_seconds.png")
    ]
    page = Page((tmp_path / "report.html").read_text())
    assert page.links == []
    assert "script" not in page.tags
    assert page.tags.count("svg") == 4 + 1  # the plots, and the best architecture, which both agents found
    words = " ".join(page.words)
    for wanted in ("a <script>note</script>", "nasgym compare <x>", judgement.comparison.fingerprint, "Noise ceiling", "80.00"):
        assert wanted in words
    assert not list(tmp_path.glob(".*.tmp"))


def test_files_of_an_earlier_comparison_are_removed(tmp_path):
    for name in ("front.csv", "front_over_evaluations.png", "validation_over_seconds.svg", "mine.csv"):
        (tmp_path / name).write_text("of another comparison")
    write_files(make_judgement(), tmp_path, [])
    found = {path.name for path in tmp_path.iterdir()}
    assert not found & {"front.csv", "front_over_evaluations.png", "validation_over_seconds.svg"}
    assert {"mine.csv", "search_over_evaluations.svg"} <= found


def test_files_do_not_depend_on_when_they_are_written(tmp_path):
    judgement = make_judgement()
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_files(judgement, tmp_path / name, [])
        texts.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir() if p.suffix in (".svg", ".txt", ".csv")})
    assert texts[0] == texts[1]
    assert len(texts[0]) == 9
