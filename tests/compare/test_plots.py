"""Curves over evaluations and over proposals: what a repeat costs in the two units."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest

from nasgym import make_problem
from nasgym.agents import make_agent
from nasgym.agents.agent import split_seed
from nasgym.compare.comparison import Comparison
from nasgym.compare.judgement import judge
from nasgym.compare.leaderboard import leaderboard_text
from nasgym.compare.leaderboard_csv import leaderboard_csv
from nasgym.compare.plots import curves_over_proposals, draw_plots, plots_of
from nasgym.compare.run_result import condense
from nasgym.ledger import Budget, Ledger

# of those that learn, with fewer evaluations to a generation, so that they repeat themselves within
# the budget
AGENTS = {
    "random": {},
    "local-search": {"starts": 3},
    "regularized-evolution": {"population": 5, "sample": 5},
    "ofa-evolution": {"population": 8},
    "nsga2": {"population": 8},
    "reinforce": {"learning_rate": 0.05},
    "layernas": {},
}
AMOUNT = 120


def judged(problem, budget, agents=AGENTS, seeds=(0, 1)):
    runs = []
    for name, fields in agents.items():
        for seed in seeds:
            ledger = Ledger(problem, budget, seed=split_seed(seed)[1])
            result = make_agent(name, **fields).search(ledger, seed=seed)
            runs.append(condense(result, seed, ledger.proposals, ledger.spent, 0.0))
    plan = Comparison("nasgym/Digits-v0", {}, agents, seeds, budget, problem.fingerprint, "0")
    return judge(problem, plan, runs)


@pytest.fixture(scope="module")
def both():
    """The same searches, with repeats free and with repeats paid."""
    problem = make_problem("nasgym/Digits-v0")
    return judged(problem, Budget("distinct", AMOUNT)), judged(problem, Budget("total", AMOUNT))


def test_a_search_that_pays_for_repeats_is_the_beginning_of_one_that_does_not(both):
    free, paid = both
    repeated = 0
    for one, other in zip(free.runs, paid.runs, strict=True):
        within = one.proposed <= AMOUNT
        np.testing.assert_array_equal(one.archs[within], other.archs)
        np.testing.assert_array_equal(one.proposed[within], other.evaluations)
        assert one.proposals >= other.charged
        repeated += other.charged > other.different
    assert repeated >= 4, "hardly any search repeated itself, so the test says nothing"


def test_the_second_panel_shows_what_the_other_unit_gives(both):
    free, paid = both
    (shown,) = [plot for plot in plots_of(free) if plot.name == "search_over_evaluations"]
    (other,) = [plot for plot in plots_of(paid) if plot.name == "search_over_evaluations"]
    assert (shown.x_label, shown.beside.x_label) == ("evaluations, repeats left out", "proposals, repeats included")
    assert shown.beside.right == AMOUNT
    assert other.beside is None
    for agent, line in other.lines.items():
        beside = shown.beside.lines[agent]
        np.testing.assert_array_equal(beside.x, line.x)
        np.testing.assert_array_equal(beside.mean, line.mean)
        np.testing.assert_array_equal(beside.low, line.low)


def test_the_regret_with_repeats_paid_is_that_of_the_other_unit(both):
    free, paid = both
    regrets = {standing.agent: standing.regret for standing in paid.standings}
    for standing in free.standings:
        assert standing.regret_paid == pytest.approx(regrets[standing.agent], abs=1e-12)
        assert standing.regret <= standing.regret_paid
    assert any(standing.regret < standing.regret_paid for standing in free.standings)
    assert all(standing.regret_paid is None for standing in paid.standings)


def test_the_leaderboard_has_proposals_and_both_regrets(both):
    free, paid = (leaderboard_text(judgement) for judgement in both)
    assert re.search(r"evaluations +proposals +to 99 % +got there +regret, repeats paid +ended", free)
    assert "regret, repeats paid: after 120 proposals, repeats included" in free
    assert "That is what --budget-unit total gives the same searches." in free
    assert not re.search(r"evaluations +proposals", paid)
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(both[0]))))
    for row, standing in zip(rows, both[0].standings, strict=True):
        assert float(row["proposals_mean"]) == standing.proposals
        assert float(row["regret_repeats_paid_mean"]) == standing.regret_paid
    assert {row["regret_repeats_paid_mean"] for row in csv.DictReader(io.StringIO(leaderboard_csv(both[1])))} == {""}


def test_where_repeats_would_be_drawn_again_the_axis_says_what_it_is():
    problem = make_problem("nasgym/Digits-v0", seed="sampled")
    text = leaderboard_text(judged(problem, Budget("distinct", 30), {"random": {}}))
    assert "A repeat was answered with the number that was drawn first" in text
    assert "gives the same searches" not in text


def test_a_line_over_proposals_ends_with_the_search(both):
    lines = curves_over_proposals(both[0], both[0].true_reward)
    assert all(line.x[-1] == AMOUNT for line in lines.values())
    problem = make_problem("nasgym/Digits-v0", restrict={"*.op": ["mbconv"], "*.kernel": [3]})
    few = judged(problem, Budget("distinct", AMOUNT), {"layernas": {}})
    assert few.runs[0].ended == "agent"
    line = curves_over_proposals(few, few.true_reward)["layernas"]
    assert line.x[-1] == few.runs[0].proposals < AMOUNT


def test_the_picture_with_two_panels_is_wider(both, tmp_path):
    import matplotlib.image

    for number, judgement in enumerate(both):
        out = tmp_path / str(number)
        out.mkdir()
        draw_plots(judgement, out)
    wide, narrow = (matplotlib.image.imread(tmp_path / n / "search_over_evaluations.png") for n in "01")
    assert wide.shape[1] > 1.5 * narrow.shape[1]
    other = matplotlib.image.imread(tmp_path / "0" / "test_over_evaluations.png")
    assert other.shape[1] == narrow.shape[1]
