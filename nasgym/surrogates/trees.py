"""`Trees`: sums of small regression trees, as plain arrays, and their predictions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError
from nasgym.surrogates.features import ArchFeatures
from nasgym.type_aliases import Bools, Floats, Ints

__all__ = ["MAX_LEAVES", "Trees"]

Bits = npt.NDArray[np.uint8]

# the leaves of a tree are the bits of one byte
MAX_LEAVES = 8
LEAF_OF_BIT = np.zeros(256, dtype=np.int32)
LEAF_OF_BIT[1 << np.arange(MAX_LEAVES)] = np.arange(MAX_LEAVES)
# numpy's letter for what an array holds: whole numbers, fractions, truth values
KINDS = {
    **dict.fromkeys(("feature", "left", "right", "first_nodes", "first_trees"), "i"),
    **dict.fromkeys(("threshold", "value", "baseline"), "f"),
    "missing_left": "b",
}
# rows at a time: what they need stays in the processor's cache
CHUNK = 512


@dataclass(frozen=True)
class Trees:
    """Several models; a model is a baseline plus the values of one leaf of each of its trees.

    The nodes of all trees stand one after the other; a node's children come after it, in the same
    tree.

    Attributes:
        feature: ``(nodes,)`` column that a node asks about, -1 for a leaf.
        threshold: ``(nodes,)`` left where the column's number is at most this.
        missing_left: ``(nodes,)`` whether a missing number (NaN) goes left.
        left, right: ``(nodes,)`` positions of the children, counted from the first node of all; 0
            for a leaf.
        value: ``(nodes,)`` what a leaf adds.
        first_nodes: ``(trees + 1,)`` where each tree begins, and the number of nodes.
        first_trees: ``(models + 1,)`` where each model begins, and the number of trees.
        baseline: ``(models,)``.

    Raises:
        DataError: The arrays do not fit together.
    """

    feature: Ints
    threshold: Floats
    missing_left: Bools
    left: Ints
    right: Ints
    value: Floats
    first_nodes: Ints
    first_trees: Ints
    baseline: Floats
    _models: dict[int, _BitTrees] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self._fit_together():
            raise DataError(f"the arrays of these trees do not fit together; trees have at most {MAX_LEAVES} leaves.")

    def _fit_together(self) -> bool:
        # in this order: each check may rely on those before it
        if any(array.ndim != 1 or array.dtype.kind != KINDS[name] for name, array in self.arrays().items()):
            return False
        nodes, trees = len(self.feature), len(self.first_nodes) - 1
        if any(len(array) != nodes for array in (self.threshold, self.missing_left, self.left, self.right, self.value)):
            return False
        if not _ascend(self.first_nodes, nodes) or not _ascend(self.first_trees, trees) or not np.diff(self.first_nodes).all():
            return False
        # a threshold may be infinite, where a node asks whether a number is missing
        finite = np.isfinite(self.value).all() and np.isfinite(self.baseline).all() and not np.isnan(self.threshold).any()
        if len(self.baseline) != len(self.first_trees) - 1 or not finite:
            return False
        ends = np.repeat(self.first_nodes[1:], np.diff(self.first_nodes))
        inner = self.feature >= 0
        for child in (self.left[inner], self.right[inner]):
            if not ((child > np.flatnonzero(inner)) & (child < ends[inner])).all():
                return False
        # a node is the child of one other, unless its tree begins with it
        parents = np.bincount(np.concatenate([self.left[inner], self.right[inner]]), minlength=nodes)
        wanted = np.ones(nodes, dtype=np.int64)
        wanted[self.first_nodes[:-1]] = 0
        leaves = np.bincount(self.tree_of_node[~inner], minlength=trees)
        return bool((parents == wanted).all()) and int(leaves.max(initial=0)) <= MAX_LEAVES

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the arrays."""
        return tuple(f.name for f in fields(cls) if f.init and not f.name.startswith("_"))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in self.names()}

    @property
    def tree_of_node(self) -> Ints:
        """``(nodes,)`` number of the tree that a node belongs to."""
        return np.repeat(np.arange(len(self.first_nodes) - 1), np.diff(self.first_nodes))

    def predict(self, model: int, features: ArchFeatures, codes: Ints) -> Floats:
        """``(N,)`` predictions of one model, from the codes of the architectures' features."""
        if model not in self._models:
            self._models[model] = _BitTrees(self, model, features)
        return self._models[model](codes)


