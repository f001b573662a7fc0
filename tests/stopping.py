"""Two small spaces whose architectures end at a stop, and problems on tables of them.

One is described: several labels that end, inactive decisions within layers, two stops. The other is
that of NAS with reinforcement learning, with one to three layers. Every architecture can be listed
by hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.table import TableCost
from nasgym.oracles.oracle import SeedChoice
from nasgym.problems.evaluation import Objective
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy, RewardRule
from nasgym.spaces import SearchSpace
from nasgym.spaces.described import space_from_description
from nasgym.spaces.nas_rl import NASRLSpace
from nasgym.tables.table_file import Table

CHAIN: dict[str, Any] = {
    "name": "chain",
    "decisions": [
        {"name": "a.op", "role": "op", "choices": ["skip", "pool", "conv"]},
        {"name": "a.kernel", "role": "kernel", "choices": [3, 5], "active_if": ["a.op", ["conv"]]},
        {"name": "head", "role": "depth", "choices": ["go", "pool", "flat"]},
        {"name": "b.width", "role": "width", "choices": [8, 16, 24]},
        {"name": "b.act", "role": "op", "choices": ["relu", "swish"]},
        {"name": "more", "role": "depth", "choices": ["stop", "go"]},
        {"name": "c.op", "role": "op", "choices": ["none", "pool", "conv"]},
        {"name": "c.kernel", "role": "kernel", "choices": [1, 3, 5], "active_if": ["c.op", ["conv"]]},
    ],
    "layers": [["a", 2], ["head", 1], ["b", 2], ["more", 1], ["c", 2]],
    "ends": {"head": ["pool", "flat"], "more": ["stop"]},
    "default": ["conv", 5, "go", 24, "swish", "go", "conv", 5],
}


def chain_space() -> SearchSpace:
    """4 x (2 + 6 x (1 + 5)) = 152 networks."""
    return space_from_description(CHAIN)


def small_nas_rl() -> NASRLSpace:
    """3 x (1 + 6 x (1 + 12)) = 237 networks: three heights, one to three layers."""
    return NASRLSpace(heights=(3, 5, 7), widths=(3,), filters=(24,), min_layers=1, max_layers=3)


STOPPING: dict[str, Callable[[], SearchSpace]] = {"chain": chain_space, "nas-rl": small_nas_rl}


def by_hand(space: SearchSpace) -> list[tuple[int, ...]]:
    """All allowed combinations of choices, what is inactive at 0; straight from the decisions."""
    found, names = [], list(space.names)
    for row in itertools.product(*(range(len(d.choices)) for d in space.decisions)):
        active, good, stopped = {}, True, False
        for column, (decision, choice) in enumerate(zip(space.decisions, row, strict=True)):
            on = not stopped
            if on and decision.active_if is not None:
                parent, labels = decision.active_if
                on = active[parent] and space.decisions[names.index(parent)].choices[row[names.index(parent)]] in labels
            active[decision.name] = on
            good = good and (bool(space.allowed[column, choice]) if on else choice == 0)
            stopped = stopped or (on and decision.choices[choice] in space.ends.get(decision.name, ()))
        if good:
            found.append(row)
    return found


def stopping_table(space: SearchSpace, seed: int = 7) -> Table:
    """Accuracies of two seeds, nearly sums over decisions, and two costs; the first is a sum."""
    rng = np.random.default_rng(seed)
    archs = space.enumerate()
    active = space.active(archs)
    gains = rng.random((space.num_decisions, space.max_choices)) / space.num_decisions
    clean = np.where(active, gains[np.arange(space.num_decisions), archs], 0.0).sum(axis=1) * 0.8 + 0.1
    noise = rng.uniform(-0.02, 0.02, (len(archs), 2))
    accuracy = {
        ("toy", epochs, split): (clean[:, None] + noise / epochs).astype(np.float32)
        for epochs in (1, 4)
        for split in ("validation", "test")
    }
    prices = rng.integers(1, 30, (space.num_decisions, space.max_choices))
    macs = np.where(active, prices[np.arange(space.num_decisions), archs], 0).sum(axis=1).astype(np.float64)
    card = {
        "name": f"{space.name}-table",
        "space": CHAIN if space.name == "chain" else space.name,
        "datasets": ["toy"],
        "search_fidelity": 1,
        "report_fidelity": 4,
        "search_metric": "validation",
        "canonical": False,
    }
    costs = {("toy", "latency_ms@phone"): macs, ("*", "energy_mj"): rng.permutation(len(archs)) + 0.5}
    return Table(card, accuracy, {("toy", 1): np.ones(len(archs), dtype=np.float32)}, costs)


def stopping_problem(
    name: str,
    *,
    rule: RewardRule | None = None,
    seed: SeedChoice = "mean",
    target: float | None = None,
    lower: float | None = None,
    objectives: list[Objective] | None = None,
    restrict: dict[str, list[Any]] | None = None,
) -> Problem:
    """A problem on the table of one of `STOPPING`; `target` and `lower` are shares of the range."""
    whole = STOPPING[name]()
    table = stopping_table(whole)
    costs = [TableCost(table, whole, column, "toy") for column in ("latency_ms@phone", "energy_mj")]
    space = whole if restrict is None else whole.restrict(restrict)
    narrowed = costs if restrict is None else [cost.narrow(space) for cost in costs]
    prices = narrowed[0].cost(space.enumerate())
    at = [None if share is None else float(np.quantile(prices, share)) for share in (target, lower)]
    oracle = TableOracle(table, whole, seed=seed)
    return Problem(space, oracle, narrowed, rule or Accuracy(), target=at[0], lower=at[1], objectives=objectives)
