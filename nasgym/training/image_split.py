"""`load_images`: from published images to a set that networks are trained on."""

from __future__ import annotations

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.training.image_data import ImageData, Pixels, find_images
from nasgym.training.images import DIGITS_NAME, Images, ImageSet, load_digits_images
from nasgym.training.resampling import BLOCK, resample
from nasgym.type_aliases import Floats, Ints

__all__ = ["load_images", "split_images"]

# where no number of images is asked for: a tenth of the training images, 5,000 of CIFAR-10
CUT = 10


def load_images(
    name: str,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    subset: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> ImageSet:
    """Images by name: scikit-learn's ``"digits"``, which are always there, or imported ones.

    The digits have one size and one split (`load_digits_images`); the keywords are for imported
    images, see `split_images`.

    Raises:
        MissingData: There are no images of that name; the message has the command that gets them.
        InvalidValue: A keyword has a value that these images do not allow.
        DataError: The file of the images is damaged.
    """
    options = {"resolution": resolution, "channels": channels, "subset": subset, "validation": validation, "test": test}
    if name != DIGITS_NAME:
        return split_images(find_images(name), **options, seed=seed)
    given = [f"{key}={value}" for key, value in {**options, "seed": seed or None}.items() if value is not None]
    if given:
        raise InvalidValue(
            f"image set {DIGITS_NAME!r} has 8 x 8 pixels and one split (800, 500, 497); leave out {', '.join(given)}, or import "
            "other images (`nasgym data import images`)."
        )
    return load_digits_images()


def split_images(
    data: ImageData,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    subset: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> ImageSet:
    """Images split, resampled and normalised; the same at every call.

    A test part that the images came with stays the test part. Validation images are cut from the
    training images, and so are test images where there were none. Every draw is stratified: a part
    has the classes in the shares that they have in what it is drawn from. Validation images depend
    on `validation` and `seed`, not on `subset`. Every channel is normalised by mean and standard
    deviation of the training images that are left, rounded to four decimals.

    Args:
        data: Published images.
        resolution: Pixels in a row, None for those of the data; see
            `nasgym.training.resampling.resample`.
        channels: 1 or 3, None for those of the data.
        subset: Training images, None for all that are no others.
        validation: Validation images, None for a tenth of the training images of the data.
        test: Test images, None for the whole test part; where there is none, for a tenth of the
            training images.
        seed: Draws the parts.

    Raises:
        InvalidValue: A part would have fewer images than classes, or more than there are.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidValue(f"the seed of a split is a whole number from 0 on, got {seed!r}.")
    rng = np.random.default_rng(seed)
    left = rng.permutation(len(data.train))
    rows, own_test = {}, len(data.test) > 0
    if own_test:
        whole = rng.permutation(len(data.test))
        rows["test"] = _drawn(data, "test", whole, data.test_labels, len(whole) if test is None else test)
    for part, count in (("test", test), ("validation", validation), ("subset", subset)):
        if part in rows:
            continue
        usual = len(left) if part == "subset" else len(data.train) // CUT
        rows[part] = _drawn(data, part, left, data.train_labels, usual if count is None else count)
        left = left[~np.isin(left, rows[part])]

    def part_of(pixels: Pixels, part: str) -> Images:
        return resample(pixels[rows[part]], resolution, channels)

    train = part_of(data.train, "subset")
    mean, std = _constants(train)
    if not std.all():
        raise InvalidValue(
            f"the {len(train):,} training images of {data.name!r} have a channel without any difference; take more."
        )
    parts = {
        "train": train,
        "validation": part_of(data.train, "validation"),
        "test": part_of(data.test if own_test else data.train, "test"),
    }
    for pixels in parts.values():  # in place: a copy of all images is hundreds of megabytes
        pixels -= mean.astype(np.float32)[:, None, None]
        pixels /= std.astype(np.float32)[:, None, None]
    shape = " x ".join(map(str, train.shape[1:]))
    return ImageSet(
        name=data.name,
        **parts,
        train_labels=data.train_labels[rows["subset"]],
        validation_labels=data.train_labels[rows["validation"]],
        test_labels=(data.test_labels if own_test else data.train_labels)[rows["test"]],
        num_classes=data.num_classes,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        details=(
            f"{len(rows['subset'])} training, {len(rows['validation'])} validation and {len(rows['test'])} test images of {shape}, "
            f"{data.num_classes} classes, split by seed {seed}"
        ),
    )


def _constants(images: Images) -> tuple[Floats, Floats]:
    """``(C,)`` means and standard deviations, rounded to four decimals."""
    mean = images.mean(axis=(0, 2, 3), dtype=np.float64)
    squares = np.zeros_like(mean)
    for block in np.array_split(images, -(-len(images) // BLOCK)):  # in double precision all would be twice as large
        squares += np.square(block - mean[:, None, None]).sum(axis=(0, 2, 3))
    return np.round(mean, 4), np.round(np.sqrt(squares / (images.size / len(mean))), 4)


def _drawn(data: ImageData, part: str, rows: Ints, labels: Ints, count: int) -> Ints:
    """`count` of the rows, ascending, with the classes in the shares that they have among them.

    `rows` stand in the order in which they are drawn. A class has its share rounded down; the
    images that are left to give go to the classes with the largest remainders, the first of equals.
    """
    what = {"subset": "training"}.get(part, part)
    if isinstance(count, bool) or not isinstance(count, int):
        raise InvalidValue(f"{part} is a number of images, got {count!r}.")
    if not data.num_classes <= count <= len(rows):
        raise InvalidValue(
            f"{part}={count:,}: {data.name!r} has {len(rows):,} images left for its {what} part, and a part has {data.num_classes} "
            "at least, one for each class; take another number."
        )
    of = labels[rows]
    there = np.bincount(of, minlength=data.num_classes)
    share, remainder = np.divmod(there * count, len(rows))
    share[np.argsort(-remainder, kind="stable")[: count - share.sum()]] += 1
    grouped = np.argsort(of, kind="stable")
    # how many of its class stand before each row
    before = np.arange(len(rows)) - np.repeat(np.cumsum(there) - there, there)
    return np.sort(rows[grouped[before < share[of[grouped]]]])
