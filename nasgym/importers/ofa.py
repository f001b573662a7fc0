"""Importer of Once-for-All's published data: latencies of a phone, and the accuracy predictor."""

from __future__ import annotations

from pathlib import Path

from nasgym.errors import DataError
from nasgym.importers.ofa_device import import_ofa_device, ofa_device_files
from nasgym.importers.ofa_predictor import import_ofa_predictor

__all__ = ["import_ofa"]

PREDICTOR = "acc_predictor.pth"
LATENCIES = "note10"


def import_ofa(path: str | Path, device: str = LATENCIES) -> list[Path]:
    """Imports what lies at a path, recognised by itself.

    Args:
        path: The predictor's file (``acc_predictor.pth`` or ``.npz``); or a folder with
            ``160_lookup_table.yaml`` to ``224_lookup_table.yaml``; or the folder ``ofa`` of the
            published files, which has both (the latencies in ``note10``).
        device: Name under which the latencies go.

    Returns:
        The files that were written.

    Raises:
        DataError: There is nothing of that kind, or a file is damaged.
        MissingPackage: A package that reads a published format is not installed.
    """
    place = Path(path)
    if place.is_file():
        return [import_ofa_predictor(place)]
    written = []
    for folder in (place, place / LATENCIES):
        if folder.is_dir() and ofa_device_files(folder):
            written.append(import_ofa_device(folder, device))
            break
    if (place / PREDICTOR).is_file():
        written.append(import_ofa_predictor(place / PREDICTOR))
    if not written:
        raise DataError(
            f"{path} is neither the predictor ({PREDICTOR} or .npz) nor a folder with 160_lookup_table.yaml to "
            f"224_lookup_table.yaml or with {PREDICTOR}."
        )
    return written
