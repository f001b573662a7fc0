"""NSGA-II: valid rows, the true front of a small space, constraints, budgets, replays."""

import numpy as np
import pytest

from nasgym.agents.agent import make_agent
from nasgym.agents.nsga2 import NSGA2
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.oracles.cost.counted import counted_cost
from nasgym.oracles.oracle import AccuracyOracle, Measurements
from nasgym.problems.evaluation import Objective
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy, Constrained
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace


class MadeUpAccuracy(AccuracyOracle):
    """A fixed weight for each choice of each decision, so that accuracy and MACs pull apart."""

    fingerprint, canonical, deterministic = "made-up", True, True
    fidelities, search_fidelity, search_metric = (1,), 1, "validation"
    seed = "mean"

    def __init__(self, space):
        self.space = space
        self.weights = np.random.default_rng(7).random((space.num_decisions, space.max_choices)) / space.num_decisions

    def draw_seeds(self, archs, fidelity, rng):
        return np.full(len(archs), -1)

    def measure(self, archs, fidelity, seeds):
        values = self.weights[np.arange(self.space.num_decisions), archs].sum(axis=1)
        return Measurements(values, values, np.ones(len(archs)))

    def report(self, archs):
        return self.measure(archs, 1, None)


def make(space, *, restrict=None, target=None, lower=None, objectives=None):
    """A problem over counted MACs; `target` is a fraction of their range."""
    cost, played = counted_cost(space, "macs"), space
    if restrict is not None:
        played = space.restrict(restrict)
        cost = cost.narrow(played)
    low, high = (float(bound[0]) for bound in cost.bounds(space.empty()))
    limits = {"target": None if target is None else low + target * (high - low)}
    limits["lower"] = None if lower is None else low + lower * (high - low)
    rule = Accuracy() if target is None else Constrained()
    goals = None if objectives is None else [Objective(name, "max" if name == "accuracy" else "min") for name in objectives]
    return Problem(played, MadeUpAccuracy(space), [cost], rule, objectives=goals, **limits)


def front(points):
    """The points (columns to be minimised) that no other point dominates."""
    no_worse = (points[:, None] <= points[None]).all(axis=2) & (points[:, None] < points[None]).any(axis=2)
    return {tuple(point) for point in np.round(points[~no_worse.any(axis=0)], 9)}


def points(ev):
    return np.stack([-ev.accuracy, ev.costs["macs"]], axis=1)


