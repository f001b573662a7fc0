"""A plan as an ONNX graph, built node by node: no torch, no tracing.

Opset 17, IR version 9: what runtimes on phones and small boards of recent years read. Batch
normalisations stay nodes of their own; runtimes fold them into the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from nasgym.errors import InvalidValue, MissingPackage
from nasgym.networks.plan import (
    Activation,
    Block,
    Conv,
    Gate,
    Head,
    Identity,
    MBConv,
    NetworkPlan,
    Norm,
    Place,
    Pool,
    Zero,
    in_channels,
    out_channels,
    out_size,
)
from nasgym.networks.weights import Weights, block_shapes, check_weights, head_shapes, random_weights, weight_shapes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

__all__ = ["INPUT", "IR_VERSION", "OPSET", "OUTPUT", "HeadStep", "block_onnx", "empty_onnx", "head_onnx", "plan_onnx"]

HeadStep: TypeAlias = Literal["pool", "hidden", "logits"]
OPSET, IR_VERSION = 17, 9
INPUT, OUTPUT = "input", "output"
EPSILON = 1e-5  # torch's default


def plan_onnx(
    plan: NetworkPlan, weights: Weights | None = None, *, rng: np.random.Generator | None = None, batch: int | None = 1
) -> ModelProto:
    """The network of a plan.

    Args:
        plan: What to build.
        weights: Arrays by the names of `weights.weight_shapes`, for example from the ``state_dict``
            of the torch module.
        rng: Draws the weights where none are given.
        batch: Images of a batch, None for any number.

    Returns:
        A checked model: ``"input"`` ``(batch, C, H, W)`` float32 to ``"output"``
        ``(batch, classes)`` logits.

    Raises:
        InvalidValue: Neither weights nor a generator are given, or a weight is missing or has
            another shape.
        MissingPackage: The package onnx is not installed.
    """
    shapes = weight_shapes(plan)
    graph = _Graph(_weights(shapes, weights, rng))
    known = [INPUT]
    for index, (block, sizes, *_) in enumerate(plan.steps):
        name = f"blocks.{index}"
        if isinstance(block, Place):
            known.append(graph.place(name, block, [known[-back] for back in block.reads], sizes))
        else:
            known.append(graph.block(name, block, known[-1], sizes[0]))
    graph.head(plan.head, known[-1])
    return graph.model(plan.name, (batch, *plan.input_shape), (batch, plan.head.num_classes))


def block_onnx(
    block: Block,
    size: int,
    weights: Weights | None = None,
    *,
    rng: np.random.Generator | None = None,
    batch: int | None = 1,
) -> ModelProto:
    """One block on its own, for inputs of ``size x size``: what is timed for a look-up table.

    Weights have the names of `weights.block_shapes` with the prefix ``"block"``; arguments and
    errors otherwise as `plan_onnx`.

    Raises:
        InvalidValue: As `plan_onnx`.
        MissingPackage: As `plan_onnx`.
    """
    graph = _Graph(_weights(block_shapes("block", block), weights, rng))
    graph.add("Identity", [graph.block("block", block, INPUT, size)], OUTPUT)
    after = out_size(size, block)
    return graph.model("block", (batch, in_channels(block), size, size), (batch, out_channels(block), after, after))


def head_onnx(
    head: Head,
    size: int,
    weights: Weights | None = None,
    *,
    steps: Sequence[HeadStep] = get_args(HeadStep),
    rng: np.random.Generator | None = None,
    batch: int | None = 1,
) -> ModelProto:
    """The head on its own, or consecutive steps of it, for inputs of ``size x size``.

    Args:
        head: What to build.
        size: Height and width of what comes in.
        weights: As in `plan_onnx`.
        steps: ``"pool"`` (activation and pooling), ``"hidden"``, ``"logits"``; what begins after
            the pooling takes vectors.
        rng: As in `plan_onnx`.
        batch: As in `plan_onnx`.

    Raises:
        InvalidValue: As `plan_onnx`; or there are no such steps.
        MissingPackage: As `plan_onnx`.
    """
    if not steps or not set(steps) <= set(get_args(HeadStep)):
        raise InvalidValue(f"steps of a head are {', '.join(get_args(HeadStep))}, got {tuple(steps)}.")
    graph = _Graph(_weights(head_shapes(head), weights, rng))
    x, hidden = INPUT, head.hidden or head.in_channels
    if "pool" in steps:
        x = graph.pool(head, x)
    if "hidden" in steps:
        x = graph.hidden(head, x)
    if "logits" in steps:
        graph.logits(x)
    else:
        graph.add("Identity", [x], OUTPUT)
    shape_in = {"pool": (head.in_channels, size, size), "hidden": (head.in_channels,), "logits": (hidden,)}[steps[0]]
    shape_out = {"pool": head.in_channels, "hidden": hidden, "logits": head.num_classes}[steps[-1]]
    return graph.model("head", (batch, *shape_in), (batch, shape_out))


def empty_onnx(batch: int | None = 1) -> ModelProto:
    """A graph that adds one number to one number: what it takes is the cost of a call.

    Raises:
        MissingPackage: As `plan_onnx`.
    """
    graph = _Graph({})
    graph.add("Add", [INPUT, graph.constant("one", np.float32(1.0))], OUTPUT)
    return graph.model("empty", (batch, 1), (batch, 1))


def _weights(shapes: dict[str, tuple[int, ...]], weights: Weights | None, rng: np.random.Generator | None) -> Weights:
    if weights is None:
        if rng is None:
            raise InvalidValue("a graph needs weights: give them, or a numpy generator as rng that draws them.")
        return random_weights(shapes, rng)
    check_weights(shapes, weights)
    return weights


def _onnx() -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "ONNX graphs need the package 'onnx', which is not installed: pip install 'nasgym[hardware]'."
        ) from error
    return onnx


class _Graph:
    """Nodes and weights under construction.

    Every method adds nodes after `x` and returns the name of their output.
    """

    def __init__(self, weights: Weights) -> None:
        self.onnx, self.weights = _onnx(), weights
        self.nodes: list[NodeProto] = []
        self.tensors: dict[str, TensorProto] = {}

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """One node."""
        self.nodes.append(self.onnx.helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def weight(self, name: str) -> str:
        """A weight as float32, by its name."""
        return self.constant(name, np.asarray(self.weights[name], dtype=np.float32))

    def constant(self, name: str, value: Any) -> str:
        """An array, by its name."""
        self.tensors[name] = self.onnx.numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def activation(self, x: str, kind: Activation, name: str = "") -> str:
        """An activation; the input itself where there is none.

        It is called after its input, or after `name` where several blocks read that.
        """
        name = name or x
        match kind:
            case "none":
                return x
            case "relu":
                return self.add("Relu", [x], f"{name}.relu")
            case "relu6":
                limits = [self.constant("zero", np.float32(0.0)), self.constant("six", np.float32(6.0))]
                return self.add("Clip", [x, *limits], f"{name}.relu6")
            case "hswish":
                return self.add("HardSwish", [x], f"{name}.hswish")
            case "swish":
                return self.add("Mul", [x, self.add("Sigmoid", [x], f"{name}.sigmoid")], f"{name}.swish")

    def conv(self, name: str, block: Conv, x: str) -> str:
        """Convolution, normalisation, activation, in the order of the block."""
        if block.order == "pre":
            x = self.activation(x, block.activation, f"{name}.input")
        out = self.add(
            "Conv",
            [x, self.weight(f"{name}.conv.weight")],
            f"{name}.conv",
            kernel_shape=[block.kernel] * 2,
            strides=[block.stride] * 2,
            pads=[block.kernel // 2 * block.dilation] * 4,
            dilations=[block.dilation] * 2,
            group=block.groups,
        )
        out = self.norm(name, out) if block.norm else out
        return out if block.order == "pre" else self.activation(out, block.activation)

    def norm(self, name: str, x: str) -> str:
        """Batch normalisation."""
        parts = [self.weight(f"{name}.bn.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        return self.add("BatchNormalization", [x, *parts], f"{name}.bn", epsilon=EPSILON)

    def excite(self, name: str, activation: Activation, gate: Gate, x: str) -> str:
        """Squeeze-and-excite: pooling, two 1x1 convolutions, gate, product."""
        out = self.add("GlobalAveragePool", [x], f"{name}.pool")
        for step in ("reduce", "expand"):
            parts = [self.weight(f"{name}.{step}.weight"), self.weight(f"{name}.{step}.bias")]
            out = self.add("Conv", [out, *parts], f"{name}.{step}", kernel_shape=[1, 1])
            out = self.activation(out, activation) if step == "reduce" else out
        if gate == "sigmoid":
            out = self.add("Sigmoid", [out], f"{name}.gate")
        else:
            out = self.add("HardSigmoid", [out], f"{name}.gate", alpha=1 / 6, beta=0.5)
        return self.add("Mul", [x, out], f"{name}.product")

    def shortcut(self, name: str, block: Conv | MBConv, x: str, size: int) -> str:
        """The input in the shape of the output."""
        if block.stride > 1:
            # what lies beyond the edge is padded here, because runtimes disagree about windows that
            # reach over it
            edge = out_size(size, block) * block.stride - size
            window = {"kernel_shape": [block.stride] * 2, "strides": [block.stride] * 2, "pads": [0, 0, edge, edge]}
            x = self.add("AveragePool", [x], f"{name}.pool", count_include_pad=0, **window)
        more = block.out_channels - block.in_channels
        if more > 0:
            pads = self.constant(f"{name}.pads", np.array([0, 0, 0, 0, 0, more, 0, 0], dtype=np.int64))
            x = self.add("Pad", [x, pads], f"{name}.pad")
        elif more < 0:
            cut = {"starts": 0, "ends": block.out_channels, "axes": 1}
            ends = [self.constant(f"{name}.{part}", np.array([value], dtype=np.int64)) for part, value in cut.items()]
            x = self.add("Slice", [x, *ends], f"{name}.slice")
        return x

    def block(self, name: str, block: Block, x: str, size: int) -> str:
        """One block of a plan, for an input of ``size x size``."""
        match block:
            case Identity():
                return x
            case Norm():
                return self.activation(self.norm(name, x), block.activation)
            case Zero():
                return self.zero(name, block, x)
            case Pool():
                edge = out_size(size, block) * block.stride - size
                # of an even kernel, what lies beyond the edge is padded, as in `shortcut`
                pads = [block.kernel // 2] * 4 if block.kernel % 2 else [0, 0, edge, edge]
                window = {"kernel_shape": [block.kernel] * 2, "strides": [block.stride] * 2, "pads": pads}
                return self.add("MaxPool" if block.kind == "max" else "AveragePool", [x], f"{name}.pool", **window)
            case Conv():
                out = self.conv(f"{name}.main" if block.se_channels or block.residual else name, block, x)
                if block.se_channels:
                    out = self.excite(f"{name}.excite", block.se_activation, block.se_gate, out)
            case MBConv():
                mid, act = block.mid_channels, block.activation
                out = x
                if block.expands:
                    out = self.conv(f"{name}.expand", Conv(block.in_channels, mid, 1, activation=act), out)
                out = self.conv(f"{name}.depthwise", Conv(mid, mid, block.kernel, block.stride, mid, act), out)
                if block.se_channels:
                    out = self.excite(f"{name}.excite", block.se_activation, block.se_gate, out)
                out = self.conv(f"{name}.project", Conv(mid, block.out_channels, 1, activation="none"), out)
        if block.residual:
            out = self.add("Add", [self.shortcut(f"{name}.shortcut", block, x, size), out], f"{name}.sum")
        return out

    def zero(self, name: str, block: Zero, x: str) -> str:
        """Zeros in the shape of the output: one channel times zero for each channel."""
        parts = {
            "starts": [0, 0, 0],
            "ends": [1, 2**31 - 1, 2**31 - 1],
            "axes": [1, 2, 3],
            "steps": [1, block.stride, block.stride],
        }
        given = [self.constant(f"{name}.{part}", np.array(value, dtype=np.int64)) for part, value in parts.items()]
        x = self.add("Slice", [x, *given], f"{name}.slice")
        return self.add(
            "Mul", [x, self.constant(f"{name}.zeros", np.zeros((1, block.out_channels, 1, 1), np.float32))], f"{name}.zero"
        )

    def place(self, name: str, place: Place, inputs: Sequence[str], sizes: Sequence[int]) -> str:
        """A cell: edge by edge, each added up as soon as it is there."""
        known, found = list(inputs), list[str]()
        for run in place.runs(*sizes):
            node, live = place.cell.nodes[run.node], place.live[run.node]
            if run.number in live:
                x = known[run.source]
                for number, (block, size) in enumerate(run.blocks):
                    x = self.block(f"{name}.nodes.{run.node}.{run.number}.{number}", block, x, size)
                found.append(x)
                if node.combine == "sum" and len(found) == 2:
                    found = [self.add("Add", found, f"{name}.nodes.{run.node}.sum{run.number}")]
            if run.number == len(node.edges) - 1:
                joined = node.combine == "concat" and len(found) > 1
                known.append(self.add("Concat", found, f"{name}.nodes.{run.node}.concat", axis=1) if joined else found[0])
                found = []
        return known[-1]

    def head(self, head: Head, x: str) -> str:
        """Activation, pooling, linear layers; its output is that of the network."""
        return self.logits(self.hidden(head, self.pool(head, x)))

    def pool(self, head: Head, x: str) -> str:
        """Activation and global pooling, to ``(batch, C)``."""
        out = self.add("GlobalAveragePool", [self.activation(x, head.activation)], "head.pool")
        return self.add("Flatten", [out], "head.flat", axis=1)

    def hidden(self, head: Head, x: str) -> str:
        """The hidden layer, where there is one."""
        if not head.hidden:
            return x
        parts = [self.weight("head.hidden.linear.weight")]
        parts += [self.weight("head.hidden.linear.bias")] if head.hidden_bias else []
        return self.activation(self.add("Gemm", [x, *parts], "head.hidden", transB=1), head.hidden_activation)

    def logits(self, x: str) -> str:
        """The classifier."""
        return self.add("Gemm", [x, self.weight("head.linear.weight"), self.weight("head.linear.bias")], OUTPUT, transB=1)

    def model(self, name: str, shape_in: Sequence[int | None], shape_out: Sequence[int | None]) -> ModelProto:
        """The finished model."""
        helper, floats = self.onnx.helper, self.onnx.TensorProto.FLOAT
        ends = [
            helper.make_tensor_value_info(end, floats, ["batch" if axis is None else axis for axis in shape])
            for end, shape in ((INPUT, shape_in), (OUTPUT, shape_out))
        ]
        graph = helper.make_graph(self.nodes, name, ends[:1], ends[1:], initializer=list(self.tensors.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        model: ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nasgym")
        self.onnx.checker.check_model(model, full_check=True)
        return model
