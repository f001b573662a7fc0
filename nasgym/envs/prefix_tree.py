"""`PrefixTree`: every prefix of every architecture, numbered."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["PrefixTree"]


@dataclass(frozen=True)
class PrefixTree:
    """Every prefix of every architecture, numbered level by level in the order of the space.

    The root is 0.

    Attributes:
        archs: ``(S, D)`` the prefixes; the last ones are `SearchSpace.enumerate`.
        steps: ``(S,)`` decisions made, D where the architecture is complete.
        children: ``(S - size, max_choices)`` number of the prefix with one more decision, -1 where
            that is illegal. A stop leads to the complete architecture.
        kept: What was computed for all prefixes, by the fingerprint of what computed it.
    """

    archs: Archs
    steps: Ints
    children: Ints
    kept: dict[str, Floats] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, space: SearchSpace) -> PrefixTree:
        """The tree of a space that can be enumerated, kept as long as the space is.

        Every search of a problem plays the same space, so the arrays are shared and read-only.
        """
        if space not in _trees:
            tree = _trees[space] = cls._grow(space)
            for array in (tree.archs, tree.steps, tree.children):
                array.setflags(write=False)
        return _trees[space]

    @classmethod
    def _grow(cls, space: SearchSpace) -> PrefixTree:
        every, lengths = space.enumerate(), space.lengths(space.enumerate())
        # a row opens a new prefix of length t where it differs from the row before within its first
        # t decisions, unless it is complete by then
        opens = np.ones((len(every), space.num_decisions), dtype=bool)
        opens[1:, 0] = False
        np.logical_or.accumulate((every[1:] != every[:-1])[:, :-1], axis=1, out=opens[1:, 1:])
        opens &= np.arange(space.num_decisions) < lengths[:, None]
        rank = opens.cumsum(axis=0) - 1
        counts = np.append(rank[-1] + 1, len(every))
        start = np.concatenate([[0], counts.cumsum()])
        archs = np.full((start[-1], space.num_decisions), OPEN, dtype=np.int8)
        children = np.full((start[-2], space.max_choices), -1, dtype=np.int64)
        archs[start[-2] :] = every
        for t in range(space.num_decisions):
            going = np.flatnonzero(lengths > t)
            last = lengths[going] == t + 1
            nearer = rank[going, min(t + 1, space.num_decisions - 1)] + start[t + 1]
            here, there = start[t] + rank[going, t], np.where(last, start[-2] + going, nearer)
            children[here, every[going, t]] = there
            archs[there[~last], : t + 1] = every[going[~last], : t + 1]
        return cls(archs, np.repeat(np.arange(space.num_decisions + 1), counts), children)


_trees: WeakKeyDictionary[SearchSpace, PrefixTree] = WeakKeyDictionary()
