"""`Stops`: the decisions of a space after which an architecture may be complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.spaces.decision import Decision, Label
from nasgym.spaces.layer import Layer
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["Stops"]


@dataclass(frozen=True, eq=False)
class Stops:
    """Which decisions are stops, and what they complete; there is at least one.

    Attributes:
        columns: ``(K,)`` positions of the stops, ascending.
        ending: ``(K, C + 1)`` which choices end an architecture; the last column is for open ones,
            which do not.
        previous: ``(D,)`` which stop was the last one before each decision, -1 where there is none.
        starts: ``(L,)`` the first decision of each layer.
    """

    columns: Ints
    ending: Bools
    previous: Ints
    starts: Ints

    @classmethod
    def of(
        cls,
        space: str,
        decisions: Sequence[Decision],
        layers: Sequence[tuple[str, int]],
        ends: Mapping[str, Sequence[Label]],
    ) -> Stops | None:
        """The stops of a space; see `SearchSpace`. None where it has none.

        Raises:
            UnknownName: A decision or a label does not exist.
            InvalidValue: A stop is no layer of its own, the last layer, or never ends.
        """
        names = [decision.name for decision in decisions]
        starts = np.concatenate([[0], np.cumsum([size for _, size in layers])[:-1]]).astype(np.int64)
        sizes = dict(zip(starts.tolist(), (size for _, size in layers), strict=True))
        table = np.zeros((len(decisions), max(len(d.choices) for d in decisions) + 1), dtype=bool)
        for stop, labels in ends.items():
            if stop not in names:
                raise unknown_name(f"decision of {space!r}", stop, names)
            column = names.index(stop)
            table[column, [decisions[column].index(label) for label in labels]] = True
            if not labels:
                raise InvalidValue(f"'ends' of space {space!r} names no label of decision {stop!r} that ends an architecture.")
            if sizes.get(column) != 1:
                raise InvalidValue(
                    f"decision {stop!r} of space {space!r} ends architectures, so it must be a layer of its own."
                )
            if column == starts[-1]:
                raise InvalidValue(f"decision {stop!r} of space {space!r} is the last layer: after it nothing is left to end.")
        columns = np.flatnonzero(table.any(axis=1))
        previous = np.searchsorted(columns, np.arange(len(decisions))) - 1
        return cls(columns, table[columns], previous, starts) if len(columns) else None

    def made(self, archs: Archs) -> Bools:
        """``(N, K)`` at which stops ``(N, D)`` architectures end, or would end."""
        return np.asarray(self.ending[np.arange(len(self.columns)), archs[:, self.columns]])

    def going_on(self, archs: Archs) -> Bools:
        """``(N, D)`` which decisions stand before the first stop that is made, or are that stop."""
        going = np.ones((len(archs), len(self.columns) + 1), dtype=bool)
        np.logical_not(np.logical_or.accumulate(self.made(archs), axis=1), out=going[:, :-1])
        return going[:, self.previous]  # -1 reads the last column, where nothing has stopped

    def reached(self, archs: Archs) -> Bools:
        """``(N, L)`` which layers stand before the first stop that is made, or are that stop."""
        return self.going_on(archs)[:, self.starts]

    def layers(self) -> Ints:
        """``(K,)`` which layer each stop is."""
        return np.searchsorted(self.starts, self.columns)

    def options(self, layers: Sequence[Layer]) -> dict[int, Bools]:
        """By layer, ``(m,)`` which options of each stop end an architecture."""
        found = {}
        for ending, layer in zip(self.ending, self.layers().tolist(), strict=True):
            found[layer] = ending[layers[layer].options[:, 0]]
        return found
