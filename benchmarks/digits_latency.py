"""The measured latencies of all Digits networks beside their MACs and the sums of their blocks.

    python -m benchmarks.digits_latency

Reads the shipped table and the shipped device; nothing is measured. Writes
benchmarks/digits_latency.md.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

import nasgym
from benchmarks.common import markdown_table, write_page


def main() -> None:
    """The table."""
    problem = nasgym.make_problem("nasgym/Digits-v0", cost="latency_ms", extra_costs=["macs", "latency_ms@x86-1t"])
    costs = problem.costs(problem.space.enumerate())
    measured, macs, summed = costs["latency_ms"], costs["macs"], costs["latency_ms@x86-1t"]
    ratio = summed / measured
    accuracy = problem.everything.accuracy
    rows = [
        [
            "fastest, median, slowest network",
            " / ".join(f"{1000 * q:.1f}" for q in np.quantile(measured, [0, 0.5, 1])) + " microseconds",
        ],
        ["Spearman, latency with MACs", f"{spearmanr(measured, macs).statistic:.3f}"],
        ["Spearman, latency with validation accuracy", f"{spearmanr(measured, accuracy).statistic:.3f}"],
        ["sums of blocks: mean absolute error", f"{100 * np.abs(ratio - 1).mean():.1f} %"],
        ["sums of blocks: bias", f"{100 * (ratio - 1).mean():+.1f} %"],
        ["sums of blocks: Spearman", f"{spearmanr(summed, measured).statistic:.3f}"],
    ]
    words = "All 3,125 architectures; latencies of the table (`nasgym tabulate digits --latency`), sums of the shipped device `x86-1t`."
    write_page(
        "digits_latency",
        "Latencies of the Digits networks",
        "python -m benchmarks.digits_latency",
        [words, markdown_table(["", "value"], rows)],
        "scipy",
    )


if __name__ == "__main__":
    main()
