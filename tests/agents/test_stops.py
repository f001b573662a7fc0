"""Every agent on spaces whose architectures end at a stop, and what is particular to some."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.agents.common.feasible import walk_feasible
from nasgym.agents.layernas import LayerNAS
from nasgym.agents.layernas_steps import make_steps
from nasgym.agents.local_search import LocalSearch
from nasgym.agents.reinforce import Hyperparameters, _IndependentPolicy
from nasgym.envs.env import NASEnv
from nasgym.errors import InvalidValue
from nasgym.ledger import Budget, Ledger
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.table import TableCost
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem
from nasgym.registry import AGENTS
from nasgym.rewards import Accuracy, Constrained
from nasgym.spaces.described import space_from_description
from nasgym.surrogates.features import ArchFeatures
from nasgym.tables.table_file import Table, write_table
from nasgym.tables.table_folder import table_path
from tests.stopping import CHAIN, STOPPING, stopping_problem, stopping_table

# what an agent needs beside its defaults to be itself within 60 evaluations
SMALL = {"nsga2": {"population": 8}, "ofa-evolution": {"population": 12}, "regularized-evolution": {"population": 12}}


@pytest.mark.parametrize("name", AGENTS.builtin)
@pytest.mark.parametrize("space", STOPPING)
def test_every_agent_searches_architectures_of_different_length(name, space):
    histories = []
    for _ in range(2):
        problem = stopping_problem(space, rule=Constrained(), target=0.8)
        result = make_agent(name, **SMALL.get(name, {})).search(problem, budget=Budget("total", 60), seed=3)
        histories.append(result.history)
        assert result.best_reward == result.history.reward.max()
    archs = histories[0].archs
    assert problem.space.is_valid(archs).all()
    assert len(set(problem.space.lengths(archs).tolist())) > 1
    np.testing.assert_array_equal(archs, histories[1].archs)


@pytest.mark.parametrize("name", AGENTS.builtin)
@pytest.mark.parametrize("space", STOPPING)
def test_a_space_that_is_used_up_is_survived(name, space):
    problem = stopping_problem(space)
    result = make_agent(name, **SMALL.get(name, {})).search(problem, budget=Budget("distinct", 240, max_proposals=400), seed=0)
    assert len(result.history) <= problem.space.size
    assert problem.optimum().reward >= result.best_reward


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("regularized-evolution", {"mutation": "choice", "population": 12, "edits": 2.0}),
        ("regularized-evolution", {"population": 12, "reject": True, "draw": "feasible"}),
        ("local-search", {"query_full_neighbourhood": True}),
        ("reinforce", {"policy": "independent"}),
        ("ppo", {"mask": "feasible"}),
        ("layernas", {"cut": "decisions", "bucket_by": "least-cost"}),
        ("layernas", {"bucket_by": "options"}),
    ],
)
@pytest.mark.parametrize("space", STOPPING)
def test_other_hyper_parameters(space, name, fields):
    problem = stopping_problem(space, rule=Constrained(), target=0.5)
    result = make_agent(name, **fields).search(problem, budget=Budget("total", 60), seed=1)
    assert problem.space.is_valid(result.history.archs).all()
    if fields.get("mask") == "feasible" or fields.get("reject"):
        assert result.history.feasible.all()


@pytest.mark.parametrize("space", STOPPING)
def test_the_mutation_of_nats_bench_is_refused_by_name(space):
    agent = make_agent("regularized-evolution", mutation="nats-bench", population=5)
    with pytest.raises(InvalidValue, match=f"not for '{space}'"):
        agent.search(stopping_problem(space), budget=20)


@pytest.mark.parametrize("space", STOPPING)
def test_feasible_walks_end_at_stops(space):
    problem = stopping_problem(space, rule=Constrained(), target=0.3)
    archs = walk_feasible(Ledger(problem, 10), np.random.default_rng(0), 200)
    assert problem.space.is_valid(archs).all()
    assert problem.evaluate(archs).feasible.all()
    assert problem.space.ended(archs).any()


@pytest.mark.parametrize("space", STOPPING)
def test_a_climb_ends_where_no_neighbour_of_any_length_is_better(space):
    problem = stopping_problem(space)
    history = LocalSearch(starts=1, query_full_neighbourhood=True).search(problem, budget=Budget("total", 400), seed=2).history
    top = history.archs[history.reward.argmax()]
    around, _ = problem.space.neighbours(top[None])
    if len(history) < problem.space.size:
        assert problem.evaluate(around).reward.max() <= history.reward.max()


class TestGradients:
    """What stands after a stop adds nothing to a gradient."""

    @pytest.mark.parametrize("space", STOPPING)
    def test_of_independent_logits(self, space):
        """Batch by batch against sums over the decisions up to each architecture's end."""
        built = STOPPING[space]()
        policy = _IndependentPolicy(built, np.random.default_rng(0), Hyperparameters(16, 0.05, 0.3, "percent"))
        advantages = np.random.default_rng(1).normal(size=16)
        archs = policy.sample(16)
        wanted = np.zeros_like(policy.logits)
        for arch, advantage in zip(archs, advantages, strict=True):
            for t in range(built.lengths(arch[None])[0]):
                legal = np.flatnonzero(built.mask(arch[None], t)[0])
                p = np.exp(policy.logits[t, legal]) / np.exp(policy.logits[t, legal]).sum()
                slope = advantage * (p - (legal == arch[t])) + 0.3 * p * (np.log(p) - (p * np.log(p)).sum())
                wanted[t, legal] += slope / 16
        assert len(set(built.lengths(archs).tolist())) > 1
        np.testing.assert_allclose(policy.gradient(advantages), wanted, atol=1e-12)


