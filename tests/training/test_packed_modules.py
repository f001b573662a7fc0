"""Networks that are trained side by side compute what each computes alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nasgym.errors import InvalidValue
from nasgym.networks.digits import digits_plan
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.networks.plan import Conv, Head, NetworkPlan, Norm, Pool
from nasgym.networks.scale import DIGITS
from nasgym.networks.space_plans import plan_of as plan_of_space
from nasgym.registry import SPACES
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from tests.networks.cells import tied_plan

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

# the same skeleton with mixed kernels, among them a layer where all kernels are 3
MIXED = ["k3e6,k5e3,skip,k3e3,k5e6", "k5e6,k3e3,skip,k3e3,k5e6", "k3e6,k3e3,skip,k3e3,k3e6"]
SKIPS = ["skip,skip,k5e3,k3e3,skip", "skip,skip,k3e3,k5e3,skip"]


def plan_of(text: str):
    space = DigitsSpace()
    return digits_plan(space, space.from_str(text)[0])


def packed_and_plain(texts: list[str]):
    return pack_of([plan_of(text) for text in texts])


def pack_of(plans):
    """A packed network and its plain twins, with random weights and statistics.

    They compute in double precision, where rounding hides nothing.
    """
    from nasgym.networks.torch_modules import build_module
    from nasgym.training.packed_modules import PackedNetwork

    torch.manual_seed(0)
    packed, plain = PackedNetwork(plans).double(), [build_module(plan).double() for plan in plans]
    for index, module in enumerate(plain):
        with torch.no_grad():
            for name, values in module.state_dict().items():
                if values.is_floating_point():
                    values.copy_(torch.rand_like(values) + 0.5 if "running_var" in name else 0.5 * torch.randn_like(values))
        packed.load(index, module)
    return packed, plain


@pytest.mark.parametrize("texts", [MIXED, SKIPS])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients(texts, training):
    assert_equal_training([plan_of(text) for text in texts], training)


@pytest.mark.parametrize("name", ["proxylessnas", "mnasnet", "mobilenetv3", "moga", "fairnas", "tunas"])
def test_mobile_networks(name):
    """Gates, pooled residuals, larger convolutions, hidden layers; other kernels in one pack."""
    space = SPACES.load(name)()
    arch = space.sample(np.random.default_rng(1), 1)
    other = arch.copy()
    for i, decision in enumerate(space.decisions):
        # a pack shares the kernels of plain convolutions, which only mnasnet has ("conv", its last
        # op)
        if decision.role == "kernel" and not (name == "mnasnet" and arch[0, i - 1] == 3):
            other[0, i] = 0
    plans = [plan_of_space(space, one[0], DIGITS) for one in (arch, other)]
    assert plans[0] != plans[1]
    for training in (True, False):
        assert_equal_training(plans, training)


# every operation somewhere, and every width another
CELLS = [("nats-tss", [0, 1, 2, 3, 4, 2]), ("nats-tss", [3, 4, 0, 2, 1, 3]), ("nats-sss", [7, 0, 3, 3, 5])]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "choices"), CELLS)
def test_networks_of_cells(name, choices, training):
    plan = plan_of_space(SPACES.load(name)(), np.array(choices, dtype=np.int8), DIGITS)
    assert_equal_training([plan, replace(plan, name="twin")], training)


@pytest.mark.parametrize("training", [True, False])
def test_cells_of_two_inputs(training):
    """Depthwise, dilated and separable convolutions, concatenation, inputs of two sizes."""
    plan = tied_plan((1, 8, 8), classes=10)
    assert_equal_training([plan, replace(plan, name="twin")], training)


@pytest.mark.parametrize(
    "stem",
    [
        (Pool(1, 3, 2, "max"), Conv(1, 4, 3)),
        (Pool(1, 2, 2), Conv(1, 4, 3, order="pre")),
        (Conv(1, 4, 3), Norm(4, "swish"), Conv(4, 4, 3, 2, 2, dilation=2, norm=False)),
    ],
    ids=lambda stem: "-".join(type(block).__name__ for block in stem),
)
def test_every_kind_of_block(stem):
    plan = NetworkPlan("blocks", (1, 8, 8), stem, (), (), Head(4, 10, "relu"))
    for training in (True, False):
        assert_equal_training([plan, replace(plan, name="twin")], training)


def assert_equal_training(plans, training):
    from nasgym.networks.torch_modules import build_module

    packed, plain = pack_of(plans)
    images, labels = torch.randn(len(plans), 16, 1, 8, 8, dtype=torch.double), torch.randint(0, 10, (len(plans), 16))
    packed.train(training)
    logits = packed(images.flatten(2))
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    losses.backward()
    for index, module in enumerate(plain):
        module.train(training)
        alone = module(images[index])
        torch.testing.assert_close(logits[index], alone, rtol=1e-9, atol=1e-9)
        torch.nn.functional.cross_entropy(alone, labels[index], reduction="sum").backward()
        twin = build_module(plans[index]).double()
        with torch.no_grad():  # statistics moved in the same way
            packed.unload(index, twin)
        for (name, here), there in zip(twin.named_buffers(), module.buffers(), strict=True):
            if "running" in name:
                torch.testing.assert_close(here, there, rtol=1e-9, atol=1e-9)
        with torch.no_grad():  # gradients are unloaded as if they were weights
            for parameter in packed.parameters():
                parameter.data, parameter.grad = parameter.grad, parameter.data
            packed.unload(index, twin)
            for parameter in packed.parameters():
                parameter.data, parameter.grad = parameter.grad, parameter.data
        for (name, here), there in zip(twin.named_parameters(), module.parameters(), strict=True):
            torch.testing.assert_close(here, there.grad, rtol=1e-8, atol=1e-8, msg=lambda m, n=name: f"{n}: {m}")


def test_load_and_unload_are_inverse():
    from nasgym.networks.torch_modules import build_module

    packed, plain = packed_and_plain(MIXED)
    for index, module in enumerate(plain):
        twin = build_module(plan_of(MIXED[index])).double()
        packed.unload(index, twin)
        for (name, here), there in zip(twin.state_dict().items(), module.state_dict().values(), strict=True):
            if "num_batches" not in name:
                assert torch.equal(here, there), name


def test_small_kernels_stay_small():
    """The margin of a 3x3 kernel in a pack of 5x5 ones gets no gradient, so it stays zero."""
    packed, _ = packed_and_plain(MIXED)
    packed(torch.randn(3, 8, 64, dtype=torch.double)).sum().backward()
    depthwise = packed.blocks[1].depthwise
    margin = (depthwise.taps == 0).expand_as(depthwise.conv)
    assert margin[0].any()
    assert not margin[1].any()
    assert float(depthwise.conv.grad[margin].abs().max()) == 0.0


def test_pack_key_forgets_names_and_kernels_only():
    from nasgym.training.packed_modules import pack_key

    one = plan_of(MIXED[0])
    assert pack_key(one) == pack_key(plan_of(MIXED[1])) == pack_key(replace(one, name="other"))
    assert hash(pack_key(one)) == hash(pack_key(plan_of(MIXED[1])))
    assert pack_key(one) != pack_key(plan_of(MIXED[0].replace("e6", "e3")))
    assert pack_key(one) != pack_key(plan_of("skip" + MIXED[0][4:]))


def test_what_cannot_be_packed_is_refused():
    from nasgym.training.packed_modules import PackedNetwork

    with pytest.raises(InvalidValue, match="pack_key"):
        PackedNetwork([plan_of(MIXED[0]), plan_of(SKIPS[0])])
    macro = NASBenchMacroSpace()
    with pytest.raises(InvalidValue, match="one channel"):
        PackedNetwork([nas_bench_macro_plan(macro, macro.default)])
