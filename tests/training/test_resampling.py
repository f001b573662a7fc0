"""Weights by hand, and the conventions of torch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import InvalidValue
from nasgym.training.resampling import area_weights, bilinear_weights, resample


def grey(rows):
    return np.array(rows, dtype=np.uint8)[None, None]


def test_an_area_is_the_mean_of_what_it_covers():
    weights, total = area_weights(3, 2)
    # one and a half old pixels each, in halves
    assert (weights.tolist(), total) == ([[2, 1, 0], [0, 1, 2]], 3)
    found = resample(grey([[0, 51, 102], [0, 51, 102], [0, 51, 102]]), 2)
    assert found[0, 0] == pytest.approx(np.array([[17, 85], [17, 85]]) / 255)
    assert resample(grey([[10, 20], [30, 40]]), 1)[0, 0, 0, 0] == np.float32(25 / 255)


def test_larger_images_are_bilinear():
    weights, total = bilinear_weights(2, 4)
    # centres at -1/4, 1/4, 3/4, 5/4 of an old pixel
    assert ((weights / total).tolist()) == [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    found = resample(grey([[0, 200], [0, 200]]), 4)
    assert found[0, 0, 1] == pytest.approx(np.array([0, 50, 150, 200]) / 255)


def test_channels():
    colours = np.array([255, 0, 0, 0, 255, 0, 0, 0, 255], dtype=np.uint8).reshape(3, 3, 1, 1)
    assert resample(colours, channels=1)[:, 0, 0, 0].tolist() == pytest.approx([0.299, 0.587, 0.114])
    thrice = resample(grey([[51, 102], [0, 255]]), channels=3)
    assert thrice.shape == (1, 3, 2, 2)
    assert (thrice == thrice[:, :1]).all()
    assert thrice[0, 0].tolist() == pytest.approx(np.array([[0.2, 0.4], [0, 1]]))


def test_nothing_to_do_changes_nothing():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert (resample(pixels) == (pixels / 255).astype(np.float32)).all()
    assert (resample(pixels, 16, 1) == resample(pixels)).all()


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_rows_of_weights_sum_up_to_their_total(side, resolution):
    weights, total = (area_weights if resolution < side else bilinear_weights)(side, resolution)
    assert (weights.sum(axis=1) == total).all()
    assert (weights >= 0).all()
    assert (weights == weights.round()).all()


@pytest.mark.parametrize(
    ("resolution", "mode"), [(4, "area"), (6, "area"), (12, "bilinear"), (17, "bilinear"), (31, "bilinear")]
)
def test_torch_agrees(resolution, mode):
    torch = pytest.importorskip("torch")
    pixels = np.random.default_rng(0).integers(0, 256, size=(3, 3, 12, 12), dtype=np.uint8)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(pixels / 255), (resolution, resolution), mode=mode)
    assert resample(pixels, resolution) == pytest.approx(theirs.numpy(), abs=1e-6)


def test_the_order_of_summation_rounds_nothing():
    pixels = np.random.default_rng(1).integers(0, 256, size=(5, 3, 28, 28), dtype=np.uint8)
    for resolution in (9, 16, 40):
        whole = resample(pixels, resolution, 1)
        turned = resample(np.ascontiguousarray(pixels[:, :, ::-1, ::-1]), resolution, 1)[:, :, ::-1, ::-1]
        assert (whole == turned).all()
        assert (whole[3:4] == resample(pixels[3:4], resolution, 1)).all()


@pytest.mark.parametrize("resolution", [0, -1, 1025, 2.5, True, "16"])
def test_sizes_that_are_none(resolution):
    with pytest.raises(InvalidValue, match="resolution is a whole number of pixels from 1 to 1,024"):
        resample(grey([[1]]), resolution)


def test_channels_that_are_none():
    with pytest.raises(InvalidValue, match=r"channels are 1 .* got 2"):
        resample(grey([[1]]), channels=2)
