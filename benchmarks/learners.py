"""Episodes per second of the agents that learn by policy gradients.

Each number is of a whole search on Digits: wall clock, networks included.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks.contest import rate
from benchmarks.rows import Row
from nasgym.agents import make_agent
from nasgym.ledger import Budget
from nasgym.problems.factory import make_problem

ENV_ID = "nasgym/Digits-v0"
AGENTS = ("ppo", "reinforce")
EVALUATIONS = 300


def rows(searches: int) -> list[Row]:
    """One row for each agent: the median of some searches after one to warm up."""
    torch.set_num_threads(1)
    problem = make_problem(ENV_ID)
    found = []
    for name in AGENTS:
        seconds = []
        for seed in range(searches + 1):
            start = time.perf_counter()
            result = make_agent(name).search(problem, budget=Budget("total", EVALUATIONS), seed=seed)
            seconds.append((time.perf_counter() - start) / len(result.history))
        got = np.array(seconds[1:])
        found.append(
            Row(
                f"{name}, Digits, {EVALUATIONS} evaluations",
                "",
                f"{rate(got)} episodes/s ({rate(got.max(keepdims=True))} to {rate(got.min(keepdims=True))})",
            )
        )
    return found
