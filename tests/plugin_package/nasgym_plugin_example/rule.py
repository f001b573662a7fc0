"""A reward rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nasgym.rewards import CostScale, RewardRule


@dataclass(frozen=True)
class SoftLimit(RewardRule):
    """R = A - slope S max(0, C / T - 1), S the width of the quality's range (1 for an accuracy).

    Cost is free below the target T and has a fixed price above.

    Attributes:
        slope: Share of the range that an excess of the whole target costs.
    """

    name: ClassVar[str] = "soft-limit"
    any_quality: ClassVar[bool] = True
    slope: float = 0.5

    def _reward(self, accuracy: np.ndarray, cost: np.ndarray, scale: CostScale) -> np.ndarray:
        return accuracy - self.slope * scale.quality.span * np.maximum(0.0, cost / scale.target - 1.0)
