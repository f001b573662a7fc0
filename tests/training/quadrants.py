"""Images that are quickly learned: a bright quadrant says the class."""

from __future__ import annotations

import numpy as np

from nasgym.training.image_data import ImageData


def quadrants(name: str = "quadrants", *, train: int = 200, test: int = 40, channels: int = 1, side: int = 12) -> ImageData:
    """Four classes, as many images of each, noise everywhere."""

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % 4
        pixels = np.random.default_rng(count).integers(0, 120, size=(count, channels, side, side), dtype=np.uint8)
        half = side // 2
        for number, (row, column) in enumerate(((0, 0), (0, half), (half, 0), (half, half))):
            pixels[labels == number, :, row : row + half, column : column + half] += 120
        return pixels, labels

    return ImageData({"name": name, "classes": ["a", "b", "c", "d"]}, *drawn(train), *drawn(test))
