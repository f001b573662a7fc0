"""`History`: what a search was charged for, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nasgym.ledger.answers import incumbents, incumbents_of_means, running_means
from nasgym.oracles.oracle import Clock
from nasgym.problems.evaluation import Evaluations
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["Entry", "History", "history_of"]


@dataclass(frozen=True)
class History:
    """One row per charged evaluation; n rows.

    Attributes:
        archs: ``(n, D)`` as they were proposed, inactive decisions at 0.
        fidelity: ``(n,)`` epochs.
        accuracy, reward, train_seconds: ``(n,)`` as the agent saw them; `accuracy` is the searched
            quality, whatever its name.
        costs: ``(n,)`` each, by name.
        feasible: ``(n,)`` whether the constraint held.
        spent: ``(n,)`` what was spent in the budget's unit, this row included.
        incumbent: ``(n,)`` the row with the best reward so far; the first of equals. Only rows of
            the highest fidelity so far count. Where every evaluation draws a training seed, a
            network is worth the mean over its evaluations so far, and the row is its last one.
        proposals: ``(n,)`` architectures proposed so far, free repeats included.
        seconds: ``(n,)`` seconds so far by clock, charges of the agent included; NaN where the
            oracle knows none. Of the oracle's clock, and of those that the agent charged.
        mean_reward, mean_accuracy: ``(n,)`` means over the evaluations so far of the row's network
            at the row's fidelity; equal to `reward` and `accuracy` where evaluations draw nothing.
        first: ``(n,)`` the first row of the row's network at its fidelity.
        forms: n encodings that share a measurement with the rows, as bytes.
        qualities: ``(n,)`` each, by name: the searched one, then those that were measured with it.
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
    seconds: Mapping[Clock, Floats]
    mean_reward: Floats
    mean_accuracy: Floats
    first: Ints
    forms: Sequence[bytes]
    qualities: Mapping[str, Floats] = field(default_factory=dict)

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
        forms: n encodings that share a measurement with the rows, as bytes.
        charged: Seconds that the agent had charged before, by clock.
    """

    archs: Archs
    fidelity: int
    ev: Evaluations
    rows: Ints
    spent: Floats
    proposals: Ints
    forms: Sequence[bytes]
    charged: Mapping[Clock, float]


def history_of(
    log: Sequence[Entry],
    costs: Iterable[str],
    num_decisions: int,
    clock: Clock,
    *,
    noisy: bool,
    qualities: Iterable[str] = (),
) -> History:
    """The history of a log.

    Args:
        log: In the order of the charges.
        costs: Names of the costs.
        num_decisions: D, for a log without entries.
        clock: What the training seconds are.
        noisy: Whether every evaluation draws a training seed.
        qualities: Names of the qualities.
    """
    if not log:
        empty, whole = np.empty(0), np.empty(0, dtype=np.int64)
        return History(
            archs=np.empty((0, num_decisions), dtype=np.int8),
            fidelity=whole,
            accuracy=empty,
            costs=dict.fromkeys(costs, empty),
            reward=empty,
            feasible=empty.astype(bool),
            train_seconds=empty,
            spent=empty,
            incumbent=whole,
            proposals=whole,
            seconds={clock: empty},
            mean_reward=empty,
            mean_accuracy=empty,
            first=whole,
            forms=[],
            qualities=dict.fromkeys(qualities, empty),
        )
    counts = [len(entry.rows) for entry in log]
    reward = np.concatenate([entry.ev.reward[entry.rows] for entry in log])
    accuracy = np.concatenate([entry.ev.accuracy[entry.rows] for entry in log])
    train_seconds = np.concatenate([entry.ev.train_seconds[entry.rows] for entry in log])
    fidelity = np.repeat([entry.fidelity for entry in log], counts)
    forms = [form for entry in log for form in entry.forms]
    mean_reward, first = running_means(reward, forms, fidelity)
    mean_accuracy, _ = running_means(accuracy, forms, fidelity)
    clocks = dict.fromkeys([clock, *log[-1].charged])
    seconds = {name: np.repeat([entry.charged.get(name, 0.0) for entry in log], counts) for name in clocks}
    seconds[clock] = seconds[clock] + np.cumsum(train_seconds)
    return History(
        archs=np.concatenate([entry.archs for entry in log]),
        fidelity=fidelity,
        accuracy=accuracy,
        costs={name: np.concatenate([entry.ev.costs[name][entry.rows] for entry in log]) for name in costs},
        reward=reward,
        feasible=np.concatenate([entry.ev.feasible[entry.rows] for entry in log]),
        train_seconds=train_seconds,
        spent=np.concatenate([entry.spent for entry in log]),
        incumbent=incumbents_of_means(mean_reward, first, fidelity) if noisy else incumbents(reward, fidelity),
        proposals=np.concatenate([entry.proposals for entry in log]),
        seconds=seconds,
        mean_reward=mean_reward,
        mean_accuracy=mean_accuracy,
        first=first,
        forms=forms,
        qualities={name: np.concatenate([entry.ev.qualities[name][entry.rows] for entry in log]) for name in qualities},
    )
