"""`Walks`: N architectures that are built side by side, one decision a step, without a loop over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nasgym.observation import Observation, View
from nasgym.oracles.oracle import Ints
from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import Archs, SearchSpace

__all__ = ["ComputedWalks", "PrefixTree", "TabledWalks", "Walks", "make_walks"]

Bools = npt.NDArray[np.bool_]

# tables of observations up to this size are kept; Digits needs 1.6 MB, NATS-Bench size 8 MB
TABLE_BYTES = 64 * 2**20
CHUNK = 1 << 14


class Walks(Protocol):
    """N walks from the empty to a complete architecture; one ends with the last decision or an illegal choice.

    Attributes:
        some_ended: Whether any walk has ended.
        all_complete: Whether every architecture is complete; may be False where walks have ended at different times.
    """

    some_ended: bool
    all_complete: bool

    def restart(self, rows: Bools | None = None) -> None:
        """Empties the architectures of the given rows ``(N,)``, or all."""
        ...

    def move(self, choices: Ints) -> None:
        """Makes the current decision of every walk with ``(N,)`` choices of any value; ended walks start anew instead."""
        ...

    def ended(self) -> tuple[Bools, Bools]:
        """``(N,)`` which architectures are complete, and ``(N,)`` which walks an illegal choice has ended."""
        ...

    def observations(self) -> Observation:
        """``(N, W)`` what an agent sees, a fresh array."""
        ...

    def masks(self) -> npt.NDArray[np.int8]:
        """``(N, max_choices)`` legal choices as 0 and 1, a fresh array."""
        ...

    def archs(self) -> Archs:
        """``(N, D)`` the architectures so far, a fresh array."""
        ...

    def positions(self) -> Ints | None:
        """``(N,)`` positions of the complete architectures in `SearchSpace.enumerate`, anything elsewhere; None: not known."""
        ...


@dataclass(frozen=True)
class PrefixTree:
    """Every prefix of every architecture, numbered level by level and in the order of the space: the root is 0.

    Attributes:
        archs: ``(S, D)`` the prefixes; the last ones are `SearchSpace.enumerate`.
        steps: ``(S,)`` decisions made.
        children: ``(S - size, max_choices)`` number of the prefix with one more decision, -1 where that is illegal.
    """

    archs: Archs
    steps: Ints
    children: Ints

    @classmethod
    def of(cls, space: SearchSpace) -> PrefixTree:
        """The tree of a space that can be enumerated."""
        every = space.enumerate()
        # a row opens a new prefix of length t where it differs from the row before within its first t decisions
        differs = np.logical_or.accumulate(every[1:] != every[:-1], axis=1)
        rank = np.zeros((len(every), space.num_decisions + 1), dtype=np.int64)
        rank[1:, 1:] = differs.cumsum(axis=0)
        counts = rank[-1] + 1
        start = np.concatenate([[0], counts.cumsum()])
        archs = np.full((start[-1], space.num_decisions), OPEN, dtype=np.int8)
        children = np.full((start[-2], space.max_choices), -1, dtype=np.int64)
        for t in range(space.num_decisions):
            here, there = start[t] + rank[:, t], start[t + 1] + rank[:, t + 1]
            children[here, every[:, t]] = there
            archs[there, : t + 1] = every[:, : t + 1]
        return cls(archs, np.repeat(np.arange(space.num_decisions + 1), counts), children)


class TabledWalks:
    """Walks through a table of every state: a step is one look-up for the state, one for the observation, one for the mask.

    The states are the prefixes (inner ones, then complete ones), then the inner ones again, as an illegal choice leaves them.
    As long as every choice is legal, all walks have made the same number of decisions, the level; tokens and masks are then
    cheaper than a look-up.

    Args:
        view: What is seen.
        num: N.
    """

    def __init__(self, view: View, num: int) -> None:
        space = view.door.space
        tree = PrefixTree.of(space)
        self._decisions = space.num_decisions
        self._first_complete, self._first_illegal = len(tree.children), len(tree.archs)
        inner = np.arange(self._first_complete)
        self._archs = np.concatenate([tree.archs, tree.archs[inner]])
        steps = np.concatenate([tree.steps, np.full(len(inner), self._decisions)])
        # one more column than choices, for those that do not exist; states that have ended lead back to the root, 0
        following = np.zeros((len(steps), space.max_choices + 1), dtype=np.intp)
        following[: len(inner)] = self._first_illegal + inner[:, None]
        np.copyto(following[: len(inner), :-1], tree.children, where=tree.children >= 0)
        self._following = following.reshape(-1)
        chunks = [slice(start, start + CHUNK) for start in range(0, len(steps), CHUNK)]
        self._observations = np.concatenate([view.observe(self._archs[chunk], steps[chunk]) for chunk in chunks])
        self._masks = view.masks(self._archs, steps).astype(np.int8)
        levels = [self._masks[: self._first_illegal][tree.steps == t] for t in range(self._decisions + 1)]
        self._level_masks = [np.tile(m[0], (num, 1)) if (m == m[0]).all() else None for m in levels]
        # where a level has one mask, choices below this number are legal; elsewhere only the table knows
        self._free_choices = [int(np.logical_and.accumulate(m[0]).sum()) * bool((m == m[0]).all()) for m in levels]
        # arrays, because converting a Python number costs as much as the arithmetic
        self._radix, self._missing = np.array(space.max_choices + 1), np.array(space.max_choices, dtype=np.uint64)
        self._state, self._entry = np.zeros(num, dtype=np.intp), np.zeros(num, dtype=np.intp)
        self._column = np.zeros(num, dtype=np.uint64)
        self._start = np.repeat(self._observations[:1], num, axis=0)
        self._tokens = self._start.copy() if view.kind == "tokens" else None
        self.restart()

    def restart(self, rows: Bools | None = None) -> None:
        """See `Walks.restart`."""
        if rows is None or rows.all():
            self._state.fill(0)
            self._note(0)
            if self._tokens is not None:
                np.copyto(self._tokens, self._start)
        else:
            self._state[rows] = 0
            self._note(None)

    def _note(self, level: int | None) -> None:
        """Notes on which level all walks are, if they are on one."""
        self._level = level  # None: here and there
        self.all_complete = level == self._decisions
        self.some_ended = self.all_complete or (level is None and int(np.maximum.reduce(self._state)) >= self._first_complete)

    def move(self, choices: Ints) -> None:
        """See `Walks.move`."""
        if self.all_complete:
            self.restart()
            return
        level = self._level
        unsigned = choices.view(np.uint64)  # negative choices are large numbers
        free = 0 if level is None else self._free_choices[level]
        if level is not None and free and int(np.maximum.reduce(unsigned)) < free:
            self._follow(choices)
        else:
            # all choices that do not exist share the last column
            self._follow(np.minimum(unsigned, self._missing, out=self._column).view(np.intp))
            if level is None or int(np.maximum.reduce(self._state)) >= self._first_illegal:
                self._note(None)
                return
        if self._tokens is not None:
            self._tokens[:, level] = choices
        self._note(level + 1)

    def _follow(self, columns: npt.NDArray[np.intp]) -> None:
        """Replaces every state by the one behind a column of its row."""
        np.multiply(self._state, self._radix, out=self._entry)
        np.add(self._entry, columns, out=self._entry)
        # "clip" writes into `out` without a detour; no entry needs it
        self._following.take(self._entry, out=self._state, mode="clip")

    def ended(self) -> tuple[Bools, Bools]:
        """See `Walks.ended`."""
        illegal = self._state >= self._first_illegal
        return (self._state >= self._first_complete) & ~illegal, illegal

    def observations(self) -> Observation:
        """See `Walks.observations`."""
        if self._level == 0:
            return self._start.copy()
        if self._level is not None and self._tokens is not None:
            return self._tokens.copy()
        return self._observations.take(self._state, axis=0)

    def masks(self) -> npt.NDArray[np.int8]:
        """See `Walks.masks`."""
        shared = None if self._level is None else self._level_masks[self._level]
        return self._masks.take(self._state, axis=0) if shared is None else shared.copy()

    def archs(self) -> Archs:
        """See `Walks.archs`."""
        return self._archs.take(self._state, axis=0)

    def positions(self) -> Ints:
        """See `Walks.positions`."""
        return self._state - self._first_complete


class ComputedWalks:
    """Walks whose observations and masks are computed at every step, for spaces that are too large for tables.

    Args:
        view: What is seen.
        num: N.
    """

    def __init__(self, view: View, num: int) -> None:
        self._view, self._decisions = view, view.door.space.num_decisions
        self._archs = np.full((num, self._decisions), OPEN, dtype=np.int8)
        self._steps = np.zeros(num, dtype=np.int64)
        self._illegal = np.zeros(num, dtype=bool)
        self.restart()

    def restart(self, rows: Bools | None = None) -> None:
        """See `Walks.restart`."""
        which = ... if rows is None else rows
        self._archs[which], self._steps[which], self._illegal[which] = OPEN, 0, False
        self._look()

    def _look(self) -> None:
        self._legal = self._view.masks(self._archs, self._steps)
        complete = (self._steps == self._decisions) & ~self._illegal
        self.some_ended, self.all_complete = bool((self._steps == self._decisions).any()), bool(complete.all())

    def move(self, choices: Ints) -> None:
        """See `Walks.move`."""
        anew = self._steps == self._decisions
        exists = (choices >= 0) & (choices < self._legal.shape[1])
        legal = exists & self._legal[np.arange(len(choices)), np.where(exists, choices, 0)]
        rows = np.flatnonzero(legal & ~anew)
        self._archs[rows, self._steps[rows]] = choices[rows]
        self._steps[rows] += 1
        self._illegal = ~legal & ~anew
        self._steps[self._illegal] = self._decisions
        self._archs[anew], self._steps[anew] = OPEN, 0
        self._look()

    def ended(self) -> tuple[Bools, Bools]:
        """See `Walks.ended`."""
        return (self._steps == self._decisions) & ~self._illegal, self._illegal.copy()

    def observations(self) -> Observation:
        """See `Walks.observations`."""
        return self._view.observe(self._archs, self._steps)

    def masks(self) -> npt.NDArray[np.int8]:
        """See `Walks.masks`."""
        return self._legal.astype(np.int8)

    def archs(self) -> Archs:
        """See `Walks.archs`."""
        return self._archs.copy()

    def positions(self) -> None:
        """See `Walks.positions`: not known, the space may be too large to number."""
        return


def make_walks(view: View, num: int) -> Walks:
    """Tabled walks where the tables are small enough, else computed ones; both give the same."""
    space = view.door.space
    box = view.observation_space
    row = int(np.prod(box.shape)) * box.dtype.itemsize + space.num_decisions + 8 * (space.max_choices + 1)
    return TabledWalks(view, num) if space.size * row <= TABLE_BYTES else ComputedWalks(view, num)
