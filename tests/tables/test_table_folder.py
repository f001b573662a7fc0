"""Tables by name: an imported one, a shipped one, one of another package, or none."""

import os
from importlib.metadata import EntryPoint

import pytest

from nasgym import registry
from nasgym.errors import DataError, MissingData, UnknownName
from nasgym.spaces.nats_bench import SizeSpace
from nasgym.tables.table_file import write_table
from nasgym.tables.table_folder import find_table, imported_tables, shipped_tables, space_of_card, space_of_table, table_path
from tests.tiny import DESCRIPTION, tiny_space, tiny_table


def where_it_lies():
    raise RuntimeError("not set up")


@pytest.fixture
def package_table(tmp_path, monkeypatch):
    """The table of another package."""
    path = write_table(tiny_table(), tmp_path / "package" / "tiny.npz")
    point = EntryPoint("tiny", f"{__name__}:where_it_lies", "nasgym.tables")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "nasgym.tables" else [])
    monkeypatch.setattr(f"{__name__}.where_it_lies", lambda: path)
    return path


def test_a_table_that_is_not_there_is_an_error_with_the_command_that_gets_it():
    with pytest.raises(MissingData, match="nasgym data import nats-bench PATH"):
        find_table("nats-tss")
    with pytest.raises(
        MissingData, match=rf"nasgym data import table CSV SPEC\.json.*There are: {', '.join(shipped_tables())}"
    ):
        find_table("somebodys")


def test_an_imported_table_is_used_in_place_of_a_shipped_one():
    assert find_table("digits").name == "digits"
    write_table(tiny_table(), table_path("digits"))
    assert list(imported_tables()) == ["digits"]
    assert find_table("digits").name == "tiny"


def test_the_table_of_another_package_is_found_unless_one_is_imported(package_table):
    assert find_table("tiny").fingerprint == tiny_table().fingerprint
    other = tiny_table(shift=0.05)
    write_table(other, table_path("tiny"))
    assert find_table("tiny").fingerprint == other.fingerprint


def test_a_table_is_read_again_only_when_its_file_has_changed():
    path = write_table(tiny_table(), table_path("tiny"))
    first = find_table("tiny")
    assert find_table("tiny") is first
    other = tiny_table(shift=0.05)
    write_table(other, path)
    os.utime(path, ns=(0, 1))
    assert find_table("tiny").fingerprint == other.fingerprint != first.fingerprint
    path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="no nasgym table"):
        find_table("tiny")


def test_the_space_of_a_card_is_named_or_described():
    assert isinstance(space_of_card("nats-sss"), SizeSpace)
    assert space_of_card(DESCRIPTION).fingerprint == tiny_space().fingerprint
    assert space_of_table(tiny_table()).fingerprint == tiny_space().fingerprint
    with pytest.raises(UnknownName, match="Did you mean 'nats-tss'"):
        space_of_card("nats-ss")
