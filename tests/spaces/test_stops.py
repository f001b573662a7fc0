"""Spaces whose architectures end at a stop, checked against looking at every architecture."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import chisquare

import nasgym.spaces.layer as layer_file
from nasgym.agents.common.mutation import mutate
from nasgym.errors import InvalidValue, UnknownName
from nasgym.spaces import Decision, SearchSpace
from nasgym.spaces.nas_rl import NASRLSpace
from tests.stopping import by_hand, chain_space, small_nas_rl
from tests.tiny import completions_of, partial_archs, tiny_space


def three_stops() -> SearchSpace:
    """Four layers of two choices, and a stop after each but the last: 2 + 4 + 8 + 16 networks."""
    layers = [Decision(name, ("x", "y"), "op") for name in "abcd"]
    stops = [Decision(f"m{i}", ("stop", "more"), "depth") for i in (1, 2, 3)]
    row = [layers[0], *(decision for pair in zip(stops, layers[1:], strict=True) for decision in pair)]
    return SearchSpace("three", row, ends={stop.name: ("stop",) for stop in stops})


KINDS = {
    "chain": chain_space,
    "nas-rl": small_nas_rl,
    "chain-narrow": lambda: chain_space().restrict({"head": ["go", "flat"], "a.kernel": [5], "b.width": [16, 24]}),
    "chain-always": lambda: chain_space().restrict({"head": ["go"], "more": ["stop"]}),
    "nas-rl-narrow": lambda: small_nas_rl().restrict({"*.height": [5, 7], "layer3.from1": ["yes"]}),
    "nas-rl-whole": lambda: small_nas_rl().restrict({"*.more": ["more"]}),
    "nas-rl-no-last": lambda: small_nas_rl().restrict({"layer3.more": ["more"]}),
    "three": three_stops,
    "three-no-middle": lambda: three_stops().restrict({"m2": ["more"]}),
    "three-no-last": lambda: three_stops().restrict({"m3": ["more"]}),
}
SIZES = {
    "chain": 4 * (2 + 6 * (1 + 5)),
    "nas-rl": 3 * (1 + 6 * (1 + 12)),
    "chain-narrow": 3 * (1 + 4 * (1 + 5)),
    "chain-always": 4 * 6,
    "nas-rl-narrow": 2 * (1 + 4 * (1 + 4)),
    "nas-rl-whole": 3 * 6 * 12,
    "nas-rl-no-last": 3 * (1 + 6 * 12),
    "three": 2 + 4 + 8 + 16,
    "three-no-middle": 2 + 8 + 16,
    "three-no-last": 2 + 4 + 16,
}


@cache
def space_named(name: str) -> SearchSpace:
    return KINDS[name]()


def passed(space: SearchSpace, arch: np.ndarray) -> int:
    """How many stops an architecture goes on at, of those at which any architecture ends."""
    stops = [
        column
        for column, (decision, fine) in enumerate(zip(space.decisions, space.allowed, strict=True))
        if any(fine[decision.index(label)] for label in space.ends.get(decision.name, ()))
    ]
    return sum(
        bool(space.active(arch[None])[0, column])
        and space.decisions[column].choices[arch[column]] not in space.ends[space.names[column]]
        for column in stops
    )


def one_edit(space: SearchSpace, one: np.ndarray, other: np.ndarray) -> bool:
    """One decision that is active in both differs, and the lengths are at most one stop apart."""
    both = space.active(one[None])[0] & space.active(other[None])[0]
    return int(((one != other) & both).sum()) == 1 and abs(passed(space, one) - passed(space, other)) <= 1


@pytest.mark.parametrize("name", KINDS)
def test_enumerate_is_what_the_decisions_say_in_lexicographic_order(name):
    space = space_named(name)
    np.testing.assert_array_equal(space.enumerate(), by_hand(space))
    assert space.size == SIZES[name] == len(space.enumerate())
    assert not space.enumerate().flags.writeable


@pytest.mark.parametrize("name", KINDS)
def test_numbering_is_a_bijection(name):
    space = space_named(name)
    archs = space.enumerate()
    np.testing.assert_array_equal(space.index_of(archs), np.arange(space.size))
    assert space.is_valid(archs).all()
    np.testing.assert_array_equal(space.from_options(space.to_options(archs)), archs)
    assert (space.to_options(archs) >= 0).all()


@pytest.mark.parametrize("name", KINDS)
def test_every_combination_of_options_is_an_architecture(name):
    space, rng = space_named(name), np.random.default_rng(0)
    counts = [len(layer.options) for layer in space.layers]
    archs = space.from_options(rng.integers(0, counts, (500, len(counts))))
    assert space.is_valid(archs).all()
    np.testing.assert_array_equal(space.clear_inactive(archs), archs)


@pytest.mark.parametrize("name", KINDS)
def test_validity_is_membership(name):
    """Of random rows, and of valid ones with one entry changed."""
    space, rng = space_named(name), np.random.default_rng(0)
    rows = rng.integers(0, space.num_choices, (400, space.num_decisions)).astype(np.int8)
    near = space.sample(rng, 400)
    column = rng.integers(0, space.num_decisions, 400)
    near[np.arange(400), column] = rng.integers(0, space.num_choices[column])
    known = {tuple(row) for row in space.enumerate().tolist()}
    for batch in (rows, near):
        np.testing.assert_array_equal(space.is_valid(batch), [tuple(row) in known for row in batch.tolist()])
        options = space.to_options(batch)
        np.testing.assert_array_equal((options >= 0).all(axis=1), [tuple(row) in known for row in batch.tolist()])


@pytest.mark.parametrize("name", KINDS)
def test_text_round_trip(name):
    space = space_named(name)
    archs = space.enumerate()
    texts = space.to_str(archs)
    assert len(set(texts)) == space.size
    np.testing.assert_array_equal(space.from_str(texts), archs)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_batches_are_rows(name, seed):
    space, rng = space_named(name), np.random.default_rng(seed)
    archs = space.sample(rng, 5)
    loose = rng.integers(0, space.num_choices, (5, space.num_decisions)).astype(np.int8)
    t = int(rng.integers(space.num_decisions))
    for rows in (archs, loose):
        for ask in (space.is_valid, space.canonical, space.active, space.to_str, space.ended, lambda a: space.mask(a, t)):
            np.testing.assert_array_equal(ask(rows), np.concatenate([ask(row[None]) for row in rows]))
    np.testing.assert_array_equal(space.index_of(archs), np.concatenate([space.index_of(row[None]) for row in archs]))


@pytest.mark.parametrize("name", KINDS)
def test_masks_and_completions_of_every_prefix(name):
    space = space_named(name)
    everything = space.enumerate()
    prefixes = []
    for t in range(space.num_decisions + 1):
        rows = everything.copy()
        rows[:, t:] = -1
        prefixes.append(np.unique(rows, axis=0))
    for arch in np.concatenate(prefixes):
        agree = completions_of(space, arch)
        first, last = space.completions(arch[None])
        np.testing.assert_array_equal(np.arange(first[0], last[0] + 1), agree)
        opened = np.flatnonzero(arch == -1)
        if len(opened):
            wanted = np.zeros(space.max_choices, dtype=bool)
            wanted[np.unique(everything[agree, opened[0]])] = True
            np.testing.assert_array_equal(space.mask(arch[None], opened[0])[0], wanted)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_active_and_how_long_architectures_are(name):
    space = space_named(name)
    for arch, length, ended in zip(
        space.enumerate(), space.lengths(space.enumerate()), space.ended(space.enumerate()), strict=True
    ):
        stops = [
            space.names.index(n)
            for n, labels in space.ends.items()
            if space.active(arch[None])[0, space.names.index(n)]
            and space.decisions[space.names.index(n)].choices[arch[space.names.index(n)]] in labels
        ]
        assert len(stops) <= 1
        assert length == (stops[0] + 1 if stops else space.num_decisions)
        assert ended == bool(stops)
        assert not space.active(arch[None])[0, length:].any()
        assert set(space.labels(arch[None])[0]) <= set(space.names[:length])


@pytest.mark.parametrize("name", KINDS)
def test_canonical_clears_what_stands_after_a_stop(name):
    space, rng = space_named(name), np.random.default_rng(1)
    loose = rng.integers(0, space.num_choices, (200, space.num_decisions)).astype(np.int8)
    forms = space.canonical(loose)
    np.testing.assert_array_equal(space.canonical(forms), forms)
    np.testing.assert_array_equal(forms, np.where(space.active(loose), loose, 0))
    whole = next(build for kind, build in KINDS.items() if name.startswith(kind))
    assert whole().is_valid(forms).all()


@pytest.mark.parametrize("name", KINDS)
def test_neighbours_are_all_that_are_one_edit_away(name):
    space = space_named(name)
    archs = space.enumerate()
    found, owner = space.neighbours(archs)
    assert (np.diff(owner) >= 0).all()
    pairs = set(zip(owner.tolist(), space.index_of(found).tolist(), strict=True))
    assert len(pairs) == len(owner)
    wanted = {(i, j) for i in range(len(archs)) for j in range(len(archs)) if one_edit(space, archs[i], archs[j])}
    assert pairs == wanted
    assert pairs == {(j, i) for i, j in pairs}


@pytest.mark.parametrize("name", KINDS)
def test_edits_lead_from_any_architecture_to_any_other(name):
    space = space_named(name)
    found, owner = space.neighbours(space.enumerate())
    edges = coo_array((np.ones(len(owner)), (owner, space.index_of(found))), shape=(space.size, space.size))
    assert connected_components(edges, directed=False)[0] == 1


@pytest.mark.parametrize("name", ["chain", "nas-rl", "nas-rl-no-last", "three-no-middle", "three-no-last"])
def test_a_neighbour_can_be_one_stop_longer_or_shorter(name):
    space = space_named(name)
    found, owner = space.neighbours(space.enumerate())
    change = space.lengths(found) - space.lengths(space.enumerate())[owner]
    assert (change > 0).any()
    assert (change < 0).any()


@pytest.mark.parametrize("name", KINDS)
def test_sample_is_uniform(name):
    space = space_named(name)
    drawn = space.index_of(space.sample(np.random.default_rng(0), 50 * space.size))
    assert chisquare(np.bincount(drawn, minlength=space.size)).pvalue > 1e-3


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_partial_architectures_are_written(name, seed):
    space = space_named(name)
    for arch in partial_archs(space, np.random.default_rng(seed), 5, prefixes=True):
        matters = space.active(arch[None])[0] & (arch == -1)
        assert ("?" in space.to_str(arch[None])[0]) == matters.any()


@pytest.mark.parametrize("name", KINDS)
def test_the_default_is_valid(name):
    space = space_named(name)
    assert space.is_valid(space.default[None]).all()


def test_restriction_keeps_the_encoding():
    space = chain_space()
    whole = space.enumerate()
    narrow = space.restrict({"head": ["flat", "go"], "b.act": ["relu"]})
    np.testing.assert_array_equal(narrow.enumerate(), whole[narrow.is_valid(whole)])
    assert narrow.size == 4 * (1 + 3 * (1 + 5))
    assert (
        len(
            {
                space.fingerprint,
                narrow.fingerprint,
                SearchSpace(
                    "chain", space.decisions, layers=[("a", 2), ("head", 1), ("b", 2), ("more", 1), ("c", 2)]
                ).fingerprint,
            }
        )
        == 3
    )


def test_stops_do_not_change_the_fingerprint_of_a_product():
    # as before there were stops
    assert "ends" not in tiny_space().describe()
    assert tiny_space().fixed_length
    assert not chain_space().fixed_length


def test_chain_by_hand():
    space = chain_space()
    texts = space.to_str(space.enumerate())
    assert texts[:5] == [
        "skip,go,8:relu,stop",
        "skip,go,8:relu,go,none",
        "skip,go,8:relu,go,pool",
        "skip,go,8:relu,go,conv:1",
        "skip,go,8:relu,go,conv:3",
    ]
    assert texts[36:39] == ["skip,pool", "skip,flat", "pool,go,8:relu,stop"]
    assert texts[-1] == "conv:5,flat"
    assert space.to_str(space.default[None]) == ["conv:5,go,24:swish,go,conv:5"]
    np.testing.assert_array_equal(space.from_str("pool,flat"), [[1, 0, 2, 0, 0, 0, 0, 0]])
    assert space.labels(space.from_str("pool,flat")) == [{"a.op": "pool", "head": "flat"}]
    assert space.to_str(np.array([[1, 0, -1, -1, -1, -1, -1, -1]], dtype=np.int8)) == ["pool,?,?:?,?,?:?"]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("pool,flat,8:relu", InvalidValue, "has 3 parts"),
        ("pool,go,8:relu", InvalidValue, "has 3 parts"),
        ("pool", InvalidValue, "has 1 part"),
        ("pool,flatt", UnknownName, "Did you mean 'flat'"),
        ("pool,go,8:rel,stop", UnknownName, "Did you mean '8:relu'"),
    ],
)
def test_text_errors_teach(text, error, says):
    with pytest.raises(error, match=says):
        chain_space().from_str(text)


def test_a_choice_after_a_stop_is_refused_by_numbering_and_mended_by_canonical():
    space, arch = chain_space(), np.array([[1, 0, 2, 1, 0, 0, 0, 0]], dtype=np.int8)
    for ask in (space.index_of, space.neighbours, space.completions):
        with pytest.raises(InvalidValue):
            ask(arch)
    np.testing.assert_array_equal(space.canonical(arch), [[1, 0, 2, 0, 0, 0, 0, 0]])


OPS = [Decision("a", ("x", "y"), "op"), Decision("s", ("stop", "go"), "depth"), Decision("b", ("x", "y"), "op")]


@pytest.mark.parametrize(
    ("keywords", "error", "says"),
    [
        ({"ends": {"t": ("stop",)}}, UnknownName, "decision"),
        ({"ends": {"s": ("halt",)}}, UnknownName, "choice of 's'"),
        ({"ends": {"s": ()}}, InvalidValue, "names no label"),
        ({"ends": {"s": "stop"}}, InvalidValue, r"ends takes a list of labels for 's', got 'stop'; write \['stop'\]"),
        ({"ends": {"s": 1}}, InvalidValue, r"write \[1\]"),
        ({"default": ("x", "go")}, InvalidValue, "list of 3 labels, got .'x', 'go'.; write one for each of a, s, b"),
        ({"default": "xgx"}, InvalidValue, "list of 3 labels, got 'xgx'"),
        ({"ends": {"b": ("x",)}}, InvalidValue, "last layer"),
        ({"ends": {"s": ("stop",)}, "layers": [("a", 2), ("b", 1)]}, InvalidValue, "layer of its own"),
    ],
)
def test_building_errors_teach(keywords, error, says):
    with pytest.raises(error, match=says):
        SearchSpace("s", OPS, **keywords)


def test_a_space_of_any_size_is_counted_and_sampled():
    decisions = []
    for i in range(40):
        decisions += [Decision(f"d{i}", tuple(range(10)), "op"), Decision(f"s{i}", ("stop", "go"), "depth")]
    ends = {f"s{i}": ("stop",) for i in range(39)}
    space = SearchSpace("long", decisions[:-1], ends=ends)
    # every length from 1 to 40, 10 choices a layer
    assert space.size == sum(10**length for length in range(1, 41))
    archs = space.sample(np.random.default_rng(0), 4_000)
    assert space.is_valid(archs).all()
    layers = (space.lengths(archs) + 1) // 2
    # nine tenths have the full length, nine hundredths one layer less
    assert np.bincount(layers, minlength=41)[[40, 39, 38]] / 4_000 == pytest.approx([0.9, 0.09, 0.009], abs=0.02)
    with pytest.raises(InvalidValue, match="64 bits"):
        space.index_of(archs)
    with pytest.raises(InvalidValue, match=r"sample\(\)"):
        space.enumerate()


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Two to four layers of one or two decisions, stops of any labels between some of them."""
    decisions, layers, ends = [], [], {}
    numbers = draw(st.integers(2, 4))
    for number in range(numbers):
        names = [f"l{number}.{i}" for i in range(draw(st.integers(1, 2)))]
        for name in names:
            condition = None
            if name != names[0] and draw(st.booleans()):
                condition = (names[0], (draw(st.sampled_from(decisions[-1].choices)),))
            decisions.append(Decision(name, tuple(range(draw(st.integers(1, 3)))), "op", condition))
        layers.append((f"l{number}", len(names)))
        if number < numbers - 1 and draw(st.booleans()):
            stop = Decision(f"s{number}", tuple(range(draw(st.integers(1, 3)))), "depth")
            decisions.append(stop)
            layers.append((stop.name, 1))
            ends[stop.name] = tuple(sorted(draw(st.sets(st.sampled_from(stop.choices), min_size=1))))
    space = SearchSpace("drawn", decisions, layers=layers, ends=ends)
    kept = {d.name: sorted(draw(st.sets(st.sampled_from(d.choices), min_size=1))) for d in decisions if draw(st.booleans())}
    return space.restrict(kept)


