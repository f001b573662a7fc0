"""Where a number comes from: versions, machine, date and imported files, for cards and reports."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["describe_source", "machine", "provenance", "sha256_of"]


def machine() -> str:
    """Processor, number of cores and operating system, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(lines, f": {model}").partition(":")[2].strip()
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def provenance(*packages: str) -> dict[str, Any]:
    """Machine, date (UTC), and the versions of Python, nasgym and the named packages."""
    versions = {"python": platform.python_version()}
    for package in ("nasgym", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"machine": machine(), "date": datetime.now(UTC).date().isoformat(), "versions": versions}


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_source(path: Path, files: Sequence[Path] = ()) -> dict[str, Any]:
    """What an importer writes into a table's card.

    Args:
        path: The imported file or folder.
        files: The files of a folder that were read; the hash is over their names and hashes, in
            this order.

    Returns:
        ``{"source": {"file": name, "sha256": hash}, "imported": ISO date}``; for a folder also
        ``"files"``, their number.
    """
    source: dict[str, Any] = {"file": path.resolve().name}
    if files:
        lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
        source |= {"files": len(files), "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    else:
        source["sha256"] = sha256_of(path)
    return {"source": source, "imported": date.today().isoformat()}
