"""Actions of an agent that does not always keep to the mask."""

from __future__ import annotations

import numpy as np


def wild_actions(rng, masks, illegal=0.2):
    """Legal actions at random; with a probability one that may be illegal or not exist at all."""
    legal = (rng.random(masks.shape) * masks).argmax(axis=1)
    return np.where(rng.random(len(masks)) < illegal, rng.integers(-1, masks.shape[1] + 1, size=len(masks)), legal)
