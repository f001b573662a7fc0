"""Own tables: the example of the documentation page, and one thing wrong at a time."""

import copy
import json
import re

import numpy as np
import pytest

from nasgym.cli.artifacts import list_artifacts, verify_artifacts
from nasgym.errors import DataError, NasgymError, UnknownName
from nasgym.importers.own_table import import_own_table, read_own_table
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.spaces.described import space_from_description
from nasgym.tables.table_folder import find_table, table_path
from tests.importers.documented_table import CSV, PAGE, SPEC


class Files:
    """A CSV file and a spec that a test changes before it reads them."""

    def __init__(self, folder):
        self.csv, self.json, self.text, self.spec = folder / "my.csv", folder / "my.json", CSV, copy.deepcopy(SPEC)

    def replace(self, old, new):
        assert old in self.text
        self.text = self.text.replace(old, new)

    def write(self):
        self.csv.write_text(self.text, encoding="utf-8")
        self.json.write_text(json.dumps(self.spec), encoding="utf-8")
        return self.csv, self.json

    def read(self):
        return read_own_table(*self.write())

    def error(self):
        with pytest.raises(NasgymError) as caught:
            self.read()
        return caught.value

    def refused(self, message, error=DataError):
        with pytest.raises(error, match=message):
            self.read()


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_the_example_of_the_page(files):
    seen = []
    path = import_own_table(*files.write(), progress=lambda done, total: seen.append((done, total)))
    assert path == table_path("my-table")
    assert seen == [(row, 6) for row in range(1, 7)]
    table = find_table("my-table")
    space = space_from_description(table.card["space"])
    assert (space.name, space.size) == ("my-table", 6)
    rows = space.index_of(space.from_str(["conv:5,32", "pool,16", "pool,32"]))
    validation = table.accuracy["default", 10, "validation"][rows]
    assert validation == pytest.approx(np.array([[0.756, 0.752], [0.612, 0.608], [0.63, np.nan]]), nan_ok=True)
    assert table.accuracy["default", 10, "test"][rows] == pytest.approx(np.array([[0.744], [0.601], [0.624]]))
    assert table.train_seconds["default", 10][rows].tolist() == [80, 35, 41]
    assert table.cost("default", "latency_ms@my-phone")[rows] == pytest.approx([5.9, 1.1, 1.9])
    card = table.card
    assert (card["search_metric"], card["canonical"]) == ("validation", False)
    assert (card["source"]["file"], card["spec"]["file"]) == ("my.csv", "my.json")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", card["imported"])
    assert space.labels(space.default[None]) == [{"op": "conv", "kernel": 5, "width": 32}]


def test_a_sample_of_the_architectures(files):
    files.spec["sampled"] = True
    files.replace("conv,3,32,74.9,74.1,73.8,66,4200\n", "")
    header, *rows = files.text.splitlines()
    files.text = "\n".join([header, *rows[::-1]])
    table = files.read()
    space = space_from_description(table.card["space"])
    assert table.card["sampled"] is True
    assert space.to_str(table.archs) == ["pool,16", "pool,32", "conv:3,16", "conv:5,16", "conv:5,32"]
    assert table.accuracy["default", 10, "test"][:, 0] == pytest.approx([0.601, 0.624, 0.702, 0.709, 0.744])
    assert table.cost("default", "latency_ms@my-phone") == pytest.approx([1.1, 1.9, 2.3, 3.1, 5.9])
    path = import_own_table(*files.write())
    again = find_table("my-table")
    assert again.fingerprint == table.fingerprint
    assert again.archs.tolist() == table.archs.tolist()
    assert ("my-table", True) in [found[:2] for found in verify_artifacts()]
    info = next(info for info in list_artifacts() if info.name == "my-table")
    assert (info.path, info.contents[0], info.problem) == (path, "5", "")
    files.replace("conv,5,16", "conv,3,16")
    files.refused("rows 3 and 4 describe the same architecture")


def test_a_sample_without_a_row(files):
    files.spec["sampled"] = True
    files.text = CSV.partition("\n")[0]
    files.refused("a header and no row")


def test_a_sample_of_a_space_that_cannot_be_enumerated(files):
    many = [{"column": f"d{i}", "role": "op", "choices": list(range(10))} for i in range(30)]
    files.spec |= {"decisions": many, "sampled": True, "costs": [], "train_seconds": []}
    del files.spec["layers"]
    cells = [",".join(str((i * k) % 10) for i in range(30)) for k in (1, 3)]
    head = ",".join(f"d{i}" for i in range(30))
    files.text = "\n".join([f"{head},val_1,val_2,test", f"{cells[0]},50,51,52", f"{cells[1]},60,61,62"])
    table = files.read()
    assert table.archs.shape == (2, 30)
    oracle = TableOracle(table, space_from_description(table.card["space"]))
    found = oracle.measure(table.archs[::-1], 10, np.full(2, -1))
    assert found.test == pytest.approx([0.62, 0.52])
    assert "lists all of them, 5,000,000 at most, unless" in str(_unsampled(files))


