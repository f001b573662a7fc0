"""`tabulate`: trains every network of a space, on worker processes.

Each result is kept as soon as it is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nasgym.errors import DataError
from nasgym.execution.processes import Workers
from nasgym.files import write_file
from nasgym.files.provenance import provenance
from nasgym.ledger.store import Key, Store
from nasgym.oracles.accuracy.training import TrainingOracle, training_oracle
from nasgym.oracles.cost.counted import COUNTED, counted_cost
from nasgym.oracles.oracle import Measurements
from nasgym.registry import SPACES
from nasgym.tables.table_file import Table, read_table, write_table
from nasgym.tabulate.trust import trust
from nasgym.training.packed_modules import pack_key
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["Training", "assemble_table", "measure_all", "open_trainings", "tabulate"]

# freed activations are reused instead of being returned to the system at every step: a fifth of the
# time
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "10000000000"}
IF_KILLED = "the same command trains what is missing, with less memory under --jobs 1."

_worker_oracle: TrainingOracle | None = None


@dataclass(frozen=True)
class Training:
    """Networks that a worker trains together: ``(K, D)`` architectures, ``(K,)`` seeds, epochs."""

    archs: Archs
    seeds: Ints
    fidelity: int

    def keys(self) -> list[Key]:
        """Their keys in the store."""
        return [(arch.tobytes(), self.fidelity, int(seed)) for arch, seed in zip(self.archs, self.seeds, strict=True)]


def open_trainings(oracle: TrainingOracle, store: Store) -> list[Training]:
    """The trainings that the store does not hold yet, the most expensive fidelity first.

    What can be packed together is.
    """
    archs = oracle.space.enumerate()
    known = store.known(oracle.fingerprint)
    groups: dict[object, list[int]] = {}
    for row, arch in enumerate(archs):
        groups.setdefault(pack_key(oracle.plan_of(arch)), []).append(row)
    trainings = []
    for fidelity in reversed(oracle.fidelities):
        for group in groups.values():
            wanted = [
                (row, seed) for row in group for seed in oracle.seeds if (archs[row].tobytes(), fidelity, seed) not in known
            ]
            for start in range(0, len(wanted), oracle.pack):
                rows, seeds = zip(*wanted[start : start + oracle.pack], strict=True)
                trainings.append(Training(archs[list(rows)], np.array(seeds, dtype=np.int64), fidelity))
    return trainings


def _start_worker(space: str) -> None:
    global _worker_oracle
    _worker_oracle = training_oracle(SPACES.load(space)())


def _train(training: Training) -> Measurements:
    assert _worker_oracle is not None, "the pool's initialiser has run"
    return _worker_oracle.measure(training.archs, training.fidelity, training.seeds)


def measure_all(space: str, store_path: Path, jobs: int) -> Generator[tuple[int, int], None, None]:
    """Trains what is open; yields (networks done, networks in all) after each pack, then stored.

    Workers end when the generator is closed, and when this process is killed.

    Args:
        space: Name of a space with a training oracle.
        store_path: The store that is filled; the same call goes on where a killed one stopped.
        jobs: Worker processes, one torch thread each.

    Raises:
        NasgymError: A worker was killed; what was trained before is in the store.
    """
    oracle, store = training_oracle(SPACES.load(space)()), Store(store_path)
    trainings = open_trainings(oracle, store)
    total = oracle.space.size * len(oracle.seeds) * len(oracle.fidelities)
    done = total - sum(len(training.archs) for training in trainings)
    yield done, total
    with Workers(jobs, _start_worker, (space,), variables=MALLOC, if_killed=IF_KILLED) as workers:
        for training, found in workers.run(_train, trainings):
            values = np.stack([found.validation, found.test, found.train_seconds], axis=1).tolist()
            store.record(oracle.fingerprint, [(k, tuple(v)) for k, v in zip(training.keys(), values, strict=True)])
            done += len(training.archs)
            yield done, total


def tabulate(
    space: str, out: Path, jobs: int = 1, progress: Callable[[int, int], None] | None = None, search_fidelity: int | None = None
) -> Path:
    """Trains every network of a space and writes the table, with its card as JSON beside it.

    The measurements lie in ``out/measurements.sqlite`` as soon as they are made: the same call goes
    on where a killed one stopped.

    Args:
        space: Name of a space with a training oracle.
        out: Folder for measurements and table.
        jobs: Worker processes.
        progress: Called with (networks trained, networks in all).
        search_fidelity: Epochs that a search on the table sees, by default those of the full
            training.

    Returns:
        The table's path, ``out/<space>.npz``.
    """
    store_path = out / "measurements.sqlite"
    with closing(measure_all(space, store_path, jobs)) as steps:
        for done, total in steps:
            if progress is not None:
                progress(done, total)
    path = write_table(
        assemble_table(training_oracle(SPACES.load(space)()), Store(store_path), search_fidelity), out / f"{space}.npz"
    )
    card = json.dumps(read_table(path).card, indent=2, sort_keys=True) + "\n"
    write_file(path.with_suffix(".json"), card)
    return path


def assemble_table(oracle: TrainingOracle, store: Store, search_fidelity: int | None = None) -> Table:
    """The table from a store that holds every training.

    Raises:
        DataError: A training is missing.
    """
    space = oracle.space
    archs, known = space.enumerate(), store.known(oracle.fingerprint)
    accuracy: dict[tuple[str, int, str], Floats] = {}
    seconds: dict[tuple[str, int], Floats] = {}
    for fidelity in oracle.fidelities:
        keys = [(arch.tobytes(), fidelity, seed) for arch in archs for seed in oracle.seeds]
        missing = [key for key in keys if key not in known]
        if missing:
            raise DataError(f"{len(missing)} of {len(keys)} trainings of {fidelity} epochs are missing; run tabulate again.")
        shape = (len(archs), len(oracle.seeds))
        found = [known[key] for key in keys]
        accuracy["digits", fidelity, "validation"] = np.array([m.validation for m in found]).reshape(shape)
        accuracy["digits", fidelity, "test"] = np.array([m.test for m in found]).reshape(shape)
        seconds["digits", fidelity] = np.array([m.train_seconds for m in found]).reshape(shape)
    costs = {("*", f"{name}_table"): counted_cost(space, name).cost(archs) for name in COUNTED}
    full = oracle.fidelities[-1]
    card = {
        "name": space.name,
        "space": space.name,
        "datasets": ["digits"],
        "search_fidelity": full if search_fidelity is None else search_fidelity,
        "report_fidelity": full,
        "search_metric": "validation",
        "canonical": True,
        "seeds": list(oracle.seeds),
        "source": "trained by nasgym: nasgym tabulate digits",
        "oracle": oracle.fingerprint,
        "data": {
            "images": oracle.images.name,
            "fingerprint": oracle.images.fingerprint,
            "train": len(oracle.images.train),
            "validation": len(oracle.images.validation),
            "test": len(oracle.images.test),
        },
        "schedule": {**asdict(oracle.schedule), "epochs": list(oracle.fidelities)},
        "train_seconds_are": "processor seconds of one core, shared equally among networks that were trained side by side",
        "total_train_seconds": float(sum(values.sum() for values in seconds.values())),
        "quality": trust(
            {f: accuracy["digits", f, "validation"] for f in oracle.fidelities},
            {f: accuracy["digits", f, "test"] for f in oracle.fidelities},
            costs["*", "macs_table"],
            costs["*", "params_table"],
        ),
        **provenance("torch", "numpy", "scikit-learn"),
    }
    return Table(card, accuracy, seconds, costs)
