"""The reader against published numbers (three architectures a space) and damaged archives."""

import warnings

import pytest

from nasgym.errors import DataError
from nasgym.importers.nats_archive import open_archive, read_architecture
from nasgym.importers.pickles.restricted_pickle import load_pickle
from tests.importers import nats_files

SEEDS = {
    ("tss", 12): {"cifar10-valid": (111, 777), "*": (111,)},
    ("tss", 200): {"*": (777, 888, 999)},
    ("sss", 12): {"*": (777, 888, 999)},
    ("sss", 90): {"*": (777,)},
}
COLUMNS = (
    ("cifar10-valid", "x-valid"),
    ("cifar10", "ori-test"),
    ("cifar100", "x-valid"),
    ("cifar100", "x-test"),
    ("ImageNet16-120", "x-valid"),
    ("ImageNet16-120", "x-test"),
)
# space, index, epochs: percent of COLUMNS in the order of the seeds; training seconds of the four
# data sets; seconds of a validation pass of cifar10-valid, cifar100, ImageNet16-120
GOLDEN = [
    ("sss", 0, 12, "66.604 66.248 66.588|72.22 70.70 72.24|25.32 22.66 23.14|24.26 23.42 23.70|13.867 14.367 14.200|12.833 13.767 13.333", "42.58 62.43 61.62 117.51", "1.219 .376 .244"),
    ("sss", 0, 90, "76.888|79.79|32.24|32.30|16.600|15.533", "319.33 468.20 462.18 881.35", "1.219 .376 .244"),
    ("sss", 11, 12, "74.212 73.164 72.936|80.11 79.23 80.10|42.66 41.24 40.74|42.34 42.20 41.14|20.733 20.733 20.700|20.400 20.633 20.267", "35.28 65.01 66.44 134.43", "1.363 .368 .250"),
    ("sss", 11, 90, "83.724|85.77|54.46|53.68|25.667|25.467", "264.59 487.57 498.30 1008.23", "1.363 .368 .250"),
    ("sss", 284, 12, "79.348 79.520 79.076|84.25 84.12 84.22|48.74 49.42 48.88|48.30 49.06 49.48|27.567 26.000 27.100|25.167 25.067 25.267", "40.16 73.45 73.53 143.24", "1.465 .401 .270"),
    ("sss", 284, 90, "86.796|89.51|62.78|62.70|33.333|32.767", "301.21 550.90 551.46 1074.31", "1.465 .401 .270"),
    ("tss", 0, 12, "64.016 62.712|69.55|31.84|31.26|18.467|17.000", "86.65 173.31 173.31 525.81", "2.549 .510 .306"),
    ("tss", 0, 200, "82.092 81.616 82.240|85.62 86.18 85.79|51.88 53.08 53.14|51.98 53.68 53.08|28.333 27.367 28.933|27.033 25.767 27.100", "1444.22 2888.44 2888.44 8763.52", "2.549 .510 .306"),
    ("tss", 11, 12, "62.580 63.976|74.00|33.64|32.76|15.667|14.733", "149.54 299.09 299.09 907.44", "4.151 .830 .498"),
    ("tss", 11, 200, "87.748 88.132 87.940|91.79 91.76 91.20|67.72 68.18 66.46|66.86 67.68 68.28|29.367 31.433 30.433|29.233 30.967 30.300", "2492.41 4984.82 4984.82 15123.95", "4.151 .830 .498"),
    ("tss", 284, 12, "71.708 74.044|79.46|40.48|39.44|22.200|21.733", "58.51 117.02 117.02 355.04", "2.389 .478 .287"),
    ("tss", 284, 200, "86.052 86.020 86.068|88.73 88.55 89.09|62.06 62.14 60.84|63.00 61.76 61.66|33.933 33.067 33.200|32.600 31.933 32.867", "975.16 1950.32 1950.32 5917.26", "2.389 .478 .287"),
]  # fmt: skip
MACS = {
    ("sss", 0): (4.481114, 0.011714, 0.013029),
    ("sss", 11): (6.84065, 0.049202, 0.015301),
    ("sss", 284): (21.827994, 0.144834, 0.016367),
    ("tss", 0): (15.64737, 0.129306, 0.013936),
    ("tss", 11): (113.95137, 0.802426, 0.016163),
    ("tss", 284): (11.71521, 0.101306, 0.012458),
}


