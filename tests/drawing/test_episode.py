"""Frames: one size per episode, equal bytes, escaped labels, a cost bar true to its numbers."""

import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from nasgym.drawing.cost_bar import BEYOND, WITHIN, CostRange, bar_lines, draw_bar
from nasgym.drawing.episode import Frame, frame_of, frame_pixels, frame_svg, frame_text
from nasgym.drawing.shapes import Canvas, Path, Polygon, Rect
from nasgym.errors import InvalidValue, MissingPackage, UnknownName
from nasgym.ledger import Ledger
from nasgym.problems.evaluation import Constraint
from nasgym.problems.factory import make_problem
from nasgym.rewards import Accuracy
from nasgym.spaces.decision import Decision
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.spaces.space import SearchSpace
from tests.tiny import tiny_ledger, tiny_problem

SVG = "{http://www.w3.org/2000/svg}"
BLUE = [0x3B, 0x73, 0xC4]
HOSTILE = '<b>& "x"</b>'


def hostile_space():
    decisions = []
    for i in range(9):
        decisions.append(Decision(f"{HOSTILE}{i}.op", ("skip", HOSTILE, "?" * 40), "op"))
        decisions.append(Decision(f"{HOSTILE}{i}.kernel", (3, 5), "kernel", (f"{HOSTILE}{i}.op", (HOSTILE,))))
    return SearchSpace(HOSTILE, decisions, layers=[(f"{HOSTILE}{i}", 2) for i in range(9)])


SPACES = [DigitsSpace(), NASBenchMacroSpace(), TopologySpace(), SizeSpace(), hostile_space()]
each_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: re.sub(r"\W", "", space.name))


def episode(space, seed=0, cost=True):
    """The frames of an episode, from nothing to a result; costs shrink towards 6 out of 1 to 9."""
    arch, count = space.sample(np.random.default_rng(seed), 1)[0], space.num_decisions
    for step in range(count + 1):
        partial = np.where(np.arange(count) < step, arch, -1)
        left = 1 - step / count
        costs = CostRange("macs", 6 - 5 * left, 6 + 3 * left, 1, 9, 5.0, 2.0) if cost else None
        done = step == count
        result = {"accuracy": 0.9531, "reward": -0.25, "feasible": False, "regret": 0.125} if done else None
        yield Frame(space, partial, None if done else space.names[step], costs, result)


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def size(svg):
    root = ElementTree.fromstring(svg)
    return float(root.get("height")), float(root.get("width"))


