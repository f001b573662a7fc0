"""The key ``qualities`` of an own table's spec: what the numbers of its data sets are."""

from __future__ import annotations

from typing import Any

from nasgym.errors import InvalidValue
from nasgym.files.json_object import check_object
from nasgym.quality import ACCURACY, FRACTION, Quality

__all__ = ["read_qualities"]


def read_qualities(given: Any) -> dict[str, Quality]:
    """Qualities by data set, without plain accuracies.

    Those that are given in percent are kept as fractions.

    Raises:
        InvalidValue: A quality lacks something, or has a value that is not allowed.
        UnknownName: It has another key, or its direction is another word.
    """
    if not isinstance(given, dict):
        raise InvalidValue(f"'qualities' maps data sets to qualities, got {given!r}.")
    found = {}
    for dataset, entry in given.items():
        what = f"the quality of {dataset!r}"
        check_object(what, entry, ("name", "unit", "direction", "low", "high"), ("name", "direction"))
        unit = entry.get("unit", "")
        percent = unit in ("percent", "%")
        whole = 100.0 if percent else 1.0
        if unit not in ("percent", "%", FRACTION) and not {"low", "high"} <= set(entry):
            raise InvalidValue(f"{what} needs its range, 'low' and 'high'; only percent and fractions have one by themselves.")
        ends = [entry.get("low", 0.0), entry.get("high", whole)]
        if percent and all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
            ends = [end / whole for end in ends]
        made = Quality(entry["name"], FRACTION if percent else unit, entry["direction"], *ends)
        if made != ACCURACY:
            found[dataset] = made
    return found
