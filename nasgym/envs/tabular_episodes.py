"""`TabularEpisodes`: episodes that look everything up in tables of all states."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.envs.observation import Observation, Observer, map_arrays
from nasgym.envs.potential import Potential
from nasgym.envs.prefix_tree import PrefixTree
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["TabularEpisodes"]


CHUNK = 1 << 14


class TabularEpisodes:
    """Episodes through a table of every state.

    A step is one look-up for the state, one for the observation and one for the mask. The states
    are the prefixes (inner ones, then complete ones), then the inner ones again, as an illegal
    choice leaves them. As long as every choice is legal and none is a stop, all episodes have made
    the same number of steps, the level; tokens and masks are then cheaper than a look-up. Targets
    other than the problem's are not in the tables: what depends on them is computed from the
    states' least costs.

    Args:
        observer: What is seen.
        num: N.
        potential: What shapes the rewards, or None.
    """

    def __init__(self, observer: Observer, num: int, potential: Potential | None = None) -> None:
        space = observer.steps.space
        tree = PrefixTree.of(space)
        self._observer, self._potential, self._tree = observer, potential, tree
        self._last = space.num_decisions
        self._first_complete, self._first_illegal = len(tree.children), len(tree.archs)
        inner = np.arange(self._first_complete)
        self._rows = np.concatenate([tree.archs, tree.archs[inner]])
        self._steps = np.concatenate([tree.steps, np.full(len(inner), self._last)])
        children = tree.children
        if observer.feasibility is not None:
            possible = self._of_prefixes(observer.feasibility.possible)
            children = np.where(possible[children], children, -1)
        self._following = self._follow_table(children)
        # look-ups for an episode's own target begin from what is legal, and rule out more
        self._following_any = self._following if children is tree.children else self._follow_table(tree.children)
        least = self._least if observer.has_target and observer.sees_cost else None
        seen = [
            observer.observe(self._rows[chunk], self._steps[chunk], least=None if least is None else least[chunk])
            for chunk in _chunks(len(self._rows))
        ]
        self._observations = map_arrays(lambda *parts: np.concatenate(parts), *seen)
        self._masks = self._mask_table(children)
        levels = [self._masks[: self._first_illegal][tree.steps == t] for t in range(self._last + 1)]
        self._level_masks = [np.tile(m[0], (num, 1)) if _alike(m) else None for m in levels]
        # where a level has one mask, choices below this number are legal; elsewhere only the table
        # knows
        self._free_choices = [int(np.logical_and.accumulate(m[0]).sum()) if _alike(m) else 0 for m in levels]
        # levels from which a stop leads to complete architectures
        inner = tree.steps[: self._first_complete]
        self._stops = np.bincount(inner[(tree.children >= self._first_complete).any(axis=1)], minlength=self._last) > 0
        self._jumps = [self._jump(children, level) for level in range(self._last)]
        # arrays, because converting a Python number costs as much as the arithmetic
        self._radix, self._missing = np.array(space.max_choices + 1), np.array(space.max_choices, dtype=np.uint64)
        self._state, self._entry = np.zeros(num, dtype=np.intp), np.zeros(num, dtype=np.intp)
        self._column = np.zeros(num, dtype=np.uint64)
        self._start = map_arrays(lambda table: np.repeat(table[:1], num, axis=0), self._observations)
        self._tokens = self._start.copy() if observer.kind == "tokens" else None
        self.restart()

    def _of_prefixes(self, ask: Callable[[Archs], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """``(S,)`` the answers for every prefix of the tree, asked for in chunks."""
        archs = self._tree.archs
        return np.concatenate([ask(self._observer.steps.to_archs(archs[chunk])) for chunk in _chunks(len(archs))])

    def _of_states(self, ask: Callable[[Archs], Floats]) -> Floats:
        """``(states,)`` the same for every state; an illegal choice leaves a prefix as it is."""
        values = self._of_prefixes(ask)
        return np.concatenate([values, values[: self._first_complete]])

    @cached_property
    def _least(self) -> Floats:
        evaluator, kept = self._observer.evaluator, self._tree.kept
        cost = evaluator.cost_fingerprint
        if cost is None or not evaluator.free_costs:
            return self._of_states(lambda archs: evaluator.cost_bounds(archs)[0])
        if cost not in kept:
            kept[cost] = self._of_states(lambda archs: evaluator.cost_bounds(archs)[0])
            kept[cost].setflags(write=False)
        return kept[cost]

    @cached_property
    def _cheapest(self) -> Floats:
        """The least costs that masks compare with targets."""
        assert self._observer.feasibility is not None, "masks know no cost"
        return self._of_states(self._observer.feasibility.least)

    @cached_property
    def _cheapest_children(self) -> Floats:
        """``(states, max_choices)`` least cost after each choice, infinite where it is illegal."""
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
        """The state after each choice of each state, flat.

        There is one more column than choices, for those that do not exist.
        """
        inner = np.arange(self._first_complete)
        # states that have ended lead back to the root, 0
        following = np.zeros((len(self._steps), children.shape[1] + 1), dtype=np.intp)
        following[: len(inner)] = self._first_illegal + inner[:, None]
        np.copyto(following[: len(inner), :-1], children, where=children >= 0)
        return following.reshape(-1)

    def _jump(self, children: Ints, level: int) -> tuple[Ints, Ints] | None:
        """(k, offset) of a level whose states' children follow by arithmetic, or None.

        All these states have the choices 0 to k - 1, and their children stand in one row:
        ``k * state + offset + choice``.
        """
        states, k = np.flatnonzero(self._tree.steps == level), self._free_choices[level]
        if not len(states):
            return None
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
        """See `Episodes.restart`."""
        if rows is None or rows.all():
            self._state.fill(0)
            self._note(0)
            if self._tokens is not None:
                np.copyto(self._tokens, self._start)
        else:
            self._state[rows] = 0
            self._note(None)

    def _note(self, level: int | None) -> None:
        """Notes on which level all episodes are, if they are on one."""
        self._level = level  # None: on different levels
        self.all_complete = level == self._last
        self.some_ended = self.all_complete if level is not None else bool(_largest(self._state) >= self._first_complete)

    def move(self, choices: Ints, targets: Floats | None = None) -> None:
        """See `Episodes.move`."""
        if self.all_complete:
            self.restart()
            return
        level = self._level
        unsigned = choices.view(np.uint64)  # negative choices are large numbers
        free = 0 if level is None else self._free_choices[level]
        within = targets is not None and self._observer.feasibility is not None
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
        if self._stops[level] and level + 1 < self._last and _largest(self._state) >= self._first_complete:
            self._note(None)
            return
        if self._tokens is not None:
            self._tokens[:, level] = choices
        self._note(level + 1)

    def _existing(self, unsigned: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
        """The columns of choices: all those that do not exist share the last one."""
        return np.minimum(unsigned, self._missing, out=self._column).view(np.intp)

    def _follow_within(self, unsigned: npt.NDArray[np.uint64], targets: Floats) -> None:
        """A move where each episode's own target rules choices out."""
        before = self._state.copy()
        self._follow(self._following_any, self._existing(unsigned))
        beyond = self._cheapest.take(self._state) > targets
        # an episode that starts again stands at the root, which is never beyond: so these come from
        # inner states
        self._state[beyond] = self._first_illegal + before[beyond]

    def _follow(self, table: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> None:
        """Replaces every state by the one that a column of its row names."""
        np.multiply(self._state, self._radix, out=self._entry)
        np.add(self._entry, columns, out=self._entry)
        # "clip" writes straight into `out`; no entry is out of range
        table.take(self._entry, out=self._state, mode="clip")

    def ended(self) -> tuple[Bools, Bools]:
        """See `Episodes.ended`."""
        illegal = self._state >= self._first_illegal
        return (self._state >= self._first_complete) & ~illegal, illegal

    def observations(self, targets: Floats | None = None) -> Observation:
        """See `Episodes.observations`."""
        seen = self._fixed_observations()
        if targets is not None and self._observer.sees_cost:
            self._observer.aim(seen, self._least.take(self._state), targets)
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
        """See `Episodes.masks`."""
        if targets is not None and self._observer.feasibility is not None:
            return (self._cheapest_children.take(self._state, axis=0) <= targets[:, None]).view(np.int8)
        shared = None if self._level is None else self._level_masks[self._level]
        return self._masks.take(self._state, axis=0) if shared is None else shared.copy()

    def potentials(self, targets: Floats | None = None) -> Floats:
        """See `Episodes.potentials`."""
        if targets is None:
            return self._potentials.take(self._state)
        assert self._potential is not None, "nothing shapes the rewards"
        self._potential.check_free(targets)
        return self._potential.of_costs(self._least.take(self._state), targets)

    def rows(self) -> tuple[Archs, Ints]:
        """See `Episodes.rows`."""
        return self._rows.take(self._state, axis=0), self._steps.take(self._state)

    def positions(self) -> Ints:
        """See `Episodes.positions`."""
        return self._state - self._first_complete


def _alike(rows: npt.NDArray[Any]) -> bool:
    """Whether there are rows, and all are equal."""
    return bool(len(rows) and (rows == rows[0]).all())


def _largest(values: npt.NDArray[Any]) -> Any:
    """The largest value; ``argmax`` is several times faster than ``max``."""
    return values[values.argmax()]


def _chunks(length: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, length, CHUNK)]
