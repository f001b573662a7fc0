"""The operations that the edges of a cell may have, by name, as blocks.

Names and networks are those of NATS-Bench (2009.00437; `D-X-Y/AutoDL-Projects`,
`cell_operations.py`) and, of separable and dilated convolutions, DARTS (1806.09055; `quark0/darts`,
`operations.py`), but for these:

* A strided `skip_connect` is one strided 1x1 convolution. There it is a factorised reduction: a
  ReLU, and two such convolutions with half of the channels each, one a pixel aside.
* Poolings are those of NATS-Bench; in DARTS's cells a normalisation follows them.
* `conv_1x1` and `conv_3x3`, convolution, normalisation and ReLU, are in neither.
* Without a stride, `avg_down_conv_1x1` is its 1x1 convolution alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from nasgym.networks.block import Block, Conv, Identity, Pool, Zero

__all__ = ["OPERATIONS", "Operation"]

# from channels before and after and a stride to the blocks
Operation: TypeAlias = Callable[[int, int, int], tuple[Block, ...]]


def _pre_conv(kernel: int) -> Operation:
    """ReLU, convolution, normalisation."""
    return lambda before, after, stride: (Conv(before, after, kernel, stride, order="pre"),)


def _post_conv(kernel: int) -> Operation:
    """Convolution, normalisation, ReLU."""
    return lambda before, after, stride: (Conv(before, after, kernel, stride),)


def _skip(before: int, after: int, stride: int) -> tuple[Block, ...]:
    """Nothing; where the shape changes, a 1x1 convolution with normalisation."""
    return (Identity(before),) if before == after and stride == 1 else (Conv(before, after, 1, stride, activation="none"),)


def _pool(kind: Literal["avg", "max"]) -> Operation:
    """3x3 pooling; where the channels change, a 1x1 convolution comes first."""

    def blocks(before: int, after: int, stride: int) -> tuple[Block, ...]:
        first = () if before == after else (Conv(before, after, 1, order="pre"),)
        return (*first, Pool(after, 3, stride, kind))

    return blocks


def _averaged(before: int, after: int, stride: int) -> tuple[Block, ...]:
    """The shortcut of a residual block: averages over windows of the stride, 1x1 convolution."""
    first = () if stride == 1 else (Pool(before, stride, stride),)
    return (*first, Conv(before, after, 1, activation="none", norm=False))


def _separable(kernel: int, *, times: int = 2, dilation: int = 1) -> Operation:
    """ReLU, depthwise and 1x1 convolution, normalisation; `times` in a row.

    The first one has the stride, and the last one changes the channels.
    """

    def blocks(before: int, after: int, stride: int) -> tuple[Block, ...]:
        found: list[Block] = []
        for number in range(times):
            step, out = 1 if number else stride, after if number == times - 1 else before
            found.append(Conv(before, before, kernel, step, before, order="pre", norm=False, dilation=dilation))
            found.append(Conv(before, out, 1, activation="none"))
        return tuple(found)

    return blocks


OPERATIONS: dict[str, Operation] = {
    "none": lambda before, after, stride: (Zero(before, after, stride),),
    "skip_connect": _skip,
    "nor_conv_1x1": _pre_conv(1),
    "nor_conv_3x3": _pre_conv(3),
    "avg_pool_3x3": _pool("avg"),
    "max_pool_3x3": _pool("max"),
    "conv_1x1": _post_conv(1),
    "conv_3x3": _post_conv(3),
    "avg_down_conv_1x1": _averaged,
    "sep_conv_3x3": _separable(3),
    "sep_conv_5x5": _separable(5),
    "dil_conv_3x3": _separable(3, times=1, dilation=2),
    "dil_conv_5x5": _separable(5, times=1, dilation=2),
}
