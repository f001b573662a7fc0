import numpy as np
import pytest

from nasgym.errors import DataError, UnknownName
from nasgym.files.arrays import verify_checksum, write_arrays
from nasgym.quality import ACCURACY, Quality
from nasgym.tables.table_file import FORMAT, Table, _pack, read_table, write_table

CARD = {
    "name": "t",
    "space": "nats-tss",
    "datasets": ["a", "b"],
    "search_fidelity": 1,
    "report_fidelity": 2,
    "search_metric": "validation",
    "canonical": False,
    "note": "ä",
}
KEY = ("a", 1, "validation")


def make(card=None, accuracy=None, seconds=None, costs=None):
    values = np.array([[0.5, np.nan], [0.25, 1.0], [0.0, 0.75]], dtype=np.float32)
    return Table(
        {**CARD, **(card or {})},
        {KEY: values, ("a", 2, "test"): values[:, 1:] * 0 + 1} if accuracy is None else accuracy,
        {("a", 1): np.array([1.0, 2.0, 3.0])} if seconds is None else seconds,
        {("*", "latency_ms@x/y"): np.array([1.0, np.nan, 2.0]), ("a", "macs"): np.arange(3.0)} if costs is None else costs,
    )


def full():
    values = np.full((3, 2), 0.5, dtype=np.float32)
    return make(accuracy={KEY: values, ("a", 2, "test"): values[:, :1]})


def test_what_is_written_is_read(tmp_path):
    table = full()
    path = write_table(table, tmp_path / "deep" / "t.npz")
    again = read_table(path)
    assert dict(again.card) == CARD
    assert again.fingerprint == table.fingerprint
    assert sorted(again.accuracy) == sorted(table.accuracy)
    assert np.array_equal(again.cost("b", "latency_ms@x/y"), [1, np.nan, 2], equal_nan=True)
    assert again.cost_names("b") == ("latency_ms@x/y",)
    assert again.cost_names("a") == ("latency_ms@x/y", "macs")
    assert again.fidelities("a") == (1, 2)
    with pytest.raises(UnknownName, match="Did you mean 'macs'"):
        again.cost("a", "macss")
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_the_fingerprint_covers_numbers_and_their_meaning():
    found = {full().fingerprint}
    found.add(make(card={"search_metric": "test"}, accuracy=full().accuracy).fingerprint)
    found.add(make(accuracy=full().accuracy, costs={}).fingerprint)
    found.add(make(accuracy=full().accuracy, seconds={}).fingerprint)
    assert len(found) == 4
    assert make(card={"note": "other"}, accuracy=full().accuracy).fingerprint == full().fingerprint


def test_every_damaged_byte_is_an_error_or_harmless(tmp_path):
    path = write_table(full(), tmp_path / "t.npz")
    whole = path.read_bytes()
    for position in range(0, len(whole), 37):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with pytest.raises(DataError, match="damaged"):
            verify_checksum(path)
        try:
            table = read_table(path)
        except DataError:
            continue
        assert table.fingerprint == full().fingerprint


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "t.npz"
    for raw in (b"", b"no table", b"PK\x03\x04"):
        path.write_bytes(raw)
        with pytest.raises(DataError, match="no nasgym table"):
            read_table(path)
    with pytest.raises(DataError, match="no nasgym table"):
        read_table(tmp_path / "absent.npz")
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="no nasgym table"):
        read_table(path)
    for card in ("{}", "[]", '{"format": "nasgym-table-0"}'):
        np.savez(path, card=np.array(card))
        with pytest.raises(DataError, match="another format"):
            read_table(path)
    for name in ("extra", "accuracy/a/x/test", "accuracy/a/1", "train_seconds/a", "cost/a"):
        np.savez(path, card=np.array('{"format": "nasgym-table-1"}'), **{name: np.zeros(1)})
        with pytest.raises(DataError, match=f"array '{name}'"):
            read_table(path)


