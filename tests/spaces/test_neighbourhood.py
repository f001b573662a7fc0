"""Neighbours of the same length are counted and made by number, however many there are."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.agents.common.mutation import mutate
from nasgym.errors import InvalidValue
from nasgym.spaces import Decision, SearchSpace
from nasgym.spaces.neighbourhood import Neighbourhood


def switched_space(count: int) -> SearchSpace:
    """A decision "off" or "on", and after "on" that many of two choices; and one of three."""
    inputs = [Decision(f"from{i}", (0, 1), "input", ("op", ("on",))) for i in range(count)]
    decisions = [Decision("op", ("off", "on"), "op"), *inputs, Decision("width", (8, 16, 24), "width")]
    return SearchSpace("switched", decisions, layers=[("one", count + 1), ("width", 1)])


def test_one_of_a_billion_neighbours_is_drawn_without_a_list():
    space = switched_space(30)
    off = np.zeros((2000, 32), dtype=np.int8)
    assert Neighbourhood(space, off[:1]).degree == 2**30 + 2
    children = mutate(space, off, np.random.default_rng(0))
    # two neighbours in a billion are other widths
    assert (children[:, 0] == 1).all()
    # every input comes in half of the time: 1000 of 2000, standard deviation 22
    assert (np.abs(children[:, 1:31].sum(axis=0) - 1000) < 112).all()
    with pytest.raises(InvalidValue, match=r"1,073,741,826 neighbours, at most 1,000,000 can be listed.*mutate"):
        space.neighbours(off[:1])
    # back there is one way
    assert np.bincount(space.neighbours(children[:3])[1]).tolist() == [1 + 30 + 2] * 3


def test_neighbours_that_are_listed_in_pieces_are_all_of_them():
    space = switched_space(17)
    found, owner = space.neighbours(np.zeros((1, 19), dtype=np.int8))
    assert len(found) == len(owner) == 2**17 + 2
    np.testing.assert_array_equal(space.index_of(found), [*range(3, space.size, 3), 1, 2])


def test_neighbours_beyond_64_bits_are_refused_by_name():
    one = [Decision("op", ("off", "on"), "op"), *(Decision(f"d{i}", (0, 1), "op", ("op", ("on",))) for i in range(62))]
    space = SearchSpace("beyond", one, layers=[("one", 63)])
    with pytest.raises(InvalidValue, match=r"4\.61e\+18 neighbours, too many to number"):
        mutate(space, np.zeros((1, 63), dtype=np.int8), np.random.default_rng(0))
