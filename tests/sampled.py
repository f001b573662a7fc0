"""A sampled table that other tests build on.

It has 80 of 360 networks of a space with numbers, words and inactive decisions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nasgym.spaces.described import DescribedSpace, space_from_description
from nasgym.tables.table_file import Table

DESCRIPTION: dict[str, Any] = {
    "name": "mine",
    "decisions": [
        {"name": "op", "role": "op", "choices": ["pool", "conv", "sep"]},
        {"name": "kernel", "role": "kernel", "choices": [3, 5, 7], "active_if": ["op", ["conv", "sep"]]},
        {"name": "act", "role": "op", "choices": ["relu", "swish"], "active_if": ["op", ["conv"]]},
        {"name": "width", "role": "width", "choices": [64, 32, 16, 8]},
        {"name": "depth", "role": "depth", "choices": [1, 2, 3]},
        {"name": "size", "role": "resolution", "choices": [96, 160, 128]},
    ],
    "layers": [["block", 3], ["width", 1], ["depth", 1], ["size", 1]],
}
ROWS = 80


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer and bolder trees: enough for what tests ask."""
    from nasgym.surrogates import fit as fit_surrogate

    monkeypatch.setitem(fit_surrogate.BOOSTING, "max_iter", 15)
    monkeypatch.setitem(fit_surrogate.BOOSTING, "learning_rate", 0.4)


def sampled_space() -> DescribedSpace:
    """(1 + 6 + 3) x 4 x 3 x 3 = 360 networks; sizes in no order, so they are words to a model."""
    return space_from_description(DESCRIPTION)


def sampled_table(rows: int = ROWS, seed: int = 0, **card: Any) -> Table:
    """Two seeds with holes; seconds; a latency and a constant energy.

    Validation and test are known after 5 epochs, test alone after 20.
    """
    space = sampled_space()
    rng = np.random.default_rng(seed)
    archs = space.enumerate()[np.sort(rng.choice(space.size, rows, replace=False))]
    clean = 0.4 + 0.05 * archs[:, 0] + 0.03 * archs[:, 1] - 0.04 * archs[:, 3] + 0.06 * archs[:, 4] + 0.02 * (archs[:, 5] == 1)
    seeds = clean[:, None] + 0.01 * rng.uniform(-1, 1, (rows, 2))
    validation = seeds.astype(np.float32)
    validation[::4, 1] = np.nan
    accuracy = {
        ("toy", 5, "validation"): validation,
        ("toy", 5, "test"): (seeds - 0.02).astype(np.float32),
        ("toy", 20, "test"): (seeds[:, :1] + 0.05).astype(np.float32),
    }
    costs = {
        ("toy", "latency_ms@phone"): 2.0 + archs[:, 4] + 0.5 * archs[:, 1] + (4 - archs[:, 3]),
        ("*", "energy_mj"): np.full(rows, 3.0),
    }
    seconds = {("toy", 5): (10.0 + 5 * archs[:, 4]).astype(np.float32)}
    wanted = {
        "name": "mine",
        "space": DESCRIPTION,
        "datasets": ["toy"],
        "search_fidelity": 5,
        "report_fidelity": 20,
        "search_metric": "validation",
        "canonical": False,
        "sampled": True,
    }
    return Table(wanted | card, accuracy, seconds, costs, archs)
