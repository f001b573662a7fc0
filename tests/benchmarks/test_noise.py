"""Answers to noisy searches; on Digits, whose table comes with the package."""

import numpy as np
import pytest

from benchmarks.noise import AGENTS, ANSWERS, EVALUATIONS, FINALISTS, judge, posterior_best, tasks_of, trained_again
from nasgym.agents import make_agent
from nasgym.ledger import Budget
from nasgym.problems.factory import make_problem


@pytest.fixture(scope="module")
def noisy():
    problem = make_problem("nasgym/Digits-v0", seed="sampled")
    return problem, make_agent("random", reject=True).search(problem, budget=Budget("distinct", 150), seed=0).history


def test_without_noise_there_is_one_answer_and_it_has_no_surprise():
    tasks = [task for task in tasks_of("digits", 1) if task.label == "random|mean"]
    found = judge(tasks[1])
    assert list(found.regret) == ["incumbent"]
    early, late = found.regret["incumbent"]
    assert early >= late >= 0


def test_noise_gives_three_answers_for_each_budget():
    tasks = [task for task in tasks_of("digits", 1) if task.label == "layernas|sampled"]
    found = judge(tasks[1])
    assert tuple(found.regret) == ANSWERS
    assert all(len(regret) == len(EVALUATIONS) and min(regret) >= 0 for regret in found.regret.values())


def test_a_posterior_mean_is_better_than_the_luckiest_training(noisy):
    problem, history = noisy
    gains = []
    for rows in range(60, 151, 10):
        row = posterior_best(problem, history, rows)
        assert row < rows
        assert history.feasible[row]
        archs = np.stack([history.archs[row], history.archs[history.incumbent[rows - 1]]])
        mine, luckiest = problem.mean_rewards(archs)
        gains.append(mine - luckiest)
    assert np.mean(gains) >= 0


def test_finalists_are_the_best_and_their_further_trainings_decide(noisy):
    problem, history = noisy
    finalists = history.archs[np.argsort(-history.reward[:90], kind="stable")[:FINALISTS]]
    chosen = {trained_again(problem, history, 90, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert chosen <= {row.tobytes() for row in finalists}
    true = {row.tobytes(): worth for row, worth in zip(finalists, problem.mean_rewards(finalists), strict=True)}
    # three further trainings find better than a typical finalist
    assert np.mean([true[row] for row in chosen]) > np.mean(list(true.values()))


def test_all_agents_play_both_cases():
    for agent, hyper in AGENTS.values():
        make_agent(agent, **hyper)
    assert {task.label for task in tasks_of("topology", 1)} == {
        f"{label}|{drawn}" for label in AGENTS for drawn in ("mean", "sampled")
    }
