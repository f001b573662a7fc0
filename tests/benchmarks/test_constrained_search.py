"""The searches and tables of the benchmark of limits; the searches themselves are not run."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.constrained_search import (
    AGENTS,
    CHECKPOINTS,
    GRID,
    REFERENCE,
    SETTINGS,
    Found,
    Play,
    cell,
    play,
    plays,
    report,
    whole,
)
from nasgym.agents import make_agent
from nasgym.compare.search import Search
from nasgym.compare.targets import parse_targets


def test_agents_that_draw_nothing_play_once_at_each_target():
    made = plays("macro", (1.0, 2.0), seeds=3, slow_seeds=2)
    counts = {label: sum(one.label == label for one in made) // 2 for label in AGENTS}
    assert counts["layernas"] == counts["layernas, K=4"] == 1
    assert counts["ppo (total)"] == 2
    assert counts["layernas, uniform"] == counts["random, rejecting"] == 3


def test_cells_are_in_points():
    assert cell(np.full(12, 0.001), 2) == "0.100 [0.100, 0.100] (2)"


def test_a_search_is_one_of_the_command(imported):
    imported("nas-bench-macro")
    problem = whole(SETTINGS["macro"].env_id)
    (target, _) = parse_targets("50,60%").resolve(problem)
    found = play(Play("macro", "random", 4, target))
    at = problem.at(target)
    plain = make_agent("random").search(at, budget=300, seed=Search("random", 4, target).drawn_seed)
    best = np.maximum.accumulate(plain.history.reward)
    assert found.regret == pytest.approx([at.optimum().reward - best[n - 1] for n in CHECKPOINTS])
    assert found.charged == 300


def test_tables_by_hand(imported):
    imported("nas-bench-macro")
    targets = parse_targets(GRID).resolve(whole(SETTINGS["macro"].env_id))
    # 0.1 points for the reference, 0.3 with one seed and 0.5 with another for all others
    lacking = {REFERENCE: (0.001,)}
    made = plays("macro", targets, seeds=2, slow_seeds=2)
    values = {one: lacking.get(one.label, (0.003, 0.005))[one.seed] for one in made}
    parts = report("macro", targets, [(one, Found((values[one],) * 2 + (0.0,), 300, "budget")) for one in made])
    text = "\n".join(parts)
    assert (
        "| layernas | 1 | 0.100 [0.100, 0.100] (1) | 0.100 [0.100, 0.100] (1) | 0.000 [0.000, 0.000] (1) | 100 % | 300 |"
        in text
    )
    assert "| random | 2 | 0.400 [0.400, 0.400] (3) |" in text
    assert "| random | +0.300 [+0.300, +0.300], p < .001 |" in text
    assert "51 targets" in text
    assert text.count("* layernas: select was chosen on NAS-Bench-Macro") == 1, "four forms say the same"
    assert "| 50 % | 56.69 M | 92.4167% | 53.4% |" in text
