"""The tables that the other tests use, against the published numbers they stand for."""

import numpy as np
import pytest

from nasgym.files.arrays import checksum_path
from nasgym.importers.images import read_images
from nasgym.importers.nats_archive import read_architecture
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.tables.cost_columns import read_columns
from nasgym.tables.table_folder import find_table, imported_tables
from nasgym.training.image_split import split_images
from tests import build_data


@pytest.fixture
def built(shared):
    return build_data.build(shared)


def test_building_twice_builds_once(shared, built, capsys):
    assert sorted(imported_tables()) == ["nas-bench-macro", "nats-sss", "nats-tss"]
    before = [path.stat().st_mtime_ns for path in built]
    capsys.readouterr()
    build_data.build(shared)
    assert [path.stat().st_mtime_ns for path in built] == before
    assert capsys.readouterr().out.count("is there") == 3
    checksum_path(built[2]).write_text("0  nats-sss.npz\n")
    build_data.build(shared)
    assert "nats-sss: built again, because" in capsys.readouterr().out


def test_without_the_shared_folder_one_sentence_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build_data, "SHARED", tmp_path / "absent")
    build_data.main()
    assert capsys.readouterr().out.startswith("no tables built")
    assert imported_tables() == {}


@pytest.mark.parametrize("index", [0, 11, 284])
def test_topology_numbers_are_the_published_ones(built, nats_samples, index):
    table, space = find_table("nats-tss"), TopologySpace()
    record = read_architecture(nats_samples["tss"] / f"{index:06d}.pickle.pbz2")
    row = space.index_of(space.from_str(record.text))[0]
    sources = {"cifar10": ("cifar10-valid", "cifar10", "ori-test"), "cifar100": ("cifar100", "cifar100", "x-test")}
    for dataset, (validated, tested, split) in sources.items():
        for epochs in (12, 200):
            trainings = record.by_seed(validated, epochs).values()
            validation = np.mean([training.accuracy["x-valid"] for training in trainings])
            test = np.mean([training.accuracy[split] for training in record.by_seed(tested, epochs).values()])
            seconds = np.mean([training.train_seconds + training.pass_seconds["x-valid"] for training in trainings])
            assert table.accuracy[dataset, epochs, "validation"][row, 0] == pytest.approx(validation, abs=1e-4)
            assert table.accuracy[dataset, epochs, "test"][row, 0] == pytest.approx(test, abs=1e-4)
            # all three have measured times
            assert table.train_seconds[dataset, epochs][row] == pytest.approx(seconds, rel=1e-4)
        assert table.cost(dataset, "macs_table")[row] == record.count(dataset, 200, "macs")
        assert table.cost(dataset, "params_table")[row] == record.count(dataset, 200, "params")


def test_topology_table_as_a_whole(shared, built):
    table = find_table("nats-tss")
    assert table.cost_names("cifar100") == ("macs_table", "params_table")
    assert np.isfinite(np.stack([table.cost("cifar10", name) for name in table.cost_names("cifar10")])).all()
    best = [table.accuracy[dataset, 200, "test"].max() for dataset in table.datasets]
    assert best == pytest.approx([0.9437, 0.7351, 0.4731], abs=1e-4)
    # without the measured rows, the estimate alone is close to them
    with np.load(shared / "tables" / "nats_tss.npz", allow_pickle=False) as archive:
        source = {key: archive[key] for key in archive.files}
    rows = source["time_idx"]
    measured = build_data.seconds_to_validation(source, 12)[rows]
    even, odd = rows[::2], rows[1::2]
    half = {**source, "time_idx": even, "train_time_s": source["train_time_s"][::2], "eval_time_s": source["eval_time_s"][::2]}
    estimated = build_data.seconds_to_validation(half, 12)
    assert np.allclose(estimated[even], measured[::2])
    ratio = estimated[odd] / measured[1::2]
    assert np.abs(ratio - 1).max() < 0.09
    assert np.abs(ratio.mean(axis=0) - 1).max() < 0.005


def test_size_table(built):
    table, space = find_table("nats-sss"), SizeSpace()
    rows = space.index_of(space.from_str(["8:8:8:8:8", "8:8:8:16:32", "8:8:40:32:40", "64:64:64:64:64"]))
    accuracy = table.accuracy["cifar10", 90, "test"][rows, 0]
    assert accuracy[:3] == pytest.approx([0.7979, 0.8577, 0.8951], abs=1e-6)
    assert table.cost("cifar10", "macs_table")[rows].tolist() == [4481114, 6840650, 21827994, 274399882]
    assert table.accuracy["cifar10", 90, "test"].max() == pytest.approx(0.9365, abs=1e-4)
    assert table.card["search_metric"] == "test"


