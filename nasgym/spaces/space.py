"""`SearchSpace`: an ordered tuple of decisions, and what can be asked of rows of choices."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.spaces.decision import OPEN
from nasgym.spaces.decision_rows import DecisionRows
from nasgym.spaces.layer import LISTED
from nasgym.spaces.neighbourhood import Neighbourhood
from nasgym.spaces.numbering import Numbering, amount
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["SearchSpace"]

ENUMERATION_LIMIT = 5_000_000
# comparisons that one call makes faster than one call for each decision
AT_ONCE = 100_000


class SearchSpace(DecisionRows):
    """An ordered tuple of decisions, grouped into layers.

    An architecture is a row of ``D`` choice indices (int8), ``-1`` where nothing is decided yet;
    every method takes and returns batches of shape ``(N, D)``. Decisions may depend on earlier ones
    of their own layer (`active_if`), never on another layer: the valid architectures are therefore
    the product of the layers' options, and they are ordered lexicographically (`enumerate`,
    `index_of`).

    Some decisions may be *stops*: with one of the labels in `ends` the architecture is complete,
    and all later decisions are inactive. The valid architectures are then the paths through the
    layers' options up to a stop (`nasgym.spaces.numbering.Numbering`). Everything that is asked of
    a space has the same meaning with and without stops; `fixed_length` says which of the two it is.

    A subclass states its decisions and overrides, where it differs, `layer_text`, `join`, `split`
    (the textual form) and `canonical_valid` (which encodings describe one network).

    Args:
        name: Name of the space; part of its fingerprint.
        decisions: The decisions in the order in which they are made.
        layers: ``(layer name, number of consecutive decisions)``; by default every decision is a
            layer.
        default: The architecture that fixes what is left open, by convention the most expensive
            one; labels in decision order, or None for the last choice of each.
        ends: Stops: decision name to the labels after which nothing else is decided. A stop is a
            layer of its own, and not the last one.

    Raises:
        InvalidValue: A name is used twice, layers do not add up, `active_if` reaches into another
            layer, a stop is no layer of its own, the last layer, or never ends, labels are a text
            in place of a list, or the default has not one for each decision.
        UnknownName: `ends` names a decision or a label that does not exist.
    """

    @cached_property
    def _numbering(self) -> Numbering:
        ends = {} if self.stops is None else self.stops.options(self.layers)
        return Numbering(self.name, [layer.count for layer in self.layers], ends)

    @property
    def size(self) -> int:
        """Number of valid architectures (encodings)."""
        return self._numbering.size

    @property
    def can_enumerate(self) -> bool:
        """Whether `enumerate` fits into memory."""
        return self.size <= ENUMERATION_LIMIT

    # ---- drawing and walking --------------------------------------------------------------------

    @cached_property
    def _option_table(self) -> tuple[Archs, Bools] | None:
        """``(L, m, k)`` the options of all layers and which columns they use.

        None where a layer has too many.
        """
        if not all(layer.is_listed for layer in self.layers):
            return None
        widths = np.array([len(layer.columns) for layer in self.layers])
        table = np.zeros((len(self.layers), max(layer.count for layer in self.layers), widths.max()), dtype=np.int8)
        for i, layer in enumerate(self.layers):
            table[i, : layer.count, : widths[i]] = layer.options
        return table, np.arange(widths.max())[None, :] < widths[:, None]

    def sample(self, rng: np.random.Generator, n: int) -> Archs:
        """``(n, D)`` valid architectures, uniform over the valid encodings.

        Each layer's options are equally likely; a stop is as likely as its share of the
        architectures, rounded to double precision.

        Raises:
            InvalidValue: A layer has more options than 64 bits can number.
        """
        for layer in self.layers:
            layer.check_numbered()
        return self.from_options(self._numbering.draw(rng, n))

    def from_options(self, options: npt.NDArray[np.integer[Any]]) -> Archs:
        """``(n, D)`` architectures from ``(n, L)`` numbers of the layers' options.

        What stands after a stop is ignored.
        """
        if self._option_table is None:
            archs = np.concatenate([layer.choices(options[:, i]) for i, layer in enumerate(self.layers)], axis=1)
        else:
            table, used = self._option_table
            archs = np.asarray(table[np.arange(len(table)), options][:, used])
        if self.stops is not None:
            archs[~self.stops.going_on(archs)] = 0
        return archs

    def to_options(self, archs: Archs) -> Ints:
        """``(n, L)`` numbers of the layers' options of complete architectures, 0 after a stop.

        -1 where a layer's choices are invalid.
        """
        if self._plain:
            return archs.astype(np.int64)
        options = np.stack([layer.numbers(archs[:, layer.slice]) for layer in self.layers], axis=1)
        if self.stops is not None:
            for i, (layer, gone) in enumerate(zip(self.layers, ~self.stops.reached(archs).T, strict=True)):
                options[gone, i] = _unreached(archs[gone, layer.slice])
        return options

    def valid_options(self, archs: npt.ArrayLike) -> Ints:
        """``(N, L)`` indices into the layers' options.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in this space.
        """
        checked = self.check(archs)
        options = self.to_options(checked)
        if (options < 0).any():
            row = int(np.flatnonzero((options < 0).any(axis=1))[0])
            raise InvalidValue(
                f"architecture {row}, {checked[row].tolist()}, is not valid in {self.name!r}: a choice is restricted "
                "away or an inactive decision is not 0; canonical() corrects the latter."
            )
        return options

    def consistent(self, archs: Archs, layer: int) -> Bools:
        """``(N, m)`` which options of a layer agree with partial architectures.

        ``-1`` agrees with anything. A layer that is not reached has option 0, as in `to_options`.
        """
        given, options = archs[:, self.layers[layer].slice], self.layers[layer].options
        if len(given) * options.size <= AT_ONCE:
            fits = np.asarray(((given[:, None] == OPEN) | (given[:, None] == options)).all(axis=2))
        else:
            fits = np.ones((len(archs), len(options)), dtype=bool)
            for choice, choices in zip(given.T[:, :, None], options.T, strict=True):
                fits &= (choice == OPEN) | (choice == choices)
        if self.stops is not None:
            gone = ~self.stops.reached(archs)[:, layer]
            fits[gone] = (np.arange(fits.shape[1]) == 0) & (_unreached(archs[gone, self.layers[layer].slice]) == 0)[:, None]
        return fits

    @cached_property
    def adjacency(self) -> tuple[Bools, ...]:
        """For each layer ``(m, m)``: which of its options are one edit apart; see `neighbours`.

        Raises:
            InvalidValue: A layer has too many options for a table of pairs.
        """
        tables = []
        for layer in self.layers:
            if layer.count > LISTED:
                raise InvalidValue(
                    f"layer {layer.name!r} of {self.name!r} has {layer.count:,} options, a table of pairs takes {LISTED:,}; "
                    "neighbours() needs none."
                )
            tables.append(layer.adjacency)
        return tuple(tables)

    def neighbours(self, archs: Archs, *, distinct: bool = False) -> tuple[Archs, Ints]:
        """All valid architectures one edit away.

        One edit changes one decision; decisions that it switches on take every combination, those
        that it switches off fall back to 0. An edit that changes the length ends an architecture
        one stop earlier, or lets it go on to the next stop and end there, in every way in which it
        can end there (after the last stop it goes on to the last layer). A stop that a restriction
        left no ending is none of these. The relation is symmetric.

        Args:
            archs: ``(N, D)`` valid architectures.
            distinct: Keep one architecture for each canonical form, and none that describes the
                same network as the one it comes from.

        Returns:
            ``(M, D)`` neighbours and ``(M,)`` the row of `archs` that each belongs to, in ascending
            order.

        Raises:
            InvalidValue: An architecture is not valid in this space, or has too many neighbours to
                list.
        """
        archs = self.check(archs)
        found, owner = Neighbourhood(self, archs).listed()
        return self._drop_isomorphic(archs, found, owner) if distinct else (found, owner)

    def _drop_isomorphic(self, archs: Archs, found: Archs, owner: Ints) -> tuple[Archs, Ints]:
        forms = self.canonical(found)
        new = (forms != self.canonical(archs)[owner]).any(axis=1)
        keyed = np.column_stack([owner, forms])
        _, first = np.unique(keyed, axis=0, return_index=True)
        keep = np.sort(first[new[first]])
        return found[keep], owner[keep]

    # ---- numbering ------------------------------------------------------------------------------

    @cached_property
    def _all(self) -> Archs:
        if not self.can_enumerate:
            raise InvalidValue(
                f"space {self.name!r} has {amount(self.size)} architectures; at most {ENUMERATION_LIMIT:,} can be enumerated. "
                "Use sample(), or narrow it with restrict()."
            )
        archs = self.from_options(self._numbering.paths(np.arange(self.size)))
        archs.setflags(write=False)
        return archs

    def enumerate(self) -> Archs:
        """``(size, D)`` all valid architectures in lexicographic order (read-only).

        Raises:
            InvalidValue: The space is too large.
        """
        return self._all

    def index_of(self, archs: Archs) -> Ints:
        """``(N,)`` positions in `enumerate`.

        Raises:
            InvalidValue: An architecture is not valid in this space.
        """
        return self._numbering.positions(self.valid_options(archs))

    def completions(self, archs: Archs) -> tuple[Ints, Ints]:
        """First and last position in `enumerate` of the completions of prefixes.

        The order is lexicographic, so the completions of an architecture whose first decisions are
        made and whose later ones are open are exactly the positions from the first to the last.

        Args:
            archs: ``(N, D)`` prefixes: no decision is made after an open one.

        Returns:
            ``(N,)`` first and ``(N,)`` last position (inclusive).

        Raises:
            InvalidValue: A row is not a prefix, or it has no valid completion.
        """
        archs = self.check(archs, complete=False)
        if ((archs[:, 1:] >= 0) & (archs[:, :-1] < 0)).any():
            raise InvalidValue("completions() takes prefixes: no decision may be made after an open one.")
        first, last = [], []
        reached = None if self.stops is None else self.stops.reached(archs)
        for i, layer in enumerate(self.layers):
            low, high = layer.ends(archs[:, layer.slice])
            if reached is not None:
                gone = ~reached[:, i]
                low[gone] = high[gone] = _unreached(archs[gone, layer.slice])
            if (low < 0).any():
                row = int(np.flatnonzero(low < 0)[0])
                raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, has no valid completion in {layer.name!r}.")
            first.append(low)
            last.append(high)
        paths = (self._numbering.cleared(np.stack(options, axis=1)) for options in (first, last))
        low, high = (self._numbering.positions(path) for path in paths)
        return low, high

    def __repr__(self) -> str:
        size = f"{self.size:,}" if self.size < 10**9 else amount(self.size)
        return f"{type(self).__name__}({self.name!r}, {self.num_decisions} decisions, {size} architectures)"


def _unreached(given: Archs) -> Ints:
    """``(n,)`` the option of layers that no path reaches: 0, and -1 where a choice is not 0."""
    return np.where((given <= 0).all(axis=1), 0, -1)
