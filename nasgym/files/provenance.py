"""Where a number comes from: versions, machine and date, for cards and reports."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["machine", "provenance"]


def machine() -> str:
    """Processor, number of cores and operating system, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(lines, f": {model}").partition(":")[2].strip()
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def provenance(*packages: str) -> dict[str, Any]:
    """Machine, date (UTC), and the versions of Python, nasgym and the named packages that are installed."""
    versions = {"python": platform.python_version()}
    for package in ("nasgym", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"machine": machine(), "date": datetime.now(UTC).date().isoformat(), "versions": versions}
