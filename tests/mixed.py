"""An own table of 18 networks with a perplexity, a negative loss and an accuracy in percent.

Its CSV file and its spec, as a user would write them.
"""

from __future__ import annotations

import copy
import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.importers.own_table import import_own_table, read_own_table
from nasgym.tables.table_file import Table

NAME = "mixed"
COLUMNS = ("a", "b", "c", "ppl", "ppl_test", "loss", "loss_test", "acc", "acc_test", "seconds", "phone_ms", "img_s")
SPEC: dict[str, Any] = {
    "name": NAME,
    "decisions": [
        {"column": "a", "role": "width", "choices": [8, 16, 24]},
        {"column": "b", "role": "op", "choices": ["pool", "conv", "skip"]},
        {"column": "c", "role": "kernel", "choices": [3, 5]},
    ],
    "qualities": {
        "wiki": {"name": "perplexity", "direction": "min", "low": 22, "high": 42},
        "rooms": {"name": "negative_loss", "direction": "max", "low": -3, "high": 0, "unit": "nats"},
    },
    "accuracies": [
        {"column": "ppl", "dataset": "wiki", "fidelity": 2, "split": "validation"},
        {"column": "ppl_test", "dataset": "wiki", "fidelity": 2, "split": "test"},
        {"column": "loss", "dataset": "rooms", "fidelity": 2, "split": "validation"},
        {"column": "loss_test", "dataset": "rooms", "fidelity": 2, "split": "test"},
        {"column": "acc", "dataset": "c100", "fidelity": 2, "split": "validation", "unit": "percent"},
        {"column": "acc_test", "dataset": "c100", "fidelity": 2, "split": "test", "unit": "percent"},
    ],
    "train_seconds": [{"column": "seconds", "dataset": "wiki", "fidelity": 2}],
    "costs": [{"column": "phone_ms", "name": "latency_ms@phone"}, {"column": "img_s", "name": "throughput"}],
    "search_fidelity": 2,
    "report_fidelity": 2,
    "notes": ["made for tests"],
}
# what a search may name as objectives: four qualities and costs of every kind
OBJECTIVES = ["perplexity", "negative_loss", "accuracy", ["throughput", "max"]]
LARGER = np.array([False, True, True, True])


def rows() -> list[dict[str, Any]]:
    """The networks in the order of the space, with three decimals each; no two values are equal."""
    rng = np.random.default_rng(11)
    choices = itertools.product((8, 16, 24), ("pool", "conv", "skip"), (3, 5))
    drawn = {
        "ppl": np.linspace(22.5, 41.5, 18)[rng.permutation(18)],
        "loss": np.linspace(-2.9, -0.1, 18)[rng.permutation(18)],
        "acc": np.linspace(51.0, 76.0, 18)[rng.permutation(18)],
        "phone_ms": np.linspace(3.0, 20.0, 18)[rng.permutation(18)],
        "img_s": np.linspace(100.0, 950.0, 18)[rng.permutation(18)],
    }
    found = []
    for i, (a, b, c) in enumerate(choices):
        row: dict[str, Any] = {"a": a, "b": b, "c": c, "seconds": 10 + i}
        row |= {name: round(float(values[i]), 3) for name, values in drawn.items()}
        row |= {"ppl_test": round(row["ppl"] + 0.25, 3), "loss_test": round(row["loss"] - 0.05, 3)}
        row["acc_test"] = round(row["acc"] - 1.0, 3)
        found.append(row)
    return found


def column(name: str) -> np.ndarray:
    """``(18,)`` a column of the file."""
    return np.array([row[name] for row in rows()], dtype=np.float64)


def write_files(folder: Path, changed: list[dict[str, Any]] | None = None, **spec: Any) -> tuple[Path, Path]:
    """The two files, with other rows or other keys of the spec."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows() if changed is None else changed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mixed.csv").write_text(text.getvalue(), encoding="utf-8")
    (folder / "mixed.json").write_text(json.dumps({**copy.deepcopy(SPEC), **spec}), encoding="utf-8")
    return folder / "mixed.csv", folder / "mixed.json"


def mixed_table(folder: Path, **spec: Any) -> Table:
    """The table, read from files in `folder` and not imported."""
    return read_own_table(*write_files(folder, **spec))


def import_mixed(folder: Path) -> Path:
    """Imports the table into the data folder; its files lie in `folder`."""
    return import_own_table(*write_files(folder))


def undominated(values: np.ndarray, larger: np.ndarray) -> np.ndarray:
    """``(n,)`` which of ``(n, k)`` rows no other one beats, by comparing every pair."""
    turned = np.where(larger, values, -values)
    beaten = [any((other >= row).all() and (other > row).any() for other in turned) for row in turned]
    return ~np.array(beaten)
