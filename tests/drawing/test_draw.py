"""Drawings: every space, partial architectures, foreign labels, counted costs."""

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from nasgym.drawing.draw import draw_svg, draw_text, plan_svg, plan_text
from nasgym.drawing.picture import CELL_LABELS, amount, fold, make_picture, plan_picture
from nasgym.drawing.picture_layout import _lifts
from nasgym.errors import InvalidValue
from nasgym.networks.cell import Cell, Edge, Node, Place
from nasgym.networks.count import count_macs
from nasgym.networks.named import named_plan
from nasgym.networks.operations import OPERATIONS
from nasgym.networks.plan import Conv, Head, MBConv, NetworkPlan, Pool
from nasgym.networks.scale import IMAGENET
from nasgym.networks.space_plans import has_own_images, plan_of, planned_spaces, published_scale
from nasgym.oracles.cost.counted import counted_cost
from nasgym.spaces.decision import Decision
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nas_rl import NASRLSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.spaces.space import SearchSpace
from tests.networks.cells import tied_plan
from tests.stopping import chain_space, small_nas_rl

HOSTILE = '<script>alert("x")</script> & ]]> \x01 [bold]red[/bold] 幅'
SVG = "{http://www.w3.org/2000/svg}"


def own_space(layers=12):
    decisions = []
    for i in range(layers):
        decisions.append(Decision(f"part{i}.op", ("skip", "conv", HOSTILE * 3), "op"))
        decisions.append(Decision(f"part{i}.kernel", (3, 5), "kernel", (f"part{i}.op", ("conv",))))
    return SearchSpace(HOSTILE, decisions, layers=[(f"part{i}", 2) for i in range(layers)])


MOBILE = [space for space in planned_spaces() if not has_own_images(space) and published_scale(space) == IMAGENET]
COUNTED = [DigitsSpace(), NASBenchMacroSpace(), TopologySpace(), SizeSpace(), *MOBILE]
STOPPING = [chain_space(), small_nas_rl()]
SPACES = [*COUNTED, own_space(), own_space(1), SearchSpace("flat", [Decision("depth", (1, 2), "depth")]), *STOPPING]


def drawn(space):
    """The default, nothing, halves and random architectures."""
    rng = np.random.default_rng(0)
    half = space.sample(rng, 1)[0]
    half[space.num_decisions // 2 :] = -1
    return [space.default, np.full(space.num_decisions, -1), half, *space.sample(rng, 1 if space in MOBILE else 5)]


def svg_texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"{space.name[:8]}-{space.num_decisions}")
def test_every_space_is_drawn(space):
    for arch in drawn(space):
        text, svg = draw_text(space, arch, {"latency_ms": 3.14159}), draw_svg(space, arch, {"latency_ms": 3.14159})
        assert max(map(len, text.splitlines())) <= 100
        assert "latency_ms 3.14" in text
        root = ElementTree.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        assert "latency_ms 3.14" in root.find(f"{SVG}title").text
        assert not list(root.iter(f"{SVG}script"))
        is_partial = bool((np.where(space.active(arch[None])[0], arch, 0) < 0).any())
        assert is_partial == ("?" in svg_texts(svg)) == bool(re.search(r"\?(\s|$)", text.split("\n\n", 1)[1]))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"{space.name[:8]}-{space.num_decisions}")
def test_shapes_and_texts_stay_on_the_page(space):
    for arch in drawn(space):
        root = ElementTree.fromstring(draw_svg(space, arch))
        width, height = float(root.get("width")), float(root.get("height"))
        for rect in root.iter(f"{SVG}rect"):
            if rect.get("width") != "100%":
                assert 0 <= float(rect.get("x")) <= float(rect.get("x")) + float(rect.get("width")) <= width
                assert 0 <= float(rect.get("y")) <= float(rect.get("y")) + float(rect.get("height")) <= height
        for text in root.iter(f"{SVG}text"):
            assert 0 < float(text.get("x")) < width
            assert 0 < float(text.get("y")) < height


@pytest.mark.parametrize("space", COUNTED, ids=lambda space: space.name)
def test_headline_has_the_text_form_and_the_counted_costs(space):
    for arch in space.sample(np.random.default_rng(1), 5):
        macs, params = (float(counted_cost(space, name).cost(arch[None])[0]) for name in ("macs", "params"))
        picture = make_picture(space, arch)
        assert picture.headline == f"{space.name}  {space.to_str(arch[None])[0]}"
        assert picture.costs == f"{amount(macs)} MACs · {amount(params)} params"
        assert picture.costs in draw_text(space, arch)
        assert picture.costs in ElementTree.fromstring(draw_svg(space, arch)).find(f"{SVG}title").text