@pytest.mark.parametrize(("kind", "index", "epochs", "accuracies", "train", "passes"), GOLDEN)
def test_published_numbers(nats_samples, kind, index, epochs, accuracies, train, passes):
    record = read_architecture(nats_samples[kind] / f"{index:06d}.pickle.pbz2")
    assert record.index == index
    seeds = SEEDS[kind, epochs]
    for (dataset, split), column in zip(COLUMNS, accuracies.split("|"), strict=True):
        trainings = record.by_seed(dataset, epochs)
        assert tuple(trainings) == seeds.get(dataset, seeds["*"])
        for training, percent in zip(trainings.values(), column.split(), strict=True):
            assert training.accuracy[split] == pytest.approx(float(percent) / 100, abs=6e-6)
    for dataset, seconds in zip(("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"), train.split(), strict=True):
        for training in record.by_seed(dataset, epochs).values():
            assert training.train_seconds == pytest.approx(float(seconds), abs=0.006)
    for dataset, seconds in zip(("cifar10-valid", "cifar100", "ImageNet16-120"), passes.split(), strict=True):
        for training in record.by_seed(dataset, epochs).values():
            assert training.pass_seconds["x-valid"] == pytest.approx(float(seconds), abs=6e-4)
    macs, params, latency = MACS[kind, index]
    assert record.count("cifar10", epochs, "macs") == round(macs * 1e6)
    assert record.count("cifar10", epochs, "params") == round(params * 1e6)
    assert record.latency_ms("cifar10", epochs) == pytest.approx(1000 * latency, abs=6e-4)


