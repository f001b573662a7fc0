"""The reader that goes entry by entry, against the unpickler that reads the whole."""

import bz2
import pickle
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasgym.errors import DataError
from nasgym.importers.pickles import pickle_stream
from nasgym.importers.pickles.pickle_stream import EntryStream
from nasgym.importers.pickles.restricted_pickle import load_pickle
from tests.importers.nats_files import Runs


def write(path, content, protocol=4):
    path.write_bytes(bz2.compress(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol)))
    return path


def curves(number, epochs=30):
    """What an architecture's record is made of.

    Texts of one epoch are new objects or the same, as `number` says.
    """
    names = [f"{split}@{epoch}" for epoch in range(epochs) for split in ("x-valid", "ori-test")]
    apart = [f"x-valid@{epoch}" for epoch in range(epochs)]
    return OrderedDict(
        name="cifar10",
        epochs=epochs + 300,
        number=-number,
        big=2**40 + number,
        by_epoch={epoch: number + epoch / 8 for epoch in range(epochs)},
        times=OrderedDict((epoch, 0.5) for epoch in range(epochs)),
        mixed={name: float(at) for at, name in enumerate(names)},
        alike={name: number + at / 4 for at, name in enumerate(apart)},
        again={name: number - at / 4 for at, name in enumerate(apart)},
        latency=[np.float64(0.125 + number), np.float32(3)],
        nothing=[None, True, False, (), (number,), (number, "two"), (number, 2, 3), (number, 2, 3, 4), [], {}, {number, "x"}],
        long="o" * (300 + number),
    )


@pytest.mark.parametrize("chunk", [600, 1 << 20])
@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_entries_and_head_are_those_of_the_whole(tmp_path, monkeypatch, chunk, count):
    monkeypatch.setattr(pickle_stream, "CHUNK", chunk)
    names = [f"name {number}" for number in range(1500)]
    entries = {number: {"name": names[number], "curves": curves(number)} for number in range(count)}
    content = {"names": names, "total": count, "entries": entries, "done": set(entries)}
    file = write(tmp_path / "f.pbz2", content)
    stream = EntryStream(file, "entries")
    seen = []
    for key, value in stream:
        if count > 1:
            assert stream.head == {"names": names, "total": count}, "what stands before the entries is there from the first on"
        seen.append((key, value))
    assert seen == list(load_pickle(file)["entries"].items())
    assert stream.head == {"names": names, "total": count, "done": set(entries)}
    if count:
        assert type(seen[0][1]["curves"]) is OrderedDict
        assert type(seen[0][1]["curves"]["latency"][0]) is float


def test_more_entries_than_a_pickle_writes_at_once(tmp_path):
    entries = {number: {"number": [number]} for number in range(2345)}
    assert dict(EntryStream(write(tmp_path / "f.pbz2", {"total": 0, "entries": entries}), "entries")) == entries


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 300) | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(max_size=2), plain, max_size=3), max_size=5), st.sampled_from([4, 5]))
def test_any_plain_entries_come_back(tmp_path, values, protocol):
    entries = dict(enumerate(values))
    assert dict(EntryStream(write(tmp_path / "f.pbz2", {"total": 0, "entries": entries}, protocol), "entries")) == entries


def test_an_entry_written_in_parts_is_refused(tmp_path):
    entries = {0: dict.fromkeys(range(1001), 0.5), 1: {"a": 1}}
    with pytest.raises(DataError, match="damaged"):
        list(EntryStream(write(tmp_path / "f.pbz2", {"total": 2, "entries": entries}), "entries"))


def test_the_only_field_is_read_too(tmp_path):
    entries = {0: {"a": {"b": 1}}, 1: {}, 2: {"a": {"b": {}}}}
    assert dict(EntryStream(write(tmp_path / "f.pbz2", {"entries": entries}), "entries")) == entries


def test_texts_of_earlier_entries_may_be_referred_to(tmp_path):
    text, late = "".join(["a ", "text"]), "".join(["late ", "text"])
    entries = {0: {"a": text, "b": "".join(["a ", "text"])}, 1: {"a": late}, 2: {"a": text, "b": late}, 3: {"a": late}}
    raw = pickle.dumps({"total": 0, "entries": entries}, protocol=4)
    assert raw.count(b"late text") == 1
    assert dict(EntryStream(write(tmp_path / "f.pbz2", raw), "entries")) == entries


def test_entries_that_share_a_container_are_refused_not_misread(tmp_path):
    shared = {"x-valid@0": 1.0}
    file = write(tmp_path / "f.pbz2", {"total": 0, "entries": {0: {"a": shared}, 1: {"a": shared}}})
    stream = iter(EntryStream(file, "entries"))
    assert next(stream) == (0, {"a": shared})
    with pytest.raises(DataError, match=r"f\.pbz2: entries of 'entries' share data.*Import the folder"):
        next(stream)


def test_entries_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(pickle_stream, "CHUNK", 1 << 14)
    file = write(tmp_path / "f.pbz2", {"total": 0, "entries": {number: curves(number, 100) for number in range(100)}})

    def peak(read):
        tracemalloc.start()
        read()
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(lambda: [key for key, _ in EntryStream(file, "entries")]) < peak(lambda: load_pickle(file)) / 4


def test_a_foreign_name_is_refused_before_anything_runs(tmp_path):
    trace = tmp_path / "trace"
    file = write(tmp_path / "bad.pbz2", {"total": 0, "entries": {0: curves(0), 1: {"a": Runs(trace)}, 2: {}}})
    stream = iter(EntryStream(file, "entries"))
    next(stream)
    with pytest.raises(DataError, match=r"bad\.pbz2 asks for (_io|io)\.open, which no published archive needs"):
        next(stream)
    assert not trace.exists()
    with pytest.raises(DataError, match=r"asks for os\.system"):
        list(EntryStream(write(tmp_path / "old.pbz2", b"\x80\x04cos\nsystem\n."), "entries"))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "ends before"),
        (b"\x80\x04}", "ends before"),
        (b"\x80\x02}.", "protocol 2"),
        (b"\x80\x04\x81.", "operation"),
        (b"\x80\x04}K\x01b.", "a dict instead of a NumberType"),
        (b"\x80\x04}K\x01\x85R.", "a call of what is no allowed name"),
        (b"\x80\x04]K\x01K\x02s.", "a list instead of a dict"),
        (b"\x80\x04}(K\x01u.", "a key without a value"),
        (b"\x80\x04s.", "lacks what it is about"),
        (b"\x80\x04}.more", "goes on after"),
        (b"\x80\x04].", "no dictionary"),
        (b"\x80\x04h\x07.", "index"),
    ],
)
def test_what_no_archive_says_is_refused(tmp_path, raw, reason):
    with pytest.raises(DataError, match=rf"f\.pbz2 is damaged .*{reason}"):
        list(EntryStream(write(tmp_path / "f.pbz2", raw), "entries"))


def test_damage_is_reported(tmp_path):
    entries = {number: curves(number) for number in range(5)}
    whole = write(tmp_path / "f.pbz2", {"total": 0, "entries": entries}).read_bytes()
    cases = {
        "cut": whole[: len(whole) // 2],
        "flipped": whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:],
        "plain": b"no archive",
    }
    for name, raw in cases.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(DataError, match=f"{name} is damaged"):
            list(EntryStream(tmp_path / name, "entries"))