@pytest.mark.parametrize("space", [*COUNTED[:2], *MOBILE], ids=lambda space: space.name)
def test_boxes_add_up_to_the_counted_macs(space):
    archs = space.sample(np.random.default_rng(2), 3 if space in MOBILE else 20)
    assert [make_picture(space, arch).body.total for arch in archs] == counted_cost(space, "macs").cost(archs).tolist()


def test_a_partial_architecture_has_the_range_of_its_completions():
    space = NASBenchMacroSpace()
    arch = space.from_str("22222220")[0]
    arch[7] = -1
    low, high = (amount(float(counted_cost(space, "macs").cost(space.from_str(text))[0])) for text in ("22222220", "22222222"))
    assert make_picture(space, arch).costs.startswith(f"{low} to {high} MACs")
    assert make_picture(space, arch).body.total is None


def test_digits_blocks_by_hand():
    text = draw_text(DigitsSpace(), DigitsSpace().from_str("k3e6,k5e3,skip,k3e3,skip")[0])
    rows = {line.split()[0]: line for line in text.split("\n\n")[1].splitlines()[1:]}
    # 8 * 8 * 4 * 24 expand + 4 * 4 * 9 * 24 depthwise + 4 * 4 * 24 * 8 project
    assert "MBConv, 3×3, expand 6×, stride 2" in rows["layer1"]  # noqa: RUF001
    assert "8 × 4×4  12.7 k" in rows["layer1"]  # noqa: RUF001
    assert "MBConv, 5×5, expand 3× + input" in rows["layer2"]  # noqa: RUF001
    assert "identity" in rows["layer3"]
    assert "+ input" not in rows["layer4"]
    assert "conv 1×1, stride 2" in rows["layer5"]  # noqa: RUF001
    assert rows["layer1"].count("█") == 19  # of 24, as 12,672 of layer 2's 15,744 MACs


def test_blocks_of_a_published_network():
    plan = named_plan("mobilenet-v3-large")
    rows = {line.split()[0]: line for line in plan_text(plan).split("\n\n")[1].splitlines()[1:]}
    assert "MBConv, 5×5, expand 6×, stride 2, SE, h-swish" in rows["layer12"]  # noqa: RUF001
    assert "sep 3×3 + input" in rows["stem"]  # noqa: RUF001
    assert "linear, hidden 1280, 1000 classes" in rows["head"]
    assert all(len(row) <= 100 for row in rows.values())
    assert plan_picture(plan).body.total == count_macs(plan)
    root = ElementTree.fromstring(plan_svg(plan))
    assert root.find(f"{SVG}title").text.startswith("mobilenet-v3-large: 217 M MACs")


def test_an_open_block_of_mnasnet_leaves_the_next_one_open():
    space = MnasNetSpace()
    arch = space.default
    arch[6:12] = -1
    boxes = {box.name: box for box in make_picture(space, arch).body.boxes}
    assert boxes["block1"].title == "conv 5×5 ×2"  # noqa: RUF001
    assert boxes["block1"].output == "20 × 112×112"  # noqa: RUF001
    assert (boxes["block2"].output, boxes["block2"].macs) == ("? × 56×56", None)  # noqa: RUF001
    assert (boxes["block3"].output, boxes["block3"].macs) == ("40 × 28×28", None)  # noqa: RUF001
    assert boxes["block4"].macs is not None


def test_once_for_all_has_a_box_for_each_block():
    space = OnceForAllSpace()
    text = "r160,k3e3-k5e4,k7e6-k3e4-k5e3,k3e3-k3e3-k3e3-k7e3,k3e3-k3e3-k5e4-k5e4,k3e6-k3e6"
    boxes = make_picture(space, space.from_str(text)[0]).body.boxes
    assert [box.name for box in boxes[:6]] == ["resolution", "stem", "stem", "stage1.block1", "stage1.block2", "stage1.tail"]
    assert (boxes[0].output, boxes[5].title, boxes[5].macs) == ("3 × 160×160", "none", 0)  # noqa: RUF001
    tails = {stage: [box for box in boxes if box.name == f"stage{stage}.tail"] for stage in range(1, 6)}
    assert [[box.title for box in tails[stage]] for stage in tails] == [
        ["none"],
        ["MBConv"],
        ["MBConv", "MBConv"],
        ["MBConv ×2"],  # noqa: RUF001
        ["none"],
    ]
    assert [box.lines[0] for box in tails[3]] == ["3×3", "7×7"]  # noqa: RUF001


