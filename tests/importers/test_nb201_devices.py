"""Device costs from a CSV file: names, units, rows, and what is said about mistakes."""

import gzip
import json
import re

import numpy as np
import pytest

from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.files.arrays import checksum_path
from nasgym.importers.column_names import Meanings, column_meanings, read_meanings
from nasgym.importers.nb201_devices import import_cost_columns
from nasgym.registry import SPACES
from nasgym.tables.cost_columns import CostColumns, columns_path, find_columns, read_columns, write_columns
from tests.tiny import SIZE, tiny_space

NOTHING = Meanings({}, {})


@pytest.fixture
def sheet(tmp_path, monkeypatch):
    """Writes ``my.csv`` for the tiny space, registered; its rows are in reverse order."""
    monkeypatch.setitem(SPACES.builtin, "tiny", "tests.tiny:tiny_space")
    texts = tiny_space().to_str(tiny_space().enumerate())

    def write(change=lambda lines: lines, header="arch_str,phone_ms,board_mj"):
        lines = [f'"{text}",{i + 1}.5,{"" if i == 3 else i}' for i, text in enumerate(texts)]
        path = tmp_path / "my.csv"
        path.write_text("\n".join([header, *change(lines[::-1])]) + "\n")
        return path

    return write


def meant(tmp_path, header, **entries):
    return [
        (m.dataset, m.name, m.factor)
        for m in column_meanings(tmp_path / "my.csv", ["arch_str", *header], Meanings({}, entries))
    ]


def test_rows_come_into_the_order_of_the_space(sheet, own_data_folder):
    path = import_cost_columns(sheet(), space="tiny", name="mine")
    assert path == columns_path("tiny", "mine") == own_data_folder / "costs" / "tiny" / "mine.npz"
    (columns,) = find_columns("tiny")
    assert columns.column("toy", "latency_ms@phone").tolist() == [i + 1.5 for i in range(SIZE)]
    energy = columns.column("toy", "energy_mj@board")
    assert np.isnan(energy).nonzero()[0].tolist() == [3]
    assert energy[[0, 4, 35]].tolist() == [0, 4, 35]
    assert columns.names("toy") == ("energy_mj@board", "latency_ms@phone")
    assert columns.names("toy", complete=True) == ("latency_ms@phone",)
    assert columns.num_complete == 1
    assert columns.card["source"]["file"] == "my.csv"


def test_a_packed_file_is_the_same(sheet, tmp_path):
    plain = read_columns(import_cost_columns(sheet(), space="tiny"))
    (tmp_path / "my.csv.gz").write_bytes(gzip.compress((tmp_path / "my.csv").read_bytes()))
    packed = read_columns(import_cost_columns(tmp_path / "my.csv.gz", space="tiny"))
    assert packed.fingerprint == plain.fingerprint
    (tmp_path / "my.csv.gz").write_bytes(gzip.compress((tmp_path / "my.csv").read_bytes())[:-30])
    with pytest.raises(DataError, match="not readable as CSV"):
        import_cost_columns(tmp_path / "my.csv.gz", space="tiny")


def test_units_become_milliseconds_and_millijoules(tmp_path):
    header = [
        "a_ms",
        "b_us",
        "c_s",
        "d_latency_us",
        "e_mj",
        "f_uj",
        "g_j",
        "h_energy_j",
        "arch_index",
        "rep_arch_index",
        "acc_x",
    ]
    assert meant(tmp_path, header) == [
        ("*", "latency_ms@a", 1.0),
        ("*", "latency_ms@b", 1e-3),
        ("*", "latency_ms@c", 1e3),
        ("*", "latency_ms@d", 1e-3),
        ("*", "energy_mj@e", 1.0),
        ("*", "energy_mj@f", 1e-3),
        ("*", "energy_mj@g", 1e3),
        ("*", "energy_mj@h", 1e3),
    ]


