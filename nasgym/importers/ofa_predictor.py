"""Importer of Once-for-All's accuracy predictor."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nasgym.errors import DataError, MissingPackage
from nasgym.files.arrays import Array, load_arrays
from nasgym.files.provenance import describe_source
from nasgym.surrogates.perceptron import LAYERS, Predictor, predictor_path, write_predictor

__all__ = ["import_ofa_predictor", "read_ofa_predictor"]


def import_ofa_predictor(path: str | Path) -> Path:
    """Converts the published weights and writes the predictor into the data folder.

    Args:
        path: ``acc_predictor.pth`` (``han-cai/files:ofa/``), which needs torch and is read with
            ``weights_only=True``; or an ``.npz`` file of the same arrays, named ``0.weight`` or
            ``0_weight`` and so on.

    Returns:
        The predictor file.

    Raises:
        DataError: The file is damaged, foreign, or its arrays have other shapes.
        MissingPackage: torch is not installed.
    """
    return write_predictor(read_ofa_predictor(Path(path)), predictor_path())


def read_ofa_predictor(path: Path) -> Predictor:
    """The predictor of a published file, not yet written; see `import_ofa_predictor`.

    128 inputs: 60 for kernels (20 blocks, 3 choices each), 60 for expansions, 8 for resolutions
    from 112 in steps of 16; three hidden layers of 400; one output, the top-1 accuracy in [0, 1] on
    10,000 images held out of ImageNet's training set. [C
    mit-han-lab/once-for-all:ofa/tutorial/accuracy_predictor.py; the images M]
    """
    arrays = _read_torch(path) if path.suffix in (".pth", ".pt") else load_arrays(path)
    named = {key.replace(".", "_"): values for key, values in arrays.items()}
    wanted = [f"{layer}_{kind}" for layer in LAYERS for kind in ("weight", "bias")]
    if sorted(named) != sorted(wanted):
        raise DataError(
            f"{path} has the arrays {', '.join(sorted(named)) or 'none'}, expected {', '.join(wanted)}; is it the published "
            "predictor?"
        )
    for key, values in named.items():
        if values.dtype.kind != "f":
            raise DataError(f"{path}: array {key!r} has the type {values.dtype}, expected floating-point numbers.")
    card = {
        "name": "ofa",
        "space": "ofa",
        "notes": [
            "Accuracies are predictions of a network that was fitted to sub-networks of the Once-for-All supernet; real top-1 "
            "accuracies on ImageNet's validation set are lower by some points for what a search finds.",
        ],
        **describe_source(path),
    }
    weights, biases = (tuple(named[f"{layer}_{kind}"].astype(np.float32) for layer in LAYERS) for kind in ("weight", "bias"))
    return Predictor(card, weights, biases)


def _read_torch(path: Path) -> dict[str, Array]:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingPackage(f"{path.name} is a file of torch, which is not installed: pip install 'nasgym[train]'.") from error
    torch.set_num_threads(1)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {str(key): tensor.numpy() for key, tensor in state.items()}
    except Exception as error:  # a damaged file makes torch fail with anything
        raise DataError(f"{path} is not readable as weights of torch ({type(error).__name__}: {_first_line(error)}).") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
