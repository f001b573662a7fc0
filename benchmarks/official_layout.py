"""Tables in the layout of the official NATS-Bench archives, filled with random numbers.

They have all columns and seeds. The archives are too large to come with tests; their published
samples have three architectures of each space, and with them every column. What is missing is drawn
from the range of what is there, rounded as the archives round, so that a file of it packs about as
a real one does. Only for measuring how long reading takes and how much memory it needs.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.importers.nats_archive import open_archive
from nasgym.importers.nats_bench import build_table
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.tables.table_file import Table, write_table
from tests.build_data import SHARED

SAMPLES = {
    "nats-tss": (SHARED / "raw" / "nats_bench_sample" / "NATS-tss-v1_0-3ffb9-simple", TopologySpace),
    "nats-sss": (SHARED / "raw" / "nats_bench_sample" / "NATS-sss-v1_0-50262-simple", SizeSpace),
}
# accuracies are counts of 10,000 images
IMAGES = 10_000


def samples_there() -> bool:
    """Whether the published samples are there."""
    return all(path.is_dir() for path, _ in SAMPLES.values())


def sample_table(name: str) -> Table:
    """The sample as a partial table."""
    path, space = SAMPLES[name]
    return build_table(open_archive(path), space(), partial=True)


def write_filled(name: str, folder: Path) -> Path:
    """Writes the filled table into a folder."""
    table, rng = sample_table(name), np.random.default_rng(0)
    accuracy = {key: np.round(_filled(values, rng) * IMAGES) / IMAGES for key, values in table.accuracy.items()}
    seconds = {key: _filled(values, rng) for key, values in table.train_seconds.items()}
    costs = {key: _filled(values, rng) for key, values in table.costs.items()}
    card = {key: value for key, value in table.card.items() if key not in ("partial", "architectures")}
    filled = dataclasses.replace(table, card={**card, "name": name}, accuracy=accuracy, train_seconds=seconds, costs=costs)
    return write_table(filled, folder / f"{name}.npz")


def _filled(values: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Random numbers for the missing ones, from the range of those that are there.

    A column without any number stays empty.
    """
    known = ~np.isnan(values)
    low, high = values[known].min(), values[known].max()
    drawn = rng.uniform(low, high, values.shape).astype(values.dtype)
    return np.where(known | ~known.any(axis=0), values, drawn)
