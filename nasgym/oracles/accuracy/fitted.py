"""`FittedModel`: accuracies that were fitted to a sampled table."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np

from nasgym.errors import unknown_name
from nasgym.oracles.oracle import Measurements, Split
from nasgym.surrogates.surrogate import Surrogate
from nasgym.tables.table_file import Table
from nasgym.type_aliases import Archs, Bools

__all__ = ["FittedModel"]


class FittedModel:
    """Accuracies and training seconds of a sampled table, predicted for its whole space.

    Sampled architectures are predicted like all others: a search must not be able to tell them
    apart.

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
        self.quality = table.quality(self.dataset)
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
        self.provenance = f"predicted by {surrogate.about}: {self._how_good(self.search_fidelity, self.search_metric)}"

    def _how_good(self, epochs: int, split: Split) -> str:
        target = self.surrogate.targets[f"accuracy/{self.dataset}/{epochs}/{split}"]
        return f"{split} {self.quality.words} after {epochs} epochs, {target.quality(self.surrogate.card['folds'])}"

    @cached_property
    def details(self) -> list[tuple[str, str]]:
        """Lines for cards: how good the test predictions are, features, and how it was fitted."""
        card = self.surrogate.card
        made = ", ".join(f"{package} {number}" for package, number in card["versions"].items())
        return [
            ("reports", f"predicted: {self._how_good(self.report_fidelity, 'test')}"),
            ("features", str(card["features"])),
            (
                "fitted",
                f"{card['date']}, seed {card['seed']}, {self.members} member{'s' if self.members > 1 else ''}; {made}; table "
                f"fingerprint {card['table_fingerprint']}",
            ),
        ]

    def predict(self, archs: Archs, fidelity: int, member: int) -> Measurements:
        """Predictions of one member for ``(N, D)`` valid architectures; -1: the mean of all.

        NaN where the table has no such column.
        """
        head, tail = f"accuracy/{self.dataset}/{fidelity}", f"train_seconds/{self.dataset}/{fidelity}"
        found = [
            self.surrogate.predict(column, archs, member) if column in self.surrogate.targets else np.full(len(archs), np.nan)
            for column in (f"{head}/validation", f"{head}/test", tail)
        ]
        return Measurements(*found)

    def outside(self, archs: Archs) -> Bools:
        """``(N,)`` which valid architectures lie outside of the sample.

        See `nasgym.surrogates.sample_range.SampleRange`.
        """
        return self.surrogate.range.outside(self.surrogate.features.codes(archs))
