"""``python -m tests.build_data``: the tables and images that tests and benchmarks use.

They come from ``../shared/data``, where that exists. NAS-Bench-Macro goes through its importer. The
NATS-Bench tables do not come from the official archive but from arrays of its published numbers,
means over seeds; their cards say so, and the tests of the official importer use no such table.
CIFAR-10 is decoded from JPEG files of about quality 75, whose pixels are close to the official
ones; it goes by a name of its own, ``cifar10-jpeg``.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nasgym.devices.device_folder import device_path
from nasgym.errors import DataError
from nasgym.files.arrays import verify_checksum
from nasgym.files.data_folder import data_folder
from nasgym.files.provenance import describe_source, sha256_of
from nasgym.importers.images import import_images
from nasgym.importers.nas_bench_macro import import_nas_bench_macro
from nasgym.importers.nb201_devices import import_cost_columns
from nasgym.importers.ofa_device import import_ofa_device
from nasgym.importers.ofa_predictor import import_ofa_predictor
from nasgym.spaces.nats_bench import OPS, WIDTHS, SizeSpace, TopologySpace
from nasgym.surrogates.perceptron import predictor_path
from nasgym.tables.cost_columns import columns_path, read_columns
from nasgym.tables.table_file import Table, read_table, write_table
from nasgym.tables.table_folder import table_path
from nasgym.training.image_data import Pixels, images_path, read_image_data
from nasgym.type_aliases import Floats, Ints

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
# images of one validation pass by those of the pass that eval_time_s measured
PASSES = (2.5, 1.0, 1.0)
# part of the training images that the training for validation sees
TRAINED_ON = (0.5, 1.0, 1.0)
# counts up whenever a table would be built differently
RECIPE = 2


def seconds_to_validation(source: dict[str, npt.NDArray[np.generic]], epochs: int) -> Floats:
    """``(15625, 3)`` training seconds and one validation pass, by official index and data set.

    The 1,000 architectures with measured times have those; for the others training is the estimate
    of the source, and a pass is fitted to the training time on the measured ones (a line; the pass
    is a few percent of the sum at 12 epochs).
    """
    rows = source["time_idx"].astype(np.int64)
    column = source["time_epochs"].tolist().index(epochs)
    train = source["train_s_per_epoch_est"].astype(np.float64) * epochs
    measured = source["train_time_s"][:, :, column].astype(np.float64)
    measured_pass = source["eval_time_s"][:, :, column].astype(np.float64) / epochs
    seconds = np.empty_like(train)
    for d in range(len(DATASETS)):
        slope, offset = np.polyfit(measured[:, d], measured_pass[:, d], 1)
        one_pass = offset + slope * train[:, d]
        one_pass[rows], train[rows, d] = measured_pass[:, d], measured[:, d]
        seconds[:, d] = TRAINED_ON[d] * train[:, d] + PASSES[d] * one_pass
    return seconds


def topology_table(path: Path) -> Table:
    """The topology space; rows in the order of the space."""
    with np.load(path, allow_pickle=False) as archive:
        source = {key: archive[key] for key in archive.files}
    space = TopologySpace()
    if tuple(source["op_names"].tolist()) != OPS or tuple(source["datasets"].tolist()) != DATASETS:
        raise DataError(f"{path} has other operations or data sets than expected.")
    official = np.argsort(space.index_of(source["ops"].astype(np.int8)))
    accuracy, seconds, costs = {}, {}, {}
    for epochs in (12, 200):
        times = seconds_to_validation(source, epochs)
        for d, dataset in enumerate(DATASETS):
            for split, prefix in (("validation", "val"), ("test", "test")):
                values = source[f"{prefix}_acc_{epochs}"][official, d : d + 1]
                accuracy[dataset, epochs, split] = (values / 100).astype(np.float32)
            seconds[dataset, epochs] = times[official, d].astype(np.float32)
    for d, dataset in enumerate(DATASETS):
        costs[dataset, "macs_table"] = np.round(source["flops_M"][official, d] * 1e6)
        costs[dataset, "params_table"] = np.round(source["params_M"][official, d] * 1e6)
    notes = [
        "Not imported from the official archive: means over the training seeds, one column; searches can differ from those "
        "with sampled seeds.",
        "cifar10: validation after training on half of the training images (official cifar10-valid), test after training on "
        "all.",
        "train_seconds is an estimate: measured for 1,000 architectures; for the others training is a fit and the validation "
        "pass, a few percent of the sum at 12 epochs, a line fitted to the measured passes. On the measured architectures the "
        "estimate is within 9 percent (the fit of the training had seen them), its mean within 0.5 percent. cifar10 is half of "
        "the training time on all images, and a pass over 25,000 images.",
    ]
    return Table(_card(space.name, DATASETS, 12, 200, "validation", notes, path), accuracy, seconds, costs)


def size_table(path: Path) -> Table:
    """The size space: test accuracies of CIFAR-10 only."""
    with np.load(path, allow_pickle=False) as archive:
        source = {key: archive[key] for key in archive.files}
    space = SizeSpace()
    official = np.argsort(space.index_of(np.searchsorted(WIDTHS, source["channels"]).astype(np.int8)))
    accuracy = {("cifar10", 90, "test"): (source["c10_test_acc_90"][official, None] / 100).astype(np.float32)}
    costs = {
        ("cifar10", "macs_table"): source["flops"][official, 0].astype(np.float64),
        ("cifar10", "params_table"): source["params"][official, 0].astype(np.float64),
    }
    notes = [
        "Not imported from the official archive: only test accuracies of CIFAR-10 after 90 epochs, one seed. The search sees "
        "the numbers that the report states.",
    ]
    return Table(_card(space.name, DATASETS[:1], 90, 90, "test", notes, path), accuracy, {}, costs)


def _card(
    name: str, datasets: tuple[str, ...], search: int, report: int, metric: str, notes: list[str], path: Path
) -> dict[str, object]:
    return {
        "name": name,
        "space": name,
        "datasets": list(datasets),
        "search_fidelity": search,
        "report_fidelity": report,
        "search_metric": metric,
        "canonical": False,
        "notes": notes,
        "recipe": RECIPE,
        **describe_source(path),
    }


def is_current(name: str, source: Path) -> bool:
    """Whether the table is there, whole, and was built from this very file by this recipe."""
    path = table_path(name)
    if not path.is_file():
        return False
    try:
        verify_checksum(path)
        card = read_table(path).card
    except DataError as error:
        print(f"{name}: built again, because {error}")
        return False
    return bool(card["source"]["sha256"] == sha256_of(source) and card.get("recipe", RECIPE) == RECIPE)


def build(shared: Path) -> list[Path]:
    """Builds what is not there yet; returns the tables."""
    recipes: dict[str, tuple[Path, Callable[[Path], Path]]] = {
        "nas-bench-macro": (shared / "raw" / "nas_bench_macro" / "nas-bench-macro_cifar10.json", import_nas_bench_macro),
        "nats-tss": (
            shared / "tables" / "nats_tss.npz",
            lambda path: write_table(topology_table(path), table_path("nats-tss")),
        ),
        "nats-sss": (shared / "tables" / "nats_sss.npz", lambda path: write_table(size_table(path), table_path("nats-sss"))),
    }
    tables = []
    for name, (source, make) in recipes.items():
        current = is_current(name, source)
        tables.append(table_path(name) if current else make(source))
        print(f"{name}: {'is there' if current else 'built'}, {tables[-1]}")
    return tables


def build_ofa(shared: Path) -> list[Path]:
    """Imports Once-for-All's predictor and latencies if they are missing; returns their files."""
    sources = {
        predictor_path(): (shared / "tables" / "ofa_mbv3_accuracy_predictor.npz", import_ofa_predictor),
        device_path("ofa", "note10"): (shared / "raw" / "ofa_note10", import_ofa_device),
    }
    for path, (source, make) in sources.items():
        current = path.is_file()
        print(f"ofa: {'is there' if current else 'built'}, {path if current else make(source)}")
    return list(sources)


