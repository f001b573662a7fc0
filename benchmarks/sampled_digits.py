"""How much of the Digits table a surrogate knows that was fitted to a sample of it.

    python -m benchmarks.sampled_digits [--rows 100,300,1000] [--members 1] [--seed 0]

Writes the sample as CSV with a spec, as users do with their own measurements. Imports it under
another name into a folder of its own, fits it, and asks the surrogate about all 3,125
architectures.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.importers.own_table import read_own_table
from nasgym.spaces.digits import DigitsSpace
from nasgym.surrogates.fit import fit_table
from nasgym.surrogates.surrogate import Surrogate
from nasgym.tables.table_folder import find_table

EPOCHS, BATCH, REPEATS = 14, 4096, 10


def write_sample(folder: Path, rows: int, seed: int = 0, name: str = "digits-sample") -> tuple[Path, Path]:
    """Writes ``sample.csv`` and ``sample.json``.

    They hold some of the shipped table's architectures, drawn without repeats.
    """
    table, space = find_table("digits"), DigitsSpace()
    picked = np.random.default_rng(seed).choice(space.size, rows, replace=False)
    columns = {"val": table.accuracy["digits", EPOCHS, "validation"], "test": table.accuracy["digits", EPOCHS, "test"]}
    seeds = range(columns["val"].shape[1])
    accuracies = [
        {"columns": [f"{key}_{s}" for s in seeds], "fidelity": EPOCHS, "split": split, "unit": "fraction"}
        for key, split in (("val", "validation"), ("test", "test"))
    ]
    decisions: list[dict[str, Any]] = []
    for d in space.decisions:
        decisions.append({"column": d.name, "role": d.role, "choices": list(d.choices)})
        if d.active_if:
            decisions[-1]["active_if"] = [d.active_if[0], list(d.active_if[1])]
    spec = {
        "name": name,
        "sampled": True,
        "decisions": decisions,
        "layers": [[layer.name, len(layer.columns)] for layer in space.layers],
        "accuracies": accuracies,
        "costs": [{"column": "macs", "name": "macs_table"}],
        "search_fidelity": EPOCHS,
        "report_fidelity": EPOCHS,
    }
    heads = [f"{key}_{s}" for key in columns for s in seeds]
    with (folder / "sample.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*space.names, *heads, "macs"])
        for row, labels in zip(picked, space.labels(space.enumerate()[picked]), strict=True):
            numbers = [float(values[row, s]) for values in columns.values() for s in seeds]
            writer.writerow([*(labels.get(n, "") for n in space.names), *numbers, table.costs["*", "macs_table"][row]])
    (folder / "sample.json").write_text(json.dumps(spec))
    return folder / "sample.csv", folder / "sample.json"


def truth(surrogate: Surrogate) -> dict[str, float]:
    """What the surrogate says of all architectures, against the shipped table."""
    from scipy.stats import kendalltau, spearmanr

    archs, found = DigitsSpace().enumerate(), {}
    for split in ("validation", "test"):
        true = find_table("digits").accuracy["digits", EPOCHS, split].mean(axis=1)
        predicted = surrogate.predict(f"accuracy/default/{EPOCHS}/{split}", archs, -1)
        found[f"spearman {split}"] = float(spearmanr(predicted, true).statistic)
        found[f"kendall {split}"] = float(kendalltau(predicted, true).statistic)
        found[f"regret {split}"] = float(true.max() - true[predicted.argmax()])
    macs = find_table("digits").costs["*", "macs_table"]
    found["kendall macs"] = float(kendalltau(surrogate.predict("cost/*/macs_table", archs, -1), macs).statistic)
    return found


def speed(surrogate: Surrogate) -> float:
    """Evaluations of one column a second, in batches of 4,096; the best of some."""
    archs = surrogate.space.sample(np.random.default_rng(0), BATCH)
    column, best = f"accuracy/default/{EPOCHS}/validation", np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        surrogate.predict(column, archs, -1)
        best = min(best, time.perf_counter() - start)
    return float(BATCH / best)


def main() -> None:
    """Prints one paragraph for each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", default="100,300,1000", help="sizes of samples")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for rows in map(int, options.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            table = read_own_table(*write_sample(Path(folder), rows, options.seed))
        start = time.perf_counter()
        surrogate = fit_table(table, members=options.members, seed=options.seed)
        print(
            f"{rows} rows, {options.members} member(s), fitted in {time.perf_counter() - start:.1f} s on {os.cpu_count()} cores"
        )
        for target in surrogate.targets.values():
            print(f"  {target.column}: {target.quality(surrogate.card['folds'])}")
        print("  against the whole table: " + ", ".join(f"{key} {value:.4f}" for key, value in truth(surrogate).items()))
        print(f"  {speed(surrogate):,.0f} evaluations a second in batches of {BATCH:,}")


if __name__ == "__main__":
    main()
