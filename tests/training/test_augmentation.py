"""Every image of a batch is changed by a draw of its own, to one of the images that are listed."""

import numpy as np
import pytest

from nasgym.errors import InvalidValue
from nasgym.training.augmentation import Augmentation

torch = pytest.importorskip("torch")

NINE = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def outcomes(augmentation, image, count=2000, black=()):
    """How often a batch of copies of one image (side, side) becomes which image."""
    batch = torch.tensor(image).expand(count, 1, len(image), len(image))
    found, times = np.unique(augmentation.apply(batch, generator(), black).numpy()[:, 0], axis=0, return_counts=True)
    return {tuple(map(tuple, one.tolist())): n for one, n in zip(found, times, strict=True)}


def as_keys(images):
    return {tuple(map(tuple, image)) for image in images}


def test_shifts_by_one_pixel_are_all_there_and_equally_likely():
    found = outcomes(Augmentation(shift=1), NINE)
    padded = np.pad(NINE, 1)
    assert set(found) == as_keys(padded[y : y + 3, x : x + 3].tolist() for y in range(3) for x in range(3))
    # one down and one to the right
    assert ((0, 0, 0), (0, 1, 2), (0, 4, 5)) in found
    # 222 of 2,000 each, five standard deviations of 14
    assert all(150 < times < 294 for times in found.values())


def test_what_a_shift_brings_in_is_black():
    found = outcomes(Augmentation(shift=1), NINE, black=(-2.0,))
    assert ((-2, -2, -2), (1, 2, 3), (4, 5, 6)) in found
    assert not any(0 in row for image in found for row in image)


def test_a_flip_exchanges_left_and_right_of_about_half():
    found = outcomes(Augmentation(flip=True), NINE)
    assert set(found) == as_keys([NINE, [[3, 2, 1], [6, 5, 4], [9, 8, 7]]])
    assert all(880 < times < 1120 for times in found.values())


def test_a_cutout_is_a_square_that_edges_cut():
    found = outcomes(Augmentation(cutout=2), [[1.0] * 4] * 4, count=4000)
    # a square of two around a centre reaches one up and one to the left of it
    wanted = []
    for y in range(4):
        for x in range(4):
            image = np.ones((4, 4))
            image[max(y - 1, 0) : y + 1, max(x - 1, 0) : x + 1] = 0
            wanted.append(image.tolist())
    assert set(found) == as_keys(wanted)
    assert ((0, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1)) in found
    assert ((1, 1, 1, 1), (1, 0, 0, 1), (1, 0, 0, 1), (1, 1, 1, 1)) in found
    assert all(170 < times < 330 for times in found.values())


def test_an_odd_cutout_lies_around_its_centre():
    found = outcomes(Augmentation(cutout=3), [[1.0] * 5] * 5)
    assert len(found) == 25
    assert max(25 - np.sum(image) for image in found) == 9
    assert ((1, 1, 1, 1, 1), (1, 0, 0, 0, 1), (1, 0, 0, 0, 1), (1, 0, 0, 0, 1), (1, 1, 1, 1, 1)) in found


def test_together_they_are_shift_flip_and_cutout_in_this_order():
    found = outcomes(Augmentation(shift=1, flip=True, cutout=1), NINE, count=4000, black=(-1.0,))
    padded = np.pad(NINE, 1, constant_values=-1.0)
    wanted = []
    for y in range(3):
        for x in range(3):
            for image in (padded[y : y + 3, x : x + 3], padded[y : y + 3, x : x + 3][:, ::-1]):
                for cut in range(9):
                    changed = image.copy()
                    changed[cut // 3, cut % 3] = 0
                    wanted.append(changed.tolist())
    assert set(found) == as_keys(wanted)


def test_channels_are_changed_alike_with_a_black_of_their_own():
    image = torch.tensor(NINE)
    batch = torch.stack([image, image + 10, image + 20]).expand(50, 3, 3, 3)
    found = Augmentation(shift=2, flip=True).apply(batch, generator(), black=(-1.0, 9.0, 19.0))
    torch.testing.assert_close(found[:, 1], found[:, 0] + 10)
    torch.testing.assert_close(found[:, 2], found[:, 0] + 20)
    assert len(torch.unique(found, dim=0)) > 20


def test_a_seed_decides_and_the_given_images_stay():
    batch = torch.rand(40, 3, 8, 8, generator=generator(5))
    before, made = batch.clone(), Augmentation(shift=2, flip=True, cutout=3)
    one, again, other = (made.apply(batch, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(batch, before)


def test_nothing_asked_for_changes_nothing_and_draws_nothing():
    batch, source = torch.rand(4, 1, 5, 5), generator()
    state = source.get_state()
    assert torch.equal(Augmentation().apply(batch, source), batch)
    assert torch.equal(source.get_state(), state)


def test_images_stay_on_their_device():
    """The device "meta" computes shapes only, and refuses what lies elsewhere as a GPU does."""
    batch = torch.empty(4, 3, 8, 8, device="meta")
    found = Augmentation(shift=2, flip=True, cutout=3).apply(batch, generator(), black=(0.0, 0.1, 0.2))
    assert (found.device.type, found.shape) == ("meta", batch.shape)


@pytest.mark.parametrize("given", [{"shift": -1}, {"shift": 1.0}, {"cutout": True}, {"cutout": -2}, {"flip": 1}])
def test_values_that_are_none(given):
    with pytest.raises(InvalidValue, match=f"{next(iter(given))} is"):
        Augmentation(**given)


def test_images_that_do_not_go_with_it():
    batch = torch.zeros(2, 3, 4, 4)
    with pytest.raises(InvalidValue, match=r"got \(3, 4, 4\)"):
        Augmentation().apply(batch[0], generator())
    with pytest.raises(InvalidValue, match="a value for each of 3 channels, got 1"):
        Augmentation(shift=1).apply(batch, generator(), black=(0.0,))
    for what in ("shift", "cutout"):
        with pytest.raises(InvalidValue, match=f"a {what} .* 4 pixels can leave nothing of 4"):
            Augmentation(**{what: 4}).apply(batch, generator())
