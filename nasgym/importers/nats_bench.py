"""Importer of NATS-Bench: an official archive to a table of the topology or of the size space."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError
from nasgym.files.provenance import describe_source
from nasgym.importers.nats_archive import Archive, ArchRecord, open_archive
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.spaces.space import SearchSpace
from nasgym.tables.table_file import Table, write_table
from nasgym.tables.table_folder import table_path
from nasgym.type_aliases import Ints

__all__ = ["LATENCY", "build_table", "import_nats_bench", "space_of_archive"]

SEARCH_EPOCHS = 12
REPORT_EPOCHS = {"nats-tss": 200, "nats-sss": 90}
LATENCY = "latency_ms@gtx1080ti_batch256"
# our (data set, split) to the official (data set, split)
SOURCES = {
    ("cifar10", "validation"): ("cifar10-valid", "x-valid"),
    ("cifar10", "test"): ("cifar10", "ori-test"),
    ("cifar100", "validation"): ("cifar100", "x-valid"),
    ("cifar100", "test"): ("cifar100", "x-test"),
    ("ImageNet16-120", "validation"): ("ImageNet16-120", "x-valid"),
    ("ImageNet16-120", "test"): ("ImageNet16-120", "x-test"),
}
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
NOTES = (
    "cifar10: validation is the official cifar10-valid (trained on half of the training images), test the official cifar10 "
    "(trained on all of them).",
    "cifar100, ImageNet16-120: validation is x-valid, test is x-test, the two halves of the official test images.",
    "Accuracies are those after the last epoch. Seed columns are the union over both splits; NaN: not trained with that seed.",
    "train_seconds: training for validation up to the last epoch and one pass over the validation images, what the official "
    "simulate_train_eval charges.",
    "macs_table and params_table are as published; where seeds disagree, seed 888's. The latency is that of one batch of 256; "
    "the name of its GPU is not in the archive.",
)

Column = npt.NDArray[np.float32]


def import_nats_bench(path: str | Path, progress: Callable[[int, int], None] | None = None, *, partial: bool = False) -> Path:
    """Converts an official NATS-Bench archive and writes the table into the data folder.

    Both are read architecture by architecture, which takes minutes and little memory.

    Args:
        path: A folder ``NATS-tss-v1_0-3ffb9-simple`` or ``NATS-sss-v1_0-50262-simple``, or the
            single file ``NATS-....pickle.pbz2``. Which of the two spaces it is about is read from
            its list of architectures.
        progress: Called with (architectures done, all architectures).
        partial: Takes an archive that lacks architectures, for looking up those that it has; no
            search can run on it.

    Returns:
        The table file, ``nats-tss`` or ``nats-sss``; ``nats-tss-partial`` or ``nats-sss-partial``
        of an incomplete archive.

    Raises:
        DataError: The archive is damaged, incomplete, or names a function that it may not name.
    """
    archive = open_archive(Path(path))
    table = build_table(archive, space_of_archive(archive), progress, partial=partial)
    return write_table(table, table_path(table.name))


def space_of_archive(archive: Archive) -> SearchSpace:
    """The space that an archive is about, recognised by how its architectures are written."""
    example = archive.texts[0]
    if example.startswith("|"):
        return TopologySpace()
    if example.replace(":", "").isdigit():
        return SizeSpace()
    raise DataError(f"{archive.path} is about architectures like {example!r}, neither topology cells nor layer sizes.")


def build_table(
    archive: Archive, space: SearchSpace, progress: Callable[[int, int], None] | None = None, *, partial: bool = False
) -> Table:
    """The table of an archive, not yet written; its rows are in the order of `space.enumerate`.

    Args:
        archive: The archive; its list names every architecture of `space` once.
        space: ``nats-tss`` or ``nats-sss``, or a restriction of it.
        progress: Called with (architectures done, all architectures).
        partial: Whether architectures may be missing; their rows are NaN, and the card says
            ``partial``.

    Raises:
        DataError: Architectures are missing, foreign or listed twice.
    """
    if archive.indices is not None and not partial:
        _check_complete(archive, archive.indices)
    rows = _rows_of(archive, space)
    columns = _Columns(space.size, REPORT_EPOCHS[space.name])
    there = set()
    for done, record in enumerate(archive, 1):
        columns.add(int(rows[record.index]), record)
        there.add(record.index)
        if progress is not None:
            progress(done, space.size)
    lacks = len(there) < space.size
    if lacks and not partial:
        _check_complete(archive, there)
    accuracy, seconds, seeds = columns.assemble()
    card = {
        "name": f"{space.name}-partial" if lacks else space.name,
        "space": space.name,
        **({"partial": True, "architectures": len(there)} if lacks else {}),
        "datasets": list(DATASETS),
        "search_fidelity": SEARCH_EPOCHS,
        "report_fidelity": REPORT_EPOCHS[space.name],
        "search_metric": "validation",
        "canonical": False,
        "seeds": seeds,
        "notes": list(NOTES),
        "licence": "MIT",
        **describe_source(archive.path, archive.files),
    }
    return Table(card, accuracy, seconds, columns.costs)


def _check_complete(archive: Archive, indices: Iterable[int]) -> None:
    there = set(indices)
    missing = [index for index in range(len(archive.texts)) if index not in there]
    if missing:
        raise DataError(
            f"{archive.path} has {len(there):,} of {len(archive.texts):,} architectures; the first missing is number "
            f"{missing[0]}, {archive.texts[missing[0]]!r}. A table has to be complete for a search: unpack the whole archive, or use --partial to look up what is there."
        )


def _rows_of(archive: Archive, space: SearchSpace) -> Ints:
    """``(architectures,)`` the row of each official number."""
    rows = space.index_of(space.from_str(archive.texts))
    if len(rows) != space.size or len(np.unique(rows)) != space.size:
        raise DataError(
            f"the list of {archive.path} has {len(rows):,} entries, {len(np.unique(rows)):,} of them different; "
            f"{space.name!r} has {space.size:,} architectures."
        )
    return rows


class _Columns:
    """Collects one column of numbers a seed; which seeds there are is only known at the end."""

    def __init__(self, num_rows: int, report_epochs: int) -> None:
        self._num_rows, self._report_epochs = num_rows, report_epochs
        self._accuracy: dict[tuple[str, int, str], dict[int, Column]] = {}
        self._seconds: dict[tuple[str, int], dict[int, Column]] = {}
        names = ("macs_table", "params_table", LATENCY)
        self.costs = {(dataset, name): np.full(num_rows, np.nan) for dataset in DATASETS for name in names}

    def _column(self, columns: dict[int, Column], seed: int) -> Column:
        if seed not in columns:
            columns[seed] = np.full(self._num_rows, np.nan, dtype=np.float32)
        return columns[seed]

    def add(self, row: int, record: ArchRecord) -> None:
        for (official, epochs, seed), training in record.trainings.items():
            for (dataset, split), (owner, name) in SOURCES.items():
                if owner != official or name not in training.accuracy:
                    continue
                self._column(self._accuracy.setdefault((dataset, epochs, split), {}), seed)[row] = training.accuracy[name]
                if split == "validation":
                    seconds = training.train_seconds + training.pass_seconds.get(name, np.nan)
                    self._column(self._seconds.setdefault((dataset, epochs), {}), seed)[row] = seconds
        for dataset in DATASETS:
            self.costs[dataset, "macs_table"][row] = record.count(dataset, self._report_epochs, "macs")
            self.costs[dataset, "params_table"][row] = record.count(dataset, self._report_epochs, "params")
            self.costs[dataset, LATENCY][row] = record.latency_ms(dataset, SEARCH_EPOCHS)

    def assemble(self) -> tuple[dict[tuple[str, int, str], Any], dict[tuple[str, int], Any], dict[str, list[int]]]:
        """Accuracies, seconds, and the seeds of their columns by ``"dataset/epochs"``."""
        seeds: dict[tuple[str, int], list[int]] = {}
        for (dataset, epochs, _), columns in self._accuracy.items():
            seeds[dataset, epochs] = sorted({*seeds.get((dataset, epochs), ()), *columns})
        accuracy = {key: self._stack(columns, seeds[key[:2]]) for key, columns in self._accuracy.items()}
        seconds = {key: self._stack(columns, seeds[key]) for key, columns in self._seconds.items()}
        return accuracy, seconds, {f"{dataset}/{epochs}": found for (dataset, epochs), found in sorted(seeds.items())}

    def _stack(self, columns: dict[int, Column], seeds: list[int]) -> Column:
        absent = np.full(self._num_rows, np.nan, dtype=np.float32)
        return np.stack([columns.get(seed, absent) for seed in seeds], axis=1)
