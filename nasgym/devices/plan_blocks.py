"""The blocks of a space that no published table has keys for: those of its plans."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nasgym.devices.block_key import BlockKey
from nasgym.devices.layout import BlockLayout, Blocks
from nasgym.errors import InvalidValue
from nasgym.networks.plan import Block, Conv, Head, Identity, MBConv, NetworkPlan, Norm, Place, Pool, Zero, out_size
from nasgym.networks.space_plans import plan_of
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.space import SearchSpace

__all__ = ["head_key", "key_of", "layout", "picked_plans"]


def key_of(block: Block | Place, size: int) -> BlockKey | None:
    """The key of a plan's block for a ``size x size`` input; None for an identity, which is free.

    Raises:
        InvalidValue: It is a cell, a convolution that is grouped, dilated, not normalised or comes
            after its activation, or another block for which device files have no key.
    """
    after = out_size(size, block)
    match block:
        case Place() | Norm() | Zero():
            raise InvalidValue(f"device files have no key for a {type(block).__name__.lower()}: {block}.")
        case Identity():
            return None
        case Pool():
            return BlockKey("pool", size, block.channels, after, block.channels, kernel=block.kernel, stride=block.stride)
        case Conv():
            if special := _special(block):
                raise InvalidValue(f"device files have no key for a convolution {special}: {block}.")
            op, mid = "conv", 0
        case MBConv():
            op, mid = "mbconv", block.mid_channels
    return BlockKey(
        op,
        size,
        block.in_channels,
        after,
        block.out_channels,
        mid_ch=mid,
        kernel=block.kernel,
        stride=block.stride,
        se=int(block.se_channels > 0),
        act=_act(block.activation),
    )


def _special(block: Conv) -> str:
    """What a key does not say of a convolution, or nothing."""
    traits = {
        f"in {block.groups} groups": block.groups != 1,
        f"with dilation {block.dilation}": block.dilation != 1,
        "without a normalisation": not block.norm,
        "after its activation": block.order == "pre",
    }
    return ", ".join(trait for trait, has in traits.items() if has)


def head_key(head: Head, size: int) -> BlockKey:
    """The key of a classifier with its pooling; ``mid_ch`` are the channels of its hidden layer."""
    act = _act(head.hidden_activation if head.hidden else head.activation)
    return BlockKey("logits", size, head.in_channels, 1, head.num_classes, mid_ch=head.hidden, act=act)


def _act(activation: str) -> str:
    return "" if activation == "none" else activation


def picked_plans(space: SearchSpace, *, by_first_layer: bool = False) -> Iterator[tuple[int, list[int], NetworkPlan]]:
    """Plans that show every option of every layer.

    Args:
        space: A space with plans.
        by_first_layer: Whether everything depends on the option of the first layer.

    Yields:
        (case, option of each layer, plan).
    """
    counts = [layer.count for layer in space.layers]
    for case in range(counts[0] if by_first_layer else 1):
        for option in range(max(counts[1:] if by_first_layer else counts)):
            picked = [min(option, count - 1) for count in counts]
            if by_first_layer:
                picked[0] = case
            yield case, picked, plan_of(space, space.from_options(np.array([picked]))[0])


def layout(space: SearchSpace) -> BlockLayout:
    """The blocks of the space or of a restriction of it, at the size of the publication.

    Raises:
        InvalidValue: A layer's blocks depend on the layer before it, or networks are made of cells,
            so that latencies of options do not add up.
    """
    if isinstance(space, MnasNetSpace):
        raise InvalidValue(
            "the width of a block in space 'mnasnet' is searched, so a block's latency depends on the block before it; there are "
            "no look-up tables of its options. Use cost='macs', or measure whole networks: device='live'."
        )
    if plan_of(space, space.default).cells:
        raise InvalidValue(
            f"networks of space {space.name!r} are made of cells, and a latency of each operation on its own says nothing about "
            "edges that run side by side; there are no look-up tables of them. Use cost='macs', or measure whole networks: "
            "device='live'."
        )
    options: list[list[Blocks]] = [[() for _ in layer.options] for layer in space.layers]
    fixed: Blocks = ()
    for _, picked, plan in picked_plans(space):
        stem, size = _keys(plan.stem, plan.input_shape[1])
        for of_layer, option, blocks in zip(options, picked, plan.layers, strict=True):
            of_layer[option], size = _keys(blocks, size)
        neck, size = _keys(plan.neck, size)
        fixed = (*stem, *neck, head_key(plan.head, size))
    return BlockLayout((fixed,), (tuple(tuple(of_layer) for of_layer in options),))


def _keys(blocks: tuple[Block | Place, ...], size: int) -> tuple[Blocks, int]:
    found: list[BlockKey] = []
    for block in blocks:
        key = key_of(block, size)
        found += [] if key is None else [key]
        size = out_size(size, block)
    return tuple(found), size
