"""Local search: every climb ends in a local optimum."""

import numpy as np
import pytest

from nasgym.agents.local_search import LocalSearch
from nasgym.errors import InvalidValue
from nasgym.ledger import Budget, Ledger
from nasgym.rewards import Constrained
from tests.tiny import tiny_problem


class Recorder(Ledger):
    """A ledger that keeps every batch it was asked for."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.asked = []

    def evaluate(self, archs, fidelity=None):
        self.asked.append(np.array(archs))
        return super().evaluate(archs, fidelity)


def rewards_of(problem, archs):
    return problem.evaluate(archs).reward


def local_optima(problem):
    """Rewards of the architectures no neighbour of which is better."""
    rows = problem.space.enumerate()
    neighbours, owner = problem.space.neighbours(rows)
    best = np.full(len(rows), -np.inf)
    np.maximum.at(best, owner, rewards_of(problem, neighbours))
    own = rewards_of(problem, rows)
    return set(own[own >= best].tolist())


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_a_climb_ends_in_a_local_optimum(full, seed):
    problem, rng = tiny_problem(), np.random.default_rng(seed)
    start = problem.space.sample(rng, 1)
    reward = float(rewards_of(problem, start)[0])
    agent, known = LocalSearch(query_full_neighbourhood=full), {start.tobytes(): reward}
    agent._climb(Ledger(problem, 1000), rng, known, start[0], reward)
    assert max(known.values()) in local_optima(problem)


def test_the_first_better_neighbour_is_taken():
    problem = tiny_problem()
    ledger = Recorder(problem, 30)
    LocalSearch(starts=3).search(ledger, np.random.default_rng(2))
    starts = ledger.asked[0]
    assert len(starts) == 3
    place, reward = None, -np.inf
    for arch, found in zip(starts, rewards_of(problem, starts), strict=True):
        if found > reward:
            place, reward = arch, found
    # up to the first restart, every query is a neighbour of the place, which moves on at each
    # improvement; what the walk knows already it does not ask for
    moves, known = 0, {row.tobytes() for row in starts}
    for batch in ledger.asked[1:]:
        if len(batch) != 1:
            break
        neighbours, _ = problem.space.neighbours(place[None])
        assert (neighbours == batch).all(axis=1).any()
        assert batch.tobytes() not in known
        known.add(batch.tobytes())
        if (found := float(rewards_of(problem, batch)[0])) > reward:
            place, reward, moves = batch[0], found, moves + 1
    assert moves >= 1
    assert reward in local_optima(problem)


def test_the_whole_neighbourhood_is_asked_for_at_once():
    problem = tiny_problem()
    ledger = Recorder(problem, 36)
    LocalSearch(starts=1, query_full_neighbourhood=True).search(ledger, np.random.default_rng(0))
    start, first = ledger.asked[:2]
    neighbours, _ = problem.space.neighbours(start)
    assert {row.tobytes() for row in first} == {row.tobytes() for row in neighbours}
    best = first[rewards_of(problem, first).argmax()]
    nearby, _ = problem.space.neighbours(best[None])
    assert {row.tobytes() for row in ledger.asked[2]} <= {row.tobytes() for row in nearby}


def test_under_a_total_budget_only_starting_points_are_paid_for_twice():
    ledger = Recorder(tiny_problem(), Budget("total", 120))
    LocalSearch(starts=2).search(ledger, np.random.default_rng(1))
    queried = [batch.tobytes() for batch in ledger.asked if len(batch) == 1]
    assert len(queried) == len(set(queried))


def test_a_space_of_one_architecture_ends_by_repeating_itself():
    problem = tiny_problem(restrict={"a.op": ["skip"], "b.width": [16], "c.op": ["pool"]})
    for full in (False, True):
        result = LocalSearch(query_full_neighbourhood=full).search(problem, budget=3)
        assert (result.ended, len(result.history)) == ("max_proposals", 1)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_climb_that_rejects_ends_in_a_local_optimum_of_what_is_feasible(full, seed):
    problem = tiny_problem(rule=Constrained(), target=18.0)
    every = problem.space.enumerate()
    fine = problem.evaluate(every).feasible
    start = every[fine][np.random.default_rng(seed).integers(fine.sum())]
    reward = float(rewards_of(problem, start[None])[0])
    agent, known = LocalSearch(query_full_neighbourhood=full, reject=True), {start.tobytes(): reward}
    ledger = Recorder(problem, 1000)
    agent._climb(ledger, np.random.default_rng(seed), known, start, reward)
    assert all(problem.evaluate(batch).feasible.all() for batch in ledger.asked)
    place = next(row for row in every if known.get(row.tobytes()) == max(known.values()))
    neighbours, _ = problem.space.neighbours(place[None])
    nearby = problem.evaluate(neighbours)
    assert nearby.reward[nearby.feasible].max(initial=-np.inf) < max(known.values())


def test_a_climb_ends_where_no_neighbour_is_feasible():
    problem = tiny_problem(rule=Constrained(), target=1.0)
    start = problem.space.enumerate()[problem.everything.feasible]
    ledger = Recorder(problem, 10)
    LocalSearch(reject=True)._climb(ledger, np.random.default_rng(0), {}, start[0], 0.0)
    assert ledger.asked == []


def test_starts_are_checked():
    with pytest.raises(InvalidValue, match="starts must be at least 1"):
        LocalSearch(starts=0)
