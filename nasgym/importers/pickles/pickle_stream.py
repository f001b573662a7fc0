"""`EntryStream`: a compressed pickle with a large dictionary inside, read entry by entry.

An unpickler keeps everything: the dictionary, and beside it every object that the pickle might
refer to again. This reader hands out an entry as soon as it is complete and forgets it; of what may
be referred to again it remembers the texts, as numbers. It runs the operations that the published
archives consist of (pickle protocols 4 and 5) and refuses all others.
"""

from __future__ import annotations

import bz2
import pickle
import re
import struct
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np

from nasgym.errors import DataError
from nasgym.importers.pickles.pickle_memo import Memo, SharedData
from nasgym.importers.pickles.restricted_pickle import NumberType, as_data_errors, find_allowed

__all__ = ["EntryStream"]

CHUNK = 1 << 20
# no operation other than a long text has more bytes than this
MARGIN = 512
# a curve is a run of (epoch, number): matched at once instead of number by number
INT_RUN = re.compile(rb"(?:K.G.{8})+", re.DOTALL)
INT_PAIR = struct.Struct(">xBxd")
REFERENCE_RUN = re.compile(rb"(?:j.{4}G.{8})+", re.DOTALL)
REFERENCE_PAIR = np.dtype([("j", "u1"), ("index", "<u4"), ("G", "u1"), ("value", ">f8")])


@cache
def _text_run(length: int) -> tuple[re.Pattern[bytes], struct.Struct]:
    """A run of (text, number) whose texts have this many bytes."""
    pattern = rb"(?:\x8c" + re.escape(bytes([length])) + rb".{%d}\x94G.{8})+" % length
    return re.compile(pattern, re.DOTALL), struct.Struct(f">xx{length}sxxd")


