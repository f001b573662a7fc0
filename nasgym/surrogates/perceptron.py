"""`Predictor`: the multi-layer perceptron that Once-for-All published, and its file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError, MissingData
from nasgym.files.arrays import read_arrays, verify_checksum, write_arrays
from nasgym.files.cached import cached_by_mtime
from nasgym.files.data_folder import data_folder
from nasgym.type_aliases import Floats

__all__ = [
    "FEATURES",
    "HIDDEN",
    "LAYERS",
    "SHAPES",
    "Predictor",
    "find_predictor",
    "predictor_path",
    "read_predictor",
    "write_predictor",
]

FORMAT = "nasgym-predictor-1"
FEATURES, HIDDEN = 128, 400
# of torch's Sequential: linear layers with ReLU between them
LAYERS = (0, 2, 4, 6)
SHAPES = ((HIDDEN, FEATURES), (HIDDEN, HIDDEN), (HIDDEN, HIDDEN), (1, HIDDEN))

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Predictor:
    """A multi-layer perceptron with ReLU between its layers.

    Attributes:
        card: JSON-able description: name, space, and where the weights come from.
        weights: ``(out, in)`` float32, one for each layer; the last has one output.
        biases: ``(out,)`` float32.

    Raises:
        DataError: Shapes do not fit together, or a number is not finite.
    """

    card: Mapping[str, Any]
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def __post_init__(self) -> None:
        for number, (weight, bias, shape) in enumerate(zip(self.weights, self.biases, SHAPES, strict=True)):
            if weight.shape != shape or bias.shape != shape[:1]:
                raise DataError(
                    f"layer {number} of the predictor has weights {weight.shape} and biases {bias.shape}, expected {shape} and "
                    f"{shape[:1]}."
                )
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise DataError(f"layer {number} of the predictor has a number that is not finite.")

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights and biases (16 hex digits)."""
        digest = hashlib.sha256(FORMAT.encode())
        for array in (*self.weights, *self.biases):
            digest.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
        return digest.hexdigest()[:16]

    def __call__(self, features: Array) -> Array:
        """``(N,)`` float32 outputs of ``(N, 128)`` features.

        Computed in double precision and rounded. In single precision the last digit of an output
        depends on how many others are computed with it, on the number of threads and on the
        processor: matrix products sum in an order of their own.
        """
        values = features.astype(np.float64)
        for weight, bias in self._layers[:-1]:
            values = values @ weight
            values += bias
            np.maximum(values, 0.0, out=values)
        weight, bias = self._layers[-1]
        return np.asarray((values @ weight + bias)[:, 0], dtype=np.float32)

    @cached_property
    def _layers(self) -> list[tuple[Floats, Floats]]:
        """``(in, out)`` weights and ``(out,)`` biases in double precision."""
        layers = zip(self.weights, self.biases, strict=True)
        return [(weight.T.astype(np.float64), bias.astype(np.float64)) for weight, bias in layers]


def predictor_path(name: str = "ofa") -> Path:
    """Where the imported predictor lies, or will lie."""
    return data_folder() / "predictors" / f"{name}.npz"


def find_predictor(name: str = "ofa") -> Predictor:
    """The imported predictor; it is read again only when its file has changed.

    Raises:
        MissingData: It is not there; the message has the command that gets it.
        DataError: The file is damaged.
    """
    path = predictor_path(name)
    if not path.is_file():
        raise MissingData(
            f"predictor {name!r} is not in {data_folder()}; get it with `nasgym data import ofa PATH` (NASGYM_DATA names another "
            "folder)."
        )
    return _read(path)


@cached_by_mtime(maxsize=2)
def _read(path: Path) -> Predictor:
    return read_predictor(path)


def write_predictor(predictor: Predictor, path: Path) -> Path:
    """Writes a predictor and its checksum beside it.

    A crash leaves the old files or the new ones, never half of one.
    """
    arrays = {f"weight{i}": values for i, values in enumerate(predictor.weights)}
    arrays |= {f"bias{i}": values for i, values in enumerate(predictor.biases)}
    return write_arrays(path, {"format": FORMAT, **predictor.card}, arrays)


def read_predictor(path: Path) -> Predictor:
    """Reads a predictor file after comparing it with its checksum; nothing in it is executed.

    Raises:
        DataError: The file is damaged, foreign, or of another version.
    """
    verify_checksum(path)
    names = {f"{kind}{i}" for kind in ("weight", "bias") for i in range(len(LAYERS))}
    card, arrays = read_arrays(path, FORMAT, "predictor", "import it again", names)
    weights, biases = (tuple(arrays[f"{kind}{i}"] for i in range(len(LAYERS))) for kind in ("weight", "bias"))
    return Predictor(card, weights, biases)
