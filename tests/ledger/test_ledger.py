"""What evaluations cost, what is free, and what happens at the end of a budget."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from nasgym.errors import BudgetExhausted, InvalidValue, TestMetricsRefused, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.oracles.oracle import Measurements
from tests.ledger.counted_oracle import counted_oracle
from tests.tiny import SIZE, tiny_ledger, tiny_problem, tiny_space, tiny_table

ALL = tiny_space().enumerate()
UNITS = ("distinct", "total", "train_seconds")


# ---- what is charged ---------------------------------------------------------------------------


def test_distinct_repeats_are_free():
    ledger = tiny_ledger(Budget("distinct", 3))
    ledger.evaluate(ALL[[0, 0, 1]])
    assert (ledger.spent, ledger.charges, ledger.proposals) == (2, 2, 3)
    ev = ledger.evaluate(ALL[[1, 0]])
    assert (ledger.spent, ledger.remaining, ledger.proposals, len(ev)) == (2, 1, 5, 2)
    ledger.evaluate(ALL[[0, 2]])
    assert ledger.exhausted
    with pytest.raises(BudgetExhausted, match="budget of 3 distinct is spent"):
        ledger.evaluate(ALL[[0]])
    assert ledger.ended == "budget"
    np.testing.assert_array_equal(ledger.history.archs, ALL[:3])


def test_inactive_decisions_make_no_new_network():
    ledger = tiny_ledger(3)
    ledger.evaluate([[0, 0, 0, 0, 0], [0, 1, 0, 0, 1]])
    assert ledger.charges == 1


def test_isomorphic_networks_are_one_where_the_table_says_so():
    class Swapped(type(tiny_space())):
        def canonical_valid(self, archs):
            return np.where((archs[:, 2] == 1)[:, None] & (np.arange(5) == 2), np.int8(0), archs)

    for canonical, charges in ((True, 1), (False, 2)):
        problem = tiny_problem(table=tiny_table(canonical=canonical))
        problem.space.__class__ = problem.accuracy.space.__class__ = Swapped
        ledger = Ledger(problem, 5)
        ev = ledger.evaluate([[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]])
        assert ledger.charges == charges
        assert (ev.accuracy[0] == ev.accuracy[1]) == canonical


def test_fidelities_are_evaluations_of_their_own():
    ledger = tiny_ledger(5)
    ledger.evaluate(ALL[:1])
    ledger.evaluate(ALL[:1], 4)
    ledger.evaluate(ALL[:1], 1)
    assert ledger.charges == 2
    np.testing.assert_array_equal(ledger.history.fidelity, [1, 4])
    assert ledger.fidelities == (1, 4)


def test_total_charges_repeats():
    ledger = tiny_ledger(Budget("total", 4))
    ledger.evaluate(ALL[[0, 0, 1]])
    assert (ledger.spent, ledger.charges) == (3, 3)
    with pytest.raises(BudgetExhausted):
        ledger.evaluate(ALL[[1, 2]])
    np.testing.assert_array_equal(ledger.history.archs, ALL[[0, 0, 1, 1]])


def test_sampled_seeds_are_drawn_once_under_distinct_and_again_under_total():
    arch = ALL[[2] * 60]  # a row with three seeds
    assert not np.isnan(tiny_table().accuracy["toy", 1, "validation"][2]).any()
    distinct = tiny_ledger(Budget("distinct", 60), seed="sampled")
    assert len(set(distinct.evaluate(arch).accuracy.tolist())) == 1
    assert distinct.evaluate(arch[:1]).accuracy == distinct.history.accuracy
    total = tiny_ledger(Budget("total", 60), seed="sampled")
    drawn = total.evaluate(arch).accuracy.astype(np.float32)
    assert set(drawn.tolist()) == set(tiny_table().accuracy["toy", 1, "validation"][2].tolist())


def test_nothing_is_measured_twice():
    problem = tiny_problem(seed="sampled")
    rows = counted_oracle(problem)
    ledger = Ledger(problem, Budget("total", 200))
    for _ in range(4):
        ledger.evaluate(ALL)
    assert len(rows) == len(set(rows)) <= 3 * SIZE


def test_seconds():
    ledger = tiny_ledger(Budget("train_seconds", 1000))
    seconds = tiny_table().train_seconds["toy", 1].astype(float)
    ev = ledger.evaluate(ALL[[3, 3, 5]])
    np.testing.assert_array_equal(ev.train_seconds, seconds[[3, 3, 5]])
    assert ledger.spent == 2 * seconds[3] + seconds[5]
    np.testing.assert_array_equal(ledger.history.spent, np.cumsum(seconds[[3, 3, 5]]))


def test_the_last_evaluation_may_overshoot_in_seconds():
    seconds = np.cumsum(tiny_table().train_seconds["toy", 1].astype(float))
    amount = float(seconds[4]) + 0.5
    ledger = tiny_ledger(Budget("train_seconds", amount))
    with pytest.raises(BudgetExhausted, match="train_seconds"):
        ledger.evaluate(ALL)
    # the sixth began while half a second was left
    assert ledger.charges == 6
    assert ledger.spent == seconds[5] > amount
    exact = tiny_ledger(Budget("train_seconds", float(seconds[4])))
    with pytest.raises(BudgetExhausted):
        exact.evaluate(ALL)
    assert exact.charges == 5


def test_seconds_of_shared_weights():
    ledger = tiny_ledger(Budget("train_seconds", 100))
    ledger.charge(60.0)
    assert ledger.remaining == 40
    ledger.charge(50.0)
    with pytest.raises(BudgetExhausted):
        ledger.charge(1.0)
    for wrong in (-1.0, float("nan"), float("inf"), True, "3"):
        with pytest.raises(InvalidValue, match="a number of seconds of 0 or more"):
            tiny_ledger(Budget("train_seconds", 5)).charge(wrong)


@pytest.mark.parametrize("unit", ["distinct", "total"])
def test_charged_seconds_are_shown_and_do_not_limit_a_budget_of_evaluations(unit):
    ledger = tiny_ledger(Budget(unit, 4))
    ledger.charge(1000.0)
    seconds = ledger.evaluate(ALL[:3]).train_seconds
    assert ledger.charge(2.5, "simulated") == 2.5
    assert (ledger.spent, ledger.remaining) == (3.0, 1.0)
    assert ledger.charged_seconds == {"simulated": 1002.5}
    np.testing.assert_array_equal(ledger.history.seconds["simulated"], 1000.0 + np.cumsum(seconds))
    assert ledger.seconds == {"simulated": float(np.cumsum(seconds)[-1]) + 1002.5}


def test_seconds_of_two_clocks_are_never_added():
    ledger = tiny_ledger(4)
    seconds = ledger.evaluate(ALL[:2]).train_seconds
    ledger.charge(7.0, "measured")
    ledger.evaluate(ALL[2:3])
    history = ledger.history
    np.testing.assert_array_equal(history.seconds["measured"], [0.0, 0.0, 7.0])
    np.testing.assert_array_equal(history.seconds["simulated"][:2], np.cumsum(seconds))
    assert ledger.seconds["measured"] == 7.0
    limited = tiny_ledger(Budget("train_seconds", 100))
    with pytest.raises(InvalidValue, match="the budget is in simulated seconds, which are not added to measured ones"):
        limited.charge(7.0, "measured")
    with pytest.raises(UnknownName, match="mesured"):
        ledger.charge(7.0, "mesured")


def test_seconds_that_do_not_limit_are_charged_after_the_last_evaluation_too():
    ledger = tiny_ledger(2)
    ledger.evaluate(ALL[:2])
    ledger.charge(1.0)
    ledger.recommend(ALL[5])
    assert ledger.charged_seconds == {"simulated": 1.0}
    assert ledger.answers().seconds["simulated"][-1] == ledger.seconds["simulated"]


def test_seconds_that_the_oracle_does_not_know():
    from dataclasses import replace

    ledger = Ledger(tiny_problem(table=replace(tiny_table(), train_seconds={})), Budget("train_seconds", 5))
    with pytest.raises(InvalidValue, match="'distinct' or 'total'"):
        ledger.evaluate(ALL[:1])
    assert len(ledger.history) == 0


# ---- the end -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["distinct", "total"])
def test_an_overflowing_batch_is_charged_in_row_order(unit):
    ledger = tiny_ledger(Budget(unit, 5))
    ledger.evaluate(ALL[[9]])
    with pytest.raises(BudgetExhausted):
        ledger.evaluate(ALL[[4, 9, 2, 7, 1, 0]])
    wanted = {"distinct": [9, 4, 2, 7, 1], "total": [9, 4, 9, 2, 7]}[unit]
    np.testing.assert_array_equal(ledger.history.archs, ALL[wanted])
    assert ledger.remaining == 0


def test_a_batch_that_fits_exactly_does_not_raise():
    ledger = tiny_ledger(5)
    assert len(ledger.evaluate(ALL[:5])) == 5
    assert ledger.exhausted


def test_an_agent_that_repeats_itself_is_ended():
    ledger = tiny_ledger(Budget("distinct", 10, max_proposals=6))
    ledger.evaluate(ALL[[0, 0, 0, 0]])
    with pytest.raises(BudgetExhausted, match="repeats itself"):
        ledger.evaluate(ALL[[1, 0, 2]])
    assert ledger.ended == "max_proposals"
    assert (ledger.proposals, ledger.charges) == (6, 2)
    assert ledger.exhausted
    np.testing.assert_array_equal(ledger.history.proposals, [1, 5])
    assert Budget("distinct", 10).max_proposals == 200
    assert Budget("train_seconds", 10).max_proposals is None


def test_an_agent_that_only_repeats_itself_is_ended_sooner():
    ledger = tiny_ledger(Budget("distinct", 10, max_repeats=3))
    ledger.evaluate(ALL[[0, 1, 0, 0]])
    ledger.evaluate(ALL[[2, 0]])  # a new one starts the count again
    for _ in range(2):
        ledger.evaluate(ALL[[0]])  # alone: answered without looking at it twice
    assert ledger.exhausted
    with pytest.raises(BudgetExhausted, match="the last 3 of 8 proposed architectures had been evaluated before"):
        ledger.evaluate(ALL[[3]])
    assert ledger.ended == "max_repeats"
    np.testing.assert_array_equal(ledger.history.proposals, [1, 2, 5])


def test_repeats_in_a_row_are_counted_by_row_whatever_the_batches():
    rows = [0, 1, 0, 0, 2, 0, 1, 2, 0, 3, 4]
    ledgers = [tiny_ledger(Budget("distinct", 10, max_repeats=4)) for _ in range(3)]
    for ledger, size in zip(ledgers, (1, 3, 11), strict=True):
        with contextlib.suppress(BudgetExhausted):
            for first in range(0, 11, size):
                ledger.evaluate(ALL[rows[first : first + size]])
        assert (ledger.proposals, ledger.charges, ledger.ended) == (9, 3, "max_repeats")


def test_only_free_repeats_have_a_limit_in_a_row():
    assert [Budget("distinct", amount).max_repeats for amount in (10, 300)] == [100, 900]
    assert Budget("total", 300).max_repeats is None
    with pytest.raises(InvalidValue, match="max_repeats limits repeats that are free, and 'total' charges for them"):
        Budget("total", 300, max_repeats=5)
    with pytest.raises(InvalidValue, match="max_repeats must be at least 1"):
        Budget("distinct", 300, max_repeats=0)


def test_an_empty_batch_costs_nothing():
    ledger = tiny_ledger(2)
    assert len(ledger.evaluate(np.empty((0, 5), dtype=np.int8))) == 0
    assert len(ledger.history) == 0
    ledger.evaluate(ALL[:2])
    assert len(ledger.evaluate(np.empty((0, 5), dtype=np.int8))) == 0
    assert len(ledger.history) == 2


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seed", ["mean", 0])
def test_a_batch_is_its_rows(unit, seed):
    picked = ALL[np.random.default_rng(4).integers(0, SIZE, 40)]
    amount = {"distinct": 15, "total": 25, "train_seconds": 77}[unit]

    def run(size):
        ledger = tiny_ledger(Budget(unit, amount), seed=seed)
        with contextlib.suppress(BudgetExhausted):
            for start in range(0, 40, size):
                ledger.evaluate(picked[start : start + size])
        assert ledger.exhausted
        return ledger.history

    one = run(1)
    for size in (3, 7, 40):
        other = run(size)
        for name in ("archs", "fidelity", "accuracy", "reward", "feasible", "train_seconds", "spent", "incumbent", "proposals"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_a_failed_measurement_charges_nothing_and_makes_nothing_free():
    problem = tiny_problem()
    ledger, measure = Ledger(problem, 5), problem.accuracy.measure

    def fails(archs, fidelity, seeds) -> Measurements:
        raise OSError("the machine is on fire")

    problem.accuracy.measure = fails
    with pytest.raises(OSError, match="on fire"):
        ledger.evaluate(ALL[:2])
    assert (ledger.charges, ledger.spent, len(ledger.history)) == (0, 0, 0)
    problem.accuracy.measure = measure
    ledger.evaluate(ALL[:2])
    assert (ledger.charges, ledger.spent) == (2, 2)


def test_no_budget_no_log():
    ledger = tiny_ledger(None, seed="sampled")
    np.testing.assert_array_equal(
        ledger.evaluate(ALL).accuracy, tiny_problem(seed="sampled").evaluate(ALL, rng=np.random.default_rng(0)).accuracy
    )
    assert not ledger.exhausted
    assert ledger.remaining == np.inf
    assert len(ledger.history) == 0


# ---- the log -----------------------------------------------------------------------------------


def test_history_by_hand():
    ledger = tiny_ledger(6)
    order = [5, 5, 9, 1, 9, 30, 12]
    for row in order:
        ledger.evaluate(ALL[[row]])
    ev = tiny_problem().evaluate(ALL[[5, 9, 1, 30, 12]])
    history = ledger.history
    np.testing.assert_array_equal(history.archs, ALL[[5, 9, 1, 30, 12]])
    np.testing.assert_array_equal(history.reward, ev.reward)
    np.testing.assert_array_equal(history.accuracy, ev.accuracy)
    np.testing.assert_array_equal(history.costs["energy_mj"], ev.costs["energy_mj"])
    np.testing.assert_array_equal(history.spent, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(history.proposals, [1, 3, 4, 6, 7])
    np.testing.assert_array_equal(history.incumbent, [int(ev.reward[: i + 1].argmax()) for i in range(5)])


def test_the_first_of_equals_stays_the_incumbent():
    ledger = tiny_ledger(Budget("total", 5))
    best = int(tiny_problem().everything.reward.argmax())
    ledger.evaluate(ALL[[0, best, best, 0]])
    np.testing.assert_array_equal(ledger.history.incumbent, [0, 1, 1, 1])


def test_history_without_evaluations():
    history = tiny_ledger(3).history
    assert len(history) == 0
    assert history.archs.shape == (0, 5)
    assert set(history.costs) == {"latency_ms@phone", "energy_mj"}


# ---- what agents may not know ------------------------------------------------------------------


def test_test_metrics_are_refused():
    ledger = tiny_ledger(3)
    with pytest.raises(TestMetricsRefused, match="after the search"):
        ledger.report(ALL[:1])
    with pytest.raises(TestMetricsRefused, match="not its problem"):
        _ = ledger.problem


def test_what_agents_know():
    problem = tiny_problem(target=20.0)
    ledger = Ledger(problem, 3)
    assert ledger.space is problem.space
    assert ledger.constraint == problem.constraint
    assert ledger.objectives == problem.objectives
    assert ledger.invalid_reward == problem.invalid_reward
    assert ledger.search_fidelity == 1
    np.testing.assert_array_equal(ledger.costs(ALL)["energy_mj"], problem.costs(ALL)["energy_mj"])
    np.testing.assert_array_equal(ledger.cost_bounds(ALL), problem.cost_bounds(ALL))
    assert ledger.charges == 0


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, -1, 2.5, float("nan"), float("inf"), True, "3", None])
def test_budgets_are_positive_whole_numbers(amount):
    with pytest.raises(InvalidValue, match=r"for example Budget\('distinct', 300\)"):
        Budget("distinct", amount)


def test_budget_errors_teach():
    with pytest.raises(UnknownName, match="Did you mean 'train_seconds'"):
        Budget("seconds", 3)
    with pytest.raises(InvalidValue, match="max_proposals"):
        Budget("total", 3, 0)
    with pytest.raises(UnknownName, match="Did you mean 'amount'"):
        Budget.of({"unit": "total", "amont": 3})
    with pytest.raises(InvalidValue, match="'unit' and 'amount'"):
        Budget.of({"unit": "total"})
    assert Budget.of({"unit": "total", "amount": 3}) == Budget("total", 3)
    assert Budget.of(3) == Budget("distinct", 3)
    assert Budget("train_seconds", 2.5).amount == 2.5


def test_bad_architectures_cost_nothing():
    ledger = tiny_ledger(3)
    with pytest.raises(InvalidValue):
        ledger.evaluate([[0, 0, 9, 0, 0]])
    with pytest.raises(UnknownName, match="fidelity"):
        ledger.evaluate(ALL[:1], 3)
    assert (ledger.charges, ledger.proposals) == (0, 0)
