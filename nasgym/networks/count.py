"""MACs and parameters of a plan, in closed form.

MACs are the multiply-accumulates of convolutions and linear layers; biases, batch normalisation and
activations are not counted. Parameters include batch-normalisation scale and shift,
squeeze-and-excite biases and the classifier's bias. With these conventions the published
MobileNet-family figures come out (`docs/architecture.md`).
"""

from __future__ import annotations

from collections.abc import Iterable

from nasgym.networks.plan import Block, Conv, Head, Identity, MBConv, NetworkPlan, Pool, out_size

__all__ = ["block_macs", "block_params", "count_macs", "count_params", "head_macs", "head_params", "layer_counts"]


def block_macs(block: Block, size: int) -> int:
    """MACs of one block for an input of ``size x size``."""
    area_in, area_out = size**2, out_size(size, block) ** 2
    match block:
        case Identity() | Pool():
            return 0
        case Conv():
            squeeze = 2 * block.out_channels * block.se_channels
            return area_out * block.kernel**2 * block.in_channels * block.out_channels // block.groups + squeeze
        case MBConv():
            expand = area_in * block.in_channels * block.mid_channels if block.expands else 0
            depthwise = area_out * block.kernel**2 * block.mid_channels
            squeeze = 2 * block.mid_channels * block.se_channels
            return expand + depthwise + squeeze + area_out * block.mid_channels * block.out_channels


def block_params(block: Block) -> int:
    """Trainable parameters of one block."""
    match block:
        case Identity() | Pool():
            return 0
        case Conv():
            out = block.out_channels
            return block.kernel**2 * block.in_channels * out // block.groups + 2 * out + _gate(out, block.se_channels)
        case MBConv():
            mid = block.mid_channels
            expand = block.in_channels * mid + 2 * mid if block.expands else 0
            squeeze = _gate(mid, block.se_channels)
            return expand + block.kernel**2 * mid + 2 * mid + squeeze + mid * block.out_channels + 2 * block.out_channels


def _gate(channels: int, hidden: int) -> int:
    """Parameters of a squeeze-and-excite gate."""
    return 2 * channels * hidden + channels + hidden if hidden else 0


def head_macs(head: Head) -> int:
    """MACs of the head."""
    if head.hidden:
        return head.hidden * (head.in_channels + head.num_classes)
    return head.in_channels * head.num_classes


def head_params(head: Head) -> int:
    """Trainable parameters of the head."""
    return head_macs(head) + head.num_classes + (head.hidden if head.hidden_bias else 0)


def _run(blocks: Iterable[Block], size: int) -> tuple[int, int, int]:
    macs = params = 0
    for block in blocks:
        macs += block_macs(block, size)
        params += block_params(block)
        size = out_size(size, block)
    return macs, params, size


def layer_counts(plan: NetworkPlan) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """(MACs, parameters) of everything fixed (stem, neck, head), and of each searched layer."""
    macs, params, size = _run(plan.stem, plan.input_shape[1])
    layers = []
    for blocks in plan.layers:
        layer_macs, layer_params, size = _run(blocks, size)
        layers.append((layer_macs, layer_params))
    neck_macs, neck_params, size = _run(plan.neck, size)
    return (macs + neck_macs + head_macs(plan.head), params + neck_params + head_params(plan.head)), layers


def count_macs(plan: NetworkPlan) -> int:
    """Multiply-accumulates for one image."""
    (fixed, _), layers = layer_counts(plan)
    return fixed + sum(macs for macs, _ in layers)


def count_params(plan: NetworkPlan) -> int:
    """Trainable parameters."""
    (_, fixed), layers = layer_counts(plan)
    return fixed + sum(params for _, params in layers)
