"""From a CSV file of your own to a search: write it, say what the columns mean, import it, play it.

    python examples/own_table.py

Nothing here was measured: a formula with a little noise stands in for the 48 trainings and
latencies. The files lie in a temporary folder, which also is the data folder of this run.
`docs/own-table.md` has every key of the spec; on the command line the import is `nasgym data import
table CSV SPEC.json`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np

import nasgym
from nasgym.agents import make_agent
from nasgym.importers import import_own_table

OPERATIONS = (("pool", ""), ("conv", 3), ("conv", 5))
WIDTHS = (16, 24, 32, 48)
DEPTHS = (1, 2, 3, 4)

SPEC = {
    "name": "my-table",
    "decisions": [
        {"column": "op", "role": "op", "choices": ["pool", "conv"]},
        {"column": "kernel", "role": "kernel", "choices": [3, 5], "active_if": ["op", ["conv"]]},
        {"column": "width", "role": "width", "choices": list(WIDTHS)},
        {"column": "depth", "role": "depth", "choices": list(DEPTHS)},
    ],
    "layers": [["block", 2], ["width", 1], ["depth", 1]],
    "accuracies": [
        {"columns": ["val_1", "val_2"], "fidelity": 10, "split": "validation", "unit": "percent"},
        {"column": "test", "fidelity": 10, "split": "test", "unit": "percent"},
    ],
    "costs": [{"column": "phone_us", "name": "latency_ms@my-phone", "scale": 0.001}],
    "search_fidelity": 10,
    "report_fidelity": 10,
    "notes": ["Made up by a formula in examples/own_table.py; no network was trained."],
}


def write_csv(path: Path) -> int:
    """Writes a row for each architecture; returns how many."""
    rng = np.random.default_rng(0)
    rows = []
    for (op, kernel), width, depth in itertools.product(OPERATIONS, WIDTHS, DEPTHS):
        work = width * width * depth * (1.0 if op == "pool" else float(kernel) ** 2)
        clean = 60.0 + 4.0 * np.log10(work) + 8.0 * (op == "conv") - 1.5 * max(0, depth - 3)
        val_1, val_2, test = np.round(clean + rng.normal(scale=0.4, size=3), 2)
        rows.append((op, kernel, width, depth, val_1, val_2, test, round(300 + 0.06 * work)))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("op", "kernel", "width", "depth", "val_1", "val_2", "test", "phone_us"), *rows])
    return len(rows)


def main() -> None:
    """Imports the table, builds one architecture by hand and searches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=20, help="evaluations, each architecture counted once")
    parser.add_argument("--seeds", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NASGYM_DATA"] = folder
        sheet, spec = Path(folder, "my.csv"), Path(folder, "my.json")
        rows = write_csv(sheet)
        spec.write_text(json.dumps(SPEC, indent=2))
        print(f"{rows} rows in {sheet.name} became {import_own_table(sheet, spec).name}")

        keywords = {"table": "my-table", "reward": "constrained", "device": "my-phone", "target": 2.0}  # 2 ms at most
        env = gym.make("nasgym/Table-v0", **keywords)
        env.reset(seed=0)
        for choice in (1, 0, 2, 1):  # conv, 3x3, width 32, depth 2
            *_, info = env.step(choice)
        print(f"{info['arch']}: accuracy {info['accuracy']:.1%}, {info['latency_ms']:.2f} ms, feasible: {info['feasible']}")

        problem = nasgym.make_problem("nasgym/Table-v0", **keywords)
        spend = {"budget": args.budget}
        layernas = make_agent("layernas").search(problem, **spend).best_reward  # draws nothing: one search says it all
        random = np.mean([make_agent("random").search(problem, **spend, seed=seed).best_reward for seed in range(args.seeds)])
        print(
            f"best reward after {args.budget} evaluations: LayerNAS {layernas:.4f}, "
            f"random search {random:.4f} (mean of {args.seeds} seeds); optimum {problem.optimum().reward:.4f}"
        )


if __name__ == "__main__":
    main()