BAD = np.full((3, 2), 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy": {}}, "has no accuracies"),
        ({"accuracy": {KEY: BAD[:, 0]}}, "has the shape"),
        ({"accuracy": {KEY: BAD * 100}}, "divide percent by 100"),
        ({"accuracy": {KEY: BAD - 1}}, r"row 0: -0.5 is no accuracy, which reaches from 0 to 1"),
        ({"accuracy": {KEY: np.where([[1], [0], [1]], BAD, np.nan)}}, r"1 architectures, the first in row 1"),
        ({"accuracy": {("c", 1, "test"): BAD}}, "datasets are"),
        ({"accuracy": {("a", 1, "train"): BAD}}, "splits"),
        ({"seconds": {("a", 1): np.zeros((3, 5))}}, r"train_seconds a/1 .* expected \(3,\) or \(3, 2\)"),
        ({"seconds": {("b", 1): np.zeros(3)}}, "no accuracies for them"),
        ({"seconds": {("a", 1): np.array([1, -1, 1])}}, "negative"),
        ({"seconds": {("a", 1): np.array([1, np.inf, 1])}}, "infinite"),
        ({"costs": {("a", "macs"): np.zeros((3, 1))}}, "has the shape"),
        ({"costs": {("a", "macs"): np.array([0, -1, 0])}}, "negative"),
    ],
)
def test_what_is_no_table(changes, message):
    with pytest.raises(DataError, match=message):
        make(**{"accuracy": {KEY: BAD}, **changes})


@pytest.mark.parametrize(
    "key", ["name", "space", "datasets", "search_fidelity", "report_fidelity", "search_metric", "canonical"]
)
def test_the_card_is_complete(key):
    card = {k: v for k, v in CARD.items() if k != key}
    with pytest.raises(DataError, match=f"lacks '{key}'"):
        Table(card, {KEY: BAD}, {}, {})


# ---- other qualities than accuracy -------------------------------------------------------------

PERPLEXITY = {"name": "perplexity", "unit": "", "direction": "min", "low": 22.0, "high": 42.0}


def with_quality(values=None, **changes):
    numbers = BAD * 20 + 22 if values is None else values
    return make(card={"qualities": {"a": {**PERPLEXITY, **changes}}}, accuracy={KEY: numbers})


def test_the_card_says_what_the_numbers_of_a_data_set_are(tmp_path):
    table = with_quality()
    assert table.quality("a") == Quality("perplexity", "", "min", 22, 42)
    assert {table.quality(name) for name in table.datasets if name != "a"} <= {ACCURACY}
    again = read_table(write_table(table, tmp_path / "t.npz"))
    assert again.quality("a") == table.quality("a")
    assert again.fingerprint == table.fingerprint


def test_the_quality_is_part_of_the_fingerprint_unless_it_is_a_plain_accuracy():
    found = {with_quality().fingerprint, with_quality(high=43.0).fingerprint, with_quality(direction="max").fingerprint}
    assert len(found) == 3
    plain = {"a": ACCURACY.describe()}
    assert make(card={"qualities": plain}, accuracy=full().accuracy).fingerprint == full().fingerprint


def test_a_number_outside_of_the_range_is_refused_with_its_row(tmp_path):
    wrong = BAD * 20 + 22
    wrong[2, 1] = 760
    with pytest.raises(DataError, match=r"accuracy a/1/validation of table 't', row 2: 760 is no perplexity, .* 22 to 42\."):
        with_quality(wrong)
    table = with_quality()
    # a card that was changed after its numbers were checked
    write_arrays(
        tmp_path / "t.npz", {"format": FORMAT, **table.card, "qualities": {"a": {**PERPLEXITY, "high": 30.0}}}, _pack(table)
    )
    with pytest.raises(DataError, match=r"row \d: .* is no perplexity, which reaches from 22 to 30"):
        read_table(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("qualities", "says"),
    [
        (["a"], "maps data sets to qualities, got"),
        ({"z": PERPLEXITY}, "has a quality of 'z'; its data sets are"),
        ({"a": {**PERPLEXITY, "direction": "down"}}, "direction of 'perplexity' 'down'"),
        ({"a": {"low": 1}}, "described by its name"),
    ],
)
def test_a_card_with_wrong_qualities(qualities, says):
    with pytest.raises(DataError, match=says):
        make(card={"qualities": qualities})
