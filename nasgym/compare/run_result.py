"""`RunResult`: what the leaderboard and the curves need of one search."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasgym.agents.agent import SearchResult
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["RunResult", "condense"]


@dataclass(frozen=True)
class RunResult:
    """One search: the incumbents (k of them), and counts.

    Attributes:
        agent, seed: Which search.
        archs: ``(k, D)`` the incumbents in the order of their appearance; the last one is the
            answer.
        evaluations: ``(k,)`` charged evaluations at their appearance, itself included.
        seconds: ``(k,)`` simulated training seconds at their appearance, NaN where not known.
        reward, accuracy: ``(k,)`` as the agent saw them.
        charged, proposals: Evaluations that were charged, architectures that were proposed.
        spent: In the budget's unit.
        train_seconds: Simulated training seconds in all, NaN where not known.
        ended: Why (`SearchResult.ended`).
        first_fifth, last_fifth: Mean reward of the first and of the last fifth of the charged
            evaluations.
        digest: Hash of the whole history: equal for equal histories.
        wall_seconds: On this machine; of the last part, where the search was interrupted.
    """

    agent: str
    seed: int
    archs: Archs
    evaluations: Ints
    seconds: Floats
    reward: Floats
    accuracy: Floats
    charged: int
    proposals: int
    spent: float
    train_seconds: float
    ended: str
    first_fifth: float
    last_fifth: float
    digest: str
    wall_seconds: float

    def to_json(self) -> dict[str, Any]:
        """JSON-able form; `from_json` reads it."""
        data = dict(self.__dict__)
        for name in ("archs", "evaluations", "reward", "accuracy"):
            data[name] = data[name].tolist()
        data["seconds"] = [None if np.isnan(s) else s for s in self.seconds.tolist()]
        data["train_seconds"] = None if np.isnan(self.train_seconds) else self.train_seconds
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunResult:
        """The result that `to_json` described."""
        values = dict(data)
        values["archs"] = np.array(values["archs"], dtype=np.int8)
        values["evaluations"] = np.array(values["evaluations"], dtype=np.int64)
        for name in ("seconds", "reward", "accuracy"):
            values[name] = np.array(values[name], dtype=np.float64)  # None becomes NaN
        values["train_seconds"] = np.nan if values["train_seconds"] is None else values["train_seconds"]
        return cls(**values)


def condense(result: SearchResult, seed: int, proposals: int, spent: float, wall_seconds: float) -> RunResult:
    """Keeps the rows of a history at which the incumbent changed."""
    history = result.history
    seconds = np.cumsum(history.train_seconds)
    rows = np.unique(history.incumbent)
    digest = hashlib.sha256(np.ascontiguousarray(history.archs).tobytes())
    digest.update(np.ascontiguousarray(history.reward).tobytes())
    fifth = max(1, len(history) // 5)
    return RunResult(
        agent=result.agent,
        seed=seed,
        archs=history.archs[rows],
        evaluations=rows + 1,
        seconds=seconds[rows],
        reward=history.reward[rows],
        accuracy=history.accuracy[rows],
        charged=len(history),
        proposals=proposals,
        spent=spent,
        train_seconds=float(seconds[-1]),
        ended=result.ended,
        first_fifth=float(history.reward[:fifth].mean()),
        last_fifth=float(history.reward[-fifth:].mean()),
        digest=digest.hexdigest()[:16],
        wall_seconds=wall_seconds,
    )
