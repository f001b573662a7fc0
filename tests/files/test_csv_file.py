import gzip
import math

import pytest

from nasgym.errors import DataError, UnknownName
from nasgym.files.csv_file import cell_number, read_csv


@pytest.mark.parametrize(("cell", "value"), [("1.5", 1.5), ("-2e3", -2000.0), ("inf", math.inf)])
def test_numbers_in_cells(cell, value):
    assert cell_number("here", cell) == value


@pytest.mark.parametrize("cell", ["", "fast", "1_000", "1,5", "0x10"])
def test_cells_that_are_no_number(cell):
    with pytest.raises(DataError, match=rf"^row 3: '{cell}' is no number\.$"):
        cell_number("row 3", cell)


def test_columns_of_a_sheet_also_of_a_packed_one(tmp_path):
    text = "\ufeffname, size\na,1\n\nb, 2.5\nc,\n"
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.csv", "b.csv.gz"):
        sheet = read_csv(tmp_path / name, ["size"])
        assert (sheet.header, sheet.column("name"), sheet.numbers) == (("name", "size"), ["a", "b", "c"], [2, 4, 5])
        values = sheet.floats("size", blank=True)
        assert values[:2].tolist() == [1, 2.5]
        assert math.isnan(values[2])
        with pytest.raises(DataError, match="row 5, column 'size': the cell is empty"):
            sheet.floats("size")


@pytest.mark.parametrize(
    ("cell", "message"),
    [("x", "'x' is no number"), ("-1", "-1 is negative; a table"), ("nan", "nan is not finite"), ("1_0", "'1_0' is no number")],
)
def test_a_cell_that_is_not_allowed_is_named(tmp_path, cell, message):
    (tmp_path / "a.csv").write_text(f"size\n1\n{cell}\n")
    with pytest.raises(DataError, match=f"row 3, column 'size': {message}"):
        read_csv(tmp_path / "a.csv").floats("size")


def test_a_column_that_is_not_there(tmp_path):
    (tmp_path / "a.csv").write_text("size\n1\n")
    with pytest.raises(UnknownName, match=r"column of a\.csv 'sise'\. Did you mean 'size'"):
        read_csv(tmp_path / "a.csv", ["sise"])
