"""A block that a device was not measured for: refuse it, or estimate it from similar ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

import numpy as np

from nasgym.devices.block_key import BlockKey, nearest_blocks
from nasgym.devices.device_file import Device, Latency
from nasgym.errors import DataError, unknown_name

__all__ = ["Missing", "estimate_ms", "fill_missing"]

Missing: TypeAlias = Literal["error", "interpolate"]
# what an estimate keeps, the strictest first; a kernel or an op is never exchanged for another
KEPT = (("kernel", "stride", "se", "act", "resolution"), ("kernel", "stride", "se", "act"), ("kernel", "stride"), ("kernel",))


def fill_missing(
    device: Device, blocks: Iterable[BlockKey], missing: Missing = "error"
) -> tuple[dict[BlockKey, float], tuple[BlockKey, ...]]:
    """Latencies of blocks.

    Args:
        device: What was measured.
        blocks: What a space needs.
        missing: ``"error"``, or ``"interpolate"`` to estimate what was not measured
            (`estimate_ms`).

    Returns:
        Milliseconds by block, and the blocks whose latency is an estimate.

    Raises:
        DataError: A block is missing; the message names the nearest ones. Or no block is similar
            enough for an estimate.
    """
    if missing not in get_args(Missing):
        raise unknown_name("way to deal with missing blocks", missing, get_args(Missing))
    wanted = list(dict.fromkeys(blocks))
    absent = [block for block in wanted if block not in device.latencies]
    if absent and (missing == "error" or device.model == "linear"):
        near = "; ".join(map(str, nearest_blocks(absent[0], device.latencies)))
        way = (
            "measure it, or give missing='interpolate'"
            if device.model == "lookup"
            else "coefficients of a linear model cannot be estimated from others"
        )
        raise DataError(
            f"device {device.name!r} lacks {len(absent):,} of the {len(wanted):,} blocks of space {device.space!r}, the first is "
            f"{absent[0]}; the nearest measured ones are: {near}. To go on, {way}."
        )
    found = {block: device.latencies[block].latency_ms for block in wanted if block in device.latencies}
    found |= {block: estimate_ms(block, device.latencies, device.name) for block in absent}
    return found, tuple(absent)


def estimate_ms(block: BlockKey, measured: Mapping[BlockKey, Latency], device: str) -> float:
    """An estimate from measured blocks of the same op and kernel, by multiply-accumulates.

    Between two measured blocks the logarithm of the latency is a line over the logarithm of the
    multiply-accumulates; outside of them the latency is proportional to the multiply-accumulates.
    Blocks that also share stride, squeeze-and-excite, activation and resolution are taken where
    there are some, else those that share less. Nothing published says how good such estimates are
    (this library's own rule); look-up costs that hold one are marked.

    Raises:
        DataError: No measured block has the op and the kernel.
    """
    for kept in KEPT:
        values: dict[int, list[float]] = {}
        for other, latency in measured.items():
            same = other.op == block.op and all(getattr(other, key) == getattr(block, key) for key in kept)
            if same and other.macs > 0 and latency.latency_ms > 0:
                values.setdefault(other.macs, []).append(latency.latency_ms)
        if values and block.macs > 0:
            macs = np.array(sorted(values), dtype=np.float64)
            logs = np.array([np.log(values[m]).mean() for m in sorted(values)])
            inside = np.clip(block.macs, macs[0], macs[-1])
            return float(np.exp(np.interp(np.log(inside), np.log(macs), logs)) * block.macs / inside)
    near = "; ".join(map(str, nearest_blocks(block, measured)))
    raise DataError(
        f"device {device!r} has no block of the op and kernel of {block}, from which its latency could be estimated; the nearest "
        f"ones are: {near}. Measure it."
    )