def test_cifar_is_decoded_into_what_the_importer_reads(shared, tmp_path):
    pytest.importorskip("PIL")
    source = shared / "images" / "cifar10_jpegpack.npz"
    path = build_data.decoded_images(source, tmp_path, count=200)
    found = read_images(path, "cifar10-jpeg")
    assert found.about == "200 train and 200 test images of 3 x 32 x 32, 10 classes"
    assert found.card["classes"][:3] == ["airplane", "automobile", "bird"]
    assert found.card["source"]["file"].startswith("cifar10_jpegpack-")
    with np.load(source, allow_pickle=False) as archive:
        assert found.train_labels.tolist() == archive["y_train"][:200].tolist()
    # published constants of CIFAR-10: 0.4914, 0.4822, 0.4465, deviations around 0.25
    means, spread = (made(found.train / 255, axis=(0, 2, 3)) for made in (np.mean, np.std))
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.03)
    assert spread == pytest.approx([0.247, 0.2435, 0.2616], abs=0.03)
    made = split_images(found, resolution=16, subset=100, validation=50, test=50)
    assert made.shape == (3, 16, 16)


def test_images_are_imported_once_and_again_from_another_file(shared, monkeypatch, capsys):
    decode = build_data.decoded_images
    monkeypatch.setattr(build_data, "decoded_images", lambda source, folder: decode(source, folder, count=100))
    built = build_data.build_images(shared)
    assert [path.stem for path in built] == ["fashion-mnist", "cifar10-jpeg"]
    stamps = [path.stat().st_mtime_ns for path in built]
    assert [path.stat().st_mtime_ns for path in build_data.build_images(shared)] == stamps
    monkeypatch.setattr(build_data, "_decoded_from", lambda source: "another")
    assert [path.stat().st_mtime_ns == stamp for path, stamp in zip(build_data.build_images(shared), stamps, strict=True)] == [
        True,
        False,
    ]
    built[1].write_bytes(b"nothing")
    capsys.readouterr()
    build_data.build_images(shared)
    assert "cifar10-jpeg: built again, because" in capsys.readouterr().out


@pytest.fixture(scope="module")
def devices(shared, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASGYM_DATA", str(tmp_path_factory.mktemp("devices")))
        path = build_data.build_devices(shared)
        stamp = path.stat().st_mtime_ns
        assert build_data.build_devices(shared).stat().st_mtime_ns == stamp
        return read_columns(path)


def test_device_columns_are_the_published_ones(devices):
    space = TopologySpace()
    first = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    row = space.index_of(space.from_str(first))[0]
    assert devices.column("cifar10", "latency_ms@pixel3")[row] == 3.60585
    assert devices.column("ninapro", "energy_mj@hw360_pi5_onnx")[row] == 2.284801
    assert np.isnan(devices.column("cifar10", "latency_ms@edgegpu")[row])
    assert devices.column("cifar10", "latency_ms@edgegpu")[space.index_of(space.default[None])].shape == (1,)
    # 63 columns of costs; accuracies and numbers of architectures are none
    assert len(devices.costs) == 63
    assert devices.num_complete == 49
    assert [np.isnan(devices.column("cifar10", f"latency_ms@{name}")).sum() for name in ("edgegpu", "edgetpu")] == [
        13626,
        13885,
    ]
    assert len(devices.names("cifar10", complete=True)) == 28


def test_device_columns_relate_as_their_description_says(devices):
    ratio = devices.column("cifar10", "energy_mj@fpga") / devices.column("cifar10", "latency_ms@fpga")
    assert ratio == pytest.approx(7.0, rel=1e-5)
    i7, gtx = (devices.column("cifar10", f"latency_ms@eagle_{name}") for name in ("i7", "gtx"))
    there = ~np.isnan(i7)
    assert there.sum() == 1999
    assert np.corrcoef(i7[there].argsort().argsort(), gtx[there].argsort().argsort())[0, 1] > 0.995
    space = TopologySpace()
    same = space.index_of(space.canonical(space.enumerate()))
    assert len(np.unique(same)) == 6466
    # published for one cell of each class, and given to the others
    shared_by_class = devices.column("cifar100", "latency_ms@hw360_pi5_litert")
    assert (shared_by_class == shared_by_class[same]).all()


def test_device_columns_agree_with_the_other_publication(shared, devices):
    with np.load(shared / "tables" / "nats_tss.npz", allow_pickle=False) as archive:
        ops, names, latency = (archive[key] for key in ("ops", "latency_device", "latency_ms"))
    official = np.argsort(TopologySpace().index_of(ops.astype(np.int8)))
    assert len(names) == 27
    for name, column in zip(names.tolist(), latency[official].T, strict=True):
        assert devices.column("cifar10", f"latency_ms@{name}") == pytest.approx(column, rel=1e-6)
