"""The Once-for-All networks: by hand, and against the blocks of the published latencies."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.devices.ofa_blocks import layout
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.mobile_ofa import image_size
from nasgym.networks.plan import Conv, Head, MBConv, out_size
from nasgym.networks.scale import Scale
from nasgym.networks.space_plans import plan_of
from nasgym.spaces.mobile_ofa import RESOLUTIONS, OnceForAllSpace

SPACE = OnceForAllSpace()
SMALL = "r176,k3e3-k5e4,k7e6-k3e4-k5e3,k3e3-k3e3-k3e3-k7e3,k3e3-k3e3,k3e6-k3e6"


def test_by_hand():
    plan = plan_of(SPACE, SPACE.from_str(SMALL)[0])
    assert (plan.name, plan.input_shape) == (SMALL, (3, 176, 176))
    assert plan.stem == (Conv(3, 24, 3, 2, activation="hswish"), MBConv(24, 24, 24, 3, residual=True))
    assert [len(layer) for layer in plan.layers] == [0, 1, 1, 0, 1, 1, 1, 1, 1, 2, 1, 1, 0, 1, 1, 0]
    assert plan.layers[1:3] == ((MBConv(24, 72, 32, 3, 2),), (MBConv(32, 128, 32, 5, residual=True),))
    # a quarter of 192, 192 and 144 channels, rounded to 8
    assert plan.layers[4:7] == (
        (MBConv(32, 192, 48, 7, 2, se_channels=48),),
        (MBConv(48, 192, 48, 3, se_channels=48, residual=True),),
        (MBConv(48, 144, 48, 5, se_channels=40, residual=True),),
    )
    assert plan.layers[9] == tuple(MBConv(96, 288, 96, kernel, 1, "hswish", residual=True) for kernel in (3, 7))
    # the fourth stage keeps the size of the image
    assert plan.layers[10] == (MBConv(96, 288, 136, 3, 1, "hswish", 72),)
    assert plan.layers[13] == (MBConv(136, 816, 192, 3, 2, "hswish", 208),)
    assert plan.neck == (Conv(192, 1152, 1, activation="hswish"),)
    assert plan.head == Head(1152, 1000, hidden=1536, hidden_activation="hswish", hidden_bias=False)


def test_the_largest_and_the_smallest():
    smallest = SPACE.from_str("r160" + ",k3e3-k3e3" * 5)[0]
    assert [(count_macs(plan_of(SPACE, arch)), count_params(plan_of(SPACE, arch))) for arch in (smallest, SPACE.default)] == [
        (100_320_888, 4_602_456),
        (843_101_040, 10_701_632),
    ]


def test_blocks_are_those_of_the_published_latencies():
    """Order, sizes, gates, activations; MACs but for two things that tables count otherwise."""
    blocks = layout(SPACE)
    for arch, options in zip(archs := SPACE.sample(np.random.default_rng(0), 200), SPACE.to_options(archs), strict=True):
        plan, case = plan_of(SPACE, arch), options[0]
        stem, first, last, pool, mix, logits = blocks.fixed[case]
        searched = [block for row, option in zip(blocks.options[case], options, strict=True) for block in row[option]]
        keys, size, rounding = [stem, first, *searched, last], plan.input_shape[1], 0
        assert len(keys) == len(plan.blocks)
        for key, block in zip(keys, plan.blocks, strict=True):
            after = out_size(size, block)
            shapes = (size, block.in_channels, after, block.out_channels, block.kernel, block.stride)
            assert shapes == (key.in_hw, key.in_ch, key.out_hw, key.out_ch, key.kernel, key.stride)
            if isinstance(block, MBConv):
                assert (block.mid_channels, int(block.se_channels > 0), block.activation) == (key.mid_ch, key.se, key.act)
                # a gate has a quarter of the channels, which the network rounds to 8
                if block.se_channels:
                    rounding += 2 * block.mid_channels * (block.se_channels - block.mid_channels // 4)
            size = after
        assert (pool.in_hw, mix.in_ch, mix.out_ch, logits.out_ch) == (size, plan.head.in_channels, plan.head.hidden, 1000)
        # the sums of a pooling are no multiply-accumulates
        total = sum(key.macs for key in [*keys, mix, logits])
        assert count_macs(plan) == total + rounding
        assert 0 <= rounding < 2e-4 * count_macs(plan)


@pytest.mark.parametrize(
    ("side", "sizes"), [(224, RESOLUTIONS), (32, (23, 25, 27, 30, 32)), (8, (6, 6, 7, 7, 8)), (1, (1,) * 5)]
)
def test_image_sizes_are_shares_of_the_whole_image(side, sizes):
    scale = Scale((1, side, side), 10, 0.25, 4, 4)
    assert tuple(image_size(resolution, scale) for resolution in RESOLUTIONS) == sizes
    assert plan_of(SPACE, SPACE.from_str(SMALL)[0], scale).input_shape == (1, sizes[1], sizes[1])
