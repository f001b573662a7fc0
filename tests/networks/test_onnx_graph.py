"""ONNX graphs against the torch modules with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.errors import InvalidValue, MissingPackage
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.onnx_graph import block_onnx, plan_onnx
from nasgym.networks.plan import Conv, Head, Identity, MBConv, NetworkPlan, Pool
from nasgym.networks.scale import Scale
from nasgym.networks.space_plans import plan_of, planned_spaces
from nasgym.networks.weights import random_weights, weight_shapes

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
torch.set_num_threads(1)

# those of cells: tests/networks/test_nats_bench.py
SPACES = [space for space in planned_spaces() if not plan_of(space, space.default).cells]


def run(model, images):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})[0]


def check(plan, seed=0, batch=2):
    """Outputs for a batch from both, with the same weights."""
    from nasgym.networks.torch_modules import build_module

    rng = np.random.default_rng(seed)
    weights = random_weights(weight_shapes(plan), rng)
    module = build_module(plan).eval()
    arrays = {name: torch.from_numpy(array) for name, array in weights.items()}
    missing = module.load_state_dict(arrays, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing)
    images = rng.normal(size=(batch, *plan.input_shape)).astype(np.float32)
    with torch.no_grad():
        wanted = module(torch.from_numpy(images)).numpy()
    found = run(plan_onnx(plan, weights, batch=None), images)
    assert found.shape == (batch, plan.head.num_classes)
    assert np.abs(found - wanted).max() < 1e-5
    # the images matter, so equal outputs are no accident of the classifier's bias
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3


@pytest.mark.parametrize("name", NAMED)
def test_named_architectures(name):
    check(named_plan(name, Scale((3, 64, 64), 20)))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_random_architectures(space):
    for i, arch in enumerate(space.sample(np.random.default_rng(7), 5)):
        # odd sizes reach over the edge of pooling windows
        check(plan_of(space, arch, Scale((3, 45, 45), 10, 0.25, 4)), seed=i)


@pytest.mark.parametrize(
    "block",
    [
        Conv(6, 8, 3, 2, groups=2, activation="swish"),
        Conv(6, 4, 5, 2, se_channels=3, se_activation="hswish", se_gate="sigmoid", residual=True),
        MBConv(6, 12, 9, 3, 2, "relu6", 4, True, "swish"),
        MBConv(6, 6, 6, 5, 1, "hswish", residual=True),
        Pool(6, 3, 2),
        Pool(6, 3, 2, "max"),
        Identity(6),
    ],
    ids=lambda block: type(block).__name__,
)
def test_every_kind_of_block(block):
    out = block.channels if isinstance(block, Identity | Pool) else block.out_channels
    for hidden in (0, 7):
        head = Head(out, 3, "relu", hidden, "hswish", hidden_bias=out != 6)
        check(NetworkPlan("any", (6, 9, 9), (), ((block,),), (), head))


def test_a_block_on_its_own():
    block = MBConv(6, 12, 9, 3, 2, "relu6", 4, True)
    model = block_onnx(block, 9, rng=np.random.default_rng(0), batch=3)
    out = run(model, np.ones((3, 6, 9, 9), np.float32))
    assert out.shape == (3, 9, 5, 5)
    assert run(block_onnx(Identity(2), 4, {}), np.ones((1, 2, 4, 4), np.float32)).shape == (1, 2, 4, 4)


def test_versions_shapes_and_parameters():
    from nasgym.networks.count import count_params

    plan = named_plan("mnasnet-a1", Scale((3, 32, 32), 10))
    model = plan_onnx(plan, rng=np.random.default_rng(0))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert model.ir_version == 9
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 32, 32]
    assert model.graph.name == "mnasnet-a1"
    kept = [t for t in model.graph.initializer if not t.name.endswith(("running_mean", "running_var"))]
    assert sum(int(np.prod(t.dims)) for t in kept) == count_params(plan)
    assert model == plan_onnx(plan, rng=np.random.default_rng(0))


def test_errors_teach(monkeypatch):
    plan = named_plan("mnasnet-small", Scale((3, 32, 32), 10, 0.25, 4))
    weights = random_weights(weight_shapes(plan), np.random.default_rng(0))
    with pytest.raises(InvalidValue, match="needs weights"):
        plan_onnx(plan)
    with pytest.raises(InvalidValue, match=r"lack 'blocks.0.conv.weight'"):
        plan_onnx(plan, {})
    with pytest.raises(InvalidValue, match=r"has the shape \(3,\)"):
        plan_onnx(plan, weights | {"head.linear.bias": np.zeros(3, np.float32)})
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingPackage, match=r"nasgym\[hardware\]"):
        plan_onnx(plan, weights)
