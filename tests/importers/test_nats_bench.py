"""The whole way from an archive to a table, on small synthetic archives and published samples."""

import hashlib

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.importers import nats_bench
from nasgym.importers.nats_archive import open_archive
from nasgym.importers.nats_bench import LATENCY, build_table, import_nats_bench, space_of_archive
from nasgym.problems.factory import make_problem
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.tables.table_folder import find_table, table_path
from tests.importers import nats_files


def small_space(kind):
    """A restriction to four architectures."""
    if kind == "tss":
        return TopologySpace().restrict(
            {"node1.*": ["nor_conv_3x3"], "node2.*": ["none", "nor_conv_3x3"], "node3.*": ["skip_connect"]}
        )
    return SizeSpace().restrict({"cell*.width": [8], "reduce*.width": [8, 64]})


@pytest.fixture(params=["tss", "sss"])
def kind(request):
    return request.param


@pytest.fixture
def small(kind, monkeypatch):
    """The space of a kind, and its four texts in another order than the space's.

    Importers take these four for everything.
    """
    space = small_space(kind)
    monkeypatch.setattr(nats_bench, "TopologySpace", lambda: small_space("tss"))
    monkeypatch.setattr(nats_bench, "SizeSpace", lambda: small_space("sss"))
    texts = space.to_str(space.enumerate())
    return space, [texts[i] for i in (2, 0, 3, 1)]


def check(table, kind, space, texts):
    """Every number of a table against the formulas of the synthetic archive."""
    rows = space.index_of(space.from_str(texts))
    assert sorted(rows) == [0, 1, 2, 3]
    assert rows.tolist() != [0, 1, 2, 3], "the official order has to differ for this test to mean anything"
    official = {
        "cifar10": ("cifar10-valid", "cifar10"),
        "cifar100": ("cifar100",) * 2,
        "ImageNet16-120": ("ImageNet16-120",) * 2,
    }
    splits = {"cifar10": ("x-valid", "ori-test"), "cifar100": ("x-valid", "x-test"), "ImageNet16-120": ("x-valid", "x-test")}
    cells = 0
    for hp, by_dataset in nats_files.SEEDS[kind].items():
        epochs = int(hp)
        for dataset in table.datasets:
            columns = table.card["seeds"][f"{dataset}/{epochs}"]
            assert columns == sorted({*by_dataset[official[dataset][0]], *by_dataset[official[dataset][1]]})
            for split, source, name in zip(("validation", "test"), official[dataset], splits[dataset], strict=True):
                values = table.accuracy[dataset, epochs, split]
                assert values.shape == (4, len(columns))
                for index, row in enumerate(rows):
                    for column, seed in enumerate(columns):
                        if seed in by_dataset[source]:
                            wanted = nats_files.accuracy(index, source, epochs, seed, name) / 100
                            assert values[row, column] == pytest.approx(wanted, rel=1e-6)
                            cells += 1
                        else:
                            assert np.isnan(values[row, column])
            seconds = table.train_seconds[dataset, epochs]
            trained = [seed in by_dataset[official[dataset][0]] for seed in columns]
            for index, row in enumerate(rows):
                assert seconds[row, trained] == pytest.approx(epochs * (1 + index) + 0.25)
                assert np.isnan(seconds[row, ~np.array(trained)]).all()
    # 4 architectures x (2 + 1 seeds of cifar10, 1 + 1 of the others at 12 epochs; 3 everywhere at
    # 200), and so on
    assert cells == {"tss": 4 * (3 + 4 + 18), "sss": 4 * (6 + 18 + 6)}[kind]
    for dataset in table.datasets:
        assert table.cost(dataset, "macs_table")[rows].tolist() == [1_500_000 + index * 1_000_000 for index in range(4)]
        assert table.cost(dataset, "params_table")[rows].tolist() == [250_000 + index * 1_000_000 for index in range(4)]
        assert table.cost(dataset, LATENCY)[rows] == pytest.approx([10, 20, 30, 40])


def test_a_folder_becomes_a_table(tmp_path, kind, small):
    space, texts = small
    folder = nats_files.write_folder(tmp_path / f"NATS-{kind}", kind, texts)
    seen = []
    path = import_nats_bench(folder, lambda done, total: seen.append((done, total)))
    assert path == table_path(f"nats-{kind}")
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    table = find_table(f"nats-{kind}")
    check(table, kind, space, texts)
    card = table.card
    assert (card["search_fidelity"], card["report_fidelity"]) == (12, {"tss": 200, "sss": 90}[kind])
    assert (card["search_metric"], card["canonical"]) == ("validation", False)
    assert (card["source"]["file"], card["source"]["files"]) == (f"NATS-{kind}", 5)
    assert table.fidelities("cifar100") == {"tss": (12, 200), "sss": (1, 12, 90)}[kind]


