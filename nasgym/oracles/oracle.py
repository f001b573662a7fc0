"""What an accuracy oracle and a cost oracle promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from nasgym.oracles.layer_terms import LayerTerms
from nasgym.quality import ACCURACY, Quality
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["LATENCY", "MEAN", "AccuracyOracle", "Clock", "CostDefaults", "CostOracle", "Measurements", "SeedChoice", "Split"]

# the cost that the keyword `device` is about; after "@" comes the name of another device
LATENCY = "latency_ms"
# a training seed that stands for the mean over all of them
MEAN = -1

Split: TypeAlias = Literal["validation", "test"]
SeedChoice: TypeAlias = Literal["mean", "sampled"] | int
# seconds of one clock are never added to those of another: "simulated" were recorded when a table
# was made, "measured" are processor seconds of this machine
Clock: TypeAlias = Literal["simulated", "measured"]


@dataclass(frozen=True)
class Measurements:
    """What an oracle found for N architectures; arrays of shape (N,), NaN where it has no number.

    Attributes:
        validation: The quality on the validation split, within its range (accuracy: in [0, 1]).
        test: The quality on the test split.
        train_seconds: What the training took.
    """

    validation: Floats
    test: Floats
    train_seconds: Floats


@runtime_checkable
class AccuracyOracle(Protocol):
    """Says how good architectures are.

    Attributes:
        space: The space whose encodings it reads.
        quality: What its numbers are: an accuracy in [0, 1] unless it says otherwise.
        fingerprint: Changes whenever an answer could change; key of the store.
        canonical: Whether all encodings of one network share their result
            (`SearchSpace.canonical`).
        fidelities: Epochs that it can train for, ascending.
        search_fidelity: What a search sees unless it asks for another.
        search_metric: ``"validation"``; ``"test"`` only where there are no validation numbers, and
            marked everywhere.
        seed: ``"mean"`` over the training seeds, ``"sampled"`` where every evaluation draws one, or
            the fixed one.
        deterministic: False where two calls with the same arguments may differ (live training, live
            measurement).
        complete: Whether all architectures can be asked about at once, free of charge: exact
            answers need that.
        predicted: Whether a model says what a training would give; then there are no training
            seeds.
        clock: What its training seconds are.
        in_range: Whether its numbers were compared with the quality's range where they came in, as
            those of a table are; others are compared whenever they are measured.
    """

    space: SearchSpace
    quality: Quality = ACCURACY
    fingerprint: str
    canonical: bool
    fidelities: tuple[int, ...]
    search_fidelity: int
    search_metric: Split
    seed: SeedChoice
    deterministic: bool
    complete: bool
    predicted: bool
    clock: Clock = "simulated"
    in_range: bool = False

    def draw_seeds(self, archs: Archs, fidelity: int, rng: np.random.Generator) -> Ints:
        """``(N,)`` training seeds, one per architecture; -1 stands for the mean over all seeds."""
        ...

    def measure(self, archs: Archs, fidelity: int, seeds: Ints) -> Measurements:
        """Measures ``(N, D)`` complete valid architectures with ``(N,)`` training seeds."""
        ...

    def means(self, archs: Archs, fidelity: int) -> Measurements:
        """Means over all training seeds, for exact answers.

        No search asks for them, so there are no warnings.
        """
        return self.measure(archs, fidelity, np.full(len(archs), MEAN, dtype=np.int64))

    def report(self, archs: Archs) -> Measurements:
        """Mean over all training seeds at the full fidelity; for reports, never for a search."""
        ...

    def by_seed(self, archs: Archs) -> npt.NDArray[np.floating[Any]] | None:
        """``(N, seeds)`` accuracies by the search metric at the search fidelity, or None.

        NaN where a seed was not trained. None where they are not all known.
        """
        return None

    def sources(self) -> list[tuple[str, Any]]:
        """Where the accuracies come from, for reports: keys with JSON-able values."""
        return [("accuracies", self.fingerprint)]

    def notes(self, archs: Archs) -> list[str]:
        """Sentences that a reader must know about the accuracies of ``(N, D)`` answers.

        Empty where there is nothing.
        """
        return []


@runtime_checkable
class CostOracle(Protocol):
    """Says what architectures cost, in one unit.

    Attributes:
        space: The space whose encodings it reads.
        name: Name with unit, for example ``"macs"`` or ``"latency_ms@raspi4"``.
        fingerprint: Changes whenever an answer could change.
        free: Whether asking costs nothing (counted, tables); live measurements are charged.
        exclusive: Whether asking needs this machine for itself, because other work would change the
            answer.
        provenance: Where the numbers come from, in words that stand after "latency_ms is that of"
            or alone.
    """

    space: SearchSpace
    name: str
    free: bool
    exclusive: bool

    @property
    def fingerprint(self) -> str: ...  # noqa: D102  # see above; an attribute does

    @property
    def provenance(self) -> str: ...  # noqa: D102  # see above; an attribute does

    def check(self) -> None:
        """Raises `NasgymError` where the cost cannot be asked.

        Called before the cost becomes part of a problem.
        """
        ...

    def notes(self, archs: Archs) -> list[str]:
        """Sentences that a reader must know about the costs of ``(N, D)`` answers.

        Empty where there is nothing.
        """
        ...

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` cost of complete architectures."""
        ...

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest cost over all completions of partial architectures; exact."""
        ...

    def narrow(self, space: SearchSpace) -> CostOracle:
        """The same cost over a restriction of the space."""
        ...

    def terms(self) -> LayerTerms | None:
        """The cost as numbers of layers and of neighbouring layers, over the options of `space`.

        `LayerTerms.cost` of them is `cost`, to the last digit where costs are counted or looked up.
        None means that the cost is not a sum (or the largest) of such numbers, or that nobody knows
        whether it is, as of a latency that is measured network by network.
        """
        ...


class CostDefaults:
    """Base of cost oracles that can always be asked and have nothing to note.

    Asking them disturbs no other work on the machine, and they are no sums over layers.
    """

    exclusive = False

    def check(self) -> None:
        """See `CostOracle.check`."""

    def notes(self, archs: Archs) -> list[str]:
        """See `CostOracle.notes`."""
        return []

    def terms(self) -> LayerTerms | None:
        """See `CostOracle.terms`."""
        return None
