"""What a plan needs on a small device: the memory that stores it, and the memory that it runs in.

**Size**: what a deployed network stores. Batch normalisations are folded into their convolutions,
so a convolution is a kernel, one value per weight in the width of the precision (4 bytes in
float32, 1 in int8), and a bias of 4 bytes per output channel; so are the layers of gates and the
head's linear layers (a hidden layer without a bias, and a convolution without a normalisation, have
none). A normalisation that follows no convolution has two values of 4 bytes per channel. Scales of
a quantisation, constants of operators and the graph itself are not counted.

**Peak memory**: the largest sum, over the steps of a schedule, of the tensors that are alive and
the weights of the block that is being run.

* The schedule is the order of the nodes of the network's ONNX graph (`onnx_graph.plan_onnx`), for a
  batch of one image.
* A tensor lives from the step that writes it to the last step that reads it; the image lives from
  the start, the logits to the end. Its values have the width of the precision.
* Edges of a cell are run one after the other, in the order of its nodes, and added up as soon as
  there are two. Tensors that a later block reads live on.
* In place, where nothing later reads their input, are batch normalisation, ReLU, ReLU6, h-swish and
  the sigmoid or hard sigmoid that ends a gate (``BatchNormalization``, ``Relu``, ``Clip``,
  ``HardSwish``, ``Sigmoid``, ``HardSigmoid``): they write over what they read. Swish is a sigmoid
  and a product; the product reads the sigmoid's input, too, so that one is kept.
* Every other step (convolutions, poolings, products, sums, paddings, flattening, linear layers)
  holds all its inputs and its output.
* The weights of a block are all that it stores (its size), from its first step to its last one. A
  block is one of the plan's, or one on an edge of a cell; of the head, the pooling, the hidden
  layer and the classifier are one each. Nothing is held for blocks that are not running.

Both are in kilobytes of 1,024 bytes; these are definitions, not measurements: a runtime that reuses
or tiles more needs less.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias

from nasgym.networks.plan import (
    Activation,
    Block,
    Conv,
    Head,
    Identity,
    MBConv,
    NetworkPlan,
    Norm,
    Place,
    Pool,
    Zero,
    in_channels,
    out_channels,
    out_size,
)

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
            return _layer(kernel, out, precision, bias=block.norm) + _gate(out, block.se_channels, precision)
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
    """The steps of blocks.

    Of each: how many values its tensor has, which tensors it reads, whether it can write over the
    first of them, and the bytes of the weights that are held meanwhile.

    Args:
        sizes: Values of the inputs, which are the first tensors.
    """

    def __init__(self, *sizes: int) -> None:
        self.inputs, self.sizes = len(sizes), list(sizes)
        self.reads: list[tuple[int, ...]] = []
        self.in_place: list[bool] = []
        self.weights: list[int] = []
        self.held = 0

    def write(self, size: int, *reads: int, in_place: bool = False) -> int:
        """A step; returns the number of its tensor."""
        self.sizes.append(size)
        self.reads.append(reads)
        self.in_place.append(in_place)
        self.weights.append(self.held)
        return len(self.sizes) - 1

    def activation(self, x: int, kind: Activation) -> int:
        """Swish is two steps, of which one needs room of its own."""
        if kind == "swish":
            return self.write(self.sizes[x], x, self.write(self.sizes[x], x))
        return x if kind == "none" else self.write(self.sizes[x], x, in_place=True)

    def excite(self, x: int, channels: int, hidden: int, activation: Activation) -> int:
        """Squeeze-and-excite after `x`."""
        if not hidden:
            return x
        squeezed = self.activation(self.write(hidden, self.write(channels, x)), activation)
        return self.write(self.sizes[x], x, self.write(channels, squeezed))

    def residual(self, block: Conv | MBConv, x: int, out: int, area: int) -> int:
        """The sum of the block's input, brought into shape, and `out`."""
        if block.stride > 1:
            x = self.write(block.in_channels * area, x)
        if block.out_channels != block.in_channels:
            x = self.write(block.out_channels * area, x)
        return self.write(self.sizes[out], x, out)

    def block(self, block: Block, x: int, size: int, precision: Precision) -> int:
        """All steps of a block, which holds its weights meanwhile."""
        before, after = size**2, out_size(size, block) ** 2
        self.held = block_bytes(block, precision)
        match block:
            case Identity():
                pass
            case Norm():
                x = self.activation(self.write(self.sizes[x], x, in_place=True), block.activation)
            case Zero():
                x = self.write(block.out_channels * after, self.write(after, x))
            case Pool():
                x = self.write(block.channels * after, x)
            case Conv():
                out = self.activation(x, block.activation) if block.order == "pre" else x
                out = self.write(block.out_channels * after, out)
                out = out if block.order == "pre" else self.activation(out, block.activation)
                out = self.excite(out, block.out_channels, block.se_channels, block.se_activation)
                x = self.residual(block, x, out, after) if block.residual else out
            case MBConv():
                mid, out = block.mid_channels, x
                if block.expands:
                    out = self.activation(self.write(mid * before, out), block.activation)
                out = self.activation(self.write(mid * after, out), block.activation)
                out = self.excite(out, mid, block.se_channels, block.se_activation)
                out = self.write(block.out_channels * after, out)
                x = self.residual(block, x, out, after) if block.residual else out
        self.held = 0
        return x

    def place(self, place: Place, inputs: list[int], sizes: tuple[int, ...], precision: Precision) -> int:
        """All steps of a cell; returns the number of its output."""
        known, found = inputs, list[int]()
        for run in place.runs(*sizes):
            node = place.cell.nodes[run.node]
            if run.number in place.live[run.node]:
                x = known[run.source]
                for block, size in run.blocks:
                    x = self.block(block, x, size, precision)
                found.append(x)
                if node.combine == "sum" and len(found) == 2:
                    found = [self.write(self.sizes[x], *found)]
            if run.number == len(node.edges) - 1:
                joined = sum(self.sizes[one] for one in found)
                known.append(self.write(joined, *found) if node.combine == "concat" and len(found) > 1 else found[0])
                found = []
        return known[-1]

    def peak(self, precision: Precision, *kept: int) -> int:
        """The most bytes in one step: live tensors and the weights that are held.

        The tensors in `kept` live to the end.
        """
        steps = len(self.reads)
        # a tensor is alive where it is written, too
        last = [step - self.inputs for step in range(len(self.sizes))]
        for step, reads in enumerate(self.reads):
            for tensor in reads:
                last[tensor] = step
        for tensor in kept:
            last[tensor] = steps
        most = 0
        for step, (reads, in_place, weights) in enumerate(zip(self.reads, self.in_place, self.weights, strict=True)):
            alive = sum(n for i, n in enumerate(self.sizes) if i - self.inputs <= step <= last[i])
            # what it writes over is not there twice
            alive -= self.sizes[reads[0]] if in_place and last[reads[0]] == step else 0
            most = max(most, alive * BYTES[precision] + weights)
        return most


