"""Where the table lies."""

from importlib import resources
from pathlib import Path


def path() -> Path:
    """The table file that came with this package."""
    return Path(str(resources.files(__package__))) / "tables" / "example-cells.npz"
