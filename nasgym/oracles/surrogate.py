"""`SurrogateOracle`: accuracies that a fitted predictor gives in the place of training."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from nasgym.data.ofa_predictor import FEATURES, Predictor
from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.oracle import Floats, Ints, Measurements, SeedChoice, Split
from nasgym.spaces.mobile_ofa import BLOCKS, RESOLUTIONS, STAGES, OnceForAllSpace
from nasgym.spaces.space import Archs, SearchSpace

__all__ = ["SurrogateOracle", "ofa_features"]

# of the predictor's eight resolutions, 112 + 16 i
FIRST_RESOLUTION, STEP = 112, 16
KINDS = STAGES * BLOCKS
# so many rows go through the network at once: their hidden layers stay in the processor's cache
CHUNK = 256
# and never fewer or an odd number of them: products of a few rows round in another way, and a network's accuracy would depend on
# how many others were asked about at the same time
MULTIPLE = 8
# nothing is trained: the weights are those of the supernet
FIDELITY = 0


class SurrogateOracle:
    """Once-for-All's accuracy predictor [C mit-han-lab/once-for-all:ofa/tutorial/accuracy_predictor.py].

    The number is a prediction of the top-1 accuracy on images held out of ImageNet's training set, a validation accuracy, and
    optimistic by some points for what a search finds [I]. There is no test accuracy: `report` has NaN there. Nothing is trained:
    the one fidelity is 0 epochs, and training seconds are NaN. Asking costs nothing, so exact answers exist where a restriction of
    the space can be enumerated.

    Computed in single precision, as the published code does.

    Args:
        predictor: The weights.
        space: `OnceForAllSpace` or a restriction of it.

    Attributes:
        provenance: One sentence: what the accuracies are.

    Raises:
        InvalidValue: Another space.
    """

    canonical = True
    deterministic = True
    complete = True
    fidelities: tuple[int, ...] = (FIDELITY,)
    search_fidelity = FIDELITY
    search_metric: Split = "validation"
    seed: SeedChoice = "mean"

    def __init__(self, predictor: Predictor, space: SearchSpace) -> None:
        if not isinstance(space, OnceForAllSpace):
            raise InvalidValue(f"this predictor reads networks of space 'ofa', not of {space.name!r}.")
        self.predictor = predictor
        self.space: SearchSpace = space
        digest = hashlib.sha256(f"{predictor.fingerprint}:{OnceForAllSpace().fingerprint}".encode())
        self.fingerprint = "surrogate:" + digest.hexdigest()[:16]
        self.provenance = (
            f"predicted by the Once-for-All accuracy predictor ({predictor.fingerprint}); nothing was trained or measured"
        )

    def draw(self, archs: Archs, fidelity: int, rng: np.random.Generator) -> Ints:
        """``(N,)`` -1: there are no training seeds."""
        self._check(fidelity)
        return np.full(len(archs), -1, dtype=np.int64)

    def measure(self, archs: Archs, fidelity: int, seeds: Ints) -> Measurements:
        """Predicts ``(N, D)`` complete valid architectures; see `AccuracyOracle.measure`.

        Raises:
            UnknownName: `fidelity` is not 0, or a seed is not -1.
            InvalidValue: An architecture is not valid in the space.
        """
        self._check(fidelity)
        if (seeds != -1).any():
            raise unknown_name("training seed", int(seeds[seeds != -1][0]), ("mean (-1)",))
        return self.report(archs)

    def report(self, archs: Archs) -> Measurements:
        """The same predictions; the test accuracy is NaN."""
        nothing = np.full(len(archs), np.nan)
        return Measurements(self.predict(archs), nothing, nothing.copy())

    def predict(self, archs: Archs) -> Floats:
        """``(N,)`` predicted accuracies in [0, 1]."""
        valid = self.space.is_valid(self.space.check(archs))
        if not valid.all():
            row = int(np.flatnonzero(~valid)[0])
            raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, is not valid in {self.space.name!r}.")
        padded = np.zeros((-(-len(archs) // MULTIPLE) * MULTIPLE, archs.shape[1]), dtype=np.int8)
        padded[: len(archs)] = archs
        found = np.empty(len(padded))
        for start in range(0, len(padded), CHUNK):
            rows = slice(start, start + CHUNK)
            found[rows] = self.predictor(ofa_features(padded[rows]))
        return np.clip(found[: len(archs)], 0.0, 1.0)

    def _check(self, fidelity: int) -> None:
        if fidelity != FIDELITY:
            raise unknown_name("fidelity (epochs) of the predictor", fidelity, self.fidelities)


def ofa_features(archs: Archs) -> npt.NDArray[np.float32]:
    """``(N, 128)`` one-hot kernels and expansions of the 20 blocks, zero beyond a stage's depth, and the resolution."""
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
