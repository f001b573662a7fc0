"""MACs and parameters of a plan, in closed form.

MACs are the multiply-accumulates of convolutions and linear layers; biases (but where
`Head.counts_bias` says so), batch normalisation and activations are not counted. Parameters include
batch-normalisation scale and shift, squeeze-and-excite biases and the classifier's bias. With these
conventions the published MobileNet-family figures come out (`docs/architecture.md`).
"""

from __future__ import annotations

from nasgym.networks.plan import Block, Conv, Head, Identity, MBConv, NetworkPlan, Norm, Place, Pool, Zero, out_size

__all__ = ["block_macs", "block_params", "count_macs", "count_params", "head_macs", "head_params", "layer_counts"]


def block_macs(block: Block | Place, *sizes: int) -> int:
    """MACs of one block for an input of ``size x size``; a cell may have several inputs."""
    if isinstance(block, Place):
        return sum(block_macs(one, size) for run in block.runs(*sizes) for one, size in run.blocks)
    area_in, area_out = sizes[0] ** 2, out_size(sizes[0], block) ** 2
    match block:
        case Identity() | Pool() | Norm() | Zero():
            return 0
        case Conv():
            squeeze = 2 * block.out_channels * block.se_channels
            return area_out * block.kernel**2 * block.in_channels * block.out_channels // block.groups + squeeze
        case MBConv():
            expand = area_in * block.in_channels * block.mid_channels if block.expands else 0
            depthwise = area_out * block.kernel**2 * block.mid_channels
            squeeze = 2 * block.mid_channels * block.se_channels
            return expand + depthwise + squeeze + area_out * block.mid_channels * block.out_channels


def block_params(block: Block | Place) -> int:
    """Trainable parameters of one block."""
    match block:
        case Place():
            return sum(block_params(one) for node in block.edges for edge in node for one in edge)
        case Identity() | Pool() | Zero():
            return 0
        case Norm():
            return 2 * block.channels
        case Conv():
            out = block.out_channels
            norm = 2 * out if block.norm else 0
            return block.kernel**2 * block.in_channels * out // block.groups + norm + _gate(out, block.se_channels)
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
    return _head_weights(head) + (head.num_classes if head.counts_bias else 0)


def _head_weights(head: Head) -> int:
    if head.hidden:
        return head.hidden * (head.in_channels + head.num_classes)
    return head.in_channels * head.num_classes


def head_params(head: Head) -> int:
    """Trainable parameters of the head."""
    return _head_weights(head) + head.num_classes + (head.hidden if head.hidden_bias else 0)


def layer_counts(plan: NetworkPlan) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """(MACs, parameters) of everything fixed (stem, neck, head), and of each searched layer."""
    # what is fixed has the layer -1, the last entry
    macs, params = [0] * (len(plan.layers) + 1), [0] * (len(plan.layers) + 1)
    for step in plan.steps:
        macs[step.layer] += block_macs(step.block, *step.sizes)
        params[step.layer] += block_params(step.block)
    fixed = macs[-1] + head_macs(plan.head), params[-1] + head_params(plan.head)
    return fixed, list(zip(macs[:-1], params[:-1], strict=True))


def count_macs(plan: NetworkPlan) -> int:
    """Multiply-accumulates for one image."""
    (fixed, _), layers = layer_counts(plan)
    return fixed + sum(macs for macs, _ in layers)


def count_params(plan: NetworkPlan) -> int:
    """Trainable parameters."""
    (_, fixed), layers = layer_counts(plan)
    return fixed + sum(params for _, params in layers)