def test_names_of_publications(tmp_path):
    header = ["hwnas_raspi4_ms", "hwnas_fpga_mj", "help_titan_rtx_32_ms", "nnmeter_adreno630_ms", "hwnas_edgetpu_ms"]
    header += ["eagle_edgetpu_ms", "hw360_pi5_litert_darcy_ms", "hw360_pi5_litert_cifar100_mj"]
    assert [found[:2] for found in meant(tmp_path, header)] == [
        ("cifar10", "latency_ms@raspi4"),
        ("cifar10", "energy_mj@fpga"),
        ("*", "latency_ms@titan_rtx_32"),
        ("*", "latency_ms@nnmeter_adreno630"),
        ("cifar10", "latency_ms@edgetpu"),
        ("*", "latency_ms@eagle_edgetpu"),
        ("darcy", "latency_ms@hw360_pi5_litert"),
        ("cifar100", "energy_mj@hw360_pi5_litert"),
    ]
    (fpga,) = column_meanings(tmp_path / "my.csv", ["arch_str", "hwnas_fpga_mj"], NOTHING)
    assert "DERIVED as 7 W" in fpga.note
    assert "not measured" in fpga.note


def test_a_json_file_says_what_names_do_not(tmp_path):
    entries = {
        "edgegpu_latency": {"unit": "us", "dataset": "cifar10"},
        "Column 7": {"cost": "energy", "unit": "j", "device": "x"},
        "latency_ms": {"device": "phone"},
    }
    assert meant(tmp_path, ["edgegpu_latency", "Column 7", "latency_ms"], **entries) == [
        ("cifar10", "latency_ms@edgegpu", 1e-3),
        ("*", "energy_mj@x", 1e3),
        ("*", "latency_ms@phone", 1.0),
    ]


@pytest.mark.parametrize(
    ("header", "entries", "error", "message"),
    [
        (["phone_mss"], {}, UnknownName, "Did you mean 'phone_ms'.*DEVICE_ms"),
        (["arch_indx", "a_ms"], {}, UnknownName, "Did you mean 'arch_index'"),
        (["phone_latency"], {}, DataError, "does not say its unit.*phone_latency_ms.*units are ms"),
        (["phone_latency_mj"], {}, DataError, "'mj' is a unit of energy, not of latency"),
        (["phone_ms"], {"phone_ms": {"unit": "us"}}, DataError, "name says that its unit is 'ms', the JSON file 'us'"),
        (["phone_ms"], {"fone_ms": {"unit": "ms"}}, UnknownName, "Did you mean 'phone_ms'"),
        (["help_x_ms", "hwnas_y_ms", "x_latency_us"], {}, DataError, "'help_x_ms' and 'x_latency_us' are both latency_ms@x"),
        (["arch_index"], {}, DataError, "no column of costs"),
        (["Pixel3_ms"], {}, UnknownName, "'Pixel3_ms'. Did you mean 'pixel3_ms'"),
        (["My Phone_us"], {}, UnknownName, "Did you mean 'my-phone_us'"),
        (["latency_ms"], {}, DataError, "'latency' is no device; rename the column, for example DEVICE_latency_ms"),
        (["energy_mj"], {}, DataError, "'energy' is no device"),
        (["train_s"], {}, DataError, "'train' is no device.* or leave the column out"),
        (["Phone_ms"], {"Phone_ms": {"unit": "ms", "cost": "latency"}}, DataError, "no name of a device"),
    ],
)
def test_column_mistakes(tmp_path, header, entries, error, message):
    with pytest.raises(error, match=message):
        meant(tmp_path, header, **entries)


def test_architectures_need_their_column(tmp_path):
    with pytest.raises(UnknownName, match=r"'arch_str'. Did you mean 'arch_st'"):
        column_meanings(tmp_path / "my.csv", ["arch_st", "a_ms"], NOTHING)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[1]", DataError, "got list"),
        ("{", DataError, "not readable as JSON"),
        ("[" * 100_000, DataError, "not readable as JSON"),
        ('{"a": {"unit": "ms"}, "a": {"unit": "us"}}', DataError, "the key 'a' is there twice"),
        ('{"a": {"unit": "ms", "unit": "us"}}', DataError, "the key 'unit' is there twice"),
        ('{"a": 3}', DataError, "a sentence, or an object"),
        ('{"a": {"units": "ms"}}', UnknownName, "Did you mean 'unit'"),
        ('{"a": {"unit": "sec"}}', UnknownName, "Known: ms, us, s"),
        ('{"a": {"cost": "latencies"}}', UnknownName, "Did you mean 'latency'"),
        ('{"a": {"unit": 3}}', DataError, "is a text, got 3"),
        ('{"a": {"dataset": "a/b"}}', DataError, "no name of a data set"),
    ],
)
def test_json_mistakes(tmp_path, text, error, message):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(error, match=message):
        read_meanings(tmp_path / "m.json")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    (tmp_path / "m.json").write_text('\ufeff{"a": "words"}', encoding="utf-8")
    assert read_meanings(tmp_path / "m.json").texts == {"a": "words"}


