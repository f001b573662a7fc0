"""The data folder: where everything lies that is imported, fitted or measured."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder"]


def data_folder() -> Path:
    """``$NASGYM_DATA``, or else the platform's user data folder; not necessarily there yet."""
    named = os.environ.get("NASGYM_DATA")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("nasgym", appauthor=False))
