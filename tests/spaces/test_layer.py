"""Options that are counted and computed are those of the list; large layers are never listed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nasgym.spaces.layer as layer_file
from nasgym.agents.common.mutation import mutate
from nasgym.envs.env import NASEnv
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import InvalidValue, UnknownName
from nasgym.oracles.oracle import AccuracyOracle, Measurements
from nasgym.problems.problem import Problem
from nasgym.rewards import Accuracy
from nasgym.spaces import Decision, SearchSpace
from nasgym.spaces.edits import CountedEdits, ListedEdits
from nasgym.spaces.layer import Layer
from tests.spaces.test_space import by_hand


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """One to three layers of one to four decisions, which depend on any earlier one of theirs."""
    decisions, layers = [], []
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, 4))
        layers.append((f"l{number}", size))
        for i in range(size):
            choices = tuple(range(draw(st.integers(1, 3))))
            name, condition = f"l{number}.{i}", None
            if i and draw(st.booleans()):
                parent = decisions[-draw(st.integers(1, i))]
                labels = draw(st.sets(st.sampled_from(parent.choices), min_size=1))
                condition = (parent.name, tuple(sorted(labels)))
            decisions.append(Decision(name, choices, "op", condition))
    space = SearchSpace("drawn", decisions, layers=layers)
    kept = {d.name: sorted(draw(st.sets(st.sampled_from(d.choices), min_size=1))) for d in decisions if draw(st.booleans())}
    return space.restrict(kept)


@settings(max_examples=60, deadline=None)
@given(space=spaces(), seed=st.integers(0, 99))
def test_what_is_counted_and_computed_is_what_the_decisions_say(space, seed):
    wanted = np.array(by_hand(space), dtype=np.int8)
    assert space.size == len(wanted)
    np.testing.assert_array_equal(space.enumerate(), wanted)
    rng = np.random.default_rng(seed)
    for layer in space.layers:
        numbers = np.arange(layer.count)
        np.testing.assert_array_equal(layer._choices(numbers), layer.options)
        np.testing.assert_array_equal(layer._numbers(layer.options), numbers)
        loose = rng.integers(0, layer.sizes, (20, len(layer.sizes))).astype(np.int8)
        np.testing.assert_array_equal(layer._numbers(loose), layer.rank[loose @ layer.radix])
        adjacent = space.adjacency[space.layers.index(layer)]
        which, option = np.nonzero(adjacent)
        nth = np.concatenate([np.arange(count) for count in adjacent.sum(axis=1)])
        for edits in (ListedEdits(layer, adjacent), CountedEdits(layer)):
            np.testing.assert_array_equal(edits.count(numbers), adjacent.sum(axis=1))
            np.testing.assert_array_equal(edits.make(which, nth), layer.options[option])


@settings(max_examples=60, deadline=None)
@given(space=spaces(), seed=st.integers(0, 99))
def test_options_that_agree_with_what_is_given_are_counted(space, seed):
    rng = np.random.default_rng(seed)
    for i, layer in enumerate(space.layers):
        for _ in range(6):
            # anything may be open, and what is given need not fit
            given = rng.integers(-1, layer.sizes).astype(np.int8)
            count, first = layer.agreeing(given)
            row = np.full((1, space.num_decisions), -1, dtype=np.int8)
            row[0, layer.slice] = given
            fits = space.consistent(row, i)[0]
            assert count == fits.sum()
            if count:
                np.testing.assert_array_equal(first, layer.options[fits.argmax()])


@settings(max_examples=40, deadline=None)
@given(space=spaces(), seed=st.integers(0, 99))
def test_completions_are_the_rows_that_begin_alike(space, seed):
    rng, everything = np.random.default_rng(seed), space.enumerate()
    prefixes = space.sample(rng, 6)
    for row, length in zip(prefixes, rng.integers(0, space.num_decisions + 1, 6), strict=True):
        row[length:] = -1
        begins = np.flatnonzero((everything[:, :length] == row[:length]).all(axis=1))
        first, last = space.completions(row[None])
        assert (first[0], last[0]) == (begins[0], begins[-1])


@settings(max_examples=20, deadline=None)
@given(space=spaces(), seed=st.integers(0, 99))
def test_the_size_from_which_on_options_are_computed_changes_no_answer(space, seed):
    archs = space.sample(np.random.default_rng(seed), 8)
    answers = []
    for listed in (4096, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layer_file, "LISTED", listed)
            one = space.restrict({space.names[0]: [c for c, fine in enumerate(space.allowed[0]) if fine]})
            sampled = one.sample(np.random.default_rng(seed), 8)
            found, owner = one.neighbours(archs)
            edited = mutate(one, archs, np.random.default_rng(seed))
            texts = one.to_str(archs)
            answers.append((sampled, found, owner, edited, one.index_of(archs), one.from_str(texts)))
    for listed, computed in zip(*answers, strict=True):
        np.testing.assert_array_equal(listed, computed)


def large_space() -> SearchSpace:
    """As ENAS's macro space: six operations, and which of the 20 layers before come in.

    Its layer has 6 x 2^20 options where an operation is chosen and one where it is skipped.
    """
    inputs = [Decision(f"from{i}", (0, 1), "input", ("op", ("conv", "pool", "a", "b", "c", "d"))) for i in range(20)]
    ops = Decision("op", ("none", "conv", "pool", "a", "b", "c", "d"), "op")
    return SearchSpace("large", [ops, *inputs, Decision("width", (8, 16), "width")], layers=[("one", 21), ("width", 1)])


class Share(AccuracyOracle):
    """The share of the decisions that are not at their first choice."""

    canonical, deterministic, complete, predicted = True, True, True, False
    search_metric, seed = "validation", "mean"
    fidelities, search_fidelity, fingerprint = (1,), 1, "share"

    def __init__(self, space):
        self.space = space

    def draw_seeds(self, archs, fidelity, rng):
        return np.full(len(archs), -1)

    def measure(self, archs, fidelity, seeds):
        share = (archs > 0).mean(axis=1)
        return Measurements(share, share, np.zeros(len(archs)))

    def report(self, archs):
        return self.measure(archs, 1, np.zeros(len(archs), dtype=np.int64))


def test_a_layer_of_millions_of_options_is_never_listed_where_nothing_asks(monkeypatch):
    listed = Layer._choices

    def computed(self, numbers):
        assert len(numbers) <= 1000, f"the options of {self.name} were listed"
        return listed(self, numbers)

    monkeypatch.setattr(Layer, "_choices", computed)
    space, rng = large_space(), np.random.default_rng(0)
    assert space.size == 2 * (1 + 6 * 2**20)
    archs = space.sample(rng, 1000)
    assert space.is_valid(archs).all()
    # a skipped operation is one option of many
    assert (archs[:, 0] > 0).all()
    np.testing.assert_array_equal(space.from_options(space.to_options(archs)), archs)
    last = space.index_of(space.default[None])
    assert last == space.size - 1
    assert space.mask(archs, 3)[:, :2].all()
    first, end = space.completions(space.empty(1))
    assert (first[0], end[0]) == (0, space.size - 1)
    np.testing.assert_array_equal(space.from_str(space.to_str(archs[:5])), archs[:5])
    found, owner = space.neighbours(archs[:3])
    # 20 inputs, 5 other operations, one other width; and to skip is no edit of the inputs
    assert np.bincount(owner).tolist() == [20 + 6 + 1] * 3
    assert space.is_valid(found).all()
    assert space.is_valid(mutate(space, archs, rng)).all()
    narrow = space.restrict({"op": ["conv"], "from1*": [0]})
    assert narrow.size == 2 * 2 ** (20 - 11)
    problem = Problem(space, Share(space), [], Accuracy())
    env = NASEnv(problem)
    vector = NASVectorEnv(problem, num_envs=3)
    _, info = env.reset(seed=0)
    _, infos = vector.reset(seed=0)
    done, reward = False, 0.0
    for choice in archs[0].tolist():
        assert info["action_mask"][choice]
        _, reward, done, _, info = env.step(choice)
        assert infos["action_mask"][:, choice].all()
        _, rewards, *_, infos = vector.step(np.full(3, choice))
    assert done
    assert reward == pytest.approx((archs[0] > 0).mean())
    np.testing.assert_allclose(rewards, reward)


def test_text_of_a_layer_that_is_not_listed_is_read_label_by_label():
    space = large_space()
    arch = space.from_str("none,8")
    np.testing.assert_array_equal(arch, np.zeros((1, 22)))
    with pytest.raises(UnknownName, match="'from0'"):
        space.from_str("conv:2,8")
    with pytest.raises(InvalidValue, match="is no option of layer 'one'"):
        space.from_str("none:0,8")
    with pytest.raises(InvalidValue, match="is no option of layer 'one'"):
        space.restrict({"op": ["conv"]}).from_str("none,8")


def test_layers_beyond_64_bits_and_lists_beyond_memory_are_refused_by_name():
    many = SearchSpace("many", [Decision(f"d{i}", (0, 1), "op") for i in range(70)], layers=[("one", 70)])
    assert many.size == 2**70
    with pytest.raises(InvalidValue, match=r"layer 'one' has 1\.18e\+21 options, too many to number in 64 bits"):
        many.sample(np.random.default_rng(0), 1)
    long = SearchSpace("long", [Decision(f"d{i}", (0, 1), "op") for i in range(30)], layers=[("one", 30)])
    with pytest.raises(InvalidValue, match="at most 20,000,000 can be listed"):
        _ = long.layers[0].options
    with pytest.raises(InvalidValue, match=r"table of pairs takes 4,096; neighbours\(\) needs none"):
        _ = long.adjacency
