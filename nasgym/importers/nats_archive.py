"""Reader of the official NATS-Bench archives: what was published about each architecture.

Two forms are published (Dong et al., "NATS-Bench", 2009.00437): a folder ``NATS-...-simple`` with
one compressed pickle an architecture and their list in ``meta.pickle.pbz2``, and one pickle with
everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.errors import DataError
from nasgym.importers.pickles.pickle_stream import EntryStream
from nasgym.importers.pickles.restricted_pickle import load_pickle

__all__ = ["ArchRecord", "Archive", "Training", "open_archive", "read_architecture"]

META = "meta.pickle.pbz2"
ENTRIES = "arch2infos"
MEMBER = re.compile(r"(\d+)\.pickle\.pbz2")


@dataclass(frozen=True)
class Training:
    """One training with one seed.

    Attributes:
        accuracy: Official split (``"x-valid"``, ``"x-test"``, ``"ori-test"``) to the accuracy after
            the last epoch, in [0, 1].
        train_seconds: All epochs together; NaN where the archive has no times.
        pass_seconds: Official split to the seconds of one pass over it, mean over the epochs.
        macs: Multiply-accumulates as published (there called FLOPs).
        params: Parameters as published.
        latency_ms: Milliseconds of one batch of 256, NaN where not measured.
    """

    accuracy: Mapping[str, float]
    train_seconds: float
    pass_seconds: Mapping[str, float]
    macs: int
    params: int
    latency_ms: float


@dataclass(frozen=True)
class ArchRecord:
    """Everything that an archive says about one architecture.

    Attributes:
        index: Official number.
        text: Official text form.
        trainings: (official data set, epochs, seed) to the training. Data set ``"cifar10-valid"``
            is CIFAR-10 trained on one half of the training images and validated on the other; seeds
            differ between data sets, epochs and architectures.
    """

    index: int
    text: str
    trainings: Mapping[tuple[str, int, int], Training]

    def by_seed(self, dataset: str, epochs: int) -> dict[int, Training]:
        """The trainings of one official data set and length by seed, ascending."""
        found = {
            seed: training for (name, length, seed), training in self.trainings.items() if (name, length) == (dataset, epochs)
        }
        return dict(sorted(found.items()))

    def count(self, dataset: str, epochs: int, what: str) -> float:
        """``"macs"`` or ``"params"``.

        Where seeds disagree it is seed 888's, as in the official API, or NaN where that is missing.
        """
        values = {seed: getattr(training, what) for seed, training in self.by_seed(dataset, epochs).items()}
        # the API compares millions with five decimals, that is, tens
        if len({round(value / 10) for value in values.values()}) > 1:
            return float(values.get(888, np.nan))
        return float(next(iter(values.values()), np.nan))

    def latency_ms(self, dataset: str, epochs: int) -> float:
        """Mean latency over the seeds that have one, NaN where none has."""
        values = [training.latency_ms for training in self.by_seed(dataset, epochs).values()]
        measured = [value for value in values if not np.isnan(value)]
        return float(np.mean(measured)) if measured else float("nan")


@dataclass(frozen=True)
class Archive:
    """An opened archive; iterating reads one architecture after the other and keeps none.

    Attributes:
        path: The folder or file.
        texts: Text form of every architecture of the benchmark, by official number.
        indices: Official numbers of the architectures that are there, ascending; None for the
            single file, where only reading to the end tells.
        files: The files of a folder, empty for the single file.
    """

    path: Path
    texts: tuple[str, ...]
    indices: tuple[int, ...] | None
    files: tuple[Path, ...]
    _records: Callable[[], Iterator[tuple[int, ArchRecord]]]

    def __iter__(self) -> Iterator[ArchRecord]:
        for index, record in self._records():
            if (record.index, record.text) != (index, self.texts[index]):
                raise DataError(
                    f"{self.path}: architecture {index} is {self.texts[index]!r} in the list, its record says {record.index} "
                    f"and {record.text!r}; the files do not belong together."
                )
            yield record


def open_archive(path: Path) -> Archive:
    """Opens a ``-simple`` folder, or the single file, of which only the beginning is read here.

    The single file would be about 32 GB of objects (topology) or 17 GB (size), but is read
    architecture by architecture. This was measured on files made of copies of the published
    samples, as the peak resident memory of a process that reads every record, 41 MB of it imports.
    It was 48 MB at 100 and 51 MB at 600 topology cells, against 253 and 1,286 MB when loaded as a
    whole. That is about 6 kB more for each architecture, hence some 140 MB at 15,625
    (extrapolated). It takes 22 ms of processor time a cell, against 17 ms when loaded as a whole.

    Raises:
        DataError: It is neither, or it is damaged.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist; expected a folder NATS-...-simple or a file NATS-....pickle.pbz2.")
    stream = EntryStream(path, ENTRIES)
    entries = iter(stream)
    first = next(entries, None)
    texts = _read_texts(path, stream.head)
    if first is None:
        raise DataError(f"{path} is only the list of a folder's architectures; give the folder, {path.parent}.")
    return Archive(path, texts, None, (), lambda: _read_single(path, texts))


