"""Networks as JSON: reading back equal, and refusing everything else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings

from nasgym.errors import DataError, NasgymError, UnknownName
from nasgym.export.json_text import plan_from_json, plan_json
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.plan import Conv, Head, Identity, MBConv, NetworkPlan, Pool
from nasgym.networks.scale import Scale
from nasgym.networks.space_plans import plan_of, planned_spaces
from tests.networks.cells import plans, tied_plan

SMALL = NetworkPlan(
    "a name, \N{SNOWMAN}",
    (1, 8, 8),
    (Conv(1, 4, 3, groups=1, activation="swish"),),
    ((), (Identity(4), Pool(4, 3, 2, "max")), (MBConv(4, 8, 4, 5, 1, "relu6", 2, True, "hswish", "sigmoid"),)),
    (),
    Head(4, 10, hidden=6, hidden_bias=False),
)
TIED = tied_plan()
EDGE = ("cells", "both", "nodes", 2, "edges", 0)
SCALE = {"input_shape": [1, 8, 8], "num_classes": 10, "width": 0.25, "divisor": 4, "reduction": 4}


@pytest.mark.parametrize("name", NAMED)
def test_published_networks_read_back_equal(name):
    for plan in (named_plan(name), named_plan(name, Scale((1, 8, 8), 10, 0.25, 4, 4))):
        assert plan_from_json(plan_json(plan)) == plan


def test_scales():
    scale = Scale((1, 8, 8), 10, 0.25, 4, 4)
    text = plan_json(SMALL, scale=scale)
    assert json.loads(text)["scale"] == SCALE
    assert plan_from_json(text) == SMALL
    assert json.loads(plan_json(named_plan("mnasnet-a1")))["scale"] is None
    # a name alone would claim the published network
    assert json.loads(plan_json(named_plan("mnasnet-a1", scale)))["scale"] == "unknown"


@pytest.mark.parametrize("space", planned_spaces(), ids=lambda space: space.name)
def test_architectures_read_back_equal(space):
    for arch in space.sample(np.random.default_rng(5), 10):
        plan = plan_of(space, arch)
        text = plan_json(plan, space=space.name)
        assert plan_from_json(text) == plan
        values = json.loads(text)
        assert values["space"] == space.name
        assert np.array_equal(space.from_str(values["architecture"])[0], arch)


def test_what_is_written():
    text = plan_json(SMALL)
    assert plan_from_json(text) == SMALL
    values = json.loads(text)
    assert values["space"] is None
    assert values["input_shape"] == [1, 8, 8]
    assert values["layers"][0] == []
    assert values["layers"][1][1] == {"kind": "pool", "channels": 4, "kernel": 3, "stride": 2, "pooling": "max"}
    assert values["head"]["hidden_bias"] is False
    # stem 9 * 4 * 64; expansion 4 * 8 * 16, kernel 25 * 8 * 16, gate 2 * 8 * 2, projection 8 * 4 *
    # 16; head 6 * (4 + 10)
    assert values["macs"] == 2304 + 512 + 3200 + 32 + 512 + 84
    assert text.isascii()
    assert text.endswith("}\n")


def test_cells_are_written_once_and_read_back_equal():
    plan = tied_plan()
    values = json.loads(plan_json(plan))
    assert list(values["cells"]) == ["both"]
    assert values["cells"]["both"]["nodes"][2]["edges"][0] == {"source": 2, "op": "sep_conv_3x3", "strided": True}
    places = [place for layer in values["layers"] for place in layer]
    assert [place["cell"] for place in places] == ["both"] * 3
    assert places[2] == {
        **{"kind": "cell", "cell": "both", "in_channels": [16, 8], "channels": 8, "stride": 1, "reads": [1, 2], "fits": [1, 2]}
    }
    again = plan_from_json(plan_json(plan))
    assert again == plan
    assert again.cells == plan.cells


@settings(max_examples=25, deadline=None)
@given(plan=plans())
def test_any_cell_reads_back_equal(plan):
    assert plan_from_json(plan_json(plan)) == plan


def test_files_from_before_there_were_cells_are_read():
    values = json.loads(plan_json(SMALL))
    values["version"] = 1
    del values["cells"]
    for block in (*values["stem"], *values["layers"][2], values["head"]):
        for later in ("order", "norm", "dilation", "counts_bias"):
            block.pop(later, None)
    assert plan_from_json(json.dumps(values)) == SMALL
    values["stem"][0]["order"] = "pre"
    with pytest.raises(UnknownName, match="'order'"):
        plan_from_json(json.dumps(values))


def changed(*path, to, plan=None):
    """The text of a plan, `SMALL`, with another value at a path; ``to=...`` removes it."""
    values = json.loads(plan_json(plan or SMALL))
    *way, last = path
    inside = values
    for step in way:
        inside = inside[step]
    if to is ...:
        del inside[last]
    else:
        inside[last] = to
    return json.dumps(values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "this is no network"),
        ('{"format": "nasgym-network", "version": 1, "version": 1}', "'version' is there twice"),
        (changed("format", to="onnx"), "this is no network"),
        (changed("version", to=3), "version 3"),
        (changed("version", to=True), "version True"),
        (changed("version", to=1.0), "version 1.0"),
        (changed("macs", to=6644.0), '"macs" is 6644.0'),
        (changed("macs", to=True), '"macs" is True'),
        (changed("macs", to=7).replace('"macs": 7', f'"macs": {"7" * 5000}'), "thousands of digits"),
        (changed("scale", to=1), '"scale" is null, "unknown" or an object'),
        (changed("scale", to={}), "scale lacks 'input_shape'"),
        (changed("scale", to=SCALE | {"width": True}), "scale.width is a number"),
        (changed("scale", to=SCALE | {"width": float("nan")}), "scale does not exist"),
        (changed("scale", to=SCALE | {"width": 10**400}), "scale does not exist"),
        (changed("scale", to=SCALE | {"num_classes": 0}), "scale.num_classes is a whole number"),
        (changed("scale", to=SCALE | {"input_shape": [8, 8]}), "scale.input_shape is"),
        (changed("stem", to=...), "lacks 'stem'"),
        (changed("steem", to=[]), "Did you mean 'stem'"),
        (changed("architecture", to=3), '"architecture" is a text'),
        (changed("input_shape", to=[1, 8]), "channels, height, width"),
        (changed("input_shape", to=[1, 8, 9]), "square"),
        (changed("input_shape", 0, to=1.5), "whole number from 1"),
        (changed("stem", to={}), "stem is a list"),
        (changed("stem", 0, to="conv"), r"stem\[0\] is an object"),
        (changed("stem", 0, "kind", to="mbcon"), "Did you mean 'mbconv'"),
        (changed("stem", 0, "kind", to=["conv"]), "unknown kind of block"),
        (changed("stem", 0, "kernel", to=...), r"stem\[0\] lacks 'kernel'"),
        (changed("stem", 0, "kernal", to=3), "Did you mean 'kernel'"),
        (changed("stem", 0, "kernel", to=True), r"stem\[0\].kernel is a whole number"),
        (changed("stem", 0, "kernel", to=0), "from 1"),
        (changed("stem", 0, "kernel", to=4), "kernels are odd"),
        (changed("stem", 0, "groups", to=3), "groups"),
        (changed("stem", 0, "se_channels", to=-1), "from 0"),
        (changed("stem", 0, "residual", to=1), "true or false"),
        (changed("stem", 0, "activation", to="relu7"), "Did you mean 'relu'"),
        (changed("stem", 0, "activation", to=[]), "unknown stem"),
        (changed("stem", 0, "out_channels", to=5), "takes 4 channels, but gets 5"),
        (changed("layers", 2, 0, "kernel", to=3), '"macs" is 6644'),
        (changed("layers", 1, 0, to={"kind": "identity", "channels": 3}), "takes 3 channels, but gets 4"),
        (changed("head", "in_channels", to=5), "the head takes 5"),
        (changed("head", to=[]), "head is an object"),
        (changed("parameters", to="7"), "\"parameters\" is '7'"),
        (changed("cells", to=[]), "cells is an object"),
        (changed("cells", to={"c": {"inputs": 1, "nodes": []}}), "cells.c does not exist: .* it needs one of each"),
        (changed("cells", to={"c": {"inputs": 1}}), "cells.c lacks 'nodes'"),
        (changed(*EDGE, "op", to="sep_conv_3x4", plan=TIED), "Did you mean 'sep_conv_3x3'"),
        (changed(*EDGE, "op", to=["none"], plan=TIED), "unknown operation at cells.both"),
        (changed(*EDGE, "source", to=-1, plan=TIED), "from 0"),
        (changed(*EDGE, "source", to=6, plan=TIED), "cells.both does not exist: .* reads node 6"),
        (changed(*EDGE, "strided", to=1, plan=TIED), "strided is true or false"),
        (changed(*EDGE, "kernel", to=3, plan=TIED), "'kernel'"),
        (changed("cells", "both", "nodes", 4, "combine", to="mean", plan=TIED), "combine"),
        (changed("layers", 0, 0, "cell", to="bot", plan=TIED), "Did you mean 'both'"),
        (changed("layers", 0, 0, "reads", to=[1], plan=TIED), "does not fit: .* has 2 inputs"),
        (changed("layers", 0, 0, "reads", to=[1, 4], plan=TIED), "blocks do not fit together: .* there are 2"),
        (changed("layers", 0, 0, "in_channels", to=[4, 5], plan=TIED), "takes 5 channels, but gets 4"),
        (changed("layers", 2, 0, "fits", to=[], plan=TIED), "blocks do not fit together: .* joins edges of the sizes"),
        (changed("layers", 1, 0, "stride", to=0, plan=TIED), "from 1"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(text, words):
    with pytest.raises((DataError, UnknownName), match=words) as caught:
        plan_from_json(text)
    assert isinstance(caught.value, NasgymError)
    assert "\n" not in str(caught.value)
