"""`Table`: a table of trained networks, and its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.errors import DataError, NasgymError, unknown_name
from nasgym.files.arrays import Array, read_arrays, write_arrays
from nasgym.quality import ACCURACY, Quality

__all__ = ["Table", "read_table", "write_table"]

FORMAT = "nasgym-table-1"
SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Table:
    """Accuracies, training seconds and costs of all architectures of a space, or of a sample.

    Accuracies are those numbers that a search is about; their quality may be another one, for
    example a perplexity.

    Row i of every array is architecture i of ``SearchSpace.enumerate()``; of a sampled table, row i
    of `archs`.

    Attributes:
        card: JSON-able description. Required keys: ``name``; ``space`` (a registered name, or a
            description of decisions for an own table); ``datasets`` (ordered, the first is the
            default); ``search_fidelity`` and ``report_fidelity`` (epochs); ``search_metric``
            (``"validation"`` or ``"test"``); ``canonical`` (whether all encodings of one network
            share their result). ``partial`` (true) marks a table that lacks architectures (NaN
            rows), ``sampled`` (true) one that lists those that it has. ``qualities`` maps those
            data sets whose numbers are no plain accuracies to what they are
            (`Quality.describe`). Free keys say where the numbers come from.
        accuracy: (dataset, fidelity in epochs, split) to ``(rows, seeds)`` float32 within the range
            of the data set's quality (an accuracy: in [0, 1]), NaN where a seed is missing.
        train_seconds: (dataset, fidelity) to ``(rows,)`` or ``(rows, seeds)`` float32, NaN where a
            seed is missing.
        costs: (dataset or ``"*"`` for all, cost name with unit) to ``(rows,)`` float64, NaN where
            not measured.
        archs: ``(rows, D)`` int8, the different architectures of a sampled table; None: those of
            the whole space.
    """

    card: Mapping[str, Any]
    accuracy: Mapping[tuple[str, int, str], Array]
    train_seconds: Mapping[tuple[str, int], Array]
    costs: Mapping[tuple[str, str], Array]
    archs: Array | None = None

    def __post_init__(self) -> None:
        for key in ("name", "space", "datasets", "search_fidelity", "report_fidelity", "search_metric", "canonical"):
            if key not in self.card:
                raise DataError(f"the card of a table lacks {key!r}; it has {', '.join(sorted(self.card))}.")
        if not self.accuracy:
            raise DataError(f"table {self.name!r} has no accuracies.")
        self._check_archs()
        qualities = self._qualities
        for (dataset, fidelity, split), values in self.accuracy.items():
            where = f"accuracy {dataset}/{fidelity}/{split} of table {self.name!r}"
            if split not in SPLITS or dataset not in self.card["datasets"]:
                raise DataError(f"{where}: datasets are {list(self.card['datasets'])}, splits {list(SPLITS)}.")
            if values.ndim != 2 or len(values) != self.num_rows:
                raise DataError(f"{where} has the shape {values.shape}, expected ({self.num_rows}, seeds).")
            _check_accuracy(where, values, qualities[dataset], partial=bool(self.card.get("partial", False)))
        self._check_seconds()
        for (dataset, name), values in self.costs.items():
            if values.shape != (self.num_rows,):
                raise DataError(
                    f"cost {name!r} of table {self.name!r} has the shape {values.shape}, expected ({self.num_rows},)."
                )
            if np.isinf(values).any() or (values < 0).any():
                raise DataError(f"cost {name!r} ({dataset}) of table {self.name!r} has a negative or infinite entry.")

    def _check_archs(self) -> None:
        if (self.archs is not None) != self.sampled:
            raise DataError(f"table {self.name!r} lists architectures and its card says 'sampled', or neither of the two.")
        if self.archs is not None and (self.archs.dtype != np.int8 or self.archs.ndim != 2 or len(self.archs) != self.num_rows):
            raise DataError(
                f"the architectures of table {self.name!r} are {self.archs.dtype} of shape {self.archs.shape}, expected int8, "
                f"({self.num_rows}, decisions)."
            )
        if self.archs is not None:
            # stable: the first of equal rows comes first
            order = np.lexsort(self.archs.T)
            again = np.flatnonzero((np.diff(self.archs[order], axis=0) == 0).all(axis=1))
            if len(again):
                first, second = order[again[0]], order[again[0] + 1]
                raise DataError(
                    f"the architectures of table {self.name!r} are not different: rows {first} and {second} are both "
                    f"{self.archs[first].tolist()}; keep one of them."
                )

    def _check_seconds(self) -> None:
        for key, values in self.train_seconds.items():
            where = f"train_seconds {key[0]}/{key[1]} of table {self.name!r}"
            shapes = {values.shape for owner, values in self.accuracy.items() if owner[:2] == key}
            if not shapes:
                raise DataError(f"{where}: the table has no accuracies for them.")
            if values.shape not in {(self.num_rows,), *shapes}:
                wanted = " or ".join(map(str, [(self.num_rows,), *sorted(shapes)]))
                raise DataError(f"{where} has the shape {values.shape}, expected {wanted}.")
            if np.isinf(values).any() or (values < 0).any():
                raise DataError(f"{where} has a negative or infinite entry.")

    @property
    def name(self) -> str:
        """Name of the table."""
        return str(self.card["name"])

    @property
    def sampled(self) -> bool:
        """Whether the table lists a sample of its space's architectures."""
        return bool(self.card.get("sampled", False))

    @property
    def num_rows(self) -> int:
        """Number of architectures that the table has."""
        return len(next(iter(self.accuracy.values())))

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets; the first is the default."""
        return tuple(self.card["datasets"])

    @cached_property
    def _qualities(self) -> dict[str, Quality]:
        declared = self.card.get("qualities", {})
        if not isinstance(declared, Mapping):
            raise DataError(f"'qualities' in the card of table {self.name!r} maps data sets to qualities, got {declared!r}.")
        for dataset in declared:
            if dataset not in self.datasets:
                raise DataError(
                    f"the card of table {self.name!r} has a quality of {dataset!r}; its data sets are {list(self.datasets)}."
                )
        try:
            named = {dataset: Quality.of(description) for dataset, description in declared.items()}
        except NasgymError as error:
            raise DataError(f"the card of table {self.name!r}: {error}") from None
        return {dataset: named.get(dataset, ACCURACY) for dataset in self.datasets}

    def quality(self, dataset: str) -> Quality:
        """What the numbers of a data set are: an accuracy, unless the card says otherwise."""
        return self._qualities[dataset]

    def fidelities(self, dataset: str) -> tuple[int, ...]:
        """Epochs for which the table has accuracies, ascending."""
        return tuple(sorted({fidelity for name, fidelity, _ in self.accuracy if name == dataset}))

    def cost_names(self, dataset: str) -> tuple[str, ...]:
        """Costs that the table has for a data set."""
        return tuple(sorted(name for owner, name in self.costs if owner in (dataset, "*")))

    def cost(self, dataset: str, name: str) -> Array:
        """``(rows,)`` a cost; raises `UnknownName` where the table has none of that name."""
        for owner in (dataset, "*"):
            if (owner, name) in self.costs:
                return self.costs[owner, name]
        raise unknown_name(f"cost of table {self.name!r}", name, self.cost_names(dataset))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the arrays and of what gives them meaning in the card (16 hex digits)."""
        digest = hashlib.sha256()
        meaning = ("space", "datasets", "search_fidelity", "report_fidelity", "search_metric", "canonical")
        known = {key: self.card[key] for key in meaning}
        # a plain accuracy adds nothing, so that tables of accuracies keep their fingerprints
        other = {dataset: quality.describe() for dataset, quality in self._qualities.items() if quality != ACCURACY}
        digest.update(json.dumps({**known, **({"qualities": other} if other else {})}, sort_keys=True).encode())
        for key, values in sorted(_pack(self).items()):
            digest.update(key.encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]


