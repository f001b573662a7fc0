"""`tabulate`: trains every network of a space, on worker processes, and keeps each result as soon as it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from nasgym.networks.packed_modules import pack_key
from nasgym.oracles.oracle import Ints, Measurements
from nasgym.oracles.training import TrainingOracle, training_oracle
from nasgym.spaces.space import Archs
from nasgym.store import Key, Store

__all__ = ["Training", "measure_all", "open_trainings"]

# freed activations are reused instead of being returned to the system at every step: a fifth of the time
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "10000000000"}

_worker_oracle: TrainingOracle | None = None


@dataclass(frozen=True)
class Training:
    """Networks that one worker trains side by side: ``(K, D)`` architectures, ``(K,)`` seeds, epochs."""

    archs: Archs
    seeds: Ints
    fidelity: int

    def keys(self) -> list[Key]:
        """Their keys in the store."""
        return [(arch.tobytes(), self.fidelity, int(seed)) for arch, seed in zip(self.archs, self.seeds, strict=True)]


def open_trainings(oracle: TrainingOracle, store: Store) -> list[Training]:
    """The trainings that the store does not hold yet, dearest fidelity first, packed with what can be packed."""
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
    _worker_oracle = training_oracle(space)


def _train(training: Training) -> Measurements:
    assert _worker_oracle is not None, "the pool's initialiser has run"
    return _worker_oracle.measure(training.archs, training.fidelity, training.seeds)


def measure_all(space: str, store_path: Path, jobs: int) -> Iterator[tuple[int, int]]:
    """Trains what is open; yields (networks done, networks in all) behind each pack, which is then in the store.

    Args:
        space: Name of a space with a training oracle.
        store_path: The store that is filled; the same call goes on where a killed one stopped.
        jobs: Worker processes, one torch thread each.
    """
    oracle, store = training_oracle(space), Store(store_path)
    trainings = open_trainings(oracle, store)
    total = oracle.space.size * len(oracle.seeds) * len(oracle.fidelities)
    done = total - sum(len(training.archs) for training in trainings)
    yield done, total
    os.environ.update(MALLOC)
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start_worker, initargs=(space,)) as pool:
        pending = {pool.submit(_train, training): training for training in trainings}
        try:
            for future in as_completed(pending):
                training, found = pending.pop(future), future.result()
                values = np.stack([found.validation, found.test, found.train_seconds], axis=1).tolist()
                store.record(oracle.fingerprint, [(k, tuple(v)) for k, v in zip(training.keys(), values, strict=True)])
                done += len(training.archs)
                yield done, total
        finally:
            pool.shutdown(cancel_futures=True)
