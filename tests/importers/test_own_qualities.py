"""Own tables whose numbers are no plain accuracies: perplexity, negative loss, error rate."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.errors import DataError, NasgymError
from nasgym.importers.own_table import import_own_table, read_own_table
from nasgym.quality import ACCURACY, Quality
from nasgym.tables.table_folder import find_table
from tests import mixed


def changed(row, **cells):
    rows = mixed.rows()
    rows[row] |= cells
    return rows


def test_every_number_is_kept_in_the_unit_of_its_quality(tmp_path):
    table = mixed.mixed_table(tmp_path)
    assert table.datasets == ("wiki", "rooms", "c100")
    assert table.quality("wiki") == Quality("perplexity", "", "min", 22, 42)
    assert table.quality("rooms") == Quality("negative_loss", "nats", "max", -3, 0)
    assert table.quality("c100") == ACCURACY
    for dataset, name, whole in (("wiki", "ppl", 1), ("rooms", "loss", 1), ("c100", "acc", 100)):
        for split, column in (("validation", name), ("test", f"{name}_test")):
            found = table.accuracy[dataset, 2, split][:, 0]
            np.testing.assert_allclose(found, mixed.column(column) / whole, rtol=1e-6)


def test_an_imported_table_has_its_qualities(tmp_path):
    mixed.import_mixed(tmp_path)
    assert find_table("mixed").quality("wiki").minimised
    assert sorted(find_table("mixed").card["qualities"]) == ["rooms", "wiki"]


@pytest.mark.parametrize(
    ("quality", "unit"),
    [
        ({"unit": "percent", "low": 20, "high": 80}, "percent"),
        ({"unit": "%", "low": 20, "high": 80}, "percent"),
        ({"unit": "fraction", "low": 0.2, "high": 0.8}, "percent"),
    ],
)
def test_a_range_in_percent_is_kept_as_fractions(tmp_path, quality, unit):
    accuracies = [entry | {"unit": unit} if entry["dataset"] == "c100" else entry for entry in mixed.SPEC["accuracies"]]
    named = {**mixed.SPEC["qualities"], "c100": {"name": "accuracy", "direction": "max", **quality}}
    table = mixed.mixed_table(tmp_path, qualities=named, accuracies=accuracies)
    assert table.quality("c100") == Quality("accuracy", "fraction", "max", 0.2, 0.8)
    assert table.accuracy["c100", 2, "validation"].max() == pytest.approx(0.76)


def test_an_error_rate_is_percent_of_which_less_is_better(tmp_path):
    named = {**mixed.SPEC["qualities"], "c100": {"name": "error", "direction": "min", "unit": "percent"}}
    table = mixed.mixed_table(tmp_path, qualities=named)
    assert table.quality("c100").about == "error, less is better, 0 to 100 %"
    assert table.accuracy["c100", 2, "test"].max() == pytest.approx(0.75)


def test_a_plain_accuracy_may_be_declared_and_changes_nothing(tmp_path):
    plain = {"name": "accuracy", "direction": "max", "unit": "percent"}
    declared = mixed.mixed_table(tmp_path / "one", qualities={**mixed.SPEC["qualities"], "c100": plain})
    assert declared.fingerprint == mixed.mixed_table(tmp_path / "other").fingerprint
    assert list(declared.card["qualities"]) == ["wiki", "rooms"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (changed(3, ppl=421), r"row 5, column 'ppl': 421 is no perplexity, which reaches from 22 to 42\.$"),
        (changed(0, ppl_test=21.9), r"row 2, column 'ppl_test': 21.9 is no perplexity"),
        (changed(2, loss=0.1), r"row 4, column 'loss': 0.1 is no negative loss in nats, which reaches from -3 to 0\.$"),
        (changed(2, loss=-3.01), r"-3.01 is no negative loss in nats"),
        (changed(4, ppl=-25), r"row 6, column 'ppl': -25 is negative"),
        (changed(4, acc=101), r"row 6, column 'acc': 101 is no accuracy in percent, which reaches from 0 to 100\.$"),
        (changed(4, img_s=-1), r"column 'img_s': -1 is negative"),
        (changed(4, loss=""), r"column 'loss': the cell is empty"),
    ],
)
def test_a_number_outside_of_the_range_is_refused_with_row_and_range(tmp_path, rows, says):
    with pytest.raises(NasgymError, match=says):
        read_own_table(*mixed.write_files(tmp_path, rows))


def with_quality(**changes):
    wiki = {**mixed.SPEC["qualities"]["wiki"], **changes}
    return {"qualities": {**mixed.SPEC["qualities"], "wiki": {key: value for key, value in wiki.items() if value is not None}}}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (with_quality(direction="minimise"), r"direction of 'perplexity' 'minimise'. Did you mean 'min'\? Known: max, min"),
        (with_quality(direction=None), "the quality of 'wiki' lacks 'direction'"),
        (with_quality(low=None), "needs its range, 'low' and 'high'"),
        (with_quality(low=42, high=22), "goes from low to high, got 42 to 22"),
        (with_quality(low="22"), "finite number to another, got '22'"),
        (with_quality(best=22), "unknown key of the quality of 'wiki' 'best'"),
        (with_quality(name="Perplexity"), "lower-case word"),
        ({"qualities": {"wikki": mixed.SPEC["qualities"]["wiki"]}}, "data set of 'qualities' 'wikki'. Did you mean 'wiki'"),
        ({"qualities": ["wiki"]}, "'qualities' maps data sets to qualities"),
        ({"qualities": {"rooms": mixed.SPEC["qualities"]["rooms"]}}, "percent or fraction"),
        (
            {"accuracies": [{**mixed.SPEC["accuracies"][0], "unit": "percent"}, *mixed.SPEC["accuracies"][1:]]},
            "\"unit\": 'percent', but 'perplexity' of 'wiki' has no unit; leave out \"unit\"",
        ),
        (
            {"accuracies": [*mixed.SPEC["accuracies"][:2], {**mixed.SPEC["accuracies"][2], "unit": "percent"}]},
            "unit of 'negative_loss' 'percent'. Known: nats",
        ),
        ({"costs": [{"column": "img_s", "name": "hypervolume"}]}, "a cost cannot be called 'hypervolume'"),
        (with_quality(name="igd_plus"), "a quality cannot be called 'igd_plus'"),
    ],
)
def test_a_spec_with_a_wrong_quality(tmp_path, spec, says):
    with pytest.raises(NasgymError, match=says) as caught:
        import_own_table(*mixed.write_files(tmp_path, **spec))
    assert str(caught.value).startswith(f"{tmp_path / 'mixed.json'}: ")


ERRORS = {"name": "top1_error", "direction": "min", "unit": "percent"}


def fractions():
    return [row | {"acc": row["acc"] / 100, "acc_test": row["acc_test"] / 100} for row in mixed.rows()]


@pytest.mark.parametrize("quality", [ERRORS, {"name": "accuracy", "direction": "max", "unit": "percent", "high": 90}])
def test_fractions_in_the_place_of_percent_are_refused_of_every_quality(tmp_path, quality):
    files = mixed.write_files(tmp_path, fractions(), qualities={**mixed.SPEC["qualities"], "c100": quality})
    with pytest.raises(DataError, match=r'number of acc is 0\.76, which looks like a fraction.*"unit": "fraction".*"high": 1'):
        import_own_table(*files)


def test_errors_below_one_percent_are_imported_with_their_range(tmp_path):
    named = {**mixed.SPEC["qualities"], "c100": {**ERRORS, "high": 1}}
    table = read_own_table(*mixed.write_files(tmp_path, fractions(), qualities=named))
    assert table.quality("c100") == Quality("top1_error", "fraction", "min", 0, 0.01)
    assert table.accuracy["c100", 2, "validation"].max() == pytest.approx(0.0076)
