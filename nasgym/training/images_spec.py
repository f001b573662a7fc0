"""What the keyword ``images`` may be: a name of images, or a mapping with how they are split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from nasgym.errors import InvalidValue
from nasgym.files.json_object import check_object
from nasgym.training.image_split import load_images
from nasgym.training.images import DIGITS_NAME, ImageSet

__all__ = ["ImagesSpec", "check_images", "images_name", "images_of_spec"]

ImagesSpec: TypeAlias = str | Mapping[str, Any] | None

KEYS = ("name", "resolution", "channels", "subset", "validation", "test", "seed")


def check_images(images: ImagesSpec) -> None:
    """Checks that `images` is a name, None, or a mapping with a name and keywords of `load_images`.

    Raises:
        InvalidValue: It is something else.
        UnknownName: A key is not known.
    """
    if images is None or isinstance(images, str):
        return
    if not isinstance(images, Mapping):
        raise InvalidValue(
            f"images is a name or {{'name': 'fashion-mnist', 'resolution': 16, 'subset': 2000}}, got {images!r:.80}."
        )
    check_object("images", images, KEYS, ("name",))
    if not isinstance(images["name"], str):
        raise InvalidValue(f"the name of images is a text, got {images['name']!r:.80}.")


def images_name(images: ImagesSpec) -> str:
    """The name in a specification; that of the digits where there is none."""
    return DIGITS_NAME if images is None else images if isinstance(images, str) else str(images["name"])


def images_of_spec(images: ImagesSpec) -> ImageSet:
    """The images that a specification stands for; None stands for the digits.

    Raises:
        NasgymError: As `check_images` and `nasgym.training.image_split.load_images`.
    """
    check_images(images)
    options = {key: value for key, value in images.items() if key != "name"} if isinstance(images, Mapping) else {}
    return load_images(images_name(images), **options)
