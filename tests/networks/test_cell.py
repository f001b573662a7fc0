"""Cells: counted by hand and by torch, the same in torch and in ONNX, tied, refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from nasgym.errors import InvalidValue, UnknownName
from nasgym.networks.cell import Cell, Edge, Node, Place
from nasgym.networks.count import block_macs, block_params, count_macs, count_params
from nasgym.networks.memory import block_bytes, block_peak, peak_memory_kb
from nasgym.networks.operations import OPERATIONS
from nasgym.networks.plan import Conv, Head, Identity, NetworkPlan, Norm
from nasgym.networks.weights import random_weights, weight_shapes
from tests.networks.cells import PNAS, plans, tied_plan
from tests.networks.test_count import counted_by_torch
from tests.networks.test_memory import agree

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

SMALL = Cell(
    "small",
    1,
    (
        Node((Edge(0, "nor_conv_3x3", True),)),
        Node((Edge(0, "avg_pool_3x3", True), Edge(1, "nor_conv_1x1"), Edge(1, "none"))),
    ),
)


def outputs(plan, seed=0, batch=2):
    """What torch and onnxruntime make of the same images with the same weights."""
    from nasgym.networks.onnx_graph import plan_onnx
    from nasgym.networks.torch_modules import build_module
    from tests.networks.test_onnx_graph import run

    rng = np.random.default_rng(seed)
    weights = random_weights(weight_shapes(plan), rng)
    module = build_module(plan).eval()
    missing = module.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    assert all(name.endswith("num_batches_tracked") for name in missing.missing_keys)
    assert not missing.unexpected_keys
    images = rng.normal(size=(batch, *plan.input_shape)).astype(np.float32)
    with torch.no_grad():
        wanted = module(torch.from_numpy(images)).numpy()
    return wanted, run(plan_onnx(plan, weights, batch=None), images)


def assert_equal(plan, seed=0):
    wanted, found = outputs(plan, seed)
    assert found.shape == (2, plan.head.num_classes)
    # sums over many edges grow; what counts is the share
    assert np.abs(found - wanted).max() < 1e-5 * max(1.0, np.abs(wanted).max())
    return wanted


def test_a_cell_by_hand():
    """4 to 6 channels, from 7 x 7 to 4 x 4."""
    place = Place(SMALL, (4,), 6, stride=2)
    assert place.out_size(7) == 4
    # 3x3 convolution; 1x1 convolution before the pooling, at 7 x 7; 1x1 convolution between nodes
    assert block_macs(place, 7) == 16 * 9 * 4 * 6 + 49 * 4 * 6 + 16 * 6 * 6
    # and a normalisation after each
    assert block_params(place) == (9 * 4 * 6 + 12) + (4 * 6 + 12) + (6 * 6 + 12)
    assert block_bytes(place) == 4 * ((9 * 24 + 6) + (24 + 6) + (36 + 6))
    # the most is held while the 3x3 convolution runs: the second edge reads the input later, so the
    # ReLU before it has a tensor of its own
    assert block_peak(place, 7) == 4 * (4 * 49 + 4 * 49 + 6 * 16) + 4 * (9 * 24 + 6)
    assert (place.widths, place.out_channels) == ((4, 6, 6), 6)
    # the edge of zeros is not computed
    assert place.live == ((0,), (0, 1))


def test_a_cell_of_zeros_alone_still_has_an_output():
    cell = Cell("empty", 1, (Node((Edge(0, "none", True), Edge(0, "none", True))),))
    plan = NetworkPlan("zeros", (1, 5, 5), (), ((Place(cell, (1,), 3, stride=2),),), (Norm(3),), Head(3, 2))
    wanted, found = outputs(plan)
    np.testing.assert_array_equal(wanted[0], wanted[1])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    agree(plan)


@settings(max_examples=40, deadline=None)
@given(plan=plans())
def test_any_cell_is_counted_as_torch_counts_it(plan):
    assert (count_macs(plan), count_params(plan)) == counted_by_torch(plan)


@settings(max_examples=40, deadline=None)
@given(plan=plans())
def test_any_cell_is_the_same_in_onnx_and_held_as_its_graph_says(plan):
    pytest.importorskip("onnxruntime")
    assert_equal(plan)
    agree(plan)


def test_tied_cells_of_two_inputs():
    """One description, three places: with two widths, with and without stride."""
    plan = tied_plan()
    assert plan.cells == (PNAS,)
    assert not plan.is_chain
    assert [step.size for step in plan.steps] == [9, 9, 5, 5, 5]
    assert [step.sizes for step in plan.steps] == [(9,), (9, 9), (9, 9), (5, 9), (5,)]
    assert (count_macs(plan), count_params(plan)) == counted_by_torch(plan)
    wanted = assert_equal(plan)
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3
    agree(plan)
    # another cell for the reduction is another plan, of as many places
    (first,), (second,), (third,) = plan.layers
    other = Cell("reduction", PNAS.inputs, PNAS.nodes)
    untied = NetworkPlan(
        "untied",
        plan.input_shape,
        plan.stem,
        ((first,), (Place(other, second.in_channels, second.channels, 2, second.reads),), (third,)),
        plan.neck,
        plan.head,
    )
    assert [cell.name for cell in untied.cells] == ["both", "reduction"]
    assert count_params(untied) == count_params(plan)


def test_what_a_later_cell_reads_again_is_held_meanwhile():
    """The peak of two cells is above that of each alone."""
    plan = tied_plan((1, 9, 9))
    (first,), (second,), _ = plan.layers
    alone = max(block_peak(first, 9, 9), block_peak(second, 9, 9)) / 1024
    assert peak_memory_kb(plan) > alone
    # four tensors of 4 channels and the 36 weights of a depthwise convolution; the stem's output is
    # a fifth, where it lives on while the first cell runs, because the second one reads it
    assert block_peak(first, 9, 9) == 4 * 4 * 4 * 81 + 4 * 36 == 5328
    assert block_peak(first, 9, 9, kept=(0,)) == 4 * 5 * 4 * 81 + 4 * 36 == 6624
    assert block_peak(first, 9, 9, others=10) == 5328 + 40


def test_a_tensor_that_an_identity_passes_on_is_there_once():
    """A cell that reads the stem, and the stem through an identity, holds one input."""
    both = Cell("both", 2, (Node((Edge(0, "nor_conv_3x3"), Edge(1, "nor_conv_1x1"))),))

    def plan(*reads):
        places = (Identity(4),), (Place(both, (4, 4), 4, reads=reads),)
        return NetworkPlan("passed", (1, 6, 6), (Conv(1, 4, 3),), places, (), Head(4, 2))

    # while the second edge runs: its input, the first edge's output and its own; before that, the
    # input, what the ReLU makes of it, the output and the weights of the 3x3 convolution
    by_hand = 4 * (3 * 4 * 36) + 4 * (9 * 16 + 4)
    assert [peak_memory_kb(plan(*reads)) * 1024 for reads in ((1, 1), (1, 2), (2, 1), (2, 2))] == [by_hand] * 4
    agree(plan(1, 2))


@pytest.mark.parametrize(("op", "kernel", "dilation"), [("sep_conv_3x3", 3, 1), ("sep_conv_5x5", 5, 1), ("dil_conv_5x5", 5, 2)])
def test_separable_convolutions_are_those_of_darts(op, kernel, dilation):
    """`quark0/darts`, operations.py: the last 1x1 convolution alone changes the channels."""

    def half(after, stride):
        depthwise = Conv(4, 4, kernel, stride, 4, order="pre", norm=False, dilation=dilation)
        return depthwise, Conv(4, after, 1, activation="none")

    wanted = half(6, 2) if dilation == 2 else (*half(4, 2), *half(6, 1))
    assert OPERATIONS[op](4, 6, 2) == wanted


def test_errors_teach():
    with pytest.raises(UnknownName, match=r"'nor_conv_3x3'\?"):
        Cell("c", 1, (Node((Edge(0, "nor_conv_3x4"),)),))
    with pytest.raises(InvalidValue, match="node 1 of cell 'c' reads node 1; it can read 0 to 0"):
        Cell("c", 1, (Node((Edge(1, "none"),)),))
    with pytest.raises(UnknownName, match=r"unknown combine of a node 'add'\. Known: sum, concat"):
        Node((Edge(0, "conv_1x1"), Edge(0, "conv_3x3")), "add")
    with pytest.raises(InvalidValue, match="has no edges"):
        Cell("c", 1, (Node(()),))
    with pytest.raises(InvalidValue, match="it needs one of each"):
        Cell("c", 0, ())
    with pytest.raises(InvalidValue, match="has 2 inputs; its place states 1 input channels"):
        Place(PNAS, (4,), 4)
    odd = Cell("odd", 1, (Node((Edge(0, "skip_connect", True), Edge(0, "skip_connect"))),))
    with pytest.raises(InvalidValue, match=r"node 1 of cell 'odd' joins edges of the sizes \[4, 8\]"):
        Place(odd, (4,), 4, stride=2).out_size(8)
    place = Place(SMALL, (4,), 4, reads=(3,))
    with pytest.raises(InvalidValue, match=r"block 1 reads the blocks \(3,\) before it; there are 2"):
        _ = NetworkPlan("far", (1, 8, 8), (Conv(1, 4, 3),), ((place,),), (), Head(4, 2)).steps
    twin = Place(Cell("small", 1, (Node((Edge(0, "none"),)),)), (4,), 4)
    with pytest.raises(InvalidValue, match="two cells of one name: small, small"):
        NetworkPlan("twins", (4, 8, 8), (), ((Place(SMALL, (4,), 4),), (twin,)), (), Head(4, 2))
