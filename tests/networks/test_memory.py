"""Size and peak memory.

By hand, against the lifetimes of the tensors of ONNX graphs, and against folded graphs.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nasgym.networks.memory import block_bytes, block_peak, head_peak, peak_memory_kb, size_kb
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.onnx_graph import plan_onnx
from nasgym.networks.plan import Conv, Head, Identity, MBConv, NetworkPlan, Pool
from nasgym.networks.scale import Scale
from nasgym.networks.space_plans import plan_of, planned_spaces
from nasgym.networks.weights import random_weights, weight_shapes
from nasgym.spaces.digits import DigitsSpace

SPACES = planned_spaces()
SMALL = Scale((3, 45, 45), 10, 0.25, 4)
PRECISIONS = {"float32": 4, "int8": 1}
# these write over their input, unless something later reads it
OVERWRITES = {"BatchNormalization", "Relu", "Clip", "HardSwish", "HardSigmoid", "Sigmoid"}


def graph_of(plan):
    """The graph with the shapes of all tensors; the weights do not matter."""
    onnx = pytest.importorskip("onnx")
    zeros = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(plan).items()}
    return onnx.shape_inference.infer_shapes(plan_onnx(plan, zeros)).graph


def elements(value):
    return int(np.prod([d.dim_value for d in value.type.tensor_type.shape.dim]))


def stored_by_block(graph, width):
    """Bytes of each block of a plan and each linear layer of the head, normalisations folded.

    One that follows no convolution is not, and has a scale and a shift.
    """
    stored, names = Counter(), {tensor.name for tensor in graph.initializer}
    for tensor in graph.initializer:
        parts = tensor.name.split(".")
        block = block_of(tensor.name) if parts[0] == "blocks" else ".".join(parts[:-1])
        alone = tensor.name.endswith(".bn.weight") and tensor.name.replace(".bn.", ".conv.") not in names
        if parts[-1] == "bias" or alone:
            stored[block] += 4 * tensor.dims[0]
        elif parts[-1] == "weight" and len(tensor.dims) > 1:
            stored[block] += width * int(np.prod(tensor.dims))
    return stored


def block_of(tensor):
    """The block that a tensor is written in, in cells with node, edge and place on the edge.

    The head's pooling stores nothing, and neither do sums of edges.
    """
    if tensor.startswith("blocks."):
        return ".".join(tensor.split(".")[: 6 if ".nodes." in tensor else 2])
    return "head.linear" if tensor == "output" else "head.hidden.linear" if tensor.startswith("head.hidden") else ""


def simulated(graph, width):
    """(bytes stored, most bytes held) by walking the nodes one after the other."""
    shapes = {value.name: elements(value) for value in (*graph.value_info, *graph.input, *graph.output)}
    weights, stored = {tensor.name for tensor in graph.initializer}, stored_by_block(graph, width)
    last = {name: i for i, node in enumerate(graph.node) for name in node.input}
    last |= {value.name: len(graph.node) for value in graph.output}
    # what nobody reads is gone at once: nodes of cells whose edges go nowhere
    last = {name: i for i, node in enumerate(graph.node) for name in node.output} | last
    live, peak = {graph.input[0].name: shapes[graph.input[0].name]}, 0
    for i, node in enumerate(graph.node):
        (out,) = node.output
        source = node.input[0]
        assert all(name in live for name in node.input if name not in weights)
        if node.op_type in OVERWRITES and last[source] == i:
            assert live.pop(source) == shapes[out]
        live[out] = shapes[out]
        peak = max(peak, width * sum(live.values()) + stored[block_of(out)])
        live = {name: size for name, size in live.items() if last[name] > i}
    return sum(stored.values()), peak


def agree(plan):
    graph = graph_of(plan)
    for precision, width in PRECISIONS.items():
        size, peak = simulated(graph, width)
        assert size_kb(plan, precision) == size / 1024
        assert peak_memory_kb(plan, precision) == peak / 1024


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_walk_over_the_graph(space):
    """At the size of the publication, and at one at which pooled shortcuts reach over the edge."""
    for i, arch in enumerate(space.sample(np.random.default_rng(3), 12)):
        agree(plan_of(space, arch, None if i % 4 == 0 else SMALL))


@pytest.mark.parametrize("name", NAMED)
def test_a_walk_over_the_graph_of_named_architectures(name):
    agree(named_plan(name, SMALL))


@pytest.mark.parametrize("hidden", [0, 7, 3000])
@pytest.mark.parametrize(
    "block",
    [
        Conv(6, 8, 3, 2, groups=2, activation="swish"),
        Conv(6, 4, 5, 2, se_channels=300, se_activation="swish", se_gate="sigmoid", residual=True),
        Conv(6, 9, 3, se_channels=3, residual=True),
        MBConv(6, 12, 9, 3, 2, "relu6", 4, True, "swish"),
        MBConv(6, 6, 6, 5, 1, "hswish", residual=True),
        MBConv(6, 36, 6, 3, 1, "swish", residual=True),
        MBConv(6, 36, 40, 3, 1, "swish"),
        Pool(6, 3, 2),
        Pool(6, 3, 2, "max"),
        Identity(6),
    ],
    ids=lambda block: type(block).__name__,
)
def test_a_walk_over_every_kind_of_block(block, hidden):
    out = block.channels if isinstance(block, Identity | Pool) else block.out_channels
    for side in (1, 9, 30):
        head = Head(out, 3, "relu", hidden, "swish", hidden_bias=out != 6)
        agree(NetworkPlan("any", (6, side, side), (), ((block,),), (), head))


# a normalisation after a sum is not folded, and the runtime leaves out what nobody reads
FOLDED = [space for space in SPACES if not plan_of(space, space.default).cells]


@pytest.mark.parametrize("space", FOLDED, ids=lambda space: space.name)
def test_size_is_that_of_a_folded_graph(space, tmp_path):
    """The runtime folds the normalisations; what it then stores are kernels and biases."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(5)
    plan = plan_of(space, space.sample(rng, 1)[0], SMALL)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    model = plan_onnx(plan, random_weights(weight_shapes(plan), rng))
    runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    folded = onnx.load(options.optimized_model_filepath).graph
    assert "BatchNormalization" not in {node.op_type for node in folded.node}
    # limits of ReLU6 and widths of paddings are constants of operators
    arrays = [t for t in folded.initializer if t.data_type == onnx.TensorProto.FLOAT and t.name not in ("zero", "six")]
    counts = [int(np.prod(t.dims)) for t in arrays]
    assert size_kb(plan) * 1024 == 4 * sum(counts)
    biases = sum(n for n, t in zip(counts, arrays, strict=True) if len(t.dims) == 1)
    assert size_kb(plan, "int8") * 1024 == sum(counts) + 3 * biases


