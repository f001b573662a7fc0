"""Importer of ProxylessNAS's published latencies: the YAML file to a device file."""

from __future__ import annotations

from pathlib import Path

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, write_device
from nasgym.devices.device_folder import device_path
from nasgym.devices.layout import block_layout
from nasgym.devices.missing import fill_missing
from nasgym.errors import DataError
from nasgym.files.provenance import describe_source
from nasgym.importers.block_yaml import Key, read_blocks
from nasgym.spaces.mobile_proxylessnas import ProxylessNASSpace

__all__ = ["import_proxylessnas_device", "read_proxylessnas_device"]

OPS = {"Conv": ("conv", 3, 2), "Conv_1": ("conv", 1, 1), "Logits": ("logits", 0, 0)}


def import_proxylessnas_device(path: str | Path, name: str = "pixel1") -> Path:
    """Converts ``mobile_trim.yaml`` and writes the device file into the data folder.

    Args:
        path: The file (``han-cai/files:proxylessnas/mobile_trim.yaml``).
        name: Of the device.

    Returns:
        The device file.

    Raises:
        DataError: The file is damaged, or not the published one.
        MissingPackage: PyYAML is not installed.
    """
    return write_device(read_proxylessnas_device(Path(path), name), device_path("proxylessnas", name))


def read_proxylessnas_device(path: Path, name: str = "pixel1") -> Device:
    """The device of the file, not yet written; see `import_proxylessnas_device`.

    The file has blocks of a second stage with 24 channels; the released networks have 32 there, so
    their published latencies cannot be recomputed from it.
    """
    latencies = read_blocks(path, "var", lambda key: _block(str(path), key))
    source = describe_source(path)["source"]
    device = Device(
        name=name,
        space="proxylessnas",
        runtime="unknown",
        threads=None,
        batch=1,
        precision="unknown",
        latencies=latencies,
        source=f"{source['file']}, SHA-256 {source['sha256']}",
        note="Published with ProxylessNAS for images of 224 pixels; phone and a batch of one image are not stated in the file.",
    )
    fill_missing(device, block_layout(ProxylessNASSpace()))  # says which block is not there
    return device


def _block(where: str, key: Key) -> BlockKey:
    if key.op != "expanded_conv":
        return key.plain(OPS, where)
    if set(key.numbers) != {"expand", "kernel", "stride", "idskip"}:
        raise DataError(f"{where}: {key.text!r} has other numbers than expand, kernel, stride and idskip.")
    return key.block(where, mid_ch=key.numbers["expand"] * key.in_ch)
