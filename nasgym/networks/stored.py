"""What blocks store: kernels in the width of a precision, biases and lone normalisations.

What counts is said in `nasgym.networks.memory`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from nasgym.networks.plan import Block, Conv, Identity, MBConv, Norm, Place, Pool, Zero

__all__ = ["BIAS_BYTES", "BYTES", "KB", "Precision", "block_bytes", "layer_bytes"]

Precision: TypeAlias = Literal["float32", "int8"]

# of a weight or a value of a tensor; biases are 32 bits wide in both
BYTES: dict[Precision, int] = {"float32": 4, "int8": 1}
BIAS_BYTES = 4
KB = 1024


def layer_bytes(kernel: int, out: int, precision: Precision, *, bias: bool = True) -> int:
    """Bytes of a convolution or linear layer with so many weights and outputs."""
    return kernel * BYTES[precision] + (out * BIAS_BYTES if bias else 0)


def _gate(channels: int, hidden: int, precision: Precision) -> int:
    if not hidden:
        return 0
    return layer_bytes(channels * hidden, hidden, precision) + layer_bytes(channels * hidden, channels, precision)


def block_bytes(block: Block | Place, precision: Precision = "float32") -> int:
    """Bytes that a block stores."""
    match block:
        case Place():
            return sum(block_bytes(one, precision) for node in block.edges for edge in node for one in edge)
        case Identity() | Pool() | Zero():
            return 0
        case Norm():
            return 2 * block.channels * BIAS_BYTES
        case Conv():
            out = block.out_channels
            kernel = block.kernel**2 * block.in_channels * out // block.groups
            return layer_bytes(kernel, out, precision, bias=block.norm) + _gate(out, block.se_channels, precision)
        case MBConv():
            mid, out = block.mid_channels, block.out_channels
            expand = layer_bytes(block.in_channels * mid, mid, precision) if block.expands else 0
            depthwise = layer_bytes(block.kernel**2 * mid, mid, precision)
            return expand + depthwise + _gate(mid, block.se_channels, precision) + layer_bytes(mid * out, out, precision)