class _Machine:
    """The stack machine that a pickle is a program for."""

    def __init__(self, file: IO[bytes], field: str) -> None:
        self._file, self._field = file, field
        self._buffer, self._at = b"", 0
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo = Memo()
        self._texts: dict[bytes, str] = {}
        self._steps: dict[int, Callable[[], None]] = {
            code[0]: step
            for code, step in {
                pickle.PROTO: self._protocol,
                pickle.FRAME: lambda: self._skip(8),
                pickle.MARK: self._mark,
                pickle.EMPTY_DICT: lambda: self._stack.append({}),
                pickle.EMPTY_LIST: lambda: self._stack.append([]),
                pickle.EMPTY_TUPLE: lambda: self._stack.append(()),
                pickle.EMPTY_SET: lambda: self._stack.append(set()),
                pickle.SETITEM: lambda: self._set_items(self._pop(2)),
                pickle.SETITEMS: lambda: self._set_items(self._pop_mark()),
                pickle.APPEND: lambda: self._append(self._pop(1)),
                pickle.APPENDS: lambda: self._append(self._pop_mark()),
                pickle.ADDITEMS: lambda: self._add_items(self._pop_mark()),
                pickle.TUPLE: lambda: self._push_tuple(self._pop_mark()),
                pickle.TUPLE1: lambda: self._push_tuple(self._pop(1)),
                pickle.TUPLE2: lambda: self._push_tuple(self._pop(2)),
                pickle.TUPLE3: lambda: self._push_tuple(self._pop(3)),
                pickle.NONE: lambda: self._stack.append(None),
                pickle.NEWTRUE: lambda: self._stack.append(True),
                pickle.NEWFALSE: lambda: self._stack.append(False),
                pickle.BININT: lambda: self._stack.append(int.from_bytes(self._take(4), "little", signed=True)),
                pickle.BININT1: self._small_int,
                pickle.BININT2: lambda: self._stack.append(int.from_bytes(self._take(2), "little")),
                pickle.LONG1: lambda: self._stack.append(int.from_bytes(self._take(self._take(1)[0]), "little", signed=True)),
                pickle.BINFLOAT: lambda: self._stack.append(struct.unpack(">d", self._take(8))[0]),
                pickle.SHORT_BINUNICODE: self._short_text,
                pickle.BINUNICODE: self._long_text,
                pickle.SHORT_BINBYTES: lambda: self._stack.append(self._take(self._take(1)[0])),
                pickle.MEMOIZE: lambda: self._memo.live.append(self._stack[-1]),
                pickle.BINGET: lambda: self._stack.append(self._memo[self._take(1)[0]]),
                pickle.LONG_BINGET: self._reference,
                pickle.GLOBAL: self._global,
                pickle.STACK_GLOBAL: lambda: self._stack.append(find_allowed(*self._pop(2))),
                pickle.REDUCE: self._reduce,
                pickle.BUILD: self._build,
            }.items()
        }

    def run(self) -> Iterator[tuple[dict[Any, Any], Any, Any]]:
        """(fields before the field, key, value) for each entry.

        At the end (all other fields, None, None).
        """
        steps, closing = self._steps, (pickle.SETITEM[0], pickle.SETITEMS[0])
        while True:
            if self._at + MARGIN > len(self._buffer):
                self._buffer, self._at = self._buffer[self._at :] + self._file.read(CHUNK), 0
                if not self._buffer:
                    raise EOFError("it ends before its pickle does")
            code = self._buffer[self._at]
            self._at += 1
            if code == pickle.STOP[0]:
                break
            if code not in steps:
                raise pickle.UnpicklingError(f"the operation {bytes([code])!r}, which no published archive has")
            steps[code]()
            if code in closing and self._closed_an_entry():
                fields = self._outer[1]
                # no variable here holds the entry, so that it goes with the caller's
                yield dict(zip(fields[:-2:2], fields[1:-2:2], strict=True)), self._stack[-2], self._stack[-1]
                self._stack.clear()
                self._memo.forget()
        if self._buffer[self._at :] or self._file.read(1):
            raise pickle.UnpicklingError("it goes on after its pickle")
        (found,) = self._stack
        if self._outer or not isinstance(found, dict):
            raise pickle.UnpicklingError("it holds no dictionary")
        entries = found.pop(self._field, None)
        for key, value in entries.items() if isinstance(entries, dict) else ():
            yield found, key, value
        yield found, None, None

    def _in_field(self) -> bool:
        """Whether the dictionary of the field is being filled, as part of the outermost one."""
        if len(self._outer) != 2:
            return False
        fields = self._outer[1]
        return fields[-2:-1] == [self._field] and isinstance(fields[-1], dict)

    def _closed_an_entry(self) -> bool:
        # earlier entries are gone from the stack, so that these are the key and the value, with
        # nothing inside of it in work
        return self._in_field() and len(self._stack) == 2

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._buffer):
            raise EOFError("it ends before its pickle does")
        found, self._at = self._buffer[self._at : end], end
        return found

    def _skip(self, count: int) -> None:
        self._take(count)

    def _pop(self, count: int) -> list[Any]:
        found = self._stack[-count:]
        if len(found) != count:
            raise pickle.UnpicklingError("an operation lacks what it is about")
        del self._stack[-count:]
        return found

    def _pop_mark(self) -> list[Any]:
        found, self._stack = self._stack, self._outer.pop()
        return found

    def _top(self, kind: type[Any]) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise pickle.UnpicklingError(f"a {type(self._stack[-1]).__name__} instead of a {kind.__name__}")
        return self._stack[-1]

    def _protocol(self) -> None:
        if (version := self._take(1)[0]) not in (4, 5):
            raise pickle.UnpicklingError(f"the pickle protocol {version}, published archives have 4")

    def _mark(self) -> None:
        self._outer.append(self._stack)
        self._stack = []
        if self._in_field():
            self._memo.begin_entries()

    def _set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise pickle.UnpicklingError("a key without a value")
        self._top(dict).update(zip(items[::2], items[1::2], strict=True))

    def _append(self, items: list[Any]) -> None:
        self._top(list).extend(items)

    def _push_tuple(self, items: list[Any]) -> None:
        self._stack.append(tuple(items))

    def _add_items(self, items: list[Any]) -> None:
        self._top(set).update(items)

    def _small_int(self) -> None:
        run = INT_RUN.match(self._buffer, self._at - 1)
        if run is None:
            self._stack.append(self._take(1)[0])
            return
        self._stack.extend(chain.from_iterable(INT_PAIR.iter_unpack(run[0])))
        self._at = run.end()

    def _text(self, raw: bytes) -> str:
        if raw not in self._texts:
            self._texts[raw] = raw.decode()
        return self._texts[raw]

    def _short_text(self) -> None:
        length = self._take(1)[0]
        pattern, pair = _text_run(length)
        run = pattern.match(self._buffer, self._at - 2)
        if run is None:
            self._stack.append(self._text(self._take(length)))
            return
        pairs = [(self._text(raw), value) for raw, value in pair.iter_unpack(run[0])]
        self._memo.live.extend(text for text, _ in pairs)
        self._stack.extend(chain.from_iterable(pairs))
        self._at = run.end()

    def _long_text(self) -> None:
        length = int.from_bytes(self._take(4), "little")
        if (missing := self._at + length - len(self._buffer)) > 0:
            self._buffer += self._file.read(missing)
        self._stack.append(self._text(self._take(length)))

    def _reference(self) -> None:
        run = REFERENCE_RUN.match(self._buffer, self._at - 1)
        if run is None:
            self._stack.append(self._memo[int.from_bytes(self._take(4), "little")])
            return
        pairs = np.frombuffer(run[0], REFERENCE_PAIR)
        keys = [self._memo[index] for index in pairs["index"].tolist()]
        self._stack.extend(chain.from_iterable(zip(keys, pairs["value"].tolist(), strict=True)))
        self._at = run.end()

    def _global(self) -> None:
        end = self._buffer.index(b"\n", self._buffer.index(b"\n", self._at) + 1)
        module, name = self._take(end - self._at).decode().split("\n")
        self._skip(1)
        self._stack.append(find_allowed(module, name))

    def _reduce(self) -> None:
        made, arguments = self._pop(2)
        # only the allow-list has types, so that calling one runs nothing of the pickle's
        if not isinstance(made, type) or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("a call of what is no allowed name")
        self._stack.append(made(*arguments))

    def _build(self) -> None:
        (state,) = self._pop(1)
        self._top(NumberType).__setstate__(state)


