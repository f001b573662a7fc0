"""What ``nasgym data list`` and ``nasgym data verify`` say of every kind of file.

These are tables, devices, cost columns, predictors, surrogates and images.
"""

import json
from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from nasgym import registry
from nasgym.cli.artifacts import list_artifacts, verify_artifacts
from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency, write_device
from nasgym.devices.device_folder import device_path
from nasgym.files.data_folder import data_folder
from nasgym.importers.images import import_images
from nasgym.importers.own_table import import_own_table
from nasgym.surrogates.perceptron import FEATURES, HIDDEN, Predictor, predictor_path, write_predictor
from nasgym.surrogates.surrogate import surrogate_path
from nasgym.tables.cost_columns import CostColumns, columns_path, write_columns
from nasgym.tables.table_file import Table, read_table, write_table
from nasgym.tables.table_folder import shipped_tables, table_path
from tests.importers.documented_table import CSV, SPEC
from tests.importers.image_files import write_image_arrays
from tests.sampled import quicken, sampled_table
from tests.tiny import SIZE, tiny_table

pytestmark = pytest.mark.usefixtures("own_data_folder")

PHONE = Device("my-phone", "ofa", "tflite", 1, 1, "float32", {BlockKey("conv", in_ch=3, out_ch=8): Latency(1.0)})


def held(kind):
    """The one imported file of a kind."""
    (found,) = [one for one in list_artifacts() if one.kind == kind and one.where == "imported"]
    return found


def said(label):
    ((_, whole, words),) = [entry for entry in verify_artifacts() if entry[0] == label]
    return whole, words


@pytest.fixture
def phone():
    return write_device(PHONE, device_path("ofa", "my-phone"))


@pytest.fixture
def columns(monkeypatch):
    monkeypatch.setitem(registry.SPACES.builtin, "tiny", "tests.tiny:tiny_space")
    card = {"name": "mine", "space": "tiny", "notes": {}}
    return write_columns(CostColumns(card, {("*", "latency_ms@x"): np.ones(SIZE)}), columns_path("tiny", "mine"))


@pytest.fixture
def predictor():
    shapes = ((HIDDEN, FEATURES), (HIDDEN, HIDDEN), (HIDDEN, HIDDEN), (1, HIDDEN))
    weights = tuple(np.zeros(shape, dtype=np.float32) for shape in shapes)
    biases = tuple(np.zeros(shape[0], dtype=np.float32) for shape in shapes)
    return write_predictor(Predictor({"name": "ofa", "space": "ofa"}, weights, biases), predictor_path())


# ---- tables ------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    (tmp_path / "my.csv").write_text(CSV)
    (tmp_path / "my.json").write_text(json.dumps(SPEC))
    return import_own_table(tmp_path / "my.csv", tmp_path / "my.json")


def test_an_empty_folder_has_shipped_tables_only():
    tables = [one for one in list_artifacts() if one.kind == "table"]
    assert [one.name for one in tables] == list(shipped_tables())
    for one in tables:
        assert (one.where, one.problem) == ("shipped", "")
        assert said(one.name)[0]


def test_a_table_is_listed_and_whole(own):
    found = held("table")
    assert (found.name, found.label, found.space, found.path) == ("my-table", "my-table", "my-table", own)
    assert found.contents == ("6", "default", "10", "2", "validation")
    assert found.problem == ""
    assert said("my-table")[0]


def test_a_damaged_table_is_listed_with_its_problem(own):
    own.write_bytes(own.read_bytes()[:200])
    found = held("table")
    assert "no nasgym table" in found.problem
    assert found.contents == ()
    whole, words = said("my-table")
    assert not whole
    assert "damaged" in words


def test_a_table_under_another_name_is_noticed(own):
    write_table(read_table(own), table_path("other"))
    whole, words = said("other")
    assert not whole
    assert "holds the table 'my-table'" in words


def test_a_table_that_does_not_fit_its_space_is_noticed():
    card = {"name": "short", "space": "nats-sss", "datasets": ["a"], "search_fidelity": 1, "report_fidelity": 1}
    card |= {"search_metric": "test", "canonical": False}
    write_table(Table(card, {("a", 1, "test"): np.zeros((5, 1), dtype=np.float32)}, {}, {}), table_path("short"))
    whole, words = said("short")
    assert not whole
    assert "5 rows, the space 'nats-sss' of its card 32,768" in words


# ---- beside tables -----------------------------------------------------------------------------


def test_an_empty_folder_has_shipped_devices_only():
    assert not data_folder().exists()
    beside = [one for one in list_artifacts() if one.kind != "table"]
    assert all(one.where == "shipped" and one.kind == "device" and not one.problem for one in beside)


