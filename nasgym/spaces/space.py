"""`SearchSpace`: an ordered tuple of decisions, and what can be asked of rows of choices."""

from __future__ import annotations

import copy
import fnmatch
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.spaces.decision import OPEN, Decision, Label
from nasgym.spaces.layer import LISTED, Layer
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["SearchSpace"]

ENUMERATION_LIMIT = 5_000_000


class SearchSpace:
    """An ordered tuple of decisions, grouped into layers.

    An architecture is a row of ``D`` choice indices (int8), ``-1`` where nothing is decided yet;
    every method takes and returns batches of shape ``(N, D)``. Decisions may depend on earlier ones
    of their own layer (`active_if`), never on another layer: the valid architectures are therefore
    the product of the layers' options, and they are ordered lexicographically (`enumerate`,
    `index_of`).

    A subclass states its decisions and overrides, where it differs, `layer_text`, `join`, `split`
    (the textual form) and `canonical_valid` (which encodings describe one network).

    Args:
        name: Name of the space; part of its fingerprint.
        decisions: The decisions in the order in which they are made.
        layers: ``(layer name, number of consecutive decisions)``; by default every decision is a
            layer.
        default: The architecture that fixes what is left open, by convention the most expensive
            one; labels in decision order, or None for the last choice of each.

    Raises:
        InvalidValue: A name is used twice, layers do not add up, or `active_if` reaches into
            another layer.
    """

    def __init__(
        self,
        name: str,
        decisions: Sequence[Decision],
        *,
        layers: Sequence[tuple[str, int]] | None = None,
        default: Sequence[Label] | None = None,
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
    def _counts(self) -> tuple[int, ...]:
        return tuple(layer.count for layer in self.layers)

    @property
    def size(self) -> int:
        """Number of valid architectures (encodings)."""
        return math.prod(self._counts)

    @cached_property
    def _index_weights(self) -> Ints:
        if self.size >= 2**63:
            raise InvalidValue(f"space {self.name!r} has {self.size:.3g} architectures, too many to number in 64 bits.")
        weights = [1]
        for count in self._counts[:0:-1]:
            weights.append(weights[-1] * count)
        return np.array(weights[::-1], dtype=np.int64)

    @property
    def can_enumerate(self) -> bool:
        """Whether `enumerate` fits into memory."""
        return self.size <= ENUMERATION_LIMIT

    def describe(self) -> dict[str, Any]:
        """The space as JSON-able data; `fingerprint` is its hash."""
        return {
            "name": self.name,
            "decisions": [asdict(decision) for decision in self.decisions],
            "layers": [list(layer) for layer in self._layer_sizes],
            "allowed": [np.flatnonzero(row).tolist() for row in self.allowed],
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
        return active

    def mask(self, archs: Archs, t: int) -> Bools:
        """``(N, max_choices)`` the legal choices of decision `t`, given the decisions before it.

        An inactive decision keeps exactly one legal choice, index 0.
        """
        if not 0 <= t < self.num_decisions:
            raise InvalidValue(f"decision {t} does not exist in {self.name!r}; allowed are 0 to {self.num_decisions - 1}.")
        active = np.ones(len(archs), dtype=bool)
        column = t
        while self._parent[column] >= 0:
            parent = self._parent[column]
            active &= self._switch[column, archs[:, parent]]
            column = parent
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
        return bool(every and all(size == 1 for _, size in self._layer_sizes))

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
        for cached in ("layers", "_counts", "_index_weights", "fingerprint", "_all", "adjacency", "_option_table", "_plain"):
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
        table = np.zeros((len(self.layers), max(self._counts), widths.max()), dtype=np.int8)
        for i, layer in enumerate(self.layers):
            table[i, : layer.count, : widths[i]] = layer.options
        return table, np.arange(widths.max())[None, :] < widths[:, None]

    def sample(self, rng: np.random.Generator, n: int) -> Archs:
        """``(n, D)`` valid architectures, uniform over the valid encodings.

        Each layer's options are equally likely.

        Raises:
            InvalidValue: A layer has more options than 64 bits can number.
        """
        for layer in self.layers:
            layer.check_numbered()
        return self.from_options(rng.integers(0, self._counts, size=(n, len(self.layers))))

    def from_options(self, options: npt.NDArray[np.integer[Any]]) -> Archs:
        """``(n, D)`` architectures from ``(n, L)`` numbers of the layers' options."""
        if self._option_table is None:
            return np.concatenate([layer.choices(options[:, i]) for i, layer in enumerate(self.layers)], axis=1)
        table, used = self._option_table
        return np.asarray(table[np.arange(len(table)), options][:, used])

    def to_options(self, archs: Archs) -> Ints:
        """``(n, L)`` numbers of the layers' options of complete architectures.

        -1 where a layer's choices are invalid.
        """
        if self._plain:
            return archs.astype(np.int64)
        return np.stack([layer.numbers(archs[:, layer.slice]) for layer in self.layers], axis=1)

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

        ``-1`` agrees with anything.
        """
        given = archs[:, None, self.layers[layer].slice]
        return np.asarray(((given == OPEN) | (given == self.layers[layer].options)).all(axis=2))

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
        that it switches off fall back to 0. The relation is symmetric.

        Args:
            archs: ``(N, D)`` valid architectures.
            distinct: Keep one architecture for each canonical form, and none that describes the
                same network as the one it comes from.

        Returns:
            ``(M, D)`` neighbours and ``(M,)`` the row of `archs` that each belongs to, in ascending
            order.

        Raises:
            InvalidValue: An architecture is not valid in this space.
        """
        archs = self.check(archs)
        options = self.valid_options(archs)
        rows, owners = [], []
        for i, layer in enumerate(self.layers):
            if self._option_table is None:
                choices, owner = layer.edits(archs[:, layer.slice])
            else:
                owner, option = np.nonzero(self.adjacency[i][options[:, i]])
                choices = layer.options[option]
            changed = archs[owner]
            changed[:, layer.slice] = choices
            rows.append(changed)
            owners.append(owner)
        owner = np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        found, owner = np.concatenate(rows)[order], owner[order]
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
                f"space {self.name!r} has {self.size:.3g} architectures; at most {ENUMERATION_LIMIT:,} can be enumerated. "
                "Use sample(), or narrow it with restrict()."
            )
        grid = np.indices(self._counts, dtype=np.int32)
        archs = self.from_options(grid.reshape(len(self.layers), -1).T)
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
        return np.asarray(self.valid_options(archs) @ self._index_weights)

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
        for layer in self.layers:
            low, high = layer.ends(archs[:, layer.slice])
            if (low < 0).any():
                row = int(np.flatnonzero(low < 0)[0])
                raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, has no valid completion in {layer.name!r}.")
            first.append(low)
            last.append(high)
        return np.stack(first, axis=1) @ self._index_weights, np.stack(last, axis=1) @ self._index_weights

    # ---- text -----------------------------------------------------------------------------------

    def to_str(self, archs: Archs) -> list[str]:
        """The textual form of each architecture, which `from_str` reads.

        Open decisions are written ``?``.
        """
        archs = self.check(archs, complete=False)
        columns = []
        for layer in self.layers:
            unique, where = np.unique(archs[:, layer.slice], axis=0, return_inverse=True)
            texts = np.array([self.layer_text(layer, row) for row in unique], dtype=object)
            columns.append(texts[where.reshape(-1)])
        return [self.join(parts) for parts in zip(*columns, strict=True)]

    def from_str(self, texts: str | Sequence[str]) -> Archs:
        """``(N, D)`` architectures from their textual form.

        Raises:
            InvalidValue: A text has another number of layers than the space.
            UnknownName: A layer's text is none of its options; the nearest one is suggested.
        """
        wanted = [texts] if isinstance(texts, str) else list(texts)
        rows = np.zeros((len(wanted), self.num_decisions), dtype=np.int8)
        books: dict[str, dict[str, Archs]] = {}
        for row, text in zip(rows, wanted, strict=True):
            parts = self.split(text)
            if len(parts) != len(self.layers):
                example = self.to_str(self._default[None])[0]
                raise InvalidValue(
                    f"{text!r} has {len(parts)} layers, {self.name!r} has {len(self.layers)}; written like {example!r}."
                )
            for layer, part in zip(self.layers, parts, strict=True):
                row[layer.slice] = self._read_listed(layer, part, books) if layer.is_listed else self.read_layer(layer, part)
        return rows

    def _read_listed(self, layer: Layer, text: str, books: dict[str, dict[str, Archs]]) -> Archs:
        if layer.name not in books:
            books[layer.name] = dict(zip(self.option_texts(layer), layer.options, strict=True))
        if text not in books[layer.name]:
            raise unknown_name(f"option of {layer.name!r}", text, books[layer.name])
        return books[layer.name][text]

    def read_layer(self, layer: Layer, text: str) -> Archs:
        """``(k,)`` choices from the text of a layer whose options are too many for a list.

        It reads labels between colons; a space whose `layer_text` writes something else overrides
        it.

        Raises:
            InvalidValue: The text is none of the layer's options.
        """
        labels, row = text.split(":"), self.empty()
        row[0, layer.slice] = 0
        for column in layer.columns:
            if not self.active(row)[0, column]:
                continue
            names = [str(label) for label in self.decisions[column].choices]
            label = labels.pop(0) if labels else ""
            if label not in names:
                raise unknown_name(f"choice of {self.names[column]!r}", label, names)
            row[0, column] = names.index(label)
        choices = row[:, layer.slice]
        if labels or layer.numbers(choices)[0] < 0:
            raise InvalidValue(
                f"{text!r} is no option of layer {layer.name!r} of {self.name!r}; written like "
                f"{self.layer_text(layer, self._default[layer.slice])!r}."
            )
        return np.asarray(choices[0])

    def option_texts(self, layer: Layer) -> list[str]:
        """The textual form of each option of a layer, in their order."""
        return [self.layer_text(layer, row) for row in layer.options]

    def labels(self, archs: Archs) -> list[dict[str, Label]]:
        """The labels of the active decisions of each architecture, by decision name."""
        archs = self.check(archs)
        active = self.active(archs)
        return [
            {d.name: d.choices[c] for d, c, on in zip(self.decisions, row, switched, strict=True) if on}
            for row, switched in zip(archs.tolist(), active.tolist(), strict=True)
        ]

    def layer_text(self, layer: Layer, choices: Archs) -> str:
        """The text of one layer, ``(k,)`` choices; a space with its own notation overrides it."""
        row = self.empty()
        row[0, layer.slice] = choices
        active = self.active(row)[0]
        return ":".join(
            "?" if choice < 0 else str(self.decisions[column].choices[choice])
            for column, choice in zip(layer.columns, choices, strict=True)
            if active[column]
        )

    def join(self, parts: Sequence[str]) -> str:
        """The text of an architecture from its layers' texts."""
        return ",".join(parts)

    def split(self, text: str) -> list[str]:
        """The layers' texts from an architecture's text; the inverse of `join`."""
        return [part.strip() for part in text.split(",")]

    def __repr__(self) -> str:
        size = f"{self.size:,}" if self.size < 10**9 else f"{self.size:.3g}"
        return f"{type(self).__name__}({self.name!r}, {self.num_decisions} decisions, {size} architectures)"
