"""`Archive`: the architectures of a search that nothing before them dominated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasgym.ledger.history import History
from nasgym.problems.evaluation import Objective
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["Archive", "archive_of"]


@dataclass(frozen=True)
class Archive:
    """Every architecture that was on a search's front when it was evaluated; m rows.

    What later ones dominate stays, so that the front at any moment can be found again.

    Attributes:
        archs: ``(m, D)``.
        evaluations: ``(m,)`` charged evaluations at that moment, its own included.
    """

    archs: Archs
    evaluations: Ints

    def to_json(self) -> dict[str, Any]:
        """JSON-able form; `from_json` reads it."""
        return {"archs": self.archs.tolist(), "evaluations": self.evaluations.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], num_decisions: int) -> Archive:
        """The archive that `to_json` described, of architectures with so many decisions."""
        archs = np.array(data["archs"], dtype=np.int8).reshape(-1, num_decisions)
        return cls(archs, np.array(data["evaluations"], dtype=np.int64))


def archive_of(history: History, objectives: Sequence[Objective]) -> Archive:
    """The archive of a search, by what it saw at the highest fidelity that it used."""
    columns = [history.qualities[o.name] if o.name in history.qualities else history.costs[o.name] for o in objectives]
    signs = np.array([-1.0 if objective.direction == "max" else 1.0 for objective in objectives])
    values = signs * np.stack(columns, axis=1)
    rows = np.flatnonzero(history.fidelity == history.fidelity.max()) if len(history) else np.empty(0, dtype=np.int64)
    kept = rows[_entered(values[rows])]
    return Archive(history.archs[kept], kept + 1)


def _entered(values: Floats) -> Ints:
    """Rows of ``(n, k)`` values, less is better, that no earlier row equals or dominates."""
    front, entered = np.empty((0, values.shape[1])), []
    for row, value in enumerate(values):
        if (front <= value).all(axis=1).any() or np.isnan(value).any():
            continue
        front = np.concatenate([front[(front < value).any(axis=1)], value[None]])
        entered.append(row)
    return np.array(entered, dtype=np.int64)
