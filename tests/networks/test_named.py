"""Named architectures against published counts and their encodings.

The encodings are those of the spaces they were found in.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nasgym.errors import InvalidValue, UnknownName
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.plan import Conv, Identity, MBConv, out_channels
from nasgym.networks.scale import IMAGENET, Scale, divisible
from nasgym.networks.space_plans import plan_of
from nasgym.spaces.mobile_fairnas import FairNASSpace
from nasgym.spaces.mobile_mobilenetv3 import MobileNetV3Space
from nasgym.spaces.mobile_moga import MoGASpace
from nasgym.spaces.mobile_tunas import TuNASSpace

# millions of MACs and of parameters, computed independently from the published tables of blocks
COMPUTED = {
    "mobilenet-v2": (300.8, 3.505),
    "mobilenet-v3-large": (216.6, 5.483),
    "mobilenet-v3-small": (56.5, 2.543),
    "mnasnet-a1": (311.6, 3.887),
    "mnasnet-b1": (314.4, 4.383),
    "efficientnet-b0": (385.8, 5.289),
    "proxylessnas-mobile": (320.4, 4.081),
    "fairnas-a": (388.1, 4.651),
    "moga-a": (304.0, 5.161),
    "moga-b": (248.6, 5.508),
    "moga-c": (221.1, 5.489),
}
# as they are printed: MoGA, table 3, which cuts digits off, FairNAS, table 2, and the README files
# of `tensorflow/models` and `tensorflow/tpu`
PRINTED = {
    "mobilenet-v3-large": (217, 5.4),
    "mnasnet-a1": (312, 3.9),
    "fairnas-a": (388, 4.6),
    "fairnas-b": (345, 4.5),
    "fairnas-c": (321, 4.4),
    "moga-a": (304, 5.1),
    "moga-b": (248, 5.5),
    "moga-c": (221, 5.4),
    "proxylessnas-mobile": (320, 4.0),
}
# what other projects count in the official models; their MACs include other layers in other ways
PARAMETERS = {
    "mobilenet-v3-large": 5_483_032,
    "mobilenet-v3-small": 2_542_856,
    "efficientnet-b0": 5_288_548,
    "proxylessnas-mobile": 4_080_512,
    "fairnas-a": 4_651_352,
    "fairnas-b": 4_506_272,
    "fairnas-c": 4_397_864,
}
ENCODINGS = {
    "moga-a": (MoGASpace, "k5e6,k7e6,k3e6,k3e6:se,k3e3:se,k3e6:se,k3e6,k7e6,k7e3:se,k7e6,k3e6,k3e6,k5e6:se,k5e6:se"),
    "moga-b": (MoGASpace, "k3e3,k3e3,k7e6,k3e3,k5e6,k3e6:se,k5e6:se,k3e3,k7e6:se,k7e6,k5e3,k7e6:se,k7e6:se,k3e6:se"),
    "moga-c": (MoGASpace, "k5e3,k3e3,k5e3,k3e3,k5e3,k5e3,k5e6:se,k5e3,k5e3,k3e6,k3e6:se,k3e6:se,k3e6:se,k3e6:se"),
    "fairnas-a": (
        FairNASSpace,
        "k7e3,k3e3,k7e3,k3e6,k7e6,k3e3,k3e3,k7e6,k7e6,k5e3,k3e6,k5e3,k5e3,k3e6,k3e6,k7e6,k3e6,k7e6,k5e6",
    ),
    "fairnas-b": (
        FairNASSpace,
        "k5e3,k3e3,k5e3,k3e3,k3e6,k5e3,k7e3,k3e3,k3e6,k5e3,k3e3,k3e6,k7e3,k3e3,k7e6,k5e6,k7e6,k3e6,k5e6",
    ),
    "fairnas-c": (
        FairNASSpace,
        "k5e3,k3e3,k7e3,k3e3,k3e3,k3e3,k3e3,k3e3,k3e3,k3e6,k3e3,k3e3,k3e3,k3e3,k7e6,k7e6,k3e6,k3e6,k5e6",
    ),
    "proxylessnas-mobile": (
        TuNASSpace,
        "k3,k5e3,k3e3,skip,skip,k7e3,k3e3,k5e3,k5e3,k7e6,k5e3,k5e3,k5e3,k5e6,k5e3,k5e3,k5e3,k7e6,k7e6,k7e3,k7e3,k7e6",
    ),
    "mobilenet-v3-large": (
        MobileNetV3Space,
        "k3e4:relu,k3e3:relu,k5e3:se:relu,k5e3:se:relu,k5e3:se:relu,k3e6:hswish,k3e2.5:hswish,k3e2.3:hswish,k3e2.3:hswish,"
        "k3e6:se:hswish,k3e6:se:hswish,k5e6:se:hswish,k5e6:se:hswish,k5e6:se:hswish",
    ),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_macs_and_parameters(name):
    plan, (macs, params) = named_plan(name), COMPUTED[name]
    assert round(count_macs(plan) / 1e6, 1) == macs
    # the computed MoGA rows give the head's hidden layer a bias, which the official models lack
    bias = plan.head.hidden if plan.head.hidden and not plan.head.hidden_bias else 0
    assert round((count_params(plan) + bias) / 1e6, 3) == params
    assert count_params(plan) / 1e6 == pytest.approx(params, abs=0.1)


@pytest.mark.parametrize("name", PRINTED)
def test_printed_rows(name):
    plan, (macs, params) = named_plan(name), PRINTED[name]
    assert macs in (int(count_macs(plan) / 1e6), round(count_macs(plan) / 1e6))
    millions = count_params(plan) / 1e6
    assert params in (int(millions * 10) / 10, round(millions, 1))


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_to_the_last_digit(name):
    assert count_params(named_plan(name)) == PARAMETERS[name]


@pytest.mark.parametrize("scale", [IMAGENET, Scale((1, 8, 8), 10, 0.25, 4, 4)], ids=["imagenet", "small"])
@pytest.mark.parametrize("name", ENCODINGS)
def test_found_architectures_are_rows_of_their_space(name, scale):
    kind, text = ENCODINGS[name]
    space = kind()
    plan = plan_of(space, space.from_str(text)[0], scale)
    assert plan.name == text
    named = named_plan(name, scale)
    if name == "proxylessnas-mobile":  # the space searches the first block, too
        assert len(plan.layers) == len(named.layers) == 22
    assert replace(plan, name=name) == named


def test_expanded_channels_of_mobilenet_v3():
    mids = [block.mid_channels for block in named_plan("mobilenet-v3-large").blocks if isinstance(block, MBConv)]
    assert mids == [16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960]
    gates = [block.se_channels for block in named_plan("mobilenet-v3-large").blocks if isinstance(block, MBConv)]
    assert gates == [0, 0, 0, 24, 32, 32, 0, 0, 0, 0, 120, 168, 168, 240, 240]
    mids = [block.mid_channels for block in named_plan("mobilenet-v3-small").blocks if isinstance(block, MBConv)]
    assert mids == [16, 72, 88, 96, 240, 240, 120, 144, 288, 576, 576]


def test_mnasnet_gates_are_a_quarter_of_the_input():
    blocks = [block for block in named_plan("mnasnet-a1").blocks if isinstance(block, MBConv) and block.se_channels]
    assert [block.se_channels for block in blocks] == [6, 10, 10, 20, 28, 28, 40, 40]
    assert {(block.se_activation, block.se_gate) for block in blocks} == {("relu", "sigmoid")}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("scale", [IMAGENET, Scale((1, 8, 8), 10, 0.25, 4, 4)], ids=["imagenet", "small"])
def test_channels_fit_together(name, scale):
    plan = named_plan(name, scale)
    channels, total = scale.input_shape[0], 1
    for block in plan.blocks:
        assert channels == (block.channels if isinstance(block, Identity) else block.in_channels)
        channels = out_channels(block)
        total *= 1 if isinstance(block, Identity) else block.stride
        if isinstance(block, MBConv) and block.residual:
            assert (block.stride, block.in_channels) == (1, block.out_channels)
    assert channels == plan.head.in_channels
    assert plan.head.num_classes == scale.num_classes
    assert total == scale.reduction


def test_scale_by_hand():
    assert [divisible(value, 8) for value in (1, 12, 18, 20, 184.0)] == [8, 16, 24, 24, 184]
    small = Scale((1, 8, 8), 10, 0.25, 4, 4)
    assert [small.channels(channels) for channels in (16, 24, 40, 320)] == [4, 8, 12, 80]
    assert small.strides((2, 1, 2, 2, 1, 2, 2)) == [1, 1, 1, 1, 1, 2, 2]
    assert IMAGENET.strides((2, 1, 2, 2)) == [2, 1, 2, 2]
    assert IMAGENET.channels(12) == 12
    stem = named_plan("fairnas-a", small).stem[0]
    assert stem == Conv(1, 8, 3, 1, activation="relu6")


def test_errors_teach():
    with pytest.raises(UnknownName, match="Did you mean 'mnasnet-a1'"):
        named_plan("mnasnet-a2")
    with pytest.raises(InvalidValue, match="positive"):
        Scale(width=0.0)
    with pytest.raises(InvalidValue, match="square"):
        Scale((3, 32, 16))
    for width in (float("nan"), float("inf"), 1e9):
        with pytest.raises(InvalidValue, match="at most 16, got"):
            Scale(width=width)
    with pytest.raises(InvalidValue, match=r"at most 100,000 classes, got 1,000,000,000"):
        Scale(num_classes=10**9)
    with pytest.raises(InvalidValue, match="pixels in a row"):
        Scale((3, 10**9, 10**9))
    assert Scale((3, 16_384, 16_384), 100_000, 16).channels(8) == 128


def test_identity_rows_are_the_skipped_blocks():
    kinds = [type(block) for block in named_plan("proxylessnas-mobile").blocks]
    assert np.flatnonzero([kind is Identity for kind in kinds]).tolist() == [4, 5]
