"""`fit_surrogate`: gradient-boosted trees for every column of a sampled table.

Their quality is cross-validated.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.errors import DataError, InvalidValue, MissingPackage
from nasgym.files.provenance import provenance
from nasgym.surrogates.features import ArchFeatures
from nasgym.surrogates.sample_range import SampleRange
from nasgym.surrogates.surrogate import Surrogate, surrogate_path, write_surrogate
from nasgym.surrogates.trees import MAX_LEAVES, Trees
from nasgym.tables.table_file import Table
from nasgym.tables.table_folder import find_table, space_of_table
from nasgym.type_aliases import Floats, Ints

__all__ = ["BOOSTING", "fit_surrogate", "fit_table"]

Progress = Callable[[int, int], None]

# small trees suit samples of some hundreds to some thousands; found by cross-validation on samples
# of three published tables
BOOSTING: dict[str, Any] = {
    "max_iter": 300,
    "learning_rate": 0.1,
    "max_leaf_nodes": MAX_LEAVES,
    "min_samples_leaf": 5,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
ROWS_A_FOLD = 10


def fit_surrogate(name: str, *, folds: int = 5, members: int = 1, seed: int = 0, progress: Progress | None = None) -> Path:
    """Fits a surrogate to a sampled table and writes it into the data folder.

    The table is an imported one, or one of another package.

    Args:
        name: Name of the table.
        folds: Of the cross-validation, at least 2.
        members: 1: one model, fitted to the whole sample. More: an ensemble, each member fitted to
            a bootstrap resample.
        seed: Draws folds and resamples.
        progress: Called with (models fitted, models to fit).

    Returns:
        The surrogate file.

    Raises:
        MissingData: There is no table of that name.
        InvalidValue: The table is not a sample, or a number is not allowed.
        DataError: The sample is too small, a column has a hole, or accuracies are constant.
        MissingPackage: scikit-learn or scipy is not installed.
    """
    return write_surrogate(
        fit_table(find_table(name), folds=folds, members=members, seed=seed, progress=progress), surrogate_path(name)
    )


def fit_table(table: Table, *, folds: int = 5, members: int = 1, seed: int = 0, progress: Progress | None = None) -> Surrogate:
    """The surrogate of a sampled table, not yet written; see `fit_surrogate`."""
    _check_numbers(folds=(folds, 2), members=(members, 1), seed=(seed, 0))
    for package in ("sklearn", "scipy"):
        if importlib.util.find_spec(package) is None:
            raise MissingPackage(f"fitting needs {package}, which is not installed; get it with: pip install 'nasgym[train]'")
    if table.archs is None:
        raise InvalidValue(
            f"table {table.name!r} is not a sampled table; a surrogate is fitted to a sample. Play the table itself."
        )
    if len(table.archs) < ROWS_A_FOLD * folds:
        raise DataError(
            f"table {table.name!r} has {len(table.archs)} architectures, and {folds} folds need {ROWS_A_FOLD * folds}; train more, or "
            "take fewer folds with --folds."
        )
    features = ArchFeatures(space_of_table(table))
    matrix = features.matrix(table.archs)
    columns = _columns(table)
    fitter = _Fitter(matrix, folds, members, seed, progress, total=len(columns) * members * (folds + 1))
    ranges = _ranges(table)
    targets, models = [], []
    for column, values in columns.items():
        low, high = ranges.get(column) or _extent(values)
        targets.append({"column": column, "low": low, "high": high, **fitter.quality(column, values, ranges.get(column))})
        models += fitter.fit(values, np.arange(len(values)), 0)
    card = {
        "table": table.name,
        "table_fingerprint": table.fingerprint,
        "space": table.card["space"],
        "targets": targets,
        "members": members,
        "folds": folds,
        "seed": seed,
        "radius": SampleRange(features.codes(table.archs), features.num_codes).radius,
        "features": features.description,
        "model": {"HistGradientBoostingRegressor": BOOSTING},
        **provenance("numpy", "scikit-learn", "scipy"),
    }
    return Surrogate(card, _plain(models), table.archs)


def _check_numbers(**numbers: tuple[int, int]) -> None:
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidValue(f"{name} is a whole number from {least} on, got {value!r}.")


def _columns(table: Table) -> dict[str, Floats]:
    """Everything that the table knows, ``(rows,)`` each, means over the training seeds."""
    columns = {f"accuracy/{d}/{epochs}/{split}": values for (d, epochs, split), values in table.accuracy.items()}
    columns |= {f"train_seconds/{d}/{epochs}": values for (d, epochs), values in table.train_seconds.items()}
    columns |= {f"cost/{d}/{name}": values for (d, name), values in table.costs.items()}
    found = {}
    for column, values in sorted(columns.items()):
        wide = values.reshape(table.num_rows, -1).astype(np.float64)
        there = ~np.isnan(wide)
        if not there.any(axis=1).all():
            absent = int((~there.any(axis=1)).sum())
            raise DataError(
                f"column {column!r} of table {table.name!r} has no value (NaN) for {absent:,} architectures; fill it or leave it out."
            )
        means = np.where(there, wide, 0.0).sum(axis=1) / there.sum(axis=1)
        if column.startswith("accuracy/") and means.min() == means.max():
            raise DataError(
                f"column {column!r} of table {table.name!r} is {means[0]:g} for every architecture; there is nothing to fit."
            )
        found[column] = means
    return found


def _ranges(table: Table) -> dict[str, tuple[float, float]]:
    """What predictions of a quality are brought into, by column: its range."""
    named = {dataset: table.quality(dataset) for dataset in table.datasets}
    return {f"accuracy/{d}/{epochs}/{split}": (named[d].low, named[d].high) for d, epochs, split in table.accuracy}


def _extent(values: Floats) -> tuple[float, float]:
    """What predictions of costs and seconds are brought into: what the models were fitted to."""
    return float(values.min()), float(values.max())


class _Fitter:
    """Fits models to rows of one matrix and counts them."""

    def __init__(self, matrix: Floats, folds: int, members: int, seed: int, progress: Progress | None, *, total: int) -> None:
        self.matrix, self.members, self.seed = matrix, members, seed
        self.progress, self.total, self.done = progress, total, 0
        # the same folds and resamples for every column: a member's accuracies and costs belong
        # together
        self.folds = np.array_split(np.random.default_rng([seed, 0, 0]).permutation(len(matrix)), folds)

    def fit(self, values: Floats, rows: Ints, fold: int) -> list[Any]:
        """The members, fitted to the rows or to resamples of them; `fold` 0: the whole sample."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        models = []
        for member in range(self.members):
            picked = rows
            if self.members > 1:
                rng = np.random.default_rng([self.seed, 1 + fold, member])
                picked = rows[rng.integers(0, len(rows), len(rows))]
            model = HistGradientBoostingRegressor(**BOOSTING, random_state=self.seed)
            models.append(model.fit(self.matrix[picked], values[picked]))
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, self.total)
        return models

    def quality(self, column: str, values: Floats, limits: tuple[float, float] | None = None) -> dict[str, Any]:
        """R2, Kendall's tau and the residuals' spread, for folds that a model has not seen.

        Predictions are brought into `limits`, by default what the model was fitted to.
        """
        from scipy.stats import kendalltau

        if values.min() == values.max():
            self.done += self.members * len(self.folds)
            return {"r2": None, "kendall_tau": None, "residual_std": 0.0}
        r2, tau, residuals = [], [], np.empty(len(values))
        for number, held in enumerate(self.folds, 1):
            seen = np.setdiff1d(np.arange(len(values)), held)
            models, (low, high) = self.fit(values, seen, number), limits or _extent(values[seen])
            found = np.mean([np.clip(model.predict(self.matrix[held]), low, high) for model in models], axis=0)
            residuals[held] = values[held] - found
            spread = values[held] - values[held].mean()
            if not spread.any() or found.min() == found.max():
                raise DataError(
                    f"column {column!r} hardly varies: in fold {number} the {len(held)} values or their predictions are all equal, and "
                    "have no rank correlation; take fewer folds or more architectures."
                )
            r2.append(1.0 - float(residuals[held] @ residuals[held]) / float(spread @ spread))
            tau.append(float(kendalltau(values[held], found).statistic))
        spreads = {"r2": r2, "kendall_tau": tau}
        summed = {key: [float(np.mean(each)), float(np.std(each, ddof=1))] for key, each in spreads.items()}
        return {**summed, "residual_std": float(residuals.std(ddof=1))}


def _plain(models: Sequence[Any]) -> Trees:
    """scikit-learn's trees as plain arrays; it gives no public access to them (in 1.5 to 1.9)."""
    parts, sizes, counts = [], [], []
    for model in models:
        trees = [predictor.nodes for (predictor,) in model._predictors]
        parts += trees
        sizes += [len(nodes) for nodes in trees]
        counts.append(len(trees))
    first_nodes = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    nodes = np.concatenate(parts)
    start = np.repeat(first_nodes[:-1], sizes)
    leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        feature=np.where(leaf, -1, nodes["feature_idx"].astype(np.int64)),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        missing_left=nodes["missing_go_to_left"].astype(bool) & ~leaf,
        left=np.where(leaf, 0, nodes["left"].astype(np.int64) + start),
        right=np.where(leaf, 0, nodes["right"].astype(np.int64) + start),
        value=np.where(leaf, nodes["value"], 0.0),
        first_nodes=first_nodes,
        first_trees=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        baseline=np.array([float(np.ravel(model._baseline_prediction)[0]) for model in models]),
    )
