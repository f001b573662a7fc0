"""`Surrogate`: what was fitted to a sampled table, and its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError, InvalidValue, MissingData
from nasgym.files.arrays import read_arrays, verify_checksum, write_arrays
from nasgym.files.cached import cached_by_mtime
from nasgym.files.data_folder import data_folder
from nasgym.spaces.space import SearchSpace
from nasgym.surrogates.features import ArchFeatures
from nasgym.surrogates.sample_range import SampleRange
from nasgym.surrogates.trees import Trees
from nasgym.tables.table_file import Table
from nasgym.tables.table_folder import space_of_card
from nasgym.type_aliases import Archs, Floats

__all__ = ["Surrogate", "Target", "find_surrogate", "read_surrogate", "surrogate_path", "write_surrogate"]

FORMAT = "nasgym-surrogate-1"
# the targets name columns as the table's file does: accuracy/DATASET/EPOCHS/SPLIT,
# train_seconds/..., cost/...
CARD_KEYS = (
    "table",
    "space",
    "table_fingerprint",
    "targets",
    "members",
    "folds",
    "seed",
    "radius",
    "features",
    "versions",
    "date",
)
# which whole numbers the card has, and the least that each can be
LEAST = {"members": 1, "folds": 2, "seed": 0, "radius": 0}


@dataclass(frozen=True)
class Target:
    """A column of the table, and how well it is predicted.

    Attributes:
        column: As in the table's file, for example ``"accuracy/default/10/validation"``.
        low, high: Predictions are brought into this range.
        r2, kendall_tau: Mean and standard deviation over the folds, each fold predicted by a model
            that has not seen it; None for a column that is constant.
        residual_std: Standard deviation of the residuals of those predictions, over all
            architectures, in the column's unit.
    """

    column: str
    low: float
    high: float
    r2: tuple[float, float] | None
    kendall_tau: tuple[float, float] | None
    residual_std: float

    def quality(self, folds: int) -> str:
        """How well the column is predicted, in words."""
        if self.r2 is None or self.kendall_tau is None:
            return "constant in the sample"
        return (
            f"R2 {self.r2[0]:.3f} ± {self.r2[1]:.3f} and Kendall tau {self.kendall_tau[0]:.3f} ± {self.kendall_tau[1]:.3f} over "
            f"{folds} folds, residual sd {self.residual_std:.4g}"
        )


@dataclass(frozen=True)
class Surrogate:
    """A model of every column of a sampled table: an ensemble of `members`, each a sum of trees.

    Attributes:
        card: JSON-able description: table, its fingerprint, space, features, targets with their
            quality, folds, members, seed, versions.
        trees: The models, target by target, in each target member by member.
        sample: ``(M, D)`` the sampled architectures.

    Raises:
        DataError: Something is missing or does not fit together.
    """

    card: Mapping[str, Any]
    trees: Trees
    sample: Archs

    def __post_init__(self) -> None:
        for key in CARD_KEYS:
            if key not in self.card:
                raise DataError(f"the card of a surrogate lacks {key!r}; it has {', '.join(sorted(self.card))}.")
        for key, least in LEAST.items():
            number = self.card[key]
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise DataError(
                    f"{key!r} of the card of the surrogate of table {self.table!r} is a whole number from {least} on, got {number!r}; "
                    "fit it again."
                )
        if not isinstance(self.card["space"], str | Mapping) or not isinstance(self.card["versions"], Mapping):
            raise DataError(
                f"the card of the surrogate of table {self.table!r} has an invalid space or invalid versions; fit it again."
            )
        fits = len(self.trees.baseline) == len(self.targets) * self.members
        fits &= self.sample.dtype == np.int8 and self.sample.ndim == 2 and self.sample.shape[1] == self.space.num_decisions
        fits = fits and len(self.sample) > 0 and bool(self.space.is_valid(self.sample).all())
        if not fits or int(self.trees.feature.max(initial=-1)) >= len(self.features.values):
            raise DataError(f"the arrays of the surrogate of table {self.table!r} do not fit its card; fit it again.")

    @property
    def table(self) -> str:
        """Name of the table."""
        return str(self.card["table"])

    @property
    def members(self) -> int:
        """Number of models of a column."""
        return int(self.card["members"])

    @cached_property
    def targets(self) -> dict[str, Target]:
        """The columns, by name."""
        try:
            found = [
                Target(**{**entry, "r2": _pair(entry["r2"]), "kendall_tau": _pair(entry["kendall_tau"])})
                for entry in self.card["targets"]
            ]
            for target in found:
                numbers = [target.low, target.high, target.residual_std, *(target.r2 or ()), *(target.kendall_tau or ())]
                if not np.isfinite(numbers).all() or target.low > target.high:
                    raise ValueError(f"invalid numbers of {target.column!r}")
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(f"the card of the surrogate of table {self.table!r} has invalid targets ({error}).") from None
        return {target.column: target for target in found}

    @cached_property
    def space(self) -> SearchSpace:
        """The table's whole space."""
        return space_of_card(self.card["space"])

    @cached_property
    def features(self) -> ArchFeatures:
        """What the trees ask about."""
        return ArchFeatures(self.space)

    @cached_property
    def range(self) -> SampleRange:
        """Which architectures lie outside of the sample."""
        return SampleRange(self.features.codes(self.sample), self.features.num_codes, int(self.card["radius"]))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the arrays and of what gives them meaning in the card (16 hex digits)."""
        meaning = {key: self.card[key] for key in ("space", "table_fingerprint", "members")}
        meaning["targets"] = [(target.column, target.low, target.high) for target in self.targets.values()]
        digest = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode())
        for name, values in sorted(_pack(self).items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]

    @property
    def about(self) -> str:
        """What was fitted, in words that complete "predicted by"."""
        trees = "gradient-boosted trees"
        if self.members > 1:
            trees = f"{self.members} models of gradient-boosted trees, each on its own resample,"
        size = self.space.size
        whole = f"{size:,}" if size < 10**9 else f"{size:.3g}"
        return f"{trees} fitted to {len(self.sample):,} of {whole} architectures of table {self.table!r} ({self.fingerprint})"

    def predict(self, column: str, archs: Archs, member: int) -> Floats:
        """``(N,)`` a member's predictions of a column for ``(N, D)`` valid architectures.

        -1: the mean of all members.
        """
        target = self.targets[column]
        codes = self.features.codes(archs)
        first = list(self.targets).index(column) * self.members
        which = range(self.members) if member < 0 else (member,)
        total = np.zeros(len(archs))
        for one in which:
            total += np.clip(self.trees.predict(first + one, self.features, codes), target.low, target.high)
        return total / len(which)

    def check_table(self, table: Table) -> None:
        """Raises `DataError` where the table is another one than the surrogate was fitted to."""
        if table.fingerprint != self.card["table_fingerprint"]:
            raise DataError(
                f"the surrogate was fitted to table {self.table!r} when its fingerprint was {self.card['table_fingerprint']}; now it "
                f"is {table.fingerprint}. Fit it again: nasgym data fit-surrogate {table.name}"
            )


def _pair(values: Any) -> tuple[float, float] | None:
    if values is None:
        return None
    mean, std = values
    return float(mean), float(std)


def _pack(surrogate: Surrogate) -> dict[str, npt.NDArray[Any]]:
    return {**surrogate.trees.arrays(), "sample": surrogate.sample}


def surrogate_path(table: str) -> Path:
    """Where the surrogate of a table lies, or will lie."""
    return data_folder() / "surrogates" / f"{table}.npz"


def find_surrogate(table: Table) -> Surrogate:
    """Reads the surrogate of a sampled table.

    Raises:
        InvalidValue: The table is not a sample.
        MissingData: There is no surrogate; the message has the command that makes it.
        DataError: The file is damaged, or was fitted to the table when that was another one.
    """
    if not table.sampled:
        raise InvalidValue(
            f"table {table.name!r} is not a sampled table; a surrogate is fitted to a sample. Give accuracy='table'."
        )
    path = surrogate_path(table.name)
    if not path.is_file():
        raise MissingData(
            f"there is no surrogate of table {table.name!r} in {data_folder()}; fit it with `nasgym data fit-surrogate {table.name}`."
        )
    found = _read(path)
    found.check_table(table)
    return found


@cached_by_mtime(maxsize=4)
def _read(path: Path) -> Surrogate:
    return read_surrogate(path)


def write_surrogate(surrogate: Surrogate, path: Path) -> Path:
    """Writes a surrogate and its checksum beside it.

    A crash leaves the old files or the new ones, never half of one.
    """
    return write_arrays(path, {"format": FORMAT, **surrogate.card}, _pack(surrogate))


def read_surrogate(path: Path) -> Surrogate:
    """Reads a surrogate file after comparing it with its checksum; nothing in it is executed.

    scikit-learn is not needed.

    Raises:
        DataError: The file is damaged, foreign, or of another version.
    """
    again = f"fit it again with `nasgym data fit-surrogate {path.stem}`"
    verify_checksum(path, again)
    card, arrays = read_arrays(path, FORMAT, "surrogate", again, names={*Trees.names(), "sample"})
    trees: dict[str, Any] = {name: arrays[name] for name in Trees.names()}
    return Surrogate(card, Trees(**trees), arrays["sample"])
