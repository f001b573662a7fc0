"""Small files of images in the official layouts."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np

# classes, and images of each part
CLASSES, TRAIN, TEST = 3, 30, 9
PREFIXES = {"train": "train", "test": "t10k"}


def drawn(count: int, *shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and labels; every class is as frequent as every other."""
    rng = np.random.default_rng(seed + count)
    return rng.integers(0, 256, size=(count, *shape), dtype=np.uint8), (np.arange(count) % CLASSES).astype(np.uint8)


# ---- IDX ---------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx_folder(folder: Path, *, packed: bool = False, side: int = 6) -> Path:
    """The four files of Fashion-MNIST."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", TRAIN), ("test", TEST)):
        for what, array in zip(("images-idx3", "labels-idx1"), drawn(count, side, side), strict=True):
            path = folder / f"{PREFIXES[part]}-{what}-ubyte{'.gz' * packed}"
            path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return folder


# ---- CIFAR: pickles as Python 2 wrote them -----------------------------------------------------


def text(value: str | bytes) -> bytes:
    """SHORT_BINSTRING or BINSTRING: what Python 2 wrote for str."""
    raw = value.encode() if isinstance(value, str) else value
    return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw


def number(value: int) -> bytes:
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def listed(items: list[bytes]) -> bytes:
    return b"](" + b"".join(items) + b"e"


def array(
    pixels: np.ndarray, *, kind: bytes = b"numpy\nndarray\n", code: str = "u1", core: bytes = b"numpy.core.multiarray"
) -> bytes:
    """An array as numpy's first version pickled it under Python 2."""
    dtype = (
        b"cnumpy\ndtype\n" + text(code) + b"K\x00K\x01\x87R(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    made = b"c" + core + b"\n_reconstruct\nc" + kind + b"K\x00\x85" + text("b") + b"\x87R"
    shape = b"(" + b"".join(number(side) for side in pixels.shape) + b"t"
    return made + b"(K\x01" + shape + dtype + b"\x89" + text(pixels.tobytes()) + b"tb"


def dictionary(**entries: bytes) -> bytes:
    """A whole pickle of protocol 2."""
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u."


def batch(count: int, key: str, seed: int = 0) -> bytes:
    pixels, labels = drawn(count, 3072, seed=seed)
    return dictionary(
        batch_label=text("training batch"),
        **{key: listed([number(int(label)) for label in labels])},
        data=array(pixels),
        filenames=listed([text(f"image_{i}.png") for i in range(count)]),
    )


def cifar_files(kind: str = "cifar10") -> tuple[str, dict[str, bytes]]:
    """Name of the folder, and the official files in it."""
    names = listed([text(name) for name in ("airplane", "automobile", "bird")])
    if kind == "cifar10":
        batches = {f"data_batch_{i}": batch(TRAIN, "labels", seed=i) for i in range(1, 6)}
        meta = {"batches.meta": dictionary(label_names=names, num_vis=number(3072))}
        return "cifar-10-batches-py", {**batches, "test_batch": batch(TEST, "labels"), **meta}
    meta = {"meta": dictionary(fine_label_names=names, coarse_label_names=names)}
    return "cifar-100-python", {"train": batch(TRAIN, "fine_labels"), "test": batch(TEST, "fine_labels"), **meta}


def write_cifar(parent: Path, kind: str = "cifar10", **changed: bytes) -> Path:
    """The official folder; `changed` files have other bytes, and none where they are empty."""
    folder, files = cifar_files(kind)
    (parent / folder).mkdir(parents=True)
    for name, raw in {**files, **changed}.items():
        if raw:
            (parent / folder / name).write_bytes(raw)
    return parent / folder


def write_cifar_archive(path: Path, kind: str = "cifar10", files: dict[str, bytes] | None = None) -> Path:
    """The official archive, or one with other members."""
    folder, official = cifar_files(kind)
    members = {f"{folder}/{name}": raw for name, raw in {"readme.html": b"<html>", **official}.items()}
    with tarfile.open(path, "w:gz") as archive:
        for name, raw in (members if files is None else files).items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path


# ---- arrays ------------------------------------------------------------------------------------


def image_arrays(side: int = 6) -> dict[str, np.ndarray]:
    (x_train, y_train), (x_test, y_test) = drawn(TRAIN, side, side), drawn(TEST, side, side)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def write_image_arrays(path: Path, **changed: np.ndarray | None) -> Path:
    """An npz file; `changed` arrays are other ones, or left out where they are None."""
    arrays = {name: array for name, array in {**image_arrays(), **changed}.items() if array is not None}
    np.savez_compressed(path, **arrays)
    return path
