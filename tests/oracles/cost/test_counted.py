"""Closed forms: golden values, the published columns, and bounds against every completion."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import InvalidValue, UnknownName
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.digits import digits_plan
from nasgym.networks.memory import peak_memory_kb, size_kb
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.networks.space_plans import plan_of
from nasgym.oracles.cost.chain import ChainCost
from nasgym.oracles.cost.counted import MEASURES, MEMORY, counted_cost, counted_names
from nasgym.oracles.oracle import CostOracle
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from tests.stopping import chain_space, small_nas_rl, stopping_problem
from tests.tiny import completions_of, partial_archs, tiny_space

SPACES = {"digits": DigitsSpace, "nas-bench-macro": NASBenchMacroSpace, "nats-sss": SizeSpace, "nats-tss": TopologySpace}
NAMES = [(space, name) for space in SPACES for name in counted_names(SPACES[space]())]
SPACES |= {"ofa": OnceForAllSpace}
DATASETS = ("cifar10", "cifar100", "ImageNet16-120")

# millions on CIFAR-10, from the official sample records (D-X-Y/NATS-Bench, fake_torch_dir)
OFFICIAL = {
    "nats-sss": {
        "8:8:8:8:8": (4.481114, 0.011714),
        "8:8:8:16:32": (6.84065, 0.049202),
        "8:8:8:16:40": (7.991706, 0.067378),
        "8:8:40:32:40": (21.827994, 0.144834),
    },
    "nats-tss": {
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|": (15.64737, 0.129306),
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|": (113.95137, 0.802426),
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|": (11.71521, 0.101306),
    },
}
# millions of MACs on the three data sets; parameters where they are known
COMPUTED = {
    ("nats-sss", "64:64:64:64:64"): ((274.399882, 274.405732, 68.607608), (0.713674, 0.719524, 0.720824)),
    ("nats-sss", "8:64:64:64:64"): ((77.881994, 77.887844, 19.478136), None),
    ("nats-sss", "16:64:64:64:64"): ((88.261258, 88.267108, 22.072952), None),
    ("nats-sss", "24:64:64:64:64"): ((104.538762, 104.544612, 26.142328), None),
    ("nats-sss", "32:64:64:64:64"): ((126.714506, 126.720356, 31.686264), None),
    ("nats-sss", "64:8:64:64:64"): ((239.551114,), None),
    ("nats-sss", "64:64:8:64:64"): ((227.852938,), None),
    ("nats-sss", "64:64:64:8:64"): ((265.68769,), None),
    ("nats-sss", "64:64:64:64:8"): ((263.336026,), None),
    ("nats-sss", "64:8:8:8:8"): ((192.970842,), None),
    ("nats-sss", "48:48:48:48:48"): ((154.681834,), None),
    ("nats-tss", "default"): ((220.11969, 220.12554, 55.03756), (1.531546, 1.537396, 1.538696)),
}


@cache
def cost_of(space: str, name: str, dataset: str = "cifar10") -> ChainCost:
    return counted_cost(SPACES[space](), name, dataset)


@pytest.mark.parametrize(("space", "text"), [(space, text) for space, rows in OFFICIAL.items() for text in rows])
def test_official_records(space, text):
    arch = SPACES[space]().from_str(text)
    macs, params = OFFICIAL[space][text]
    assert cost_of(space, "macs").cost(arch)[0] == round(macs * 1e6)
    assert cost_of(space, "params").cost(arch)[0] == round(params * 1e6)


@pytest.mark.parametrize(("space", "text"), COMPUTED)
def test_computed_values(space, text):
    whole = SPACES[space]()
    arch = whole.default[None] if text == "default" else whole.from_str(text)
    macs, params = COMPUTED[space, text]
    for dataset, value in zip(DATASETS, macs, strict=False):
        assert cost_of(space, "macs", dataset).cost(arch)[0] == round(value * 1e6)
    for dataset, value in zip(DATASETS, params or (), strict=False):
        assert cost_of(space, "params", dataset).cost(arch)[0] == round(value * 1e6)


def test_size_space_medians_counts_and_shares():
    archs = SizeSpace().enumerate()
    for dataset, median in zip(DATASETS, (92.328426, 92.332836, 23.087032), strict=True):
        # of an even number the published one is the upper of the two in the middle
        assert np.sort(cost_of("nats-sss", "macs", dataset).cost(archs))[len(archs) // 2] == round(median * 1e6)
    costs = cost_of("nats-sss", "macs").cost(archs)
    assert len(np.unique(costs)) == 31_043
    within = costs <= costs.max() / 2
    assert [int(within[archs[:, 0] == width].sum()) for width in range(8)] == [4096, 4096, 4096, 4096, 3931, 2050, 0, 0]
    assert costs[archs[:, 0] == 6].min() == 148_349_018
    assert costs[archs[:, 0] == 5].min() == 109_625_434


def test_terms_of_the_size_space_add_up_to_the_published_values():
    """Term by term, and the least of what begins with 56 or 48 channels by dynamic programming."""
    space, terms = SizeSpace(), cost_of("nats-sss", "macs").terms()
    for text, millions in [
        *((text, macs) for text, (macs, _) in OFFICIAL["nats-sss"].items()),
        *((text, macs[0]) for (of, text), (macs, _) in COMPUTED.items() if of == "nats-sss"),
    ]:
        row = space.to_options(space.from_str(text))[0].tolist()
        found = [u[i] for u, i in zip(terms.unary, row, strict=True)]
        found += [p[a, b] for p, (a, b) in zip(terms.pair, itertools.pairwise(row), strict=True)]
        assert terms.constant + sum(found) == round(millions * 1e6)
    allowed = [np.ones((2, 8), dtype=bool) for _ in range(5)]
    allowed[0] = np.arange(8) == np.array([[6], [5]])
    assert terms.extremes(allowed)[0].tolist() == [148_349_018, 109_625_434]
    drawn = np.full(8, 1 / 8)
    assert terms.expected([drawn] * 5) == pytest.approx(cost_of("nats-sss", "macs").cost(space.enumerate()).mean(), rel=1e-12)


@pytest.mark.parametrize(("space", "plan_of"), [("digits", digits_plan), ("nas-bench-macro", nas_bench_macro_plan)])
def test_sums_are_the_counts_of_the_plans(space, plan_of):
    whole = SPACES[space]()
    archs = whole.sample(np.random.default_rng(2), 60)
    plans = [plan_of(whole, arch) for arch in archs]
    np.testing.assert_array_equal(cost_of(space, "macs").cost(archs), [count_macs(plan) for plan in plans])
    np.testing.assert_array_equal(cost_of(space, "params").cost(archs), [count_params(plan) for plan in plans])
    for name in MEMORY:
        of_plan, precision = (
            {"size_kb": size_kb, "peak_memory_kb": peak_memory_kb}[name.partition("@")[0]],
            name.partition("@")[2],
        )
        wanted = [of_plan(plan, precision or "float32") for plan in plans]
        np.testing.assert_array_equal(cost_of(space, name).cost(archs), wanted)


# ---- the published columns, where they are at hand ---------------------------------------------


def test_published_macro_columns(shared):
    with np.load(shared / "tables" / "nas_bench_macro.npz") as archive:
        ops, flops, params = archive["ops"].astype(np.int8), archive["flops"], archive["params"]
    np.testing.assert_array_equal(cost_of("nas-bench-macro", "macs").cost(ops), flops)
    np.testing.assert_array_equal(cost_of("nas-bench-macro", "params").cost(ops), params)


@pytest.mark.parametrize("dataset", range(3))
def test_published_size_columns(shared, dataset):
    with np.load(shared / "tables" / "nats_sss.npz") as archive:
        channels, flops, params = archive["channels"], archive["flops"], archive["params"]
    archs = (channels // 8 - 1).astype(np.int8)
    scale = 1e6 if flops.max() < 1e4 else 1.0
    wanted = np.rint(flops.astype(np.float64)[:, dataset] * scale)
    np.testing.assert_array_equal(cost_of("nats-sss", "macs", DATASETS[dataset]).cost(archs), wanted)
    scale = 1e6 if params.max() < 1e4 else 1.0
    wanted = np.rint(params.astype(np.float64)[:, dataset] * scale)
    np.testing.assert_array_equal(cost_of("nats-sss", "params", DATASETS[dataset]).cost(archs), wanted)


@pytest.mark.parametrize("dataset", range(3))
def test_published_topology_columns(shared, dataset):
    from nasgym.spaces.nats_bench import OPS

    with np.load(shared / "tables" / "nats_tss.npz") as archive:
        names, ops = archive["op_names"].tolist(), archive["ops"]
        flops, params = archive["flops_M"], archive["params_M"]
    archs = np.array([OPS.index(name) for name in names], dtype=np.int8)[ops]
    for name, column in (("macs", flops), ("params", params)):
        ours = cost_of("nats-tss", name, DATASETS[dataset]).cost(archs)
        digits = np.finfo(column.dtype).eps * column[:, dataset].astype(np.float64)
        assert (np.abs(ours / 1e6 - column[:, dataset].astype(np.float64)) <= np.maximum(digits, 5e-7)).all()


# ---- bounds ------------------------------------------------------------------------------------

RESTRICTIONS = {
    "digits": {"*.kernel": [3], "layer2.op": ["mbconv"]},
    "nas-bench-macro": {"stage1.*": ["mbconv_e3_k3", "mbconv_e6_k5"], "stage3.layer2.op": ["identity"]},
    "nats-sss": {"cell*.width": [16, 48, 64], "reduce1.width": [8, 40]},
    "nats-tss": {"node3.*": ["nor_conv_1x1", "none"]},
}


@cache
def narrowed(space: str, name: str) -> CostOracle:
    whole = cost_of(space, name)
    return whole.narrow(whole.space.restrict(RESTRICTIONS[space]))


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(("space", "name"), NAMES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_bounds_are_those_of_all_completions(space, name, narrow, seed):
    cost = narrowed(space, name) if narrow else cost_of(space, name)
    archs = partial_archs(cost.space, np.random.default_rng(seed), 4)
    values = cost.cost(cost.space.enumerate())
    for arch, least, largest in zip(archs, *cost.bounds(archs), strict=True):
        within = values[completions_of(cost.space, arch)]
        assert (least, largest) == (within.min(), within.max())


@pytest.mark.parametrize(("space", "name"), NAMES)
def test_narrowing_changes_bounds_and_not_costs(space, name):
    part, whole = narrowed(space, name), cost_of(space, name)
    archs = part.space.enumerate()
    np.testing.assert_array_equal(part.cost(archs), whole.cost(archs))
    assert part.fingerprint != whole.fingerprint
    assert part.name == whole.name == name


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_chain(seed):
    """The sum or the largest of random terms, also negative, of layers of several decisions."""
    rng, space = np.random.default_rng(seed), tiny_space()
    combine, together = (("sum", sum), ("largest", max))[seed // 2 % 2]
    sizes = [len(layer.options) for layer in space.layers]
    unary = [rng.integers(-9, 9, size).astype(float) for size in sizes]
    pair = [rng.integers(-9, 9, (a, b)).astype(float) for a, b in itertools.pairwise(sizes)]
    constant = float(rng.integers(-9, 5))
    cost = ChainCost(space, "any", constant, unary, pair if seed % 2 else None, combine=combine)
    values = []
    for picked in itertools.product(*map(range, sizes)):
        terms = [constant, *(u[i] for u, i in zip(unary, picked, strict=True))]
        terms += [p[a, b] for p, a, b in zip(pair, picked, picked[1:], strict=False)] if seed % 2 else []
        values.append(together(terms))
    np.testing.assert_array_equal(cost.cost(space.enumerate()), values)
    archs = partial_archs(space, rng, 5)
    for arch, least, largest in zip(archs, *cost.bounds(archs), strict=True):
        within = np.array(values)[completions_of(space, arch)]
        assert (least, largest) == (within.min(), within.max())


# ---- errors ------------------------------------------------------------------------------------


def test_errors_teach():
    digits = cost_of("digits", "macs")
    with pytest.raises(UnknownName, match="Did you mean 'macs'"):
        counted_cost(DigitsSpace(), "mac")
    with pytest.raises(UnknownName, match="Did you mean 'cifar100'"):
        counted_cost(SizeSpace(), "macs", "cifar-100")
    with pytest.raises(UnknownName, match="space with counted costs 'tiny'"):
        counted_cost(tiny_space(), "macs")
    for name in ("peak_memory_kb", "peak_memory_kb@int8"):
        with pytest.raises(InvalidValue, match=f"cost '{name}' of 'nats-tss' depends on all edges of a cell together"):
            counted_cost(TopologySpace(), name)
    assert counted_names(tiny_space()) == ()
    impossible = np.full((1, 15), -1, dtype=np.int8)
    impossible[0, :2] = 0, 1  # a skipped layer has no kernel 5
    with pytest.raises(InvalidValue, match="no valid completion"):
        digits.bounds(impossible)
    with pytest.raises(InvalidValue, match="allowed are 0"):
        digits.cost(np.full((1, 15), -1, dtype=np.int8))
    with pytest.raises(InvalidValue, match="inactive"):
        digits.cost(np.array([[0, 1] + [0] * 13], dtype=np.int8))
    with pytest.raises(InvalidValue, match="has terms for"):
        ChainCost(tiny_space(), "any", 0.0, [np.zeros(3), np.zeros(3)])


def test_counted_costs_keep_the_promise_of_a_cost_oracle():
    for space, name in (("digits", "macs"), ("digits", "peak_memory_kb"), ("ofa", "size_kb")):
        assert isinstance(cost_of(space, name), CostOracle)
    assert len({cost_of("digits", name).fingerprint for name in MEASURES}) == len(MEASURES)
    assert cost_of("nats-sss", "macs").fingerprint != cost_of("nats-sss", "macs", "cifar100").fingerprint
    assert cost_of("nats-sss", "macs").fingerprint != cost_of("nats-sss", "params").fingerprint


def test_terms_of_layers_are_refused_where_architectures_end_at_different_layers():
    space = chain_space()
    with pytest.raises(InvalidValue, match="architectures of 'chain' end at different layers"):
        ChainCost(space, "macs", 0.0, [np.ones(layer.count) for layer in space.layers])
    assert stopping_problem("chain").cost_terms() is None
    for asked in (space, small_nas_rl()):
        with pytest.raises((InvalidValue, UnknownName), match=asked.name):
            counted_cost(asked, "macs")
        with pytest.raises(InvalidValue, match=f"{asked.name}'"):
            plan_of(asked, asked.default)