@lru_cache(maxsize=100_000)
def block_peak(
    block: Block | Place, *sizes: int, precision: Precision = "float32", kept: tuple[int, ...] = (), others: int = 0
) -> int:
    """Most bytes that are held while a block runs on an input of ``size x size``.

    Live tensors and the weights of the block that runs are held.

    Args:
        block: The block; a cell may have several inputs.
        sizes: Height and width of each input.
        precision: Of weights and tensors.
        kept: The inputs, by position, that a later block reads again.
        others: Values of tensors that this block does not read and a later one does.
    """
    if isinstance(block, Place):
        # inputs that are one tensor are there once
        tensors = {back: channels * size**2 for back, channels, size in zip(block.reads, block.in_channels, sizes, strict=True)}
        tape, numbers = _Tape(*tensors.values()), {back: number for number, back in enumerate(tensors)}
        out = tape.place(block, [numbers[back] for back in block.reads], sizes, precision)
        kept = tuple(numbers[block.reads[position]] for position in kept)
    else:
        tape = _Tape(in_channels(block) * sizes[0] ** 2)
        out = tape.block(block, 0, sizes[0], precision)
    most = tape.peak(precision, out, *kept)
    return most + others * BYTES[precision] if tape.reads else 0


def head_peak(head: Head, size: int, precision: Precision = "float32") -> int:
    """As `block_peak`, of the head.

    Its pooling, its hidden layer and its classifier are run one after the other.
    """
    tape = _Tape(head.in_channels * size**2)
    pooled = tape.write(head.in_channels, tape.activation(0, head.activation))
    tape.write(head.in_channels, pooled)
    most, width = tape.peak(precision), head.in_channels
    if head.hidden:
        tape = _Tape(width)
        tape.activation(tape.write(head.hidden, 0), head.hidden_activation)
        stored = _layer(width * head.hidden, head.hidden, precision, bias=head.hidden_bias)
        most, width = max(most, tape.peak(precision) + stored), head.hidden
    stored = _layer(width * head.num_classes, head.num_classes, precision)
    return max(most, (width + head.num_classes) * BYTES[precision] + stored)


