"""Arrays of numbers in a pickle: what stands for numpy's own functions, which are not called."""

from __future__ import annotations

import math
import pickle
from typing import IO, Any

import numpy as np

from nasgym.files.arrays import Array
from nasgym.importers.pickles.restricted_pickle import Allowed, NumberType, read_pickle

__all__ = ["WITH_ARRAYS", "PickledArray", "read_arrays_pickle"]

MOST_DIMENSIONS = 4


class _ArrayKind:
    """Stands in for `numpy.ndarray`, which a pickle names and never calls.

    A class because a pickle can set attributes of what it names, and a class with `__setstate__`
    refuses that.
    """

    def __new__(cls, *_: Any) -> Any:
        raise pickle.UnpicklingError("an array that is called")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state for the kind of arrays")


class PickledArray:
    """Stands in for `numpy.core.multiarray._reconstruct`: an array of numbers of fixed size.

    Attributes:
        array: The array, which cannot be written to; empty until the pickle has said what is in it.
    """

    def __init__(self, kind: Any, *_: Any) -> None:
        if kind is not _ArrayKind:
            raise pickle.UnpicklingError(f"an array of the kind {kind!r:.80}")
        self.array: Array = np.empty(0)

    def __setstate__(self, state: Any) -> None:
        good = isinstance(state, tuple) and len(state) == 5
        _, shape, kind, by_columns, raw = state if good else (None,) * 5
        # Python 2 wrote bytes as text
        content = raw.encode("latin-1") if isinstance(raw, str) else raw
        if not isinstance(kind, NumberType) or not isinstance(content, bytes) or not isinstance(shape, tuple):
            raise pickle.UnpicklingError("an array that is none of numbers")
        if len(shape) > MOST_DIMENSIONS or not all(type(side) is int and side >= 0 for side in shape):
            raise pickle.UnpicklingError(f"an array of the shape {shape!r:.80}")
        dtype = np.dtype(kind.order + kind.code)
        if math.prod(shape) * dtype.itemsize != len(content):
            raise pickle.UnpicklingError(f"an array of the shape {shape} in {len(content):,} bytes")
        self.array = np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


# numpy 2 calls its core module numpy._core; files of either version are in use
WITH_ARRAYS: Allowed = {
    ("numpy", "dtype"): NumberType,
    ("numpy", "ndarray"): _ArrayKind,
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): PickledArray,
}


def read_arrays_pickle(file: IO[bytes]) -> Any:
    """The object in an open file: plain data, and a `PickledArray` for each array of numbers.

    Texts of Python 2 are read as Latin-1, bytes that it wrote as text among them. It belongs into
    `restricted_pickle.as_data_errors`.
    """
    return read_pickle(file, WITH_ARRAYS, encoding="latin-1")
