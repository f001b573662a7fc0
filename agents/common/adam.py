"""`Adam`: the optimiser of policies whose gradients are written down."""

from __future__ import annotations

import numpy as np

from nasgym.type_aliases import Floats

__all__ = ["Adam"]

# what a new gradient adds to the running mean and to that of squares, and what the latter keep
MEAN_TAKES, SQUARE_TAKES, SMALLEST = 0.1, 0.001, 1e-8
MEAN_KEEPS, SQUARE_KEEPS = 0.9, 0.999


class Adam:
    """Adam (Kingma and Ba, 1412.6980) with its published decays, as torch's.

    Args:
        values: What is optimised, in place; any shape.
        learning_rate: Length of a step.
    """

    def __init__(self, values: Floats, learning_rate: float) -> None:
        self._values, self._learning_rate = values, learning_rate
        self._mean, self._square, self._steps = np.zeros_like(values), np.zeros_like(values), 0
        self._change, self._length = np.empty_like(values), np.empty_like(values)

    def step(self, gradient: Floats) -> None:
        """One step against a gradient of the shape of the values."""
        self._steps += 1
        change, length = self._change, self._length  # arrays as large as the values are kept
        np.subtract(gradient, self._mean, out=change)
        self._mean += np.multiply(change, MEAN_TAKES, out=change)
        np.subtract(np.square(gradient, out=change), self._square, out=change)
        self._square += np.multiply(change, SQUARE_TAKES, out=change)
        np.divide(self._mean, 1 - MEAN_KEEPS**self._steps, out=change)
        np.sqrt(np.divide(self._square, 1 - SQUARE_KEEPS**self._steps, out=length), out=length)
        length += SMALLEST
        change *= self._learning_rate
        self._values -= np.divide(change, length, out=change)
