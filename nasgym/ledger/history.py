"""`History`: what a search was charged for, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nasgym.problems.evaluation import Evaluations
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["Entry", "History", "history_of"]


@dataclass(frozen=True)
class History:
    """One row per charged evaluation; n rows.

    Attributes:
        archs: ``(n, D)`` as they were proposed, inactive decisions at 0.
        fidelity: ``(n,)`` epochs.
        accuracy, reward, train_seconds: ``(n,)`` as the agent saw them.
        costs: ``(n,)`` each, by name.
        feasible: ``(n,)`` whether the constraint held.
        spent: ``(n,)`` what was spent in the budget's unit, this row included.
        incumbent: ``(n,)`` the row with the best reward so far; the first of equals.
        proposals: ``(n,)`` architectures proposed so far, free repeats included.
    """

    archs: Archs
    fidelity: Ints
    accuracy: Floats
    costs: Mapping[str, Floats]
    reward: Floats
    feasible: Bools
    train_seconds: Floats
    spent: Floats
    incumbent: Ints
    proposals: Ints

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True)
class Entry:
    """The charged rows of one call of `Ledger.evaluate`; n rows.

    Attributes:
        archs: ``(n, D)``.
        fidelity: Epochs.
        ev: What the whole call found.
        rows: ``(n,)`` positions of the charged rows in it.
        spent, proposals: ``(n,)`` as in `History`.
    """

    archs: Archs
    fidelity: int
    ev: Evaluations
    rows: Ints
    spent: Floats
    proposals: Ints


def history_of(log: Sequence[Entry], costs: Iterable[str], num_decisions: int) -> History:
    """The history of a log.

    Args:
        log: In the order of the charges.
        costs: Names of the costs.
        num_decisions: D, for a log without entries.
    """
    if not log:
        empty, whole = np.empty(0), np.empty(0, dtype=np.int64)
        archs = np.empty((0, num_decisions), dtype=np.int8)
        priced = dict.fromkeys(costs, empty)
        return History(archs, whole, empty, priced, empty, empty.astype(bool), empty, empty, whole, whole)
    reward = np.concatenate([entry.ev.reward[entry.rows] for entry in log])
    better = reward > np.maximum.accumulate(np.concatenate([[-np.inf], reward[:-1]]))
    return History(
        archs=np.concatenate([entry.archs for entry in log]),
        fidelity=np.repeat([entry.fidelity for entry in log], [len(entry.rows) for entry in log]),
        accuracy=np.concatenate([entry.ev.accuracy[entry.rows] for entry in log]),
        costs={name: np.concatenate([entry.ev.costs[name][entry.rows] for entry in log]) for name in costs},
        reward=reward,
        feasible=np.concatenate([entry.ev.feasible[entry.rows] for entry in log]),
        train_seconds=np.concatenate([entry.ev.train_seconds[entry.rows] for entry in log]),
        spent=np.concatenate([entry.spent for entry in log]),
        incumbent=np.maximum.accumulate(np.where(better, np.arange(len(reward)), 0)),
        proposals=np.concatenate([entry.proposals for entry in log]),
    )
