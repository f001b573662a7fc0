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
  the start, the logits to the end. Its values have the width of the precision. What an identity
  passes on is the same tensor.
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

from nasgym.networks.plan import Block, Head, Identity, NetworkPlan, Place, in_channels, out_channels
from nasgym.networks.stored import BYTES, KB, Precision, block_bytes, layer_bytes
from nasgym.networks.tape import Tape

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


def head_bytes(head: Head, precision: Precision = "float32") -> int:
    """Bytes that the head stores."""
    width, hidden = head.in_channels, 0
    if head.hidden:
        hidden = layer_bytes(width * head.hidden, head.hidden, precision, bias=head.hidden_bias)
        width = head.hidden
    return hidden + layer_bytes(width * head.num_classes, head.num_classes, precision)


@lru_cache(maxsize=100_000)
def block_peak(
    block: Block | Place,
    *sizes: int,
    precision: Precision = "float32",
    kept: tuple[int, ...] = (),
    others: int = 0,
    tensors: tuple[int, ...] = (),
) -> int:
    """Most bytes that are held while a block runs on an input of ``size x size``.

    Live tensors and the weights of the block that runs are held.

    Args:
        block: The block; a cell may have several inputs.
        sizes: Height and width of each input.
        precision: Of weights and tensors.
        kept: The inputs, by position, that a later block reads again.
        others: Values of tensors that this block does not read and a later one does.
        tensors: For each input of a cell, the number of its tensor: inputs of one number are there
            once. By default, inputs are one tensor where they read the same block.
    """
    if isinstance(block, Place):
        given = tensors or block.reads
        values = {one: channels * size**2 for one, channels, size in zip(given, block.in_channels, sizes, strict=True)}
        tape, numbers = Tape(*values.values()), {one: number for number, one in enumerate(values)}
        out = tape.place(block, [numbers[one] for one in given], sizes, precision)
        kept = tuple(numbers[given[position]] for position in kept)
    else:
        tape = Tape(in_channels(block) * sizes[0] ** 2)
        out = tape.block(block, 0, sizes[0], precision)
    most = tape.peak(precision, out, *kept)
    return most + others * BYTES[precision] if tape.reads else 0


def head_peak(head: Head, size: int, precision: Precision = "float32") -> int:
    """As `block_peak`, of the head.

    Its pooling, its hidden layer and its classifier are run one after the other.
    """
    tape = Tape(head.in_channels * size**2)
    pooled = tape.write(head.in_channels, tape.activation(0, head.activation))
    tape.write(head.in_channels, pooled)
    most, width = tape.peak(precision), head.in_channels
    if head.hidden:
        tape = Tape(width)
        tape.activation(tape.write(head.hidden, 0), head.hidden_activation)
        stored = layer_bytes(width * head.hidden, head.hidden, precision, bias=head.hidden_bias)
        most, width = max(most, tape.peak(precision) + stored), head.hidden
    stored = layer_bytes(width * head.num_classes, head.num_classes, precision)
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
        same = _numbered([tensors[number + 1 - back] for back in step.block.reads]) if isinstance(step.block, Place) else ()
        most = max(most, block_peak(step.block, *step.sizes, precision=precision, kept=kept, others=others, tensors=same))
    return max(most, head_peak(plan.head, plan.size, precision)) / KB


def _numbered(tensors: list[int]) -> tuple[int, ...]:
    """The same numbers for the same tensors, from 0 on, so that equal places are computed once."""
    return tuple(list(dict.fromkeys(tensors)).index(tensor) for tensor in tensors)


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
