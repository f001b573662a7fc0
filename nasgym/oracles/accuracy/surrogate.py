"""`SurrogateOracle`: accuracies that a model predicts, in the place of training."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from nasgym.errors import InvalidValue, OutsideSampleWarning, unknown_name
from nasgym.oracles.oracle import MEAN, AccuracyOracle, Measurements, SeedChoice, Split
from nasgym.quality import Quality
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools, Ints

__all__ = ["SurrogateModel", "SurrogateOracle"]


class SurrogateModel(Protocol):
    """What a `SurrogateOracle` asks.

    Attributes:
        fingerprint: Changes whenever a prediction could change.
        provenance: One sentence: what the accuracies are.
        space: The whole space whose encodings it reads.
        quality: What it predicts.
        canonical: Whether all encodings of one network share their prediction.
        fidelities: Epochs with a search metric, ascending.
        search_fidelity, report_fidelity: Epochs that a search sees and that a report states.
        search_metric: What a search sees.
        members: Number of models in the ensemble.
    """

    fingerprint: str
    provenance: str
    space: SearchSpace
    quality: Quality
    canonical: bool
    fidelities: tuple[int, ...]
    search_fidelity: int
    report_fidelity: int
    search_metric: Split
    members: int

    @property
    def details(self) -> Sequence[tuple[str, str]]:
        """Further (key, text) for cards."""
        ...

    def predict(self, archs: Archs, fidelity: int, member: int) -> Measurements:
        """Predictions of one member for ``(N, D)`` valid architectures; -1: the mean of all."""
        ...

    def outside(self, archs: Archs) -> Bools | None:
        """``(N,)`` which valid architectures lie outside of what the model was fitted to.

        None where that is not known.
        """
        ...


class SurrogateOracle(AccuracyOracle):
    """Accuracies of a model.

    Asking costs nothing, so exact answers exist where the space can be enumerated. Where the model
    is an ensemble, its members take the place of training seeds: ``"mean"`` is their mean,
    ``"sampled"`` draws one for every evaluation, and a number is one of them.

    Args:
        model: What predicts.
        space: The model's space or a restriction of it.
        seed: As above.

    Raises:
        InvalidValue: Another space; or members are to be drawn and there is only one.
        UnknownName: There is no such member.

    Warns:
        OutsideSampleWarning: The first time that an architecture outside of the model's sample is
            asked about.
    """

    deterministic = True
    complete = True
    predicted = True

    def __init__(self, model: SurrogateModel, space: SearchSpace, *, seed: SeedChoice = "mean") -> None:
        if (space.name, space.decisions) != (model.space.name, model.space.decisions):
            raise InvalidValue(f"this surrogate reads networks of space {model.space.name!r}, not of {space.name!r}.")
        self.model, self.space, self.seed = model, space, seed
        if seed == "sampled" and model.members == 1:
            raise InvalidValue(
                "seed='sampled' draws a member of an ensemble, and this surrogate is one model; fit several with --members, or give "
                "seed='mean'."
            )
        number = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < model.members
        if seed not in ("mean", "sampled") and not (number and model.members > 1):
            members = range(model.members) if model.members > 1 else ()
            raise unknown_name("member of the surrogate (in the place of a training seed)", seed, ("mean", *members))
        self.quality = model.quality
        self.fingerprint, self.provenance, self.canonical = model.fingerprint, model.provenance, model.canonical
        self.fidelities, self.search_fidelity, self.search_metric = model.fidelities, model.search_fidelity, model.search_metric
        self._warned = False

    def draw_seeds(self, archs: Archs, fidelity: int, rng: np.random.Generator) -> Ints:
        """``(N,)`` members: -1 for the mean of all, the fixed one, or drawn ones."""
        self._check(fidelity, self.fidelities)
        if self.seed == "sampled":
            return rng.integers(0, self.model.members, size=len(archs))
        return np.full(len(archs), MEAN if isinstance(self.seed, str) else self.seed, dtype=np.int64)

    def measure(self, archs: Archs, fidelity: int, seeds: Ints) -> Measurements:
        """Predicts ``(N, D)`` complete valid architectures; see `AccuracyOracle.measure`.

        Raises:
            UnknownName: There is no such fidelity, or no such member.
            InvalidValue: An architecture is not valid in the space.
        """
        found = self._predict(archs, fidelity, seeds)
        self._warn(archs)
        return found

    def means(self, archs: Archs, fidelity: int) -> Measurements:
        """Means over the members without a warning, because exact answers ask about everything."""
        return self._predict(archs, fidelity, np.full(len(archs), MEAN, dtype=np.int64))

    def _predict(self, archs: Archs, fidelity: int, seeds: Ints) -> Measurements:
        self._check(fidelity, {*self.fidelities, self.model.report_fidelity})
        wrong = (seeds < MEAN) | (seeds >= (self.model.members if self.model.members > 1 else 0))
        if wrong.any():
            members = range(self.model.members) if self.model.members > 1 else ()
            raise unknown_name("training seed (member of the surrogate)", int(seeds[wrong][0]), ("mean (-1)", *members))
        valid = self.space.is_valid(self.space.check(archs))
        if not valid.all():
            row = int(np.flatnonzero(~valid)[0])
            raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, is not valid in {self.space.name!r}.")
        found = np.empty((3, len(archs)))
        for member in np.unique(seeds):
            rows = seeds == member
            one = self.model.predict(archs[rows], fidelity, int(member))
            found[:, rows] = one.validation, one.test, one.train_seconds
        return Measurements(*found)

    def report(self, archs: Archs) -> Measurements:
        """Means over the members at the report fidelity."""
        return self.measure(archs, self.model.report_fidelity, np.full(len(archs), MEAN, dtype=np.int64))

    def sources(self) -> list[tuple[str, Any]]:
        """What predicts, and how well; see `AccuracyOracle.sources`."""
        return [("accuracies", self.provenance), *self.model.details]

    def notes(self, archs: Archs) -> list[str]:
        """That accuracies are predicted, and how many of the answers are extrapolations."""
        notes, outside = [f"Accuracies are {self.provenance}."], self.model.outside(archs)
        if outside is not None:
            notes.append(
                f"{int(outside.sum())} of {len(outside)} answers lie outside of the sample that the predictions were fitted to, where "
                "they are extrapolations."
            )
        return notes

    def _warn(self, archs: Archs) -> None:
        if self._warned:
            return
        outside = self.model.outside(archs)
        if outside is not None and outside.any():
            self._warned = True
            text = self.space.to_str(archs[outside][:1])[0]
            warnings.warn(
                f"{int(outside.sum()):,} of {len(archs):,} architectures that the surrogate was asked about, {text!r} for one, lie "
                "outside of what it was fitted to; such predictions are extrapolations. This is said once.",
                OutsideSampleWarning,
                stacklevel=3,
            )

    def _check(self, fidelity: int, known: Sequence[int] | set[int]) -> None:
        if fidelity not in known:
            raise unknown_name("fidelity (epochs) of the predictor", fidelity, sorted(known))
