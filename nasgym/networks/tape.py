"""`Tape`: the steps in which blocks are computed, and the most that is held in one of them.

What counts is said in `nasgym.networks.memory`.
"""

from __future__ import annotations

from nasgym.networks.plan import Activation, Block, Conv, Identity, MBConv, Norm, Place, Pool, Zero, out_size
from nasgym.networks.stored import BYTES, Precision, block_bytes

__all__ = ["Tape"]


class Tape:
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
