"""Operators that several agents share: mutations that respect masks, and uniform draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.spaces.nats_bench import EDGES, SizeSpace, TopologySpace
from nasgym.spaces.neighbourhood import Neighbourhood
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["MUTATIONS", "Mutation", "draw_choices", "mutate", "mutate_choice", "mutate_nats_bench", "mutation"]

Mutation: TypeAlias = Callable[[SearchSpace, Archs, np.random.Generator], Archs]


def draw_choices(space: SearchSpace, rng: np.random.Generator, n: int) -> Archs:
    """``(n, D)`` a uniform allowed choice for every decision, also for inactive ones.

    Inactive decisions should hold 0. With them cleared this is another distribution than
    `SearchSpace.sample`: each depth is as likely as the others, whereas most valid architectures
    have the largest.
    """
    nth = rng.integers(0, space.allowed.sum(axis=1), size=(n, space.num_decisions))
    # each decision's allowed choices come first, in their order
    choices = np.argsort(~space.allowed, axis=1, kind="stable").astype(np.int8)
    return np.asarray(choices[np.arange(space.num_decisions), nth])


def mutate(space: SearchSpace, archs: Archs, rng: np.random.Generator) -> Archs:
    """``(N, D)`` one random edit of each valid architecture: a uniformly drawn neighbour.

    In spaces whose decisions all have the same number of choices this is "a uniform decision, a
    uniform other choice". An architecture without neighbours stays as it is.
    """
    if not (space.fixed_length and all(layer.is_listed for layer in space.layers)):
        return _mutate_counted(space, archs, rng)
    moves = _MOVES.get(space) or _MOVES.setdefault(space, _Moves.of(space))
    codes = moves.offset + archs @ moves.radix
    ends = moves.degree[codes].cumsum(axis=1)
    total = ends[:, -1]
    movable = total > 0
    if not movable.all():
        children = archs.copy()
        if movable.any():
            children[movable] = mutate(space, archs[movable], rng)
        return children
    # a layer is hit in proportion to the number of neighbours that it contributes; then one of
    # those
    drawn = rng.integers(0, total)
    layer = (drawn[:, None] >= ends).sum(axis=1)
    rows = np.arange(len(archs))
    nth = drawn - ends[rows, layer] + moves.degree[codes[rows, layer]]
    edits = moves.start[codes[rows, layer]] + nth
    return np.where(moves.inside[layer], moves.edited[edits], archs)


def _mutate_counted(space: SearchSpace, archs: Archs, rng: np.random.Generator) -> Archs:
    """As `mutate`, without tables: neighbours are counted, and those that are drawn are made."""
    around = Neighbourhood(space, archs)
    movable = np.flatnonzero(around.degree > 0)
    children = archs.copy()
    children[movable] = around.take(movable, rng.integers(0, around.degree[movable]))
    return children


def mutate_choice(space: SearchSpace, archs: Archs, rng: np.random.Generator) -> Archs:
    """``(N, D)`` one active decision of each valid architecture takes another of its choices.

    Decision and choice are drawn uniformly. Decisions that this switches on take a uniform choice
    each; those that it switches off fall back to 0. In spaces whose decisions are always active and
    equally many-sided this is `mutate`; where depths switch blocks on, `mutate` mostly makes
    networks deeper, because each combination of the new blocks' choices is a neighbour.
    """
    several = space.allowed.sum(axis=1) > 1
    before = space.active(archs)
    score = np.where(before & several, rng.random(archs.shape), -1.0)
    column = score.argmax(axis=1)
    rows = np.arange(len(archs))
    movable = score[rows, column] >= 0
    others = space.allowed[column].copy()
    others[rows, archs[rows, column]] = False
    choice = np.where(others, rng.random(others.shape), -1.0).argmax(axis=1)
    children = archs.copy()
    children[rows[movable], column[movable]] = choice[movable]
    fresh = space.active(children) & ~before
    return space.clear_inactive(np.where(fresh, draw_choices(space, rng, len(archs)), children))


def mutate_nats_bench(space: SearchSpace, archs: Archs, rng: np.random.Generator) -> Archs:
    """``(N, D)`` the mutation of NATS-Bench's own evolution (2009.00437; its code).

    Neighbours are not equally likely. Topology: a uniform node, one of its edges uniformly, another
    operation (the first edge is hit a third of the time, the two of the second node a sixth each,
    the three of the third a ninth each). Sizes: a uniform position, a uniform width, which may be
    the old one. In a restricted space only allowed choices are drawn; an edge that has a single one
    keeps it.

    Raises:
        InvalidValue: The space is neither of NATS-Bench's.
    """
    n = len(archs)
    children = archs.copy()
    if isinstance(space, TopologySpace):
        targets = np.array([target for _, target in EDGES])
        first, edges = np.searchsorted(targets, [1, 2, 3]), np.bincount(targets)[1:]
        node = rng.integers(0, len(edges), n)
        column = first[node] + rng.integers(0, edges[node])
    elif isinstance(space, SizeSpace):
        column = rng.integers(0, space.num_decisions, n)
    else:
        raise InvalidValue(
            f"mutation 'nats-bench' is defined for the spaces 'nats-tss' and 'nats-sss', not for {space.name!r}; "
            "use mutation='neighbour'."
        )
    weights = space.allowed[column].astype(np.float64)
    if isinstance(space, TopologySpace):
        several = weights.sum(axis=1) > 1
        weights[several, archs[several, column[several]]] = 0.0
    ends = weights.cumsum(axis=1)
    drawn = rng.integers(0, ends[:, -1].astype(np.int64))
    children[np.arange(n), column] = (drawn[:, None] >= ends).sum(axis=1)
    return children


MUTATIONS: dict[str, Mutation] = {"neighbour": mutate, "choice": mutate_choice, "nats-bench": mutate_nats_bench}


def mutation(name: str) -> Mutation:
    """A mutation by name.

    Raises:
        UnknownName: There is none of that name.
    """
    if name not in MUTATIONS:
        raise unknown_name("mutation", name, MUTATIONS)
    return MUTATIONS[name]


@dataclass(frozen=True, eq=False)
class _Moves:
    """Every edit of a space as flat tables, so that drawing one is a handful of array look-ups.

    A layer's choices have a code: its `offset` plus the mixed-radix code of the choices (``archs @
    radix``).

    Attributes:
        radix: ``(D, L)`` weights of the layers' codes, 0 outside of a layer.
        offset: ``(L,)`` first code of each layer.
        degree: ``(codes,)`` number of edits; 0 for choices that are not valid.
        start: ``(codes,)`` first row of a code's edits in `edited`.
        edited: ``(edits, D)`` the layer's choices after the edit; other columns hold 0.
        inside: ``(L, D)`` which columns belong to a layer.
    """

    radix: Ints
    offset: Ints
    degree: Ints
    start: Ints
    edited: Archs
    inside: Bools

    @classmethod
    def of(cls, space: SearchSpace) -> _Moves:
        """Tables of a space; as large as the sum of its layers' neighbour lists."""
        radix = np.zeros((space.num_decisions, len(space.layers)), dtype=np.int64)
        offset: list[int] = []
        degrees: list[npt.NDArray[Any]] = []
        edits: list[Archs] = []
        size = 0
        for i, (layer, adjacency) in enumerate(zip(space.layers, space.adjacency, strict=True)):
            radix[layer.slice, i] = layer.radix
            offset.append(size)
            size += len(layer.rank)
            degree = np.zeros(len(layer.rank), dtype=np.int64)
            degree[layer.rank >= 0] = adjacency.sum(axis=1)
            degrees.append(degree)
            # options are in the order of their codes, so the edits of a code lie together
            rows = np.zeros((int(adjacency.sum()), space.num_decisions), dtype=np.int8)
            rows[:, layer.slice] = layer.options[np.nonzero(adjacency)[1]]
            edits.append(rows)
        flat = np.concatenate(degrees)
        start = np.concatenate([[0], flat.cumsum()[:-1]])
        return cls(radix, np.array(offset), flat, start, np.concatenate(edits), (radix != 0).T)


# tables live as long as their space
_MOVES: WeakKeyDictionary[SearchSpace, _Moves] = WeakKeyDictionary()
