"""Importer of NAS-Bench-Macro: the published JSON file to a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from nasgym.errors import DataError
from nasgym.files.json_object import read_json
from nasgym.files.provenance import describe_source
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.tables.table_file import Table, write_table
from nasgym.tables.table_folder import table_path

__all__ = ["EPOCHS", "import_nas_bench_macro", "read_nas_bench_macro"]

NAME = "nas-bench-macro"
DATASET = "cifar10"
EPOCHS = 50
TRAININGS = 3


def import_nas_bench_macro(path: str | Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Converts the official ``nas-bench-macro_cifar10.json`` and writes it into the data folder.

    Args:
        path: The JSON file.
        progress: Called with (architectures done, all architectures).

    Returns:
        The table file.

    Raises:
        DataError: The file is damaged, incomplete or says something else than a published file.
    """
    return write_table(read_nas_bench_macro(Path(path), progress), table_path(NAME))


def read_nas_bench_macro(path: Path, progress: Callable[[int, int], None] | None = None) -> Table:
    """The table of the official JSON file, not yet written.

    The file (Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", 2021) has
    for each of the 6,561 encodings the test accuracies of three trainings in percent, their mean
    and deviation, the parameters and the MACs (there called FLOPs). There are no validation
    accuracies: a search sees test accuracies, as in the published comparisons.

    Raises:
        DataError: See `import_nas_bench_macro`.
    """
    entries = _read_json(path)
    space = NASBenchMacroSpace()
    archs = space.enumerate()
    texts = space.to_str(archs)
    _check_complete(path, entries, texts)
    accuracy = np.empty((space.size, TRAININGS))
    costs = {name: np.empty(space.size) for name in ("flops", "params")}
    for row, text in enumerate(texts):
        accuracy[row] = _accuracies(path, text, entries[text])
        for name, values in costs.items():
            values[row] = _number(path, text, entries[text], name)
        if progress is not None:
            progress(row + 1, space.size)
    shared = space.index_of(space.canonical(archs))
    canonical = bool((accuracy == accuracy[shared]).all())
    card = {
        "name": NAME,
        "space": space.name,
        "datasets": [DATASET],
        "search_fidelity": EPOCHS,
        "report_fidelity": EPOCHS,
        "search_metric": "test",
        "canonical": canonical,
        "notes": [
            "Only test accuracies are published: the search sees the numbers that the report states.",
            f"Each number is the best test accuracy over the {EPOCHS} epochs of one training, by the authors' training script; "
            "the number of epochs is that script's default and not in the published file.",
            "The encodings of one network have identical entries."
            if canonical
            else "The encodings of one network differ in this file, other than in the published one.",
        ],
        "licence": "Apache-2.0",
        **describe_source(path),
    }
    return Table(
        card,
        {(DATASET, EPOCHS, "test"): (accuracy / 100).astype(np.float32)},
        {},
        {(DATASET, "macs_table"): costs["flops"], (DATASET, "params_table"): costs["params"]},
    )


def _read_json(path: Path) -> dict[str, Any]:
    entries = read_json(path, hint="; expected nas-bench-macro_cifar10.json")
    if not isinstance(entries, dict):
        raise DataError(
            f"{path} holds a {type(entries).__name__}, expected an object of architectures; is it the published file?"
        )
    return entries


def _check_complete(path: Path, entries: dict[str, Any], texts: list[str]) -> None:
    known = set(texts)
    foreign = [text for text in entries if text not in known]
    if foreign:
        raise DataError(
            f"{path} has an entry {foreign[0]!r} that is no architecture; they are written like {texts[-1]!r}, "
            f"{len(texts[-1])} digits from 0 to 2. Is it the published file?"
        )
    missing = [text for text in texts if text not in entries]
    if missing:
        raise DataError(
            f"{path} has {len(texts) - len(missing):,} of {len(texts):,} architectures, the first missing is {missing[0]!r}; "
            "get the complete file."
        )


def _accuracies(path: Path, text: str, entry: Any) -> list[float]:
    """Three fractions, after comparing them with the mean that the file states."""
    values = entry.get("test_acc") if isinstance(entry, dict) else None
    if not isinstance(values, list) or len(values) != TRAININGS or not all(_is_number(value) for value in values):
        raise DataError(f"{path}: architecture {text!r} has test_acc = {values!r}, expected {TRAININGS} numbers in percent.")
    if not all(0 <= value <= 100 for value in values):
        raise DataError(f"{path}: architecture {text!r} has test_acc = {values}, expected percent from 0 to 100.")
    mean = _number(path, text, entry, "mean_acc")
    if abs(sum(values) / TRAININGS - mean) > 0.01:
        raise DataError(f"{path}: architecture {text!r} has the mean_acc {mean}, but its test_acc {values} have another mean.")
    return [float(value) for value in values]


def _number(path: Path, text: str, entry: dict[str, Any], key: str) -> float:
    value = entry.get(key)
    if not _is_number(value) or not 0 <= value < float("inf"):
        raise DataError(f"{path}: architecture {text!r} has {key} = {value!r}, expected a number of at least 0.")
    return float(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
