"""Exported PyTorch files: what they hold.

They are the same networks as ONNX files of the same weights.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from nasgym.export.exporting import export
from nasgym.export.pytorch_code import class_name, pytorch_code
from nasgym.networks.count import count_params
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.plan import Conv, Head, Identity, MBConv, NetworkPlan, Pool, out_channels
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.networks.space_plans import plan_of, planned_spaces
from nasgym.networks.weights import random_weights, weight_shapes
from nasgym.spaces.nats_bench import TopologySpace
from tests.export.written import imported, onnx_output
from tests.networks.cells import plans, tied_plan

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
torch.set_num_threads(1)
from nasgym.networks.torch_modules import build_module  # noqa: E402 - after torch is known to be there

SPACES = planned_spaces()
# the others have one size
CHAINS = [space for space in SPACES if space.name != "nats-tss"]
MOBILE = [space for space in SPACES if space.name not in ("digits", "nas-bench-macro", "nats-tss", "nats-sss")]
SMALL = Scale((3, 32, 32), 10, 0.25)
# every argument that differs within one network: activations, gates and what they are made of,
# groups, shapes of residuals
MIXED = NetworkPlan(
    "mixed",
    (6, 9, 9),
    (Conv(6, 8, 3, 2, groups=2, activation="swish"), Conv(8, 8, 1, activation="none")),
    (
        (Conv(8, 4, 5, 2, se_channels=3, se_activation="hswish", se_gate="sigmoid", residual=True),),
        (Conv(4, 4, 3, groups=4, activation="relu6", residual=True), Pool(4), Pool(4, 3, 2, "max")),
        (),
        (MBConv(4, 12, 9, 3, 1, "relu6", 4, True, "swish"), MBConv(9, 9, 9, 5, 1, "hswish", residual=True)),
    ),
    (Identity(9), MBConv(9, 18, 7, 3, 1, "none", 2, se_activation="relu6", se_gate="sigmoid")),
    Head(7, 3, "relu", 5, "hswish", hidden_bias=False),
)
PLAIN = NetworkPlan("plain", (1, 8, 8), (Conv(1, 4, 3, residual=True),), ((Pool(4, 3, 2),),), (), Head(4, 2))
NOTHING = NetworkPlan("nothing", (2, 4, 4), (), (), (), Head(2, 2))


def check(plan, folder, space="", batch=4, seed=0):
    """Both exports of the same weights give equal outputs, and training moves parameters."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(batch, *plan.input_shape)).astype(np.float32)
    weights = settled_weights(plan, images, rng)
    source, _ = export(plan, "pytorch", folder / "network.py", weights, space=space)
    (graph,) = export(plan, "onnx", folder / "network.onnx", weights)
    network = imported(source).load()
    assert sum(p.numel() for p in network.parameters()) == count_params(plan)
    network.eval()
    with torch.no_grad():
        wanted = network(torch.from_numpy(images)).numpy()
    assert wanted.shape == (batch, plan.head.num_classes)
    found = onnx_output(graph, images)
    assert np.abs(found - wanted).max() < 1e-4
    # the images matter, so equal outputs are no accident of the classifier's bias
    assert np.abs(wanted[0] - wanted[1]).max() > 0.005
    check_step(network, images)


def settled_weights(plan, images, rng):
    """Random weights whose normalisations bring what these images cause to size 1.

    So signals reach the end of deep networks.
    """
    module = build_module(plan).eval()
    weights = random_weights(weight_shapes(plan), rng)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)

    def settle(norm, inputs):
        # one scale for all channels and no mean: a weak channel that is brought to size 1 is
        # magnified rounding, and both runtimes are then as far from each other as each is from
        # double precision
        norm.running_mean.zero_()
        norm.running_var.fill_(inputs[0].square().mean())

    for child in module.modules():
        if isinstance(child, torch.nn.BatchNorm2d):
            child.register_forward_pre_hook(settle)
    with torch.no_grad():
        module(torch.from_numpy(images))
    return {name: module.state_dict()[name].numpy() for name in weights}


def check_step(network, images):
    network.train()
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    labels = torch.arange(len(images)) % 2
    loss = torch.nn.functional.cross_entropy(network(torch.from_numpy(images)), labels)
    loss.backward()
    assert torch.isfinite(loss)
    optimiser.step()
    moved = [name for name, p in network.named_parameters() if not torch.equal(p.detach(), before[name])]
    assert all(p.grad is not None and torch.isfinite(p.detach()).all() for p in network.parameters())
    first = next(iter(before))
    assert {first, "head.linear.weight", "head.linear.bias"} <= set(moved)
    assert len(moved) > len(before) / 2


# every operation at every edge, but for cells of which training would not reach a part
CELLS = [[4, 0, 1, 2, 3, 4], [3, 4, 0, 1, 2, 3], [2, 3, 4, 0, 1, 2], [1, 2, 3, 4, 0, 1]]


@pytest.mark.parametrize("choices", CELLS, ids=lambda choices: "".join(map(str, choices)))
def test_cells_train_and_equal_onnx(choices, tmp_path):
    space = TopologySpace()
    check(plan_of(space, np.array(choices, dtype=np.int8), SMALL), tmp_path, space.name)


def test_cells_of_two_inputs_train_and_equal_onnx(tmp_path):
    check(tied_plan((3, 9, 9)), tmp_path)