def build_devices(shared: Path) -> Path:
    """Imports the topology space's device costs if they are missing or from another file."""
    folder = shared / "devices"
    source, path = folder / "nb201_devices.csv.gz", columns_path("nats-tss", "nb201-devices")
    try:
        current = path.is_file() and read_columns(path).card["source"]["sha256"] == sha256_of(source)
    except DataError as error:
        print(f"nb201-devices: built again, because {error}")
        current = False
    written = path if current else import_cost_columns(source, folder / "nb201_columns.json")
    print(f"nb201-devices: {'is there' if current else 'built'}, {written}")
    return written


def decoded_images(source: Path, folder: Path, count: int | None = None) -> Path:
    """CIFAR-10 as an npz file that `nasgym data import images` reads, decoded from its JPEG files.

    Args:
        source: Arrays with the files of one part after the other, and where each begins.
        folder: Where the file is written, called after the source's hash.
        count: The first images of each part only.
    """
    with np.load(source, allow_pickle=False) as archive:
        packed = {key: archive[key] for key in archive.files}
    arrays: dict[str, npt.NDArray[np.generic]] = {"class_names": packed["class_names"]}
    for part in ("train", "test"):
        arrays[f"x_{part}"] = _decoded(
            packed[f"{part}_jpeg"], packed[f"{part}_offsets"][: None if count is None else count + 1]
        )
        arrays[f"y_{part}"] = packed[f"y_{part}"][: len(arrays[f"x_{part}"])]
    path = folder / f"{_decoded_from(source)}.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # names are keywords of savez
    return path


def _decoded_from(source: Path) -> str:
    return f"{source.stem}-{sha256_of(source)[:16]}"


def _decoded(files: Pixels, offsets: Ints) -> Pixels:
    from PIL import Image

    raw = (files[start:end].tobytes() for start, end in pairwise(offsets))
    return np.stack([np.asarray(Image.open(io.BytesIO(one))) for one in raw])


def build_images(shared: Path) -> list[Path]:
    """Imports the images that are missing or from another file; returns their files."""
    folder = shared / "images"
    fashion, cifar = folder / "fashion_mnist.npz", folder / "cifar10_jpegpack.npz"
    written = []
    with tempfile.TemporaryDirectory() as beside:
        recipes: dict[str, tuple[str, Callable[[], Path]]] = {
            "fashion-mnist": (fashion.name, lambda: fashion),
            "cifar10-jpeg": (f"{_decoded_from(cifar)}.npz", lambda: decoded_images(cifar, Path(beside))),
        }
        for name, (source, make) in recipes.items():
            path = images_path(name)
            try:
                current = path.is_file() and read_image_data(path).card["source"]["file"] == source
            except DataError as error:
                print(f"{name}: built again, because {error}")
                current = False
            written.append(path if current else import_images(make(), name))
            print(f"{name}: {'is there' if current else 'built'}, {written[-1]}")
    return written


def main() -> None:
    """Builds tables and images in ``$NASGYM_DATA``, by default in ``.data``."""
    os.environ.setdefault("NASGYM_DATA", str(ROOT / ".data"))
    if not SHARED.is_dir():
        print(f"no tables built: {SHARED} does not exist; tests that need one are skipped.")
        return
    build(SHARED)
    build_ofa(SHARED)
    build_devices(SHARED)
    build_images(SHARED)
    print(f"data folder: {data_folder()}")


if __name__ == "__main__":
    main()
