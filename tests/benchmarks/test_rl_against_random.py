"""The tables of the policy gradients' benchmark, from searches written by hand."""

import numpy as np
import pytest

from benchmarks.rl_against_random import (
    EVALUATIONS,
    cases_of,
    compared,
    found_in,
    leads,
    report,
    summary,
    task_of,
    verdict,
)
from nasgym.agents import make_agent
from nasgym.compare.paired import Paired


def search(best, *, at=0, repeats=0):
    """A search of rewards 0 that finds its best at one place; its last proposals are repeats."""
    reward, new = np.zeros(2 * EVALUATIONS), np.ones(2 * EVALUATIONS, dtype=bool)
    reward[at], new[EVALUATIONS - repeats : EVALUATIONS] = best, False
    return found_in(reward, new, np.arange(2 * EVALUATIONS) % 2 == 0, 1.0)


def test_what_comes_of_a_search():
    reward, new = np.arange(EVALUATIONS + 5.0), np.ones(EVALUATIONS + 5, dtype=bool)
    new[[1, -1]] = False
    found = found_in(reward, new, reward < 60, 2.0)
    assert (found.best, found.different, found.first, found.last, found.feasible) == (299.0, 299, 29.5, 269.5, 0.2)
    assert found.by_different[:3].tolist() == [0.0, 2.0, 3.0]
    assert len(found.by_different) == EVALUATIONS + 3
    with pytest.raises(ValueError, match="was charged 10"):
        found_in(reward[:10], new[:10], new[:10], 1.0)


def test_repeats_count_in_one_lead_and_not_in_the_other():
    # the rival finds its 8 only after the 200 different networks that the agent looked at
    mine = [search(5.0, repeats=100) for _ in range(6)]
    rival = [search(8.0, at=250) for _ in range(6)]
    same, different = leads(mine, rival)
    assert (same.difference, different.difference) == (-3.0, 5.0)


def test_policies_meet_rivals_that_exist_and_settings_are_those_of_the_agents():
    cases = cases_of(["digits", "macro"])
    assert len(set(cases)) == len(cases) == 2 * (1 + 4 + 1 + 4 + 3 + 8)
    for case in cases:
        task = task_of(case, 3)
        agent = make_agent(task.agent, **dict(task.hyperparameters))
        if case.masks:
            assert (agent.scaling, agent.mask, task.budget.amount) == (case.scaling, case.masks, EVALUATIONS)
    assert not any(case.masks == "feasible" for case in cases if case.rule != "constrained")


@pytest.mark.parametrize(
    ("low", "high", "p", "word"),
    [(0.1, 0.2, 0.01, "ahead"), (-0.2, -0.1, 0.01, "below"), (-0.1, 0.2, 0.01, "level"), (0.1, 0.2, 0.05, "level")],
)
def test_a_verdict_needs_the_interval_and_the_test(low, high, p, word):
    assert verdict(Paired("a", "b", 0.0, low, high, 0.5, p)) == word


def test_p_values_are_corrected_over_the_whole_page_and_the_summary_counts():
    cases = cases_of(["digits"])
    found = {case: [search(1.0 + seed + (5.0 if case.agent == "ppo" else 0.0)) for seed in range(12)] for case in cases}
    pairs = compared(found)
    assert len(pairs) == 4 + 4 + 16
    # one side on all of 12 seeds, for half of the 24 rows: 2 / 2^12 for each, times 24
    assert {round(same.p_value, 6) for case, _, same, _ in pairs if case.agent == "ppo"} == {round(24 * 2 / 2**12, 6)}
    assert {verdict(same) for case, _, same, _ in pairs if case.agent == "reinforce"} == {"level"}
    first = summary(pairs).splitlines()[0]
    assert "ahead in 3 of 6, level in 3, below in 0" in first
    assert "reinforce on digits, `accuracy`, level with random" in first


def test_a_page_has_a_row_for_every_pair_and_every_case():
    cases = cases_of(["digits"])
    parts = report({case: [search(80.0 + seed) for seed in range(3)] for case in cases}, 3)
    tables = [part.splitlines() for part in parts if part.startswith("|")]
    assert [len(table) - 2 for table in tables] == [24, len(cases) + 3]
    assert any("| constrained | optimum |" in line for line in tables[1])
