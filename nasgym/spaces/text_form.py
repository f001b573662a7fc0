"""`TextForm`: architectures as text, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue, unknown_name
from nasgym.spaces.decision import Decision, Label
from nasgym.spaces.layer import Layer
from nasgym.spaces.stops import Stops
from nasgym.type_aliases import Archs, Bools

__all__ = ["TextForm"]


class TextForm:
    """Base of `SearchSpace`: the textual form of architectures.

    The text of an architecture is that of its layers, joined; layers after a stop are left out.
    A space with a notation of its own overrides `layer_text`, `join` and `split`, and for layers of
    very many options `read_layer`.
    """

    name: str
    names: tuple[str, ...]
    decisions: tuple[Decision, ...]
    _default: Archs
    stops: Stops | None

    if TYPE_CHECKING:  # what the space has

        @property
        def layers(self) -> tuple[Layer, ...]: ...  # noqa: D102

        @property
        def num_decisions(self) -> int: ...  # noqa: D102

        def empty(self, n: int = 1) -> Archs: ...  # noqa: D102

        def check(self, archs: npt.ArrayLike, *, complete: bool = True) -> Archs: ...  # noqa: D102

        def active(self, archs: Archs) -> Bools: ...  # noqa: D102

    @cached_property
    def _known_texts(self) -> list[dict[bytes | int, str]]:
        """For each layer the texts of the choices that were asked for, where these are few."""
        return [{} for _ in self.layers]

    def to_str(self, archs: Archs) -> list[str]:
        """The textual form of each architecture, which `from_str` reads.

        Open decisions are written ``?``.
        """
        archs = self.check(archs, complete=False)
        columns = []
        for layer, texts in zip(self.layers, self._known_texts, strict=True):
            known: dict[bytes | int, str] = texts if layer.is_listed else {}
            choices = archs[:, layer.slice]
            keys = [row.tobytes() for row in choices] if len(layer.columns) > 1 else choices[:, 0].tolist()
            for key, row in zip(keys, choices, strict=True):
                if key not in known:
                    known[key] = self.layer_text(layer, row)
            columns.append([known[key] for key in keys])
        rows = zip(*columns, strict=True)
        if self.stops is None:
            return [self.join(parts) for parts in rows]
        reached = self.stops.reached(archs).tolist()
        return [
            self.join([part for part, there in zip(parts, known, strict=True) if there])
            for parts, known in zip(rows, reached, strict=True)
        ]

    def from_str(self, texts: str | Sequence[str]) -> Archs:
        """``(N, D)`` architectures from their textual form.

        Raises:
            InvalidValue: A text has another number of layers than the space, or goes on after a
                stop.
            UnknownName: A layer's text is none of its options; the nearest one is suggested.
        """
        wanted = [texts] if isinstance(texts, str) else list(texts)
        rows = np.zeros((len(wanted), self.num_decisions), dtype=np.int8)
        books: dict[str, dict[str, Archs]] = {}
        for row, text in zip(rows, wanted, strict=True):
            row[:] = self._read(text, books)
        return rows

    def _read(self, text: str, books: dict[str, dict[str, Archs]]) -> Archs:
        """``(D,)`` one architecture; `books` keeps what the layers' texts mean."""
        parts, row, whole = self.split(text), self.empty(), False
        if self.stops is None and len(parts) != len(self.layers):
            example = self.to_str(self._default[None])[0]
            raise InvalidValue(
                f"{text!r} has {len(parts)} layers, {self.name!r} has {len(self.layers)}; written like {example!r}."
            )
        used = 0
        for layer, part in zip(self.layers, parts, strict=False):
            row[0, layer.slice] = self._read_listed(layer, part, books) if layer.is_listed else self.read_layer(layer, part)
            used += 1
            whole = used == len(self.layers) or (self.stops is not None and bool(self.stops.made(row).any()))
            if whole:
                break
        if not whole or used < len(parts):
            said = f"is complete after {used}" if whole else "does not end there"
            raise InvalidValue(
                f"{text!r} has {len(parts)} part{'s' * (len(parts) > 1)} and {said} in {self.name!r}; written like "
                f"{self.to_str(self._default[None])[0]!r}."
            )
        # what was not reached is inactive
        return np.asarray(np.maximum(row[0], 0))

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
