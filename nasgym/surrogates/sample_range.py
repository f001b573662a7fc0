"""`SampleRange`: which architectures lie outside of what was sampled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasgym.type_aliases import Bools, Ints

__all__ = ["SampleRange"]


CHUNK = 1024


class SampleRange:
    """The range of a sample of architectures.

    The distance of two architectures is the number of decisions in which they differ, "inactive"
    being a label like any other. An architecture lies outside of the range

    * where one of its decisions has a label that it has in no sampled architecture, or
    * where it is farther from the nearest sampled architecture than every sampled one is from its
      nearest other one.

    Args:
        codes: ``(M, D)`` labels of the sampled architectures as numbers from 0
            (`nasgym.surrogates.features.ArchFeatures.codes`).
        num_codes: One more than the largest number that a label can be.
        radius: The largest distance of a sampled architecture from its nearest other one, where it
            is known.
    """

    def __init__(self, codes: Ints, num_codes: int, radius: int | None = None) -> None:
        self._decisions, self._num_codes = codes.shape[1], num_codes
        # single precision counts exactly, and matrix products count fast
        self._sample = self._one_hot(codes)
        self._seen = self._sample.any(axis=0)
        self.radius = self._farthest(codes) if radius is None else radius

    def outside(self, codes: Ints) -> Bools:
        """``(N,)`` which of ``(N, D)`` architectures lie outside."""
        found = np.empty(len(codes), dtype=bool)
        for start in range(0, len(codes), CHUNK):
            rows = self._one_hot(codes[start : start + CHUNK])
            near = self._decisions - (rows @ self._sample.T).max(axis=1)
            found[start : start + CHUNK] = (rows[:, ~self._seen] > 0).any(axis=1) | (near > self.radius)
        return found

    def _farthest(self, codes: Ints) -> int:
        """The largest distance of a sampled architecture from its nearest other one.

        0 where there is no other.
        """
        farthest = 0
        for start in range(0, len(codes), CHUNK):
            alike = self._one_hot(codes[start : start + CHUNK]) @ self._sample.T
            alike[np.arange(len(alike)), start + np.arange(len(alike))] = 0
            farthest = max(farthest, self._decisions - int(alike.max(axis=1).min()))
        return farthest if len(codes) > 1 else 0

    def _one_hot(self, codes: Ints) -> npt.NDArray[np.float32]:
        """``(N, D * codes)``."""
        hot = np.zeros((len(codes), self._decisions * self._num_codes), dtype=np.float32)
        columns = np.arange(self._decisions) * self._num_codes + codes
        hot[np.arange(len(codes))[:, None], columns] = 1.0
        return hot
