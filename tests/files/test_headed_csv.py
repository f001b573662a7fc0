"""CSV files with a head: what is written is read, and every fault names its line."""

import pytest

from nasgym.errors import DataError, UnknownName
from nasgym.files.headed_csv import read_headed_csv, write_headed_csv

KEYS = ("name", "size", "note")
TITLE = "toys-1"
TEXT = "# toys-1\n# name: ball\n# size: 3\nkind, weight\nred,1.5\n\n blue , 2\n"


@pytest.fixture
def read(tmp_path):
    def one(content: str | bytes, title: str = TITLE):
        path = tmp_path / "toys.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_headed_csv(path, KEYS, title)

    return one


def test_head_columns_and_rows(read):
    found = read(TEXT)
    assert found.head == {"name": "ball", "size": "3"}
    assert (found.columns, found.number) == (("kind", "weight"), 4)
    assert found.rows == [(5, {"kind": "red", "weight": "1.5"}), (7, {"kind": "blue", "weight": "2"})]
    assert found.where(7) == f"{found.path}, line 7"


def test_a_head_without_a_title_and_a_file_without_a_head(read):
    assert read("# name: ball: red\nkind\n", title="").head == {"name": "ball: red"}
    found = read("\ufeffkind\nred\n", title="")
    assert (dict(found.head), found.columns, found.rows) == ({}, ("kind",), [(2, {"kind": "red"})])


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "toys.csv"
    rows = [["red, dark", 1], ['"blue"', ""]]
    write_headed_csv(path, TITLE, {"name": "ball", "size": 3, "note": ""}, ["kind", "weight"], rows)
    assert path.read_bytes().startswith(b"# toys-1\n# name: ball\n# size: 3\nkind,weight\n")
    found = read_headed_csv(path, KEYS, TITLE)
    assert found.head == {"name": "ball", "size": "3"}
    assert [list(cells.values()) for _, cells in found.rows] == [["red, dark", "1"], ['"blue"', ""]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# toys-1\n", "", "has no header: its first line must be '# toys-1', the next one '# name: ...'"),
        ("# size: 3", "# size", "line 3: '# size' is no line of a header"),
        ("# size: 3", "# name: box", "line 3: the header says 'name' twice"),
        ("red,1.5", "red,1.5,2", "line 5: 3 cells, the header has 2"),
        ("red,1.5", 'red,"1.5', "line 5 is not readable as CSV"),
        ("kind, weight", "", "line 4 is empty; it names the columns"),
        ("kind, weight\nred,1.5\n\n blue , 2\n", "", "ends after its header"),
    ],
)
def test_one_thing_wrong(read, old, new, message):
    assert old in TEXT
    with pytest.raises(DataError, match=message):
        read(TEXT.replace(old, new))


def test_an_unknown_key_is_named_with_its_line(read):
    with pytest.raises(UnknownName, match=r"key of the header in .*line 3: 'siz'\. Did you mean 'size'"):
        read(TEXT.replace("size", "siz"))


def test_files_that_are_no_text(read, tmp_path):
    with pytest.raises(DataError, match="not readable as text in UTF-8"):
        read(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not readable as text in UTF-8"):
        read_headed_csv(tmp_path / "absent.csv", KEYS)
    with pytest.raises(DataError, match="has no header"):
        read("")


def test_columns_are_checked_when_the_caller_asks(read):
    found = read(TEXT)
    found.check_columns(("kind", "weight", "colour"), ("kind",))
    with pytest.raises(UnknownName, match=r"column in .*line 4: 'weight'\. Did you mean 'weights'"):
        found.check_columns(("kind", "weights"), ())
    with pytest.raises(DataError, match="line 4 lacks the column 'colour'; it has kind, weight"):
        found.check_columns(("kind", "weight", "colour"), ("colour",))
    with pytest.raises(DataError, match="line 4: two columns are called 'kind'"):
        read(TEXT.replace("weight", "kind")).check_columns(("kind",), ())
