"""Importer of Once-for-All's published latencies: a YAML file a resolution to a device file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency, write_device
from nasgym.devices.device_folder import device_path
from nasgym.devices.layout import block_layout
from nasgym.devices.missing import fill_missing
from nasgym.errors import DataError
from nasgym.files.provenance import describe_source
from nasgym.importers.block_yaml import Key, read_blocks
from nasgym.spaces.mobile_ofa import RESOLUTIONS, OnceForAllSpace

__all__ = ["import_ofa_device", "ofa_device_files", "read_ofa_device"]

# published name to op, kernel and stride
OPS = {
    "Conv": ("conv", 3, 2),
    "Conv_1": ("conv", 1, 1),
    "Conv_2": ("conv", 1, 1),
    "AvgPool2D": ("pool", 0, 0),
    "Logits": ("logits", 0, 0),
}


def ofa_device_files(folder: Path) -> list[Path]:
    """The files of a folder that hold latencies, in the order of their resolutions.

    All of them are there, or none.
    """
    files = [folder / f"{resolution}_lookup_table.yaml" for resolution in RESOLUTIONS]
    there = [file for file in files if file.is_file()]
    if there and len(there) < len(files):
        missing = ", ".join(file.name for file in files if file not in there)
        raise DataError(f"{folder} lacks {missing}; get the files of all resolutions, {', '.join(map(str, RESOLUTIONS))}.")
    return there


def import_ofa_device(folder: str | Path, name: str = "note10") -> Path:
    """Converts the latencies of a folder and writes the device file into the data folder.

    Args:
        folder: With ``160_lookup_table.yaml`` to ``224_lookup_table.yaml`` [C
            ``han-cai/files:ofa/note10/``].
        name: Of the device.

    Returns:
        The device file.

    Raises:
        DataError: A file is missing, damaged, or lacks a block.
        MissingPackage: PyYAML is not installed.
    """
    return write_device(read_ofa_device(Path(folder), name), device_path("ofa", name))


def read_ofa_device(folder: Path, name: str = "note10") -> Device:
    """The device of a folder, not yet written; see `import_ofa_device`.

    The same block was measured again for each resolution, and its latencies differ: the resolution
    is part of the key. Runtime and threads are not in the files.
    """
    files = ofa_device_files(folder)
    if not files:
        raise DataError(f"{folder} has no {RESOLUTIONS[0]}_lookup_table.yaml; name the folder with the published latencies.")
    latencies: dict[BlockKey, Latency] = {}
    for resolution, file in zip(RESOLUTIONS, files, strict=True):
        # a block's key has its resolution, so that no two files share one
        latencies |= read_blocks(file, "std", partial(_read_block, str(file), resolution))
    source = describe_source(folder, files)["source"]
    device = Device(
        name=name,
        space="ofa",
        runtime="unknown",
        threads=None,
        batch=1,
        precision="unknown",
        latencies=latencies,
        source=f"{source['files']} files of {source['file']}, SHA-256 {source['sha256']}",
        note="Published with Once-for-All for networks of width 1.2; a batch of one image is remembered, not stated in the files.",
    )
    fill_missing(device, block_layout(OnceForAllSpace()))  # says which block is not there
    return device


def _read_block(where: str, resolution: int, key: Key) -> BlockKey:
    if key.op != "expanded_conv":
        return key.plain(OPS, where, resolution)
    if set(key.numbers) != {"expand", "kernel", "stride", "idskip", "se", "hs"}:
        raise DataError(f"{where}: {key.text!r} lacks expand, kernel, stride, idskip, se or hs.")
    # here "expand" is the number of channels, in ProxylessNAS's table the factor
    act = "hswish" if key.numbers["hs"] else "relu"
    return key.block(where, mid_ch=key.numbers["expand"], act=act, resolution=resolution)