@settings(max_examples=60, deadline=None)
@given(space=spaces(), seed=st.integers(0, 99))
def test_any_space_with_stops_is_what_its_decisions_say(space, seed):
    everything = np.array(by_hand(space), dtype=np.int8)
    np.testing.assert_array_equal(space.enumerate(), everything)
    np.testing.assert_array_equal(space.index_of(everything), np.arange(space.size))
    np.testing.assert_array_equal(space.from_str(space.to_str(everything)), everything)
    np.testing.assert_array_equal(space.from_options(space.to_options(everything)), everything)
    rng = np.random.default_rng(seed)
    assert np.isin(space.index_of(space.sample(rng, 20)), np.arange(space.size)).all()
    for arch in partial_archs(space, rng, 5, prefixes=True):
        agree = completions_of(space, arch)
        first, last = space.completions(arch[None])
        assert (first[0], last[0], len(agree)) == (agree[0], agree[-1], last[0] - first[0] + 1)
    some = rng.permutation(space.size)[:4]
    found, owner = space.neighbours(everything[some])
    pairs = sorted(zip(owner.tolist(), space.index_of(found).tolist(), strict=True))
    assert pairs == [
        (i, j) for i in range(len(some)) for j in range(space.size) if one_edit(space, everything[some[i]], everything[j])
    ]


