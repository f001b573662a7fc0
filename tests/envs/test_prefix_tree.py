"""Every prefix once, shared by all who play a space."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from nasgym.envs.prefix_tree import PrefixTree
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
