"""What a plan needs on a small device: the memory that stores it, and the memory that it runs in.

**Size**: what a deployed network stores. Batch normalisations are folded into their convolutions,
so a convolution is a kernel, one value per weight in the width of the precision (4 bytes in
float32, 1 in int8), and a bias of 4 bytes per output channel; so are the layers of gates and the
head's linear layers (a hidden layer without a bias has none). Scales of a quantisation, constants
of operators and the graph itself are not counted.

**Peak memory**: the largest sum, over the steps of a schedule, of the tensors that are alive and
the weights of the block that is being run.

* The schedule is the order of the nodes of the network's ONNX graph (`onnx_graph.plan_onnx`), for a
  batch of one image.
* A tensor lives from the step that writes it to the last step that reads it; the image lives from
  the start, the logits to the end. Its values have the width of the precision.
* In place are batch normalisation, ReLU, ReLU6, h-swish and the sigmoid or hard sigmoid that ends a
  gate (``BatchNormalization``, ``Relu``, ``Clip``, ``HardSwish``, ``Sigmoid``, ``HardSigmoid``):
  they write over what they read. Swish is a sigmoid and a product; the product reads the sigmoid's
  input, too, so that one is kept.
* Every other step (convolutions, poolings, products, sums, paddings, flattening, linear layers)
  holds all its inputs and its output.
* The weights of a block are all that it stores (its size), from its first step to its last one. A
  block is one of the plan's; of the head, the pooling, the hidden layer and the classifier are one
  each. Nothing is held for blocks that are not running.

Both are in kilobytes of 1,024 bytes; these are definitions, not measurements: a runtime that reuses
or tiles more needs less.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias

from nasgym.networks.plan import Activation, Block, Conv, Head, Identity, MBConv, NetworkPlan, Pool, out_size

__all__ = [
    "BYTES",
    "KB",
    "Precision",
    "block_bytes",
    "block_peak",
    "head_bytes",
    "head_peak",
    "peak_memory_kb",
    "size_kb",
]

Precision: TypeAlias = Literal["float32", "int8"]

# of a weight or a value of a tensor; biases are 32 bits wide in both
BYTES: dict[Precision, int] = {"float32": 4, "int8": 1}
BIAS_BYTES = 4
KB = 1024


def _layer(kernel: int, out: int, precision: Precision, *, bias: bool = True) -> int:
    """Bytes of a convolution or linear layer with so many weights and outputs."""
    return kernel * BYTES[precision] + (out * BIAS_BYTES if bias else 0)


def _gate(channels: int, hidden: int, precision: Precision) -> int:
    if not hidden:
        return 0
    return _layer(channels * hidden, hidden, precision) + _layer(channels * hidden, channels, precision)


def block_bytes(block: Block, precision: Precision = "float32") -> int:
    """Bytes that a block stores."""
    match block:
        case Identity() | Pool():
            return 0
        case Conv():
            out = block.out_channels
            kernel = block.kernel**2 * block.in_channels * out // block.groups
            return _layer(kernel, out, precision) + _gate(out, block.se_channels, precision)
        case MBConv():
            mid, out = block.mid_channels, block.out_channels
            expand = _layer(block.in_channels * mid, mid, precision) if block.expands else 0
            depthwise = _layer(block.kernel**2 * mid, mid, precision)
            return expand + depthwise + _gate(mid, block.se_channels, precision) + _layer(mid * out, out, precision)


def head_bytes(head: Head, precision: Precision = "float32") -> int:
    """Bytes that the head stores."""
    width, hidden = head.in_channels, 0
    if head.hidden:
        hidden = _layer(width * head.hidden, head.hidden, precision, bias=head.hidden_bias)
        width = head.hidden
    return hidden + _layer(width * head.num_classes, head.num_classes, precision)


class _Tape:
    """The steps of a block that write a tensor of their own.

    Of each: how many values its tensor has, and which tensors it reads.
    """

    def __init__(self, size: int) -> None:
        self.sizes = [size]
        self.reads: list[tuple[int, ...]] = []

    def write(self, size: int, *reads: int) -> int:
        """A step; returns the number of its tensor. The block's input has the number 0."""
        self.sizes.append(size)
        self.reads.append(reads)
        return len(self.reads)

    def activation(self, x: int, kind: Activation) -> int:
        """Only swish needs room of its own."""
        if kind != "swish":
            return x
        return self.write(self.sizes[x], x, self.write(self.sizes[x], x))

    def excite(self, x: int, channels: int, hidden: int, activation: Activation) -> int:
        """Squeeze-and-excite after `x`."""
        if not hidden:
            return x
        squeezed = self.activation(self.write(hidden, self.write(channels, x)), activation)
        return self.write(self.sizes[x], x, self.write(channels, squeezed))

    def residual(self, block: Conv | MBConv, out: int, area: int) -> int:
        """The sum of the block's input, brought into shape, and `out`."""
        x = 0
        if block.stride > 1:
            x = self.write(block.in_channels * area, x)
        if block.out_channels != block.in_channels:
            x = self.write(block.out_channels * area, x)
        return self.write(self.sizes[out], x, out)

    @property
    def peak(self) -> int:
        """The most values that are alive in one step."""
        # a tensor is alive where it is written, too
        last = [step - 1 for step in range(len(self.sizes))]
        for step, reads in enumerate(self.reads):
            for tensor in reads:
                last[tensor] = step
        steps = range(len(self.reads))
        return max((sum(n for i, n in enumerate(self.sizes) if i - 1 <= step <= last[i]) for step in steps), default=0)


