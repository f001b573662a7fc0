"""Random weights of Once-for-All's predictor, as its published file names them."""

from __future__ import annotations

import numpy as np

from nasgym.surrogates.perceptron import LAYERS, SHAPES


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for layer, shape in zip(LAYERS, SHAPES, strict=True):
        found[f"{layer}_weight"] = rng.normal(size=shape).astype(np.float32)
        found[f"{layer}_bias"] = rng.normal(size=shape[:1]).astype(np.float32)
    return found
