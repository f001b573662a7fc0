"""What the data folder has beside tables: device files, cost columns, predictors and surrogates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nasgym.devices.device_file import read_device
from nasgym.devices.device_folder import device_files
from nasgym.errors import DataError, NasgymError
from nasgym.files.data_folder import data_folder
from nasgym.registry import SPACES
from nasgym.surrogates.perceptron import read_predictor
from nasgym.surrogates.surrogate import read_surrogate
from nasgym.tables.cost_columns import imported_columns, read_columns
from nasgym.tables.table_folder import find_table

__all__ = ["Holding", "list_holdings", "verify_holdings"]


@dataclass(frozen=True)
class Holding:
    """One line of ``nasgym data list`` below the tables.

    Attributes:
        kind: ``"device"``, ``"cost columns"``, ``"predictor"`` or ``"surrogate"``.
        name: Its name.
        where: ``"imported"`` or ``"shipped"``.
        path: The file.
        space: Name of its space; of an unusable predictor or surrogate it is empty.
        contents: What is in it, in a few words.
        fingerprint: Of the contents.
        problem: Why the file is not usable, empty where it is; then contents and fingerprint are empty.
    """

    kind: str
    name: str
    where: str
    path: Path
    space: str = ""
    contents: str = ""
    fingerprint: str = ""
    problem: str = ""

    @property
    def label(self) -> str:
        """Kind and name; devices and cost columns lie in a folder for each space, which may have the same names."""
        inside = f"{self.path.parent.name}/" if self.kind in ("device", "cost columns") else ""
        return f"{self.kind} {inside}{self.name}"


class _Found(NamedTuple):
    name: str
    space: str
    contents: str
    fingerprint: str


def list_holdings() -> list[Holding]:
    """All of them, read and compared with their checksums and fingerprints; devices come first."""
    folder = data_folder()
    found = []
    for (space, name), path in device_files().items():
        where = "imported" if path.is_relative_to(folder) else "shipped"
        found.append(_hold("device", name, where, path, _device, space))
    for (space, name), path in imported_columns().items():
        found.append(_hold("cost columns", name, "imported", path, _columns, space))
    for kind, part, read in (("predictor", "predictors", _predictor), ("surrogate", "surrogates", _surrogate)):
        for path in sorted((folder / part).glob("*.npz")):
            found.append(_hold(kind, path.stem, "imported", path, read))
    return found


def verify_holdings() -> list[tuple[str, bool, str]]:
    """(`Holding.label`, whether it is whole, what was found) of each."""
    return [
        (
            one.label,
            not one.problem,
            one.problem or f"{one.contents}, space {one.space}, fingerprint {one.fingerprint}",
        )
        for one in list_holdings()
    ]


def _hold(kind: str, name: str, where: str, path: Path, read: Callable[[Path], _Found], space: str = "") -> Holding:
    try:
        found = read(path)
        if found.name != name or (space and found.space != space):
            raise DataError(f"{path} holds {kind} {found.name!r} of space {found.space!r}; import it again.")
    except NasgymError as error:
        return Holding(kind, name, where, path, space, problem=str(error))
    return Holding(kind, name, where, path, found.space, found.contents, found.fingerprint)


def _device(path: Path) -> _Found:
    device = read_device(path)
    contents = f"{len(device.latencies):,} blocks, runtime {device.runtime}, batch {device.batch}, {device.precision}"
    return _Found(device.name, device.space, contents, device.fingerprint)


def _columns(path: Path) -> _Found:
    columns = read_columns(path)
    whole = SPACES.load(columns.space)()
    if columns.num_rows != whole.size:
        raise DataError(f"{path} has {columns.num_rows:,} rows, space {whole.name!r} {whole.size:,}; import it again.")
    contents = f"{len(columns.costs)} columns of {columns.num_rows:,} architectures"
    return _Found(columns.name, columns.space, contents, columns.fingerprint)


def _predictor(path: Path) -> _Found:
    predictor = read_predictor(path)
    inputs = predictor.weights[0].shape[1]
    contents = f"perceptron of {len(predictor.weights)} layers, {inputs} inputs"
    name, space = str(predictor.card.get("name", "")), str(predictor.card.get("space", ""))
    return _Found(name, space, contents, predictor.fingerprint)


def _surrogate(path: Path) -> _Found:
    surrogate = read_surrogate(path)
    surrogate.check_table(find_table(surrogate.table))
    contents = f"fitted to {len(surrogate.sample):,} architectures, {len(surrogate.targets)} columns"
    return _Found(surrogate.table, surrogate.space.name, contents, surrogate.fingerprint)
