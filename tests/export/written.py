"""Reading exported files back, as a user without nasgym would."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np


def imported(path: Path):
    """The module of an exported source file."""
    spec = importlib.util.spec_from_file_location(f"exported_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = keep
    return module


def onnx_output(path: Path, images: np.ndarray) -> np.ndarray:
    """What onnxruntime makes of the images."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})[0]
