"""Answers from a table: means, fixed and sampled seeds with holes, fidelities, cost bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.table import TableCost
from nasgym.oracles.oracle import AccuracyOracle, CostOracle
from tests.tiny import SIZE, completions_of, partial_archs, tiny_space, tiny_table

ROWS = np.arange(SIZE)


def oracle_of(seed="mean", **options) -> TableOracle:
    return TableOracle(tiny_table(), tiny_space(), seed=seed, **options)


def ask(oracle, archs=None, fidelity=1, rng=None):
    archs = oracle.space.enumerate() if archs is None else archs
    return oracle.measure(archs, fidelity, oracle.draw_seeds(archs, fidelity, rng or np.random.default_rng(0)))


def test_mean_ignores_holes():
    found = ask(oracle_of())
    for split in ("validation", "test"):
        values = tiny_table().accuracy["toy", 1, split].astype(np.float64)
        np.testing.assert_allclose(getattr(found, split), np.nanmean(values, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(found.train_seconds, tiny_table().train_seconds["toy", 1])


def test_fixed_seed_is_a_column():
    found = ask(oracle_of(0))
    np.testing.assert_array_equal(found.validation, tiny_table().accuracy["toy", 1, "validation"][:, 0])


def test_fixed_seed_with_holes_is_refused():
    with pytest.raises(DataError, match=r"12 of 36 architectures .* seed column 2 for 1 epochs"):
        oracle_of(2)


def test_fixed_seed_with_holes_at_another_fidelity_is_refused():
    table = tiny_table()
    full = {key: values if key[1] == 4 else np.nan_to_num(values, nan=0.5) for key, values in table.accuracy.items()}
    oracle = TableOracle(replace(table, accuracy=full), tiny_space(), seed=2)
    assert len(ask(oracle).validation) == SIZE
    with pytest.raises(DataError, match="seed column 2 for 4 epochs"):
        ask(oracle, fidelity=4)


def test_sampled_seeds_are_those_that_are_there():
    oracle, values = oracle_of("sampled"), tiny_table().accuracy["toy", 1, "validation"]
    rng, archs, seen = np.random.default_rng(0), oracle.space.enumerate(), [set() for _ in ROWS]
    for _ in range(200):
        seeds = oracle.draw_seeds(archs, 1, rng)
        found = oracle.measure(archs, 1, seeds)
        np.testing.assert_array_equal(found.validation, values[ROWS, seeds])
        for row, seed in enumerate(seeds.tolist()):
            seen[row].add(seed)
    assert seen == [set(np.flatnonzero(~np.isnan(row)).tolist()) for row in values]


def test_sampled_seeds_depend_on_the_generator_alone():
    oracle = oracle_of("sampled")
    archs = oracle.space.sample(np.random.default_rng(1), 50)
    one, other, third = (oracle.draw_seeds(archs, 1, np.random.default_rng(s)) for s in (5, 5, 6))
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


@pytest.mark.parametrize("seed", ["mean", "sampled", 0])
def test_batches_are_rows(seed):
    oracle = oracle_of(seed)
    archs = oracle.space.sample(np.random.default_rng(1), 20)
    seeds = oracle.draw_seeds(archs, 1, np.random.default_rng(2))
    batch = oracle.measure(archs, 1, seeds)
    rows = [oracle.measure(archs[i : i + 1], 1, seeds[i : i + 1]) for i in range(20)]
    for name in ("validation", "test", "train_seconds"):
        np.testing.assert_array_equal(getattr(batch, name), np.concatenate([getattr(row, name) for row in rows]))


def test_mixed_seeds_and_means():
    oracle, table = oracle_of(), tiny_table()
    archs = oracle.space.enumerate()[:2]
    found = oracle.measure(archs, 1, np.array([-1, 0]))
    values = table.accuracy["toy", 1, "validation"].astype(np.float64)
    np.testing.assert_allclose(found.validation, [np.nanmean(values[0]), values[1, 0]], rtol=1e-12)


def test_seconds_of_each_seed():
    table = tiny_table()
    wide = np.arange(SIZE * 3, dtype=np.float32).reshape(SIZE, 3)
    wide[0] = np.nan
    oracle = TableOracle(replace(table, train_seconds={("toy", 1): wide}), tiny_space(), seed=0)
    np.testing.assert_array_equal(ask(oracle).train_seconds[1:], wide[1:, 0])
    mean = ask(TableOracle(oracle.table, tiny_space())).train_seconds
    np.testing.assert_array_equal(mean[1:], wide[1:, 1])
    assert np.isnan(mean[0])
    assert np.isnan(ask(oracle, fidelity=4).train_seconds).all()


def test_report_is_the_mean_at_full_fidelity():
    found = oracle_of("sampled").report(tiny_space().enumerate())
    values = tiny_table().accuracy["toy", 4, "test"].astype(np.float64)
    np.testing.assert_allclose(found.test, np.nanmean(values, axis=1), rtol=1e-12)


def test_a_fidelity_without_the_search_metric_is_for_reports_only():
    table = tiny_table()
    kept = {key: values for key, values in table.accuracy.items() if key != ("toy", 4, "validation")}
    oracle = TableOracle(replace(table, accuracy=kept), tiny_space())
    assert oracle.fidelities == (1,)
    assert not np.isnan(oracle.report(tiny_space().enumerate()).test).any()
    with pytest.raises(UnknownName, match=r"fidelity .* 4"):
        ask(oracle, fidelity=4)
    with pytest.raises(UnknownName, match=r"fidelity .* 4"):
        TableOracle(oracle.table, tiny_space(), search_fidelity=4)


def test_tables_without_validation_search_the_test_split():
    table = tiny_table()
    kept = {key: values for key, values in table.accuracy.items() if key[2] == "test"}
    oracle = TableOracle(replace(table, accuracy=kept, card={**table.card, "search_metric": "test"}), tiny_space())
    assert oracle.search_metric == "test"
    found = ask(oracle)
    assert np.isnan(found.validation).all()
    assert not np.isnan(found.test).any()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"dataset": "toi"}, UnknownName, "Did you mean 'toy'"),
        ({"search_fidelity": 2}, UnknownName, "Known: 1, 4"),
        ({"search_fidelity": 0}, UnknownName, "Known: 1, 4"),
        ({"seed": 3}, UnknownName, "Known: mean, sampled, 0, 1, 2"),
        ({"seed": -1}, UnknownName, "training seed"),
        ({"seed": True}, UnknownName, "training seed"),
        ({"seed": "meen"}, UnknownName, "Did you mean 'mean'"),
    ],
)
def test_errors_teach(options, error, says):
    with pytest.raises(error, match=says):
        TableOracle(tiny_table(), tiny_space(), **options)


def test_a_table_of_another_space_is_refused():
    with pytest.raises(DataError, match="36 rows, space 'tiny' has 12"):
        TableOracle(tiny_table(), tiny_space().restrict({"b.width": [8]}))


def test_measure_refuses_what_is_not_there():
    oracle = oracle_of()
    with pytest.raises(UnknownName, match="Known: 1, 4"):
        oracle.measure(oracle.space.enumerate()[:1], 3, np.array([-1]))
    with pytest.raises(InvalidValue):
        oracle.measure(np.full((1, 5), -1, dtype=np.int8), 1, np.array([-1]))


# ---- costs -------------------------------------------------------------------------------------


def cost_of(narrow: bool) -> TableCost:
    cost = TableCost(tiny_table(), tiny_space(), "latency_ms@phone", "toy")
    return cost.narrow(tiny_space().restrict({"a.kernel": [5], "c.op": ["conv", "none"]})) if narrow else cost


@pytest.mark.parametrize("narrow", [False, True])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_bounds_are_those_of_all_completions(narrow, seed):
    cost = cost_of(narrow)
    archs = partial_archs(cost.space, np.random.default_rng(seed), 6, prefixes=True)
    values = cost.cost(cost.space.enumerate())
    for arch, least, largest in zip(archs, *cost.bounds(archs), strict=True):
        within = values[completions_of(cost.space, arch)]
        assert (least, largest) == (within.min(), within.max())


def test_narrowing_keeps_costs():
    part, whole = cost_of(True), cost_of(False)
    whole.bounds(np.full((1, 5), -1, dtype=np.int8))  # fills what narrow() must not take along
    again = whole.narrow(part.space)
    archs = part.space.enumerate()
    np.testing.assert_array_equal(part.cost(archs), whole.cost(archs))
    np.testing.assert_array_equal(again.bounds(archs)[0], whole.cost(archs))
    assert whole.cost(tiny_space().enumerate()).tolist() == tiny_table().costs["toy", "latency_ms@phone"].tolist()


def test_cost_errors_teach():
    with pytest.raises(UnknownName, match="Did you mean 'energy_mj'"):
        TableCost(tiny_table(), tiny_space(), "energy", "toy")
    table = tiny_table()
    holes = {**table.costs, ("*", "energy_mj"): np.where(ROWS < 5, np.nan, 1.0)}
    with pytest.raises(DataError, match="not measured for 5 architectures"):
        TableCost(replace(table, costs=holes), tiny_space(), "energy_mj", "toy")
    with pytest.raises(InvalidValue, match="after an open one"):
        cost_of(False).bounds(np.array([[-1, -1, 0, 0, 0]], dtype=np.int8))


def test_promises_are_kept():
    assert isinstance(oracle_of(), AccuracyOracle)
    assert isinstance(cost_of(False), CostOracle)
    assert oracle_of().fingerprint != TableOracle(tiny_table(shift=0.05), tiny_space()).fingerprint
