"""PPO: it learns, keeps to masks and budgets, and does not depend on what ran before."""

import random

import pytest
import torch

from nasgym.agents import make_agent
from nasgym.agents.ppo import PPO
from nasgym.agents.reinforce import Reinforce
from nasgym.errors import BudgetExhausted, InvalidValue, UnknownName
from nasgym.ledger import Budget
from tests.agents.learnable import digits_problem, gain, learnable_problem
from tests.tiny import tiny_ledger, tiny_problem


def test_the_same_seed_gives_the_same_history_whatever_ran_before():
    first = PPO().search(tiny_problem(seed="sampled"), budget=Budget("total", 40), seed=3).history
    PPO().search(learnable_problem(), budget=20, seed=8)
    Reinforce().search(learnable_problem(), budget=20, seed=8)
    torch.manual_seed(99)
    random.random()
    again = PPO().search(tiny_problem(seed="sampled"), budget=Budget("total", 40), seed=3).history
    assert (first.archs == again.archs).all()
    assert (first.reward == again.reward).all()
    other = PPO().search(tiny_problem(seed="sampled"), budget=Budget("total", 40), seed=4).history
    assert (first.archs != other.archs).any()


def test_learns():
    gains = [gain(PPO(), learnable_problem(), 150, seed) for seed in range(4)]
    assert min(gains) > 0.05


@pytest.mark.parametrize("constrained", [False, True])
def test_inactive_decisions_stay_at_0(constrained):
    problem = digits_problem(constrained=constrained)
    history = PPO().search(problem, budget=Budget("total", 45)).history
    assert len(history) == 45
    assert problem.space.is_valid(history.archs).all()


def test_a_restricted_space_is_kept_to():
    problem = tiny_problem(restrict={"b.width": [16, 24], "*.kernel": [3]})
    archs = PPO().search(problem, budget=Budget("total", 40)).history.archs
    assert problem.space.is_valid(archs).all()
    assert set(archs[:, 2].tolist()) == {1, 2}


def test_feasible_masks_spend_everything_on_what_meets_the_constraint():
    legal, feasible = (
        PPO(mask=mask).search(tiny_problem(target=12.0), budget=Budget("total", 40)).history for mask in ("legal", "feasible")
    )
    assert not legal.feasible.all()
    assert feasible.feasible.all()
    assert (feasible.costs["latency_ms@phone"] <= 12.0).all()
    with pytest.raises(InvalidValue, match="needs a constraint"):
        PPO(mask="feasible").search(tiny_problem(), budget=10)


@pytest.mark.parametrize("unit", ["distinct", "total", "train_seconds"])
def test_budgets_are_spent(unit):
    result = PPO(episodes=5).search(tiny_ledger(Budget(unit, 12), seed="sampled"))
    spent = result.history.spent
    assert result.ended == "budget"
    assert spent[-1] == 12 if unit != "train_seconds" else spent[-2] < 12 <= spent[-1]


def test_budget_exhausted_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ledger = tiny_ledger(Budget("total", 7))
    result = PPO(episodes=3).search(ledger)
    with pytest.raises(BudgetExhausted):
        ledger.evaluate(result.best_arch[None])
    assert len(ledger.history) == 7
    assert list(tmp_path.iterdir()) == []  # no logs
    assert capsys.readouterr().out == ""


def test_a_converged_policy_ends():
    agent = PPO(learning_rate=0.05)
    result = agent.search(learnable_problem(), budget=Budget("distinct", 36, max_proposals=150))
    assert result.ended in ("max_proposals", "max_repeats")


def test_what_is_refused():
    with pytest.raises(UnknownName, match="Did you mean 'epochs'"):
        make_agent("ppo", epoch=3)
    with pytest.raises(UnknownName, match="reward scaling"):
        PPO(scaling="log")
    with pytest.raises(UnknownName, match="Did you mean 'feasible'"):
        make_agent("ppo", mask="feasable")
    for wrong in ({"episodes": 1}, {"hidden": 0}, {"learning_rate": 0.0}, {"entropy_weight": -1.0}, {"gae_lambda": 2.0}):
        with pytest.raises(InvalidValue):
            PPO(**wrong)