@settings(max_examples=10, deadline=None)
@given(plan=plans())
def test_any_cell_is_the_same_in_its_source(plan):
    with tempfile.TemporaryDirectory() as folder:
        source, _ = export(plan, "pytorch", Path(folder) / "network.py", rng=np.random.default_rng(1))
        network = imported(source).load().eval()
    module = build_module(plan).eval()
    module.load_state_dict(network.state_dict())
    images = torch.randn(2, *plan.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(images), module(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("space", CHAINS, ids=lambda space: space.name)
def test_random_architectures_train_and_equal_onnx(space, tmp_path):
    for seed, plan in enumerate(samples_of(space, SMALL, 6)):
        check(plan, tmp_path, space.name, seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("space", MOBILE, ids=lambda space: space.name)
def test_random_architectures_at_full_size_train_and_equal_onnx(space, tmp_path):
    for seed, plan in enumerate(samples_of(space, IMAGENET)):
        check(plan, tmp_path, space.name, batch=2, seed=seed)


@pytest.mark.parametrize("name", NAMED)
def test_published_networks_train_and_equal_onnx(name, tmp_path):
    check(named_plan(name, SMALL), tmp_path)


@pytest.mark.parametrize("plan", [MIXED, PLAIN], ids=lambda plan: plan.name)
def test_every_kind_of_block(plan, tmp_path):
    check(plan, tmp_path)


def samples_of(space, scale, n=20):
    return [plan_of(space, arch, scale) for arch in space.sample(np.random.default_rng(11), n)]


def test_plans_of_this_file_fit_together():
    for plan in (MIXED, PLAIN):
        channels = plan.input_shape[0]
        for block in plan.blocks:
            assert channels == (block.in_channels if isinstance(block, Conv | MBConv) else block.channels)
            channels = out_channels(block)
        assert channels == plan.head.in_channels


def test_sources_are_clean_formatted_and_need_torch_alone(tmp_path):
    pytest.importorskip("ruff")
    every = [(named_plan(name), "") for name in NAMED] + [(plan, "") for plan in (MIXED, PLAIN, NOTHING, tied_plan())]
    every += [(plan, space.name) for space in SPACES for plan in samples_of(space, None, 4)]
    for i, (plan, space) in enumerate(every):
        code = pytorch_code(plan, space=space, with_weights=i % 2 == 0)
        (tmp_path / f"network_{i}.py").write_text(code)
        tree = ast.parse(code)
        packages = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        packages |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert packages <= {"torch", "collections", "pathlib"}
    for arguments in (["check"], ["format", "--diff"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_names_are_those_of_the_weights(tmp_path):
    for plan in (MIXED, named_plan("moga-a", SMALL), *samples_of(SPACES[2], SMALL, 3)):
        (path,) = export(plan, "pytorch", tmp_path / "network.py")
        network = getattr(imported(path), class_name(plan))()
        state = {name: tuple(t.shape) for name, t in network.state_dict().items() if not name.endswith("num_batches_tracked")}
        assert state == weight_shapes(plan)


@pytest.mark.parametrize("with_weights", [False, True])
def test_a_file_runs_on_its_own(tmp_path, with_weights):
    rng = np.random.default_rng(0) if with_weights else None
    path = export(named_plan("mnasnet-small", SMALL), "pytorch", tmp_path / "small net.py", rng=rng)[0]
    command = [sys.executable, "-I", "-W", "error", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path.parent)
    assert (done.stdout, done.stderr) == ("(1, 10)\n", "")


def test_only_what_is_needed():
    plain = pytorch_code(named_plan("mobilenet-v2"))
    for absent in ("SqueezeExcite", "Shortcut", "ConvBlock", "OrderedDict", "Path", "load(", "import nasgym", ", act=nn.ReLU6"):
        assert absent not in plain
    gated = pytorch_code(named_plan("mobilenet-v3-large"), with_weights=True)
    for present in ("class SqueezeExcite", "nn.Hardsigmoid", "OrderedDict", "def load() -> MobileNetV3Large"):
        assert present in gated
    assert "class MBConv" not in pytorch_code(PLAIN)
    assert "class ConvBN" not in pytorch_code(NOTHING)


def test_what_a_reader_sees():
    code = pytorch_code(named_plan("mnasnet-a1"))
    assert code.startswith('"""mnasnet-a1, written by nasgym.\n')
    assert "\nMultiply-accumulates of convolutions and linear layers for an image: 311,579,072\nParameters: 3,887,038\n" in code
    assert "class MnasNetA1(nn.Module):" in code
    rows = "            # layers 3 to 5, 28 x 28\n            MBConv(24, 72, 40, kernel=5, stride=2, se=6),\n"
    assert rows in code
    skipped = pytorch_code(named_plan("proxylessnas-mobile"))
    assert skipped.count("nn.Identity(),  # skipped") == 2
    assert max(map(len, skipped.splitlines())) <= 88


@pytest.mark.parametrize("name", ['""" + evil()\n"""', "back\\slash", 'ends with "', "sn\N{SNOWMAN}w", "a" * 300])
def test_foreign_names_stay_in_the_docstring(name):
    code = pytorch_code(replace(PLAIN, name=name), space=name)
    tree = ast.parse(code)
    assert [type(node).__name__ for node in tree.body] == [type(node).__name__ for node in ast.parse(pytorch_code(PLAIN)).body]
    assert name in ast.get_docstring(tree, clean=False)
    assert code.isascii()
