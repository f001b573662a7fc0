"""`Scale`: the images, classes and width that a mobile skeleton is built for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nasgym.errors import InvalidValue

__all__ = ["DIGITS", "IMAGENET", "Scale", "divisible"]

# beyond these a network is a slip of the keyboard, and would fill the memory before anything is
# said
LARGEST_SIDE, MOST_IMAGE_CHANNELS, MOST_CLASSES, WIDEST, LARGEST_DIVISOR = 16_384, 4_096, 100_000, 16, 1_024


def divisible(value: float, divisor: int) -> int:
    """The multiple of `divisor` nearest to `value`, at least 90 % of it and at least `divisor`.

    The rounding of the MobileNet family (`tensorflow/models`, slim: ``make_divisible``).
    """
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


@dataclass(frozen=True)
class Scale:
    """How a skeleton that was published for ImageNet is built.

    Attributes:
        input_shape: (channels, height, width) of an image; height and width are equal.
        num_classes: Outputs of the classifier.
        width: Factor on every channel count, those of stem and head included. Where it is not 1,
            channels are rounded.
        divisor: Channels are rounded to multiples of it.
        reduction: Largest product of all strides. Small images would shrink to one pixel early; the
            strides next to the input become 1 until the product fits.

    Raises:
        InvalidValue: A value is not positive or too large, or images are not square.
    """

    input_shape: tuple[int, int, int] = (3, 224, 224)
    num_classes: int = 1000
    width: float = 1.0
    divisor: int = 8
    reduction: int = 32

    def __post_init__(self) -> None:
        if min(*self.input_shape, self.num_classes, self.width, self.divisor, self.reduction) <= 0:
            raise InvalidValue(f"sizes, classes, width, divisor and reduction are positive, got {self}.")
        # not a comparison alone: NaN is neither too small nor too large
        if not math.isfinite(self.width) or self.width > WIDEST:
            raise InvalidValue(f"the width is a factor above 0 and at most {WIDEST}, got {self.width}; 1 is the published one.")
        for what, value, most in (
            ("channels of an image", self.input_shape[0], MOST_IMAGE_CHANNELS),
            ("pixels in a row of an image", max(self.input_shape[1:]), LARGEST_SIDE),
            ("classes", self.num_classes, MOST_CLASSES),
            ("channels to round to (divisor)", self.divisor, LARGEST_DIVISOR),
        ):
            if value > most:
                raise InvalidValue(f"a network has at most {most:,} {what}, got {value:,}; give a smaller number.")
        if self.input_shape[1] != self.input_shape[2]:
            raise InvalidValue(f"images are square, got the shape {self.input_shape}.")

    def channels(self, published: int) -> int:
        """Channels of a layer that has `published` ones at width 1."""
        return published if self.width == 1 else divisible(published * self.width, self.divisor)

    def strides(self, published: Sequence[int]) -> list[int]:
        """The strides from the input on, with first ones set to 1 where `reduction` asks for it.

        As many are set to 1 as it takes for the product to be at most `reduction`.
        """
        strides, total = [], 1
        for stride in reversed(published):
            strides.append(stride if total * stride <= self.reduction else 1)
            total *= strides[-1]
        return strides[::-1]


IMAGENET = Scale()
# what the mobile spaces are trained at where nothing better is at hand (`nasgym.training.images`):
# 8 x 8 pixels that shrink to 2 x 2, a quarter of the width
DIGITS = Scale((1, 8, 8), 10, 0.25, reduction=4)
