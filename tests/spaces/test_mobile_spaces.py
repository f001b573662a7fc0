"""The mobile spaces: sizes, text forms, networks with several encodings, and counted costs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import UnknownName
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.memory import peak_memory_kb, size_kb
from nasgym.networks.plan import Identity
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.networks.space_plans import plan_of
from nasgym.oracles.cost.counted import MEASURES, counted_cost
from nasgym.registry import SPACES
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_mobilenetv3 import MobileNetV3Space
from nasgym.spaces.mobile_proxylessnas import ProxylessNASSpace
from nasgym.spaces.mobile_tunas import TuNASSpace
from tests.tiny import completions_of, partial_archs

SIZES = {
    "proxylessnas": (57, 21, 6**6 * 7**15),
    "mnasnet": (42, 7, 432**7),
    "mobilenetv3": (65, 14, 60**5 * 61**9),
    "moga": (42, 14, 12**14),
    "fairnas": (38, 19, 6**19),
    "tunas": (58, 22, 3 * 6**6 * 7**15),
    "ofa": (46, 16, 5 * 7371**5),
}
# what is left is small enough to look at every architecture
NARROW = {
    "proxylessnas": {"*.kernel": [3], "*.expansion": [3], "stage[2-6].layer1.expansion": [3], "stage[345].*.op": ["skip"]},
    "mnasnet": {
        "*.op": ["conv", "mbconv3"],
        "*.kernel": [3],
        "*.se": [0.25],
        "*.skip": ["none"],
        "*.width": [0.75, 1.25],
        "*.layers": [0],
        "block[1367].op": ["mbconv3"],
        "block[45].width": [0.75],
    },
    "mobilenetv3": {"*.kernel": [7], "*.se": ["off"], "*.activation": ["relu"], "*.expansion": [3], "stage1.*.se": ["off"]},
    "moga": {"*.kernel": [5], "*.se": ["on"], "layer*.expansion": [3, 6]},
    "fairnas": {"*.kernel": [3], "layer?.expansion": [6]},
    "tunas": {"stage*.kernel": [3], "*.expansion": [3], "stage[345].*.op": ["skip"]},
    "ofa": {
        "stage[245].*.kernel": [7],
        "*.expansion": [4],
        "resolution": [160, 192, 224],
        "stage[1234].depth": [2, 3],
        "stage5.depth": [2],
        "stage[13].*.kernel": [3, 7],
    },
}
SMALL = Scale((1, 8, 8), 10, 0.25, 4, 4)
each_space = pytest.mark.parametrize("name", SIZES)


@cache
def space_of(name, narrow=False):
    space = SPACES.load(name)()
    return space.restrict(NARROW[name]) if narrow else space


@cache
def cost_of(space, name, scale=IMAGENET):
    whole = space_of(space)
    return counted_cost(whole, name, scale=scale)


@each_space
def test_sizes_and_layers(name):
    space = space_of(name)
    assert (space.num_decisions, len(space.layers), space.size) == SIZES[name]


@each_space
def test_text_forms_are_read_back(name):
    space = space_of(name)
    archs = np.concatenate([space.sample(np.random.default_rng(0), 50), space.default[None]])
    texts = space.to_str(archs)
    np.testing.assert_array_equal(space.from_str(texts), archs)
    nothing = space.to_str(space.empty())[0]
    assert "?" in nothing
    assert all("?" not in text for text in texts)
    for layer in space.layers:
        assert len(set(space.option_texts(layer))) == len(layer.options)


def test_texts_by_hand():
    assert space_of("tunas").to_str(space_of("tunas").default[None])[0] == "k7," + ",".join(["k7e6"] * 21)
    assert space_of("moga").to_str(space_of("moga").default[None])[0] == ",".join(["k7e6:se"] * 14)
    partial = space_of("mobilenetv3").default
    partial[3], partial[4:6] = -1, (1, 0)
    partial[8:] = -1
    # the first layer of a stage cannot be skipped
    assert space_of("mobilenetv3").to_str(partial[None])[0].startswith("k7e6:se:?,k3e6:se:?,k?e?:?:?,?,?,k?e?:?:?,")
    assert space_of("mnasnet").to_str(space_of("mnasnet").default[None])[0].split(",")[0] == "conv:k5:se:identity:w1.25:n+1"
    with pytest.raises(UnknownName, match=r"option of 'stage1.layer1'"):
        ProxylessNASSpace().from_str(",".join(["skip"] * 21))


@each_space
def test_the_default_has_the_largest_costs(name):
    space, cost = space_of(name), cost_of(name, "macs")
    _, largest = cost.bounds(space.empty())
    assert cost.cost(space.default[None])[0] == largest[0]


@pytest.mark.parametrize("scale", [IMAGENET, SMALL], ids=["imagenet", "small"])
@each_space
def test_counted_costs_are_the_counts_of_the_plans(name, scale):
    space = space_of(name)
    archs = space.sample(np.random.default_rng(1), 15)
    plans = [plan_of(space, arch, scale) for arch in archs]
    np.testing.assert_array_equal(cost_of(name, "macs", scale).cost(archs), [count_macs(plan) for plan in plans])
    np.testing.assert_array_equal(cost_of(name, "params", scale).cost(archs), [count_params(plan) for plan in plans])
    for precision, mark in (("float32", ""), ("int8", "@int8")):
        sizes, peaks = (cost_of(name, kind + mark, scale).cost(archs) for kind in ("size_kb", "peak_memory_kb"))
        np.testing.assert_array_equal(sizes, [size_kb(plan, precision) for plan in plans])
        np.testing.assert_array_equal(peaks, [peak_memory_kb(plan, precision) for plan in plans])


@cache
def narrow_costs(name, cost):
    narrowed = cost_of(name, cost).narrow(space_of(name, narrow=True))
    return narrowed, narrowed.cost(narrowed.space.enumerate())


@each_space
@pytest.mark.parametrize("cost", MEASURES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_bounds_are_those_of_all_completions(name, cost, seed):
    narrowed, values = narrow_costs(name, cost)
    archs = partial_archs(narrowed.space, np.random.default_rng(seed), 4)
    for arch, least, largest in zip(archs, *narrowed.bounds(archs), strict=True):
        within = values[completions_of(narrowed.space, arch)]
        assert (least, largest) == (within.min(), within.max())


@each_space
def test_a_scale_changes_the_fingerprint(name):
    assert cost_of(name, "macs").fingerprint != cost_of(name, "macs", SMALL).fingerprint


# ---- networks with several encodings -----------------------------------------------------------


@pytest.mark.parametrize("space", [ProxylessNASSpace(), TuNASSpace(), MobileNetV3Space(), MnasNetSpace()], ids=lambda s: s.name)
def test_canonical_forms_are_the_same_network(space):
    def shape(plan):
        """What is computed: the order of identities does not matter."""
        return [block for block in plan.blocks if not isinstance(block, Identity)]

    archs = space.sample(np.random.default_rng(2), 60)
    # uniform options rarely skip: half of the layers that can
    for layer in space.layers:
        if str(space.decisions[layer.columns[0]].choices[0]) == "skip":
            archs[np.random.default_rng(layer.columns[0]).random(60) < 0.5, layer.slice] = 0
    forms = space.canonical(archs)
    assert (forms != archs).any()
    assert space.is_valid(forms).all()
    np.testing.assert_array_equal(space.canonical(forms), forms)
    for arch, form in zip(archs, forms, strict=True):
        one, other = plan_of(space, arch), plan_of(space, form)
        assert shape(one) == shape(other)
        assert (one.stem, one.neck, one.head) == (other.stem, other.neck, other.head)


def test_skipped_blocks_come_last_in_their_stage():
    space = ProxylessNASSpace()
    rest = ",".join(["k3e3"] * 17)
    archs = space.from_str([f"k5e3,skip,k7e6,k3e3,{rest}", f"k5e3,k7e6,skip,k3e3,{rest}", f"k5e3,k7e6,k3e3,skip,{rest}"])
    assert space.to_str(space.canonical(archs)) == [f"k5e3,k7e6,k3e3,skip,{rest}"] * 3
    first = TuNASSpace()
    arch = first.from_str(f"k5,k5e3,skip,k7e6,k3e3,{rest}")
    assert first.to_str(first.canonical(arch)) == [f"k5,k5e3,k7e6,k3e3,skip,{rest}"]


def test_mnasnet_single_layers_have_one_name():
    space = MnasNetSpace()
    rest = ",".join(["mbconv3:k3:identity:w1.0:n+0"] * 6)
    archs = space.from_str([f"conv:k3:{skip}:w1.0:{n},{rest}" for skip, n in (("identity", "n-1"), ("none", "n+0"))])
    plans = [replace(plan_of(space, arch), name="") for arch in archs]
    assert plans[0] == plans[1]
    assert len(np.unique(space.canonical(archs), axis=0)) == 1
