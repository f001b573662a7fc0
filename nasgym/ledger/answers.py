"""`Answers`: what a search would have answered at every moment."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from nasgym.oracles.oracle import Clock
from nasgym.type_aliases import Archs, Floats, Ints

if TYPE_CHECKING:
    from nasgym.ledger.history import History

__all__ = ["Answers", "Recommendation", "answers_of", "incumbents", "incumbents_of_means", "running_means"]


@dataclass(frozen=True)
class Recommendation:
    """What an agent recommended.

    Attributes:
        arch: ``(D,)``.
        form: The encoding that shares its measurements, as bytes.
        evaluations: Charged evaluations before it.
        proposals: Architectures proposed before it, free repeats included.
        seconds: Seconds before it, by clock.
    """

    arch: Archs
    form: bytes
    evaluations: int
    proposals: int
    seconds: Mapping[Clock, float]


@dataclass(frozen=True)
class Answers:
    """What a search would have answered, from its first answer on; k rows.

    Until the agent recommends something, the answer is the incumbent; from then on it is what was
    recommended last, whether or not it was evaluated.

    Attributes:
        archs: ``(k, D)``.
        evaluations: ``(k,)`` charged evaluations when it became the answer.
        proposals: ``(k,)`` architectures proposed by then, free repeats included.
        seconds: ``(k,)`` seconds at that moment by clock; NaN where not known.
        reward, accuracy: ``(k,)`` as the agent had seen them: the mean over the evaluations of that
            network at its highest fidelity, NaN where there was none.
        observed: ``(k,)`` the row of the history that shows it first at that fidelity, -1 where it
            had not been evaluated.
        recommended: How many of the last ones were recommended.
    """

    archs: Archs
    evaluations: Ints
    proposals: Ints
    seconds: Mapping[Clock, Floats]
    reward: Floats
    accuracy: Floats
    observed: Ints
    recommended: int

    def __len__(self) -> int:
        return len(self.reward)


def incumbents(reward: Floats, fidelity: Ints) -> Ints:
    """``(n,)`` the row with the best reward so far, among those of the highest fidelity so far.

    Of equals it is the first. Rewards of different fidelities are never compared.

    Args:
        reward: ``(n,)`` in the order of the evaluations.
        fidelity: ``(n,)`` epochs.
    """
    highest = np.maximum.accumulate(fidelity)
    starts = np.flatnonzero(np.diff(highest, prepend=-1))
    found = np.zeros(len(reward), dtype=np.int64)
    for start, end in pairwise([*starts.tolist(), len(reward)]):
        counted = np.where(fidelity[start:end] == highest[start], reward[start:end], -np.inf)
        better = counted > np.maximum.accumulate(np.concatenate([[-np.inf], counted[:-1]]))
        found[start:end] = start + np.maximum.accumulate(np.where(better, np.arange(end - start), 0))
    return found


def running_means(values: Floats, forms: Sequence[bytes], fidelity: Ints) -> tuple[Floats, Ints]:
    """Means over the evaluations of one network at one fidelity, and where the first of them is.

    Args:
        values: ``(n,)`` in the order of the evaluations.
        forms: What is the same for evaluations of one network.
        fidelity: ``(n,)`` epochs.

    Returns:
        ``(n,)`` mean over this row and all earlier ones of its network, ``(n,)`` their first row.
    """
    means, firsts = np.empty(len(values)), np.empty(len(values), dtype=np.int64)
    seen: dict[tuple[bytes, int], tuple[int, int, float]] = {}
    for row, (form, epochs, value) in enumerate(zip(forms, fidelity.tolist(), values.tolist(), strict=True)):
        first, count, mean = seen.get((form, epochs), (row, 0, 0.0))
        mean += (value - mean) / (count + 1)
        seen[form, epochs] = first, count + 1, mean
        means[row], firsts[row] = mean, first
    return means, firsts


def incumbents_of_means(means: Floats, firsts: Ints, fidelity: Ints) -> Ints:
    """As `incumbents`, where a network is worth the mean over its evaluations so far.

    A lucky draw is no answer: its network has to stay the best when it is evaluated again.

    Args:
        means: From `running_means` of the rewards.
        firsts: Likewise.
        fidelity: ``(n,)`` epochs.

    Returns:
        ``(n,)`` the last row of the best network so far.
    """
    highest = np.maximum.accumulate(fidelity)
    found = np.zeros(len(means), dtype=np.int64)
    latest: dict[int, int] = {}  # first row of a network -> its last row
    heap: list[tuple[float, int, int]] = []  # entries that a later row of the network made untrue stay until they are on top
    for row, (mean, first, epochs) in enumerate(zip(means.tolist(), firsts.tolist(), fidelity.tolist(), strict=True)):
        if row and highest[row] > highest[row - 1]:
            heap, latest = [], {}
        if epochs == highest[row]:
            latest[first] = row
            heapq.heappush(heap, (-mean, first, row))
        while latest[heap[0][1]] != heap[0][2]:
            heapq.heappop(heap)
        found[row] = heap[0][2]
    return found


def answers_of(history: History, recommended: Sequence[Recommendation], clocks: Iterable[Clock]) -> Answers:
    """The incumbents of a history until the first recommendation, then the recommendations.

    Args:
        history: Everything that was evaluated.
        recommended: In the order of their time.
        clocks: All clocks whose seconds were spent, also after the last answer.
    """
    until = recommended[0].evaluations if recommended else len(history)
    incumbent = history.incumbent[:until]
    worth = history.mean_reward[incumbent]
    # the answer changes with the network, and with what is known of it
    changed = np.ones(until, dtype=bool)
    changed[1:] = (history.first[incumbent[1:]] != history.first[incumbent[:-1]]) | (worth[1:] != worth[:-1])
    rows = np.flatnonzero(changed)
    shown = incumbent[rows]
    # what is known of a recommendation when the next one takes its place, or at the end
    ends = [one.evaluations for one in recommended[1:]] + [len(history)] * bool(recommended)
    rows_of: dict[bytes, list[int]] = {}
    for row, form in enumerate(history.forms if recommended else ()):
        rows_of.setdefault(form, []).append(row)
    seen = [_last_row(history, rows_of.get(one.form, []), end) for one, end in zip(recommended, ends, strict=True)]
    observed = np.array([-1 if row is None else history.first[row] for row in seen], dtype=np.int64)
    none_yet = np.zeros(len(history))
    return Answers(
        archs=np.concatenate([history.archs[shown], *(one.arch[None] for one in recommended)]),
        evaluations=np.concatenate([rows + 1, np.array([one.evaluations for one in recommended], dtype=np.int64)]),
        proposals=np.concatenate([history.proposals[rows], np.array([one.proposals for one in recommended], dtype=np.int64)]),
        seconds={
            clock: np.concatenate(
                [history.seconds.get(clock, none_yet)[rows], [one.seconds.get(clock, 0.0) for one in recommended]]
            )
            for clock in clocks
        },
        reward=np.concatenate([worth[rows], _values(history.mean_reward, seen)]),
        accuracy=np.concatenate([history.mean_accuracy[shown], _values(history.mean_accuracy, seen)]),
        observed=np.concatenate([history.first[shown], observed]),
        recommended=len(recommended),
    )


def _last_row(history: History, rows: Sequence[int], end: int) -> int | None:
    """The last of a network's rows before `end` at its highest fidelity, or None."""
    before = rows[: bisect_left(rows, end)]
    return max(before, key=lambda row: (history.fidelity[row], row), default=None)


def _values(values: Floats, rows: Sequence[int | None]) -> Floats:
    return np.array([np.nan if row is None else values[row] for row in rows], dtype=np.float64)