def _check_accuracy(where: str, values: Array, quality: Quality, *, partial: bool) -> None:
    quality.check(values, lambda row: f"{where}, row {row}")
    empty = np.isnan(values).all(axis=1)
    if empty.any() and not partial:
        raise DataError(
            f"{where} has no value (NaN) for {int(empty.sum())} architectures, the first in row {int(empty.argmax())}."
        )


def _pack(table: Table) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for (dataset, fidelity, split), values in table.accuracy.items():
        arrays[f"accuracy/{dataset}/{fidelity}/{split}"] = values.astype(np.float32)
    for (dataset, fidelity), values in table.train_seconds.items():
        arrays[f"train_seconds/{dataset}/{fidelity}"] = values.astype(np.float32)
    for (dataset, name), values in table.costs.items():
        arrays[f"cost/{dataset}/{name}"] = values.astype(np.float64)
    if table.archs is not None:
        arrays["archs"] = table.archs
    return arrays


def write_table(table: Table, path: Path) -> Path:
    """Writes a table and its checksum beside it.

    A crash leaves the old files or the new ones, never half of one.
    """
    return write_arrays(path, {"format": FORMAT, **table.card}, _pack(table))


def read_table(path: Path) -> Table:
    """Reads a table file; nothing in it is executed.

    Raises:
        DataError: The file is damaged, foreign, or of another version.
    """
    card, arrays = read_arrays(path, FORMAT, "nasgym table", "import the data again with `nasgym data import`")
    accuracy: dict[tuple[str, int, str], Array] = {}
    seconds: dict[tuple[str, int], Array] = {}
    costs: dict[tuple[str, str], Array] = {}
    archs = arrays.pop("archs", None)
    for key, values in arrays.items():
        kind, _, tail = key.partition("/")
        dataset, *rest = tail.split("/", 2)
        if kind == "accuracy" and len(rest) == 2 and rest[0].isdecimal():
            accuracy[dataset, int(rest[0]), rest[1]] = values
        elif kind == "train_seconds" and len(rest) == 1 and rest[0].isdecimal():
            seconds[dataset, int(rest[0])] = values
        elif kind == "cost" and rest:
            costs[dataset, "/".join(rest)] = values
        else:
            raise DataError(f"{path} has an array {key!r} that a table does not have.")
    return Table(card, accuracy, seconds, costs, archs)
