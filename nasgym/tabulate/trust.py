"""How far a table can be trusted: agreement of seeds, spread, and what accuracy owes to size."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["rank_agreement", "trust"]

Column = npt.NDArray[np.floating[Any]]


def _spearman(x: Column, y: Column) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(x, y).statistic)


def rank_agreement(values: Column) -> dict[str, float | None]:
    """How well two training seeds agree on the ranking.

    Args:
        values: ``(rows, seeds)`` accuracies; rows that lack a seed are left out.

    Returns:
        ``all``: mean Spearman correlation over the pairs of seeds. ``top_half``: the same within
        the better half of the rows, chosen by a third seed, so that the choice does not favour
        either of the pair. None where there are too few seeds.
    """
    whole = values[~np.isnan(values).any(axis=1)]
    seeds = range(whole.shape[1])
    if len(seeds) < 2 or len(whole) < 3:
        return {"all": None, "top_half": None}
    everywhere = [_spearman(whole[:, i], whole[:, j]) for i, j in combinations(seeds, 2)]
    top = []
    for i, j in combinations(seeds, 2):
        for third in set(seeds) - {i, j}:
            half = whole[whole[:, third] >= np.median(whole[:, third])]
            top.append(_spearman(half[:, i], half[:, j]))
    return {"all": float(np.mean(everywhere)), "top_half": float(np.mean(top)) if top else None}


def trust(validation: dict[int, Column], test: dict[int, Column], macs: Column, params: Column) -> dict[str, Any]:
    """Figures for the card of a table that was trained here; correlations are Spearman's.

    Args:
        validation: Fidelity to ``(rows, seeds)`` validation accuracies.
        test: Fidelity to ``(rows, seeds)`` test accuracies.
        macs: ``(rows,)`` multiply-accumulates.
        params: ``(rows,)`` parameters.
    """
    full = max(test)
    mean_test, mean_validation = test[full].mean(axis=1), validation[full].mean(axis=1)
    top = mean_test >= np.median(mean_test)
    found: dict[str, Any] = {
        "seed_to_seed": {
            str(fidelity): {"validation": rank_agreement(validation[fidelity]), "test": rank_agreement(test[fidelity])}
            for fidelity in sorted(test)
        },
        "mean_test_accuracy_quantiles": dict(
            zip(("min", "25%", "50%", "75%", "max"), np.quantile(mean_test, [0, 0.25, 0.5, 0.75, 1]).tolist(), strict=True)
        ),
        "seed_std_of_test_accuracy": float(test[full].std(axis=1, ddof=1).mean()),
        "macs_with_test": {"all": _spearman(macs, mean_test), "top_half": _spearman(macs[top], mean_test[top])},
        "params_with_test": {"all": _spearman(params, mean_test), "top_half": _spearman(params[top], mean_test[top])},
        "validation_with_test": {
            "one_seed": float(np.mean([_spearman(v, t) for v, t in zip(validation[full].T, test[full].T, strict=True)])),
            "means": _spearman(mean_validation, mean_test),
        },
    }
    for fidelity in sorted(test)[:-1]:
        found[f"validation_at_{fidelity}_with_{full}_epochs"] = _spearman(validation[fidelity].mean(axis=1), mean_validation)
    return found
