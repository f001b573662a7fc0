"""What is built for a block of a device file."""

import numpy as np
import onnxruntime
import pytest

from nasgym.devices import block_layout
from nasgym.networks.onnx_graph import head_onnx, plan_onnx
from nasgym.networks.plan import Head
from nasgym.networks.space_plans import plan_of
from nasgym.networks.weights import head_shapes, random_weights
from nasgym.profiling.parts import Part, parts_of
from nasgym.registry import SPACES


def run(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": x})[0]


@pytest.mark.parametrize("name", ["digits", "nas-bench-macro", "proxylessnas", "ofa", "moga", "fairnas", "tunas"])
def test_every_block_of_a_layout_has_a_part(name: str) -> None:
    space = SPACES.load(name)()
    parts = parts_of(space)
    assert list(parts) == list(block_layout(space))
    for key, part in parts.items():
        if isinstance(part.block, Head):
            continue
        assert (key.in_hw, key.kernel, key.stride) == (part.size, part.block.kernel, part.block.stride)
    cases = 5 if name == "ofa" else 1
    assert sum(part.begins for part in parts.values()) == sum(part.ends for part in parts.values()) == cases


def test_steps_of_a_head_one_after_the_other_are_the_head() -> None:
    head = Head(12, 5, "relu", hidden=7, hidden_activation="hswish", hidden_bias=False)
    weights = random_weights(head_shapes(head), np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((1, 12, 3, 3)).astype(np.float32)
    y = x
    for step in ("pool", "hidden", "logits"):
        y = run(head_onnx(head, 3, weights, steps=(step,)), y)
    assert y == pytest.approx(run(head_onnx(head, 3, weights), x), abs=1e-6)


def test_the_parts_of_a_network_in_a_row_have_its_shapes() -> None:
    space = SPACES.load("digits")()
    parts, arch = parts_of(space), space.sample(np.random.default_rng(3), 1)
    layout, options = block_layout(space), space.valid_options(arch)[0]
    row = [layout.fixed[0][0], *(b for layer, o in zip(layout.options[0], options, strict=True) for b in layer[o])]
    x = np.zeros((2, 1, 8, 8), dtype=np.float32)
    for key in [*row, layout.fixed[0][-1]]:
        x = run(parts[key].onnx(np.random.default_rng(0), batch=2), x)
    whole = plan_onnx(plan_of(space, arch[0]), rng=np.random.default_rng(0), batch=2)
    assert x.shape == run(whole, np.zeros((2, 1, 8, 8), dtype=np.float32)).shape == (2, 10)


def test_parts_are_values() -> None:
    head = Head(4, 2)
    assert Part(head, 1, ("logits",)).ends
    assert not Part(head, 1, ("pool",)).ends
