"""Incumbents, recommendations and what is known of them, by hand and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.errors import InvalidValue
from nasgym.ledger import Budget, Ledger
from nasgym.ledger.answers import incumbents, incumbents_of_means, running_means
from tests.tiny import tiny_ledger, tiny_problem, tiny_space

ALL = tiny_space().enumerate()
ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40)


def arrays(rows):
    """Rewards in sixteenths, which add up exactly; networks; fidelities of 0 to 2 epochs."""
    reward, network, fidelity = (np.array(column) for column in zip(*rows, strict=True))
    return reward / 16.0, [bytes([n]) for n in network], fidelity


@given(ROWS)
def test_the_incumbent_is_the_first_best_row_of_the_highest_fidelity_so_far(rows):
    reward, _, fidelity = arrays(rows)
    found = incumbents(reward, fidelity)
    for now in range(len(reward)):
        counted = [row for row in range(now + 1) if fidelity[row] == fidelity[: now + 1].max()]
        assert found[now] == max(counted, key=lambda row: (reward[row], -row))


@given(ROWS)
def test_with_noise_a_network_is_worth_the_mean_of_its_draws(rows):
    reward, forms, fidelity = arrays(rows)
    means, firsts = running_means(reward, forms, fidelity)
    found = incumbents_of_means(means, firsts, fidelity)
    for now in range(len(reward)):
        high = fidelity[: now + 1].max()
        draws: dict[bytes, list[int]] = {}
        for row in range(now + 1):
            if fidelity[row] == high:
                draws.setdefault(forms[row], []).append(row)
        worth = {form: np.mean(reward[own]) for form, own in draws.items()}
        best = max(worth.values())
        own = draws[forms[found[now]]]
        assert worth[forms[found[now]]] == pytest.approx(best, abs=1e-12)
        assert found[now] == own[-1]
        assert means[found[now]] == pytest.approx(best, abs=1e-12)
        assert firsts[found[now]] == own[0]


def test_a_short_training_never_beats_a_long_one():
    ledger = tiny_ledger(10)
    short = ledger.evaluate(ALL[:6], fidelity=1)
    long = ledger.evaluate(ALL[[0, 4]], fidelity=4)
    assert short.reward.max() > long.reward.max()  # else this would show nothing
    assert int(ledger.history.incumbent[-1]) == 6 + int(long.reward.argmax())
    assert ledger.answers().reward[-1] == long.reward.max()


def test_the_luckiest_draw_is_no_answer():
    """A network whose first draw was lucky yields when its other draws are known."""
    problem = tiny_problem(seed="sampled")
    means = problem.everything.reward
    ledger = Ledger(problem, Budget("total", 1000), seed=3)
    order = np.argsort(means)
    close = ALL[order[-6:]]
    first = ledger.evaluate(close)
    for _ in range(60):
        ledger.evaluate(close)
    history, answers = ledger.history, ledger.answers()
    last = [history.reward[row::6].mean() for row in range(6)]
    assert answers.archs[-1].tolist() == close[int(np.argmax(last))].tolist()
    assert answers.reward[-1] == pytest.approx(max(last))
    assert history.reward.max() > max(last)
    assert first.reward.max() in answers.reward  # it was the answer for a while


def test_answers_of_a_plain_search_are_its_incumbents():
    ledger = tiny_ledger(20)
    ledger.evaluate(ALL[np.random.default_rng(0).permutation(36)[:20]])
    history, answers = ledger.history, ledger.answers()
    rows = np.unique(history.incumbent)
    np.testing.assert_array_equal(answers.archs, history.archs[rows])
    np.testing.assert_array_equal(answers.evaluations, rows + 1)
    np.testing.assert_array_equal(answers.observed, rows)
    np.testing.assert_array_equal(answers.reward, history.reward[rows])
    np.testing.assert_array_equal(answers.seconds["simulated"], np.cumsum(history.train_seconds)[rows])
    assert answers.recommended == 0


def test_recommendations_take_the_place_of_incumbents_by_hand():
    ledger = tiny_ledger(20)
    seconds = ledger.evaluate(ALL[:3]).train_seconds
    ledger.charge(100.0)
    ledger.recommend(ALL[7])  # not evaluated
    later = ledger.evaluate(ALL[[9, 7]])
    ledger.recommend(ALL[[9]])
    ledger.evaluate(ALL[[12]])
    history, answers = ledger.history, ledger.answers()
    shown = np.unique(history.incumbent[:3])
    np.testing.assert_array_equal(answers.archs, [*history.archs[shown], ALL[7], ALL[9]])
    np.testing.assert_array_equal(answers.evaluations, [*(shown + 1), 3, 5])
    # what is known of ALL[7] when ALL[9] takes its place: it was evaluated meanwhile
    np.testing.assert_array_equal(answers.observed, [*shown, 4, 3])
    np.testing.assert_array_equal(answers.reward[-2:], later.reward[[1, 0]])
    before = float(np.cumsum(seconds)[-1])
    after = before + float(later.train_seconds.sum()) + 100.0
    np.testing.assert_allclose(answers.seconds["simulated"][-2:], [before + 100.0, after])
    assert answers.recommended == 2


def test_what_was_never_evaluated_is_worth_nobody_knows_what():
    ledger = tiny_ledger(5)
    ledger.recommend(ALL[3])
    answers = ledger.answers()
    assert np.isnan(answers.reward).all()
    assert np.isnan(answers.accuracy).all()
    assert answers.observed.tolist() == [-1]
    assert (ledger.spent, ledger.proposals, ledger.charges) == (0.0, 0, 0)


def test_a_recommendation_is_one_valid_architecture():
    ledger = tiny_ledger(5)
    for wrong in (ALL[:2], ALL[0, :3], 3):
        with pytest.raises(InvalidValue, match="one architecture of 5 decisions is recommended"):
            ledger.recommend(wrong)
    with pytest.raises(InvalidValue):
        ledger.recommend(np.full(5, -1, dtype=np.int8))
    restricted = Ledger(tiny_problem(restrict={"b.width": [8]}), 5)
    with pytest.raises(InvalidValue, match="does not allow"):
        restricted.recommend(np.array([0, 0, 2, 0, 0], dtype=np.int8))
    assert len(ledger.answers()) == 0


def test_inactive_decisions_of_a_recommendation_are_cleared():
    ledger = tiny_ledger(5)
    ledger.recommend(np.array([0, 1, 0, 0, 1], dtype=np.int8))
    assert ledger.answers().archs[-1].tolist() == [0, 0, 0, 0, 0]
