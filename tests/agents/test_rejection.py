"""Rejection before evaluation."""

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.agents.rejection import propose_feasible, within_limits
from nasgym.errors import InvalidValue
from nasgym.ledger import Ledger
from nasgym.rewards import Constrained
from tests.tiny import tiny_problem


def limited(target=9.0):
    return Ledger(tiny_problem(rule=Constrained(), target=target), 12)


def test_within_limits_is_the_constraint():
    ledger = limited()
    archs = ledger.space.enumerate()
    assert within_limits(ledger, archs).sum() == 9  # latencies are 1 to 36, each once
    free = Ledger(tiny_problem(), 5)
    assert within_limits(free, archs).all()


def test_proposals_are_feasible_and_in_order():
    ledger, rng = limited(), np.random.default_rng(0)
    archs = propose_feasible(ledger, 20, lambda n: ledger.space.sample(rng, n))
    assert archs.shape == (20, 5)
    assert within_limits(ledger, archs).all()


def test_nothing_feasible_is_said():
    ledger = limited()
    dear = ledger.space.enumerate()[~within_limits(ledger, ledger.space.enumerate())][:1]
    with pytest.raises(InvalidValue, match="reject=False"):
        propose_feasible(ledger, 3, lambda n: np.repeat(dear, n, axis=0))


@pytest.mark.parametrize("agent", ["random", "regularized-evolution"])
def test_agents_evaluate_feasible_architectures_only(agent):
    problem = tiny_problem(rule=Constrained(), target=9.0)
    plain = make_agent(agent).search(problem, budget=9, seed=1)
    assert not plain.history.feasible.all()
    careful = make_agent(agent, reject=True).search(problem, budget=9, seed=1)
    assert careful.history.feasible.all()
    assert len(careful.history) == 9
