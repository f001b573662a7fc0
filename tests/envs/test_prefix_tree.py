"""Every prefix once, shared by all who play a space."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from nasgym.envs.prefix_tree import PrefixTree
from nasgym.problems.problem import Problem
from nasgym.rewards import Constrained
from tests.tiny import tiny_space


def test_every_prefix_stands_once_and_leads_to_its_continuations():
    space = tiny_space()
    tree = PrefixTree.of(space)
    every = space.enumerate()
    wanted = {(*row[:t], *[-1] * (len(row) - t)) for row in every.tolist() for t in range(len(row) + 1)}
    assert {tuple(row) for row in tree.archs.tolist()} == wanted
    assert len(tree.archs) == len(wanted)
    np.testing.assert_array_equal(tree.archs[-len(every) :], every)
    for number, children in enumerate(tree.children):
        step = int(tree.steps[number])
        legal = space.mask(tree.archs[[number]], step)[0]
        np.testing.assert_array_equal(children >= 0, legal)
        for choice in np.flatnonzero(legal):
            longer = tree.archs[number].copy()
            longer[step] = choice
            np.testing.assert_array_equal(tree.archs[children[choice]], longer)


def test_bounds_of_prefixes_are_those_of_the_cost_that_asks():
    from nasgym.envs.core import EnvCore
    from nasgym.envs.episodes import make_episodes
    from tests.tiny import tiny_problem

    one = tiny_problem(rule=Constrained(), target=20.0)
    costs = list(one.cost_oracles.values())
    # the same space, and another primary cost
    other = Problem(one.space, one.accuracy, costs[::-1], Constrained(), target=20.0)
    for problem in (one, other, one):
        episodes = make_episodes(EnvCore.open(problem).observer, 1)
        tree = PrefixTree.of(problem.space)
        np.testing.assert_array_equal(episodes._least[: len(tree.archs)], problem.cost_bounds(tree.archs)[0])
    assert set(tree.kept) == {cost.fingerprint for cost in costs}


def test_a_space_has_one_tree_that_nobody_can_change_and_that_goes_with_it():
    space = tiny_space()
    tree = PrefixTree.of(space)
    assert PrefixTree.of(space) is tree
    assert PrefixTree.of(tiny_space()) is not tree
    with pytest.raises(ValueError, match="read-only"):
        tree.children[0, 0] = 3
    gone = weakref.ref(tree)
    del tree, space
    gc.collect()
    assert gone() is None
