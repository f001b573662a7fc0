"""Files: written whole or not at all, and read with errors that name the place."""

from nasgym.files.write import write_file

__all__ = ["write_file"]
