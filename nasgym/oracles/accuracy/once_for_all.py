"""`OnceForAllModel`: the published accuracy predictor of Once-for-All."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nasgym.oracles.oracle import Measurements, Split
from nasgym.quality import ACCURACY
from nasgym.spaces.mobile_ofa import BLOCKS, RESOLUTIONS, STAGES, OnceForAllSpace
from nasgym.spaces.space import SearchSpace
from nasgym.surrogates.perceptron import FEATURES, Predictor
from nasgym.type_aliases import Archs, Floats

__all__ = ["OnceForAllModel", "ofa_features"]

# of the predictor's eight resolutions, 112 + 16 i
FIRST_RESOLUTION, STEP = 112, 16
KINDS = STAGES * BLOCKS
# rows that go through the network at once: their hidden layers stay in the processor's cache
CHUNK = 256
# nothing is trained: the weights are those of the supernet
FIDELITY = 0


class OnceForAllModel:
    """Once-for-All's published accuracy predictor.

    The code is ``mit-han-lab/once-for-all``, ``ofa/tutorial/accuracy_predictor.py``. The number is
    a prediction of the top-1 accuracy on images held out of ImageNet's training set, a validation
    accuracy. For what a search finds it is optimistic by some points (inferred). There is no test
    accuracy; it is NaN. Nothing is trained: the one fidelity is 0 epochs, and training seconds are
    NaN.

    Computed in double precision and rounded to single (`nasgym.surrogates.perceptron.Predictor`).

    Args:
        predictor: The weights.
    """

    canonical = True
    quality = ACCURACY
    fidelities: tuple[int, ...] = (FIDELITY,)
    search_fidelity = report_fidelity = FIDELITY
    search_metric: Split = "validation"
    members = 1
    details: Sequence[tuple[str, str]] = ()

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.space: SearchSpace = OnceForAllSpace()
        # of weights and space, not of the arithmetic, which moves a prediction by less than 1e-7
        digest = hashlib.sha256(f"{predictor.fingerprint}:{self.space.fingerprint}".encode())
        self.fingerprint = "surrogate:" + digest.hexdigest()[:16]
        self.provenance = (
            f"predicted by the Once-for-All accuracy predictor ({predictor.fingerprint}); nothing was trained or measured; there are "
            "no test accuracies"
        )

    def predict(self, archs: Archs, fidelity: int, member: int) -> Measurements:
        """Predictions for ``(N, D)`` valid architectures; there is one member and one fidelity."""
        nothing = np.full(len(archs), np.nan)
        return Measurements(self.accuracy(archs), nothing, nothing.copy())

    def accuracy(self, archs: Archs) -> Floats:
        """``(N,)`` predicted accuracies of valid architectures; the problem checks their range."""
        found = np.empty(len(archs))
        for start in range(0, len(archs), CHUNK):
            rows = slice(start, start + CHUNK)
            found[rows] = self.predictor(ofa_features(archs[rows]))
        return found

    def outside(self, archs: Archs) -> None:
        """None: nothing published says which networks the predictor was fitted to."""
        return None


def ofa_features(archs: Archs) -> npt.NDArray[np.float32]:
    """``(N, 128)`` one-hot kernels and expansions of the 20 blocks, and the resolution.

    Zero beyond a stage's depth.
    """
    resolution, depths, kernels, expansions = OnceForAllSpace.parts(archs)
    rows = np.arange(len(archs))[:, None]
    used = OnceForAllSpace.used(depths).reshape(len(archs), KINDS)
    features = np.zeros((len(archs), FEATURES), dtype=np.float32)
    block = 3 * np.arange(KINDS)
    features[rows, block + kernels.reshape(used.shape)] = used
    features[rows, 3 * KINDS + block + expansions.reshape(used.shape)] = used
    pixels = np.array(RESOLUTIONS)[resolution]
    features[rows[:, 0], 6 * KINDS + (pixels - FIRST_RESOLUTION) // STEP] = 1.0
    return features
