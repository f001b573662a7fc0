"""A small problem that other tests build on.

Three layers, inactive decisions, 36 networks, holes in the seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nasgym.ledger import Budget, Ledger
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.table import TableCost
from nasgym.oracles.oracle import SeedChoice
from nasgym.problems.evaluation import Objective
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy, RewardRule
from nasgym.spaces.described import DescribedSpace, space_from_description
from nasgym.tables.table_file import Table

DESCRIPTION: dict[str, Any] = {
    "name": "tiny",
    "decisions": [
        {"name": "a.op", "role": "op", "choices": ["skip", "conv"]},
        {"name": "a.kernel", "role": "kernel", "choices": [3, 5], "active_if": ["a.op", ["conv"]]},
        {"name": "b.width", "role": "width", "choices": [8, 16, 24]},
        {"name": "c.op", "role": "op", "choices": ["none", "pool", "conv"]},
        {"name": "c.kernel", "role": "kernel", "choices": [1, 3], "active_if": ["c.op", ["conv"]]},
    ],
    "layers": [["a", 2], ["b", 1], ["c", 2]],
}
SIZE = 36


def tiny_space() -> DescribedSpace:
    """3 x 3 x 4 networks; the kernels of ``a`` and ``c`` are inactive unless the op is ``conv``."""
    return space_from_description(DESCRIPTION)


def tiny_table(*, canonical: bool = False, shift: float = 0.0) -> Table:
    """Fidelities 1 (search) and 4 (report), two devices and an energy.

    There are three seeds, with holes in all but the first.
    """
    rng = np.random.default_rng(7)
    clean = rng.permutation(SIZE) / SIZE * 0.8 + 0.1 + shift
    accuracy = {}
    for fidelity, noise in ((1, 0.05), (4, 0.01)):
        for split in ("validation", "test"):
            values = np.clip(clean[:, None] + noise * rng.uniform(-1, 1, (SIZE, 3)), 0, 1)
            values[::3, 2] = np.nan
            values[1::6, 1] = np.nan
            accuracy["toy", fidelity, split] = values.astype(np.float32)
    seconds = {("toy", fidelity): (fidelity * rng.integers(1, 9, SIZE)).astype(np.float32) for fidelity in (1, 4)}
    costs = {
        ("toy", "latency_ms@phone"): rng.permutation(SIZE) + 1.0,
        ("toy", "latency_ms@board"): rng.permutation(SIZE) + 10.0,
        ("*", "energy_mj"): rng.permutation(SIZE) + 0.5,
    }
    card = {
        "name": "tiny",
        "space": DESCRIPTION,
        "datasets": ["toy"],
        "search_fidelity": 1,
        "report_fidelity": 4,
        "search_metric": "validation",
        "canonical": canonical,
    }
    return Table(card, accuracy, seconds, costs)


def tiny_problem(
    *,
    rule: RewardRule | None = None,
    seed: SeedChoice = "mean",
    target: float | None = None,
    lower: float | None = None,
    table: Table | None = None,
    objectives: list[Objective] | None = None,
    restrict: dict[str, list[Any]] | None = None,
) -> Problem:
    """A problem on the tiny table; costs are the phone's latency (1 to 36, once each), energy."""
    table, whole = table or tiny_table(), tiny_space()
    costs = [TableCost(table, whole, name, "toy") for name in ("latency_ms@phone", "energy_mj")]
    space = whole if restrict is None else whole.restrict(restrict)
    narrowed = costs if restrict is None else [cost.narrow(space) for cost in costs]
    oracle = TableOracle(table, whole, seed=seed)
    return Problem(space, oracle, narrowed, rule or Accuracy(), target=target, lower=lower, objectives=objectives)


def tiny_ledger(budget: Budget | float | None = 10, *, seed: SeedChoice = "mean", **options: Any) -> Ledger:
    """A ledger on a tiny problem."""
    return Ledger(tiny_problem(seed=seed), budget, **options)


def partial_archs(space: Any, rng: np.random.Generator, n: int, *, prefixes: bool = False) -> np.ndarray:
    """``(n, D)`` valid architectures with decisions opened: random ones, or all from one on."""
    archs = space.sample(rng, n)
    if prefixes:
        open_from = rng.integers(0, space.num_decisions + 1, n)
        archs[np.arange(space.num_decisions) >= open_from[:, None]] = -1
    else:
        archs[rng.random(archs.shape) < rng.random((n, 1))] = -1
    return archs


def completions_of(space: Any, arch: np.ndarray) -> np.ndarray:
    """``(m,)`` positions of all completions in `enumerate`, by looking at every architecture."""
    return np.flatnonzero(((arch == -1) | (space.enumerate() == arch)).all(axis=1))
