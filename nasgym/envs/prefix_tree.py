"""`PrefixTree`: every prefix of every architecture, numbered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Ints

__all__ = ["PrefixTree"]


@dataclass(frozen=True)
class PrefixTree:
    """Every prefix of every architecture, numbered level by level in the order of the space.

    The root is 0.

    Attributes:
        archs: ``(S, D)`` the prefixes; the last ones are `SearchSpace.enumerate`.
        steps: ``(S,)`` decisions made.
        children: ``(S - size, max_choices)`` number of the prefix with one more decision, -1 where
            that is illegal.
    """

    archs: Archs
    steps: Ints
    children: Ints

    @classmethod
    def of(cls, space: SearchSpace) -> PrefixTree:
        """The tree of a space that can be enumerated."""
        every = space.enumerate()
        # a row opens a new prefix of length t where it differs from the row before within its first
        # t decisions
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
