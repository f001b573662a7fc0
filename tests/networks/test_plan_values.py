"""The values of plans from which fingerprints are made."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nasgym.networks.cell import Cell, Place
from nasgym.networks.plan import Conv, Head, Identity, NetworkPlan, Pool
from nasgym.networks.plan_values import plan_hash, plan_values
from nasgym.networks.space_plans import plan_of, planned_spaces
from tests.networks.cells import tied_plan

PLAN = NetworkPlan("any", (1, 8, 8), (Conv(1, 4, 3),), ((Identity(4), Pool(4, 3, 2)), ()), (), Head(4, 10))


def test_values_by_hand():
    """Fields that have their default are not there: later ones change nothing."""
    assert plan_values(PLAN) == {
        "input_shape": [1, 8, 8],
        "stem": [{"block": "conv", "in_channels": 1, "out_channels": 4, "kernel": 3}],
        "layers": [[{"block": "identity", "channels": 4}, {"block": "pool", "channels": 4, "stride": 2}], []],
        "neck": [],
        "head": {"block": "head", "in_channels": 4, "num_classes": 10},
    }
    # a hash that changes changes the fingerprints of trainings
    assert plan_hash(PLAN) == "2a76ed3eaa9e33a1de08d10d6b294841dc08c75accce6bfaebcff661b2913515"


def test_cells_are_there_once_and_go_by_number():
    plan = tied_plan()
    values = plan_values(plan)
    assert len(values["cells"]) == 1
    assert [place["cell"] for (place,) in values["layers"]] == [0, 0, 0]
    assert values["layers"][2][0]["fits"] == [1, 2]
    assert values["cells"][0]["nodes"][3] == {
        "combine": "sum",
        "edges": [[2, "skip_connect", True], [4, "dil_conv_3x3", False]],
    }
    renamed = [replace(place, cell=replace(place.cell, name="other")) for (place,) in plan.layers]
    assert plan_hash(replace(plan, name="b", layers=tuple((place,) for place in renamed))) == plan_hash(plan)


@pytest.mark.parametrize("space", planned_spaces(), ids=lambda space: space.name)
def test_different_networks_have_different_hashes(space):
    archs = np.unique(space.canonical(space.sample(np.random.default_rng(0), 60)), axis=0)
    plans = [replace(plan_of(space, arch), name="") for arch in archs]
    assert len({plan_hash(plan) for plan in plans}) == len(set(plans))
    json.dumps([plan_values(plan) for plan in plans])


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, input_shape=(1, 9, 9)),
        replace(PLAN, stem=(Conv(1, 4, 3, order="pre"),)),
        replace(PLAN, stem=(*PLAN.stem, Identity(4))),
        replace(PLAN, neck=(Identity(4),)),
        replace(PLAN, head=Head(4, 10, hidden_bias=False)),
    ],
)
def test_whatever_a_network_is_made_of_changes_its_hash(other):
    assert plan_hash(other) != plan_hash(PLAN)


def test_places_and_edges_change_the_hash():
    plan = tied_plan()
    (first,), *rest = plan.layers
    nodes = first.cell.nodes
    for place in (replace(first, channels=8), Place(Cell("both", 2, (*nodes[:4], nodes[3])), first.in_channels, 4, 1, (1, 1))):
        changed = [replace(one, cell=place.cell) for (one,) in rest]
        assert plan_hash(replace(plan, layers=((place,), *((one,) for one in changed)))) != plan_hash(plan)