@each_space
def test_frames_of_a_space_have_one_even_size(space):
    shapes = {frame_pixels(frame).shape for seed in (0, 1) for frame in list(episode(space, seed))[:: space.num_decisions // 3]}
    sizes = {size(frame_svg(frame)) for seed in range(4) for frame in episode(space, seed)}
    (height, width, depth), ((svg_height, svg_width),) = shapes.pop(), sizes
    assert not shapes
    assert (height, width, depth) == (svg_height, svg_width, 3)
    assert height % 2 == width % 2 == 0
    without = {size(frame_svg(frame)) for frame in episode(space, cost=False)}
    assert len(without) == 1
    assert without.pop()[0] < svg_height


@pytest.mark.parametrize("space", SPACES[:2], ids=lambda space: space.name)
def test_bars_of_blocks_keep_their_scale(space):
    """The stem is the same network part in every frame, so its bar is the same too.

    A more expensive block has a higher bar.
    """
    heights = set()
    for frame in episode(space):
        rects = [r for r in ElementTree.fromstring(frame_svg(frame)).iter(f"{SVG}rect") if r.get("rx") == "2"]
        heights.add(rects[0].get("height"))
        assert max(float(r.get("height")) for r in rects) <= 84
    assert len(heights) == 1


@each_space
def test_equal_frames_are_drawn_with_equal_bytes(space):
    for frame, again in list(zip(episode(space), episode(space), strict=True))[:: space.num_decisions // 2]:
        assert frame_svg(frame) == frame_svg(again)
        assert frame_text(frame) == frame_text(again)
        assert frame_pixels(frame).dtype == np.uint8
        assert frame_pixels(frame).tobytes() == frame_pixels(again).tobytes()


@each_space
def test_svg_is_well_formed_escaped_and_without_scripts(space):
    for frame in episode(space):
        svg = frame_svg(frame)
        root = ElementTree.fromstring(svg)
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            *("svg", "title", "rect", "text", "path", "circle", "polygon")
        }
        assert not re.search(r"<b>|href|\son\w+=|\sid=", svg)
        assert frame.status in root.find(f"{SVG}title").text
        height, width = size(svg)
        for element in root.iter(f"{SVG}text"):
            assert 0 < float(element.get("x")) < width
            assert 0 < float(element.get("y")) < height - 5


def test_labels_of_users_are_shown_as_they_are():
    space = hostile_space()
    arch = np.full(space.num_decisions, -1)
    arch[0] = 1
    frame = Frame(space, arch, space.names[2], CostRange(HOSTILE, 1, 2, 1, 2))
    svg = frame_svg(frame)
    assert f"{HOSTILE}: 1 to 2" in texts(svg)
    assert HOSTILE in texts(svg)
    assert f"{HOSTILE}: 1 to 2" in frame_text(frame)


@each_space
def test_text_starts_with_the_architecture_and_fits_a_terminal(space):
    for frame in episode(space):
        first, status, *rest = frame_text(frame).splitlines()
        assert first == space.to_str(frame.arch[None])[0]
        assert frame.status.startswith(status.rstrip())
        assert max(map(len, rest)) <= 100


@each_space
def test_open_decisions_are_question_marks_until_the_end(space):
    frames = list(episode(space))
    for frame in (frames[0], frames[-1]):
        is_open = frame is frames[0]
        assert ("?" in texts(frame_svg(frame))) == is_open
        body = frame_text(frame).split("\n\n")[1]
        assert bool(re.search(r"(^|\s)\?(\s|$)", body)) == is_open


@each_space
def test_what_is_next_is_marked_in_every_form(space):
    frames = list(episode(space))
    for frame in frames[:-1]:
        marked = [r for r in ElementTree.fromstring(frame_svg(frame)).iter(f"{SVG}rect") if r.get("stroke-width") == "3"]
        assert len(marked) == 1
        assert len(re.findall(r"(?m)(?:^|  )> ", frame_text(frame).split("\n\n")[1])) == 1
        assert f"decision {list(space.names).index(frame.next_decision) + 1} of {space.num_decisions}" in frame_text(frame)
    assert 'stroke-width="3"' not in frame_svg(frames[-1])
    marks = [frame_pixels(frame)[:, :, :].tobytes() for frame in frames[:2]]
    assert marks[0] != marks[1]


def test_the_marked_box_is_the_layer_of_the_next_decision():
    space = DigitsSpace()
    arch = np.full(15, -1)
    arch[:4] = (1, 0, 1, 1)
    for name in ("layer2.kernel", "layer2"):
        root = ElementTree.fromstring(frame_svg(Frame(space, arch, name)))
        (box,) = (r for r in root.iter(f"{SVG}rect") if r.get("stroke-width") == "3")
        (label,) = (t for t in root.iter(f"{SVG}text") if t.text == "layer2")
        assert float(box.get("x")) + float(box.get("width")) / 2 == float(label.get("x"))
        assert "> layer2" in frame_text(Frame(space, arch, name))
    # the box in the picture is thick and dark: 3 pixels around its left edge
    x, y = round(float(box.get("x"))), round(float(box.get("y")) + 44)
    pixels = frame_pixels(Frame(space, arch, "layer2")).astype(int)
    assert (pixels[y - 20, x - 1 : x + 1] < 60).all()
    assert (frame_pixels(Frame(space, arch)).astype(int)[y - 20, x - 1 : x + 1].max(axis=1) > 90).all()


def test_status_by_hand():
    space = DigitsSpace()
    arch = np.full(15, -1)
    assert Frame(space, arch, "layer1.op").status == "decision 1 of 15: layer1.op (skip or mbconv)"
    assert Frame(space, arch, "layer1").status == "layer 1 of 5: layer1 (5 options)"
    assert Frame(space.restrict({"layer1.op": ["skip"]}), arch, "layer1.op").status.endswith("layer1.op (skip)")
    arch[0] = 0
    assert Frame(space, arch, "layer1.kernel").status == "decision 2 of 15: layer1.kernel (without effect here)"
    assert Frame(space, arch).status == "made 1 of 15 decisions"
    assert Frame(space, arch, result={"reward": -1.0}).status == "ended after 1 of 15 decisions"
    assert Frame(space, space.default).status == "complete: 15 of 15 decisions"
    assert "cell1.width (8, 16, 24, 32, 40, 48, 56 or 64)" in Frame(SizeSpace(), np.full(5, -1), "cell1.width").status


def test_result_by_hand():
    space = DigitsSpace()
    result = {
        "macs": 5.0,
        "reward": 0.91234,
        "arch": "k3e3",
        "energy_mj": 12.0,
        "feasible": False,
        "accuracy": 0.953111,
        "params": 65_590.0,
        "target": 6.0,
    }
    frame = Frame(space, space.default, None, CostRange("macs", 5, 5, 1, 9), result)
    assert frame.result_text == "accuracy 95.31% · reward 0.9123 · not feasible · energy_mj 12 · params 65.6 k"
    assert frame_text(frame).splitlines()[-1] == frame.result_text
    assert texts(frame_svg(frame))[-1] == frame.result_text
    vector = Frame(space, space.default, result={"reward": np.array([0.9, -0.5], dtype=np.float32), "invalid_action": np.True_})
    assert vector.result_text == "invalid action · reward (0.9, -0.5)"
    assert Frame(space, space.default).result_text == ""


# ---- the cost bar ------------------------------------------------------------------------------

# an axis from 0 to 100 whose pixels are those of its values
LEFT, RIGHT = -66, 166


def drawn_bar(cost):
    canvas = Canvas()
    draw_bar(canvas, cost, LEFT, RIGHT, 0)
    return canvas.shapes


def filled(shapes, fill):
    return [(s.x, s.x + s.width) for s in shapes if isinstance(s, Rect) and s.fill == fill]


def hatched(shapes):
    """Horizontal reach of each hatching."""
    paths = [
        s for s in shapes if isinstance(s, Path) and s.stroke == BEYOND and s.segments[0][0] == "M" and len(s.segments) != 5
    ]
    return [(min(x for _, x, _ in p.segments), max(x for _, x, _ in p.segments)) for p in paths]


def test_the_bar_fills_what_completions_can_cost():
    shapes = drawn_bar(CostRange("macs", 20, 70, 0, 100))
    assert filled(shapes, WITHIN) == [(20, 70)]
    assert not hatched(shapes)
    assert not any(isinstance(s, Polygon) for s in shapes)


def test_the_bar_is_hatched_beyond_the_limits():
    shapes = drawn_bar(CostRange("macs", 20, 70, 0, 100, target=50, lower=30))
    assert filled(shapes, WITHIN) == [(30, 50)]
    assert hatched(shapes) == [pytest.approx((20, 30)), pytest.approx((50, 70))]
    assert [s.x for s in shapes if isinstance(s, Rect) and s.fill == "#ffffff"] == [20, 50]
    ticks = [s.segments[0][1] for s in shapes if isinstance(s, Path) and s.stroke_width == 2]
    assert ticks == [50, 30]


def test_nothing_is_filled_where_every_completion_is_beyond_the_target():
    shapes = drawn_bar(CostRange("macs", 60, 80, 0, 100, target=50))
    assert not filled(shapes, WITHIN)
    assert hatched(shapes) == [pytest.approx((60, 80))]


@pytest.mark.parametrize(("target", "fill"), [(50.0, WITHIN), (40.0, WITHIN), (39.9, "#ffffff")])
def test_a_complete_architecture_is_a_diamond_filled_within_the_target(target, fill):
    (diamond,) = (s for s in drawn_bar(CostRange("macs", 40, 40, 0, 100, target)) if isinstance(s, Polygon))
    assert {x for x, _ in diamond.points} == {31, 40, 49}
    assert diamond.fill == fill


def test_the_axis_reaches_to_the_limits():
    assert CostRange("macs", 20, 70, 10, 100, target=120, lower=4).axis == (4, 120)
    assert CostRange("macs", 5, 5, 5, 5).axis == (4, 6)


def test_the_bar_is_at_its_place_in_the_pixels():
    space = DigitsSpace()
    frame = Frame(space, np.full(15, -1), "layer1.op", CostRange("macs", 25, 75, 0, 100, target=50))
    root = ElementTree.fromstring(frame_svg(frame))
    (bar,) = (r for r in root.iter(f"{SVG}rect") if r.get("fill") == WITHIN and r.get("height") == "20")
    start, end = 28 + 66, float(root.get("width")) - 28 - 66
    assert float(bar.get("x")) == pytest.approx(start + (end - start) / 4, abs=0.01)
    row = frame_pixels(frame)[round(float(bar.get("y"))) + 10]
    blue = np.flatnonzero((row == BLUE).all(axis=1))
    # the line of the target, two pixels wide, stands on the right end
    assert blue[0] == pytest.approx(start + (end - start) / 4, abs=1)
    assert blue[-1] == pytest.approx((start + end) / 2 - 2, abs=1)
    assert (np.diff(blue) == 1).all()
    doubled = frame_pixels(frame, scale=2)
    assert doubled.shape == (2 * frame_pixels(frame).shape[0], 2 * len(row), 3)


@pytest.mark.parametrize(
    ("low", "high", "target", "lower", "words"),
    [
        (2, 4, None, None, ""),
        (2, 4, 4, None, "every completion within the target"),
        (2, 4, 3, None, "the costliest beyond the target"),
        (2, 4, 1, None, "every completion beyond the target"),
        (2, 4, 9, 3, "the cheapest below the lower limit"),
        (2, 4, 3.5, 2.5, "the costliest beyond the target, the cheapest below the lower limit"),
        (2, 4, 9, 5, "every completion below the lower limit"),
        (2, 4, 9, 2, "every completion within the limits"),
        (4, 4, 4, None, "within the target"),
        (4, 4, 3, None, "beyond the target"),
        (4, 4, None, 5, "below the lower limit"),
    ],
)
def test_verdicts(low, high, target, lower, words):
    assert CostRange("macs", low, high, 1, 9, target, lower).verdict == words


def test_numbers_that_differ_are_written_differently():
    assert (
        CostRange("macs", 96_000, 96_000, 1, 2e5, target=95_999).sentence()
        == "MACs: 96.000 k, target 95.999 k (beyond the target)"
    )
    assert CostRange("latency_ms@phone", 1.5, 2.25, 1, 3).sentence() == "latency_ms@phone: 1.5 to 2.25"


def test_the_bar_as_text_by_hand():
    # 60 cells of 1 from 0 to 60
    _, bar, at_least, target = bar_lines(CostRange("macs", 10, 40.5, 0, 60, target=30, lower=20.5))
    cells = bar[bar.index("[") + 1 : bar.index("]")]
    assert cells == "-" * 10 + "▒" * 10 + "█" * 11 + "▒" * 10 + "-" * 19
    assert at_least.index("^") - bar.index("[") - 1 == 20
    assert target.index("^") - bar.index("[") - 1 == 30
    assert target.endswith("^ target 30")
    _, bar = bar_lines(CostRange("macs", 0, 0, 0, 60))
    assert bar[bar.index("[") + 1 : bar.index("]")] == "█" + "·" * 59
    _, bar, _ = bar_lines(CostRange("macs", 30.5, 30.5, 0, 60, target=30))
    assert "█" not in bar
    assert bar.count("▒") == 1


# ---- frames of problems ------------------------------------------------------------------------


def test_a_frame_of_a_problem_has_the_exact_range():
    problem = tiny_problem(target=20, lower=5)
    arch = np.array([1, 1, 1, -1, -1], dtype=np.int8)
    frame = frame_of(problem, arch, next_decision="c.op")
    everything = problem.space.enumerate()
    costs = problem.costs(everything[(everything[:, :3] == arch[:3]).all(axis=1)])["latency_ms@phone"]
    assert frame.cost == CostRange("latency_ms@phone", costs.min(), costs.max(), 1, 36, 20, 5)
    assert frame_of(problem, arch, limits=Constraint("latency_ms@phone", None, 33.0)).cost.target == 33
    assert frame_of(tiny_problem(), arch).cost.target is None


def test_a_frame_of_a_ledger_charges_nothing():
    ledger = tiny_ledger(3)
    frame = frame_of(ledger, ledger.space.default)
    assert frame.cost.low == frame.cost.high == ledger.costs(ledger.space.default[None])["latency_ms@phone"][0]
    assert ledger.remaining == 3


def test_a_problem_without_cost_has_no_bar():
    problem = tiny_problem()
    without = type(problem)(problem.space, problem.accuracy, [], Accuracy())
    frame = frame_of(Ledger(without, 5), without.space.default)
    assert frame.cost is None
    assert "[" not in frame_text(frame)


def test_a_frame_keeps_its_own_architecture():
    arch = np.full(15, -1, dtype=np.int8)
    frame = Frame(DigitsSpace(), arch)
    arch[0] = 1
    assert frame.arch[0] == -1
    with pytest.raises(ValueError, match="read-only"):
        frame.arch[0] = 1


def test_digits_episode_with_its_table():
    problem = make_problem("nasgym/Digits-v0", reward="mnasnet-soft")
    frames = [frame_of(problem, np.where(np.arange(15) < step, problem.space.default, -1)) for step in range(16)]
    lows, highs = zip(*[(frame.cost.low, frame.cost.high) for frame in frames], strict=True)
    assert list(lows) == sorted(lows)
    assert list(highs) == sorted(highs, reverse=True)
    assert lows[-1] == highs[-1]
    assert frames[-1].cost.verdict == "beyond the target"


# ---- errors ------------------------------------------------------------------------------------


def test_errors_say_what_is_allowed():
    space = DigitsSpace()
    with pytest.raises(InvalidValue, match=r"one architecture, \(15,\), got the shape \(1, 15\)"):
        Frame(space, space.default[None])
    with pytest.raises(InvalidValue, match="allowed are -1 to 1"):
        Frame(space, np.full(15, 7))
    with pytest.raises(UnknownName, match=r"Did you mean 'layer2.kernel'"):
        Frame(space, space.default, "layer2.kernal")
    with pytest.raises(InvalidValue, match="finite numbers in ascending order"):
        CostRange("macs", 3, 2, 1, 4)
    with pytest.raises(InvalidValue, match="finite numbers"):
        CostRange("macs", float("nan"), 2, 1, 4)
    with pytest.raises(InvalidValue, match="'mask' is array"):
        frame_text(Frame(space, space.default, result={"mask": np.array([True])}))
    for scale in (0, -1.0, float("nan"), 100.0):
        with pytest.raises(InvalidValue, match="cannot be scaled"):
            frame_pixels(Frame(space, space.default), scale)


@pytest.mark.parametrize("package", ["PIL", "matplotlib"])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package):
    # whole before Pillow goes: a first import that breaks off leaves parts that fit no later one
    pytest.importorskip("matplotlib.figure")
    monkeypatch.setitem(sys.modules, package, None)
    frame = Frame(DigitsSpace(), DigitsSpace().default)
    with pytest.raises(MissingPackage, match=rf"'{package}'.*pip install 'nasgym\[report\]'"):
        frame_pixels(frame)
    assert frame_svg(frame).startswith("<svg")
