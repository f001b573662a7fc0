"""Fitting, the file, and what is refused."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest

pytest.importorskip("sklearn")

import nasgym
from nasgym import registry
from nasgym.errors import DataError, InvalidValue, MissingData, MissingPackage
from nasgym.files.arrays import checksum_path, write_arrays
from nasgym.surrogates import fit as fitting
from nasgym.surrogates.fit import fit_surrogate, fit_table
from nasgym.surrogates.surrogate import find_surrogate, read_surrogate, surrogate_path, write_surrogate
from nasgym.tables.table_file import read_table, write_table
from nasgym.tables.table_folder import table_path
from tests.sampled import ROWS, quicken, sampled_space, sampled_table
from tests.tiny import tiny_table

SPACE = sampled_space()
VALIDATION = "accuracy/toy/5/validation"


@pytest.fixture(autouse=True)
def _quick(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    quicken(monkeypatch)


def test_every_column_is_fitted_and_judged():
    reported = []
    surrogate = fit_table(sampled_table(), progress=lambda done, total: reported.append((done, total)))
    assert list(surrogate.targets) == [
        "accuracy/toy/20/test",
        "accuracy/toy/5/test",
        VALIDATION,
        "cost/*/energy_mj",
        "cost/toy/latency_ms@phone",
        "train_seconds/toy/5",
    ]
    assert reported[-1] == (36, 36)
    target = surrogate.targets[VALIDATION]
    assert target.r2[0] > 0.8
    assert target.kendall_tau[0] > 0.7
    assert 0 < target.residual_std < 0.06
    assert target.quality(5).startswith("R2 0.")
    constant = surrogate.targets["cost/*/energy_mj"]
    assert (constant.r2, constant.quality(5)) == (None, "constant in the sample")
    assert (surrogate.predict("cost/*/energy_mj", SPACE.enumerate(), -1) == 3.0).all()
    # costs keep to the range of the sample, accuracies to that of accuracies
    latency = surrogate.targets["cost/toy/latency_ms@phone"]
    values = sampled_table().costs["toy", "latency_ms@phone"]
    assert (latency.low, latency.high) == (values.min(), values.max())
    assert (target.low, target.high) == (0, 1)
    card = surrogate.card
    assert {"scikit-learn", "scipy", "numpy"} < set(card["versions"])
    assert (card["folds"], card["seed"], card["table_fingerprint"]) == (5, 0, sampled_table().fingerprint)


def test_seeds_are_averaged_and_folds_are_not_seen():
    """The mean over the seeds that are there, by hand; a fold's models know nothing of the fold."""
    table = sampled_table()
    wanted = np.nanmean(table.accuracy["toy", 5, "validation"].astype(np.float64), axis=1)
    np.testing.assert_allclose(fitting._columns(table)[VALIDATION], wanted)
    rng = np.random.default_rng(0)
    noise = {key: rng.random(values.shape).astype(np.float32) for key, values in table.accuracy.items()}
    found = fit_table(replace(table, accuracy=noise, train_seconds={}, costs={}))
    # the models know their noise by heart, and cross-validation does not believe them
    assert all(target.r2[0] < 0.3 and abs(target.kendall_tau[0]) < 0.3 for target in found.targets.values())
    known = np.nanmean(noise["toy", 5, "validation"].astype(np.float64), axis=1)
    assert np.corrcoef(found.predict(VALIDATION, table.archs, -1), known)[0, 1] > 0.6


def test_the_same_seed_gives_the_same_surrogate():
    table = replace(sampled_table(), train_seconds={}, costs={})
    one, same, other = (fit_table(table, members=2, seed=seed) for seed in (0, 0, 1))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.card["targets"] == same.card["targets"]
    assert one.fingerprint != fit_table(table).fingerprint


def test_members_differ_and_their_mean_is_the_mean():
    table = replace(sampled_table(), train_seconds={}, costs={})
    surrogate = fit_table(table, members=3)
    archs = SPACE.enumerate()
    members = np.stack([surrogate.predict(VALIDATION, archs, member) for member in range(3)])
    assert (members.std(axis=0) > 0).mean() > 0.9
    np.testing.assert_allclose(surrogate.predict(VALIDATION, archs, -1), members.mean(axis=0), atol=1e-12)


def test_equal_to_the_models_of_scikit_learn(monkeypatch):
    kept = []
    plain = fitting._plain
    monkeypatch.setattr(fitting, "_plain", lambda models: (kept.extend(models), plain(models))[1])
    surrogate = fit_table(sampled_table(), members=2)
    matrix = surrogate.features.matrix(SPACE.enumerate())
    for number, target in enumerate(surrogate.targets.values()):
        for member in range(2):
            wanted = kept[2 * number + member].predict(matrix)
            found = surrogate.predict(target.column, SPACE.enumerate(), member)
            np.testing.assert_allclose(found, np.clip(wanted, target.low, target.high), rtol=1e-12, atol=1e-12)