def test_same_seed_same_history_and_another_seed_another_one():
    problem = make(DigitsSpace(), target=0.5)
    first, again, other = (NSGA2().search(problem, budget=100, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.history.archs, again.history.archs)
    assert (first.history.archs != other.history.archs).any()


def test_one_agent_object_forgets_its_earlier_search():
    problem, agent = make(DigitsSpace(), target=0.5), NSGA2()
    first, again = agent.search(problem, budget=60, seed=1), agent.search(problem, budget=60, seed=1)
    np.testing.assert_array_equal(first.history.archs, again.history.archs)


@pytest.mark.parametrize("restrict", [None, {"*.kernel": [5], "layer2.op": ["mbconv"], "layer4.op": ["skip"]}])
def test_rows_are_valid_and_new_and_the_budget_is_spent_exactly(restrict):
    problem = make(DigitsSpace(), restrict=restrict)
    found = NSGA2().search(problem, budget=50, seed=0)
    assert problem.space.is_valid(found.history.archs).all()
    assert len(found.history) == 50
    assert found.ended == "budget"
    assert found.history.spent[-1] == found.history.proposals[-1] == 50
    assert len(np.unique(problem.space.canonical(found.history.archs), axis=0)) == 50


def test_front_of_a_small_space_is_the_true_one():
    kernels_alike = {"*.kernel": [3], "layer5.op": ["skip"]}  # 3^4 networks
    problem = make(DigitsSpace(), restrict=kernels_alike, objectives=["accuracy", "macs"])
    assert problem.space.size == 81
    truth = front(points(problem.everything))
    assert 3 < len(truth) < 40
    assert front(points(NSGA2(population=10).search(problem, budget=1000, seed=0).history)) == truth


def test_front_is_approached_faster_than_by_random_search():
    problem = make(DigitsSpace(), objectives=["accuracy", "macs"])
    truth = front(points(problem.everything))

    def hits(name):
        return sum(len(truth & front(points(make_agent(name).search(problem, budget=300, seed=s).history))) for s in range(3))

    assert hits("nsga2") > 2 * hits("random")


def test_a_single_objective_finds_the_best_network():
    problem = make(DigitsSpace(), objectives=["accuracy"])
    found = [NSGA2().search(problem, budget=400, seed=seed).best_reward for seed in range(3)]
    assert max(found) == problem.optimum().reward
    assert min(found) > np.quantile(problem.everything.reward, 0.99)


@pytest.mark.parametrize("target", [None, 0.3])
def test_aimed_at_the_reward_it_ignores_the_objectives(target):
    agent = NSGA2(aim="reward")
    searches = [
        agent.search(make(DigitsSpace(), target=target, objectives=objectives), budget=150, seed=3).history.archs
        for objectives in (None, ["accuracy"], ["macs"])
    ]
    for other in searches[1:]:
        np.testing.assert_array_equal(searches[0], other)
    # feasible rewards are accuracies here, so that it is the search for accuracy alone
    single = NSGA2().search(make(DigitsSpace(), target=target, objectives=["accuracy"]), budget=150, seed=3)
    np.testing.assert_array_equal(searches[0], single.history.archs)
    both = NSGA2().search(make(DigitsSpace(), target=target, objectives=["accuracy", "macs"]), budget=150, seed=3)
    assert not np.array_equal(searches[0], both.history.archs)


def test_aimed_at_the_reward_it_misses_less_of_the_best_reward():
    problem = make(NASBenchMacroSpace(), target=0.4)
    missed = {
        aim: np.mean(
            [problem.optimum().reward - NSGA2(aim=aim).search(problem, budget=200, seed=seed).best_reward for seed in range(5)]
        )
        for aim in ("objectives", "reward")
    }
    assert missed["reward"] < missed["objectives"]


def test_survivors_are_the_feasible_ones_and_then_those_that_miss_the_limit_by_less():
    problem = make(DigitsSpace(), target=0.4, objectives=["accuracy"])
    everything, archs = problem.everything, problem.space.enumerate()
    by_excess = np.argsort(everything.costs["macs"], kind="stable")
    feasible = by_excess[:2]
    infeasible = by_excess[~everything.feasible[by_excess]]
    near, far = infeasible[:2], infeasible[-4:]
    agent = NSGA2(population=4)
    agent.start(Ledger(problem, 100), np.random.default_rng(0))
    for rows in (far, np.concatenate([near, feasible])):
        agent.ask()
        agent.tell(archs[rows], problem.evaluate(archs[rows]))
    survivors = problem.space.from_options(agent._algorithm.pop.get("X"))
    assert set(problem.space.index_of(survivors)) == {*near, *feasible}


def test_a_limit_keeps_the_population_from_expensive_networks():
    # only accuracy is optimised: without the limit, nothing draws generations to cheap networks
    free, bound = make(DigitsSpace(), objectives=["accuracy"]), make(DigitsSpace(), target=0.3, objectives=["accuracy"])
    limit = bound.constraint.upper
    kept, drifted = (NSGA2().search(p, budget=300, seed=0).history.costs["macs"][-200:] <= limit for p in (bound, free))
    share = bound.everything.feasible.mean()
    assert kept.mean() > 2 * share
    assert drifted.mean() < share


def test_lower_and_upper_limits_both_bind():
    problem, agent = make(DigitsSpace(), target=0.35, lower=0.3, objectives=["accuracy"]), NSGA2()
    assert problem.everything.feasible.mean() < 0.1
    agent.search(problem, budget=300, seed=0)
    survivors = problem.space.from_options(agent._algorithm.pop.get("X"))
    assert problem.evaluate(survivors).feasible.all()


@pytest.mark.parametrize("draw", ["uniform", "feasible"])
@pytest.mark.parametrize("limits", [{"target": 0.2}, {"target": 0.35, "lower": 0.3}])
def test_a_search_that_rejects_evaluates_what_is_feasible_and_new(limits, draw):
    problem = make(DigitsSpace(), objectives=["accuracy", "macs"], **limits)
    assert problem.everything.feasible.mean() < 0.15
    history = NSGA2(reject=True, draw=draw).search(problem, budget=Budget("total", 50), seed=0).history
    assert len(history) == 50
    assert history.feasible.all()
    assert len(np.unique(problem.space.canonical(history.archs), axis=0)) == 50


def test_a_search_that_rejects_ends_when_mating_finds_nothing_more():
    # 8 networks, of which the four cheapest are allowed
    restrict = {"*.kernel": [3], "*.expansion": [3], "layer[12].op": ["skip"]}
    costs = np.sort(make(DigitsSpace(), restrict=restrict).everything.costs["macs"])
    problem = make(DigitsSpace(), restrict=restrict, target=(costs[3] - costs[0]) / (costs[-1] - costs[0]))
    assert problem.everything.feasible.sum() == 4
    found = NSGA2(reject=True).search(problem, budget=Budget("total", 100), seed=0)
    assert (found.ended, len(found.history)) == ("agent", 4)


def test_rejection_without_a_limit_changes_nothing():
    problem = make(DigitsSpace(), objectives=["accuracy", "macs"])
    plain, careful = (NSGA2(reject=reject).search(problem, budget=80, seed=2).history for reject in (False, True))
    np.testing.assert_array_equal(plain.archs, careful.archs)


@pytest.mark.parametrize("unit", ["distinct", "total"])
def test_a_tiny_space_ends_the_search_without_repeats(unit):
    problem = make(DigitsSpace(), restrict={"*.kernel": [3], "*.expansion": [3], "layer[12].op": ["skip"]})
    found = NSGA2().search(problem, budget=Budget(unit, 10_000), seed=0)
    assert problem.space.size == len(found.history) == found.history.proposals[-1] == 8
    assert found.ended == "agent"


def test_a_space_of_one_network():
    problem = make(DigitsSpace(), restrict={"*.op": ["skip"]})
    assert len(NSGA2().search(problem, budget=10, seed=0).history) == 1


def test_encodings_of_one_network_are_proposed_once():
    problem = make(NASBenchMacroSpace(), restrict={"*": ["identity", "mbconv_e3_k3"]})
    history = NSGA2().search(problem, budget=Budget("total", 120), seed=0).history
    assert len(np.unique(problem.space.canonical(history.archs), axis=0)) == len(history) == 120


def test_ask_and_tell_with_another_evaluator():
    problem = make(DigitsSpace(), target=0.5)
    agent = NSGA2(population=6)
    agent.start(Ledger(problem, 100), np.random.default_rng(0))
    for _ in range(3):
        archs = agent.ask()
        assert archs.shape == (6, 15)
        assert archs.dtype == np.int8
        agent.tell(archs, problem.evaluate(archs))


def test_wrong_hyper_parameters_are_named():
    with pytest.raises(InvalidValue, match="population must be at least 2"):
        make_agent("nsga2", population=1)
    with pytest.raises(InvalidValue, match=r"mutation is a probability from 0 to 1, got 1\.5"):
        make_agent("nsga2", mutation=1.5)
    with pytest.raises(UnknownName, match="aim of nsga2"):
        make_agent("nsga2", aim="rewards")
    with pytest.raises(UnknownName, match="population"):
        make_agent("nsga2", populaton=10)


def test_the_survivors_are_the_best_of_what_was_evaluated_in_whole_generations():
    agent = NSGA2(population=10)
    history = agent.search(make(DigitsSpace(), objectives=["accuracy", "macs"]), budget=64, seed=0).history
    survivors = {row.tobytes() for row in agent.survivors}
    assert len(agent.survivors) == len(survivors) == 10
    assert survivors <= {row.tobytes() for row in history.archs[:60]}
    points = {
        row.tobytes(): (-a, m) for row, a, m in zip(history.archs[:60], history.accuracy, history.costs["macs"], strict=False)
    }
    whole = front(np.array(list(points.values())))
    kept = {tuple(np.round(points[form], 9)) for form in survivors}
    # fewer than ten on the whole front: all of it survives
    assert len(whole) <= 10
    assert whole <= kept
