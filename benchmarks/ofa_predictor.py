"""How far Once-for-All's published predictor is from measured networks.

    python -m benchmarks.ofa_predictor [--measured PATH]

The measured ones are 2,223 sub-networks of the supernet of width 1.0 at 224 pixels, with their
top-1 accuracy on ImageNet (IntelLabs/DyNAS-T). Needs the predictor: `nasgym data import ofa PATH`.
Writes ``ofa_predictor.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from benchmarks.common import markdown_table, write_page
from nasgym.oracles.accuracy.once_for_all import OnceForAllModel
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.surrogates.perceptron import find_predictor
from nasgym.type_aliases import Archs, Floats
from tests.build_data import SHARED

MEASURED = SHARED / "tables" / "ofa_mbv3_w10_measured_top1.npz"
# leads of predicted accuracy below it say nothing about trained networks; rounded up from the page
TIE = 0.003
BLOCKS = 4


def measured_networks(path: Path) -> tuple[Archs, Floats]:
    """``(N, D)`` architectures and ``(N,)`` measured top-1 accuracies, as fractions."""
    space = OnceForAllSpace()
    with np.load(path, allow_pickle=False) as archive:
        kernels, expansions, depths, pixels = (archive[key] for key in ("ks", "e", "d", "r"))
        accuracy = archive["top1"] / 100
    archs = np.zeros((len(accuracy), space.num_decisions), dtype=np.int8)
    for column, decision in enumerate(space.decisions):
        stage, _, part = decision.name.partition(".")
        block, _, kind = part.rpartition(".")
        if decision.name == "resolution":
            values = pixels
        elif kind == "depth":
            values = depths[:, int(stage[-1]) - 1]
        else:
            place = BLOCKS * (int(stage[-1]) - 1) + int(block[-1]) - 1
            values = (kernels if kind == "kernel" else expansions)[:, place]
        archs[:, column] = np.searchsorted(decision.choices, values)
    return space.clear_inactive(archs), accuracy


def row(name: str, predicted: Floats, measured: Floats) -> list[str]:
    """What the predictor's errors are on some networks."""
    error = 100 * (predicted - measured)
    slope, offset = np.polyfit(predicted, measured, 1)
    fitted = 100 * (slope * predicted + offset - measured)
    tau = kendalltau(predicted, measured).statistic
    return [name, f"{len(error):,}", f"{error.mean():+.2f}", f"{error.std():.2f}", f"{fitted.std():.2f}", f"{tau:.3f}"]


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", type=Path, default=MEASURED, help="the measured networks (default: the shared data)")
    archs, measured = measured_networks(parser.parse_args().measured)
    predicted = OnceForAllModel(find_predictor()).accuracy(archs)
    near = (measured >= 0.75) & (measured < 0.76)
    rows = [row("all", predicted, measured), row("measured 75 to 76 %", predicted[near], measured[near])]
    header = ["networks", "number", "bias", "sd of the error", "sd after a line", "Kendall tau"]
    words = (
        f"Predicted less measured top-1 accuracy, in percentage points, on {len(measured):,} sub-networks of Once-for-All's supernet of width 1.0 at 224 "
        f"pixels. *After a line*: the deviation that is left when the measured accuracies are fitted by a line. "
        "`OFA-v0` has the supernet of width 1.2 and five resolutions, so this is a hint and not its error. The benchmarks call leads below "
        f"{100 * TIE:.1f} points of predicted accuracy ties."
    )
    write_page(
        "ofa_predictor",
        "Once-for-All's predictor against measured networks",
        "python -m benchmarks.ofa_predictor",
        [words, markdown_table(header, rows)],
        "scipy",
    )


if __name__ == "__main__":
    main()
