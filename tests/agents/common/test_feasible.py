"""Rejection before evaluation."""

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.agents.common.feasible import make_feasible, masker, propose_feasible, walk_feasible, within_limits
from nasgym.errors import InvalidValue, UnknownName
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
    infeasible = ledger.space.enumerate()[~within_limits(ledger, ledger.space.enumerate())][:1]
    with pytest.raises(InvalidValue, match="reject=False"):
        propose_feasible(ledger, 3, lambda n: np.repeat(infeasible, n, axis=0))


def test_masks_are_those_of_the_environment():
    from nasgym.envs.env import NASEnv

    problem, rng = tiny_problem(rule=Constrained(), target=9.0), np.random.default_rng(0)
    for kind in ("legal", "feasible"):
        mask, env = masker(kind, Ledger(problem, 9)), NASEnv(problem, mask=kind)
        for _ in range(30):
            (_, info), prefix = env.reset(), np.full((1, 5), -1, dtype=np.int8)
            for step in range(5):
                allowed = mask(prefix, step)
                assert (allowed[0] == info["action_mask"].astype(bool)).all()
                prefix[0, step] = rng.choice(np.flatnonzero(allowed[0]))
                info = env.step(int(prefix[0, step]))[4]


def test_feasible_masks_need_a_constraint():
    with pytest.raises(InvalidValue, match="mask='feasible' needs a constraint; give target="):
        masker("feasible", Ledger(tiny_problem(), 5))


@pytest.mark.parametrize("agent", ["random", "regularized-evolution", "local-search", "nsga2"])
def test_agents_evaluate_feasible_architectures_only(agent):
    problem = tiny_problem(rule=Constrained(), target=9.0)
    plain = make_agent(agent).search(problem, budget=9, seed=1)
    assert not plain.history.feasible.all()
    careful = make_agent(agent, reject=True).search(problem, budget=9, seed=1)
    assert careful.history.feasible.all()
    assert len(careful.history) == 9


def test_rounds_of_many_draws_keep_the_first_that_fit():
    ledger = limited()
    every = ledger.space.enumerate()
    found = propose_feasible(ledger, 3, lambda n: every[:n], at_least=36)
    assert (found == every[within_limits(ledger, every)][:3]).all()


def test_within_limits_ignores_what_is_inactive():
    ledger = limited()
    archs = ledger.space.enumerate()
    off = archs[:, 0] == 0
    touched = archs.copy()
    touched[off, 1] = 1
    assert (within_limits(ledger, touched) == within_limits(ledger, archs)).all()


def test_a_child_is_made_again_from_its_own_parent():
    ledger, rng = limited(), np.random.default_rng(0)
    every = ledger.space.enumerate()
    good, bad = (every[within_limits(ledger, every) == fits] for fits in (True, False))

    def make(of):  # what a parent has in its first column is kept; half of the children are ruled out
        rows = np.stack([(good if rng.random() < 0.5 else bad)[rng.integers(9)] for _ in of])
        mates = [good[good[:, 0] == parent[0]][0] for parent in of]
        return np.where((rows == good[:, None]).all(axis=2).any(axis=0)[:, None], np.stack(mates), rows)

    of = good[:6]
    children = make_feasible(ledger, of, make)
    assert within_limits(ledger, children).all()
    assert (children[:, 0] == of[:, 0]).all()


def test_hopeless_children_are_said():
    ledger = limited()
    infeasible = ledger.space.enumerate()[~within_limits(ledger, ledger.space.enumerate())]
    with pytest.raises(InvalidValue, match="1000 rounds left 2 of 2"):
        make_feasible(ledger, infeasible[:2], lambda of: of)


@pytest.mark.parametrize("target", [1.0, 3.0, 20.0])
def test_walks_reach_every_feasible_architecture_and_no_other(target):
    ledger = limited(target)
    drawn = walk_feasible(ledger, np.random.default_rng(0), 2000)
    every = ledger.space.enumerate()
    assert {row.tobytes() for row in drawn} == {row.tobytes() for row in every[within_limits(ledger, every)]}


def test_a_walk_without_constraint_takes_any_legal_choice():
    ledger = Ledger(tiny_problem(), 5)
    drawn = walk_feasible(ledger, np.random.default_rng(0), 2000)
    assert len(np.unique(drawn, axis=0)) == 36


@pytest.mark.parametrize("agent", ["random", "regularized-evolution", "local-search", "nsga2"])
def test_agents_begin_with_walks_where_limits_are_tight(agent):
    problem = tiny_problem(rule=Constrained(), target=1.0)
    assert make_agent(agent, draw="feasible").search(problem, budget=1, seed=0).feasible
    with pytest.raises(UnknownName, match="draw"):
        make_agent(agent, draw="lucky")
