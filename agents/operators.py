"""Operators that several agents share: mutation that respects masks."""

from __future__ import annotations

import numpy as np

from nasgym.spaces.space import Archs, SearchSpace

__all__ = ["mutate"]


def mutate(space: SearchSpace, archs: Archs, rng: np.random.Generator) -> Archs:
    """``(N, D)`` one random edit of each valid architecture: a uniformly drawn neighbour.

    In spaces whose decisions all have the same number of choices this is "a uniform decision, a uniform other choice".
    An architecture without neighbours stays as it is.
    """
    found, owner = space.neighbours(archs)
    counts = np.bincount(owner, minlength=len(archs))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    children = archs.copy()
    movable = counts > 0
    children[movable] = found[first[movable] + rng.integers(0, counts[movable])]
    return children