def test_an_open_resolution_leaves_all_sizes_open():
    space = OnceForAllSpace()
    arch = space.default
    arch[0] = -1
    picture = make_picture(space, arch, next_layer=0)
    first, *blocks, head = picture.body.boxes
    assert (first.name, first.title, first.kind, first.output, first.next) == ("resolution", "?", "open", "3 × ?", True)  # noqa: RUF001
    assert {(box.macs, box.output[-1]) for box in blocks} == {(None, "?")}
    assert head.macs == 1152 * 1536 + 1536 * 1000
    low, high = (amount(count_macs(plan_of(space, np.concatenate([[size], arch[1:]])))) for size in (0, 4))
    assert (picture.body.total, picture.costs) == (None, f"{low} to {high} MACs · 10.7 M params")


def test_a_choice_that_is_forced_is_not_open():
    space = DigitsSpace().restrict({"layer1.op": ["skip"]})
    arch = np.full(15, -1)
    assert make_picture(space, arch).body.boxes[2].title == "conv 1×1"  # noqa: RUF001
    assert make_picture(space, arch).body.boxes[3].title == "?"


def test_cell_edges_are_labelled_and_missing_ones_dashed():
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    space = TopologySpace()
    arch = space.from_str(cell)[0]
    lines = draw_text(space, arch).splitlines()
    assert lines[-2].split() == ["node", "2", "=", "-", "skip"]
    assert re.split(r"\s{2,}", lines[-1]) == ["node 3 =", "avg pool 3×3", "conv 1×1", "conv 3×3"]  # noqa: RUF001
    svg = draw_svg(space, arch)
    dashed = [path for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("stroke-dasharray")]
    assert len(dashed) == 1
    assert {"none", "skip", "0", "1", "2", "3"} < set(svg_texts(svg))


def test_widths_are_bars_in_proportion():
    svg = draw_svg(SizeSpace(), SizeSpace().from_str("8:16:32:64:24")[0])
    bars = [float(r.get("height")) for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("stroke-width")]
    assert np.array(bars) / bars[0] == pytest.approx([1, 2, 4, 8, 3])


def test_what_a_stop_leaves_out_is_drawn_as_none():
    space = chain_space()
    boxes = make_picture(space, space.from_str("conv:3,flat")[0]).body.boxes
    assert [(box.name, box.title, box.kind) for box in boxes] == [
        ("a", "conv", "choice"),
        ("head", "flat", "choice"),
        ("b", "none", "none"),
        ("more", "none", "none"),
        ("c", "none", "none"),
    ]
    prefix = np.array([2, 0, -1, -1, -1, -1, -1, -1], dtype=np.int8)
    assert [box.kind for box in make_picture(space, prefix).body.boxes] == ["choice", *["open"] * 4]
    with pytest.raises(InvalidValue, match="'b' has no such option"):
        make_picture(space.restrict({"b.width": [8]}), np.array([0, 0, 0, 1, 0, 0, 0, 0]))


def test_a_layer_of_millions_of_options_is_drawn_without_a_list():
    # its last layer has 4 x 4 x 4 x 2^19 options
    space = NASRLSpace(max_layers=20)
    text = draw_text(space, space.default)
    assert "layer20" in text
    arch = space.default
    arch[-1] = -1
    last = make_picture(space, arch).body.boxes[-1]
    assert (last.name, last.kind, last.lines[-1]) == ("layer20", "open", "from19 ?")


def test_foreign_labels_are_escaped_and_shown():
    space = own_space(1)
    arch = np.array([2, 0])
    svg, text = draw_svg(space, arch), draw_text(space, arch)
    assert "<script" not in svg
    assert "\x01" not in svg
    assert any(label.startswith("<script>alert(") for label in svg_texts(svg))
    assert "[bold]red[/bold]" in text


def test_given_costs_take_the_place_of_counted_ones():
    assert make_picture(DigitsSpace(), DigitsSpace().default, {"macs": 5e6}).costs.startswith("5.00 M MACs")


def test_what_is_no_architecture_is_refused():
    space = DigitsSpace()
    with pytest.raises(InvalidValue, match=r"one architecture, \(15,\), got the shape \(1, 15\)"):
        draw_text(space, space.default[None])
    with pytest.raises(InvalidValue, match="allowed are -1 to 1"):
        draw_svg(space, np.full(15, 7))
    with pytest.raises(InvalidValue, match=r"'layer2' has no such option"):
        draw_svg(space.restrict({"layer2.kernel": [3]}), space.default)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (640, "640"), (3.14159, "3.14"), (999.6, "1.00 k"), (56_714_000, "56.7 M"), (123_000, "123 k"), (2e9, "2.00 G")],
)
def test_amounts(value, text):
    assert amount(value) == text


