"""Weights from the files that people have: ``.npz`` of arrays, ``.pt`` of a state dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.errors import DataError, InvalidValue, MissingPackage, unknown_name
from nasgym.networks.weights import Shapes, Weights, check_weights, weight_fault

__all__ = ["COUNTER", "check_all_weights", "need_torch", "read_weights"]

# what batch normalisations of torch count, and networks do not need
COUNTER = "num_batches_tracked"
TORCH_ENDINGS = (".pt", ".pth")


def read_weights(path: Path) -> Weights:
    """Float32 arrays by name, without the counters of batch normalisations.

    Args:
        path: ``.npz`` as `numpy.savez` writes it, or ``.pt`` / ``.pth`` as
            ``torch.save(module.state_dict(), path)`` does. Nothing in either can run code: pickled
            objects are refused.

    Raises:
        InvalidValue: The file has another ending.
        DataError: It is damaged, or holds something else than finite floating-point arrays by name.
        OSError: It is not there, or not readable.
        MissingPackage: A ``.pt`` file needs torch.
    """
    if path.suffix == ".npz":
        found = _read_npz(path)
    elif path.suffix in TORCH_ENDINGS:
        found = _read_torch(path)
    else:
        raise InvalidValue(f"weights are read from .npz, .pt and .pth files, got {path}; save them as one of these.")
    arrays = {}
    for name, array in found.items():
        if name.rpartition(".")[2] == COUNTER:
            continue
        if fault := weight_fault(name, array):
            raise DataError(f"weight {name!r} of {path} {fault}.")
        arrays[name] = array.astype(np.float32)
    return arrays


def _read_npz(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except Exception as error:  # damaged archives fail with errors of many kinds, OSError among them
            raise DataError(f"{path} is not a file of arrays as numpy.savez writes it: {_reason(error)}") from error


def _read_torch(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    torch = need_torch(f"the weights of {path}")
    with path.open("rb") as file:
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # damaged archives and refused pickles fail with errors of several kinds
            raise DataError(f"{path} is not a file of weights as torch.save writes it: {_reason(error)}") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise DataError(f"{path} does not hold tensors by name; write it with torch.save(network.state_dict(), FILE).")
    return {str(name): _array(path, name, value) for name, value in state.items()}


def _reason(error: Exception) -> str:
    """One line about an error that others raised."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _array(path: Path, name: object, tensor: Any) -> np.ndarray[Any, Any]:
    """An array of a tensor; numpy does not know bfloat16."""
    try:
        array: np.ndarray[Any, Any] = (tensor.float() if tensor.is_floating_point() else tensor).detach().numpy()
    except Exception as error:  # sparse, quantised and other tensors that are no plain arrays; the kinds of error differ
        raise DataError(f"weight {str(name)!r} of {path} is not an array that numpy knows: {_reason(error)}") from error
    return array


def check_all_weights(shapes: Shapes, weights: Weights) -> None:
    """As `check_weights`; names that the network does not have are refused, too."""
    check_weights(shapes, weights)
    for name in _beyond(shapes, weights):
        raise unknown_name("weight", name, shapes, "The weights are those of another network.")


def _beyond(shapes: Shapes, names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in shapes and name.rpartition(".")[2] != COUNTER]


def need_torch(what: str) -> Any:
    """The package torch.

    Raises:
        MissingPackage: It is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"{what} need the package 'torch', which is not installed: pip install 'nasgym[agents]'."
        ) from error
    return torch