def _unsampled(files):
    del files.spec["sampled"]
    return files.error()


def test_one_kind_of_accuracy_is_marked(files):
    files.spec["accuracies"] = [SPEC["accuracies"][1]]
    table = files.read()
    assert table.card["search_metric"] == "test"
    assert list(table.accuracy) == [("default", 10, "test")]


def test_rows_stand_in_any_order_with_spaces_and_blank_lines(files):
    wanted = files.read().fingerprint
    header, *rows = files.text.splitlines()
    files.text = "\ufeff" + "\r\n".join([header.replace(",", " , "), *rows[::-1], "", ""])
    assert files.read().fingerprint == wanted


def test_numbers_as_labels_may_be_written_otherwise(files):
    wanted = files.read().fingerprint
    files.replace("conv,3,", "conv,3.0,")
    assert files.read().fingerprint == wanted


def test_inactive_cells_are_ignored_but_must_be_labels(files):
    wanted = files.read().fingerprint
    files.replace("pool,,16", "pool,5,16")
    assert files.read().fingerprint == wanted
    files.replace("pool,5,16", "pool,7,16")
    files.refused("row 2, column 'kernel': '7'", UnknownName)


def test_fractions_and_percent_give_the_same_table(files):
    wanted = files.read()
    for cell in re.findall(r"\d\d\.\d", files.text):
        files.text = files.text.replace(cell, f"{float(cell) / 100:.3f}")
    for entry in files.spec["accuracies"]:
        entry["unit"] = "fraction"
    found = files.read()
    for key, values in wanted.accuracy.items():
        assert found.accuracy[key] == pytest.approx(values, nan_ok=True, abs=1e-6)


def test_several_data_sets_and_fidelities(files):
    files.spec["accuracies"] = [
        {"column": "val_1", "dataset": "b", "fidelity": 3, "split": "validation", "unit": "percent"},
        {"column": "test", "dataset": "b", "fidelity": 10, "split": "test", "unit": "percent"},
        {"column": "seconds", "dataset": "a", "fidelity": 3, "split": "validation", "unit": "percent"},
        {"column": "width", "dataset": "a", "fidelity": 10, "split": "test", "unit": "percent"},
    ]
    files.spec["train_seconds"] = [{"column": "seconds", "dataset": "b", "fidelity": 3}]
    files.spec["costs"][0]["dataset"] = "a"
    files.spec["search_fidelity"] = 3
    table = files.read()
    assert table.datasets == ("b", "a")
    assert table.fidelities("a") == (3, 10)
    assert table.cost_names("a") == ("latency_ms@my-phone",)
    assert table.cost_names("b") == ()


WRONG_CELLS = [
    ("conv,3,16,70.4", "convv,3,16,70.4", UnknownName, "my.csv, row 4, column 'op': 'convv'. Did you mean 'conv'"),
    ("conv,3,16,70.4", "conv,,16,70.4", DataError, "my.csv, row 4, column 'kernel': the cell is empty, but .* Known: 3, 5"),
    ("conv,5,16", "conv,3,16", DataError, r"rows 4 and 6 describe the same architecture, 'conv:3,16' \(op=conv, kernel=3"),
    ("conv,5,32,75.6,75.2,74.4,80,5900\n", "", DataError, r"1 of 6 architectures are missing, the first is 'conv:5,32'"),
    ("73.8", "nan", DataError, "my.csv, row 5, column 'test': nan is not finite"),
    ("73.8", "inf", DataError, "row 5, column 'test': inf is not finite"),
    ("73.8", "n/a", DataError, "row 5, column 'test': 'n/a' is no number"),
    ("73.8", "7_3", DataError, "row 5, column 'test': '7_3' is no number"),
    ("73.8", "", DataError, "row 5, column 'test': the cell is empty"),
    ("73.8", "101", DataError, "row 5, column 'test': 101 is no accuracy in percent"),
    ("73.8", "-1", DataError, "row 5, column 'test': -1 is negative"),
    ("4200", "-4200", DataError, "row 5, column 'phone_us': -4200 is negative"),
    ("4200", "", DataError, "row 5, column 'phone_us': the cell is empty"),
    ("66", "-66", DataError, "row 5, column 'seconds': -66 is negative"),
    ("74.9,74.1", ",", DataError, "row 5, column 'val_1': no training seed has an accuracy"),
    ("66,4200", "66", DataError, "row 5: 7 cells, the header has 8"),
    ("val_2", "val_1", DataError, "two columns 'val_1'"),
    ("test", "tests", UnknownName, "unknown column of my.csv 'test'. Did you mean 'tests'"),
    (CSV, "", DataError, "my.csv is empty"),
    (CSV, CSV.partition("\n")[0], DataError, "6 of 6 architectures are missing"),
    (CSV, CSV.replace(",", ";"), DataError, "semicolons"),
    (CSV, CSV + '"open', DataError, "not readable as CSV"),
]


