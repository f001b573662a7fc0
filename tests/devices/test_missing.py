"""Blocks that were not measured."""

import numpy as np
import pytest

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency
from nasgym.devices.missing import estimate_ms, fill_missing
from nasgym.errors import DataError, UnknownName


def mbconv(mid, kernel=3, **others):
    return BlockKey("mbconv", 8, 8, 8, 8, mid_ch=mid, kernel=kernel, stride=1, **others)


def phone(latencies, model="lookup"):
    return Device("phone", "tiny", "unknown", None, 1, "unknown", latencies, model=model)


MEASURED = {mbconv(16): Latency(1.0), mbconv(64): Latency(8.0)}


def test_measured_blocks_are_not_touched():
    found, estimated = fill_missing(phone(MEASURED), MEASURED, "interpolate")
    assert found == {mbconv(16): 1.0, mbconv(64): 8.0}
    assert estimated == ()


def test_a_missing_block_is_named_with_the_nearest():
    with pytest.raises(
        DataError, match=r"lacks 1 of the 2 blocks of space 'tiny', the first is mbconv .* mid32 .*nearest.* mid16"
    ):
        fill_missing(phone(MEASURED), [mbconv(16), mbconv(32)])


def test_estimates_by_hand():
    # macs are proportional to mid here: a line in logarithms from (16, 1) to (64, 8) has 8**0.5 in
    # its middle
    assert estimate_ms(mbconv(32), MEASURED, "phone") == pytest.approx(np.sqrt(8.0))
    # outside it is proportional
    assert estimate_ms(mbconv(128), MEASURED, "phone") == pytest.approx(16.0)
    found, estimated = fill_missing(phone(MEASURED), [mbconv(32)], "interpolate")
    assert found == {mbconv(32): pytest.approx(np.sqrt(8.0))}
    assert estimated == (mbconv(32),)


def test_alike_blocks_go_before_others():
    gated = {**MEASURED, mbconv(32, se=1): Latency(5.0)}
    assert estimate_ms(mbconv(32), gated, "phone") == pytest.approx(np.sqrt(8.0))
    assert estimate_ms(mbconv(32, resolution=128), MEASURED, "phone") == pytest.approx(np.sqrt(8.0))


def test_nothing_similar():
    with pytest.raises(DataError, match="no block of the op and kernel"):
        estimate_ms(mbconv(32, kernel=5), MEASURED, "phone")
    with pytest.raises(DataError, match="no block of the op and kernel"):
        fill_missing(phone(MEASURED), [BlockKey("skip")], "interpolate")


def test_coefficients_are_not_estimated():
    with pytest.raises(DataError, match="cannot be estimated"):
        fill_missing(phone(MEASURED, "linear"), [mbconv(32)], "interpolate")


def test_misspelt():
    with pytest.raises(UnknownName, match="Did you mean 'interpolate'"):
        fill_missing(phone(MEASURED), [], "interpolat")
