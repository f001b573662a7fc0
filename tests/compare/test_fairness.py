"""The table of fairness, and what ``--fair`` sets, leaves alone and refuses."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nasgym.agents import Disclosure
from nasgym.compare.comparison import Comparison, plan_comparison
from nasgym.compare.entrant import Entrant
from nasgym.compare.fairness import fairness_csv, fairness_notes, fairness_section, tuning_lines
from nasgym.compare.judgement import judge
from nasgym.compare.leaderboard import leaderboard_text
from nasgym.compare.report import write_files
from nasgym.compare.runs import run_all
from nasgym.errors import InvalidValue
from nasgym.ledger import Budget
from nasgym.registry import AGENTS
from tests.compare.test_report import make_problem, make_run

BUDGET = Budget("distinct", 20)
FAST = ["random", "regularized-evolution", "ofa-evolution", "layernas"]


def plan(agents, keywords=None, hyper=None, *, fair=True):
    return plan_comparison("nasgym/Digits-v0", agents, [0, 1], BUDGET, keywords, hyper, fair=fair)[0]


def test_fair_sets_what_agents_have_for_it_and_is_another_comparison():
    fair, plain = plan(list(AGENTS.builtin)), plan(list(AGENTS.builtin), fair=False)
    for name in AGENTS.builtin:
        wanted = AGENTS.load(name).fair_settings()
        assert {key: fair.agents[name][key] for key in wanted} == wanted
        assert fair.agents[name] == {**plain.agents[name], **wanted}
        assert fair.entrants[name].disclosure.over_limit in ("evaluated", "rejected", "filtered")
        assert plain.entrants[name].fair == ()
    assert fair.entrants["random"].fair == ("reject",)
    assert fair.entrants["ppo"].fair == ("mask",)
    assert fair.entrants["ofa-evolution"].fair == ()  # it rejects anyway
    assert fair.fingerprint != plain.fingerprint
    assert "entrants" not in fair.describe()


def test_what_the_user_set_is_left_alone_and_said():
    hyper = {"random": {"reject": False, "batch": 7}, "regularized-evolution": {"reject": True}}
    fair = plan(["random", "regularized-evolution"], hyper=hyper)
    assert fair.agents["random"]["reject"] is False
    assert fair.entrants["random"] == Entrant(fair.entrants["random"].disclosure, {"batch": 7}, (), ("reject",))
    # set to what --fair wants: then it is the user's
    evolution = fair.entrants["regularized-evolution"]
    assert (evolution.changed, evolution.fair, evolution.kept) == ({"reject": True}, (), ())


def test_fair_is_refused_where_there_is_nothing_to_reject():
    with pytest.raises(InvalidValue, match=r"this problem has none; give --set target=\.\.\., or leave out --fair\."):
        plan(["random"], {"reward": "accuracy"})
    with pytest.raises(InvalidValue, match="latency_ms is measured with evaluations; leave out --fair"):
        plan(["random"], {"device": "live", "target": 1.0})


@pytest.fixture(scope="module")
def judgement(tmp_path_factory):
    comparison, problem = plan_comparison(
        "nasgym/Digits-v0", FAST, [0, 1], BUDGET, {}, {"regularized-evolution": {"population": 8}}, fair=True
    )
    return judge(problem, comparison, run_all(comparison, tmp_path_factory.mktemp("out"), 1))


def test_every_agent_has_its_row(judgement):
    section = fairness_section(judgement)
    rows = {row[0]: dict(zip(section.head, row, strict=True)) for row in section.rows}
    assert list(rows) == [standing.agent for standing in judgement.standings]
    assert {name: row["over the limit"] for name, row in rows.items()} == {
        "random": "rejected",
        "regularized-evolution": "rejected",
        "ofa-evolution": "rejected",
        "layernas": "filtered",
    }
    assert {row["reads costs"] for row in rows.values()} == {"yes"}
    for standing in judgement.standings:
        runs = [judgement.runs[i] for i in judgement.of_agent(standing.agent)]
        repeats = np.mean([run.proposals - run.charged for run in runs])
        assert rows[standing.agent]["repeats"] == f"{repeats:.1f} free"


def test_what_was_set_stands_beside_where_the_rest_comes_from(judgement):
    lines = dict(tuning_lines(judgement))
    assert lines["regularized-evolution"].startswith("not tuned: population 50")
    assert lines["regularized-evolution"].endswith("; set here: population=8; set by --fair: reject=True.")
    assert lines["ofa-evolution"].endswith("its searches make 50,100 evaluations.")
    row = next(row for row in csv.DictReader(io.StringIO(fairness_csv(judgement))) if row["agent"] == "regularized-evolution")
    assert (row["set_here"], row["set_by_fair"]) == ("population=8, reject=True", "reject")
    assert row["tuning"].startswith("not tuned")


def test_text_page_and_csv_have_it(judgement, tmp_path):
    written = write_files(judgement, tmp_path, [])
    assert tmp_path / "fairness.csv" in written
    text = leaderboard_text(judgement)
    assert re.search(r"^Fairness\nagent +choices +over the limit", text, re.MULTILINE)
    assert "set by --fair: reject=True" in text
    words: list[str] = []
    parser = HTMLParser()
    parser.handle_data = words.append  # type: ignore[method-assign]  # the one thing that this page is read for
    parser.feed((tmp_path / "report.html").read_text())
    page = " ".join(words)
    assert "Fairness" in page
    assert "set by --fair: reject=True" in page
    assert "3 (of select)" in page


def test_repeats_are_paid_where_the_budget_says_so():
    problem, run = make_problem(), make_run("random", 0, [3], [1], "a")
    comparison = Comparison("x", {}, {"random": {}}, (0,), Budget("total", 10), problem.fingerprint, "0")
    (row,) = fairness_section(judge(problem, comparison, [run])).rows
    assert "2.0 paid" in row  # twelve proposals, ten networks
    assert "no limit" in row


def test_an_agent_that_says_nothing_is_shown_so_and_a_gap_is_pointed_out():
    problem = make_problem(target=2.0)
    agents = {"random": {}, "layernas": {}, "own": {}}
    said = {"random": Disclosure(over_limit="evaluated"), "layernas": Disclosure(over_limit="filtered")}
    entrants = {name: Entrant(one) for name, one in said.items()}
    comparison = Comparison("x", {}, agents, (0,), Budget("distinct", 10), problem.fingerprint, "0", entrants=entrants)
    judgement = judge(problem, comparison, [make_run(name, 0, [1], [1], name) for name in agents])
    rows = {row[0]: row for row in fairness_section(judgement).rows}
    assert rows["own"] == ("own", *["not stated"] * 4, "2.0 free", "none", "not stated")
    text = leaderboard_text(judgement)
    assert "costs are free here, and random pays for architectures over the limit, which layernas leaves out; --fair" in text


def test_what_fair_could_not_change_is_not_promised_of_it():
    def notes(fair, hyper):
        problem = make_problem(target=2.0)
        comparison = plan(["random", "layernas"], hyper=hyper, fair=fair)
        runs = [make_run(agent, seed, [0], [1], agent) for agent in comparison.agents for seed in (0, 1)]
        return " ".join(fairness_notes(judge(problem, comparison, runs)))

    by_hand = {"random": {"reject": False}}
    assert "random pays for architectures over the limit, which layernas leaves out; --fair gives every agent" in notes(
        False, {}
    )
    assert "--fair changes nothing that was set by hand" in notes(True, by_hand)
    assert "pays for" not in notes(True, {})