def _read_single(path: Path, texts: tuple[str, ...]) -> Iterator[tuple[int, ArchRecord]]:
    seen: set[int] = set()
    for index, states in EntryStream(path, ENTRIES):
        _check_indices(path, (index,), texts)
        if index in seen:
            raise DataError(f"{path} has the architecture {index} twice; it is no official file. Get it again.")
        seen.add(index)
        yield index, _parse(f"{path}, architecture {index}", states)


def _open_folder(path: Path) -> Archive:
    meta = path / META
    if not meta.is_file():
        inner = sorted(folder.name for folder in path.glob("NATS-*") if (folder / META).is_file())
        hint = f"give one of the folders in it: {', '.join(inner)}" if inner else "expected an official NATS-...-simple folder"
        raise DataError(f"{path} has no {META}; {hint}.")
    texts = _read_texts(meta, load_pickle(meta))
    # six digits are usual; the official reader also accepts numbers without leading zeros
    members = {int(match[1]): file for file in sorted(path.iterdir()) if (match := MEMBER.fullmatch(file.name))}
    indices = _check_indices(path, members, texts)
    files = (meta, *(members[index] for index in indices))
    return Archive(path, texts, indices, files, lambda: ((index, read_architecture(members[index])) for index in indices))


def _read_texts(path: Path, found: Any) -> tuple[str, ...]:
    texts = found.get("meta_archs") if isinstance(found, dict) else None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{path} lacks the list 'meta_archs'; give an official NATS-...-simple folder or NATS-....pickle.pbz2.")
    return tuple(texts)


def _check_indices(path: Path, found: Iterable[Any], texts: tuple[str, ...]) -> tuple[int, ...]:
    foreign = [index for index in found if not isinstance(index, int) or index not in range(len(texts))]
    if foreign:
        raise DataError(f"{path} has an architecture {foreign[0]!r}; the list has the numbers 0 to {len(texts) - 1}.")
    return tuple(sorted(found))


def read_architecture(path: Path) -> ArchRecord:
    """Reads one architecture's file of a ``-simple`` folder.

    Raises:
        DataError: The file is damaged, names a forbidden function, or is no such record.
    """
    return _parse(str(path), load_pickle(path))


def _parse(where: str, states: Any) -> ArchRecord:
    """A record from ``{epochs as text: state of all trainings}``."""
    try:
        trainings: dict[tuple[str, int, int], Training] = {}
        names = {(int(state["arch_index"]), str(state["arch_str"])) for state in states.values()}
        for epochs, state in states.items():
            for dataset, seeds in state["dataset_seed"].items():
                for seed in seeds:
                    trainings[str(dataset), int(epochs), int(seed)] = _parse_training(
                        state["all_results"][dataset, seed], int(epochs)
                    )
        ((index, text),) = names
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DataError(f"{where} is no record of an architecture ({type(error).__name__}: {error}).") from None
    return ArchRecord(index, text, trainings)


def _parse_training(state: Mapping[str, Any], epochs: int) -> Training:
    if state["epochs"] != epochs:
        raise ValueError(f"a training of {state['epochs']} epochs among those of {epochs}")
    accuracy, pass_seconds = {}, {}
    eval_times = state["eval_times"] or {}
    for split in state["eval_names"]:
        last = f"{split}@{epochs - 1}"
        if last in state["eval_acc1es"]:
            accuracy[str(split)] = float(state["eval_acc1es"][last]) / 100
        passes = [eval_times[key] for epoch in range(epochs) if (key := f"{split}@{epoch}") in eval_times]
        if len(passes) == epochs:
            pass_seconds[str(split)] = float(np.mean(passes))
    times = state["train_times"] or {}
    latencies = [float(value) for value in state["latency"] or () if value > 0]
    return Training(
        accuracy,
        float(sum(times.values())) if len(times) == epochs else float("nan"),
        pass_seconds,
        round(float(state["flop"]) * 1e6),
        round(float(state["params"]) * 1e6),
        1000 * float(np.mean(latencies)) if latencies else float("nan"),
    )
