"""`RunResult`: what the leaderboard and the curves need of one search."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nasgym.agents.agent import SearchResult
from nasgym.compare.archive import Archive, archive_of
from nasgym.errors import DataError
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Objective
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["RunResult", "condense"]


@dataclass(frozen=True)
class RunResult:
    """One search: what it would have answered at every moment (k answers), and counts.

    Attributes:
        agent, seed: Which search.
        archs: ``(k, D)`` the answers in the order of their appearance (`nasgym.ledger.Answers`:
            incumbents, or what the agent recommended); the last one is the answer.
        evaluations: ``(k,)`` charged evaluations at their appearance, an incumbent's own included.
        proposed: ``(k,)`` architectures that had been proposed by then, free repeats included.
        seconds: ``(k,)`` seconds at their appearance by clock, NaN where not known.
        recommended: How many of the last answers the agent recommended.
        reward, accuracy: ``(k,)`` as the agent saw them, NaN where it had not evaluated the answer.
        charged, proposals: Evaluations that were charged, architectures that were proposed.
        different: Networks that were evaluated, one at two fidelities as two.
        spent: In the budget's unit.
        total_seconds: All seconds by clock, NaN where not known.
        charged_seconds: Those of them that the agent charged beside its evaluations.
        ended: Why (`SearchResult.ended`).
        first_fifth, last_fifth: Mean reward of the first and of the last fifth of the charged
            evaluations; NaN where there are none.
        digest: Hash of the whole history: equal for equal histories.
        wall_seconds: On this machine; of the last part, where the search was interrupted.
        archive: What was on its front; None where fronts are not compared.
    """

    agent: str
    seed: int
    archs: Archs
    evaluations: Ints
    proposed: Ints
    seconds: Mapping[Clock, Floats]
    recommended: int
    reward: Floats
    accuracy: Floats
    charged: int
    proposals: int
    different: int
    spent: float
    total_seconds: Mapping[Clock, float]
    charged_seconds: Mapping[Clock, float]
    ended: str
    first_fifth: float
    last_fifth: float
    digest: str
    wall_seconds: float
    archive: Archive | None = None

    @property
    def evaluated(self) -> bool:
        """Whether the agent evaluated its answer."""
        return not bool(np.isnan(self.reward[-1]))

    def to_json(self) -> dict[str, Any]:
        """JSON-able form; `from_json` reads it."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunResult:
        """The result that `to_json` described.

        Raises:
            DataError: Another version of nasgym described it.
        """
        if set(data) != {field.name for field in fields(cls)}:
            raise DataError(
                "the output folder holds results of another version of nasgym; name another one, or move this one away."
            )
        values = dict(data)
        values["archs"] = np.array(values["archs"], dtype=np.int8)
        for name in ("evaluations", "proposed"):
            values[name] = np.array(values[name], dtype=np.int64)
        for name in ("reward", "accuracy"):
            values[name] = _floats(values[name])
        values["seconds"] = {clock: _floats(seconds) for clock, seconds in values["seconds"].items()}
        for name in ("total_seconds", "charged_seconds"):
            values[name] = {clock: float(_floats(seconds)) for clock, seconds in values[name].items()}
        for name in ("first_fifth", "last_fifth"):
            values[name] = float(_floats(values[name]))
        if values["archive"] is not None:
            values["archive"] = Archive.from_json(values["archive"], values["archs"].shape[1])
        return cls(**values)


def _plain(value: Any) -> Any:
    """JSON has no NaN; it becomes None."""
    if isinstance(value, Archive):
        return value.to_json()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _floats(values: Any) -> Floats:
    return np.array(values, dtype=np.float64)  # None becomes NaN


def condense(
    result: SearchResult,
    seed: int,
    proposals: int,
    spent: float,
    wall_seconds: float,
    objectives: Sequence[Objective] | None = None,
) -> RunResult:
    """Keeps the moments of a search at which its answer changed.

    Args:
        result: What the search found.
        seed: Its seed.
        proposals: Architectures that were proposed.
        spent: In the budget's unit.
        wall_seconds: What it took on this machine.
        objectives: What its front is of; None where fronts are not compared.
    """
    history, answers = result.history, result.answers
    digest = hashlib.sha256(np.ascontiguousarray(history.archs).tobytes())
    digest.update(np.ascontiguousarray(history.reward).tobytes())
    if "measured" in result.seconds or objectives is not None:
        # trainings differ where rewards are alike, and fronts are about more than rewards
        for values in (history.accuracy, *history.qualities.values(), *history.costs.values()):
            digest.update(np.ascontiguousarray(values).tobytes())
    if result.charged_seconds or answers.recommended:
        # what a history does not show
        digest.update(np.ascontiguousarray(answers.archs).tobytes())
        digest.update(repr(sorted(result.charged_seconds.items())).encode())
    return RunResult(
        agent=result.agent,
        seed=seed,
        archs=answers.archs,
        evaluations=answers.evaluations,
        proposed=answers.proposals,
        seconds=answers.seconds,
        recommended=answers.recommended,
        reward=answers.reward,
        accuracy=answers.accuracy,
        charged=len(history),
        proposals=proposals,
        different=len(set(zip(history.forms, history.fidelity.tolist(), strict=True))),
        spent=spent,
        total_seconds=result.seconds,
        charged_seconds=result.charged_seconds,
        ended=result.ended,
        first_fifth=_mean_of_fifth(history.reward, first=True),
        last_fifth=_mean_of_fifth(history.reward, first=False),
        digest=digest.hexdigest()[:16],
        wall_seconds=wall_seconds,
        archive=None if objectives is None else archive_of(history, objectives),
    )


def _mean_of_fifth(reward: Floats, *, first: bool) -> float:
    fifth = max(1, len(reward) // 5)
    part = reward[:fifth] if first else reward[-fifth:]
    return float(part.mean()) if len(part) else float("nan")
