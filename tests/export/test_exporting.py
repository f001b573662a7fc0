"""Files of every format, and what is said about wrong arguments."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

from nasgym.errors import InvalidValue, MissingPackage, UnknownName
from nasgym.export.exporting import KINDS, export
from nasgym.export.json_text import plan_from_json
from nasgym.export.weights_file import read_weights
from nasgym.networks.named import named_plan
from nasgym.networks.scale import Scale
from nasgym.networks.space_plans import plan_of
from nasgym.networks.weights import random_weights, weight_shapes
from nasgym.spaces.nats_bench import TopologySpace
from tests.export.written import imported, onnx_output
from tests.networks.cells import tied_plan

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
torch.set_num_threads(1)
from nasgym.networks.torch_modules import build_module  # noqa: E402 - after torch is known to be there


def nats_plan():
    space = TopologySpace()
    return plan_of(
        space, space.from_str("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|")[0]
    )


PLAN = named_plan("mnasnet-small", Scale((3, 32, 32), 10, 0.25))
WEIGHTS = random_weights(weight_shapes(PLAN), np.random.default_rng(3))


def traced(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.load` is deprecated", DeprecationWarning)
        return torch.jit.load(io.BytesIO(path.read_bytes()))


def test_all_formats_are_one_network(tmp_path):
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    source, beside = export(PLAN, "pytorch", tmp_path / "net.py", WEIGHTS)
    (graph,) = export(PLAN, "onnx", tmp_path / "net.onnx", WEIGHTS)
    (script,) = export(PLAN, "torchscript", tmp_path / "net.ts", WEIGHTS)
    (text,) = export(PLAN, "json", tmp_path / "net.json", space="any")
    assert {path.name for path in tmp_path.iterdir()} == {"net.py", "net.pt", "net.onnx", "net.ts", "net.json"}
    with torch.no_grad():
        wanted = imported(source).load().eval()(torch.from_numpy(images)).numpy()
        found = traced(script)(torch.from_numpy(images)).numpy()
    assert np.abs(found - wanted).max() < 1e-6
    assert np.abs(onnx_output(graph, images) - wanted).max() < 1e-5
    assert plan_from_json(text.read_text()) == PLAN
    assert all(np.array_equal(array, WEIGHTS[name]) for name, array in read_weights(beside).items())


@pytest.mark.parametrize("plan", [tied_plan((3, 9, 9)), nats_plan()], ids=lambda plan: plan.name)
def test_all_formats_are_one_network_of_cells(plan, tmp_path):
    """With trained weights, as torch saves them and `nasgym export --weights` reads them."""
    rng = np.random.default_rng(1)
    drawn = random_weights(weight_shapes(plan), rng)
    module = build_module(plan)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in drawn.items()}, strict=False)
    images = rng.normal(size=(3, *plan.input_shape)).astype(np.float32)
    step = torch.optim.SGD(module.parameters(), lr=1e-3)
    torch.nn.functional.cross_entropy(module(torch.from_numpy(images)), torch.tensor([0, 1, 2])).backward()
    step.step()
    torch.save(module.state_dict(), tmp_path / "trained.pt")
    weights = read_weights(tmp_path / "trained.pt")
    assert any(not np.array_equal(weights[name], drawn[name]) for name in drawn)
    source, _ = export(plan, "pytorch", tmp_path / "net.py", weights)
    (graph,) = export(plan, "onnx", tmp_path / "net.onnx", weights)
    (script,) = export(plan, "torchscript", tmp_path / "net.ts", weights)
    (text,) = export(plan, "json", tmp_path / "net.json", space="any")
    assert plan_from_json(text.read_text()) == plan
    with torch.no_grad():
        wanted = module.eval()(torch.from_numpy(images)).numpy()
        again = imported(source).load().eval()(torch.from_numpy(images)).numpy()
        found = traced(script)(torch.from_numpy(images)).numpy()
    largest = np.abs(wanted).max()
    for other in (again, found, onnx_output(graph, images)):
        assert np.abs(other - wanted).max() < 1e-5 * max(1.0, largest)
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3 * largest


def test_weights_are_drawn_from_a_generator_alike(tmp_path):
    images = np.ones((1, 3, 32, 32), np.float32)
    source, _ = export(PLAN, "pytorch", tmp_path / "net.py", rng=np.random.default_rng(3))
    (graph,) = export(PLAN, "onnx", tmp_path / "net.onnx", rng=np.random.default_rng(3))
    state = imported(source).load().state_dict()
    assert all(np.array_equal(state[name].numpy(), array) for name, array in WEIGHTS.items())
    first = graph.read_bytes()
    export(PLAN, "onnx", graph, WEIGHTS)
    assert graph.read_bytes() == first
    assert onnx_output(graph, images).shape == (1, 10)


def test_source_without_weights_is_one_file(tmp_path):
    assert export(PLAN, "pytorch", tmp_path / "net.py") == [tmp_path / "net.py"]
    assert [path.name for path in tmp_path.iterdir()] == ["net.py"]


def test_no_warnings_leak(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kind in ("onnx", "torchscript"):
            export(PLAN, kind, tmp_path / f"net.{kind}", WEIGHTS)
    assert [str(warning.message) for warning in caught] == []


def test_errors_teach(tmp_path, monkeypatch):
    with pytest.raises(UnknownName, match="Did you mean 'pytorch'"):
        export(PLAN, "torch", tmp_path / "net.py")
    for kind in KINDS:
        with pytest.raises(InvalidValue, match="there is no folder"):
            export(PLAN, kind, tmp_path / "nowhere" / "net.py", rng=np.random.default_rng(0))
    with pytest.raises(InvalidValue, match=r"ends with \.py"):
        export(PLAN, "pytorch", tmp_path / "net.pt", WEIGHTS)
    for kind in ("onnx", "torchscript"):
        with pytest.raises(InvalidValue, match=f"{kind} needs weights"):
            export(PLAN, kind, tmp_path / "net.x")
    with pytest.raises(InvalidValue, match="without its weights"):
        export(PLAN, "json", tmp_path / "net.json", WEIGHTS)
    for kind in ("pytorch", "onnx", "torchscript"):
        with pytest.raises(InvalidValue, match=r"weight 'head.linear.bias' has the shape \(3,\)"):
            export(PLAN, kind, tmp_path / "net.py", WEIGHTS | {"head.linear.bias": np.zeros(3, np.float32)})
        with pytest.raises(InvalidValue, match=r"lack 'blocks.0.conv.weight'"):
            export(PLAN, kind, tmp_path / "net.py", {})
        with pytest.raises(UnknownName, match=r"unknown weight 'blocks.99.bn.bias'.*another network"):
            export(PLAN, kind, tmp_path / "net.py", WEIGHTS | {"blocks.99.bn.bias": np.zeros(3, np.float32)})
    for kind in ("pytorch", "onnx", "torchscript"):
        for value, words in (
            (np.full(10, np.nan, np.float32), "is not an array of finite"),
            ([0.0] * 10, "is not a numpy array, got list"),
            (np.array(["a"] * 10), "dtype <U1"),
            (np.zeros(10, np.int64), "dtype int64"),
        ):
            with pytest.raises(InvalidValue, match=rf"weight 'head.linear.bias' .*{words}"):
                export(PLAN, kind, tmp_path / "net.py", WEIGHTS | {"head.linear.bias": value})
        variances = -WEIGHTS["blocks.0.bn.running_var"]
        with pytest.raises(InvalidValue, match=r"weight 'blocks.0.bn.running_var' is a variance and not negative, got -1\."):
            export(PLAN, kind, tmp_path / "net.py", WEIGHTS | {"blocks.0.bn.running_var": variances})
        with pytest.raises(InvalidValue, match="leave out weights or rng"):
            export(PLAN, kind, tmp_path / "net.py", WEIGHTS, np.random.default_rng(0))
    for kind in KINDS:
        with pytest.raises(InvalidValue, match=r"is a folder; name a file, for example .*network"):
            export(PLAN, kind, tmp_path)
    for package, kind, extra in (
        ("onnx", "onnx", "hardware"),
        ("torch", "torchscript", "agents"),
        ("torch", "pytorch", "agents"),
    ):
        with monkeypatch.context() as without:
            without.setitem(__import__("sys").modules, package, None)
            with pytest.raises(MissingPackage, match=rf"nasgym\[{extra}\]"):
                export(PLAN, kind, tmp_path / "net.py", WEIGHTS)
    assert list(tmp_path.iterdir()) == []


def test_source_and_json_need_no_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    for kind, name in (("pytorch", "net.py"), ("json", "net.json")):
        assert export(PLAN, kind, tmp_path / name) == [tmp_path / name]
