"""A command that trains two packs on two workers: ``python -m tests.tabulate.measuring STORE``."""

from __future__ import annotations

import multiprocessing
import os
import sys
from itertools import chain
from pathlib import Path

from nasgym.ledger.store import Store
from nasgym.oracles.accuracy.training import training_oracle
from nasgym.spaces.digits import DigitsSpace
from nasgym.tabulate.train import MALLOC, measure_all, open_trainings


def main(path: Path) -> None:
    """Prints its workers when the short training is done; the long one goes on for seconds."""
    oracle, store = training_oracle(DigitsSpace()), Store(path)
    trainings = open_trainings(oracle, store)
    long = max(trainings, key=lambda training: (training.fidelity, len(training.archs)))
    left = {*long.keys(), trainings[-1].keys()[0]}
    known = set(chain.from_iterable(training.keys() for training in trainings)) - left
    store.record(oracle.fingerprint, [(key, (0.5, 0.5, 1.0)) for key in sorted(known)])
    steps = measure_all("digits", path, 2)
    (before, total), (after, _) = next(steps), next(steps)
    assert (total - before, after - before) == (len(left), 1)
    assert not MALLOC.keys() & os.environ.keys()
    print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
    for _ in steps:
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
