"""The Once-for-All space."""

import numpy as np
import pytest

from nasgym.errors import InvalidValue, NasgymError
from nasgym.spaces.mobile_ofa import DEPTHS, OnceForAllSpace

SPACE = OnceForAllSpace()


def test_size():
    # 9^2 + 9^3 + 9^4 networks a stage, five stages, five resolutions
    assert SPACE.size == 5 * 7371**5
    assert (SPACE.num_decisions, len(SPACE.layers), SPACE.max_choices) == (46, 16, 5)
    assert not SPACE.can_enumerate
    with pytest.raises(InvalidValue, match="at most"):
        SPACE.enumerate()


def test_samples_are_valid_canonical_and_readable():
    archs = SPACE.sample(np.random.default_rng(0), 500)
    assert SPACE.is_valid(archs).all()
    assert (SPACE.canonical(archs) == archs).all()
    assert (SPACE.from_str(SPACE.to_str(archs)) == archs).all()
    _, depths, _, _ = SPACE.parts(archs)
    assert set(np.unique(depths)) == {0, 1, 2}


def test_text_form():
    text = "r176,k3e3-k5e4,k7e6-k3e4-k5e3,k3e3-k3e3-k3e3-k7e3,k3e3-k3e3,k3e6-k3e6"
    (arch,) = SPACE.from_str(text)
    assert SPACE.to_str(arch[None]) == [text]
    resolution, depths, kernels, expansions = (part[0] for part in SPACE.parts(arch[None]))
    assert resolution == 1
    assert np.array(DEPTHS)[depths].tolist() == [2, 3, 4, 2, 2]
    assert kernels[0].tolist() == [0, 1, 0, 0]
    assert expansions[1].tolist() == [2, 1, 0, 0]
    assert SPACE.used(depths[None])[0].sum(axis=1).tolist() == [2, 3, 4, 2, 2]
    labels = SPACE.labels(arch[None])[0]
    assert labels["stage3.block4.kernel"] == 7
    assert "stage2.block4.kernel" not in labels


def test_partial_text():
    arch = np.full((1, 46), -1, dtype=np.int8)
    assert SPACE.to_str(arch)[0].startswith("r?,k?e?-k?e?-?,")
    arch[0, :8] = [4, 0, 1, 2, -1, 1, 2, -1]
    assert SPACE.to_str(arch)[0].startswith("r224,k3e4-k7e?-k7e?,")


@pytest.mark.parametrize(
    "text", ["r160", "r160" + ",k3e3" * 5, "r160,k3e3-k3e3-k3e3-k3e3-k3e3" + ",k3e3-k3e3" * 4, "r128" + ",k3e3-k3e3" * 5]
)
def test_other_texts_are_refused(text):
    with pytest.raises(NasgymError):
        SPACE.from_str(text)


def test_masks_switch_blocks_off():
    arch = np.zeros((2, 46), dtype=np.int8)
    arch[1, 5] = 1
    assert SPACE.names[5] == "stage1.depth"
    assert SPACE.mask(arch, 6).sum(axis=1).tolist() == [1, 3]
    assert SPACE.mask(arch, 8).sum(axis=1).tolist() == [1, 1]
    invalid = arch.copy()
    invalid[:, 8] = 1
    assert not SPACE.is_valid(invalid).any()
    assert (SPACE.canonical(invalid) == arch).all()


def test_neighbours_are_one_edit_away_and_symmetric():
    archs = SPACE.sample(np.random.default_rng(1), 5)
    found, owner = SPACE.neighbours(archs)
    assert SPACE.is_valid(found).all()
    assert ((found != archs[owner]).any(axis=1)).all()
    back, of = SPACE.neighbours(found[:20])
    for row in range(20):
        assert (back[of == row] == archs[owner[row]]).all(axis=1).any()


def test_the_default_is_the_largest():
    assert SPACE.to_str(SPACE.default[None]) == ["r224" + ",k7e6-k7e6-k7e6-k7e6" * 5]


def test_restrictions_can_be_enumerated():
    small = SPACE.restrict({"*.expansion": [3], "*.depth": [2], "resolution": [160, 224], "stage[345].*.kernel": [3]})
    assert small.size == 2 * 3**4
    assert len(np.unique(small.enumerate(), axis=0)) == small.size
