"""How much the mobile ids' trainings say: do two training seeds rank random networks alike?

    python -m benchmarks.training_signal [--networks 30] [--epochs 1]

Random architectures of every mobile space are trained with two seeds each, as the ids' default does
it. Writes benchmarks/training_signal.md (with other epochs: training_signal_EPOCHS.md).
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import spearmanr

from benchmarks.common import markdown_table, write_page
from nasgym.oracles.accuracy.training import training_oracle
from nasgym.oracles.cost.counted import counted_cost
from nasgym.registration import IDS
from nasgym.registry import SPACES

SEEDS = (0, 1)
HEADER = (
    "space",
    "seconds a training",
    "accuracy",
    "sd over networks",
    "Spearman, seed to seed",
    "Spearman of the mean with MACs",
)


def row(space: str, networks: int, epochs: int) -> list[str]:
    """One space."""
    oracle = training_oracle(SPACES.load(space)())
    archs = oracle.space.sample(np.random.default_rng(1), networks)
    found = oracle.measure(np.repeat(archs, len(SEEDS), axis=0), epochs, np.tile(SEEDS, networks))
    accuracy = found.validation.reshape(networks, len(SEEDS))
    alike = spearmanr(accuracy[:, 0], accuracy[:, 1]).statistic
    macs = spearmanr(accuracy.mean(axis=1), counted_cost(oracle.space, "macs").cost(archs)).statistic
    numbers = (found.train_seconds.mean(), accuracy.mean(), accuracy.mean(axis=1).std(), alike, macs)
    return [space, *(f"{number:.{digits}f}" for number, digits in zip(numbers, (2, 3, 3, 2, 2), strict=True))]


def main() -> None:
    """The table, a space after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=1)
    given = parser.parse_args()
    rows = []
    for space in [known.table for known in IDS.values() if known.trains]:
        rows.append(row(space, given.networks, given.epochs))
        print(rows[-1], flush=True)
    name = "training_signal" + ("" if given.epochs == 1 else f"_{given.epochs}")
    command = f"python -m benchmarks.training_signal --networks {given.networks} --epochs {given.epochs}"
    words = f"{given.networks} random networks of each space, training seeds {SEEDS[0]} and {SEEDS[1]}, {given.epochs} epoch(s) on digits; processor seconds."
    write_page(
        name,
        "What the trainings of the mobile ids say",
        command,
        [words, markdown_table(HEADER, rows)],
        "torch",
        "scikit-learn",
        "scipy",
    )


if __name__ == "__main__":
    main()
