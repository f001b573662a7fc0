"""`Augmentation`: shifts, flips and cutouts of a batch, on the device where its images are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasgym.errors import InvalidValue

if TYPE_CHECKING:
    import torch

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """What is done to training images at random, to each image of a batch by a draw of its own.

    First the shift, then the flip, then the cutout, as is usual for CIFAR (He et al., 1512.03385:
    shifts by up to 4 of 32 pixels and flips; DeVries and Taylor, 1708.04552: cutouts of 16).
    Digits and pieces of clothing are other than their mirror images are; flips are off by default.

    Attributes:
        shift: Most pixels of a shift, up or down and, by a draw of its own, left or right; 0 for
            none. All shifts are equally likely, as in a random crop of a padded image.
        flip: Whether every other image, on average, is exchanged left for right.
        cutout: Side of a square whose pixels become 0, the mean of normalised images; 0 for none.
            Its centre is a uniform pixel, and what lies beyond the edge is cut off, so it is
            smaller near edges.

    Raises:
        InvalidValue: A number is not from 0 on, or `flip` is neither True nor False.
    """

    shift: int = 0
    flip: bool = False
    cutout: int = 0

    def __post_init__(self) -> None:
        for name, value in (("shift", self.shift), ("cutout", self.cutout)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InvalidValue(f"{name} is a whole number of pixels from 0 on, got {value!r}.")
        if not isinstance(self.flip, bool):
            raise InvalidValue(f"flip is True or False, got {self.flip!r}.")

    def apply(self, images: torch.Tensor, generator: torch.Generator, black: Sequence[float] = ()) -> torch.Tensor:
        """The changed images; labels stay what they are.

        Draws depend on the generator and the number of images only: one of the processor gives the
        same ones wherever the images are, one of their device spares the way there.

        Args:
            images: ``(B, C, R, R)``, normalised; not changed.
            generator: Of the processor, or of the images' device.
            black: ``C`` values of what a shift brings in, those of black pixels
                (`nasgym.training.images.ImageSet.black`); 0 by default.

        Raises:
            InvalidValue: The images have another shape, `black` has not one value a channel, or a
                shift or a cutout can leave nothing of an image.
        """
        import torch

        self._check(images, black)
        count, channels, side = images.shape[:3]
        device, source = images.device, generator.device

        def drawn(low: int, high: int, columns: int) -> torch.Tensor:
            """``(columns, B, 1)`` uniform whole numbers, `high` not among them."""
            return torch.randint(low, high, (columns, count, 1), generator=generator, device=source).to(device)

        places = torch.arange(side, device=device).expand(count, side)
        rows, columns = places, places
        if self.flip:
            columns = torch.where(drawn(0, 2, 1)[0] == 1, side - 1 - columns, columns)
        if self.shift:
            down, right = drawn(-self.shift, self.shift + 1, 2)
            rows, columns = rows - down, columns - right
        out = images
        if self.shift or self.flip:
            seen = _within(rows, side)[:, None, :, None] & _within(columns, side)[:, None, None, :]
            index = rows.clamp(0, side - 1)[:, :, None] * side + columns.clamp(0, side - 1)[:, None, :]
            out = images.flatten(2).gather(2, index.view(count, 1, -1).expand(count, channels, -1)).view_as(images)
            if self.shift:
                beyond = torch.tensor(list(black) or [0.0] * channels, dtype=images.dtype).to(device)
                out = torch.where(seen, out, beyond[:, None, None])
        if self.cutout:
            first, left = drawn(0, side, 2) - self.cutout // 2
            rows, columns = places - first, places - left
            gone = _within(rows, self.cutout)[:, None, :, None] & _within(columns, self.cutout)[:, None, None, :]
            out = out.masked_fill(gone, 0.0)
        return out

    def _check(self, images: torch.Tensor, black: Sequence[float]) -> None:
        if images.ndim != 4 or images.shape[2] != images.shape[3]:
            raise InvalidValue(f"images are of the shape (images, channels, side, side), got {tuple(images.shape)}.")
        if len(black) not in (0, images.shape[1]):
            raise InvalidValue(f"black has a value for each of {images.shape[1]} channels, got {len(black)}.")
        for what, pixels in (("a shift by up to", self.shift), ("a cutout of", self.cutout)):
            if pixels >= images.shape[2]:
                raise InvalidValue(f"{what} {pixels} pixels can leave nothing of {images.shape[2]}; take fewer.")


def _within(places: torch.Tensor, size: int) -> torch.Tensor:
    return (places >= 0) & (places < size)
