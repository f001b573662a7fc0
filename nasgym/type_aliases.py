"""The arrays that cross the borders of modules.

An architecture is a row of ``(D,)`` choices, -1 where a decision is open; between modules go
batches of them, ``(N, D)``, and arrays of ``N`` numbers about them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Archs", "Bools", "Floats", "Ints"]

Archs: TypeAlias = npt.NDArray[np.int8]
Bools: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
