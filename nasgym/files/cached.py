"""Files that are read again only when they have changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

__all__ = ["cached_by_mtime"]

T = TypeVar("T")


def cached_by_mtime(maxsize: int) -> Callable[[Callable[[Path], T]], Callable[[Path], T]]:
    """Decorates a reader so that it keeps what it has read.

    A file counts as changed when its time of modification (in nanoseconds) or its size has changed.
    Errors are not kept. What a reader returns is shared: it must not be changed.

    Args:
        maxsize: Number of files that are kept; the one that was asked for longest ago goes first.

    Returns:
        The decorator of a function of a path. The decorated function raises `FileNotFoundError`
        where the file is not there.
    """

    def decorate(read: Callable[[Path], T]) -> Callable[[Path], T]:
        @lru_cache(maxsize=maxsize)
        def kept(path: Path, mtime_ns: int, size: int) -> T:
            return read(path)

        def cached(path: Path) -> T:
            about = path.stat()
            return kept(path, about.st_mtime_ns, about.st_size)

        return cached

    return decorate
