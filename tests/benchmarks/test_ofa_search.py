"""The tables of the Once-for-All benchmark; the searches themselves are not run."""

from benchmarks.ofa_search import AGENTS, BEST, LIMITS, RIVAL, Found, cell, difference, report, tasks_of
from nasgym.agents import make_agent


def runs(*accuracies):
    return [Found(accuracy, 10, 9, 1.0) for accuracy in accuracies]


def test_a_cell_has_the_mean_and_says_what_found_nothing():
    assert cell(runs(0.8, 0.8)) == "0.8000 [0.8000, 0.8000]"
    assert cell(runs(0.81234)) == "0.8123"
    assert cell(runs(0.8, float("nan"), 0.7)) == "nothing feasible in 1 of 3"


def test_a_difference_is_in_points_and_its_interval_holds_it():
    assert difference(runs(0.82, 0.82), runs(0.81, 0.81)) == "+1.00 [+1.00, +1.00]"
    assert difference(runs(0.80, 0.82), runs(0.81, 0.81)) == "+0.00 [-1.00, +1.00]"


def test_deterministic_agents_play_once_and_all_settings_exist():
    tasks = tasks_of(list(AGENTS), 3, "total")
    deterministic = sum(agent == "layernas" for agent, _ in AGENTS.values())
    assert len(tasks) == len(LIMITS) * (3 * (len(AGENTS) - deterministic) + deterministic)
    for task in tasks:
        make_agent(task.agent, **dict(task.hyperparameters))


def test_prototypes_stand_beside_totals_only():
    found = {f"{label}|{limit}": runs(0.8, 0.81) for label in AGENTS for limit in LIMITS}
    assert any("Prototype" in part for part in report(found, list(AGENTS), 2, "total"))
    assert not any("Prototype" in part for part in report(found, [RIVAL, BEST], 2, "distinct"))
