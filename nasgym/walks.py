"""`Walks`: N architectures that are built side by side, one decision a step, without a loop over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nasgym.observation import Observation, View, map_arrays
from nasgym.oracles.oracle import Floats, Ints
from nasgym.potential import Potential
from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import Archs, SearchSpace

__all__ = ["ComputedWalks", "PrefixTree", "TabledWalks", "Walks", "make_walks"]

Bools = npt.NDArray[np.bool_]

# tables of observations up to this size are kept; Digits needs 1.6 MB, NATS-Bench size 8 MB
TABLE_BYTES = 64 * 2**20
CHUNK = 1 << 14


class Walks(Protocol):
    """N walks from the empty to a complete architecture; one ends with the last step or a choice that the mask rules out.

    Where a method takes targets, ``(N,)`` of them replace the problem's; None means the problem's own.

    Attributes:
        some_ended: Whether any walk has ended.
        all_complete: Whether every architecture is complete; may be False where walks have ended at different times.
    """

    some_ended: bool
    all_complete: bool

    def restart(self, rows: Bools | None = None) -> None:
        """Empties the architectures of the given rows ``(N,)``, or all."""
        ...

    def move(self, choices: Ints, targets: Floats | None = None) -> None:
        """Makes the current step of every walk with ``(N,)`` choices of any value; ended walks start anew instead."""
        ...

    def ended(self) -> tuple[Bools, Bools]:
        """``(N,)`` which architectures are complete, and ``(N,)`` which walks an illegal choice has ended."""
        ...

    def observations(self, targets: Floats | None = None) -> Observation:
        """``(N, ...)`` what an agent sees, in fresh arrays."""
        ...

    def masks(self, targets: Floats | None = None) -> npt.NDArray[np.int8]:
        """``(N, max_choices)`` allowed choices as 0 and 1, a fresh array."""
        ...

    def potentials(self, targets: Floats | None = None) -> Floats:
        """``(N,)`` potentials of the architectures so far, a fresh array; anything where a walk has ended."""
        ...

    def rows(self) -> tuple[Archs, Ints]:
        """``(N, T)`` the choices so far, a fresh array, and ``(N,)`` the steps made, T where a walk has ended."""
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
    As long as every choice is legal, all walks have made the same number of steps, the level; tokens and masks are then
    cheaper than a look-up. Targets other than the problem's are not in the tables: what depends on them is computed from the
    states' least costs.

    Args:
        view: What is seen.
        num: N.
        potential: What shapes the rewards, or None.
    """

    def __init__(self, view: View, num: int, potential: Potential | None = None) -> None:
        space = view.steps.space
        tree = PrefixTree.of(space)
        self._view, self._potential, self._tree = view, potential, tree
        self._last = space.num_decisions
        self._first_complete, self._first_illegal = len(tree.children), len(tree.archs)
        inner = np.arange(self._first_complete)
        self._rows = np.concatenate([tree.archs, tree.archs[inner]])
        self._steps = np.concatenate([tree.steps, np.full(len(inner), self._last)])
        children = tree.children
        if view.feasibility is not None:
            possible = self._of_prefixes(view.feasibility.possible)
            children = np.where(possible[children], children, -1)
        self._following = self._follow_table(children)
        # look-ups for targets of one's own begin from what is legal, and rule out more
        self._following_any = self._following if children is tree.children else self._follow_table(tree.children)
        seen = [view.observe(self._rows[chunk], self._steps[chunk]) for chunk in _chunks(len(self._rows))]
        self._observations = map_arrays(lambda *parts: np.concatenate(parts), *seen)
        self._masks = self._mask_table(children)
        levels = [self._masks[: self._first_illegal][tree.steps == t] for t in range(self._last + 1)]
        self._level_masks = [np.tile(m[0], (num, 1)) if (m == m[0]).all() else None for m in levels]
        # where a level has one mask, choices below this number are legal; elsewhere only the table knows
        self._free_choices = [int(np.logical_and.accumulate(m[0]).sum()) * bool((m == m[0]).all()) for m in levels]
        self._jumps = [self._jump(children, level) for level in range(self._last)]
        # arrays, because converting a Python number costs as much as the arithmetic
        self._radix, self._missing = np.array(space.max_choices + 1), np.array(space.max_choices, dtype=np.uint64)
        self._state, self._entry = np.zeros(num, dtype=np.intp), np.zeros(num, dtype=np.intp)
        self._column = np.zeros(num, dtype=np.uint64)
        self._start = map_arrays(lambda table: np.repeat(table[:1], num, axis=0), self._observations)
        self._tokens = self._start.copy() if view.kind == "tokens" else None
        self.restart()

    def _of_prefixes(self, ask: Callable[[Archs], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """``(S,)`` the answers for every prefix of the tree, asked for in chunks."""
        archs = self._tree.archs
        return np.concatenate([ask(self._view.steps.to_archs(archs[chunk])) for chunk in _chunks(len(archs))])

    def _of_states(self, ask: Callable[[Archs], Floats]) -> Floats:
        """``(states,)`` the same for every state; an illegal choice leaves a prefix as it is."""
        values = self._of_prefixes(ask)
        return np.concatenate([values, values[: self._first_complete]])

    @cached_property
    def _least(self) -> Floats:
        return self._of_states(lambda archs: self._view.door.cost_bounds(archs)[0])

    @cached_property
    def _cheapest(self) -> Floats:
        """The least costs that masks compare with targets."""
        assert self._view.feasibility is not None, "masks know no cost"
        return self._of_states(self._view.feasibility.least)

    @cached_property
    def _cheapest_children(self) -> Floats:
        """``(states, max_choices)`` least cost behind each choice, infinite where it is illegal."""
        children = self._tree.children
        cheapest = np.full((len(self._steps), children.shape[1]), np.inf)
        cheapest[:, 0] = -np.inf  # index 0 alone, once an episode has ended
        cheapest[: len(children)] = np.where(children >= 0, self._cheapest[children], np.inf)
        return cheapest

    @cached_property
    def _potentials(self) -> Floats:
        assert self._potential is not None, "nothing shapes the rewards"
        return self._of_states(self._potential.of_prefixes)

    def _follow_table(self, children: Ints) -> npt.NDArray[np.intp]:
        """The state behind each choice of each state, flat; one more column than choices, for those that do not exist."""
        inner = np.arange(self._first_complete)
        # states that have ended lead back to the root, 0
        following = np.zeros((len(self._steps), children.shape[1] + 1), dtype=np.intp)
        following[: len(inner)] = self._first_illegal + inner[:, None]
        np.copyto(following[: len(inner), :-1], children, where=children >= 0)
        return following.reshape(-1)

    def _jump(self, children: Ints, level: int) -> tuple[Ints, Ints] | None:
        """(k, offset) of a level whose states all have the choices 0 to k - 1, and children in one row: k * state + offset + choice."""
        states, k = np.flatnonzero(self._tree.steps == level), self._free_choices[level]
        offset = int(children[states[0], 0]) - k * int(states[0])
        wanted = np.full((len(states), children.shape[1]), -1)
        wanted[:, :k] = k * states[:, None] + offset + np.arange(k)
        return (np.array(k), np.array(offset)) if k and (children[states] == wanted).all() else None

    def _mask_table(self, children: Ints) -> npt.NDArray[np.int8]:
        masks = np.zeros((len(self._steps), children.shape[1]), dtype=np.int8)
        masks[:, 0] = 1
        masks[: self._first_complete] = children >= 0
        return masks

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
        self.all_complete = level == self._last
        self.some_ended = self.all_complete if level is not None else bool(_largest(self._state) >= self._first_complete)

    def move(self, choices: Ints, targets: Floats | None = None) -> None:
        """See `Walks.move`."""
        if self.all_complete:
            self.restart()
            return
        level = self._level
        unsigned = choices.view(np.uint64)  # negative choices are large numbers
        free = 0 if level is None else self._free_choices[level]
        within = targets is not None and self._view.feasibility is not None
        legal = not within and free > 0 and bool(_largest(unsigned) < free)
        jump = self._jumps[level] if legal and level is not None else None
        if jump is not None:
            np.multiply(self._state, jump[0], out=self._state)
            np.add(self._state, choices, out=self._state)
            np.add(self._state, jump[1], out=self._state)
        elif within:
            self._follow_within(unsigned, np.asarray(targets))
        else:
            self._follow(self._following, choices if legal else self._existing(unsigned))
        if level is None or (not legal and _largest(self._state) >= self._first_illegal):
            self._note(None)
            return
        if self._tokens is not None:
            self._tokens[:, level] = choices
        self._note(level + 1)

    def _existing(self, unsigned: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
        """The columns of choices: all those that do not exist share the last one."""
        return np.minimum(unsigned, self._missing, out=self._column).view(np.intp)

    def _follow_within(self, unsigned: npt.NDArray[np.uint64], targets: Floats) -> None:
        """A move where each walk's own target rules choices out."""
        before = self._state.copy()
        self._follow(self._following_any, self._existing(unsigned))
        beyond = self._cheapest.take(self._state) > targets
        # a walk that starts anew stands at the root, which is never beyond: so these come from inner states
        self._state[beyond] = self._first_illegal + before[beyond]

    def _follow(self, table: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> None:
        """Replaces every state by the one behind a column of its row."""
        np.multiply(self._state, self._radix, out=self._entry)
        np.add(self._entry, columns, out=self._entry)
        # "clip" writes into `out` without a detour; no entry needs it
        table.take(self._entry, out=self._state, mode="clip")

    def ended(self) -> tuple[Bools, Bools]:
        """See `Walks.ended`."""
        illegal = self._state >= self._first_illegal
        return (self._state >= self._first_complete) & ~illegal, illegal

    def observations(self, targets: Floats | None = None) -> Observation:
        """See `Walks.observations`."""
        seen = self._fixed_observations()
        if targets is not None and self._view.sees_cost:
            self._view.aim(seen, self._least.take(self._state), targets)
        return seen

    def _fixed_observations(self) -> Observation:
        if self._level == 0:
            return map_arrays(np.copy, self._start)
        if self._level is not None and self._tokens is not None:
            return self._tokens.copy()
        if isinstance(self._observations, dict):
            return {key: table.take(self._state, axis=0) for key, table in self._observations.items()}
        return self._observations.take(self._state, axis=0)

    def masks(self, targets: Floats | None = None) -> npt.NDArray[np.int8]:
        """See `Walks.masks`."""
        if targets is not None and self._view.feasibility is not None:
            return (self._cheapest_children.take(self._state, axis=0) <= targets[:, None]).view(np.int8)
        shared = None if self._level is None else self._level_masks[self._level]
        return self._masks.take(self._state, axis=0) if shared is None else shared.copy()

    def potentials(self, targets: Floats | None = None) -> Floats:
        """See `Walks.potentials`."""
        if targets is None:
            return self._potentials.take(self._state)
        assert self._potential is not None, "nothing shapes the rewards"
        self._potential.check_free(targets)
        return self._potential.of_costs(self._least.take(self._state), targets)

    def rows(self) -> tuple[Archs, Ints]:
        """See `Walks.rows`."""
        return self._rows.take(self._state, axis=0), self._steps.take(self._state)

    def positions(self) -> Ints:
        """See `Walks.positions`."""
        return self._state - self._first_complete


class ComputedWalks:
    """Walks whose observations and masks are computed at every step, for spaces that are too large for tables.

    Args:
        view: What is seen.
        num: N.
        potential: What shapes the rewards, or None.
    """

    def __init__(self, view: View, num: int, potential: Potential | None = None) -> None:
        self._view, self._potential, self._last = view, potential, view.steps.space.num_decisions
        self._rows = np.full((num, self._last), OPEN, dtype=np.int8)
        self._steps = np.zeros(num, dtype=np.int64)
        self._illegal = np.zeros(num, dtype=bool)
        self.restart()

    def restart(self, rows: Bools | None = None) -> None:
        """See `Walks.restart`."""
        which = ... if rows is None else rows
        self._rows[which], self._steps[which], self._illegal[which] = OPEN, 0, False
        self._note()

    def _note(self) -> None:
        complete = (self._steps == self._last) & ~self._illegal
        self.some_ended, self.all_complete = bool((self._steps == self._last).any()), bool(complete.all())

    def move(self, choices: Ints, targets: Floats | None = None) -> None:
        """See `Walks.move`."""
        anew = self._steps == self._last
        allowed = self._view.masks(self._rows, self._steps, targets)
        exists = (choices >= 0) & (choices < allowed.shape[1])
        legal = exists & allowed[np.arange(len(choices)), np.where(exists, choices, 0)]
        walking = np.flatnonzero(legal & ~anew)
        self._rows[walking, self._steps[walking]] = choices[walking]
        self._steps[walking] += 1
        self._illegal = ~legal & ~anew
        self._steps[self._illegal] = self._last
        self._rows[anew], self._steps[anew] = OPEN, 0
        self._note()

    def ended(self) -> tuple[Bools, Bools]:
        """See `Walks.ended`."""
        return (self._steps == self._last) & ~self._illegal, self._illegal.copy()

    def observations(self, targets: Floats | None = None) -> Observation:
        """See `Walks.observations`."""
        return self._view.observe(self._rows, self._steps, targets)

    def masks(self, targets: Floats | None = None) -> npt.NDArray[np.int8]:
        """See `Walks.masks`."""
        return self._view.masks(self._rows, self._steps, targets).view(np.int8)

    def potentials(self, targets: Floats | None = None) -> Floats:
        """See `Walks.potentials`."""
        assert self._potential is not None, "nothing shapes the rewards"
        return self._potential.of_prefixes(self._view.steps.to_archs(self._rows), targets)

    def rows(self) -> tuple[Archs, Ints]:
        """See `Walks.rows`."""
        return self._rows.copy(), self._steps.copy()

    def positions(self) -> None:
        """See `Walks.positions`: not known, the space may be too large to number."""
        return


def _largest(values: npt.NDArray[Any]) -> Any:
    """The largest value; finding its place is several times faster than reducing."""
    return values[values.argmax()]


def _chunks(length: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, length, CHUNK)]


def make_walks(view: View, num: int, potential: Potential | None = None) -> Walks:
    """Tabled walks where the tables are small enough, else computed ones; both give the same."""
    space = view.steps.space
    row = 4 * (int(space.num_choices.sum()) + space.num_decisions) + space.num_decisions + 8 * (space.max_choices + 1)
    tabled = space.size * row <= TABLE_BYTES
    return TabledWalks(view, num, potential) if tabled else ComputedWalks(view, num, potential)