@pytest.fixture
def written():
    write_table(sampled_table(), table_path("mine"))
    return fit_surrogate("mine")


def test_written_and_found_again(written):
    assert written == surrogate_path("mine")
    table = read_table(table_path("mine"))
    found = find_surrogate(table)
    direct = fit_table(table)
    assert found.fingerprint == direct.fingerprint
    assert found.targets == direct.targets
    archs = SPACE.enumerate()
    np.testing.assert_array_equal(found.predict(VALIDATION, archs, -1), direct.predict(VALIDATION, archs, -1))
    np.testing.assert_array_equal(
        found.range.outside(found.features.codes(archs)), direct.range.outside(direct.features.codes(archs))
    )


def test_playing_needs_neither_scikit_learn_nor_scipy(written, tmp_path):
    script = (
        "import sys; sys.modules['sklearn'] = sys.modules['scipy'] = None\n"
        "import nasgym\n"
        "problem = nasgym.make_problem('nasgym/Table-v0', table='mine', accuracy='surrogate')\n"
        "print(problem.optimum().reward)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=fitting.__file__.rpartition("/nasgym/")[0],
    )
    assert 0.5 < float(done.stdout) < 1


def test_a_damaged_file_is_refused(written):
    whole = written.read_bytes()
    written.write_bytes(whole[:-50] + bytes(50))
    remedy = r"fit it again with `nasgym data fit-surrogate mine`\.$"
    with pytest.raises(
        DataError,
        match=rf"mine\.npz is damaged: its SHA-256 is \w{{16}}\.\.\., mine\.npz\.sha256 says \w{{16}}\.\.\.; {remedy}",
    ):
        read_surrogate(written)
    written.write_bytes(whole)
    checksum_path(written).unlink()
    with pytest.raises(DataError, match=rf"mine\.npz has no checksum beside it \(mine\.npz\.sha256\); {remedy}"):
        read_surrogate(written)
    write_arrays(written, {"format": "nasgym-table-1"}, {"archs": np.zeros(3)})
    with pytest.raises(DataError, match="another format"):
        read_surrogate(written)


@pytest.mark.parametrize("key", ["targets", "members", "radius"])
def test_a_card_that_lacks_something(key, tmp_path):
    surrogate = fit_table(replace(sampled_table(), train_seconds={}, costs={}))
    path = write_surrogate(surrogate, tmp_path / "s.npz")
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    card = json.loads(str(arrays.pop("card")))
    del card[key]
    write_arrays(path, card, arrays)
    with pytest.raises(DataError, match=f"lacks '{key}'"):
        read_surrogate(path)


def test_models_that_do_not_fit_the_card(tmp_path):
    surrogate = fit_table(replace(sampled_table(), train_seconds={}, costs={}))
    for changes in ({"members": 2}, {"targets": surrogate.card["targets"][:1]}):
        with pytest.raises(DataError, match="do not fit its card"):
            replace(surrogate, card={**surrogate.card, **changes})
    with pytest.raises(DataError, match="invalid targets"):
        replace(surrogate, card={**surrogate.card, "targets": [{"column": "x"}]})


def test_what_a_card_and_a_sample_cannot_be():
    surrogate = fit_table(replace(sampled_table(), train_seconds={}, costs={}))
    for key, value in (("members", "x"), ("members", 0), ("folds", True), ("radius", -1), ("radius", 1.5), ("seed", None)):
        with pytest.raises(DataError, match=f"'{key}' of the card of the surrogate of table 'mine' is a whole number"):
            replace(surrogate, card={**surrogate.card, key: value})
    for key in ("space", "versions"):
        with pytest.raises(DataError, match="invalid space or invalid versions"):
            replace(surrogate, card={**surrogate.card, key: 3})
    first, *others = surrogate.card["targets"]
    for wrong in ({"low": np.nan}, {"low": 2.0}, {"high": "x"}, {"r2": [1, 2, 3]}, {"residual_std": None}):
        with pytest.raises(DataError, match="invalid targets"):
            replace(surrogate, card={**surrogate.card, "targets": [{**first, **wrong}, *others]})
    outside = surrogate.sample.copy()
    outside[2, 0] = 9
    for sample in (outside, surrogate.sample[:0], surrogate.sample[:, 0]):
        with pytest.raises(DataError, match="do not fit its card"):
            replace(surrogate, sample=sample)


