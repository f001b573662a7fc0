"""LayerNAS's layers: which options can still meet the constraint, and what they can cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from nasgym.ledger.ledger import Ledger
from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools, Floats

__all__ = ["Candidate", "Cut", "Filter", "Step", "least_costs", "make_steps", "reachable_costs", "stopped_by", "wanted_costs"]

Cut: TypeAlias = Literal["layers", "decisions"]


@dataclass(eq=False)
class Candidate:
    """A network of some layer.

    Attributes:
        arch: ``(D,)`` its choices.
        accuracy: As evaluated; of another quality its worth, of which more is better.
        untried: The options of the next layer that are left to try, None: not looked up yet.
    """

    arch: Archs
    accuracy: float
    untried: list[int] | None = field(default=None)


@dataclass(frozen=True, eq=False)
class Step:
    """A layer of the programme.

    Attributes:
        columns: Its decisions.
        options: ``(m, k)`` what they may be.
        fill: What it and the decisions after it hold until they are decided.
    """

    columns: slice
    options: Archs
    fill: Archs


def make_steps(space: SearchSpace, cut: Cut) -> list[Step]:
    """The layers of a space, or its decisions."""
    default = space.default
    if cut == "layers":
        if space.stops is not None:
            # the last options stand in for layers that the default does not reach
            last = [layer.choices(np.array([layer.count - 1]))[0] for layer in space.layers]
            default = np.where(space.stops.going_on(default[None])[0], default, np.concatenate(last))
        return [Step(layer.slice, layer.options, default[layer.slice.start :]) for layer in space.layers]
    # where the default switches a decision off, its last choice stands in for when something else
    # switches it on
    last = space.max_choices - 1 - space.allowed[:, ::-1].argmax(axis=1)
    default = np.where(space.active(default[None])[0], default, last).astype(np.int8)
    # an inactive decision holds 0, whether or not that is allowed
    choices = [np.union1d(np.flatnonzero(row), 0).astype(np.int8)[:, None] for row in space.allowed]
    return [Step(slice(t, t + 1), options, default[t:]) for t, options in enumerate(choices)]


def stopped_by(space: SearchSpace, archs: Archs, step: Step) -> Bools:
    """``(N,)`` which networks end with a choice that is made up to this layer."""
    return np.asarray(space.ended(archs) & (space.lengths(archs) <= step.columns.stop))


class Filter:
    """Which options of a candidate's next layer are legal and can still meet the constraint."""

    def __init__(self, ledger: Ledger, layers: Sequence[Step]) -> None:
        self._ledger, self._space, self._layers = ledger, ledger.space, layers

    def fill(self, candidates: list[Candidate], layer: int) -> None:
        """Looks up the options of those candidates that are new, all at once."""
        new = [candidate for candidate in candidates if candidate.untried is None]
        step = self._layers[layer]
        if not new:
            return
        rows = np.repeat(np.stack([candidate.arch for candidate in new]), len(step.options), axis=0)
        rows[:, step.columns] = np.tile(step.options, (len(new), 1))
        rows[:, step.columns.stop :] = OPEN
        possible = self._legal(rows, step)
        possible[possible] = self._possible(rows[possible])
        for candidate, row in zip(new, possible.reshape(len(new), len(step.options)), strict=True):
            candidate.untried = np.flatnonzero(row).tolist()

    def _legal(self, prefixes: Archs, step: Step) -> Bools:
        """An option of a whole layer always is; a decision that is switched off must hold 0."""
        t = step.columns.start
        if step.columns.stop > t + 1:
            return np.ones(len(prefixes), dtype=bool)
        return np.asarray(self._space.mask(prefixes, t)[np.arange(len(prefixes)), prefixes[:, t]])

    def _possible(self, prefixes: Archs) -> Bools:
        limits = self._ledger.constraint
        possible = np.ones(len(prefixes), dtype=bool)
        if limits is None:
            return possible
        least, largest = self._ledger.cost_bounds(prefixes)
        if limits.upper is not None:
            possible &= least <= limits.upper
        if limits.lower is not None:
            possible &= largest >= limits.lower
        return possible


def least_costs(ledger: Ledger, archs: Archs, decided: int) -> Floats:
    """``(N,)`` least cost of the networks that share the first decisions of `archs`."""
    prefixes = archs.copy()
    prefixes[:, decided:] = OPEN
    return ledger.cost_bounds(prefixes)[0]


def wanted_costs(ledger: Ledger) -> tuple[float, float]:
    """Cost of the cheapest network, and the upper limit or the cost of the most expensive one."""
    low, high = ledger.cost_bounds(ledger.space.empty())
    limit = None if ledger.constraint is None else ledger.constraint.upper
    return float(low[0]), float(high[0]) if limit is None else min(limit, float(high[0]))


def reachable_costs(ledger: Ledger, layers: Sequence[Step]) -> tuple[list[float], list[float]]:
    """For each layer, the least and largest cost of the children made there.

    They have any options up to that layer, and later ones at default.
    """
    space = ledger.space
    assert ledger.cost_name is not None, "only called with a cost"
    if not space.can_enumerate:
        rows = np.repeat(space.default[None], len(layers), axis=0)
        for row, step in zip(rows, layers, strict=True):
            row[step.columns.start :] = step.fill
            row[: step.columns.stop] = OPEN
        low, high = ledger.cost_bounds(rows)
        return low.tolist(), high.tolist()
    # a table's bounds take prefixes only; but then everything can be looked at
    everything = space.enumerate()
    costs = ledger.costs(everything)[ledger.cost_name]
    filled = space.active(everything)
    least, largest = [], []
    for step in layers:
        later = slice(step.columns.stop, None)
        default = step.fill[step.columns.stop - step.columns.start :]
        undecided = ((everything[:, later] == default) | ~filled[:, later]).all(axis=1)
        least.append(float(costs[undecided].min()))
        largest.append(float(costs[undecided].max()))
    return least, largest
