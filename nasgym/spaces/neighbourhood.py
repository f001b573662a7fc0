"""`Neighbourhood`: what is one edit away from architectures, counted, taken or listed."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.type_aliases import Archs, Bools, Ints

if TYPE_CHECKING:
    from nasgym.spaces.space import SearchSpace

__all__ = ["Neighbourhood"]

# longer neighbours of one architecture that are written down
MOST_LONGER = 1_000_000


class Neighbourhood:
    """The neighbours of N architectures (`SearchSpace.neighbours`), numbered for each of them.

    Those of the same length come first, by layer and number of option; then those that go on to the
    next stop, then those that end at the stop before. Longer ones are many and are not listed until
    somebody asks.

    Args:
        space: The space.
        archs: ``(N, D)`` valid architectures.

    Raises:
        InvalidValue: An architecture is not valid, or its longer neighbours cannot be numbered.
    """

    def __init__(self, space: SearchSpace, archs: Archs) -> None:
        self._space, self._archs = space, archs
        options = space.valid_options(archs)
        self._stretches = _stretches(space)
        reached = None if space.stops is None else space.stops.reached(archs)
        self._alike, self._owner = self._edited(options, reached)
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

    def _edited(self, options: Ints, reached: Bools | None) -> tuple[Archs, Ints]:
        """``(M, D)`` neighbours of the same length and ``(M,)`` the architecture of each."""
        space, archs = self._space, self._archs
        ends = {stretch.first: stretch.ends for stretch in self._stretches}
        rows, owners = [archs[:0]], [np.zeros(0, dtype=np.int64)]
        listed = all(layer.is_listed for layer in space.layers)
        for i, layer in enumerate(space.layers):
            if listed:
                owner, option = np.nonzero(space.adjacency[i][options[:, i]])
                choices = layer.options[option]
            else:
                choices, owner = layer.edits(archs[:, layer.slice])
            if reached is not None:
                real = reached[owner, i]
                if i in ends:  # between going on and ending lies an edit of length
                    real &= ends[i][layer.numbers(choices)] == ends[i][options[owner, i]]
                choices, owner = choices[real], owner[real]
            changed = archs[owner]
            changed[:, layer.slice] = choices
            rows.append(changed)
            owners.append(owner)
        owner = np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        return np.concatenate(rows)[order], owner[order]

    @cached_property
    def _same(self) -> Ints:
        return np.bincount(self._owner, minlength=len(self._archs))

    @property
    def degree(self) -> Ints:
        """``(N,)`` how many neighbours each architecture has."""
        return self._same + self._longer + self._shorter if self._stretches else self._same

    def take(self, rows: Ints, numbers: Ints) -> Archs:
        """``(n, D)`` neighbours by their ``(n,)`` numbers, below `degree`.

        `rows` are the ``(n,)`` architectures that they belong to.
        """
        found = self._archs[rows]
        alike = numbers < self._same[rows]
        found[alike] = self._alike[(self._same.cumsum() - self._same)[rows[alike]] + numbers[alike]]
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
            InvalidValue: An architecture has too many longer neighbours.
        """
        if not self._stretches:
            return self._alike, self._owner
        if len(self._longer) and self._longer.max() > MOST_LONGER:
            raise InvalidValue(
                f"an architecture of {self._space.name!r} has {self._longer.max():,} neighbours that are longer, at most "
                f"{MOST_LONGER:,} can be listed; narrow the space with restrict()."
            )
        owner = np.repeat(np.arange(len(self._archs)), self.degree)
        first = (self.degree.cumsum() - self.degree)[owner]
        return self.take(owner, np.arange(len(owner)) - first), owner


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
