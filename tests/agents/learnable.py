"""Problems that a policy learns in a few dozen evaluations: all decisions have a better choice."""

from __future__ import annotations

import numpy as np

from nasgym.ledger import Budget, Ledger
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.counted import counted_cost
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy, Constrained
from nasgym.spaces.digits import DigitsSpace
from nasgym.tables.table_file import Table
from tests.tiny import SIZE, tiny_problem, tiny_space, tiny_table


def learnable_problem() -> Problem:
    """The tiny space with an accuracy that is a sum over its layers' options, from 0.1 to 0.9."""
    space = tiny_space()
    options = space.to_options(space.enumerate())
    worth = (options / options.max(axis=0)).mean(axis=1)
    plain = tiny_table()
    accuracy = {("toy", 1, "validation"): (0.1 + 0.8 * worth)[:, None].astype(np.float32)}
    assert len(worth) == SIZE
    return tiny_problem(table=Table({**plain.card, "report_fidelity": 1}, accuracy, {}, plain.costs))


def digits_problem(*, constrained: bool = False) -> Problem:
    """The Digits space with made-up accuracies: 15 decisions, of which skips make ten inactive."""
    space = DigitsSpace()
    cost = counted_cost(space, "macs", "digits")
    macs = cost.cost(space.enumerate())
    accuracy = (0.5 + 0.4 * macs / macs.max())[:, None].astype(np.float32)
    card = {
        "name": "made-up",
        "space": "digits",
        "datasets": ["digits"],
        "search_fidelity": 1,
        "report_fidelity": 1,
        "search_metric": "validation",
        "canonical": True,
    }
    oracle = TableOracle(Table(card, {("digits", 1, "validation"): accuracy}, {}, {}), space)
    rule = Constrained() if constrained else Accuracy()
    return Problem(space, oracle, [cost], rule, target=float(np.median(macs)) if constrained else None)


def gain(agent, problem: Problem, evaluations: int, seed: int) -> float:
    """Mean reward of the last fifth of the proposals minus that of the first."""
    ledger = Ledger(problem, Budget("total", evaluations))
    reward = agent.search(ledger, np.random.default_rng(seed)).history.reward
    assert len(reward) == evaluations
    fifth = evaluations // 5
    return float(reward[-fifth:].mean() - reward[:fifth].mean())
