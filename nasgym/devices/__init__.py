"""Hardware as look-up tables of block latencies.

Their file, where they lie, and which blocks a network has.
"""

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency, read_device, write_device
from nasgym.devices.device_folder import device_names, device_path, find_device
from nasgym.devices.layout import BlockLayout, block_layout

__all__ = [
    "BlockKey",
    "BlockLayout",
    "Device",
    "Latency",
    "block_layout",
    "device_names",
    "device_path",
    "find_device",
    "read_device",
    "write_device",
]
