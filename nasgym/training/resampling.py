"""`resample`: images of another size, with the same bits on every machine.

A new pixel is a sum of old ones with rational weights. Everything is kept as whole numbers in
double precision, below 2^53, so that no order of summation rounds; a division ends it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.type_aliases import Floats

__all__ = ["LARGEST_SIDE", "area_weights", "bilinear_weights", "resample"]

LARGEST_SIDE = 1024
# red, green and blue in thousandths: the luma of ITU-R BT.601, as Pillow's mode "L" has it
LUMA = (299, 587, 114)
# images that are in memory in double precision at once
BLOCK = 2048


def area_weights(side: int, resolution: int) -> tuple[Floats, int]:
    """Weights of the mean over what a new pixel covers, for sides that shrink.

    Args:
        side: Old pixels in a row.
        resolution: New ones, at most as many.

    Returns:
        ``(resolution, side)`` whole numbers, and what each row of them sums up to.
    """
    old, new = np.arange(side) * resolution, np.arange(resolution)[:, None] * side
    covered = np.minimum(old + resolution, new + side) - np.maximum(old, new)
    return np.maximum(covered, 0).astype(np.float64), side


def bilinear_weights(side: int, resolution: int) -> tuple[Floats, int]:
    """Weights of the two old pixels whose centres are nearest, for sides that grow.

    Centres lie at halves; beyond the outermost ones the outermost pixel counts alone. These are the
    conventions of Pillow and of torch without ``align_corners``.

    Args:
        side: Old pixels in a row.
        resolution: New ones.

    Returns:
        As `area_weights`.
    """
    unit = 2 * resolution
    place = (2 * np.arange(resolution) + 1) * side - resolution
    left, share = np.divmod(place, unit)
    weights = np.zeros((resolution, side))
    rows = np.arange(resolution)
    np.add.at(weights, (rows, np.clip(left, 0, side - 1)), unit - share)
    np.add.at(weights, (rows, np.clip(left + 1, 0, side - 1)), share)
    return weights, unit


def resample(
    pixels: npt.NDArray[np.uint8], resolution: int | None = None, channels: int | None = None
) -> npt.NDArray[np.float32]:
    """Images in another size and with another number of channels.

    Smaller images are means over areas, larger ones are bilinear. One channel of three is the luma
    of ITU-R BT.601; three of one are the same thrice.

    Args:
        pixels: ``(N, C, S, S)`` bytes, C 1 or 3.
        resolution: New side R, None for the old one.
        channels: 1 or 3, None for as many as there are.

    Returns:
        ``(N, channels, R, R)`` in [0, 1].

    Raises:
        InvalidValue: The resolution or the number of channels is none.
    """
    side = pixels.shape[2]
    new = side if resolution is None else resolution
    if isinstance(new, bool) or not isinstance(new, int) or not 1 <= new <= LARGEST_SIDE:
        raise InvalidValue(f"resolution is a whole number of pixels from 1 to {LARGEST_SIDE:,}, got {resolution!r}.")
    if channels not in (None, 1, 3):
        raise InvalidValue(f"channels are 1 (grey) or 3 (red, green, blue), got {channels!r}.")
    wanted = channels or pixels.shape[1]
    out = np.empty((len(pixels), wanted, new, new), dtype=np.float32)
    for start in range(0, len(pixels), BLOCK):
        out[start : start + BLOCK] = _resampled(pixels[start : start + BLOCK].astype(np.float64), new, wanted)
    return out


def _resampled(pixels: Floats, resolution: int, channels: int) -> Floats:
    unit, side = 255, pixels.shape[2]
    if pixels.shape[1] > channels:
        pixels, unit = np.einsum("nchw,c->nhw", pixels, np.array(LUMA, dtype=np.float64))[:, None], unit * sum(LUMA)
    if resolution != side:
        weights, total = (area_weights if resolution < side else bilinear_weights)(side, resolution)
        # the largest whole number is 255,000 * 2,048^2 with all sides at their limit: below 2^41
        pixels, unit = weights @ pixels @ weights.T, unit * total**2
    pixels = pixels / unit
    return np.repeat(pixels, channels, axis=1) if pixels.shape[1] < channels else pixels
