"""Device files: written and read again, and one thing wrong at a time."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.devices.block_key import KEY_COLUMNS, BlockKey, nearest_blocks
from nasgym.devices.device_file import Device, Latency, read_device, write_device
from nasgym.errors import DataError, InvalidValue, NasgymError, UnknownName

TEXT = """\
# nasgym-device-1
# device: my-phone
# space: tiny
# runtime: onnxruntime 1.20
# threads: 1
# batch: 1
# precision: float32
op,in_hw,in_ch,out_hw,out_ch,kernel,stride,latency_ms,spread_ms,count
conv,32,3,16,8,3,2,0.5,0.01,100
conv,16,8,16,8,3,1,0.25,,
logits,16,8,1,10,,,0.125,0.001,7
"""
CONV = BlockKey("conv", 32, 3, 16, 8, kernel=3, stride=2)


def device(**changes):
    latencies = {
        CONV: Latency(0.5, 0.01, 100),
        BlockKey("conv", 16, 8, 16, 8, kernel=3, stride=1): Latency(0.25),
        BlockKey("logits", 16, 8, 1, 10): Latency(0.125, 0.001, 7),
    }
    made = Device("my-phone", "tiny", "onnxruntime 1.20", 1, 1, "float32", latencies)
    return replace(made, **changes)


def read(folder, text):
    path = folder / "my-phone.csv"
    path.write_text(text, encoding="utf-8")
    return read_device(path)


def test_a_file_that_somebody_wrote(tmp_path):
    assert read(tmp_path, TEXT) == device()
    assert read(tmp_path, TEXT.replace("# threads: 1", "# threads: unknown")).threads is None


def test_what_was_written_is_read_again(tmp_path):
    path = write_device(device(source="a test", note="of two: colons"), tmp_path / "deep" / "my-phone.csv")
    again = read_device(path, "tiny")
    assert again == device(source="a test", note="of two: colons")
    assert f"# fingerprint: {again.fingerprint}" in path.read_text()
    assert [file.name for file in path.parent.iterdir()] == ["my-phone.csv"]
    # columns that say nothing are left out
    assert "mid_ch" not in path.read_text()


@given(
    mean=st.floats(0, 1e6),
    spread=st.none() | st.floats(0, 1e6),
    count=st.none() | st.integers(1, 10**6),
    numbers=st.lists(st.integers(0, 10**6), min_size=9, max_size=9),
)
def test_every_digit_survives(tmp_path_factory, mean, spread, count, numbers):
    block = BlockKey("mbconv", *numbers[:8], act="hswish", resolution=numbers[8], layer="layer3")
    made = Device("x", "tiny", "unknown", None, 1, "unknown", {block: Latency(mean, spread, count)})
    path = write_device(made, tmp_path_factory.mktemp("device") / "x.csv")
    assert read_device(path) == made
    assert read_device(path).fingerprint == made.fingerprint


def test_fingerprints_speak_of_contents_not_of_sources():
    assert device(source="elsewhere").fingerprint == device().fingerprint
    for change in ({"runtime": "tflite"}, {"threads": 4}, {"batch": 2}, {"precision": "int8"}, {"space": "other"}):
        assert device(**change).fingerprint != device().fingerprint
    slower = {**device().latencies, CONV: Latency(0.5000000001, 0.01, 100)}
    assert device(latencies=slower).fingerprint != device().fingerprint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# nasgym-device-1\n", "", "has no header"),
        ("# device: my-phone\n", "", "lacks '# device"),
        ("# batch: 1", "# batch: 0", "counts from 1 on"),
        ("# batch: 1", "# batch: one", "'one' is no whole number"),
        ("# runtime: onnxruntime 1.20", "# runtime: a\n# runtime: b", r"line 5: the header says 'runtime' twice"),
        ("# runtime: onnxruntime 1.20", "# onnxruntime", "line 4: '# onnxruntime' is no line of a header"),
        ("0.5,0.01", "-0.5,0.01", r"line 9: latency_ms is -0.5, which is negative"),
        ("0.5,0.01", "nan,0.01", "line 9: latency_ms is nan, which is not finite"),
        ("0.5,0.01", "inf,0.01", "line 9: latency_ms is inf, which is not finite"),
        ("0.5,0.01", "fast,0.01", "line 9, column 'latency_ms': 'fast' is no number"),
        ("0.5,0.01", "1_0,0.01", "'1_0' is no number"),
        ("0.5,0.01", ",0.01", "line 9, column 'latency_ms': '' is no number"),
        ("0.5,0.01", "0.5,-1", "line 9: spread_ms is -1.0"),
        ("0.01,100", "0.01,0", "line 9: count is 0"),
        ("conv,32,3", "conv,32,3.5", "line 9, column 'in_ch': '3.5' is no whole number"),
        ("conv,32,3", "conv,32,-3", "line 9: a key column is negative"),
        ("latency_ms", "latency_us", "latencies are in milliseconds, in a column 'latency_ms'; got 'latency_us'"),
        ("spread_ms,count", "count,count", "two columns are called 'count'"),
        ("conv,16,8,16,8,3,1,0.25,,", "conv,32,3,16,8,3,2,0.25,,", "lines 9 and 10 are the same block, conv 32x32x3"),
        ("conv,16,8,16,8,3,1,0.25,,", "conv,16,8,16,8,3,1,0.25", "line 10: 8 cells, the header has 10"),
        ("conv,16,8,16,8,3,1,0.25,,", 'conv,16,8,16,"8,3,1,0.25,,', "line 10 is not readable as CSV"),
        ("# device: my-phone", "# device: My Phone", "no name of a device"),
    ],
)
def test_one_thing_wrong(tmp_path, old, new, message):
    assert old in TEXT
    with pytest.raises(DataError, match=message):
        read(tmp_path, TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kernel,", "kernal,", r"unknown column in .*line 8: 'kernal'. Did you mean 'kernel'"),
        ("# precision", "# precison", r"unknown key of the header in .*line 7: 'precison'. Did you mean 'precision'"),
    ],
)
def test_misspelt(tmp_path, old, new, message):
    with pytest.raises(UnknownName, match=message):
        read(tmp_path, TEXT.replace(old, new, 1))


def test_an_op_is_spelt_right(tmp_path):
    with pytest.raises(DataError, match=r"line 9: unknown op 'convv'. Did you mean 'conv'"):
        read(tmp_path, TEXT.replace("conv,32", "convv,32"))


def test_empty_and_cut_off(tmp_path):
    with pytest.raises(DataError, match="has no header"):
        read(tmp_path, "")
    with pytest.raises(DataError, match="ends after its header"):
        read(tmp_path, TEXT.partition("op,")[0])
    with pytest.raises(DataError, match="has no rows"):
        read(tmp_path, TEXT.partition("conv,")[0])
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not readable as text"):
        read_device(tmp_path / "bytes.csv")


def test_a_row_that_was_lost_or_changed_is_noticed(tmp_path):
    path = write_device(device(), tmp_path / "my-phone.csv")
    whole = path.read_text()
    for damaged in (whole.rsplit("\n", 2)[0] + "\n", whole.replace("0.25", "0.26")):
        path.write_text(damaged)
        with pytest.raises(DataError, match="rows are missing or were changed"):
            read_device(path)


def test_another_space(tmp_path):
    path = write_device(device(), tmp_path / "my-phone.csv")
    with pytest.raises(InvalidValue, match=r"measured for the blocks of space 'tiny', not of 'ofa'"):
        read_device(path, "ofa")


def test_only_linear_models_have_negative_numbers(tmp_path):
    negative = {CONV: Latency(-1.0)}
    path = write_device(device(latencies=negative, model="linear"), tmp_path / "my-phone.csv")
    assert read_device(path).latencies == negative
    with pytest.raises(DataError, match="which is negative"):
        device(latencies=negative)
    with pytest.raises(NasgymError, match="unknown model"):
        device(model="quadratic")


def test_values_that_no_file_could_hold():
    with pytest.raises(DataError, match="has no blocks"):
        device(latencies={})
    with pytest.raises(DataError, match="several lines"):
        device(note="one\ntwo")
    with pytest.raises(DataError, match="not finite"):
        device(latencies={CONV: Latency(math.nan)})


def test_nearest_blocks_share_the_op_first():
    near = nearest_blocks(replace(CONV, kernel=5), device().latencies, num=2)
    assert near[0] == CONV
    assert {block.op for block in near} == {"conv"}
    assert set(KEY_COLUMNS) >= {"op", "kernel", "resolution"}


def test_macs_by_hand():
    assert CONV.macs == 9 * 3 * 8 * 16 * 16
    # 1x1 of 8 to 24 at 4x4, depthwise 3x3 at 2x2, 1x1 of 24 to 16 at 2x2, two gates of 24 x 6
    assert BlockKey("mbconv", 4, 8, 2, 16, mid_ch=24, kernel=3, stride=2, se=1).macs == 3072 + 864 + 1536 + 288
    assert BlockKey("mbconv", 4, 8, 4, 8, mid_ch=8, kernel=3, stride=1).macs == 1152 + 1024
    assert BlockKey("logits", 1, 8, 1, 10).macs == 80
    assert BlockKey("skip").macs == 0


def test_a_name_that_means_something_else():
    with pytest.raises(DataError, match="device='live' measures on this machine"):
        device(name="live")
