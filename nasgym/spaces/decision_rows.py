"""`DecisionRows`: the decisions of a space, and what rows of their choices may hold."""

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
from nasgym.spaces.decision import OPEN, Decision, Label, check_labels
from nasgym.spaces.layer import Layer
from nasgym.spaces.stops import Stops
from nasgym.spaces.text_form import TextForm
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["DecisionRows"]

# what is kept of a space and would be another after a restriction, here and in `SearchSpace`
RESTRICTED = ("layers", "_numbering", "fingerprint", "_all", "adjacency", "_option_table", "_plain")


class DecisionRows(TextForm):
    """Base of `SearchSpace`: decisions in layers, their conditions and stops, and masks.

    Args:
        name: See `SearchSpace`, and so are the others.
        decisions: The decisions in the order in which they are made.
        layers: ``(layer name, number of consecutive decisions)``.
        default: The architecture that fixes what is left open.
        ends: Stops.
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
        for stop, labels in (ends or {}).items():
            check_labels("ends", stop, labels)
        self.ends = {stop: tuple(labels) for stop, labels in (ends or {}).items()}
        self.stops = Stops.of(self.name, self.decisions, self._layer_sizes, self.ends)
        if default is not None and (isinstance(default, str) or len(default) != self.num_decisions):
            raise InvalidValue(
                f"the default of space {name!r} is a list of {self.num_decisions} labels, got {default!r}; write one for each of "
                f"{', '.join(self.names)}."
            )
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

    @property
    def fixed_length(self) -> bool:
        """Whether every architecture makes all decisions: there is no stop."""
        return self.stops is None

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
        for cached in RESTRICTED:
            narrowed.__dict__.pop(cached, None)
        allowed = self.allowed.copy()
        for pattern, labels in choices.items():
            check_labels("restrict", pattern, labels)
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