def _ascend(starts: Ints, end: int) -> bool:
    return bool(starts.ndim == 1 and len(starts) and starts[0] == 0 and starts[-1] == end and (np.diff(starts) >= 0).all())


class _BitTrees:
    """One model, turned into look-ups.

    Every decision has few values, and each of them rules out some leaves of each tree: those on the
    other side of the nodes that ask about it. The leaves that a decision's value leaves over are a
    byte for each tree; the bitwise "and" of those bytes over all decisions has exactly one bit
    left, the leaf where the architecture ends.
    """

    def __init__(self, trees: Trees, model: int, features: ArchFeatures) -> None:
        first, last = trees.first_trees[model : model + 2].tolist()
        nodes = slice(*trees.first_nodes[[first, last]].tolist())
        start = nodes.start
        feature, tree = trees.feature[nodes], trees.tree_of_node[nodes] - first
        inner, leaf = np.flatnonzero(feature >= 0), np.flatnonzero(feature < 0)
        under = _leaves_under(feature, trees.left[nodes] - start, trees.right[nodes] - start, tree)
        # ruled out: the leaves under the child that is not taken
        values = features.values[feature[inner]]
        to_left = np.where(
            np.isnan(values), trees.missing_left[nodes][inner, None], values <= trees.threshold[nodes][inner, None]
        )
        left, right = under[trees.left[nodes][inner] - start, None], under[trees.right[nodes][inner] - start, None]
        stay = ~np.where(to_left, right, left)
        self._stay: Bits = np.full((features.space.num_decisions, features.num_codes, last - first), 255, dtype=np.uint8)
        places = features.decisions[feature[inner], None], np.arange(features.num_codes)[None], tree[inner, None]
        np.bitwise_and.at(self._stay, places, stay)
        self._asked = np.unique(features.decisions[feature[inner]])
        self._values = np.zeros((last - first) * MAX_LEAVES)
        self._values[tree[leaf] * MAX_LEAVES + LEAF_OF_BIT[under[leaf]]] = trees.value[nodes][leaf]
        self._offsets = MAX_LEAVES * np.arange(last - first, dtype=np.int32)
        self._all = under[trees.first_nodes[first:last] - start]
        self._baseline = float(trees.baseline[model])

    def __call__(self, codes: Ints) -> Floats:
        out = np.empty(len(codes))
        for start in range(0, len(codes), CHUNK):
            rows = codes[start : start + CHUNK]
            alive = np.repeat(self._all[None], len(rows), axis=0)
            for t in self._asked:
                alive &= self._stay[t].take(rows[:, t], axis=0)
            leaves = LEAF_OF_BIT.take(alive)
            leaves += self._offsets
            out[start : start + CHUNK] = self._values.take(leaves).sum(axis=1)
        return out + self._baseline


def _leaves_under(feature: Ints, left: Ints, right: Ints, tree: Ints) -> Bits:
    """``(nodes,)`` the leaves under each node as bits.

    A tree's leaves are numbered in the order in which they stand.
    """
    leaf = np.flatnonzero(feature < 0)
    starts = np.searchsorted(tree[leaf], tree[leaf])
    under = np.zeros(len(feature), dtype=np.uint8)
    under[leaf] = 1 << (np.arange(len(leaf)) - starts)
    inner = np.flatnonzero(feature >= 0)
    while len(inner) and not under[inner].all():
        # a level more each time: a node is known when both of its children are
        known = (under[left[inner]] > 0) & (under[right[inner]] > 0)
        under[inner[known]] = under[left[inner[known]]] | under[right[inner[known]]]
    return under
