from __future__ import annotations

import pytest

from nasgym.compare.comparison import default_folder, plan_comparison
from nasgym.errors import NasgymError
from nasgym.ledger import Budget


def plan(**changed):
    arguments = {
        "env_id": "nasgym/Table-v0",
        "agents": ["random", "regularized-evolution"],
        "seeds": [0, 1],
        "budget": Budget("distinct", 20),
        "keywords": {"table": "small"},
    }
    return plan_comparison(**(arguments | changed))


@pytest.mark.usefixtures("small_folder")
def test_fingerprint_says_what_is_compared():
    comparison, problem = plan()
    assert comparison.problem == problem.fingerprint
    assert comparison.agents["random"]["batch"] == 50  # defaults are part of it
    assert comparison.fingerprint == plan()[0].fingerprint
    assert default_folder(comparison).as_posix() == f"nasgym-results/Table-v0-{comparison.fingerprint[:8]}"
    others = [
        plan(seeds=[0, 2])[0],
        plan(agents=["regularized-evolution", "random"])[0],
        plan(budget=Budget("total", 20))[0],
        plan(keywords={"table": "small", "seed": 0})[0],
        plan(hyperparameters={"random": {"batch": 3}})[0],
    ]
    assert len({comparison.fingerprint, *(other.fingerprint for other in others)}) == 6
    names = {other.run_name("random", 0) for other in (comparison, *others)}
    assert len(names) == 4  # neither other seeds nor another order change a single search


@pytest.mark.usefixtures("small_folder")
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"env_id": "nasgym/Tabel-v0"}, "Did you mean 'nasgym/Table-v0'"),
        ({"agents": ["randm"]}, "Did you mean 'random'"),
        ({"agents": ["random", "random"]}, "named twice"),
        ({"agents": []}, "at least one agent"),
        ({"seeds": []}, "at least one seed"),
        ({"keywords": {"tabel": "small"}}, "Did you mean 'table'"),
        ({"keywords": {"table": "smal"}}, "smal"),
        ({"hyperparameters": {"random": {"bach": 3}}}, "Did you mean 'batch'"),
        ({"hyperparameters": {"ppo": {"lr": 3}}}, "unknown agent of this comparison 'ppo'"),
    ],
)
def test_mistakes_are_found_before_the_first_evaluation(changed, words):
    with pytest.raises(NasgymError, match=words):
        plan(**changed)
