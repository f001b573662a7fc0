"""int8 versions of models, by onnxruntime's own quantiser."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nasgym.networks.onnx_graph import INPUT, OUTPUT

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["quantize"]

CALIBRATION = 2


class _Samples:
    """Standard normal inputs, as onnxruntime's quantiser reads them."""

    def __init__(self, shape: list[int], rng: np.random.Generator) -> None:
        self.left = [rng.standard_normal(shape).astype(np.float32) for _ in range(CALIBRATION)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return {INPUT: self.left.pop()} if self.left else None


def quantize(model: ModelProto, rng: np.random.Generator, *, begins: bool, ends: bool) -> ModelProto:
    """Quantises weights (int8, one scale a channel) and activations (uint8).

    The model gets quantise and dequantise nodes. Normalisations are folded into convolutions first.
    Scales come from random images: they do not matter to the time. Between the parts of a network
    values are uint8, at its two ends float32; a part that holds no layer which can be quantised
    stays as it is.

    Args:
        model: A float32 model of `nasgym.networks.onnx_graph`.
        rng: Draws the inputs for calibration.
        begins: Whether it takes the network's input.
        ends: Whether it gives the network's output.
    """
    import onnx
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(_Samples, CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
        pass

    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    with tempfile.TemporaryDirectory() as folder:
        folded, done = Path(folder) / "folded.onnx", Path(folder) / "int8.onnx"
        settings = onnxruntime.SessionOptions()
        settings.optimized_model_filepath = str(folded)
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        settings.log_severity_level = 3
        settings.intra_op_num_threads = 1
        onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it recommends what was done above
        try:
            quantize_static(
                str(folded),
                str(done),
                Reader(shape, rng),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        finally:
            logging.disable(before)
        made: ModelProto = onnx.load(str(done))
    if not begins:
        _open_input(made)
    if not ends:
        _open_output(made)
    onnx.checker.check_model(made)
    return made


def _open_input(model: ModelProto) -> None:
    """Takes the quantisation of the input out: the part before it gives uint8."""
    import onnx

    graph = model.graph
    first = [node for node in graph.node if INPUT in node.input]
    if len(first) == 1 and first[0].op_type == "QuantizeLinear":
        graph.node.remove(first[0])
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name == first[0].output[0]:
                    node.input[index] = INPUT
        graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8


def _open_output(model: ModelProto) -> None:
    """Takes the dequantisation of the output out: the part after it takes uint8."""
    import onnx

    graph = model.graph
    last = next(node for node in graph.node if OUTPUT in node.output)
    if last.op_type != "DequantizeLinear":
        return
    source = last.input[0]
    producer = next(node for node in graph.node if source in node.output)
    if sum(source in node.input for node in graph.node) == 1 and producer.op_type == "QuantizeLinear":
        graph.node.remove(last)
        producer.output[0] = OUTPUT
        graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