@pytest.mark.parametrize("kind", ["tss", "sss"])
def test_answers_agree_with_the_official_api(nats_samples, kind):
    nats_bench = pytest.importorskip("nats_bench")
    archive = open_archive(nats_samples[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the samples name numpy.core
        api = nats_bench.create(str(nats_samples[kind]), kind, fast_mode=True, verbose=False)
        checked = 0
        for record in archive:
            for (dataset, epochs, seed), training in record.trainings.items():
                hp = "01" if epochs == 1 else str(epochs)
                info = api.get_more_info(record.index, dataset, hp=hp, is_random=seed)
                test = "ori-test" if dataset.startswith("cifar10") and dataset != "cifar100" else "x-test"
                assert info["test-accuracy"] == pytest.approx(100 * training.accuracy[test])
                assert info["train-all-time"] == pytest.approx(training.train_seconds)
                if dataset != "cifar10":
                    assert info["valid-accuracy"] == pytest.approx(100 * training.accuracy["x-valid"])
                    assert info["valid-per-time"] == pytest.approx(training.pass_seconds["x-valid"])
                cost = api.get_cost_info(record.index, dataset, hp)
                assert record.count(dataset, epochs, "macs") == pytest.approx(1e6 * cost["flops"])
                assert record.count(dataset, epochs, "params") == pytest.approx(1e6 * cost["params"])
                assert record.latency_ms(dataset, epochs) == pytest.approx(1000 * cost["latency"])
                checked += 1
    assert checked == {"tss": 51, "sss": 60}[kind]


def test_a_sample_opens_and_lists_what_is_there(nats_samples):
    archive = open_archive(nats_samples["tss"])
    assert len(archive.texts) == 15_625
    assert archive.indices == (0, 11, 284)
    assert [record.text for record in archive] == [archive.texts[index] for index in archive.indices]


@pytest.mark.parametrize("kind", ["tss", "sss"])
def test_the_single_file_says_what_the_folder_says(nats_samples, tmp_path, kind):
    folder = open_archive(nats_samples[kind])
    infos = {index: load_pickle(nats_samples[kind] / f"{index:06d}.pickle.pbz2") for index in folder.indices}
    content = {
        "meta_archs": list(folder.texts),
        "total_archs": len(folder.texts),
        "arch2infos": infos,
        "evaluated_indexes": set(),
    }
    single = open_archive(nats_files.write_pickle(tmp_path / "NATS.pickle.pbz2", content))
    assert (single.texts, single.indices, single.files) == (folder.texts, None, ())
    # the text form, because a latency may be NaN
    assert [repr(record) for record in single] == [repr(record) for record in folder]


TEXTS = ["8:8:8:8:8", "8:8:8:8:16"]


def test_counts_that_differ_between_seeds_are_those_of_seed_888(tmp_path):
    states = nats_files.architecture("tss", 0, "text")
    results = states["200"]["all_results"]
    results["cifar10", 777]["flop"] = 9.0
    record = read_architecture(nats_files.write_pickle(tmp_path / "a.pickle.pbz2", states))
    assert record.count("cifar10", 200, "macs") == 1_500_000
    assert record.count("cifar10", 200, "params") == 250_000
    for state in (states["200"],):
        state["dataset_seed"]["cifar10"] = [777, 999]
    record = read_architecture(nats_files.write_pickle(tmp_path / "b.pickle.pbz2", states))
    assert record.count("cifar10", 200, "macs") != record.count("cifar10", 200, "macs"), "unknown, not one of the two"


def test_splits_without_a_last_epoch_are_left_out(tmp_path):
    states = nats_files.architecture("sss", 0, "8:8:8:8:8")
    del states["90"]["all_results"]["cifar100", 777]["eval_acc1es"]["x-valid@89"]
    states["90"]["all_results"]["cifar100", 777]["latency"] = None
    record = read_architecture(nats_files.write_pickle(tmp_path / "a.pickle.pbz2", states))
    training = record.trainings["cifar100", 90, 777]
    assert sorted(training.accuracy) == ["ori-test", "x-test"]
    assert record.latency_ms("cifar100", 90) != record.latency_ms("cifar100", 90)


def test_wrong_paths_say_what_to_give(tmp_path):
    folder = nats_files.write_folder(tmp_path / "NATS-sss-simple", "sss", TEXTS)
    with pytest.raises(DataError, match="does not exist"):
        open_archive(tmp_path / "absent")
    with pytest.raises(DataError, match="give one of the folders in it: NATS-sss-simple"):
        open_archive(tmp_path)
    with pytest.raises(DataError, match="give the folder"):
        open_archive(folder / "meta.pickle.pbz2")
    with pytest.raises(DataError, match="meta_archs"):
        open_archive(folder / "000000.pickle.pbz2")


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    folder = nats_files.write_folder(tmp_path / "f", "sss", TEXTS)
    (folder / "000000.pickle.pbz2").rename(folder / "x")
    (folder / "000001.pickle.pbz2").rename(folder / "000000.pickle.pbz2")
    (folder / "x").rename(folder / "1.pickle.pbz2")
    with pytest.raises(DataError, match="do not belong together"):
        list(open_archive(folder))
    nats_files.write_pickle(folder / "000007.pickle.pbz2", {})
    with pytest.raises(DataError, match="architecture 7"):
        open_archive(folder)


def test_a_single_file_that_does_not_belong_together_is_refused(tmp_path):
    def read(**changes):
        infos = {index: nats_files.architecture("sss", index, text) for index, text in enumerate(TEXTS)}
        content = {"meta_archs": TEXTS, "total_archs": 2, "arch2infos": infos, "evaluated_indexes": {0, 1}} | changes
        return list(open_archive(nats_files.write_pickle(tmp_path / "f.pickle.pbz2", content)))

    assert [record.text for record in read()] == TEXTS
    with pytest.raises(DataError, match="has an architecture 7; the list has the numbers 0 to 1"):
        read(arch2infos={0: nats_files.architecture("sss", 0, TEXTS[0]), 7: nats_files.architecture("sss", 7, TEXTS[0])})
    with pytest.raises(DataError, match="do not belong together"):
        read(meta_archs=TEXTS[::-1])
    with pytest.raises(DataError, match=r"architecture 1 is no record of an architecture"):
        read(arch2infos={0: nats_files.architecture("sss", 0, TEXTS[0]), 1: {"12": 1}})
    with pytest.raises(DataError, match="is only the list"):
        read(arch2infos=None)


@pytest.mark.parametrize(
    "content", [{}, [], {"12": 1}, {"12": {"arch_index": 0, "arch_str": "x", "dataset_seed": {"cifar10": [1]}}}]
)
def test_what_is_no_record_is_refused(tmp_path, content):
    with pytest.raises(DataError, match="no record of an architecture"):
        read_architecture(nats_files.write_pickle(tmp_path / "a.pickle.pbz2", content))


def test_a_training_of_another_length_is_refused(tmp_path):
    states = nats_files.architecture("sss", 0, "8:8:8:8:8")
    states["90"]["all_results"]["cifar10", 777]["epochs"] = 12
    with pytest.raises(DataError, match="12 epochs among those of 90"):
        read_architecture(nats_files.write_pickle(tmp_path / "a.pickle.pbz2", states))
