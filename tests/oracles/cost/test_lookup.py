"""Look-up costs: by hand, and bounds against everything that a partial architecture can become."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency
from nasgym.devices.layout import BlockLayout, block_layout
from nasgym.errors import DataError, InvalidValue
from nasgym.oracles.cost.lookup import LookupCost
from nasgym.oracles.oracle import CostOracle
from nasgym.spaces.decision import Decision
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.spaces.mobile_proxylessnas import ProxylessNASSpace
from nasgym.spaces.mobile_tunas import TuNASSpace
from nasgym.spaces.space import SearchSpace

STEM = BlockKey("conv", 32, 3, 16, 8, kernel=3, stride=2)


def made_up(space, seed=0, model="lookup", keep=lambda block: True):
    """A device with drawn latencies."""
    rng = np.random.default_rng(seed)
    blocks = [block for block in block_layout(space, model) if keep(block)]
    values = rng.uniform(-3 if model == "linear" else 0.1, 9, len(blocks)).tolist()
    latencies = {block: Latency(value) for block, value in zip(blocks, values, strict=True)}
    return Device("phone", space.name, "unknown", None, 1, "unknown", latencies, model=model)


OFA = OnceForAllSpace()
OFA_DEVICE = made_up(OFA)
OFA_COST = LookupCost(OFA, OFA_DEVICE)
SPACES = {"ofa": OFA, "proxylessnas": ProxylessNASSpace(), "tunas": TuNASSpace()}


def kernel(k):
    return BlockKey("conv", 16, 8, 16, 8, kernel=k, stride=1)


def tiny():
    """A first layer that sets the case, and a layer with one and two blocks."""
    space = SearchSpace("tiny", [Decision("size", (1, 2), "resolution"), Decision("op", (3, 5), "op")])
    ms = {STEM: 1.0, kernel(3): 2.0, kernel(5): 10.0, kernel(7): 0.5}
    device = Device("phone", "tiny", "unknown", None, 1, "unknown", {block: Latency(value) for block, value in ms.items()})
    options = ((((), ()), ((kernel(3),), (kernel(5),))), (((), ()), ((kernel(7),), (kernel(3), kernel(3)))))
    return space, device, BlockLayout(((STEM,), (STEM, STEM)), options, by_first_layer=True)


def test_by_hand():
    space, device, layout = tiny()
    cost = LookupCost(space, device, layout=layout)
    assert isinstance(cost, CostOracle)
    assert cost.cost(space.enumerate()).tolist() == [3.0, 11.0, 2.5, 6.0]
    partial = np.array([[-1, -1], [0, -1], [1, -1], [-1, 0], [-1, 1]], dtype=np.int8)
    least, largest = cost.bounds(partial)
    assert least.tolist() == [2.5, 3.0, 2.5, 2.5, 6.0]
    assert largest.tolist() == [11.0, 11.0, 6.0, 3.0, 11.0]


def test_without_cases():
    space, device, _ = tiny()
    plain = BlockLayout(((STEM,),), ((((), ()), ((kernel(3),), (kernel(5),))),))
    cost = LookupCost(space, device, layout=plain)
    assert cost.cost(space.enumerate()).tolist() == [3.0, 11.0, 3.0, 11.0]
    assert [float(b[0]) for b in cost.bounds(np.full((1, 2), -1, dtype=np.int8))] == [3.0, 11.0]


@pytest.mark.parametrize("name", SPACES)
def test_costs_are_sums_over_blocks(name):
    space = SPACES[name]
    device = made_up(space, model="linear" if name == "tunas" else "lookup")
    cost, layout = LookupCost(space, device), block_layout(space, device.model)
    archs = space.sample(np.random.default_rng(3), 20)
    for options, ms in zip(space.to_options(archs).tolist(), cost.cost(archs).tolist(), strict=True):
        case = options[0] if layout.by_first_layer else 0
        blocks = [*layout.fixed[case]]
        for layer, option in zip(layout.options[case], options, strict=True):
            blocks += layer[option]
        assert ms == pytest.approx(sum(device.latencies[block].latency_ms for block in blocks), rel=1e-12)


SMALL = OFA.restrict(
    {
        "resolution": [160, 192, 224],
        "*.expansion": [4],
        "stage1.*.kernel": [3, 7],
        "stage[2345].*.kernel": [5],
        "stage[245].depth": [2],
    }
)
SMALL_COST = OFA_COST.narrow(SMALL)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_bounds_are_those_of_all_completions(seed, share):
    """Any decisions may be open, not only the last ones."""
    rng = np.random.default_rng(seed)
    everything = SMALL.enumerate()
    partial = everything[rng.integers(len(everything))].copy()
    partial[rng.random(len(partial)) < share] = -1
    fits = ((partial == -1) | (everything == partial)).all(axis=1)
    costs = SMALL_COST.cost(everything[fits])
    least, largest = SMALL_COST.bounds(partial[None])
    assert (least[0], largest[0]) == (costs.min(), costs.max())


def test_prefixes_of_the_whole_space_hold_their_samples():
    rng = np.random.default_rng(4)
    archs = OFA.sample(rng, 200)
    costs = OFA_COST.cost(archs)
    bounds_before = None
    for t in range(OFA.num_decisions + 1):
        prefixes = archs.copy()
        prefixes[:, t:] = -1
        least, largest = OFA_COST.bounds(prefixes)
        assert ((least <= costs + 1e-9) & (costs <= largest + 1e-9)).all()
        if bounds_before is not None:
            assert ((least >= bounds_before[0] - 1e-9) & (largest <= bounds_before[1] + 1e-9)).all()
        bounds_before = least, largest
    assert (least == costs).all()
    assert (largest == costs).all()


def test_narrow_keeps_costs_and_tightens_bounds():
    archs = SMALL.sample(np.random.default_rng(5), 50)
    assert np.array_equal(SMALL_COST.cost(archs), OFA_COST.cost(archs))
    root = np.full((1, 46), -1, dtype=np.int8)
    assert SMALL_COST.bounds(root)[0] > OFA_COST.bounds(root)[0]
    assert SMALL_COST.fingerprint != OFA_COST.fingerprint


def test_without_completion():
    partial = np.full((2, 46), -1, dtype=np.int8)
    partial[1, SMALL.names.index("stage2.block1.kernel")] = 0  # restricted away
    with pytest.raises(InvalidValue, match=r"architecture 1, .* has no valid completion"):
        SMALL_COST.bounds(partial)
    with pytest.raises(InvalidValue):
        SMALL_COST.cost(OFA.default[None])
    with pytest.raises(InvalidValue):
        OFA_COST.cost(np.full((1, 46), -1, dtype=np.int8))


def test_missing_blocks():
    gone = [block for block in block_layout(OFA) if block.kernel == 5 and block.mid_ch == 408]
    assert gone
    device = made_up(OFA, keep=lambda block: block not in gone)
    with pytest.raises(DataError, match=rf"lacks {len(gone)} of the 480 blocks of space 'ofa'.*mid408 k5.*nearest"):
        LookupCost(OFA, device).check()
    with pytest.raises(DataError, match="lacks"):
        LookupCost(OFA, device).cost(OFA.default[None])
    filled = LookupCost(OFA, device, missing="interpolate")
    assert set(filled.interpolated) == set(gone)
    assert "+10estimates" in filled.fingerprint
    assert "10 of them ESTIMATED" in filled.provenance
    assert OFA_COST.interpolated == ()
    assert "estimate" not in OFA_COST.fingerprint
    # a restriction that does not have them needs them not
    small = OFA.restrict({"stage[45].*.kernel": [3]})
    archs = small.sample(np.random.default_rng(6), 20)
    few = replace(OFA_DEVICE, latencies={block: OFA_DEVICE.latencies[block] for block in block_layout(small)})
    narrowed = LookupCost(OFA, few).narrow(small)
    assert narrowed.cost(archs).tolist() == OFA_COST.cost(archs).tolist()
    assert narrowed.fingerprint == LookupCost(small, few).fingerprint
    assert filled.narrow(SMALL).missing == "interpolate"


def test_another_space():
    with pytest.raises(InvalidValue, match="measured for the blocks of space 'proxylessnas', not of 'ofa'"):
        LookupCost(OFA, made_up(SPACES["proxylessnas"]))