def test_a_block_by_hand():
    block = MBConv(4, 24, 4, 3, residual=True)
    # expand 4 x 24, depthwise 9 x 24, project 24 x 4, and a bias for each of 24 + 24 + 4 channels
    assert block_bytes(block) == 4 * (96 + 216 + 96 + 52)
    assert block_bytes(block, "int8") == 96 + 216 + 96 + 4 * 52
    # at 8 x 8: the depthwise convolution reads and writes 24 channels while the residual holds the
    # input of 4
    assert block_peak(block, 8) == 4 * 64 * (4 + 24 + 24) + block_bytes(block)
    assert block_peak(MBConv(4, 24, 4, 3), 8) == 4 * 64 * 48 + block_bytes(block)
    # without expansion: input and output
    assert block_peak(MBConv(4, 4, 4, 3), 8, precision="int8") == 64 * 8 + 36 + 16 + 4 * 8
    # an input of 8 x 8, halved, is still there for the shortcut: input, main path, average
    assert block_peak(Conv(4, 4, 1, 2, residual=True), 8) == 4 * (256 + 64 + 64) + 4 * (16 + 4)
    assert (block_peak(Identity(4), 8), block_peak(Pool(4, 3, 2), 8)) == (0, 4 * (256 + 64))


def test_a_gate_by_hand():
    gated = Conv(2, 4, 1, se_channels=1)
    # the product holds both its inputs and its output: 4 channels twice, and a factor for each
    # channel
    assert block_peak(gated, 8) == 4 * (64 * 8 + 4) + block_bytes(gated)
    assert block_bytes(gated) == 4 * (8 + 4 + (4 + 1) + (4 + 4))


def test_a_head_by_hand():
    # pooling, hidden layer and classifier have their own weights: the largest of them counts
    assert head_peak(Head(100, 2, hidden=3), 1) == 4 * (100 + 3 + 300 + 3)
    assert head_peak(Head(100, 2, hidden=3, hidden_bias=False), 1, "int8") == 100 + 3 + 300
    assert head_peak(Head(100, 2, hidden=3), 2) == 4 * (400 + 100)
    assert head_peak(Head(4, 100, hidden=3), 2) == 4 * (3 + 100 + 300 + 100)
    # swish before the pooling holds its input, its gate and its output
    assert head_peak(Head(10, 2, "swish"), 9) == 3 * 4 * 810


def test_a_plan_is_its_largest_step():
    space = DigitsSpace()
    plan = plan_of(space, space.from_str("skip,skip,skip,skip,k5e6")[0])
    # 12 channels at 8 x 8 are expanded to 72
    assert peak_memory_kb(plan) * 1024 == block_peak(plan.layers[4][0], 4)
    assert plan.layers[4][0] == MBConv(12, 72, 12, 5, 2)