def test_sentences_are_kept_and_notes_reported(sheet, tmp_path):
    (tmp_path / "m.json").write_text(json.dumps({"_about": "mine", "phone_ms": {"dataset": "toy", "note": "measured twice"}}))
    columns = read_columns(import_cost_columns(sheet(), tmp_path / "m.json", space="tiny"))
    assert columns.card["published"] == {"_about": "mine"}
    assert columns.about("toy", "latency_ms@phone") == "measured twice (column phone_ms)"
    assert columns.card["meanings"]["file"] == "m.json"
    with pytest.raises(UnknownName, match="Known: energy_mj@board"):
        columns.column("other", "latency_ms@phone")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-2], r"2 of 36 architectures are missing, the first is .*blank cells"),
        (lambda lines: [*lines, lines[4]], "rows 6 and 38 are the same architecture"),
        (lambda lines: [re.sub(",1.5,", ",-1,", line) for line in lines], "'phone_ms': -1 is negative; leave a cell blank"),
        (lambda lines: [re.sub(",1.5,", ",fast,", line) for line in lines], "row 37, column 'phone_ms': 'fast' is no number"),
        (lambda lines: [re.sub(",1.5,", ",inf,", line) for line in lines], "inf is not finite"),
        (lambda lines: ["?" + lines[0][lines[0].index(chr(34), 1) + 1 :], *lines[1:]], "row 2, column 'arch_str'"),
        (lambda lines: [*lines, "1,2"], "row 38: 2 cells, the header has 3"),
        (lambda lines: [re.sub(",[^,]*$", ",", line) for line in lines], "no value for any architecture; leave the column out"),
    ],
)
def test_row_mistakes(sheet, change, message, own_data_folder):
    with pytest.raises(DataError, match=message):
        import_cost_columns(sheet(change), space="tiny")
    assert not own_data_folder.exists()


def test_names_and_spaces_that_do_not_do(sheet):
    with pytest.raises(InvalidValue, match=r"'\.\./x' is no name"):
        import_cost_columns(sheet(), space="tiny", name="../x")
    with pytest.raises(UnknownName, match="Did you mean 'tiny'"):
        import_cost_columns(sheet(), space="tinny")
    with pytest.raises(InvalidValue, match="too many for a row each"):
        import_cost_columns(sheet(), space="ofa")


def test_the_fingerprint_of_a_column_is_its_own(sheet):
    columns = read_columns(import_cost_columns(sheet(), space="tiny"))
    key, other = ("*", "latency_ms@phone"), ("*", "energy_mj@board")
    changed = CostColumns(columns.card, {key: columns.costs[key] + 1, other: columns.costs[other]})
    assert changed.fingerprint != columns.fingerprint
    assert changed.fingerprint_of(*other) == columns.fingerprint_of(*other)
    assert changed.fingerprint_of(*key) != columns.fingerprint_of(*key)


def test_a_damaged_file_is_noticed(sheet):
    path = import_cost_columns(sheet(), space="tiny")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="is damaged"):
        find_columns("tiny")
    checksum_path(path).unlink()
    with pytest.raises(DataError, match="no checksum"):
        read_columns(path)


def test_a_file_in_the_place_of_another_is_noticed(sheet):
    columns = read_columns(import_cost_columns(sheet(), space="tiny"))
    write_columns(columns, columns_path("digits", "nb201-devices"))
    with pytest.raises(DataError, match="of space 'tiny'"):
        find_columns("digits")


def test_cost_columns_have_no_negative_entries():
    card = {"name": "x", "space": "tiny", "notes": {}}
    with pytest.raises(DataError, match="negative or infinite"):
        CostColumns(card, {("*", "latency_ms@x"): np.array([1.0, -1.0])})
    with pytest.raises(DataError, match="expected"):
        CostColumns(card, {("*", "latency_ms@x"): np.ones(2), ("*", "latency_ms@y"): np.ones(3)})
    with pytest.raises(DataError, match="lacks 'notes'"):
        CostColumns({"name": "x", "space": "tiny"}, {("*", "latency_ms@x"): np.ones(2)})