@settings(max_examples=20, deadline=None)
@given(space=spaces(), seed=st.integers(0, 99))
def test_with_stops_too_options_that_are_computed_are_those_of_the_list(space, seed):
    archs, answers = space.sample(np.random.default_rng(seed), 8), []
    for listed in (4096, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layer_file, "LISTED", listed)
            one = space.restrict({})
            found, owner = one.neighbours(archs)
            edited = mutate(one, archs, np.random.default_rng(seed))
            answers.append(
                (
                    one.sample(np.random.default_rng(seed), 8),
                    found,
                    owner,
                    edited,
                    one.to_options(archs),
                    one.from_str(one.to_str(archs)),
                )
            )
    for listed, computed in zip(*answers, strict=True):
        np.testing.assert_array_equal(listed, computed)


class TestNASRL:
    def test_published_choices(self):
        space = NASRLSpace()
        size = 1
        for number in range(15, 0, -1):
            size *= 4 * 4 * 4 * 2 ** (number - 1)
            size += 1 if number > 6 else 0
        assert space.size == size
        assert space.num_decisions == 15 * 3 + 15 * 14 // 2 + 9
        archs = space.sample(np.random.default_rng(0), 50)
        assert space.is_valid(archs).all()
        np.testing.assert_array_equal(space.from_str(space.to_str(archs)), archs)

    def test_strides(self):
        space = NASRLSpace(heights=(3,), widths=(3,), filters=(24,), strides=(1, 2, 3), min_layers=1, max_layers=2)
        assert space.size == 9 * (1 + 9 * 2)
        assert space.to_str(space.enumerate())[-1] == "3x3x24s3x3,3x3x24s3x3+1"

    def test_text_by_hand(self):
        space = NASRLSpace(min_layers=2, max_layers=4)
        text = "3x5x24,7x1x64+1,5x5x36+1+2"
        (arch,) = space.from_str(text)
        assert space.labels(arch[None])[0] | {"layer3.from2": "yes", "layer4.more": "stop"} == space.labels(arch[None])[0]
        assert space.to_str(arch[None]) == [text]
        assert space.to_str(space.empty()) == ["?,?,?"]
        arch[6:] = -1
        assert space.to_str(arch[None]) == ["3x5x24,7x1x64+?,?"]

    @pytest.mark.parametrize("text", ["3x5x24", "3x5x24,7x1x64+2", "3x5x25,7x1x64", "3x3,3x3", ",".join(["3x3x24"] * 5)])
    def test_what_it_does_not_read(self, text):
        with pytest.raises((InvalidValue, UnknownName)):
            NASRLSpace(min_layers=2, max_layers=4).from_str(text)

    @pytest.mark.parametrize(
        ("keywords", "says"),
        [
            ({"heights": ()}, "heights are different whole numbers"),
            ({"filters": (24, 24)}, "filters are"),
            ({"strides": (0,)}, "strides are"),
            ({"min_layers": 4, "max_layers": 3}, "got 4 to 3"),
            ({"min_layers": 0}, "at least 1"),
        ],
    )
    def test_building_errors_teach(self, keywords, says):
        with pytest.raises(InvalidValue, match=says):
            NASRLSpace(**keywords)
