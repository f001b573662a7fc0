"""What every registered agent must do, whatever its algorithm."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from nasgym import make_problem
from nasgym.agents import Agent, make_agent
from nasgym.errors import InvalidValue, TestMetricsRefused, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.registry import AGENTS
from nasgym.rewards import Constrained
from tests.tiny import tiny_problem

NAMES = list(AGENTS.builtin)


class Watched(Ledger):
    """A ledger that notes whether an agent reached for what it must not see."""

    peeked = False

    @property
    def problem(self):
        self.peeked = True
        raise TestMetricsRefused("watched")

    def report(self, archs):
        self.peeked = True
        raise TestMetricsRefused("watched")


@pytest.mark.parametrize("name", NAMES)
def test_fields_are_hyperparameters_with_defaults(name):
    agent = make_agent(name)
    assert isinstance(agent, Agent)
    assert agent.name == name
    for field in fields(agent):
        assert f"{field.name}" in (type(agent).__doc__ or ""), f"{field.name} is not documented"
    with pytest.raises(UnknownName):
        make_agent(name, no_such_thing=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unit", ["distinct", "total"])
def test_a_budget_is_never_exceeded_and_rows_are_valid(name, unit):
    problem = make_problem("nasgym/Digits-v0")
    ledger = Watched(problem, Budget(unit, 25, max_proposals=400))
    result = make_agent(name).search(ledger, seed=3)
    assert result.ended in ("budget", "max_proposals", "max_repeats", "agent")
    assert 0 < len(result.history) <= 25
    assert ledger.spent == len(result.history)
    assert problem.space.is_valid(result.history.archs).all()
    assert not ledger.peeked
    if result.ended == "budget":
        assert ledger.spent == 25
    if unit == "distinct":
        forms = problem.space.canonical(result.history.archs)
        assert len(np.unique(forms, axis=0)) == len(forms)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_search(name):
    histories = []
    for _ in range(2):
        problem = make_problem("nasgym/Digits-v0", seed="sampled")
        histories.append(make_agent(name).search(problem, budget=Budget("total", 30), seed=7).history)
    assert (histories[0].archs == histories[1].archs).all()
    assert (histories[0].reward == histories[1].reward).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_is_taken_as_it_is(name):
    problem = make_problem("nasgym/Digits-v0")
    one, two = (make_agent(name).search(Ledger(problem, 20), np.random.default_rng(5)).history.archs for _ in range(2))
    assert (one == two).all()


@pytest.mark.parametrize("name", NAMES)
def test_restrictions_are_kept(name):
    problem = make_problem("nasgym/Digits-v0", restrict={"*.kernel": [3]}, reward="accuracy")
    result = make_agent(name).search(problem, budget=Budget("total", 25), seed=0)
    assert (result.history.archs[:, 1::3] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_tiny_space_is_survived(name):
    """36 networks, budget for more: an agent ends itself, or is ended for repeating itself."""
    problem = tiny_problem(rule=Constrained(), target=20.0)
    result = make_agent(name).search(problem, budget=Budget("distinct", 40, max_proposals=200), seed=0)
    assert result.ended in ("agent", "max_proposals", "max_repeats")
    assert len(result.history) <= 36
    best = result.history.reward.max()
    assert result.best_reward == best
    assert problem.optimum().reward >= best


@pytest.mark.parametrize("name", NAMES)
def test_a_search_needs_a_budget(name):
    with pytest.raises(InvalidValue, match="budget"):
        make_agent(name).search(tiny_problem())


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [*((name, {}) for name in NAMES), ("layernas", {"select": "softmax"}), ("layernas", {"children": 1})],
)
def test_an_agent_that_draws_nothing_says_so(name, hyperparameters):
    """And one that draws does not."""
    agent = make_agent(name, **hyperparameters)
    problem = make_problem("nasgym/Digits-v0", reward="constrained", target={"fraction": 0.5, "of": "range"})
    found = [agent.search(problem, budget=60, seed=seed).history.archs for seed in (0, 1, 2)]
    assert agent.draws is not all(np.array_equal(found[0], other) for other in found[1:])
