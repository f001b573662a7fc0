"""Trainings whose fingerprint was another one: the list, and stores made before."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.compare.comparison import default_folder, former_folder, plan_comparison
from nasgym.errors import DataError
from nasgym.ledger import Budget, Ledger
from nasgym.ledger.former_oracles import former_names, former_oracles
from nasgym.ledger.store import Store
from nasgym.oracles.accuracy.training import training_oracle
from nasgym.problems.factory import make_problem
from nasgym.registry import SPACES
from nasgym.spaces.digits import DigitsSpace

# as trainings were called at commit ee40575, by `training_oracle(space).fingerprint`
FORMER = {
    "digits": "training:e7b229a696d88baf",
    "ofa": "training:0494f9103b2464b6",
    "proxylessnas": "training:8b0dd710a50a6423",
    "mnasnet": "training:14f1f4fd204825f1",
    "mobilenetv3": "training:69d874ae260754d7",
    "moga": "training:5d5c6fd0ef1cd7bc",
    "fairnas": "training:f61b85ba35a22087",
    "tunas": "training:9fde158a3ab1ec8c",
}
# of the Digits problem with accuracy="training", by `python -m benchmarks.identity` at that commit
FORMER_PROBLEM = "9a0639efdcf4c7d0"


@pytest.mark.parametrize("space", FORMER)
def test_the_list_leads_from_the_former_fingerprint_to_the_present_one(space):
    now = training_oracle(SPACES.load(space)()).fingerprint
    assert former_oracles()[FORMER[space]] == now
    assert former_names(now) == [FORMER[space]]


def test_the_list_has_nothing_else():
    assert sorted(former_oracles()) == sorted(FORMER.values())
    assert former_names("training:0123456789abcdef") == []
    assert former_names("table:0123456789abcdef:digits") == []


def made_before(path):
    """A store with two measurements and a run, as it was written under the former fingerprint."""
    archs, store = DigitsSpace().sample(np.random.default_rng(0), 2), Store(path)
    keys = [(arch.tobytes(), 3, seed) for seed, arch in enumerate(archs)]
    run = store.open_run("old", {"problem": FORMER_PROBLEM})
    store.record(FORMER["digits"], [(key, (0.5, 0.25, 2.0)) for key in keys], (run.id, 0, keys))
    store.close()
    return archs, keys


def test_a_store_made_before_says_so_instead_of_measuring_again(tmp_path, monkeypatch):
    path = tmp_path / "evaluations.sqlite"
    archs, keys = made_before(path)
    problem = make_problem("nasgym/Digits-v0", accuracy="training")

    def measured(*_):
        raise AssertionError("a network was trained")

    monkeypatch.setattr(problem.accuracy, "measure", measured)
    with pytest.raises(DataError, match=r"was called training:e7b229a696d88baf, and has 2 of its measurements") as caught:
        Ledger(problem, 2, store=Store(path), run="new").evaluate(archs)
    assert "\n" not in str(caught.value)
    assert "adopt_former()" in str(caught.value)
    # what the sentence says to do
    assert Store(path).adopt_former() == 2
    store = Store(path)
    assert sorted(store.known(problem.accuracy.fingerprint)) == sorted(keys)
    assert store.known(FORMER["digits"]) == {}
    assert len(store.charges(store.open_run("old", {"problem": FORMER_PROBLEM}).id)) == 2
    assert Store(path).adopt_former() == 0


def test_other_oracles_of_the_same_file_are_read_as_before(tmp_path):
    path = tmp_path / "evaluations.sqlite"
    made_before(path)
    assert Store(path).known("training:0123456789abcdef") == {}
    assert len(Store(path).known(FORMER["digits"])) == 2


def test_where_results_went_before():
    keywords = {"accuracy": "training"}
    plan, problem = plan_comparison("nasgym/Digits-v0", ["random"], [0], Budget("total", 5), keywords)
    assert problem.fingerprint != FORMER_PROBLEM
    former = former_folder(plan, problem)
    assert former is not None
    assert former != default_folder(plan)
    plan, problem = plan_comparison("nasgym/Digits-v0", ["random"], [0], Budget("total", 5))
    assert former_folder(plan, problem) is None
