"""`FittedModel` and `FittedCost`: what was fitted to a sampled table, as accuracies and as costs."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.cost.enumerated import EnumeratedCost
from nasgym.oracles.oracle import Measurements, Split
from nasgym.spaces.space import ENUMERATION_LIMIT, SearchSpace
from nasgym.surrogates.surrogate import Surrogate
from nasgym.tables.table_file import Table
from nasgym.type_aliases import Archs, Bools, Floats

__all__ = ["FittedCost", "FittedModel"]


class FittedModel:
    """Accuracies and training seconds of a sampled table, predicted for every architecture of its space.

    Sampled architectures are predicted like all others: a search must not be able to tell them apart.

    Args:
        surrogate: What was fitted.
        table: The table that it was fitted to.
        dataset: One of the table's data sets; by default the first.
        search_fidelity: Epochs that a search sees; by default what the table's card says.

    Raises:
        UnknownName: There is no such data set or fidelity.
    """

    def __init__(
        self, surrogate: Surrogate, table: Table, *, dataset: str | None = None, search_fidelity: int | None = None
    ) -> None:
        self.surrogate, self.space = surrogate, surrogate.space
        self.dataset = table.datasets[0] if dataset is None else dataset
        if self.dataset not in table.datasets:
            raise unknown_name(f"dataset of table {table.name!r}", dataset, table.datasets)
        self.canonical, self.members = bool(table.card["canonical"]), surrogate.members
        self.search_metric: Split = "validation" if table.card["search_metric"] == "validation" else "test"
        self.fidelities = tuple(
            epochs for epochs in table.fidelities(self.dataset) if (self.dataset, epochs, self.search_metric) in table.accuracy
        )
        self.search_fidelity = int(table.card["search_fidelity"]) if search_fidelity is None else search_fidelity
        if self.search_fidelity not in self.fidelities:
            raise unknown_name(f"fidelity (epochs) of table {table.name!r}", search_fidelity, self.fidelities)
        self.report_fidelity = int(table.card["report_fidelity"])
        digest = hashlib.sha256(f"{surrogate.fingerprint}:{self.dataset}".encode())
        self.fingerprint = "surrogate:" + digest.hexdigest()[:16]
        self.provenance = f"predicted by {surrogate.about}: {self._quality(self.search_fidelity, self.search_metric)}"

    def _quality(self, epochs: int, split: Split) -> str:
        target = self.surrogate.targets[f"accuracy/{self.dataset}/{epochs}/{split}"]
        return f"{split} accuracy after {epochs} epochs, {target.quality(self.surrogate.card['folds'])}"

    @cached_property
    def details(self) -> list[tuple[str, str]]:
        """Lines for cards: the quality of the test accuracies, features, and how it was fitted."""
        card = self.surrogate.card
        made = ", ".join(f"{package} {number}" for package, number in card["versions"].items())
        return [
            ("reports", f"predicted: {self._quality(self.report_fidelity, 'test')}"),
            ("features", str(card["features"])),
            (
                "fitted",
                f"{card['date']}, seed {card['seed']}, {self.members} member{'s' if self.members > 1 else ''}; {made}; table "
                f"fingerprint {card['table_fingerprint']}",
            ),
        ]

    def predict(self, archs: Archs, fidelity: int, member: int) -> Measurements:
        """Predictions of one member for ``(N, D)`` valid architectures; -1: the mean of all. NaN what the table has not."""
        head, tail = f"accuracy/{self.dataset}/{fidelity}", f"train_seconds/{self.dataset}/{fidelity}"
        found = [
            self.surrogate.predict(column, archs, member) if column in self.surrogate.targets else np.full(len(archs), np.nan)
            for column in (f"{head}/validation", f"{head}/test", tail)
        ]
        return Measurements(*found)

    def outside(self, archs: Archs) -> Bools:
        """``(N,)`` which valid architectures lie outside of the sample (`nasgym.surrogates.sample_range.SampleRange`)."""
        return self.surrogate.range.outside(self.surrogate.features.codes(archs))


class FittedCost(EnumeratedCost):
    """A cost of a sampled table, predicted for every architecture: the mean over the members.

    Bounds are exact bounds of the predictions, found by predicting the whole space, which therefore has to be one that can be
    enumerated (possibly after a restriction).

    Args:
        surrogate: What was fitted.
        table: The table that it was fitted to.
        space: The table's space or a restriction of it.
        column: Name of the column in the table.
        dataset: Data set of the column.
        name: Name under which the cost goes; by default the column's.

    Attributes:
        provenance: One sentence: that the cost was fitted, and how well.

    Raises:
        UnknownName: The table has no such column.
    """

    def __init__(
        self, surrogate: Surrogate, table: Table, space: SearchSpace, column: str, dataset: str, name: str | None = None
    ) -> None:
        owners = [owner for owner in (dataset, "*") if (owner, column) in table.costs]
        if not owners:
            raise unknown_name(f"cost of table {table.name!r}", column, table.cost_names(dataset))
        self._made = surrogate, table, column, dataset
        self._column = f"cost/{owners[0]}/{column}"
        super().__init__(space, name or column, f"fitted:{surrogate.fingerprint}:{self._column}")
        quality = surrogate.targets[self._column].quality(surrogate.card["folds"])
        self.provenance = f"PREDICTED by {surrogate.about}: {quality}"

    @cached_property
    def values(self) -> Floats:  # type: ignore[override]  # computed when it is first asked for, then kept like any attribute
        """``(size,)`` predicted costs in the order of `space.enumerate`.

        Raises:
            InvalidValue: The space is too large.
        """
        if not self.space.can_enumerate:
            raise InvalidValue(
                f"cost {self.name!r} was fitted to a sample, and its bounds need a prediction for each of the {self.space.size:.3g} "
                f"architectures of {self.space.name!r}; restrict= the space to {ENUMERATION_LIMIT:,} at most, or play without a cost."
            )
        return self._made[0].predict(self._column, self.space.enumerate(), -1)

    def narrow(self, space: SearchSpace) -> FittedCost:
        """The same cost over a restriction of the space, so that bounds are those of its completions."""
        surrogate, table, column, dataset = self._made
        return FittedCost(surrogate, table, space, column, dataset, self.name)
