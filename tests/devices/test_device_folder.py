"""Finding devices."""

import pytest

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency, write_device
from nasgym.devices.device_folder import device_names, device_path, find_device
from nasgym.errors import DataError, InvalidValue, MissingData


def write(space, name, path=None):
    device = Device(name, space, "unknown", None, 1, "unknown", {BlockKey("logits", 1, 8, 1, 10): Latency(1.0)})
    write_device(device, path or device_path(space, name))
    return device


def test_found_by_space_and_name():
    device = write("tiny", "phone")
    assert find_device("tiny", "phone") == device
    assert device_names("tiny") == ["phone"]
    assert device_names("ofa") == ["x86-1t", "x86-1t-int8"]


def test_published_ones_come_with_their_command():
    with pytest.raises(MissingData, match=r"get it with `nasgym data import ofa PATH`"):
        find_device("ofa", "note10")


def test_own_ones_come_with_their_place():
    write("tiny", "phone")
    with pytest.raises(MissingData, match=r"device 'phon' .*put its file at .*tiny/phon.csv.* There are: phone"):
        find_device("tiny", "phon")
    with pytest.raises(MissingData):
        find_device("tiny", "../tiny/phone")


def test_profiled_for_another_space():
    write("tiny", "phone")
    with pytest.raises(InvalidValue, match=r"'phone' was measured for the blocks of 'tiny', not of 'ofa'"):
        find_device("ofa", "phone")
    write("tiny", "phone", device_path("ofa", "phone"))
    with pytest.raises(InvalidValue, match="measured for the blocks of space 'tiny'"):
        find_device("ofa", "phone")


def test_files_are_named_after_their_device():
    write("tiny", "phone", device_path("tiny", "tablet"))
    with pytest.raises(DataError, match="holds the device 'phone'"):
        find_device("tiny", "tablet")