def size_kb(plan: NetworkPlan, precision: Precision = "float32") -> float:
    """What a network stores, in kilobytes; see the module for what counts."""
    return (sum(block_bytes(block, precision) for block in plan.blocks) + head_bytes(plan.head, precision)) / KB


def peak_memory_kb(plan: NetworkPlan, precision: Precision = "float32") -> float:
    """What a network holds at most while it runs, in kilobytes; see the module for the schedule."""
    steps, most = plan.steps, 0
    # the tensors that the image and each block put out: what passes an input on puts out no new one
    tensors, values = [0], [plan.input_shape[0] * plan.input_shape[1] ** 2]
    last = [0]
    for number, step in enumerate(steps):
        for back in _reads(step.block).values():
            last[tensors[-back]] = number
        passed = _passes_on(step.block)
        if passed is None:
            tensors.append(len(values))
            values.append(out_channels(step.block) * step.size**2)
            last.append(number)
        else:
            tensors.append(tensors[-passed])
    last[tensors[-1]] = len(steps)
    for number, step in enumerate(steps):
        read = {position: tensors[number + 1 - back] for position, back in _reads(step.block).items()}
        kept = tuple(position for position, tensor in read.items() if last[tensor] > number)
        waiting = {tensor for tensor in tensors[: number + 1] if tensor not in read.values() and last[tensor] > number}
        others = sum(values[tensor] for tensor in waiting)
        most = max(most, block_peak(step.block, *step.sizes, precision=precision, kept=kept, others=others))
    return max(most, head_peak(plan.head, plan.size, precision)) / KB


def _reads(block: Block | Place) -> dict[int, int]:
    """For each input that is read, by position, which block before this one puts it out."""
    if not isinstance(block, Place):
        return {0: 1}
    sources = {node.edges[i].source for node, live in zip(block.cell.nodes, block.live, strict=True) for i in live}
    return {position: back for position, back in enumerate(block.reads) if position in sources}


def _passes_on(block: Block | Place) -> int | None:
    """Which block before this one puts out the very tensor that this one puts out, or None."""
    if not isinstance(block, Place):
        return 1 if isinstance(block, Identity) else None
    number = len(block.widths) - 1
    while number >= block.cell.inputs:
        position = number - block.cell.inputs
        node, live = block.cell.nodes[position], block.live[position]
        if len(live) > 1 or not all(isinstance(one, Identity) for one in block.edges[position][live[0]]):
            return None
        number = node.edges[live[0]].source
    return block.reads[number]
