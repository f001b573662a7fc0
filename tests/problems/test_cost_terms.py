"""Contract: every cost of every id is its terms, or has none; ledgers hand them on."""

from __future__ import annotations

import numpy as np
import pytest

import nasgym
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Ledger
from nasgym.oracles.cost.chain import ChainCost
from nasgym.oracles.cost.counted import counted_names
from nasgym.oracles.cost.found_terms import ROUNDING
from nasgym.problems.problem import Problem
from nasgym.problems.sources.table import table_devices
from nasgym.registration import IDS
from nasgym.registry import SPACES
from nasgym.rewards import Accuracy
from nasgym.tables import find_table
from tests.conftest import need_table
from tests.tiny import tiny_problem

# costs that somebody measured or published, of which it is known that they are sums over layers:
# accelerators that HW-NAS-Bench simulated, and columns of MACs and parameters
SUMS = {"latency_ms@eyeriss", "latency_ms@fpga", "macs_table", "params_table"}


def costs_of(env_id):
    """Names of the costs that the problem of an id can have."""
    known = IDS[env_id]
    space = SPACES.load(known.table)()
    names = [*counted_names(space)]
    if known.plays_table:
        table = find_table(known.table)
        names += [name for name in table.cost_names(table.datasets[0]) if name not in names]
        names += [f"latency_ms@{device}" for device in table_devices(known.table)]
    elif known.device is not None:
        names.append("latency_ms")
    return names


def restriction_of(space, rng):
    """Labels that some decisions keep: all but one of them."""
    picked = [i for i in rng.permutation(space.num_decisions) if len(space.decisions[i].choices) > 2][:4]
    drop = {int(i): int(rng.integers(len(space.decisions[i].choices))) for i in picked}
    return {
        space.decisions[i].name: [one for c, one in enumerate(space.decisions[i].choices) if c != gone]
        for i, gone in drop.items()
    }


@pytest.mark.parametrize("env_id", IDS)
def test_costs_are_their_terms(env_id):
    need_table(IDS[env_id].table)
    rng = np.random.default_rng(0)
    found = {}
    first, *others = costs_of(env_id)
    for restrict in (None, restriction_of(SPACES.load(IDS[env_id].table)(), rng)):
        problem = nasgym.make_problem(env_id, cost=first, extra_costs=others, restrict=restrict, reward="accuracy")
        space = problem.space
        archs = space.enumerate() if space.can_enumerate else space.sample(rng, 2_000)
        options, costs = space.to_options(archs), problem.costs(archs)
        for name, cost in costs.items():
            terms = problem.cost_terms(name)
            found[name] = terms is not None
            if terms is None:
                continue
            assert terms.counts == tuple(layer.count for layer in space.layers)
            exact = name in counted_names(space) or not IDS[env_id].plays_table
            np.testing.assert_allclose(terms.cost(options), cost, rtol=0, atol=0 if exact else ROUNDING * cost.max())
            extremes, bounds = terms.extremes(), problem.bounds_of(name, space.empty())
            np.testing.assert_allclose(extremes, bounds, rtol=1e-12 if exact else ROUNDING)
            if terms.combine == "largest":
                with pytest.raises(InvalidValue, match="largest"):
                    terms.expected([np.full(count, 1 / count) for count in terms.counts])
            elif space.can_enumerate:
                mean = terms.expected([np.full(count, 1 / count) for count in terms.counts])
                assert mean == pytest.approx(cost.mean(), rel=ROUNDING)
    sums = {name for name, has in found.items() if has}
    looked_up = set() if IDS[env_id].plays_table else {"latency_ms"}
    assert sums == (set(counted_names(space)) | SUMS | looked_up) & set(found)


def test_ledgers_hand_on_the_terms_of_free_costs():
    problem = nasgym.make_problem("nasgym/Digits-v0", extra_costs=["params", "latency_ms"])
    ledger = Ledger(problem, 3)
    assert ledger.cost_terms() is problem.cost_terms("macs")
    assert ledger.cost_terms("params") is problem.cost_terms("params")
    assert ledger.cost_terms("latency_ms") is None  # whole networks were timed
    with pytest.raises(UnknownName, match="Did you mean 'params'"):
        ledger.cost_terms("parms")
    assert (ledger.spent, ledger.proposals) == (0, 0)
    with pytest.raises(InvalidValue, match="has no cost; give cost="):
        Ledger(Problem(problem.space, problem.accuracy, [], Accuracy()), 3).cost_terms()


def test_a_cost_that_is_paid_for_is_not_given_away():
    problem = tiny_problem()
    oracle = ChainCost(problem.space, "paid", 0.0, [np.ones(len(layer.options)) for layer in problem.space.layers])
    oracle.free = False
    paid = Problem(problem.space, problem.accuracy, [oracle], Accuracy())
    assert paid.cost_terms() is oracle.terms()
    assert Ledger(paid, 3).cost_terms() is None
