"""`load_pickle`: one compressed pickle, read with an allow-list of three names.

A pickle names the functions that rebuild it, and an unrestricted reader calls whatever it names.
The published archives need an ordered dictionary and numpy numbers, nothing else; every other name
is refused before it is looked up.
"""

from __future__ import annotations

import bz2
import pickle
import re
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.errors import DataError

__all__ = ["ALLOWED", "NumberType", "as_data_errors", "find_allowed", "load_pickle"]

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
ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): NumberType,
    ("numpy.core.multiarray", "scalar"): _Number,
    ("numpy._core.multiarray", "scalar"): _Number,
}


class _RefusedName(Exception):
    """A name outside of the allow-list.

    It is no `UnpicklingError`, so that it is not taken for damage.
    """


def find_allowed(module: str, name: str) -> Any:
    """What stands for a name of the allow-list; any other is refused without being looked up."""
    if (module, name) not in ALLOWED:
        raise _RefusedName(f"{module}.{name}")
    return ALLOWED[module, name]


@contextmanager
def as_data_errors(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a pickle is read into a `DataError` that names the file."""
    try:
        yield
    except DataError:
        raise
    except _RefusedName as refused:
        allowed = ", ".join(f"{module}.{name}" for module, name in ALLOWED)
        raise DataError(
            f"{path} asks for {refused}, which no published archive needs; it was refused and nothing was executed. Allowed: "
            f"{allowed}. Get the file from its official source."
        ) from None
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{path} is damaged or no bz2-compressed pickle ({reason}); get it again.") from None


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return find_allowed(module, name)


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
        found = _RestrictedUnpickler(file).load()
        # the checksum of a bz2 stream stands at its end; reading on is what compares it
        if file.read(1):
            raise DataError(f"{path} goes on after its pickle; it is no official file. Get it again.")
    return found
