"""Where imported numbers come from: the file's name, its SHA-256 and the day of the import."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["describe_source", "sha256_of"]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_source(path: Path, files: Sequence[Path] = ()) -> dict[str, Any]:
    """What an importer writes into a table's card.

    Args:
        path: The imported file or folder.
        files: The files of a folder that were read; the hash is over their names and hashes, in this order.

    Returns:
        ``{"source": {"file": name, "sha256": hash}, "imported": ISO date}``; for a folder also ``"files"``, their number.
    """
    source: dict[str, Any] = {"file": path.resolve().name}
    if files:
        lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
        source |= {"files": len(files), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    else:
        source["sha256"] = sha256_of(path)
    return {"source": source, "imported": datetime.date.today().isoformat()}
