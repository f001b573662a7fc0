"""Counts in closed form against torch's own counter and against the modules' parameters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.networks.count import block_macs, block_params, count_macs, count_params, layer_counts
from nasgym.networks.digits import digits_plan
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.networks.plan import Conv, Head, Identity, MBConv, NetworkPlan, Pool, out_size
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace

torch = pytest.importorskip("torch")


def counted_by_torch(plan: NetworkPlan) -> tuple[int, int]:
    """(MACs, parameters); the counter gives two FLOPs for each multiply-accumulate."""
    from torch.utils.flop_counter import FlopCounterMode

    from nasgym.networks.torch_modules import build_module

    torch.set_num_threads(1)
    module = build_module(plan).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, *plan.input_shape))
    return counter.get_total_flops() // 2, sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("space", "plan_of"), [(DigitsSpace(), digits_plan), (NASBenchMacroSpace(), nas_bench_macro_plan)])
def test_random_networks(space, plan_of):
    for arch in space.sample(np.random.default_rng(5), 8):
        plan = plan_of(space, arch)
        assert (count_macs(plan), count_params(plan)) == counted_by_torch(plan)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_plan(data):
    """Odd sizes, groups, strides, squeeze-and-excite, blocks without expansion."""
    widths = st.sampled_from([2, 4, 6])
    channels, size = data.draw(widths), data.draw(st.integers(3, 9))
    first, blocks = channels, []
    for _ in range(data.draw(st.integers(1, 4))):
        kernel, stride, out = data.draw(st.sampled_from([1, 3, 5])), data.draw(st.sampled_from([1, 2])), data.draw(widths)
        if data.draw(st.booleans()):
            groups, squeeze = data.draw(st.sampled_from([1, 2])), data.draw(st.sampled_from([0, 2]))
            blocks.append(Conv(channels, out, kernel, stride, groups, se_channels=squeeze, residual=data.draw(st.booleans())))
        elif data.draw(st.integers(0, 3)) == 0:
            blocks.append(Pool(channels, kernel, stride, data.draw(st.sampled_from(["avg", "max"]))))
            out = channels
        else:
            mid, squeeze = channels * data.draw(st.sampled_from([1, 3])), data.draw(st.sampled_from([0, 2]))
            blocks.append(MBConv(channels, mid, out, kernel, stride, "hswish", squeeze, data.draw(st.booleans())))
        channels = out
    head = Head(channels, 3, hidden=data.draw(st.sampled_from([0, 5])), hidden_bias=data.draw(st.booleans()))
    plan = NetworkPlan("any", (first, size, size), (), tuple((b,) for b in blocks), (Identity(channels),), head)
    assert (count_macs(plan), count_params(plan)) == counted_by_torch(plan)


def test_one_block_by_hand():
    # 8 -> 24 channels at 6x6, depthwise 5x5 to 3x3, squeeze to 4, project to 10
    block = MBConv(8, 24, 10, 5, 2, "relu", se_channels=4)
    assert block_macs(block, 6) == 36 * 8 * 24 + 9 * 25 * 24 + 2 * 24 * 4 + 9 * 24 * 10
    assert block_params(block) == (8 * 24 + 48) + (25 * 24 + 48) + (24 * 4 + 4 + 4 * 24 + 24) + (24 * 10 + 20)
    assert out_size(6, block) == 3
    assert (block_macs(Identity(8), 6), block_params(Identity(8))) == (0, 0)


def test_parts_add_up():
    space = DigitsSpace()
    plan = digits_plan(space, space.default)
    (fixed_macs, fixed_params), layers = layer_counts(plan)
    assert len(layers) == 5
    assert count_macs(plan) == fixed_macs + sum(macs for macs, _ in layers)
    assert count_params(plan) == fixed_params + sum(params for _, params in layers)
    # stem 1x1 to 4 channels at 8x8, and the classifier
    assert (fixed_macs, fixed_params) == (64 * 4 + 12 * 10, 4 + 8 + 12 * 10 + 10)