def test_a_device(phone):
    found = held("device")
    assert (found.name, found.space, found.path, found.problem) == ("my-phone", "ofa", phone, "")
    assert found.contents == ("1 blocks, runtime tflite, batch 1, float32",)
    assert found.fingerprint == PHONE.fingerprint
    assert said("device ofa/my-phone")[0]
    phone.write_text(phone.read_text().replace("1.0", "2.0"))
    assert "were changed after it was written" in held("device").problem
    assert not said("device ofa/my-phone")[0]


def test_a_device_in_the_place_of_another(phone):
    write_device(replace(PHONE, name="other"), phone)
    assert "holds device 'other'" in held("device").problem


def test_cost_columns(columns):
    found = held("cost columns")
    assert (found.name, found.space, found.contents) == ("mine", "tiny", ("1 columns of 36 architectures",))
    columns.write_bytes(columns.read_bytes()[:-9])
    assert "damaged" in said("cost columns tiny/mine")[1]
    card = {"name": "mine", "space": "tiny", "notes": {}}
    write_columns(CostColumns(card, {("*", "latency_ms@x"): np.ones(7)}), columns)
    assert "has 7 rows, space 'tiny' 36" in said("cost columns tiny/mine")[1]


def test_a_predictor(predictor):
    assert said("predictor ofa")[0]
    assert held("predictor").contents == ("perceptron of 4 layers, 128 inputs",)
    predictor.write_bytes(predictor.read_bytes()[:-9])
    whole, words = said("predictor ofa")
    assert not whole
    assert "damaged" in words


def test_a_damaged_surrogate_is_named():
    surrogate_path("my-table").parent.mkdir(parents=True)
    surrogate_path("my-table").write_bytes(b"nothing")
    whole, words = said("surrogate my-table")
    assert not whole
    assert "no checksum" in words


def test_a_surrogate_goes_with_its_table(monkeypatch, own_data_folder):
    pytest.importorskip("sklearn")
    from nasgym.surrogates.fit import fit_surrogate

    quicken(monkeypatch)
    path = write_table(sampled_table(), table_path("mine"))
    fit_surrogate("mine")
    assert said("surrogate mine")[0]
    assert held("surrogate").contents == ("fitted to 80 architectures, 6 columns",)
    write_table(sampled_table(rows=70), path)
    whole, words = said("surrogate mine")
    assert not whole
    assert words.endswith("Fit it again: nasgym data fit-surrogate mine")
    assert held("surrogate").problem == words
    path.unlink()
    whole, words = said("surrogate mine")
    assert not whole
    assert "table 'mine' is not in" in words


def test_images(tmp_path):
    path = import_images(write_image_arrays(tmp_path / "mine.npz"))
    found = held("images")
    assert (found.label, found.space, found.path, found.problem) == ("images mine", "", path, "")
    assert found.contents == ("30 train and 9 test images of 1 x 6 x 6, 3 classes",)
    assert said("images mine") == (True, f"{found.contents[0]}, fingerprint {found.fingerprint}")
    path.write_bytes(path.read_bytes()[:-9])
    assert "damaged" in held("images").problem
    assert not said("images mine")[0]


# ---- tables of other packages ------------------------------------------------------------------


@pytest.fixture
def package_table(tmp_path, monkeypatch):
    """The table of another package, without a checksum beside it."""
    path = write_table(tiny_table(), tmp_path / "package" / "tiny.npz")
    path.with_name("tiny.npz.sha256").unlink()
    point = EntryPoint("tiny", "tests.cli.test_artifacts:where_it_lies", "nasgym.tables")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "nasgym.tables" else [])
    monkeypatch.setattr("tests.cli.test_artifacts.where_it_lies", lambda: path)
    return path


def where_it_lies():
    raise RuntimeError("not set up")


def of_package():
    (info,) = [info for info in list_artifacts() if info.where == "another package"]
    return info, *said("tiny")


def test_a_table_of_another_package(package_table):
    info, whole, words = of_package()
    assert (info.label, info.contents[0], info.path, info.problem) == ("tiny", str(SIZE), package_table, "")
    assert whole
    assert "its package keeps none" in words
    package_table.write_bytes(package_table.read_bytes()[:300])
    info, whole, words = of_package()
    assert "no nasgym table" in info.problem
    assert not whole


def test_a_table_that_its_package_does_not_give(package_table, monkeypatch):
    monkeypatch.setattr("tests.cli.test_artifacts.where_it_lies", lambda: "/nowhere/tiny.npz")
    info, whole, words = of_package()
    assert info.path is None
    assert not whole
    assert "is not there" in words
    assert info.problem == words


def test_an_imported_table_hides_that_of_a_package(package_table, own_data_folder):
    write_table(tiny_table(), own_data_folder / "tables" / "tiny.npz")
    assert [info.where for info in list_artifacts() if info.name == "tiny"] == ["imported"]
