"""The plain module of a plan: shapes, and how it is initialised."""

from __future__ import annotations

import pytest

from nasgym.networks.digits import digits_plan
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def module_of(text: str, seed: int = 0):
    from nasgym.networks.torch_modules import build_module, initialise

    space = DigitsSpace()
    module = build_module(digits_plan(space, space.from_str(text)[0]))
    initialise(module, torch.Generator().manual_seed(seed))
    return module


def test_shapes():
    from nasgym.networks.torch_modules import build_module

    space = NASBenchMacroSpace()
    module = build_module(nas_bench_macro_plan(space, space.from_str("01200120")[0])).eval()
    assert module(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert module_of("skip,k5e3,skip,k3e6,skip").eval()(torch.zeros(3, 1, 8, 8)).shape == (3, 10)


def test_initial_weights_come_from_the_generator_alone():
    torch.manual_seed(1)
    one = module_of("k3e6,k5e3,k3e3,k5e6,skip", seed=4).state_dict()
    torch.manual_seed(2)
    other = module_of("k3e6,k5e3,k3e3,k5e6,skip", seed=4).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    third = module_of("k3e6,k5e3,k3e3,k5e6,skip", seed=5).state_dict()
    assert any(not torch.equal(one[name], third[name]) for name in one)


def test_initial_scale():
    module = module_of("k5e6,k5e6,k5e6,k5e6,k5e6")
    expand = module.blocks[1].expand.conv.weight.detach()
    depthwise = module.blocks[4].depthwise.conv.weight.detach()
    assert float(expand.std()) == pytest.approx((2 / 4) ** 0.5, rel=0.3)
    assert float(depthwise.std()) == pytest.approx((2 / 25) ** 0.5, rel=0.1)
    assert float(module.head.linear.bias.detach().abs().max()) == 0.0


def test_residual_blocks_begin_as_the_identity():
    module = module_of("k3e3,k5e6,k3e3,k3e3,k3e3").eval()
    x = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    # blocks[0] is the stem; layers 2 and 3 have residuals, layer 4 has none
    assert torch.equal(module.blocks[2](x), x)
    assert torch.equal(module.blocks[3](x), x)
    assert module.blocks[4](x).shape == (2, 12, 4, 4)
    assert float(module.blocks[4](x).detach().abs().max()) > 0