@pytest.mark.parametrize(("old", "new", "error", "message"), WRONG_CELLS)
def test_a_wrong_cell_is_named(files, old, new, error, message):
    files.replace(old, new)
    files.refused(message, error)
    assert not table_path("my-table").exists()


def entry(key, **changes):
    """A change of the first entry of a list in the spec; None takes a key away."""

    def change(spec):
        spec[key][0] = {k: v for k, v in {**spec[key][0], **changes}.items() if v is not None}

    return change


def top(**changes):
    def change(spec):
        spec.update(changes)
        for key in [key for key, value in spec.items() if value is None]:
            del spec[key]

    return change


WRONG_SPECS = [
    (top(acuracies=[]), UnknownName, "unknown key of the spec 'acuracies'. Did you mean 'accuracies'"),
    (top(name=None), DataError, "my.json: the spec lacks 'name'"),
    (top(name="my table"), DataError, "'name' is 'my table'; allowed are letters"),
    (top(name="../up"), DataError, "allowed are letters"),
    (top(name="digits"), DataError, "'digits' belongs to another table"),
    (top(name="nats-tss"), DataError, "'nats-tss' belongs to another table"),
    (top(decisions=[]), DataError, "'decisions' is a list of objects"),
    (top(decisions={}), DataError, "'decisions' is a list of objects"),
    (top(accuracies=[]), DataError, "'accuracies' is a list of objects"),
    (top(canonical="no"), DataError, "'canonical' is true or false"),
    (top(sampled=1), DataError, "'sampled' is true or false"),
    (top(notes="text"), DataError, "'notes' is a list of texts"),
    (top(search_fidelity=20), DataError, "'search_fidelity' is 20, but data set 'default' has no validation accuracies of 20"),
    (top(report_fidelity=20), DataError, "'report_fidelity' is 20, but data set 'default' has no test accuracies of 20"),
    (top(report_fidelity="10"), DataError, "'report_fidelity' is a number of epochs"),
    (top(search_fidelity=True), DataError, "'search_fidelity' is a number of epochs"),
    (top(layers=[["all", 2]]), DataError, "do not add up to its 3 decisions"),
    (top(layers=[["all", "3"]]), DataError, "'layers' is a list of"),
    (top(layers=None), DataError, "'kernel' depends on 'op', which is not an earlier decision of its own layer"),
    (top(default=["conv", 5]), DataError, "one label for each of 3 decisions"),
    (top(default=["conv", 7, 32]), UnknownName, "unknown choice of 'kernel' 7"),
    (entry("decisions", choice=["a"]), UnknownName, "unknown key of a decision 'choice'. Did you mean 'choices'"),
    (entry("decisions", role="ops"), UnknownName, "unknown role 'ops'. Did you mean 'op'"),
    (entry("decisions", choices=None), DataError, "a decision lacks 'choices'"),
    (entry("decisions", choices="pool"), DataError, "'choices' is a list of labels"),
    (entry("decisions", choices=["a", "a b"]), DataError, "choice 'a b'"),
    (entry("decisions", choices=[1, "1"]), DataError, "written alike"),
    (entry("decisions", choices=[True, False]), DataError, "labels are text or numbers"),
    (entry("decisions", column="width"), DataError, "'decisions' has 'width' twice"),
    (entry("accuracies", columns=None), DataError, "either 'column' .one. or 'columns'"),
    (entry("accuracies", column="test"), DataError, "either 'column' .one. or 'columns'"),
    (entry("accuracies", columns=["val_1", "val_1"]), DataError, "'val_1' twice"),
    (entry("accuracies", columns=["val_1", "test"]), DataError, "'accuracies' uses the column 'test' twice"),
    (entry("accuracies", columns=["val_1", 2]), DataError, "names its columns in text"),
    (entry("accuracies", split="valid"), UnknownName, "unknown split 'valid'. Did you mean 'validation'"),
    (entry("accuracies", split="test"), DataError, "'default/10/test' twice"),
    (entry("accuracies", unit="%"), UnknownName, "unknown unit of accuracies '%'"),
    (entry("accuracies", unit="fraction"), DataError, 'row 2, column .val_1.: 61.2 is no .* "unit": "percent"'),
    (entry("accuracies", dataset="a/b"), DataError, "'dataset' is 'a/b'"),
    (entry("accuracies", fidelity=0), DataError, "'fidelity' is a number of epochs"),
    (entry("train_seconds", fidelity=3), DataError, "'train_seconds' has default/3, for which there are no accuracies"),
    (entry("train_seconds", column=None, columns=["seconds", "test", "width"]), DataError, "3 columns; give one, or one for"),
    (entry("costs", name="latency ms"), DataError, "'name' is 'latency ms'"),
    (entry("costs", scale=0), DataError, "scale of a cost is a number above 0"),
    (entry("costs", dataset="cifar"), UnknownName, "unknown data set of the cost"),
    (entry("costs", column="phone_ms"), UnknownName, "unknown column of my.csv 'phone_ms'. Did you mean 'phone_us'"),
]


