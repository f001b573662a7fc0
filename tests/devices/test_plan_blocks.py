"""Keys of blocks that come from plans: complete, and worth what the plans are worth."""

import numpy as np
import pytest

from nasgym.devices import Device, Latency, block_layout
from nasgym.devices.plan_blocks import key_of
from nasgym.errors import InvalidValue, UnknownName
from nasgym.networks.count import count_macs
from nasgym.networks.plan import Conv, Identity, MBConv, NetworkPlan, out_size
from nasgym.networks.space_plans import plan_of
from nasgym.oracles.cost.lookup import LookupCost
from nasgym.registry import SPACES

SUMMED = ("digits", "nas-bench-macro", "fairnas", "moga", "mobilenetv3", "tunas", "proxylessnas")


def gates(plan: NetworkPlan) -> int:
    """MACs of squeeze-and-excite, whose width device files do not say."""
    blocks = [block for block in plan.blocks if isinstance(block, MBConv | Conv)]
    return sum(2 * (b.mid_channels if isinstance(b, MBConv) else b.out_channels) * b.se_channels for b in blocks)


def key_gates(keys: list) -> int:
    return sum(2 * key.mid_ch * (key.mid_ch // 4) for key in keys if key.se)


@pytest.mark.parametrize("name", SUMMED)
def test_blocks_of_random_networks_have_the_macs_of_their_plans(name: str) -> None:
    space = SPACES.load(name)()
    layout = block_layout(space)
    for arch in space.sample(np.random.default_rng(0), 30):
        options = space.valid_options(arch[None])[0]
        keys = list(layout.fixed[0])
        for of_layer, option in zip(layout.options[0], options.tolist(), strict=True):
            keys += of_layer[option]
        plan = plan_of(space, arch)
        # a hidden layer of the head is in mid_ch, and its MACs are no part of the key's
        hidden = plan.head.hidden * (plan.head.in_channels + plan.head.num_classes) if plan.head.hidden else 0
        direct = plan.head.in_channels * plan.head.num_classes if plan.head.hidden else 0
        assert sum(key.macs for key in keys) - key_gates(keys) == count_macs(plan) - gates(plan) - hidden + direct


@pytest.mark.parametrize("name", SUMMED)
def test_a_device_of_these_blocks_gives_the_sum_over_the_plan(name: str) -> None:
    """Every block takes its position in the layout in ms; the plan is summed up by hand."""
    space = SPACES.load(name)()
    layout = block_layout(space)
    blocks = list(layout)
    device = Device("toy", name, "none", 1, 1, "float32", {block: Latency(float(i + 1)) for i, block in enumerate(blocks)})
    archs = space.sample(np.random.default_rng(1), 20)
    expected = []
    for arch, options in zip(archs, space.valid_options(archs), strict=True):
        found = list(layout.fixed[0])
        for of_layer, option in zip(layout.options[0], options.tolist(), strict=True):
            found += of_layer[option]
        assert sum(not isinstance(block, Identity) for block in plan_of(space, arch).blocks) + 1 == len(found)
        expected.append(sum(blocks.index(block) + 1 for block in found))
    assert LookupCost(space, device).cost(archs).tolist() == expected


def test_key_of_a_block() -> None:
    key = key_of(MBConv(16, 64, 24, 5, 2, "hswish", se_channels=16), 112)
    assert str(key) == "mbconv 112x112x16->56x56x24 mid64 k5 s2 se1 hswish"
    assert key_of(Identity(8), 4) is None
    assert out_size(112, MBConv(16, 64, 24, 5, 2)) == 56


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (Conv(8, 8, 3, groups=2), "in 2 groups: "),
        (Conv(8, 8, 3, order="pre"), "after its activation: "),
        (Conv(8, 8, 3, dilation=2, norm=False), "with dilation 2, without a normalisation: "),
    ],
)
def test_a_convolution_that_a_key_would_not_tell_from_a_usual_one_has_none(block: Conv, said: str) -> None:
    with pytest.raises(InvalidValue, match=f"no key for a convolution {said}"):
        key_of(block, 4)


def test_mnasnet_latencies_do_not_add_up() -> None:
    with pytest.raises(InvalidValue, match="device='live'"):
        block_layout(SPACES.load("mnasnet")())


def test_spaces_without_plans_and_linear_models() -> None:
    with pytest.raises(InvalidValue, match="networks of space 'nas-rl' are not described"):
        block_layout(SPACES.load("nas-rl")())
    for name in ("nats-tss", "nats-sss"):
        with pytest.raises(InvalidValue, match=f"networks of space '{name}' are made of cells"):
            block_layout(SPACES.load(name)())
    with pytest.raises(UnknownName, match="linear model"):
        block_layout(SPACES.load("digits")(), "linear")
    tunas = SPACES.load("tunas")()
    assert [block.op for block in block_layout(tunas, "linear").fixed[0]] == ["constant"]
    assert [block.op for block in block_layout(tunas).fixed[0]] == ["conv", "conv", "logits"]
