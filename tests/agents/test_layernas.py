"""LayerNAS: dynamic programming against brute force, filter, buckets and the published table."""

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.agents.layernas import LayerNAS
from nasgym.agents.layernas_steps import make_steps, reachable_costs, wanted_costs
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.counted import ChainCost
from nasgym.oracles.cost.table import TableCost
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy, Constrained
from nasgym.spaces.described import space_from_description
from nasgym.spaces.digits import DigitsSpace
from nasgym.tables.table_file import Table
from tests.tiny import tiny_problem

WIDE = {
    "name": "wide",
    "decisions": [{"name": f"layer{i}", "role": "width", "choices": [8, 16, 24, 32]} for i in range(3)],
}


def additive_problem(rng, *, target=None, lower=None, column=False, space=None):
    """A problem whose costs, whole numbers, and accuracies are sums over the layers.

    More expensive options tend to be better ones.
    """
    space = space_from_description(WIDE) if space is None else space
    options = space.to_options(space.enumerate())
    terms = [rng.integers(1, 40, len(layer.options)).astype(np.float64) for layer in space.layers]
    gains = [(price / 40 + rng.random(len(price))) / (2 * len(terms)) for price in terms]
    prices = sum(term[options[:, i]] for i, term in enumerate(terms))
    worth = sum(gain[options[:, i]] for i, gain in enumerate(gains))
    card = {"name": "sum", "space": WIDE, "datasets": ["d"], "search_fidelity": 1, "report_fidelity": 1}
    card |= {"search_metric": "validation", "canonical": False}
    table = Table(card, {("d", 1, "validation"): worth[:, None]}, {}, {("d", "macs"): prices})
    cost = TableCost(table, space, "macs", "d") if column else ChainCost(space, "macs", 0.0, terms)
    low, high = prices.min(), prices.max()
    target = None if target is None else low + target * (high - low)
    lower = None if lower is None else low + lower * (high - low)
    rule = Accuracy() if target is None else Constrained()
    return Problem(space, TableOracle(table, space), [cost], rule, target=target, lower=lower), worth, prices


def best_within(problem, worth, prices):
    return worth[problem.constraint.holds(prices) if problem.constraint is not None else slice(None)].max()


def best_found(problem, result):
    h = result.history
    return h.accuracy[h.feasible].max()


class TestExactness:
    """The programme is exact with a bucket for every cost, if accuracies and costs are sums."""

    @pytest.mark.parametrize("seed", range(12))
    @pytest.mark.parametrize("column", [False, True])
    def test_it_finds_the_optimum_of_an_additive_problem(self, seed, column):
        rng = np.random.default_rng(seed)
        lower = None if seed % 3 else 0.3
        target = None if seed % 4 == 1 else rng.uniform(0.35, 0.9)
        problem, worth, prices = additive_problem(rng, target=target, lower=lower, column=column)
        result = LayerNAS(buckets=10_000).search(problem, budget=200)
        assert result.ended == "agent"
        assert best_found(problem, result) == pytest.approx(best_within(problem, worth, prices))

    @pytest.mark.parametrize("fields", [{"select": "uniform"}, {"select": "softmax"}, {"searches": None}, {"children": 1}])
    @pytest.mark.parametrize("seed", range(3))
    def test_the_order_of_the_visits_does_not_matter_in_the_end(self, fields, seed):
        problem, worth, prices = additive_problem(np.random.default_rng(seed), target=0.5)
        result = LayerNAS(buckets=10_000, **fields).search(problem, budget=200, seed=seed)
        assert best_found(problem, result) == pytest.approx(best_within(problem, worth, prices))

    @pytest.mark.parametrize("seed", range(3))
    def test_on_layers_with_inactive_decisions(self, seed):
        problem, worth, prices = additive_problem(np.random.default_rng(seed), target=0.4, space=DigitsSpace())
        result = LayerNAS(buckets=10_000).search(problem, budget=3_125)
        assert best_found(problem, result) == pytest.approx(best_within(problem, worth, prices))
        assert len(result.history) < 3_125

    @pytest.mark.parametrize(
        "fields", [{"bucket_by": "least-cost"}, {"cut": "decisions"}, {"bucket_by": "least-cost", "cut": "decisions"}]
    )
    @pytest.mark.parametrize("seed", range(4))
    def test_by_least_cost_and_by_decisions(self, fields, seed):
        """Layers have one decision, so cutting them changes nothing.

        The least cost of a sum orders as its cost does.
        """
        problem, worth, prices = additive_problem(np.random.default_rng(seed), target=(0.3, 0.5, 0.8, None)[seed])
        result = LayerNAS(buckets=10_000, **fields).search(problem, budget=200)
        assert best_found(problem, result) == pytest.approx(best_within(problem, worth, prices))

    def test_few_buckets_lose_it(self):
        """One bucket is a greedy walk: the test above would not pass with any number of buckets."""
        lost = 0
        for seed in range(12):
            problem, worth, prices = additive_problem(np.random.default_rng(seed), target=0.5)
            result = LayerNAS(buckets=1).search(problem, budget=200)
            assert len(result.history) <= 12  # three layers of four options, one candidate each
            lost += best_found(problem, result) < best_within(problem, worth, prices) - 1e-9
        assert lost >= 3


