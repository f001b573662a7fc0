"""Properties that every space has, checked against looking at every combination of choices."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.errors import InvalidValue, UnknownName
from nasgym.spaces import Decision, SearchSpace
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from tests.tiny import completions_of, partial_archs, tiny_space

KINDS = {
    "tiny": tiny_space,
    "digits": DigitsSpace,
    "macro": NASBenchMacroSpace,
    "tss": TopologySpace,
    "sss": SizeSpace,
    "tiny-narrow": lambda: tiny_space().restrict({"a.kernel": [5], "b.width": [8, 24], "c.op": ["none", "conv"]}),
    "digits-narrow": lambda: DigitsSpace().restrict({"*.kernel": [3], "layer2.op": ["mbconv"]}),
    "sss-narrow": lambda: SizeSpace().restrict({"cell*.width": [16, 64]}),
}


@cache
def space_named(name: str) -> SearchSpace:
    return KINDS[name]()


def by_hand(space: SearchSpace) -> list[tuple[int, ...]]:
    """All allowed combinations of choices, inactive ones 0; straight from the decisions."""
    found = []
    names = list(space.names)
    for row in itertools.product(*(range(len(d.choices)) for d in space.decisions)):
        active: dict[str, bool] = {}
        good = True
        for column, decision in enumerate(space.decisions):
            on = True
            if decision.active_if is not None:
                parent, labels = decision.active_if
                chosen = space.decisions[names.index(parent)].choices[row[names.index(parent)]]
                on = active[parent] and chosen in labels
            active[decision.name] = on
            good = good and (bool(space.allowed[column, row[column]]) if on else row[column] == 0)
        if good:
            found.append(row)
    return found


@pytest.mark.parametrize("name", ["tiny", "tiny-narrow", "digits-narrow", "macro", "sss-narrow"])
def test_enumerate_is_what_the_decisions_say_in_lexicographic_order(name):
    space = space_named(name)
    np.testing.assert_array_equal(space.enumerate(), by_hand(space))
    assert space.size == len(space.enumerate())


@pytest.mark.parametrize(("name", "size"), [("digits", 3125), ("macro", 6561), ("tss", 15625), ("sss", 32768), ("tiny", 36)])
def test_sizes(name, size):
    assert space_named(name).size == size == len(space_named(name).enumerate())


@pytest.mark.parametrize("name", KINDS)
def test_numbering_is_a_bijection(name):
    space = space_named(name)
    archs = space.enumerate()
    np.testing.assert_array_equal(space.index_of(archs), np.arange(space.size))
    assert space.is_valid(archs).all()
    np.testing.assert_array_equal(space.from_options(space.to_options(archs)), archs)
    assert not archs.flags.writeable


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
        np.testing.assert_array_equal(space.mask(rows, t), np.concatenate([space.mask(row[None], t) for row in rows]))
        np.testing.assert_array_equal(space.is_valid(rows), np.concatenate([space.is_valid(row[None]) for row in rows]))
        np.testing.assert_array_equal(space.canonical(rows), np.concatenate([space.canonical(row[None]) for row in rows]))
        assert space.to_str(rows) == [space.to_str(row[None])[0] for row in rows]
    np.testing.assert_array_equal(space.index_of(archs), np.concatenate([space.index_of(row[None]) for row in archs]))


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_mask_is_what_valid_architectures_continue_with(name, seed):
    space = space_named(name)
    for arch in partial_archs(space, np.random.default_rng(seed), 5, prefixes=True):
        opened = np.flatnonzero(arch == -1)
        if not len(opened):
            continue
        t = opened[0]
        wanted = np.zeros(space.max_choices, dtype=bool)
        wanted[np.unique(space.enumerate()[completions_of(space, arch), t])] = True
        np.testing.assert_array_equal(space.mask(arch[None], t)[0], wanted)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_completions_are_all_that_agree(name, seed):
    space = space_named(name)
    archs = partial_archs(space, np.random.default_rng(seed), 5, prefixes=True)
    for arch, first, last in zip(archs, *space.completions(archs), strict=True):
        np.testing.assert_array_equal(np.arange(first, last + 1), completions_of(space, arch))


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_canonical_is_idempotent_and_valid_in_the_whole_space(name, seed):
    space = space_named(name)
    rng = np.random.default_rng(seed)
    loose = rng.integers(0, space.num_choices, (5, space.num_decisions)).astype(np.int8)
    forms = space.canonical(loose)
    np.testing.assert_array_equal(space.canonical(forms), forms)
    assert space_named(name.removesuffix("-narrow")).is_valid(forms).all()


def edits(space: SearchSpace, one: np.ndarray, other: np.ndarray) -> int:
    """Decisions that are active in both and differ."""
    active = space.active(one[None])[0] & space.active(other[None])[0]
    return int(((one != other) & active).sum())


@pytest.mark.parametrize("name", ["tiny", "tiny-narrow"])
def test_neighbours_are_all_that_are_one_edit_away(name):
    space = space_named(name)
    archs = space.enumerate()
    found, owner = space.neighbours(archs)
    pairs = set(zip(owner.tolist(), space.index_of(found).tolist(), strict=True))
    assert len(pairs) == len(owner)
    assert pairs == {(i, j) for i in range(len(archs)) for j in range(len(archs)) if edits(space, archs[i], archs[j]) == 1}
    assert pairs == {(j, i) for i, j in pairs}


@pytest.mark.parametrize(("name", "count"), [("tss", 24), ("sss", 35), ("macro", 16)])
def test_numbers_of_neighbours(name, count):
    space = space_named(name)
    archs = space.sample(np.random.default_rng(0), 20)
    found, owner = space.neighbours(archs)
    np.testing.assert_array_equal(np.bincount(owner), np.full(20, count))
    np.testing.assert_array_equal((found != archs[owner]).sum(axis=1), np.ones(len(found)))
    back, who = space.neighbours(found)
    home = (back == archs[owner][who]).all(axis=1)
    assert np.isin(np.arange(len(found)), who[home]).all()


@pytest.mark.parametrize("name", ["tss", "macro"])
def test_distinct_neighbours_are_other_networks(name):
    space = space_named(name)
    archs = space.sample(np.random.default_rng(1), 10)
    found, owner = space.neighbours(archs, distinct=True)
    forms, own = space.canonical(found), space.canonical(archs)
    assert (forms != own[owner]).any(axis=1).all()
    every, every_owner = space.neighbours(archs)
    for i in range(len(archs)):
        mine = {form.tobytes() for form in forms[owner == i]}
        assert len(mine) == (owner == i).sum()
        others = {form.tobytes() for form in space.canonical(every[every_owner == i])} - {own[i].tobytes()}
        assert mine == others


@pytest.mark.parametrize("name", ["tiny", "tiny-narrow", "digits-narrow"])
def test_sample_is_uniform(name):
    from scipy.stats import chisquare

    space = space_named(name)
    drawn = space.index_of(space.sample(np.random.default_rng(0), 50 * space.size))
    assert chisquare(np.bincount(drawn, minlength=space.size)).pvalue > 1e-3


def test_sample_depends_on_the_generator_alone():
    space = tiny_space()
    one, other = (space.sample(np.random.default_rng(3), 20) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_restriction_keeps_the_encoding_and_moves_the_default():
    space = tiny_space()
    np.testing.assert_array_equal(space.default, [1, 1, 2, 2, 1])
    narrow = space.restrict({"*.kernel": [3], "b.*": [8, 16]})
    # c.kernel has the labels 1 and 3, so 3 is its index 1
    np.testing.assert_array_equal(narrow.default, [1, 0, 1, 2, 1])
    assert narrow.is_valid(narrow.default[None]).all()
    assert narrow.size == 2 * 2 * 3
    whole = space.enumerate()
    np.testing.assert_array_equal(narrow.enumerate(), whole[narrow.is_valid(whole)])
    assert narrow.fingerprint != space.fingerprint
    assert space.size == 36
    assert narrow.restrict({"a.op": ["skip"]}).size == 2 * 3


def test_restriction_to_a_skip_leaves_one_choice_to_what_it_switches_off():
    narrow = tiny_space().restrict({"a.op": ["skip"]})
    np.testing.assert_array_equal(narrow.mask(np.array([[0, -1, -1, -1, -1]], dtype=np.int8), 1), [[True, False, False]])
    np.testing.assert_array_equal(narrow.default[:2], [0, 0])


def test_restricted_away_is_not_valid():
    narrow = tiny_space().restrict({"b.width": [8]})
    arch = np.array([[0, 0, 1, 0, 0]], dtype=np.int8)
    assert not narrow.is_valid(arch)[0]
    for ask in (narrow.index_of, narrow.neighbours, narrow.completions):
        with pytest.raises(InvalidValue):
            ask(arch)
    with pytest.raises(UnknownName, match="option of 'b'"):
        narrow.from_str("skip,16,none")


@pytest.mark.parametrize(
    ("choices", "error", "says"),
    [
        ({"b.widht": [8]}, UnknownName, "b.width"),
        ({"c.op": ["pol"]}, UnknownName, "Did you mean 'pool'"),
        ({"b.width": ["8"]}, UnknownName, "Did you mean '8'"),
        ({"b.width": []}, InvalidValue, "without a choice"),
        ({"c.op": "pool"}, InvalidValue, "write \\['pool'\\]"),
        ({"b.width": 8}, InvalidValue, "write \\[8\\]"),
        # every kernel must keep a label that it has
        ({"*.kernel": [5]}, UnknownName, "choice of 'c.kernel'"),
    ],
)
def test_restriction_errors_teach(choices, error, says):
    with pytest.raises(error, match=says):
        tiny_space().restrict(choices)


@pytest.mark.parametrize(
    ("archs", "says"),
    [
        ([1, 0, 0, 0, 0], r"arch\[None\]"),
        ([[0, 0, 0]], r"\(N, 5\)"),
        ([[0.0, 0, 0, 0, 0]], "float64"),
        ([[0, 0, 3, 0, 0]], "'b.width'; allowed are 0 to 2"),
        ([[0, 0, -1, 0, 0]], "allowed are 0 to 2"),
        ([[0, 0, 300, 0, 0]], "has 300"),
    ],
)
def test_check_errors_teach(archs, says):
    with pytest.raises(InvalidValue, match=says):
        tiny_space().check(archs)


def test_inactive_choice_is_refused_by_numbering_and_mended_by_canonical():
    space, arch = tiny_space(), np.array([[0, 1, 0, 0, 0]], dtype=np.int8)
    with pytest.raises(InvalidValue, match="canonical"):
        space.index_of(arch)
    np.testing.assert_array_equal(space.canonical(arch), [[0, 0, 0, 0, 0]])


def test_completions_take_prefixes_only():
    with pytest.raises(InvalidValue, match="after an open one"):
        tiny_space().completions(np.array([[0, -1, 0, -1, -1]], dtype=np.int8))


def test_text_errors_teach():
    space = DigitsSpace()
    with pytest.raises(UnknownName, match="Did you mean 'k3e6'"):
        space.from_str("k3e6,skip,k5e3,k3e3,k3e66")
    with pytest.raises(InvalidValue, match="has 2 layers, 'digits' has 5"):
        space.from_str("skip,skip")


def test_open_decisions_are_written_as_question_marks():
    assert DigitsSpace().to_str(np.array([[1, 1, 1, 0, 0, 0, 1, 0, -1] + [-1] * 6], dtype=np.int8)) == ["k5e6,skip,k3e?,?,?"]
    assert tiny_space().to_str(np.full((1, 5), -1, dtype=np.int8)) == ["?:?,?,?:?"]


def test_labels_name_the_active_decisions():
    assert tiny_space().labels(np.array([[0, 0, 2, 2, 1]])) == [{"a.op": "skip", "b.width": 24, "c.op": "conv", "c.kernel": 3}]


def test_description_round_trip():
    from nasgym.spaces.described import space_from_description

    space = tiny_space()
    again = space_from_description(space.description())
    assert again.fingerprint == space.fingerprint
    np.testing.assert_array_equal(again.default, space.default)


def test_a_large_space_is_sampled_but_not_enumerated():
    large = SearchSpace("large", [Decision(f"d{i}", tuple(range(10)), "op") for i in range(70)])
    assert large.size == 10**70
    assert large.is_valid(large.sample(np.random.default_rng(0), 4)).all()
    assert len(large.neighbours(large.default[None])[0]) == 70 * 9
    with pytest.raises(InvalidValue, match=r"sample\(\)"):
        large.enumerate()
    with pytest.raises(InvalidValue, match="64 bits"):
        large.index_of(large.default[None])


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: SearchSpace("s", [Decision("a", (1,), "op"), Decision("a", (1,), "op")]), "two decisions of one name"),
        (lambda: SearchSpace("s", [Decision("a", (1,), "op")], layers=[("x", 2)]), "do not add up"),
        (lambda: SearchSpace("s", [Decision("a", (1, 2), "op"), Decision("b", (1,), "op", ("a", (2,)))]), "own layer"),
        (lambda: Decision("a", (), "op"), "0 choices"),
        (lambda: Decision("a", "xyz", "op"), r"list of labels for 'a', got 'xyz'; write \['xyz'\]"),
        (lambda: Decision("b", (0, 1), "op", ("a", "on")), r"condition of 'b' takes a list of labels for 'a'.*write \['on'\]"),
        (lambda: Decision("a", (1, 1), "op"), "twice"),
        (lambda: Decision("a", (1,), "opp"), "Did you mean 'op'"),
    ],
)
def test_building_errors_teach(build, says):
    with pytest.raises((InvalidValue, UnknownName), match=says):
        build()


def test_mask_of_a_decision_that_is_not_there():
    with pytest.raises(InvalidValue, match="allowed are 0 to 4"):
        tiny_space().mask(np.zeros((1, 5), dtype=np.int8), 5)
