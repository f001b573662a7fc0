"""`Steps`: what one step of an episode decides, a decision or a whole layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.spaces.decision import OPEN, Decision
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Ints

__all__ = ["Granularity", "Steps"]

Granularity: TypeAlias = Literal["decision", "layer"]
MOST_OPTIONS = 127


@dataclass(frozen=True)
class Steps:
    """The steps of an episode as a search space, and the way back to architectures of the problem.

    Attributes:
        space: One decision a step. Its architectures, in lexicographic order, stand for those of
            `whole` in that order.
        whole: The problem's space.
    """

    space: SearchSpace
    whole: SearchSpace

    @classmethod
    def of(cls, whole: SearchSpace, granularity: Granularity) -> Steps:
        """The steps of a space.

        Args:
            whole: The problem's space.
            granularity: ``"decision"``; or ``"layer"``, whose choices are the layers' valid
                options, so that nothing is inactive.

        Raises:
            UnknownName: No such granularity.
            InvalidValue: A layer has too many options for one step.
        """
        if granularity not in get_args(Granularity):
            raise unknown_name("granularity", granularity, get_args(Granularity))
        if granularity == "decision":
            return cls(whole, whole)
        for layer in whole.layers:
            if layer.count > MOST_OPTIONS:
                raise InvalidValue(
                    f"layer {layer.name!r} of {whole.name!r} has {layer.count} options, a step can have "
                    f"{MOST_OPTIONS}; use granularity='decision', or narrow the layer with restrict=."
                )
        ends = {}
        for stop, over in ({} if whole.stops is None else whole.stops.options(whole.layers)).items():
            texts = zip(whole.option_texts(whole.layers[stop]), over.tolist(), strict=True)
            if over.any():  # a restriction may leave none
                ends[whole.layers[stop].name] = [text for text, ended in texts if ended]
        decisions = [
            Decision(layer.name, tuple(whole.option_texts(layer)), whole.decisions[layer.columns.start].role)
            for layer in whole.layers
        ]
        return cls(SearchSpace(f"{whole.name}, layer by layer", decisions, ends=ends), whole)

    def complete(self, rows: Archs, at: Ints) -> Ints:
        """``(N,)`` steps made, T where the last one was a stop; there the rest of `rows` becomes 0.

        Args:
            rows: ``(N, T)`` steps so far; changed in place.
            at: ``(N,)`` how many were made.
        """
        if self.space.fixed_length:
            return at
        ended = self.space.ended(rows)
        rows[ended] = np.maximum(rows[ended], 0)
        return np.where(ended, self.space.num_decisions, at)

    def to_archs(self, rows: Archs) -> Archs:
        """``(N, D)`` architectures from ``(N, T)`` rows of steps; what is open stays open."""
        if self.space is self.whole:
            return rows
        archs = self.whole.from_options(np.maximum(rows, 0))
        widths = [len(layer.columns) for layer in self.whole.layers]
        archs[np.repeat(rows < 0, widths, axis=1)] = OPEN
        return archs
