import itertools
import json

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.importers.nas_bench_macro import import_nas_bench_macro, read_nas_bench_macro
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.tables.table_folder import find_table, table_path


def entry(text):
    """Numbers that show their architecture, and do not depend on where the identities stand."""
    value = 10 * text.count("2") + text.count("1")
    accuracies = [value, value + 0.5, value + 1.0]
    return {"test_acc": accuracies, "mean_acc": value + 0.5, "std": 0.4, "params": 1000 + value, "flops": 5000 + value}


@pytest.fixture(scope="module")
def entries():
    texts = ["".join(digits) for digits in itertools.product("012", repeat=8)]
    return {text: entry(text) for text in reversed(texts)}


def write(path, entries):
    path.write_text(json.dumps(entries))
    return path


def test_the_file_becomes_a_table(tmp_path, entries):
    seen = []
    path = import_nas_bench_macro(write(tmp_path / "macro.json", entries), lambda done, total: seen.append((done, total)))
    assert path == table_path("nas-bench-macro")
    assert (seen[0], seen[-1], len(seen)) == ((1, 6561), (6561, 6561), 6561)
    table = find_table("nas-bench-macro")
    row = int("12010002", 3)
    assert NASBenchMacroSpace().to_str(NASBenchMacroSpace().enumerate()[row : row + 1]) == ["12010002"]
    assert table.accuracy["cifar10", 50, "test"][row] == pytest.approx([0.22, 0.225, 0.23])
    assert table.cost("cifar10", "macs_table")[row] == 5022
    assert table.cost("cifar10", "params_table")[row] == 1022
    assert table.card["canonical"] is True
    assert table.card["search_metric"] == "test"
    assert not table.train_seconds


def test_canonical_is_measured(tmp_path, entries):
    # 00... and 01 0...: in the second stage, an identity before and after an operation
    changed = {**entries, "00010000": {**entry("00010000"), "test_acc": [1.0, 1.5, 2.0]}}
    table = read_nas_bench_macro(write(tmp_path / "m.json", changed))
    assert table.card["canonical"] is True, "the three numbers are the same as before"
    changed["00010000"] |= {"test_acc": [1.1, 1.5, 2.0], "mean_acc": 1.5333}
    table = read_nas_bench_macro(write(tmp_path / "m.json", changed))
    assert table.card["canonical"] is False
    assert any("differ" in note for note in table.card["notes"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_acc": [90, 91]}, "test_acc = .90, 91., expected 3 numbers"),
        ({"test_acc": [90, 91, None]}, "expected 3 numbers"),
        ({"test_acc": [90, 91, 192]}, "expected percent"),
        ({"test_acc": [90, 91, float("nan")]}, "expected percent"),
        ({"mean_acc": 50}, "another mean"),
        ({"params": "1e6"}, "params = '1e6'"),
        ({"flops": -1}, "flops = -1"),
        ({"flops": None}, "flops = None"),
    ],
)
def test_wrong_entries_are_named(tmp_path, entries, change, message):
    changed = {**entries, "01201201": {**entries["01201201"], **change}}
    with pytest.raises(DataError, match=message) as caught:
        read_nas_bench_macro(write(tmp_path / "macro.json", changed))
    assert "01201201" in str(caught.value)


def test_incomplete_and_foreign_files_are_refused(tmp_path, entries):
    with pytest.raises(DataError, match="6,560 of 6,561 architectures, the first missing is '00000002'"):
        read_nas_bench_macro(write(tmp_path / "a.json", {k: v for k, v in entries.items() if k != "00000002"}))
    with pytest.raises(DataError, match="'00000003' that is no architecture"):
        read_nas_bench_macro(write(tmp_path / "b.json", {**entries, "00000003": entry("0")}))
    with pytest.raises(DataError, match="holds a list"):
        read_nas_bench_macro(write(tmp_path / "c.json", []))
    (tmp_path / "d.json").write_text("{")
    with pytest.raises(DataError, match="not readable as JSON"):
        read_nas_bench_macro(tmp_path / "d.json")
    with pytest.raises(DataError, match="not readable"):
        read_nas_bench_macro(tmp_path / "absent.json")


def test_the_published_file(shared):
    table = read_nas_bench_macro(shared / "raw" / "nas_bench_macro" / "nas-bench-macro_cifar10.json")
    space = NASBenchMacroSpace()
    accuracy = table.accuracy["cifar10", 50, "test"]
    mean = accuracy.mean(axis=1)
    best = space.enumerate()[mean == mean.max()]
    assert space.to_str(best) == ["22212202", "22212220"]
    assert space.to_str(space.canonical(best)) == ["22212220", "22212220"]
    assert mean.max() == pytest.approx(0.9313, abs=5e-5)
    assert mean.min() == pytest.approx(0.4536, abs=5e-5)
    assert table.card["canonical"] is True
    assert len(np.unique(accuracy, axis=0)) <= 3969
    with np.load(shared / "tables" / "nas_bench_macro.npz", allow_pickle=False) as other:
        rows = space.index_of(other["ops"])
        assert np.array_equal(table.cost("cifar10", "macs_table")[rows], other["flops"])
        assert accuracy[rows] == pytest.approx(other["test_acc"] / 100, abs=1e-6)
