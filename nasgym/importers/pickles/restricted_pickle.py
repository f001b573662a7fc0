"""`load_pickle`: one compressed pickle, read with an allow-list of three names.

A pickle names the functions that rebuild it, and an unrestricted reader calls whatever it names.
The published archives need an ordered dictionary and numpy numbers, nothing else; every other name
is refused before it is looked up. `read_pickle` takes another allow-list (`pickled_arrays`).
"""

from __future__ import annotations

import bz2
import pickle
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from nasgym.errors import DataError

__all__ = ["ALLOWED", "Allowed", "NumberType", "as_data_errors", "find_allowed", "load_pickle", "read_pickle"]

# what stands for (module, name)
Allowed: TypeAlias = Mapping[tuple[str, str], Any]

# what a reader of damaged bytes may stumble over
DAMAGE = (
    pickle.UnpicklingError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    MemoryError,
)
NUMBER_CODE = re.compile(r"[fiub](1|2|4|8)")


class NumberType:
    """Stands in for `numpy.dtype`.

    It has numbers of fixed size only, so no state of the pickle reaches numpy.
    """

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or not NUMBER_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f"a numpy number of the type {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"a numpy type in the state {state!r}")
        self.order = state[1]


class _Number:
    """Stands in for `numpy.core.multiarray.scalar`: makes a Python number.

    A class because a pickle can set attributes of what it names, and a class with `__setstate__`
    refuses that.
    """

    def __new__(cls, kind: Any, raw: Any) -> Any:
        if not isinstance(kind, NumberType) or not isinstance(raw, bytes):
            raise pickle.UnpicklingError("a numpy number that is none")
        dtype = np.dtype(kind.order + kind.code)
        if len(raw) != dtype.itemsize:
            raise pickle.UnpicklingError(f"a numpy number of {len(raw)} bytes, expected {dtype.itemsize}")
        return np.frombuffer(raw, dtype)[0].item()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state for a number")


# numpy 2 calls its core module numpy._core; files of either version are in use
ALLOWED: Allowed = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): NumberType,
    ("numpy.core.multiarray", "scalar"): _Number,
    ("numpy._core.multiarray", "scalar"): _Number,
}


class _RefusedName(Exception):
    """A name outside of the allow-list.

    It is no `UnpicklingError`, so that it is not taken for damage.
    """

    def __init__(self, refused: str, allowed: Allowed) -> None:
        super().__init__(refused)
        self.allowed = ", ".join(f"{module}.{name}" for module, name in allowed)


def find_allowed(module: str, name: str, allowed: Allowed = ALLOWED) -> Any:
    """What stands for a name of the allow-list; any other is refused without being looked up."""
    if (module, name) not in allowed:
        raise _RefusedName(f"{module}.{name}", allowed)
    return allowed[module, name]


@contextmanager
def as_data_errors(where: Path | str, what: str = "bz2-compressed pickle") -> Iterator[None]:
    """Turns what goes wrong while a pickle is read into a `DataError` that names the file.

    Args:
        where: The file, in words that begin a message.
        what: What it should be.
    """
    try:
        yield
    except DataError:
        raise
    except _RefusedName as refused:
        raise DataError(
            f"{where} asks for {refused}, which no published archive needs; it was refused and nothing was executed. Allowed: "
            f"{refused.allowed}. Get the file from its official source."
        ) from None
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{where} is damaged or no {what} ({reason}); get it again.") from None


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], allowed: Allowed, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        return find_allowed(module, name, self._allowed)


def read_pickle(file: IO[bytes], allowed: Allowed = ALLOWED, encoding: str = "ASCII") -> Any:
    """The object in an open file, with what stands in the allow-list for what it names.

    It belongs into `as_data_errors`.

    Args:
        file: Read up to the end, where the pickle must end, too.
        allowed: The allow-list.
        encoding: Of the texts of Python 2.
    """
    found = _RestrictedUnpickler(file, allowed, encoding).load()
    # also where the checksum of a bz2 stream stands: reading on is what compares it
    if file.read(1):
        raise pickle.UnpicklingError("it goes on after its pickle")
    return found


def load_pickle(path: Path) -> Any:
    """The object in a bz2-compressed pickle; the file is decompressed while it is read.

    Args:
        path: The file, for example ``000000.pickle.pbz2``.

    Returns:
        Dictionaries, lists, tuples, sets, text and numbers, nested.

    Raises:
        DataError: The file names anything but `ALLOWED` (nothing of it has been executed), or it is
            damaged or cut off.
    """
    with as_data_errors(path), bz2.open(path, "rb") as file:
        return read_pickle(file)