class TestFilter:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("limits", [{"target": 0.3}, {"target": 0.7, "lower": 0.5}])
    def test_what_is_evaluated_is_the_default_completion_of_a_prefix_that_can_meet_the_limits(self, seed, limits):
        problem, _, prices = additive_problem(np.random.default_rng(seed), **limits)
        space = problem.space
        low, high = problem.constraint.lower or 0.0, problem.constraint.upper
        everything = space.enumerate()
        archs = LayerNAS().search(problem, budget=200).history.archs
        for arch in archs:
            possible = []
            for fixed in (1, 2, 3):
                if (arch[fixed:] == space.default[fixed:]).all():
                    same = (everything[:, :fixed] == arch[:fixed]).all(axis=1)
                    possible.append(prices[same].min() <= high and prices[same].max() >= low)
            assert any(possible)

    def test_a_child_without_feasible_completion_is_not_evaluated(self):
        # hand-computed: layer 0 costs 1 or 6, layer 1 costs 1 or 6; the limit is 6, so a 6 fits
        # nowhere (6 + 1 > 6)
        space = space_from_description(
            {"name": "s", "decisions": [{"name": n, "role": "op", "choices": ["cheap", "costly"]} for n in ("x", "y")]}
        )
        card = {"name": "t", "space": "s", "datasets": ["d"], "search_fidelity": 1, "report_fidelity": 1}
        card |= {"search_metric": "validation", "canonical": False}
        table = Table(card, {("d", 1, "validation"): np.array([[0.1], [0.7], [0.8], [0.9]])}, {}, {})
        cost = ChainCost(space, "macs", 0.0, [np.array([1.0, 6.0])] * 2)
        problem = Problem(space, TableOracle(table, space), [cost], Constrained(), target=6.0)
        result = LayerNAS().search(problem, budget=10)
        # (cheap, costly) is the first layer's child, over the limit itself but with a cheaper
        # completion; (costly, *) never is
        assert result.history.archs.tolist() == [[0, 1], [0, 0]]
        assert result.best_arch.tolist() == [0, 0]

    def test_without_a_constraint_nothing_is_filtered(self):
        problem, _, _ = additive_problem(np.random.default_rng(0))
        archs = LayerNAS().search(problem, budget=200).history.archs
        assert set(archs[:4, 0].tolist()) == {0, 1, 2, 3}


class TestOrder:
    def test_a_visit_gives_one_layer_all_its_options_and_goes_on_with_the_best_child(self):
        problem, worth, _ = additive_problem(np.random.default_rng(3))
        space = problem.space
        archs = LayerNAS(buckets=10_000).search(problem, budget=10).history.archs
        default = space.default
        assert (archs[:4, 0] == [0, 1, 2, 3]).all()
        assert (archs[:4, 1:] == default[1:]).all()
        first = archs[worth[space.index_of(archs[:4])].argmax()]
        # the option that equals the default was evaluated already and costs nothing
        others = [option for option in range(4) if option != default[1]]
        assert (archs[4:7] == [[first[0], option, default[2]] for option in others]).all()

    def test_children_limits_the_options_of_a_visit(self):
        problem, _, _ = additive_problem(np.random.default_rng(3))
        archs = LayerNAS(children=1).search(problem, budget=2, seed=1).history.archs
        assert archs[0, 0] == archs[1, 0] or (archs[0] != archs[1]).sum() == 1

    def test_a_repeat_is_not_charged_under_a_total_budget(self):
        problem, _, _ = additive_problem(np.random.default_rng(3))
        archs = LayerNAS(buckets=10_000).search(problem, budget=Budget("total", 200)).history.archs
        assert len(np.unique(archs, axis=0)) == len(archs)

    def test_a_bucket_keeps_the_most_accurate(self):
        problem, _, _ = additive_problem(np.random.default_rng(4), target=0.6)
        one, four = (LayerNAS(buckets=5, per_bucket=k).search(problem, budget=64) for k in (1, 4))
        assert len(four.history) > len(one.history)
        assert best_found(problem, four) >= best_found(problem, one)