@pytest.mark.parametrize(("change", "error", "message"), WRONG_SPECS)
def test_a_wrong_spec_is_refused(files, change, error, message):
    change(files.spec)
    files.refused(message, error)


def test_percent_that_are_fractions_are_noticed(files):
    files.text = re.sub(r"(\d\d)\.(\d)", r"0.\1\2", files.text)
    files.refused('the largest number of val_1, val_2 is 0.756, which looks like a fraction.*"unit": "fraction"')


def test_what_is_no_json_or_no_file(files):
    files.write()
    files.json.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"my\.json is not readable as JSON"):
        read_own_table(files.csv, files.json)
    files.json.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="the spec is an object"):
        read_own_table(files.csv, files.json)
    with pytest.raises(DataError, match=r"absent\.json is not readable"):
        read_own_table(files.csv, files.csv.with_name("absent.json"))
    files.write()
    with pytest.raises(DataError, match=r"absent\.csv is not readable"):
        read_own_table(files.csv.with_name("absent.csv"), files.json)


def test_a_refused_import_keeps_the_table_that_is_there(files):
    path = import_own_table(*files.write())
    before = path.read_bytes()
    files.replace("73.8", "173.8")
    with pytest.raises(NasgymError):
        import_own_table(*files.write())
    assert path.read_bytes() == before


def test_too_many_architectures_are_refused(files):
    many = [{"column": f"d{i}", "role": "op", "choices": list(range(10))} for i in range(7)]
    files.spec |= {"decisions": many}
    del files.spec["layers"]
    files.refused("1e.07 architectures")


def test_the_page_quotes_messages_that_exist(files):
    """The cases of this file provoke each message of the page's last table, numbers aside."""
    said = []
    for old, new, _, _ in WRONG_CELLS:
        files.text = CSV.replace(old, new)
        said.append(files.error())
    files.text = CSV
    for change, _, _ in WRONG_SPECS:
        files.spec = copy.deepcopy(SPEC)
        change(files.spec)
        said.append(files.error())
    files.spec, files.text = SPEC, re.sub(r"(\d\d)\.(\d)", r"0.\1\2", CSV)
    said.append(files.error())
    texts = [re.sub(r"\d+(\.\d+)?", "0", str(error).replace(f"{files.csv.parent}/", "")) for error in said]
    lines = PAGE.read_text(encoding="utf-8").partition("## What is refused")[2].splitlines()
    quoted = [text for line in lines if line.startswith("| `") for text in re.findall(r"`([^`]+)`", line.split("|")[1])]
    assert len(quoted) == 15
    for message in quoted:
        parts = [part.strip() for part in re.sub(r"\d+(\.\d+)?", "0", message).split("...")]
        assert any(all(part in text for part in parts) for text in texts), message


def test_a_table_of_architectures_of_different_length(files):
    """Blank cells after a stop, whatever else stands there, and rows in the order of the space."""
    files.text = "op,more,width,val,test,ms\n" + "".join(
        f"{row}\n" for row in ("conv,stop,,60,59,3", "pool,stop,16,50,49,1", "conv,go,16,70,69,5", "pool,go,16,55,54,4")
    )
    columns = [
        {"column": c, "role": r, "choices": v}
        for c, r, v in (("op", "op", ["pool", "conv"]), ("more", "depth", ["go", "stop"]), ("width", "width", [16]))
    ]
    accuracies = [
        {"column": s[:4].replace("vali", "val"), "fidelity": 1, "split": s, "unit": "percent"} for s in ("validation", "test")
    ]
    files.spec = {"name": "stops", "decisions": columns, "ends": {"more": ["stop"]}, "accuracies": accuracies}
    files.spec |= {"costs": [{"column": "ms", "name": "latency_ms@phone"}], "search_fidelity": 1, "report_fidelity": 1}
    table = files.read()
    space = space_from_description(table.card["space"])
    assert space.to_str(space.enumerate()) == ["pool,go,16", "pool,stop", "conv,go,16", "conv,stop"]
    assert table.cost("default", "latency_ms@phone").tolist() == [4, 1, 5, 3]
    files.spec["ends"] = {"more": ["halt"]}
    files.refused("choice of 'more' 'halt'", UnknownName)
