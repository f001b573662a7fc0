"""`SearchSpace`: an ordered tuple of decisions, and what can be asked of rows of choices."""

from __future__ import annotations

import copy
import fnmatch
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.spaces.decision import OPEN, Decision, Label
from nasgym.spaces.layer import LISTED, Layer
from nasgym.spaces.neighbourhood import Neighbourhood
from nasgym.spaces.numbering import Numbering, amount
from nasgym.spaces.stops import Stops
from nasgym.spaces.text_form import TextForm
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["SearchSpace"]

ENUMERATION_LIMIT = 5_000_000
# comparisons that one call makes faster than one call for each decision
AT_ONCE = 100_000


class SearchSpace(TextForm):
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
            layer, or a stop is no layer of its own, the last layer, or never ends.
        UnknownName: `ends` names a decision or a label that does not exist.
    """

    def __init__(
        self,
        name: str,
        decisions: Sequence[Decision],
        *,
        layers: Sequence[tuple[str, int]] | None = None,
        default: Sequence[Label] | None = None,
        ends: Mapping[str, Sequence[Label]] | None = None,
    ) -> None:
        self.name = name
        self.decisions = tuple(decisions)
        self.names = tuple(decision.name for decision in self.decisions)
        if len(set(self.names)) != len(self.names):
            raise InvalidValue(f"space {name!r} has two decisions of one name: {self.names}.")
        self.num_choices = np.array([len(decision.choices) for decision in self.decisions], dtype=np.int64)
        self.allowed = np.arange(self.max_choices)[None, :] < self.num_choices[:, None]
        self._layer_sizes = tuple(layers) if layers is not None else tuple((n, 1) for n in self.names)
        if sum(size for _, size in self._layer_sizes) != self.num_decisions:
            raise InvalidValue(f"the layers of space {name!r} do not add up to its {self.num_decisions} decisions.")
        self._parent = np.full(self.num_decisions, -1)
        # one more column than choices: index -1 (open) reads the last one, "may become active"
        self._switch = np.ones((self.num_decisions, self.max_choices + 1), dtype=bool)
        self._set_conditions()
        self.ends = {stop: tuple(labels) for stop, labels in (ends or {}).items()}
        self.stops = Stops.of(self.name, self.decisions, self._layer_sizes, self.ends)
        last = [len(decision.choices) - 1 for decision in self.decisions]
        wanted = last if default is None else [d.index(c) for d, c in zip(self.decisions, default, strict=True)]
        self._default = self.clear_inactive(np.array([wanted], dtype=np.int8))[0]

    def _set_conditions(self) -> None:
        start = 0
        for _, size in self._layer_sizes:
            for column in range(start, start + size):
                condition = self.decisions[column].active_if
                if condition is None:
                    continue
                parent, labels = condition
                if parent not in self.names[start:column]:
                    raise InvalidValue(
                        f"decision {self.names[column]!r} depends on {parent!r}, which is not an earlier decision of its "
                        f"own layer; earlier ones there: {', '.join(self.names[start:column]) or 'none'}."
                    )
                position = self.names.index(parent)
                self._parent[column] = position
                self._switch[column, : self.max_choices] = False
                self._switch[column, [self.decisions[position].index(label) for label in labels]] = True
            start += size

    # ---- sizes ----------------------------------------------------------------------------------

    @property
    def num_decisions(self) -> int:
        """D, the number of decisions."""
        return len(self.decisions)

    @property
    def max_choices(self) -> int:
        """The largest number of choices that a decision has."""
        return int(self.num_choices.max())

    @property
    def default(self) -> Archs:
        """``(D,)`` the architecture that fills what is open, by convention the most expensive."""
        default: Archs = self._default.copy()
        return default

    def empty(self, n: int = 1) -> Archs:
        """``(n, D)`` architectures of which nothing is decided."""
        return np.full((n, self.num_decisions), OPEN, dtype=np.int8)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers; their options are counted, and listed only where somebody asks for a list."""
        layers, start = [], 0
        for name, size in self._layer_sizes:
            layers.append(self._build_layer(name, range(start, start + size)))
            start += size
        return tuple(layers)

    @cached_property
    def _numbering(self) -> Numbering:
        ends = {} if self.stops is None else self.stops.options(self.layers)
        return Numbering(self.name, [layer.count for layer in self.layers], ends)

    @property
    def size(self) -> int:
        """Number of valid architectures (encodings)."""
        return self._numbering.size

    @property
    def fixed_length(self) -> bool:
        """Whether every architecture makes all decisions: there is no stop."""
        return self.stops is None

    @property
    def can_enumerate(self) -> bool:
        """Whether `enumerate` fits into memory."""
        return self.size <= ENUMERATION_LIMIT

    def describe(self) -> dict[str, Any]:
        """The space as JSON-able data; `fingerprint` is its hash."""
        ends = {stop: list(labels) for stop, labels in self.ends.items()}
        return {
            "name": self.name,
            "decisions": [asdict(decision) for decision in self.decisions],
            "layers": [list(layer) for layer in self._layer_sizes],
            "allowed": [np.flatnonzero(row).tolist() for row in self.allowed],
            **({"ends": ends} if ends else {}),
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the decisions, layers and restrictions (16 hex digits)."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()[:16]

    def _build_layer(self, name: str, columns: range) -> Layer:
        inside = slice(columns.start, columns.stop)
        parents = tuple(int(parent) - columns.start if parent >= 0 else -1 for parent in self._parent[inside])
        sizes = tuple(self.num_choices[inside].tolist())
        return Layer(name, columns, sizes, parents, self.allowed[inside], self._switch[inside, : self.max_choices])

    # ---- what is legal --------------------------------------------------------------------------

    def check(self, archs: npt.ArrayLike, *, complete: bool = True) -> Archs:
        """Returns `archs` as ``(N, D)`` int8 after checking shape, type and range.

        Args:
            archs: ``(N, D)`` integers.
            complete: Refuse ``-1`` (open) entries.

        Raises:
            InvalidValue: Wrong shape or type, or an entry outside of its decision's choices.
        """
        array = np.asarray(archs)
        if array.ndim != 2 or array.shape[1] != self.num_decisions:
            raise InvalidValue(
                f"architectures of {self.name!r} have the shape (N, {self.num_decisions}), got {array.shape}; "
                "put a single one into a batch: arch[None]."
            )
        if array.dtype.kind not in "iu":
            raise InvalidValue(f"architectures are integer arrays (int8), got dtype {array.dtype}.")
        low = 0 if complete else OPEN
        bad = (array < low) | (array >= self.num_choices)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InvalidValue(
                f"architecture {row} has {array[row, column]} at decision {self.names[column]!r}; allowed are {low} to "
                f"{self.num_choices[column] - 1}."
            )
        return array.astype(np.int8, copy=False)

    def active(self, archs: Archs) -> Bools:
        """``(N, D)`` which decisions matter, given the earlier ones.

        An open decision counts as one that may switch on those that depend on it.
        """
        active = np.ones(archs.shape, dtype=bool)
        for column in np.flatnonzero(self._parent >= 0):
            parent = self._parent[column]
            active[:, column] = active[:, parent] & self._switch[column, archs[:, parent]]
        if self.stops is not None:
            active &= self.stops.going_on(archs)
        return active

    def ended(self, archs: Archs) -> Bools:
        """``(N,)`` which architectures have made a stop; they are complete, whatever is open."""
        return np.zeros(len(archs), dtype=bool) if self.stops is None else np.asarray(self.stops.made(archs).any(axis=1))

    def lengths(self, archs: Archs) -> Ints:
        """``(N,)`` decisions up to the end of complete architectures, the inactive ones included.

        D, or one more than the position of the stop that was made.
        """
        if self.stops is None:
            return np.full(len(archs), self.num_decisions)
        made = self.stops.made(archs)
        return np.where(made.any(axis=1), self.stops.columns[made.argmax(axis=1)] + 1, self.num_decisions)

    def mask(self, archs: Archs, t: int) -> Bools:
        """``(N, max_choices)`` the legal choices of decision `t`, given the decisions before it.

        An inactive decision keeps exactly one legal choice, index 0.
        """
        if not 0 <= t < self.num_decisions:
            raise InvalidValue(f"decision {t} does not exist in {self.name!r}; allowed are 0 to {self.num_decisions - 1}.")
        if self._parent[t] < 0 and self.stops is None:
            return np.repeat(self.allowed[t : t + 1], len(archs), axis=0)
        active = np.ones(len(archs), dtype=bool)
        column = t
        while self._parent[column] >= 0:
            parent = self._parent[column]
            active &= self._switch[column, archs[:, parent]]
            column = parent
        if self.stops is not None:
            active &= self.stops.going_on(archs)[:, t]
        only_first = np.arange(self.max_choices) == 0
        return np.asarray(np.where(active[:, None], self.allowed[t], only_first))

    def is_valid(self, archs: Archs) -> Bools:
        """``(N,)`` complete, every choice allowed, and every inactive decision at 0."""
        in_range = (archs >= 0) & (archs < self.num_choices)
        if self._plain:
            return np.asarray(in_range.all(axis=1))
        safe = np.where(in_range, archs, 0)
        legal = np.where(self.active(safe), self.allowed[np.arange(self.num_decisions), safe], safe == 0)
        return np.asarray((in_range & legal).all(axis=1))

    def canonical(self, archs: Archs) -> Archs:
        """``(N, D)`` one encoding for each network.

        Inactive decisions are at 0, and `canonical_valid` merges what else describes one network.
        """
        return self.canonical_valid(self.clear_inactive(self.check(archs)))

    @cached_property
    def _plain(self) -> bool:
        """Whether an architecture is its options.

        True where every choice is always legal and every layer is one decision.
        """
        every = self.allowed.sum() == self.num_choices.sum() and not (self._parent >= 0).any()
        return bool(every and all(size == 1 for _, size in self._layer_sizes)) and self.fixed_length

    def clear_inactive(self, archs: Archs) -> Archs:
        """``(N, D)`` the same architectures with inactive decisions at 0; they are not checked."""
        if self._plain:
            return archs
        return np.where(self.active(archs), archs, np.int8(0))

    def canonical_valid(self, archs: Archs) -> Archs:
        """As `canonical`, of valid architectures; overridden where encodings share networks."""
        return archs

    def restrict(self, choices: Mapping[str, Sequence[Label]]) -> Self:
        """The same space with fewer choices.

        The encoding (indices, D) stays, so tables and costs still fit.

        Args:
            choices: Decision name or pattern (``"*.kernel"``) to the labels that stay.

        Returns:
            The narrowed space. Where the default is no longer allowed, the last allowed choice
            takes its place.

        Raises:
            UnknownName: No decision matches, or a label does not exist.
            InvalidValue: A decision would be left without a choice.
        """
        narrowed = copy.copy(self)
        for cached in ("layers", "_numbering", "fingerprint", "_all", "adjacency", "_option_table", "_plain"):
            narrowed.__dict__.pop(cached, None)
        allowed = self.allowed.copy()
        for pattern, labels in choices.items():
            if isinstance(labels, str) or not isinstance(labels, Sequence):
                raise InvalidValue(f"restrict takes a list of labels for {pattern!r}, got {labels!r}; write [{labels!r}].")
            columns = [column for column, name in enumerate(self.names) if fnmatch.fnmatchcase(name, pattern)]
            if not columns:
                raise unknown_name(f"decision of {self.name!r}", pattern, self.names)
            for column in columns:
                keep = np.zeros(self.max_choices, dtype=bool)
                keep[[self.decisions[column].index(label) for label in labels]] = True
                allowed[column] &= keep
                if not allowed[column].any():
                    raise InvalidValue(f"restricting {self.names[column]!r} to {list(labels)} leaves it without a choice.")
        narrowed.allowed = allowed
        last = self.max_choices - 1 - allowed[:, ::-1].argmax(axis=1)
        kept = allowed[np.arange(self.num_decisions), self._default]
        narrowed._default = narrowed.clear_inactive(np.where(kept, self._default, last).astype(np.int8)[None])[0]
        return narrowed

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
            active = layer.active(layer.options)
            both = active[:, None, :] & active[None, :, :]
            tables.append(((layer.options[:, None] != layer.options[None]) & both).sum(axis=2) == 1)
        return tuple(tables)

    def neighbours(self, archs: Archs, *, distinct: bool = False) -> tuple[Archs, Ints]:
        """All valid architectures one edit away.

        One edit changes one decision; decisions that it switches on take every combination, those
        that it switches off fall back to 0. An edit that changes the length ends an architecture
        one stop earlier, or lets it go on to the next stop and end there, in every way in which it
        can end there (after the last stop it goes on to the last layer). The relation is symmetric.

        Args:
            archs: ``(N, D)`` valid architectures.
            distinct: Keep one architecture for each canonical form, and none that describes the
                same network as the one it comes from.

        Returns:
            ``(M, D)`` neighbours and ``(M,)`` the row of `archs` that each belongs to, in ascending
            order.

        Raises:
            InvalidValue: An architecture is not valid in this space, or there are too many longer
                ones to list.
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