@lru_cache(maxsize=100_000)
def block_peak(block: Block, size: int, precision: Precision = "float32") -> int:
    """Most bytes that are held while a block runs on an input of ``size x size``.

    Live tensors and its own weights are held.
    """
    before, after = size**2, out_size(size, block) ** 2
    tape: _Tape
    match block:
        case Identity():
            return 0
        case Pool():
            tape = _Tape(block.channels * before)
            tape.write(block.channels * after, 0)
        case Conv():
            tape = _Tape(block.in_channels * before)
            out = tape.activation(tape.write(block.out_channels * after, 0), block.activation)
            out = tape.excite(out, block.out_channels, block.se_channels, block.se_activation)
            if block.residual:
                tape.residual(block, out, after)
        case MBConv():
            mid, x = block.mid_channels, 0
            tape = _Tape(block.in_channels * before)
            if block.expands:
                x = tape.activation(tape.write(mid * before, 0), block.activation)
            x = tape.activation(tape.write(mid * after, x), block.activation)
            x = tape.excite(x, mid, block.se_channels, block.se_activation)
            x = tape.write(block.out_channels * after, x)
            if block.residual:
                tape.residual(block, x, after)
    return tape.peak * BYTES[precision] + block_bytes(block, precision)


def head_peak(head: Head, size: int, precision: Precision = "float32") -> int:
    """As `block_peak`, of the head.

    Its pooling, its hidden layer and its classifier are run one after the other.
    """
    tape = _Tape(head.in_channels * size**2)
    pooled = tape.write(head.in_channels, tape.activation(0, head.activation))
    tape.write(head.in_channels, pooled)
    most, width = tape.peak * BYTES[precision], head.in_channels
    if head.hidden:
        tape = _Tape(width)
        tape.activation(tape.write(head.hidden, 0), head.hidden_activation)
        stored = _layer(width * head.hidden, head.hidden, precision, bias=head.hidden_bias)
        most, width = max(most, tape.peak * BYTES[precision] + stored), head.hidden
    stored = _layer(width * head.num_classes, head.num_classes, precision)
    return max(most, (width + head.num_classes) * BYTES[precision] + stored)


def size_kb(plan: NetworkPlan, precision: Precision = "float32") -> float:
    """What a network stores, in kilobytes; see the module for what counts."""
    return (sum(block_bytes(block, precision) for block in plan.blocks) + head_bytes(plan.head, precision)) / KB


def peak_memory_kb(plan: NetworkPlan, precision: Precision = "float32") -> float:
    """What a network holds at most while it runs, in kilobytes; see the module for the schedule."""
    size, most = plan.input_shape[1], 0
    for block in plan.blocks:
        most, size = max(most, block_peak(block, size, precision)), out_size(size, block)
    return max(most, head_peak(plan.head, size, precision)) / KB