class EntryStream:
    """Reads one field of the outermost dictionary of a bz2-compressed pickle, entry by entry.

    It can be iterated once. Iterating gives (key, value); a value is a dictionary of at most 1,000
    items (those of a larger one are written in parts, and it is refused) that holds dictionaries,
    lists, tuples, sets, text and numbers, nested. It is forgotten once the next is asked for. What
    the writer may leave together, such as the only entry of a field, is handed out at the end.

    Attributes:
        head: The fields that stand before the field; after the last entry all other fields.
    """

    def __init__(self, path: Path, field: str) -> None:
        """Opens nothing yet.

        Args:
            path: The file.
            field: The field whose entries are wanted, itself a dictionary.
        """
        self.path, self.field = path, field
        self.head: dict[Any, Any] = {}

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Goes through the entries.

        Raises:
            DataError: The file names anything but `restricted_pickle.ALLOWED` (nothing of it has
                been executed), is damaged or cut off, holds no dictionary, or its entries share
                data.
        """
        with as_data_errors(self.path), bz2.open(self.path, "rb") as file:
            try:
                for head, key, value in _Machine(file, self.field).run():
                    self.head = head
                    if value is not None:
                        yield key, value
            except SharedData:
                raise DataError(
                    f"{self.path}: entries of {self.field!r} share data, so they cannot be read one by one. Import the folder "
                    f"with one file an architecture instead."
                ) from None