def test_lines_are_folded_after_separators_and_long_words_anywhere():
    assert fold("a,bb,ccc,dddd", 6) == ["a,bb,", "ccc,", "dddd"]
    assert fold("one two", 7) == ["one two"]
    assert fold("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert "".join(fold("|aa~0|+|bb~0|cc~1|", 8)) == "|aa~0|+|bb~0|cc~1|"


def test_a_network_of_cells_shows_each_cell_once():
    plan = tied_plan()
    picture = plan_picture(plan)
    assert [box.title for box in picture.body.chain.boxes] == ["image", "conv 3×3", "both", "both", "both", "norm", "linear"]  # noqa: RUF001 - as it is drawn
    assert picture.body.chain.total == count_macs(plan)
    (graph,) = picture.body.graphs
    assert (graph.nodes, graph.inputs, graph.concat, len(graph.edges)) == (7, 2, (6,), 8)
    text = plan_text(plan)
    assert 'cell "both"' in text
    assert "node 4 =" in text
    assert "sep 3×3 of 2 + max pool 3×3 of 3" in text  # noqa: RUF001 - as it is drawn
    assert max(map(len, text.splitlines())) <= 100
    root = ElementTree.fromstring(plan_svg(plan))
    shown = ["".join(label.itertext()) for label in root.iter(f"{SVG}text")]
    assert shown.count("skip") == 3
    assert "output, concat" in shown


def test_equal_cells_in_a_row_share_a_box():
    space = TopologySpace()
    plan = plan_of(space, space.default)
    boxes = plan_picture(plan).body.chain.boxes
    assert [box.name for box in boxes][2:7] == ["layer1–5", "layer6", "layer7–11", "layer12", "layer13–17"]  # noqa: RUF001 - as it is drawn
    assert [box.title for box in boxes][2:7:2] == ["cell ×5"] * 3  # noqa: RUF001 - as it is drawn
    assert sum(box.macs for box in boxes) == count_macs(plan)


def titles(*blocks):
    """What the boxes of one layer say; blocks of four channels."""
    plan = NetworkPlan("one", (4, 8, 8), (), (blocks,), (), Head(4, 2))
    return [box.title for box in plan_picture(plan).body.boxes][1:-1]


def test_blocks_of_a_layer_share_a_box_where_they_are_alike():
    conv, wide, pool = Conv(4, 4, 3), Conv(4, 4, 5), Pool(4, 3)
    assert titles(conv, conv, conv) == ["conv 3×3 ×3"]  # noqa: RUF001 - as it is drawn
    assert titles(conv, wide, pool) == ["conv 3×3", "conv 5×5", "avg pool"]  # noqa: RUF001 - as it is drawn
    assert titles(pool, pool) == ["avg pool ×2"]  # noqa: RUF001 - as it is drawn
    assert titles(pool, Pool(4, 3, 1, "max")) == ["avg pool", "max pool"]
    assert titles(MBConv(4, 12, 4, 3), MBConv(4, 12, 4, 3)) == ["MBConv ×2"]  # noqa: RUF001 - as it is drawn
    assert titles(MBConv(4, 12, 4, 3), conv) == ["MBConv", "conv 3×3"]  # noqa: RUF001 - as it is drawn


def test_places_of_a_layer_share_a_box_where_their_cell_is_the_same():
    one, other = (Cell(name, 1, (Node((Edge(0, "nor_conv_3x3"),)),)) for name in ("one", "other"))
    layer = tuple(Place(cell, (4,), 4) for cell in (one, other))
    plan = NetworkPlan("mixed", (4, 8, 8), (), (layer, (layer[0],) * 2), (), Head(4, 2))
    boxes = plan_picture(plan).body.chain.boxes
    assert [box.title for box in boxes][1:-1] == ["one", "other", "one ×2"]  # noqa: RUF001 - as it is drawn
    assert sum(box.macs for box in boxes) == count_macs(plan)


def test_every_operation_has_a_label():
    assert set(OPERATIONS) | {"?"} == set(CELL_LABELS)
    # two that are drawn alike are one, before or after the activation
    assert len(set(CELL_LABELS.values())) == len(CELL_LABELS) - 2


def test_edges_of_a_cell_do_not_meet():
    """Those that lie on one side at one height share no stretch of the way."""
    nodes = tuple(Node(tuple(Edge(source, "skip_connect") for source in range(target))) for target in range(1, 7))
    (graph,) = plan_picture(of_cell(Cell("dense", 1, nodes))).body.graphs
    lifts = _lifts(graph)
    assert [lift for edge, lift in zip(graph.edges, lifts, strict=True) if edge.target - edge.source == 1] == [0] * 6
    for (one, lift), (other, height) in itertools.combinations(zip(graph.edges, lifts, strict=True), 2):
        assert lift != height or one.target <= other.source or other.target <= one.source


def of_cell(cell: Cell) -> NetworkPlan:
    return NetworkPlan("one", (1, 8, 8), (), ((Place(cell, (1,), 1),),), (), Head(1, 2))
