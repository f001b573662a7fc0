"""What the benchmark of NATS-Bench topology answers; on the table with every training seed."""

import numpy as np
import pytest

from benchmarks.common import Task, problem_of, search
from benchmarks.nats_topology import DATASETS, ENV_ID, PROTOCOL, _keywords, answer, published_answer
from benchmarks.nb201_trials import play_trials
from nasgym.ledger import Budget


@pytest.fixture(scope="module", autouse=True)
def trials(shared, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASGYM_DATA", "set back after the tests")
        play_trials(tmp_path_factory.mktemp("trials"))
        yield


@pytest.mark.parametrize("agent", PROTOCOL)
def test_seconds_end_a_search_and_the_last_evaluation_may_overshoot(agent):
    keywords = _keywords("cifar10", "sampled")
    task = Task(ENV_ID, keywords, agent, tuple(PROTOCOL[agent].items()), Budget("train_seconds", 3000.0), 1)
    history = search(task).history
    spent = np.cumsum(history.train_seconds)
    assert spent[-2] < 3000 <= spent[-1]
    found = published_answer(task)
    assert found.evaluations == len(history)
    best = problem_of(task).report(history.archs[[history.accuracy.argmax()]])
    assert (found.validation, found.test) == pytest.approx((100 * best.validation_accuracy[0], 100 * best.test_accuracy[0]))


@pytest.mark.parametrize(("dataset", "optimum"), [*zip(DATASETS, (91.607, 73.493, 46.733), strict=True)])
def test_validation_is_that_of_every_seed(dataset, optimum):
    keywords = (*_keywords(dataset), ("fidelity", 200))
    task = Task(ENV_ID, keywords, "layernas", (), Budget("distinct", 300), 0)
    assert answer(task).validation <= optimum + 1e-3
    assert 100 * problem_of(task).optimum().accuracy == pytest.approx(optimum, abs=1e-3)
