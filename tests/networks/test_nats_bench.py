"""The NATS-Bench networks: published counts, every operation at every edge, ONNX equal to torch."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.errors import InvalidValue
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.memory import peak_memory_kb, size_kb
from nasgym.networks.nats_bench import DATASETS, nats_cell, size_plan, topology_plan
from nasgym.networks.plan import Conv, Identity, Pool, Zero
from nasgym.networks.scale import DIGITS
from nasgym.networks.space_plans import dataset_scale, has_layers, plan_of, published_scale
from nasgym.oracles.cost.counted import COUNTED, MEMORY, counted_cost, counted_names
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nats_bench import EDGES, OPS, SizeSpace, TopologySpace
from tests.networks.test_cell import assert_equal
from tests.networks.test_count import counted_by_torch
from tests.networks.test_memory import agree
from tests.oracles.cost.test_counted import COMPUTED, OFFICIAL

TSS, SSS = TopologySpace(), SizeSpace()
PLANS = {"nats-tss": (TSS, topology_plan), "nats-sss": (SSS, size_plan)}
COUNTS = {"macs": count_macs, "params": count_params, "size_kb": size_kb, "peak_memory_kb": peak_memory_kb}
# at edge e of the k-th one the operation k + e: every operation at every edge
LATIN = np.array([[(k + e) % len(OPS) for e in range(len(EDGES))] for k in range(len(OPS))], dtype=np.int8)


@pytest.mark.parametrize(("space", "text"), [(space, text) for space, rows in OFFICIAL.items() for text in rows])
def test_official_records(space, text):
    whole, make = PLANS[space]
    macs, params = OFFICIAL[space][text]
    plan = make(whole, whole.from_str(text)[0])
    assert (count_macs(plan), count_params(plan)) == (round(macs * 1e6), round(params * 1e6))


@pytest.mark.parametrize(("space", "text"), COMPUTED)
def test_computed_values(space, text):
    whole, make = PLANS[space]
    arch = whole.default if text == "default" else whole.from_str(text)[0]
    macs, params = COMPUTED[space, text]
    for scale, value in zip(DATASETS.values(), macs, strict=False):
        assert count_macs(make(whole, arch, scale)) == round(value * 1e6)
    for scale, value in zip(DATASETS.values(), params or (), strict=False):
        assert count_params(make(whole, arch, scale)) == round(value * 1e6)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("space", PLANS)
def test_counted_costs_are_those_of_the_plans(space, dataset):
    whole, make = PLANS[space]
    archs = whole.sample(np.random.default_rng(4), 40)
    plans = [make(whole, arch, DATASETS[dataset]) for arch in archs]
    for name in counted_names(whole):
        measure, _, precision = name.partition("@")
        given = (precision,) if precision else ()
        wanted = [COUNTS[measure](plan, *given) for plan in plans]
        np.testing.assert_array_equal(counted_cost(whole, name, dataset).cost(archs), wanted)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("name", COUNTED)
def test_the_polynomials_of_the_size_space_are_the_counts_of_its_plans(name, dataset):
    """All 32,768 networks: the chain that is counted from plans, and the one that is not."""
    from nasgym.oracles.cost.counted import _closed_size_cost, _size_cost

    archs = SSS.enumerate()
    counted = _size_cost(SSS, name, DATASETS[dataset]).cost(archs)
    np.testing.assert_array_equal(_closed_size_cost(SSS, name, dataset).cost(archs), counted)


@pytest.mark.long
@pytest.mark.parametrize("dataset", range(3))
def test_every_topology_counted_network_by_network(shared, dataset):
    with np.load(shared / "tables" / "nats_tss.npz") as archive:
        names, ops = archive["op_names"].tolist(), archive["ops"]
        flops, params = archive["flops_M"][:, dataset], archive["params_M"][:, dataset]
    archs = np.array([OPS.index(name) for name in names], dtype=np.int8)[ops]
    plans = [topology_plan(TSS, arch, list(DATASETS.values())[dataset]) for arch in archs]
    for count, column in ((count_macs, flops), (count_params, params)):
        # the table has single precision
        near = np.maximum(np.finfo(column.dtype).eps * column.astype(np.float64), 5e-7)
        assert (np.abs(np.array([count(plan) for plan in plans]) / 1e6 - column.astype(np.float64)) <= near).all()


@pytest.mark.parametrize("space", PLANS)
def test_torch_counts_the_same(space):
    whole, make = PLANS[space]
    for arch in whole.sample(np.random.default_rng(6), 3):
        plan = make(whole, arch)
        macs, params = counted_by_torch(plan)
        # the publication counts the classifier's bias, too
        assert (count_macs(plan), count_params(plan)) == (macs + 10, params)


@pytest.mark.parametrize("name", counted_names(TSS))
def test_terms_of_a_restricted_topology_space_are_those_of_the_options_that_are_left(name):
    narrow = TSS.restrict({TSS.names[0]: ["nor_conv_3x3"], TSS.names[3]: ["skip_connect", "avg_pool_3x3"]})
    archs = narrow.sample(np.random.default_rng(0), 20)
    np.testing.assert_allclose(counted_cost(narrow, name).cost(archs), counted_cost(TSS, name).cost(archs), rtol=1e-12)


def test_a_cell_has_one_operation_on_each_edge():
    with pytest.raises(InvalidValue, match="has 6 operations, one an edge, got 5: none, none, none, none, none"):
        nats_cell(["none"] * 5)
    with pytest.raises(InvalidValue, match="got 7"):
        nats_cell(["none"] * 7)


def test_skeletons():
    plan = topology_plan(TSS, TSS.default)
    assert [cell.name for cell in plan.cells] == ["cell", "residual"]
    assert [step.size for step in plan.steps] == [32] * 6 + [16] * 6 + [8] * 7
    assert [place.channels for (place,) in plan.layers] == [16] * 5 + [32] * 6 + [64] * 6
    convs = [block for block in plan.parts if isinstance(block, Conv)]
    assert [conv.order for conv in convs[1:7]] == ["pre"] * 6
    assert sum(not conv.norm for conv in convs) == 2  # on the way around the residual blocks
    assert [block for block in plan.parts if isinstance(block, Pool)] == [Pool(16, 2, 2), Pool(32, 2, 2)]
    kinds = {op: type(topology_plan(TSS, np.full(6, i, dtype=np.int8)).parts[1]) for i, op in enumerate(OPS)}
    wanted = {"none": Zero, "skip_connect": Identity, "nor_conv_1x1": Conv, "nor_conv_3x3": Conv, "avg_pool_3x3": Pool}
    assert kinds == wanted
    sizes = size_plan(SSS, SSS.from_str("8:16:24:32:40")[0])
    assert [place.channels for (place,) in sizes.layers] == [8, 16, 24, 32, 40]
    assert [step.size for step in sizes.steps] == [32, 32, 16, 16, 8, 8, 8]
    assert has_layers(SSS)
    assert not has_layers(TSS)
    assert published_scale(TSS) == DATASETS["cifar10"]
    assert dataset_scale(SSS, "ImageNet16-120") == DATASETS["ImageNet16-120"]
    assert dataset_scale(DigitsSpace(), "digits") is None


@pytest.mark.parametrize("arch", LATIN, ids=lambda arch: "".join(map(str, arch)))
def test_every_operation_at_every_edge_in_onnx(arch):
    pytest.importorskip("onnxruntime")
    plan = plan_of(TSS, arch, DATASETS["ImageNet16-120"])
    wanted = assert_equal(plan)
    # the images matter by far more than the two differ, so equal outputs are no accident
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-4 * np.abs(wanted).max()
    agree(plan)


@pytest.mark.parametrize("text", ["8:16:24:32:40", "64:8:64:8:64", "16:16:16:16:16"])
def test_widths_in_onnx(text):
    pytest.importorskip("onnxruntime")
    for scale in (DATASETS["cifar10"], DIGITS):
        wanted = assert_equal(plan_of(SSS, SSS.from_str(text)[0], scale))
        assert np.abs(wanted[0] - wanted[1]).max() > 1e-3 * np.abs(wanted).max()


def test_names_of_costs():
    assert counted_names(SSS) == (*COUNTED, *MEMORY)
    assert counted_names(TSS) == (*COUNTED, "size_kb", "size_kb@int8")
