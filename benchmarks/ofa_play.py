"""One search on Once-for-All under a latency limit, as `ofa_search` and `ofa_tuning` play it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmarks.common import Task, problem_of, search
from nasgym.ledger import Budget, BudgetUnit

ENV_ID = "nasgym/OFA-v0"
LIMITS = (15, 20, 25, 30)
EVALUATIONS = 10_000
# its select rule draws nothing
DETERMINISTIC = "layernas"

Hyperparameters = dict[str, object]


@dataclass(frozen=True)
class Found:
    """What came of one search.

    Attributes:
        accuracy: The best feasible one, NaN where nothing feasible was found.
        charged, distinct: Evaluations, and different networks among them.
        seconds: Processor time.
    """

    accuracy: float
    charged: int
    distinct: int
    seconds: float


def play(task: Task) -> Found:
    """Carries out one search."""
    space = problem_of(task).space
    began = time.process_time()
    history = search(task).history
    seconds = time.process_time() - began
    accuracy = history.accuracy[history.feasible]
    distinct = len(np.unique(space.canonical(history.archs), axis=0))
    return Found(float(accuracy.max()) if len(accuracy) else np.nan, len(history), distinct, seconds)


@dataclass(frozen=True)
class Keeping:
    """`play` that writes what it found into a folder, and reads there what it has found before."""

    folder: Path

    def __call__(self, task: Task) -> Found:
        """See `play`."""
        where = (task.agent, task.hyperparameters, task.keywords, task.budget, task.seed)
        path = self.folder / sha256(repr(where).encode()).hexdigest()[:32]
        if path.is_file():
            return Found(**json.loads(path.read_text()))
        found = play(task)
        path.write_text(json.dumps(vars(found)))
        return found


def tasks_of(agents: Mapping[str, tuple[str, Hyperparameters]], seeds: Iterable[int], unit: BudgetUnit) -> list[Task]:
    """Every agent at every limit; `agents` maps labels to agents and their hyper-parameters."""
    tasks = []
    for label, (agent, hyper) in agents.items():
        for limit in LIMITS:
            keywords = (("reward", "constrained"), ("target", float(limit)))
            for seed in list(seeds)[: 1 if agent == DETERMINISTIC else None]:
                budget = Budget(unit, EVALUATIONS)
                tasks.append(Task(ENV_ID, keywords, agent, tuple(hyper.items()), budget, seed, f"{label}|{limit}"))
    return tasks


def spelled(hyper: Hyperparameters) -> str:
    """Hyper-parameters as they are written."""
    return ", ".join(f"{key}={value!r}" for key, value in hyper.items()) or "defaults"


def arguments(description: str) -> argparse.ArgumentParser:
    """The arguments of both scripts."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="worker processes (default 1)")
    parser.add_argument("--keep", type=Path, help="a folder for what searches found; those that it has are not run again")
    return parser


def player(keep: Path | None) -> Callable[[Task], Found]:
    """`play`, or what keeps its results in a folder."""
    if keep is None:
        return play
    keep.mkdir(parents=True, exist_ok=True)
    return Keeping(keep)