class TestBuckets:
    @pytest.mark.parametrize("column", [False, True])
    def test_the_range_is_that_of_what_a_layer_can_reach(self, column, monkeypatch):
        problem, _, prices = additive_problem(np.random.default_rng(1), column=column)
        space = problem.space
        rows = space.enumerate()
        first = (rows[:, 1:] == space.default[1:]).all(axis=1)
        second = rows[:, 2] == space.default[2]
        expected = [prices[first], prices[second], prices]
        least, largest = reachable_costs(Ledger(problem, 1), make_steps(space, "layers"))
        assert least == [found.min() for found in expected]
        assert largest == [found.max() for found in expected]
        if not column:  # spaces that cannot be enumerated ask the cost for its bounds
            monkeypatch.setattr("nasgym.spaces.space.ENUMERATION_LIMIT", 10)
            assert reachable_costs(Ledger(problem, 1), make_steps(space, "layers")) == (least, largest)

    def test_buckets_are_of_equal_width_and_the_largest_cost_lies_in_the_last(self):
        problem = tiny_problem()  # costs 1 to 36, each once; the last layer reaches all of them
        bucketize = LayerNAS(buckets=5)._bucketize(Ledger(problem, 1), make_steps(problem.space, "layers"))
        archs = problem.space.enumerate()
        found = np.array(bucketize(2, archs))[:, 0]
        assert (found == np.minimum((problem.costs(archs)["latency_ms@phone"] - 1) // 7, 4)).all()

    def test_buckets_of_options_ignore_their_order(self):
        problem, _, _ = additive_problem(np.random.default_rng(1))
        bucketize = LayerNAS(bucket_by="options")._bucketize(Ledger(problem, 1), make_steps(problem.space, "layers"))
        a, b, c = bucketize(1, np.array([[0, 2, 3], [2, 0, 3], [2, 2, 3]], dtype=np.int8))
        assert a == b != c

    def test_a_problem_without_a_cost_needs_buckets_of_options(self):
        with_cost = tiny_problem()
        problem = Problem(with_cost.space, with_cost.accuracy, [], Accuracy())
        with pytest.raises(InvalidValue, match="bucket_by='options'"):
            LayerNAS().search(problem, budget=5)
        assert len(LayerNAS(bucket_by="options").search(problem, budget=20).history) == 20


class TestCut:
    def test_a_decision_that_is_switched_off_has_one_option(self):
        """Digits' layers are operation, kernel and expansion; a skipped one has only the first."""
        problem, _, _ = additive_problem(np.random.default_rng(0), space=DigitsSpace())
        archs = LayerNAS(cut="decisions", buckets=10_000).search(problem, budget=3_125).history.archs
        space = problem.space
        assert space.is_valid(archs).all()
        assert len(np.unique(archs, axis=0)) == len(archs)
        # a visit to a decision tries its choices, so no two neighbouring rows differ in more than
        # one layer at first
        assert (archs[0] != space.default).sum() <= 3

    @pytest.mark.parametrize("cut", ["layers", "decisions"])
    def test_restrictions_that_leave_out_the_first_choice(self, cut):
        problem, _, _ = additive_problem(np.random.default_rng(0), space=DigitsSpace().restrict({"*.kernel": [5]}))
        history = LayerNAS(cut=cut).search(problem, budget=60).history
        assert problem.space.is_valid(history.archs).all()

    def test_the_cheapest_group_of_least_costs_begins_at_the_cheapest_network_and_the_last_ends_at_the_limit(self):
        problem, _, prices = additive_problem(np.random.default_rng(1), target=0.5)
        ledger = Ledger(problem, 1)
        assert wanted_costs(ledger) == pytest.approx((prices.min(), problem.constraint.upper))
        archs = problem.space.enumerate()
        bucketize = LayerNAS(bucket_by="least-cost", buckets=4)._bucketize(ledger, make_steps(problem.space, "layers"))
        width = (problem.constraint.upper - prices.min()) / 4
        expected = np.clip((prices - prices.min()) // width, 0, 3)
        assert np.array(bucketize(2, archs))[:, 0] == pytest.approx(expected)
        # of the first layer alone: the cheapest of the other two are added
        first = np.array([prices[archs[:, 0] == option].min() for option in archs[:, 0]])
        assert np.array(bucketize(0, archs))[:, 0] == pytest.approx(np.clip((first - prices.min()) // width, 0, 3))


class TestOnceForAll:
    @pytest.mark.long
    def test_ten_thousand_evaluations_within_25_ms(self, imported):
        imported("ofa")
        problem = make_problem("nasgym/OFA-v0", reward="constrained", target=25.0)
        plain, both = (
            LayerNAS(**fields).search(problem, budget=Budget("total", 10_000)).best_accuracy
            for fields in ({}, {"cut": "decisions", "bucket_by": "least-cost"})
        )
        assert plain == pytest.approx(0.80748, abs=1e-5)
        assert both == pytest.approx(0.81775, abs=1e-5)


@pytest.mark.parametrize(
    "fields", [{"buckets": 0}, {"per_bucket": 0}, {"searches": 0}, {"children": 0}, {"temperature": 0.0}, {"buckets": None}]
)
def test_numbers_are_checked(fields):
    with pytest.raises(InvalidValue, match=next(iter(fields))):
        LayerNAS(**fields)


def test_names_are_checked():
    with pytest.raises(UnknownName, match="select"):
        LayerNAS(select="worst")
    with pytest.raises(UnknownName, match="bucket_by"):
        LayerNAS(bucket_by="flops")
    with pytest.raises(UnknownName, match="cut"):
        LayerNAS(cut="stages")


FRACTIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@pytest.fixture(scope="module")
def macro(imported):
    """NAS-Bench-Macro under MACs limits from 30 to 80 percent of the range, by fraction."""
    imported("nas-bench-macro")
    keywords = {"reward": "constrained", "cost": "macs"}
    return {f: make_problem("nasgym/NASBenchMacro-v0", target={"fraction": f, "of": "range"}, **keywords) for f in FRACTIONS}


def regret(problem, history, n):
    """Percentage points to the optimum after n evaluations."""
    return 100 * (problem.optimum().reward - history.reward[:n].max())


class TestNASBenchMacro:
    @pytest.mark.parametrize(("unit", "after"), [("distinct", 89), ("total", 94)])
    def test_the_optimum_at_half_the_range_is_found_early(self, macro, unit, after):
        """A distinct budget counts different networks: 94 encodings are 89 of them here."""
        problem = make_problem("nasgym/NASBenchMacro-v0", reward="constrained", cost="macs")  # its default target
        assert problem.constraint.upper == pytest.approx(56.69e6, rel=1e-3)
        result = LayerNAS().search(problem, budget=Budget(unit, after))
        assert result.best_accuracy == pytest.approx(0.924167, abs=1e-6)
        assert int(result.history.incumbent[-1]) + 1 == after

    def test_regret_over_six_targets(self, macro):
        histories = {f: LayerNAS().search(problem, budget=200).history for f, problem in macro.items()}
        at_100, at_200 = (np.mean([regret(macro[f], h, n) for f, h in histories.items()]) for n in (100, 200))
        assert at_100 == pytest.approx(0.0378, abs=5e-4)
        assert at_200 == pytest.approx(0.0311, abs=5e-4)

    @pytest.mark.long
    def test_it_is_ahead_of_evolution_and_random_search(self, macro):
        def mean_regrets(name, seeds):
            runs = [(p, make_agent(name).search(p, budget=200, seed=seed).history) for p in macro.values() for seed in seeds]
            return np.array([np.mean([regret(problem, history, n) for problem, history in runs]) for n in (100, 200)])

        own = mean_regrets("layernas", [0])  # its default draws nothing: every seed gives the same search
        assert (own < mean_regrets("regularized-evolution", range(20))).all()
        assert (own < mean_regrets("random", range(20))).all()
