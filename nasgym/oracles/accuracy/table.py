"""`TableOracle`: accuracies (or another quality) and training seconds from a table, in batches."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError, unknown_name
from nasgym.oracles.oracle import MEAN, AccuracyOracle, Measurements, SeedChoice, Split
from nasgym.quality import ACCURACY
from nasgym.spaces.space import SearchSpace
from nasgym.tables.table_file import Table
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["TableOracle"]

# of a card, for reports
CARD_KEYS = ("title", "notes", "note", "source", "paper", "licence", "license", "url", "machine", "date", "made", "imported")


class TableOracle(AccuracyOracle):
    """Accuracies and training seconds from a table.

    Args:
        table: The table; its rows are in the order of `space.enumerate`.
        space: The table's whole space (a restriction of it keeps the encoding and reads the same
            rows).
        dataset: One of the table's data sets; by default the first.
        seed: ``"mean"`` over the training seeds, ``"sampled"`` (each evaluation draws one of those
            that the architecture has), or the column of one training seed.
        search_fidelity: Epochs that a search sees; by default what the table's card says.

    Raises:
        UnknownName: The data set, the fidelity or the seed does not exist.
        DataError: The table does not fit the space, or an architecture lacks the fixed seed.
    """

    deterministic = True
    predicted = False
    in_range = True  # `Table` looks at every number

    def __init__(
        self,
        table: Table,
        space: SearchSpace,
        *,
        dataset: str | None = None,
        seed: SeedChoice = "mean",
        search_fidelity: int | None = None,
    ) -> None:
        if table.archs is not None and table.archs.shape[1] != space.num_decisions:
            raise DataError(
                f"table {table.name!r} has architectures of {table.archs.shape[1]} decisions, space {space.name!r} has "
                f"{space.num_decisions}."
            )
        if not table.sampled and table.num_rows != space.size:
            raise DataError(
                f"table {table.name!r} has {table.num_rows} rows, space {space.name!r} has {space.size} architectures."
            )
        self.table, self.space = table, space
        self.dataset = table.datasets[0] if dataset is None else dataset
        if self.dataset not in table.datasets:
            raise unknown_name(f"dataset of table {table.name!r}", dataset, table.datasets)
        self.quality = table.quality(self.dataset)
        self.canonical = bool(table.card["canonical"])
        self.complete = not table.card.get("partial", False) and not table.sampled
        self.search_metric: Split = "validation" if table.card["search_metric"] == "validation" else "test"
        # a fidelity without the search metric is for reports only
        self._all_fidelities = table.fidelities(self.dataset)
        self.fidelities = tuple(f for f in self._all_fidelities if (self.dataset, f, self.search_metric) in table.accuracy)
        self.report_fidelity = int(table.card["report_fidelity"])
        wanted = int(table.card["search_fidelity"]) if search_fidelity is None else search_fidelity
        self.search_fidelity = self._check_fidelity(wanted)
        self.seed = seed
        self._check_seed(self.search_fidelity)
        self.fingerprint = f"table:{table.fingerprint}:{self.dataset}"

    def _check_fidelity(self, fidelity: int) -> int:
        if fidelity not in self.fidelities:
            raise unknown_name(f"fidelity (epochs) of table {self.table.name!r}", fidelity, self.fidelities)
        return fidelity

    def _check_seed(self, fidelity: int) -> None:
        seed = self.seed
        if seed in ("mean", "sampled"):
            return
        values = self._values(fidelity, self.search_metric)
        columns = values.shape[1]
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < columns:
            raise unknown_name("training seed", seed, ("mean", "sampled", *range(columns)))
        absent = int(np.isnan(values[:, seed]).sum())
        if absent:
            raise DataError(
                f"{absent} of {len(values)} architectures of table {self.table.name!r} were not trained with seed column "
                f"{seed} for {fidelity} epochs; use seed='mean' or seed='sampled'."
            )

    def _values(self, fidelity: int, split: Split) -> npt.NDArray[np.float32]:
        found = self.table.accuracy.get((self.dataset, fidelity, split))
        return np.full((self.table.num_rows, 1), np.nan, dtype=np.float32) if found is None else found

    def draw_seeds(self, archs: Archs, fidelity: int, rng: np.random.Generator) -> Ints:
        """``(N,)`` seed columns: -1 for the mean, the fixed one, or one that the architecture has.

        Raises:
            UnknownName: The table has no search metric at this fidelity.
            DataError: An architecture lacks the fixed seed at this fidelity.
        """
        self._check_fidelity(fidelity)
        if self.seed != "sampled":
            if fidelity != self.search_fidelity:
                self._check_seed(fidelity)
            return np.full(len(archs), MEAN if self.seed == "mean" else self.seed, dtype=np.int64)
        counts, order = self._trainings[fidelity]
        rows = self._rows(archs)
        return order[rows, rng.integers(0, counts[rows])]

    @cached_property
    def _means(self) -> dict[tuple[int, str], Floats]:
        means: dict[tuple[int, str], Floats] = {}
        splits: tuple[Split, ...] = ("validation", "test")
        for fidelity in self._all_fidelities:
            for split in splits:
                means[fidelity, split] = _mean(self._values(fidelity, split))
            seconds = self.table.train_seconds.get((self.dataset, fidelity))
            if seconds is None:
                means[fidelity, "seconds"] = np.full(self.table.num_rows, np.nan)
            else:
                means[fidelity, "seconds"] = _mean(seconds.reshape(self.table.num_rows, -1))
        return means

    @cached_property
    def _trainings(self) -> dict[int, tuple[Ints, Ints]]:
        """How many seeds each architecture has, and which, for each fidelity.

        ``(rows,)`` counts, and ``(rows, seeds)`` columns, those that it has first.
        """
        found = {}
        for fidelity in self.fidelities:
            present = ~np.isnan(self._values(fidelity, self.search_metric))
            order = np.argsort(~present, axis=1, kind="stable")
            found[fidelity] = present.sum(axis=1), order
        return found

    def measure(self, archs: Archs, fidelity: int, seeds: Ints) -> Measurements:
        """Looks up ``(N, D)`` architectures; see `AccuracyOracle.measure`.

        `seeds` are columns, or -1 for the mean.

        Raises:
            UnknownName: The table has no such fidelity.
            InvalidValue: An architecture is not valid.
            DataError: The table is partial or a sample and lacks an architecture.
        """
        if fidelity not in self._all_fidelities:
            raise unknown_name(f"fidelity (epochs) of table {self.table.name!r}", fidelity, self._all_fidelities)
        rows = self._rows(archs)
        if (seeds == MEAN).all():
            means = self._means
            return Measurements(
                means[fidelity, "validation"][rows], means[fidelity, "test"][rows], means[fidelity, "seconds"][rows]
            )
        return Measurements(
            self._pick(self._values(fidelity, "validation"), rows, seeds, self._means[fidelity, "validation"]),
            self._pick(self._values(fidelity, "test"), rows, seeds, self._means[fidelity, "test"]),
            self._seconds(fidelity, rows, seeds),
        )

    def _rows(self, archs: Archs) -> Ints:
        """``(N,)`` rows of architectures; a partial or sampled table names one that it lacks."""
        if self.table.archs is not None:
            return self._sampled_rows(archs)
        rows = self.space.index_of(archs)
        if self.table.card.get("partial"):
            there = np.asarray(~np.isnan(self._values(self.search_fidelity, self.search_metric)).all(axis=1))
            if not there[rows].all():
                text = self.space.to_str(archs[~there[rows]][:1])[0]
                raise DataError(
                    f"architecture {text!r} is not in table {self.table.name!r}, which has {int(there.sum()):,} of "
                    f"{self.table.num_rows:,}; import the whole archive to search on it."
                )
        return rows

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.void], Ints]:
        """``(rows,)`` the architectures of a sampled table as sorted bytes, and the row of each."""
        assert self.table.archs is not None, "only of sampled tables"
        keys = _bytes(self.table.archs)
        order = np.argsort(keys)
        return keys[order], order

    def _sampled_rows(self, archs: Archs) -> Ints:
        self.space.valid_options(archs)  # refuses what the space does not have
        known, order = self._sorted
        keys = _bytes(archs)
        places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        absent = known[places] != keys
        if absent.any():
            text = self.space.to_str(archs[absent][:1])[0]
            raise DataError(
                f"architecture {text!r} is not in table {self.table.name!r}, which is a sample of {len(known):,} of "
                f"{_count(self.space.size)}; fit a surrogate with `nasgym data fit-surrogate {self.table.name}` and play it with "
                "accuracy='surrogate'."
            )
        return order[places]

    def _pick(self, values: npt.NDArray[np.float32], rows: Ints, seeds: Ints, means: Floats) -> Floats:
        """One seed's value; where the other split was trained with fewer seeds, its mean."""
        column = np.minimum(np.maximum(seeds, 0), values.shape[1] - 1)
        one = np.where(seeds < values.shape[1], values[rows, column], np.nan)
        return np.where((seeds == MEAN) | np.isnan(one), means[rows], one)

    def _seconds(self, fidelity: int, rows: Ints, seeds: Ints) -> Floats:
        seconds = self.table.train_seconds.get((self.dataset, fidelity))
        means = self._means[fidelity, "seconds"]
        if seconds is None or seconds.ndim == 1:
            return means[rows]
        return self._pick(seconds, rows, seeds, means)

    def report(self, archs: Archs) -> Measurements:
        """Means over the training seeds at the report fidelity."""
        return self.measure(archs, self.report_fidelity, np.full(len(archs), MEAN, dtype=np.int64))

    def by_seed(self, archs: Archs) -> npt.NDArray[np.float32]:
        """``(N, seeds)`` accuracies; see `AccuracyOracle.by_seed`."""
        return self._values(self.search_fidelity, self.search_metric)[self._rows(archs)]

    def sources(self) -> list[tuple[str, Any]]:
        """The table and what its card says of its origin; see `AccuracyOracle.sources`."""
        card = self.table.card
        return [
            ("table", f"{self.table.name} ({self.table.fingerprint}), data set {self.dataset}"),
            (
                "search metric",
                f"{self.search_metric} {self.quality.words} after {self.search_fidelity} epochs, training seed: {self.seed}",
            ),
            *([] if self.quality == ACCURACY else [("quality", self.quality.about)]),
            ("report", f"test {self.quality.words} after {self.report_fidelity} epochs, mean over training seeds"),
            *((key, card[key]) for key in CARD_KEYS if key in card),
        ]


def _bytes(archs: Archs) -> npt.NDArray[np.void]:
    """``(N,)`` each architecture as one value, by its bytes."""
    return np.ascontiguousarray(archs).view(np.dtype((np.void, archs.shape[1]))).reshape(-1)


def _count(size: int) -> str:
    return f"{size:,}" if size < 10**9 else f"{size:.3g}"


def _mean(values: npt.NDArray[np.floating[Any]]) -> Floats:
    """``(rows,)`` means over the seeds that are there, NaN where there is none."""
    present = ~np.isnan(values)
    total = np.where(present, values, 0.0).astype(np.float64).sum(axis=1)
    counts = present.sum(axis=1)
    return np.asarray(np.divide(total, counts, out=np.full(len(values), np.nan), where=counts > 0))
