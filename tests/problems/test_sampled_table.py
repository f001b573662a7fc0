"""From a CSV file of 300 trained networks to a comparison on all 3,125, by the commands."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.sampled_digits import truth, write_sample
from nasgym import cli
from nasgym.importers.own_table import read_own_table
from nasgym.spaces.digits import DigitsSpace
from nasgym.surrogates.surrogate import read_surrogate, surrogate_path
from nasgym.tables.table_folder import find_table


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["nasgym", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return run_here


def test_three_hundred_networks_make_an_environment(call, tmp_path):
    for package in ("sklearn", "scipy", "matplotlib", "jinja2"):
        pytest.importorskip(package)
    csv, spec = write_sample(tmp_path, 300, name="sample")
    code, out, _ = call("data", "import", "table", csv, spec)
    assert code == 0
    assert "it is a sample; next: nasgym data fit-surrogate sample" in out
    compare = ("compare", "nasgym/Table-v0", "--set", "table=sample", "--agents", "random,local-search", "--budget", "40")
    play = (*compare, "--set", "accuracy=surrogate", "--seeds", "2", "--jobs", "1", "--out", "out")
    code, _, err = call(*play)
    assert code == 2
    assert "fit it with `nasgym data fit-surrogate sample`" in err
    code, out, _ = call("data", "fit-surrogate", "sample")
    assert code == 0
    assert "fitted to 300 of 3,125 architectures" in out
    assert "Kendall tau" in out
    # what the 300 tell about all 3,125
    known = truth(read_surrogate(surrogate_path("sample")))
    assert known["spearman validation"] > 0.93
    assert known["kendall validation"] > 0.79
    assert known["kendall macs"] > 0.9
    code, out, _ = call(*play)
    assert code == 0
    page = (tmp_path / "out" / "report.html").read_text()
    for text in (out, (tmp_path / "out" / "leaderboard.txt").read_text(), page):
        assert "Accuracies are predicted by gradient-boosted trees fitted to 300 of 3,125" in text.replace("&#39;", "'")
        assert "R2 0.9" in text
        assert "Kendall tau 0.7" in text
        assert "macs_table is PREDICTED" in text
        assert "of 4 answers lie outside of the sample" in text
    assert "20 columns: 10 decisions by the position of their number" in page
    code, out, _ = call("data", "verify")
    assert code == 0
    assert "sample: ok, a sample of 300 of 3,125 architectures" in out
    # and without the surrogate
    code, _, err = call(*compare, "--jobs", "1", "--out", "table")
    assert code == 2
    assert "is not in table 'sample', which is a sample of 300 of 3,125; fit a surrogate" in err


def test_a_sample_differs_from_the_whole_table_by_its_rows(tmp_path):
    table, whole = read_own_table(*write_sample(tmp_path, 50)), find_table("digits")
    rows = DigitsSpace().index_of(table.archs)
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(table.accuracy["default", 14, "test"], whole.accuracy["digits", 14, "test"][rows])
