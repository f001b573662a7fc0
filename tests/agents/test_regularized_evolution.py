"""Aging evolution, step by step through ask and tell."""

import numpy as np
import pytest

from nasgym.agents.regularized_evolution import RegularizedEvolution
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Ledger
from nasgym.problems.evaluation import Evaluations
from nasgym.rewards import Constrained
from tests.tiny import tiny_ledger, tiny_problem, tiny_space

SPACE = tiny_space()


def rewarded(rewards):
    """Evaluations with these rewards, which are all that evolution reads."""
    rewards = np.asarray(rewards, dtype=np.float64)
    return Evaluations(rewards, {}, rewards, np.ones(len(rewards), dtype=bool), rewards)


def begun(rewards, **fields):
    """An agent whose first population has these rewards, and the population's rows."""
    agent = RegularizedEvolution(population=len(rewards), **fields)
    agent.start(tiny_ledger(10), np.random.default_rng(0))
    members = agent.ask().copy()
    agent.tell(members, rewarded(rewards))
    return agent, members


def is_neighbour(child, parent):
    neighbours, _ = SPACE.neighbours(parent[None])
    return bool((neighbours == child).all(axis=1).any())


def test_first_the_whole_population_then_single_children():
    agent, members = begun([0.1, 0.2, 0.3])
    assert members.shape == (3, 5)
    assert agent.ask().shape == (1, 5)


def test_the_parent_is_the_best_of_the_sample():
    agent, members = begun([0.1, 0.9, 0.3, 0.2], sample=200)  # 200 draws of 4 miss the best with probability 1e-25
    for _ in range(20):
        assert is_neighbour(agent.ask()[0], members[1])


def test_a_sample_of_one_draws_any_member():
    agent, members = begun([0.0, 0.0, 1.0], sample=1)
    children = [agent.ask()[0] for _ in range(100)]
    assert all(any(is_neighbour(child, parent) for parent in members) for child in children)
    assert any(not is_neighbour(child, members[2]) for child in children)


def test_the_oldest_dies_even_if_it_is_the_best():
    agent, members = begun([0.9, 0.5, 0.4], sample=200)
    child = agent.ask()
    assert is_neighbour(child[0], members[0])
    agent.tell(child, rewarded([0.1]))  # takes the place of the first and best
    assert is_neighbour(agent.ask()[0], members[1])
    agent.tell(agent.ask(), rewarded([0.2]))  # the second leaves
    assert is_neighbour(agent.ask()[0], members[2])
    newest = agent.ask()
    agent.tell(newest, rewarded([0.3]))  # the third leaves; all are children now, and the newest is the best
    assert is_neighbour(agent.ask()[0], newest[0])


def test_a_new_start_forgets():
    agent, _ = begun([0.9, 0.5, 0.4])
    agent.start(tiny_ledger(10), np.random.default_rng(1))
    assert agent.ask().shape == (3, 5)


def test_the_search_is_the_loop_over_ask_and_tell():
    problem = tiny_problem()
    history = RegularizedEvolution(population=4, sample=2).search(Ledger(problem, 20), np.random.default_rng(3)).history
    agent, archs = RegularizedEvolution(population=4, sample=2), []
    agent.start(Ledger(problem, 20), np.random.default_rng(3))
    seen = set()
    while len(seen) < 20:
        asked = agent.ask().copy()
        archs += [row for row in asked if row.tobytes() not in seen]
        seen |= {row.tobytes() for row in asked}
        agent.tell(asked, problem.evaluate(asked))
    assert (history.archs == np.stack(archs)).all()


def edits_between(child, parent):
    """Fewest edits from one network to another, by breadth-first search."""
    reached, distance = parent[None], 0
    while not (reached == child).all(axis=1).any():
        reached, distance = np.unique(np.concatenate([reached, SPACE.neighbours(reached)[0]]), axis=0), distance + 1
    return distance


def test_edits_is_the_mean_number_of_mutations():
    agent, members = begun([0.5], edits=2.5, sample=1)
    children = [agent.ask()[0] for _ in range(600)]
    assert {edits_between(child, members[0]) for child in children} >= {0, 1, 2, 3}
    single, members = begun([0.5], sample=1)
    assert {edits_between(single.ask()[0], members[0]) for _ in range(100)} == {1}


def test_without_repeats_every_network_is_proposed_once_and_then_a_parent():
    agent, members = begun([0.5, 0.5], repeats=False, edits=3, sample=1)
    first = np.unique(members, axis=0)
    children = np.concatenate([agent.ask() for _ in range(36 - len(first))])
    assert len(np.unique(np.concatenate([first, children]), axis=0)) == 36
    assert (agent.ask()[0] == members).all(axis=1).any()


def test_without_repeats_limits_are_kept():
    problem = tiny_problem(rule=Constrained(), target=9.0)
    history = RegularizedEvolution(population=3, reject=True, repeats=False, edits=2).search(problem, budget=9, seed=1).history
    assert history.feasible.all()
    assert len(history) == 9  # all that there are


@pytest.mark.parametrize("repeats", [True, False])
def test_a_batch_has_children_of_several_parents(repeats):
    agent, members = begun([0.1, 0.2, 0.3, 0.4], batch=6, sample=1, repeats=repeats)
    children = agent.ask()
    assert children.shape == (6, 5)
    assert all(any(is_neighbour(child, parent) for parent in members) for child in children)
    agent.tell(children, rewarded(np.arange(6)))  # the last four of them are the population now
    assert (agent._fitness == [4, 5, 2, 3]).all()
    if not repeats:
        assert len(np.unique(children, axis=0)) == 6


@pytest.mark.parametrize("field", ["population", "sample", "batch"])
def test_sizes_are_checked(field):
    with pytest.raises(InvalidValue, match=f"{field} must be at least 1"):
        RegularizedEvolution(**{field: 0})


@pytest.mark.parametrize("edits", [0.5, float("nan"), float("inf")])
def test_edits_are_checked(edits):
    with pytest.raises(InvalidValue, match="edits"):
        RegularizedEvolution(edits=edits)


def test_mutations_are_checked():
    with pytest.raises(UnknownName, match="mutation"):
        RegularizedEvolution(mutation="flip")
    with pytest.raises(InvalidValue, match="use mutation='neighbour'"):
        RegularizedEvolution(mutation="nats-bench", population=2).search(tiny_problem(), budget=10)
