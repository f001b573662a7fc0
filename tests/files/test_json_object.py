import json

import pytest

from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.files.json_object import check_object, parse_json, read_json


def test_what_is_written_is_read(tmp_path):
    values = {"a": [1, -2.5, None, True], "b": {"ä": "text"}}
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps(values), encoding="utf-8")
    assert read_json(tmp_path / "a.json") == values
    assert parse_json("7") == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{", "line 1 column 2"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is there twice"),
        ("[" * 100_000, "nested too deeply"),
        ("7" * 5000, "thousands of digits"),
    ],
)
def test_faults_are_one_sentence_that_names_the_file(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        parse_json(text)
    with pytest.raises(DataError, match=rf"a\.json is not readable as JSON \(.*{message}.*\); expected another\.$"):
        read_json(path, "; expected another")


def test_files_that_are_not_there_or_no_text(tmp_path):
    with pytest.raises(DataError, match=r"absent\.json is not readable as JSON"):
        read_json(tmp_path / "absent.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"bytes\.json is not readable as JSON"):
        read_json(tmp_path / "bytes.json")


def test_keys_are_known_and_required_ones_are_there():
    value = {"name": 1}
    assert check_object("a toy", value, ("name", "size"), ("name",)) is value
    with pytest.raises(UnknownName, match=r"unknown key of a toy 'siz'\. Did you mean 'size'"):
        check_object("a toy", {"siz": 1}, ("name", "size"))
    with pytest.raises(InvalidValue, match="a toy lacks 'size'; it has 'name'"):
        check_object("a toy", value, ("name", "size"), ("name", "size"))
    with pytest.raises(DataError, match="a toy lacks 'size'; it has nothing"):
        check_object("a toy", {}, ("name", "size"), ("size",), DataError)
    with pytest.raises(InvalidValue, match=r"a toy is an object with name, size, got \[1\]"):
        check_object("a toy", [1], ("name", "size"))