@pytest.mark.parametrize("space", STOPPING)
def test_ppo_scales_the_rewards_of_what_has_ended_only(space):
    pytest.importorskip("sb3_contrib")
    from nasgym.agents import ppo

    seen = []

    class Watched(ppo.RewardScale):
        def __call__(self, rewards):
            seen.extend(rewards.tolist())
            return super().__call__(rewards)

    problem = stopping_problem(space)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ppo, "RewardScale", Watched)
        history = ppo.PPO().search(problem, budget=Budget("total", 60), seed=0).history
    # in single precision; the last batch may overflow the budget and never be scaled
    np.testing.assert_allclose(seen, history.reward[: len(seen)], rtol=1e-6)
    assert len(seen) > 40


class TestNSGA2:
    @pytest.mark.parametrize("space", STOPPING)
    def test_options_that_are_not_reached_are_kept(self, space):
        problem = stopping_problem(space)
        agent = make_agent("nsga2", population=100)
        ledger = Ledger(problem, Budget("total", 100))
        agent.start(ledger, np.random.default_rng(0))
        archs = agent.ask()
        asked = agent._asked.copy()
        unreached = ~problem.space.stops.reached(archs)
        assert (asked[unreached] > 0).any()
        agent.tell(archs, ledger.evaluate(archs))
        survivors = agent._algorithm.pop.get("X")
        np.testing.assert_array_equal(np.unique(survivors, axis=0), np.unique(asked, axis=0))
        np.testing.assert_array_equal(problem.space.from_options(asked), archs)

    @pytest.mark.parametrize("space", STOPPING)
    def test_it_proposes_no_architecture_twice(self, space):
        history = (
            make_agent("nsga2", population=10).search(stopping_problem(space), budget=Budget("total", 100), seed=1).history
        )
        assert len(np.unique(history.archs, axis=0)) == len(history)


def additive(space, seed, *, target):
    """Costs, whole numbers, and accuracies that are sums over the layers that are reached."""
    built, rng = STOPPING[space](), np.random.default_rng(seed)
    options, reached = built.to_options(built.enumerate()), built.stops.reached(built.enumerate())
    prices, worth = np.zeros(built.size), np.zeros(built.size)
    for i, layer in enumerate(built.layers):
        price = rng.integers(1, 40, layer.count)
        gain = (price / 40 + rng.random(layer.count)) / (2 * len(built.layers))
        prices += np.where(reached[:, i], price[options[:, i]], 0)
        worth += np.where(reached[:, i], gain[options[:, i]], 0.0)
    plain = stopping_table(built)
    table = Table(
        {**plain.card, "report_fidelity": 1}, {("toy", 1, "validation"): worth[:, None]}, {}, {("toy", "macs"): prices}
    )
    limit = None if target is None else float(np.quantile(prices, target))
    rule = Accuracy() if target is None else Constrained()
    return Problem(built, TableOracle(table, built), [TableCost(table, built, "macs", "toy")], rule, target=limit), worth


class TestLayerNAS:
    @pytest.mark.parametrize("fields", [{}, {"bucket_by": "least-cost"}, {"searches": None, "select": "uniform"}])
    @pytest.mark.parametrize("target", [None, 0.05, 0.3, 0.7])
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("space", STOPPING)
    def test_it_is_exact_with_a_bucket_for_every_cost(self, space, seed, target, fields):
        problem, worth = additive(space, seed, target=target)
        result = LayerNAS(buckets=100_000, **fields).search(problem, budget=Budget("total", 5000), seed=seed)
        assert result.ended == "agent"
        feasible = result.history.feasible
        assert result.history.accuracy[feasible].max() == pytest.approx(worth[problem.everything.feasible].max(), abs=1e-6)

    def test_a_default_that_stops_has_layers_after_it(self):
        description = copy.deepcopy(CHAIN) | {"default": ["conv", 5, "flat", 8, "relu", "stop", "none", 1]}
        space = space_from_description(description)
        assert space.to_str(space.default[None]) == ["conv:5,flat"]
        steps = make_steps(space, "layers")
        # what stands after the stop layer of the default: its last options
        archs = np.repeat(space.default[None], 3, axis=0)
        archs[:, steps[1].columns.start :] = steps[1].fill
        archs[:, steps[1].columns] = steps[1].options
        archs = space.clear_inactive(archs)
        assert space.is_valid(archs).all()
        assert space.to_str(archs) == ["conv:5,go,24:swish,go,conv:5", "conv:5,pool", "conv:5,flat"]


@pytest.mark.parametrize("space", STOPPING)
def test_features_of_what_is_not_reached_are_missing(space):
    built = STOPPING[space]()
    features, archs = ArchFeatures(built), built.enumerate()
    matrix = features.matrix(archs)
    assert len(np.unique(np.nan_to_num(matrix, nan=-1), axis=0)) == built.size
    gone = ~built.active(archs)[:, features.decisions]
    assert set(np.unique(np.nan_to_num(matrix[gone], nan=-1)).tolist()) <= {-1.0, 0.0}


def test_a_table_of_ones_own_is_played_and_searched(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    table = stopping_table(STOPPING["chain"]())
    write_table(table, table_path(table.name))
    problem = make_problem("nasgym/Table-v0", table=table.name, cost="latency_ms@phone", reward="constrained")
    assert problem.space.fingerprint == STOPPING["chain"]().fingerprint
    found = make_agent("random").search(problem, budget=152, seed=0)
    assert found.best_reward <= problem.optimum().reward
    env = NASEnv("nasgym/Table-v0", table=table.name)
    env.reset()
    env.step(2)
    env.step(0)
    *_, terminated, _, info = env.step(1)
    assert terminated
    assert info["arch"] == "conv:3,pool"
