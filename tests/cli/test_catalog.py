import json

import numpy as np
import pytest

from nasgym.cli import catalog
from nasgym.cli.catalog import list_tables, verify_tables
from nasgym.files.data_folder import data_folder
from nasgym.importers.own_table import import_own_table
from nasgym.tables.table_file import Table, read_table, write_table
from nasgym.tables.table_folder import table_path
from tests.importers.test_own_table import CSV, SPEC

pytestmark = pytest.mark.usefixtures("own_data_folder")


@pytest.fixture
def own(tmp_path):
    (tmp_path / "my.csv").write_text(CSV)
    (tmp_path / "my.json").write_text(json.dumps(SPEC))
    return import_own_table(tmp_path / "my.csv", tmp_path / "my.json")


def imported():
    return [table for table in list_tables() if table.where == "imported"]


def test_an_empty_folder_has_no_imported_tables():
    assert not data_folder().exists()
    assert imported() == []


def test_a_table_is_listed_and_whole(own):
    (info,) = imported()
    assert (info.name, info.space, info.size, info.path) == ("my-table", "my-table", 6, own)
    assert (info.datasets, info.fidelities, info.seeds, info.search_metric) == (("default",), (10,), 2, "validation")
    assert (info.bytes, info.problem) == (own.stat().st_size, "")
    assert check("my-table")[0]


def check(name):
    ((_, whole, message),) = [entry for entry in verify_tables() if entry[0] == name]
    return whole, message


def test_a_damaged_table_is_listed_with_its_problem(own):
    own.write_bytes(own.read_bytes()[:200])
    (info,) = imported()
    assert "no nasgym table" in info.problem
    assert (info.size, info.bytes) == (0, 200)
    whole, message = check("my-table")
    assert not whole
    assert "damaged" in message


def test_a_table_under_another_name_is_noticed(own):
    write_table(read_table(own), table_path("other"))
    whole, message = check("other")
    assert not whole
    assert "holds the table 'my-table'" in message


def test_a_table_that_does_not_fit_its_space_is_noticed():
    card = {"name": "short", "space": "nats-sss", "datasets": ["a"], "search_fidelity": 1, "report_fidelity": 1}
    card |= {"search_metric": "test", "canonical": False}
    write_table(Table(card, {("a", 1, "test"): np.zeros((5, 1), dtype=np.float32)}, {}, {}), table_path("short"))
    whole, message = check("short")
    assert not whole
    assert "5 rows, the space 'nats-sss' of its card 32,768" in message


def test_shipped_tables_are_whole():
    shipped = [table.name for table in list_tables() if table.where == "shipped"]
    assert shipped == list(catalog.shipped_tables())
    for name in shipped:
        assert check(name)[0], check(name)[1]