def test_the_single_file_becomes_the_same_table(tmp_path, kind, small):
    space, texts = small
    file = nats_files.write_single(tmp_path / "NATS.pickle.pbz2", kind, texts)
    seen = []
    table_file = import_nats_bench(file, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    table = find_table(f"nats-{kind}")
    assert table_file == table_path(f"nats-{kind}")
    check(table, kind, space, texts)
    assert table.card["source"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    folder = open_archive(nats_files.write_folder(tmp_path / "folder", kind, texts))
    assert build_table(folder, space).fingerprint == table.fingerprint


def test_an_incomplete_archive_writes_nothing(tmp_path, kind, small):
    _, texts = small
    folder = nats_files.write_folder(tmp_path / "part", kind, texts, indices=[0, 3])
    with pytest.raises(DataError, match=r"has 2 of 4 architectures; the first missing is number 1, "):
        import_nats_bench(folder)
    assert not table_path(f"nats-{kind}").exists()
    infos = {index: nats_files.architecture(kind, index, texts[index]) for index in (0, 3)}
    content = {"meta_archs": texts, "total_archs": 4, "arch2infos": infos, "evaluated_indexes": {0, 3}}
    with pytest.raises(DataError, match=r"has 2 of 4 architectures; the first missing is number 1, "):
        import_nats_bench(nats_files.write_pickle(tmp_path / "part.pickle.pbz2", content))
    assert not table_path(f"nats-{kind}").exists()


def test_the_published_samples_are_refused_as_tables(nats_samples):
    with pytest.raises(DataError, match=r"3 of 15,625 architectures; the first missing is number 1, '\|nor_conv_3x3~0\|"):
        import_nats_bench(nats_samples["tss"])
    with pytest.raises(DataError, match=r"3 of 32,768 architectures; the first missing is number 1, '8:8:8:8:16'"):
        import_nats_bench(nats_samples["sss"])


def test_a_list_with_repetitions_is_refused(tmp_path, kind, small):
    _, texts = small
    folder = nats_files.write_folder(tmp_path / "twice", kind, [*texts[:3], texts[0]])
    with pytest.raises(DataError, match="4 entries, 3 of them different"):
        import_nats_bench(folder)


def test_an_archive_about_something_else_is_refused(tmp_path):
    folder = nats_files.write_folder(tmp_path / "other", "sss", ["(conv, pool)"])
    with pytest.raises(DataError, match="neither topology cells nor layer sizes"):
        import_nats_bench(folder)


def test_an_architecture_without_accuracies_is_refused(tmp_path, small):
    space, texts = small
    kind = "tss" if texts[0].startswith("|") else "sss"
    folder = nats_files.write_folder(tmp_path / "hole", kind, texts)
    states = nats_files.architecture(kind, 2, texts[2])
    for seed in states["12"]["dataset_seed"].pop("cifar100"):
        del states["12"]["all_results"]["cifar100", seed]
    nats_files.write_pickle(folder / "000002.pickle.pbz2", states)
    row = space.index_of(space.from_str([texts[2]]))[0]
    with pytest.raises(DataError, match=f"cifar100/12/.* has no value .* 1 architectures, the first in row {row}"):
        import_nats_bench(folder)


def test_what_a_search_is_charged_is_what_the_official_simulation_charges(nats_samples):
    # T10: cell 0, cifar10, 12 epochs: 86.65 s of training and a pass of 2.549 s
    archive = open_archive(nats_samples["tss"])
    assert space_of_archive(archive).name == "nats-tss"
    record = next(iter(archive))
    columns = nats_bench._Columns(1, 200)
    columns.add(0, record)
    accuracy, seconds, seeds = columns.assemble()
    assert seeds["cifar10/12"] == [111, 777]
    assert seconds["cifar10", 12][0] == pytest.approx([89.2021] * 2, abs=1e-3)
    assert accuracy["cifar10", 12, "validation"][0] == pytest.approx([0.64016, 0.62712], abs=1e-6)
    assert accuracy["cifar10", 12, "test"][0] == pytest.approx([0.6955, np.nan], abs=1e-6, nan_ok=True)
    assert seconds["ImageNet16-120", 200][0] == pytest.approx([8763.52 + 0.306] * 3, abs=0.01)


def test_a_partial_archive_is_for_looking_up(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    folder = shared / "raw" / "nats_bench_sample" / "NATS-tss-v1_0-3ffb9-simple"
    with pytest.raises(DataError, match=r"3 of 15,625 .* --partial"):
        import_nats_bench(folder)
    assert not list(tmp_path.rglob("*.npz"))
    assert import_nats_bench(folder, partial=True).name == "nats-tss-partial.npz"
    problem = make_problem("nasgym/Table-v0", table="nats-tss-partial", reward="accuracy", cost="macs", dataset="cifar10")
    cell = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    found = problem.evaluate(problem.space.from_str(cell))
    np.testing.assert_allclose(found.accuracy, (0.64016 + 0.62712) / 2, atol=1e-6)
    np.testing.assert_allclose(found.train_seconds, 89.20, atol=0.01)
    np.testing.assert_allclose(found.costs["macs"], 15.64737e6)
    for ask in (problem.optimum, lambda: problem.evaluate(problem.space.default[None])):
        with pytest.raises(DataError, match="has 3 of 15,625"):
            ask()
