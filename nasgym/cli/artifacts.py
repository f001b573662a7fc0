"""What there is to search with: tables, devices, cost columns, predictors, surrogates, images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nasgym.devices.device_file import read_device
from nasgym.devices.device_folder import device_files
from nasgym.errors import DataError, NasgymError
from nasgym.files.arrays import checksum_path, verify_checksum
from nasgym.files.data_folder import data_folder
from nasgym.files.provenance import sha256_of
from nasgym.quality import ACCURACY
from nasgym.registry import SPACES, TABLES
from nasgym.surrogates.perceptron import read_predictor
from nasgym.surrogates.surrogate import read_surrogate
from nasgym.tables.cost_columns import imported_columns, read_columns
from nasgym.tables.table_file import Table, read_table
from nasgym.tables.table_folder import find_table, imported_tables, shipped_tables, space_of_table
from nasgym.training.image_data import imported_images, read_image_data

__all__ = ["Artifact", "list_artifacts", "verify_artifacts"]


@dataclass(frozen=True)
class Artifact:
    """One line of ``nasgym data list``.

    Attributes:
        kind: ``"table"``, ``"device"``, ``"cost columns"``, ``"predictor"``, ``"surrogate"`` or
            ``"images"``.
        name: Its name.
        where: ``"imported"``, ``"shipped"`` or ``"another package"``; of several tables of one name
            the first kind is used.
        path: The file; None where another package does not say where it is.
        space: Name of its space; empty for images, and where an unusable file does not say it.
        contents: What is in it: of a table its rows, data sets, epochs of the default data set,
            most training seeds and what a search sees; of others a few words.
        fingerprint: Of the contents; tables are known by their SHA-256 and have none here.
        problem: Why the file is not usable, empty where it is; then it has no contents.
    """

    kind: str
    name: str
    where: str
    path: Path | None
    space: str = ""
    contents: tuple[str, ...] = ()
    fingerprint: str = ""
    problem: str = ""

    @property
    def label(self) -> str:
        """Kind and name; of a table the name alone.

        Devices and cost columns lie in a folder for each space, which may have the same names.
        """
        if self.kind == "table" or self.path is None:
            return self.name
        inside = f"{self.path.parent.name}/" if self.kind in ("device", "cost columns") else ""
        return f"{self.kind} {inside}{self.name}"


class _Found(NamedTuple):
    name: str
    space: str
    contents: str
    fingerprint: str


def list_artifacts() -> list[Artifact]:
    """All of them, tables first.

    Tables are read; the others are also compared with their checksums and fingerprints.
    """
    return [*map(_with_contents, _table_files()), *_beside_tables()]


def verify_artifacts() -> list[tuple[str, bool, str]]:
    """Checks all of them: checksums, contents, and that a table fits the space of its card.

    Returns:
        (`Artifact.label`, whether it is whole, what was found); only tables of other packages may
        lack the SHA-256 beside them.
    """
    found = []
    for table in _table_files():
        try:
            found.append((table.label, True, _verify_table(table)))
        except NasgymError as error:
            found.append((table.label, False, str(error)))
    for one in _beside_tables():
        space = f", space {one.space}" if one.space else ""
        said = f"{', '.join(one.contents)}{space}, fingerprint {one.fingerprint}"
        found.append((one.label, not one.problem, one.problem or said))
    return found


# ---- tables ------------------------------------------------------------------------------------


def _table_files() -> list[Artifact]:
    """The tables, not read yet."""
    imported, shipped = imported_tables(), shipped_tables()
    tables = [Artifact("table", name, "imported", path) for name, path in imported.items()]
    tables += [Artifact("table", name, "shipped", path) for name, path in shipped.items()]
    for name in TABLES.names():
        if name in imported or name in shipped:
            continue
        try:
            tables.append(Artifact("table", name, "another package", TABLES.path(name)))
        except DataError as error:
            tables.append(Artifact("table", name, "another package", None, problem=str(error)))
    return tables


def _with_contents(file: Artifact) -> Artifact:
    if file.path is None:
        return file
    try:
        table = read_table(file.path)
    except DataError as error:
        return replace(file, problem=str(error))
    named = table.card["space"]
    space = str(named["name"]) if isinstance(named, dict) else str(named)
    contents = (
        f"{table.num_rows:,}",
        ", ".join(table.datasets),
        ", ".join(map(str, table.fidelities(table.datasets[0]))),
        str(max(values.shape[1] for values in table.accuracy.values())),
        _search_text(table),
    )
    return replace(file, space=space, contents=contents)


def _search_text(table: Table) -> str:
    """What a search on the default data set sees; its quality where that is no plain accuracy."""
    quality, metric = table.quality(table.datasets[0]), str(table.card["search_metric"])
    return metric if quality == ACCURACY else f"{metric} {quality.words} ({quality.direction})"


def _verify_table(file: Artifact) -> str:
    path = file.path
    if path is None:
        raise DataError(file.problem)
    kept = file.where != "another package" or checksum_path(path).is_file()
    digest = verify_checksum(path) if kept else sha256_of(path)
    table = read_table(path)
    if table.name != file.name:
        raise DataError(f"{path} holds the table {table.name!r}; name the file after it.")
    said = f"{_fit(table, path)}, SHA-256 {digest[:16]}"
    return said if kept else f"{said} (its package keeps none beside it)"


def _fit(table: Table, path: Path) -> str:
    """How many architectures a table has, after comparing them with the space of its card."""
    space = space_of_table(table)
    if table.archs is not None:
        whole = table.archs.shape[1] == space.num_decisions and space.is_valid(table.archs).all()
        if not whole or len(np.unique(table.archs, axis=0)) < table.num_rows:
            raise DataError(f"{path} has architectures that space {space.name!r} does not have, or twice; import it again.")
        return f"a sample of {table.num_rows:,} of {space.size:,} architectures"
    if space.size != table.num_rows:
        raise DataError(
            f"{path} has {table.num_rows:,} rows, the space {space.name!r} of its card {space.size:,} architectures; import it "
            "again."
        )
    return f"{table.num_rows:,} architectures"


# ---- what belongs to tables and spaces ---------------------------------------------------------


def _beside_tables() -> list[Artifact]:
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
    for name, path in imported_images().items():
        found.append(_hold("images", name, "imported", path, _images))
    return found


def _hold(kind: str, name: str, where: str, path: Path, read: Callable[[Path], _Found], space: str = "") -> Artifact:
    try:
        found = read(path)
        if found.name != name or (space and found.space != space):
            raise DataError(f"{path} holds {kind} {found.name!r} of space {found.space!r}; import it again.")
    except NasgymError as error:
        return Artifact(kind, name, where, path, space, problem=str(error))
    return Artifact(kind, name, where, path, found.space, (found.contents,), found.fingerprint)


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


def _images(path: Path) -> _Found:
    images = read_image_data(path)
    return _Found(images.name, "", images.about, images.fingerprint)