def test_a_fold_lends_nothing_to_the_range_of_its_predictions():
    """Of 0, 1, ..., 79 the fold with 79 is predicted at most the largest of the others."""
    values = np.arange(ROWS, dtype=np.float64)
    fitter = fitting._Fitter(values[:, None], 5, 1, 0, None, total=6)

    class Boundless:
        def predict(self, matrix):
            return np.where(matrix[:, 0] == ROWS - 1, 1e9, matrix[:, 0])

    fitter.fit = lambda values, rows, fold: [Boundless()]
    residuals = np.zeros(ROWS)
    for held in fitter.folds:
        seen = np.setdiff1d(values, values[held])
        residuals[held] = values[held] - np.clip(values[held], seen.min(), seen.max())
    assert residuals[-1] >= 1
    assert fitter.quality("cost/*/x", values)["residual_std"] == pytest.approx(residuals.std(ddof=1))


def test_a_sample_of_another_package_in_a_registered_space(tmp_path, monkeypatch):
    """Fitting finds what playing finds."""
    monkeypatch.setitem(registry.SPACES.builtin, "mine", "tests.sampled:sampled_space")
    path = write_table(sampled_table(name="theirs", space="mine"), tmp_path / "package" / "theirs.npz")
    point = EntryPoint("theirs", "tests.surrogates.test_fit:where_it_lies", "nasgym.tables")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "nasgym.tables" else [])
    monkeypatch.setattr("tests.surrogates.test_fit.where_it_lies", lambda: path)
    fitted = read_surrogate(fit_surrogate("theirs"))
    assert (fitted.table, fitted.space.name) == ("theirs", "mine")
    problem = nasgym.make_problem("nasgym/Table-v0", table="theirs", accuracy="surrogate", cost="latency_ms@phone")
    assert 0.5 < problem.optimum().accuracy < 1


def where_it_lies():
    raise RuntimeError("not set up")


def test_a_table_that_has_changed_since(written):
    changed = sampled_table(rows=ROWS + 1)
    with pytest.raises(DataError, match=r"when its fingerprint was .* Fit it again: nasgym data fit-surrogate mine"):
        find_surrogate(changed)


def constant(table):
    return replace(table, accuracy={**table.accuracy, ("toy", 5, "test"): np.full((ROWS, 1), 0.5, dtype=np.float32)})


def hole(table):
    values = table.costs["toy", "latency_ms@phone"].copy()
    values[7] = np.nan
    return replace(table, costs={("toy", "latency_ms@phone"): values})


def rare(table):
    values = np.full((ROWS, 1), 0.5, dtype=np.float32)
    values[3] = 0.6
    return replace(table, accuracy={**table.accuracy, ("toy", 5, "test"): values})


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            lambda table: sampled_table(rows=49),
            {},
            "has 49 architectures, and 5 folds need 50; train more, or take fewer folds",
        ),
        (lambda table: table, {"folds": 9}, "9 folds need 90"),
        (constant, {}, "'accuracy/toy/5/test' of table 'mine' is 0.5 for every architecture; there is nothing to fit"),
        (hole, {}, r"'cost/toy/latency_ms@phone' of table 'mine' has no value \(NaN\) for 1 architectures"),
        (rare, {}, "column 'accuracy/toy/5/test' hardly varies: in fold"),
    ],
)
def test_what_cannot_be_fitted(change, options, message):
    with pytest.raises(DataError, match=message):
        fit_table(change(sampled_table()), **options)


@pytest.mark.parametrize("options", [{"folds": 1}, {"members": 0}, {"seed": -1}, {"members": 2.5}, {"folds": True}])
def test_numbers_that_are_not_allowed(options):
    (name,) = options
    with pytest.raises(InvalidValue, match=f"{name} is a whole number from"):
        fit_table(sampled_table(), **options)


def test_tables_that_are_no_samples():
    with pytest.raises(InvalidValue, match="'tiny' is not a sampled table"):
        fit_table(tiny_table())
    with pytest.raises(MissingData, match="table 'absent'"):
        fit_surrogate("absent")
    with pytest.raises(MissingData, match="fit it with `nasgym data fit-surrogate mine`"):
        find_surrogate(sampled_table())
    with pytest.raises(InvalidValue, match="Give accuracy='table'"):
        find_surrogate(tiny_table())


def test_without_scikit_learn(monkeypatch):
    find = fitting.importlib.util.find_spec
    monkeypatch.setattr(fitting.importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name))
    with pytest.raises(MissingPackage, match=r"fitting needs sklearn, .*nasgym\[train\]"):
        fit_table(sampled_table())
