"""The networks of the mobile spaces: by hand, and counted in closed form as torch counts them."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.errors import InvalidValue
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.plan import Conv, Head, Identity, MBConv, Pool, out_channels
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.networks.space_plans import has_own_images, plan_of, planned_spaces, published_scale
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_proxylessnas import ProxylessNASSpace
from tests.tiny import tiny_space

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

MOBILE = [space for space in planned_spaces() if not has_own_images(space) and published_scale(space) == IMAGENET]
SMALL = Scale((3, 32, 32), 10, 0.25, 4)
TINY = Scale((1, 8, 8), 10, 0.25, 4, 4)
each_space = pytest.mark.parametrize("space", MOBILE, ids=lambda space: space.name)


def counted_by_torch(plan, device):
    """(MACs, parameters); the counter gives two FLOPs for each multiply-accumulate.

    On "meta" nothing is computed.
    """
    from torch.utils.flop_counter import FlopCounterMode

    from nasgym.networks.torch_modules import build_module

    with torch.device(device):
        module, images = build_module(plan).eval(), torch.zeros(1, *plan.input_shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert module(images).shape == (1, plan.head.num_classes)
    return counter.get_total_flops() // 2, sum(p.numel() for p in module.parameters())


@each_space
def test_torch_counts_the_same(space):
    for i, arch in enumerate(space.sample(np.random.default_rng(3), 20)):
        plan = plan_of(space, arch, TINY if i % 4 == 0 else SMALL)
        assert (count_macs(plan), count_params(plan)) == counted_by_torch(plan, "cpu")


@pytest.mark.long
@each_space
def test_torch_counts_the_same_of_a_hundred_large_ones(space):
    for arch in space.sample(np.random.default_rng(4), 100):
        plan = plan_of(space, arch)
        assert (count_macs(plan), count_params(plan)) == counted_by_torch(plan, "meta")


@pytest.mark.parametrize("name", NAMED)
def test_torch_counts_the_same_of_named_architectures(name):
    plan = named_plan(name)
    assert (count_macs(plan), count_params(plan)) == counted_by_torch(plan, "meta")


@each_space
@pytest.mark.parametrize("scale", [IMAGENET, TINY], ids=["imagenet", "tiny"])
def test_channels_fit_together(space, scale):
    for arch in space.sample(np.random.default_rng(0), 20):
        plan, channels = plan_of(space, arch, scale), scale.input_shape[0]
        assert len(plan.layers) == len(space.layers)
        assert plan.name == space.to_str(arch[None])[0]
        for block in plan.blocks:
            assert channels == (block.channels if isinstance(block, Identity) else block.in_channels)
            channels = out_channels(block)
        assert channels == plan.head.in_channels
        assert plan.head.num_classes == scale.num_classes


@each_space
def test_a_quarter_of_the_width_learns_on_small_images(space):
    from nasgym.networks.torch_modules import build_module, initialise

    arch = space.sample(np.random.default_rng(6), 1)[0]
    plan, generator = plan_of(space, arch, TINY), torch.Generator().manual_seed(0)
    module = build_module(plan)
    initialise(module, generator)
    images, labels = torch.randn(20, *plan.input_shape, generator=generator), torch.arange(20) % 10
    optimiser, losses = torch.optim.AdamW(module.parameters(), lr=3e-3), []
    for _ in range(8):
        optimiser.zero_grad()
        losses.append(torch.nn.functional.cross_entropy(module(images), labels))
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < losses[0] - 0.2
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_proxylessnas_by_hand():
    space = ProxylessNASSpace()
    text = "k5e3,skip,k7e6,skip," + ",".join(["k3e3"] * 17)
    plan = plan_of(space, space.from_str(text)[0])
    assert plan.stem == (Conv(3, 32, 3, 2, activation="relu6"), MBConv(32, 32, 16, 3, 1, "relu6"))
    assert [block for (block,) in plan.layers[:4]] == [
        MBConv(16, 48, 24, 5, 2, "relu6"),
        Identity(24),
        MBConv(24, 144, 24, 7, 1, "relu6", residual=True),
        Identity(24),
    ]
    assert plan.layers[-1] == (MBConv(192, 576, 320, 3, 1, "relu6"),)
    assert (plan.neck, plan.head) == ((Conv(320, 1280, 1, activation="relu6"),), Head(1280, 1000))


def test_mnasnet_by_hand():
    space = MnasNetSpace()
    text = (
        "dwconv:k3:none:w1.0:n-1,mbconv6:k5:se:identity:w0.75:n+0,conv:k3:se:pool:w1.25:n-1,mbconv3:k3:none:w1.0:n-1,"
        "mbconv3:k3:none:w1.0:n-1,mbconv3:k3:none:w1.0:n-1,mbconv6:k3:identity:w1.0:n+0"
    )
    plan = plan_of(space, space.from_str(text)[0])
    gate = {"se_gate": "sigmoid"}
    assert plan.layers[0] == (MBConv(32, 32, 16, 3),)
    assert plan.layers[1] == (
        MBConv(16, 96, 18, 5, 2, "relu", 4, False, **gate),
        MBConv(18, 108, 18, 5, 1, "relu", 4, True, **gate),
    )
    assert plan.layers[2] == (
        Conv(18, 40, 3, 2, se_channels=4, residual=True, **gate),
        Conv(40, 40, 3, 1, se_channels=10, residual=True, **gate),
    )
    assert [len(layer) for layer in plan.layers] == [1, 2, 2, 3, 2, 2, 1]
    assert plan.layers[6] == (MBConv(160, 960, 320, 3),)


def test_a_pooled_skip_averages_windows_and_fills_channels_up():
    from nasgym.networks.torch_modules import build_module

    space = MnasNetSpace()
    plan = plan_of(space, space.default, TINY)
    wide = plan.__class__("any", (2, 3, 3), (), ((MBConv(2, 2, 3, 3, 2, residual=True),),), (), Head(3, 2))
    module = build_module(wide).eval()
    torch.nn.init.zeros_(module.blocks[0].project.bn.weight)
    x = torch.arange(18.0).reshape(1, 2, 3, 3)
    out = module.blocks[0](x)
    # windows of 2x2 pixels; at the edge of 3x3 pixels of one or two
    assert out[0, 0].tolist() == [[2.0, 3.5], [6.5, 8.0]]
    assert out[0, 1].tolist() == [[11.0, 12.5], [15.5, 17.0]]
    assert out[0, 2].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    narrow = build_module(plan.__class__("any", (2, 3, 3), (), ((Conv(2, 1, 3, residual=True),),), (), Head(1, 2))).eval()
    torch.nn.init.zeros_(narrow.blocks[0].main.bn.weight)
    assert torch.equal(narrow.blocks[0](x), x[:, :1])


def test_pooling_blocks():
    from nasgym.networks.torch_modules import build_module

    plan = plan_of(MOBILE[1], MOBILE[1].default, TINY)
    blocks = ((Pool(2, 3, 2),), (Pool(2, 3, 1, "max"),))
    pooled = plan.__class__("any", (2, 5, 5), (), blocks, (), Head(2, 2))
    assert (count_macs(pooled), count_params(pooled)) == (4, 6) == counted_by_torch(pooled, "cpu")
    average = build_module(pooled).eval().blocks[0](torch.ones(1, 2, 5, 5))
    assert torch.equal(average, torch.ones(1, 2, 3, 3))  # padding does not enter


def test_spaces_without_networks_are_refused():
    with pytest.raises(InvalidValue, match="'tiny' is none of the built-in spaces"):
        plan_of(tiny_space(), tiny_space().default)
