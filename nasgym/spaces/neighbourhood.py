"""`Neighbourhood`: what is one edit away from architectures, counted, taken or listed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.spaces.edits import Edits, ListedEdits
from nasgym.type_aliases import Archs, Bools, Ints

if TYPE_CHECKING:
    from nasgym.spaces.space import SearchSpace

__all__ = ["Neighbourhood"]

# neighbours of one architecture that are written down
MOST_LISTED = 1_000_000
# neighbours of the same length that one architecture can have; longer ones are as many at most
MOST_COUNTED = 2**62
# neighbours that are made at once
AT_ONCE = 65_536


class Neighbourhood:
    """The neighbours of N architectures (`SearchSpace.neighbours`), numbered for each of them.

    Those of the same length come first, by layer and number of option; then those that go on to the
    next stop, then those that end at the stop before. They may be many: they are counted, made by
    number, and not listed until somebody asks.

    Args:
        space: The space.
        archs: ``(N, D)`` valid architectures.

    Raises:
        InvalidValue: An architecture is not valid, or its neighbours cannot be numbered.
    """

    def __init__(self, space: SearchSpace, archs: Archs) -> None:
        self._space, self._archs = space, archs
        self._options = options = space.valid_options(archs)
        self._stretches = _stretches(space)
        reached = None if space.stops is None else space.stops.reached(archs)
        self._edits: list[Edits] = [layer.edits for layer in space.layers]
        for stretch in self._stretches:  # between going on and ending lies an edit of length
            alike = (stretch.ends[:, None] == stretch.ends) & ~np.eye(len(stretch.ends), dtype=bool)
            self._edits[stretch.first] = ListedEdits(space.layers[stretch.first], alike)
        # neighbours of the same length, by the layer that is edited
        counts = np.stack([edits.count(options[:, i]) for i, edits in enumerate(self._edits)], axis=1)
        self._counts = counts if reached is None else np.where(reached, counts, 0)
        most = self._counts.sum(axis=1, dtype=np.float64).max(initial=0)
        if most >= MOST_COUNTED:
            raise InvalidValue(
                f"an architecture of {space.name!r} has {most:.3g} neighbours, too many to number in 64 bits; narrow the space "
                "with restrict()."
            )
        self._ends = self._counts.cumsum(axis=1)
        if reached is None:
            return
        # which stretch an architecture can go on into, and which one it can take back; -1: none
        self._ahead, self._behind = np.full(len(archs), -1), np.full(len(archs), -1)
        for number, stretch in enumerate(self._stretches):
            ended = reached[:, stretch.first] & stretch.ends[options[:, stretch.first]]
            self._ahead[ended] = number
            self._behind[reached[:, stretch.first] & ~ended] = number
        self._longer = np.array([*(stretch.count for stretch in self._stretches), 0])[self._ahead]
        self._shorter = np.array([*(len(stretch.endings) for stretch in self._stretches), 0])[self._behind]

    @property
    def _same(self) -> Ints:
        return self._ends[:, -1]

    @property
    def degree(self) -> Ints:
        """``(N,)`` how many neighbours each architecture has."""
        return self._same + self._longer + self._shorter if self._stretches else self._same

    def take(self, rows: Ints, numbers: Ints) -> Archs:
        """``(n, D)`` neighbours by their ``(n,)`` numbers, below `degree`.

        `rows` are the ``(n,)`` architectures that they belong to.
        """
        found = self._archs[rows]
        layers = (numbers[:, None] >= self._ends[rows]).sum(axis=1)
        alike = layers < len(self._edits)
        for i, (layer, edits) in enumerate(zip(self._space.layers, self._edits, strict=True)):
            here = np.flatnonzero(layers == i)
            if len(here):
                nth = numbers[here] - self._ends[rows[here], i] + self._counts[rows[here], i]
                found[here, layer.slice] = edits.make(self._options[rows[here], i], nth)
        if not self._stretches:
            return found
        rest = numbers - self._same[rows]
        longer = ~alike & (rest < self._longer[rows])
        for number, stretch in enumerate(self._stretches):
            on = longer & (self._ahead[rows] == number)
            found[on, stretch.start :] = stretch.tails(rest[on])
            back = ~alike & ~longer & (self._behind[rows] == number)
            found[back, stretch.start :] = 0
            found[back, stretch.start] = stretch.endings[rest[back] - self._longer[rows[back]]]
        return found

    def listed(self) -> tuple[Archs, Ints]:
        """``(M, D)`` all of them and ``(M,)`` the architecture of each, ascending.

        Raises:
            InvalidValue: An architecture has too many.
        """
        degree = self.degree
        if degree.max(initial=0) > MOST_LISTED:
            raise InvalidValue(
                f"an architecture of {self._space.name!r} has {degree.max():,} neighbours, at most {MOST_LISTED:,} can be "
                "listed; narrow the space with restrict(), or draw some: mutate() lists none."
            )
        owner = np.repeat(np.arange(len(self._archs)), degree)
        numbers = np.arange(len(owner)) - (degree.cumsum() - degree)[owner]
        pieces = range(0, len(owner), AT_ONCE)
        found = [self.take(owner[i : i + AT_ONCE], numbers[i : i + AT_ONCE]) for i in pieces]
        return np.concatenate([self._archs[:0], *found]), owner


class _Stretch:
    """A stop, the layers up to the next one, and how that one ends; or the layers up to the last.

    Attributes:
        first: The stop's layer.
        start: The stop's position in an architecture.
        ends: ``(m,)`` which of the stop's options end.
        endings: ``(e,)`` the choices of those options.
        count: In how many ways an architecture that ended at the stop can go on to the next one.
    """

    def __init__(self, space: SearchSpace, first: int, ends: Bools, following: tuple[int, Bools] | None) -> None:
        self.first, self.ends, self._decisions = first, ends, space.num_decisions
        self.start = space.layers[first].columns.start
        self.endings = space.layers[first].options[ends, 0]
        last = len(space.layers) if following is None else following[0]
        self._layers = space.layers[first : last + 1]
        # the options of each of these layers that lie on the way
        self._ways: list[Ints | None] = [np.flatnonzero(~ends), *([None] * (last - first - 1))]
        if following is not None:
            self._ways.append(np.flatnonzero(following[1]))
        self._counts = [layer.count if way is None else len(way) for layer, way in zip(self._layers, self._ways, strict=True)]
        self.count = math.prod(self._counts)
        if self.count >= 2**62:
            raise InvalidValue(
                f"after decision {space.names[self.start]!r} space {space.name!r} goes on in {self.count:.3g} ways, too many to "
                "number; put a stop between."
            )

    def tails(self, numbers: Ints) -> Archs:
        """``(n, D - start)`` what architectures hold from the stop on that go on in these ways."""
        tails = np.zeros((len(numbers), self._decisions - self.start), dtype=np.int8)
        rest = numbers
        for layer, way, count in reversed(list(zip(self._layers, self._ways, self._counts, strict=True))):
            rest, option = np.divmod(rest, count)
            columns = slice(layer.columns.start - self.start, layer.columns.stop - self.start)
            tails[:, columns] = layer.choices(option if way is None else way[option])
        return tails


def _stretches(space: SearchSpace) -> list[_Stretch]:
    stops = [] if space.stops is None else list(space.stops.options(space.layers).items())
    # where a restriction left a stop no ending, the way leads over it to the next one that has some
    stops = [(layer, ends) for layer, ends in stops if ends.any()]
    return [_Stretch(space, *stop, after) for stop, after in zip(stops, [*stops[1:], None], strict=False)]
