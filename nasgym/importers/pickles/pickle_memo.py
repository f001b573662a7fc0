"""`Memo`: what a pickle may refer to again, kept small while its entries are read one by one."""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from typing import Any

from nasgym.importers.pickles.restricted_pickle import NumberType

__all__ = ["Memo", "SharedData"]

NO_TEXT = 0xFFFFFFFF


class SharedData(Exception):
    """An entry refers to an object of an earlier one."""


class _Numbers(dict[str, int]):
    """Numbers texts in the order in which they appear."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self.texts)
        self.texts.append(text)
        return number


class Memo:
    """What the pickle may refer to again, by running number.

    While an entry is read, all its objects are there. Of earlier entries, texts are kept (as
    compressed numbers into one list of different texts), and the allowed names. Containers and
    numbers are dropped, and a reference to one is an error.
    """

    def __init__(self) -> None:
        self.live: list[Any] = []
        self._head: list[Any] | None = None
        self._start = 0
        self._starts: list[int] = []
        self._blocks: list[bytes] = []
        self._numbers = _Numbers()
        self._old: dict[int, Any] = {}

    def __getitem__(self, index: int) -> Any:
        if index >= self._start:
            return self.live[index - self._start]
        if self._head is not None and index < len(self._head):
            return self._head[index]
        if index not in self._old:
            self._old[index] = self._unpack(index)
        return self._old[index]

    def _unpack(self, index: int) -> str:
        block = bisect_right(self._starts, index) - 1
        numbers = array("I", zlib.decompress(self._blocks[block]))
        number = numbers[index - self._starts[block]]
        if number == NO_TEXT:
            raise SharedData
        return self._numbers.texts[number]

    def begin_entries(self) -> None:
        """What is there now stays."""
        if self._head is None:
            self._head, self.live, self._start = self.live, [], len(self.live)

    def forget(self) -> None:
        """The entry in work is complete."""
        numbers = array("I", [self._numbers[item] if type(item) is str else NO_TEXT for item in self.live])
        kept = (type, NumberType)
        self._old.update((self._start + at, item) for at, item in enumerate(self.live) if isinstance(item, kept))
        self._starts.append(self._start)
        self._blocks.append(zlib.compress(numbers.tobytes(), 1))
        self._start += len(self.live)
        self.live = []
