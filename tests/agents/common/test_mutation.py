"""Mutations: who can be a child, and how often."""

import numpy as np
import pytest
from scipy.stats import chisquare

from nasgym.agents.common.mutation import draw_choices, mutate, mutate_choice, mutate_nats_bench, mutation
from nasgym.errors import InvalidValue, UnknownName
from nasgym.spaces import Decision, SearchSpace
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nas_rl import NASRLSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from tests.stopping import STOPPING
from tests.tiny import tiny_space

SPACES = {
    "tiny": tiny_space(),
    "digits": DigitsSpace(),
    "digits, one kernel": DigitsSpace().restrict({"*.kernel": [3]}),
    "macro": NASBenchMacroSpace(),
    "sizes, first fixed": SizeSpace().restrict({"cell1.width": [8]}),
}
DRAWS = 8_000


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_child_is_a_uniform_neighbour(name, seed):
    space, rng = SPACES[name], np.random.default_rng(seed)
    arch = space.sample(rng, 1)
    neighbours, _ = space.neighbours(arch)
    children, counts = np.unique(mutate(space, np.repeat(arch, DRAWS, axis=0), rng), axis=0, return_counts=True)
    assert {row.tobytes() for row in children} == {row.tobytes() for row in neighbours}
    assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("name", SPACES)
def test_each_row_of_a_batch_gets_its_own_child(name):
    space, rng = SPACES[name], np.random.default_rng(2)
    parents = space.sample(rng, 60)
    kept = parents.copy()
    children = mutate(space, parents, rng)
    assert (parents == kept).all()
    for parent, child in zip(parents, children, strict=True):
        neighbours, _ = space.neighbours(parent[None])
        assert (neighbours == child).all(axis=1).any()


def test_an_architecture_without_neighbours_stays():
    space = tiny_space().restrict({"a.op": ["skip"], "b.width": [16], "c.op": ["pool"]})
    only = space.sample(np.random.default_rng(0), 3)
    assert (mutate(space, only, np.random.default_rng(0)) == only).all()


def test_restricting_a_space_does_not_reuse_the_moves_of_the_whole():
    whole, rng = tiny_space(), np.random.default_rng(0)
    mutate(whole, whole.sample(rng, 1), rng)
    part = whole.restrict({"b.width": [8, 24]})
    assert part.is_valid(mutate(part, part.sample(rng, 500), rng)).all()


class TestNATSBench:
    def test_topology_hits_edges_by_node(self):
        space, rng = TopologySpace(), np.random.default_rng(0)
        parents = space.sample(rng, 18_000)
        changed = mutate_nats_bench(space, parents, rng) != parents
        assert (changed.sum(axis=1) == 1).all()
        expected = 18_000 * np.array([1 / 3, 1 / 6, 1 / 6, 1 / 9, 1 / 9, 1 / 9])
        assert chisquare(changed.sum(axis=0), expected).pvalue > 1e-4

    def test_topology_takes_every_other_operation_alike(self):
        space, rng = TopologySpace(), np.random.default_rng(1)
        parents = np.full((6_000, 6), 2, dtype=np.int8)
        children = mutate_nats_bench(space, parents, rng)
        values = np.bincount(children[children != parents], minlength=5)
        assert values[2] == 0
        assert chisquare(values[[0, 1, 3, 4]]).pvalue > 1e-4

    def test_sizes_may_draw_the_old_width(self):
        space, rng = SizeSpace(), np.random.default_rng(2)
        parents = space.sample(rng, 16_000)
        changed = (mutate_nats_bench(space, parents, rng) != parents).sum(axis=1)
        assert changed.max() == 1
        assert chisquare([(changed == 0).sum(), (changed == 1).sum()], [2_000, 14_000]).pvalue > 1e-4

    @pytest.mark.parametrize("space", [TopologySpace(), SizeSpace()])
    def test_restrictions_hold(self, space):
        second, third = space.decisions[1:3]
        part = space.restrict({second.name: second.choices[3:4], third.name: third.choices[1:3]})
        rng = np.random.default_rng(3)
        assert part.is_valid(mutate_nats_bench(part, part.sample(rng, 2_000), rng)).all()

    def test_other_spaces_are_refused(self):
        with pytest.raises(InvalidValue, match="use mutation='neighbour'"):
            mutate_nats_bench(tiny_space(), tiny_space().default[None], np.random.default_rng(0))


def test_mutations_go_by_name():
    assert mutation("neighbour") is mutate
    with pytest.raises(UnknownName, match="Did you mean 'nats-bench'"):
        mutation("natsbench")


class TestDecisionByDecision:
    @pytest.mark.parametrize("name", SPACES)
    def test_draws_are_uniform_over_what_is_allowed(self, name):
        space = SPACES[name]
        drawn = draw_choices(space, np.random.default_rng(0), DRAWS)
        assert drawn.dtype == np.int8
        for t, allowed in enumerate(space.allowed):
            counts = np.bincount(drawn[:, t], minlength=space.max_choices)
            assert (counts[~allowed] == 0).all()
            assert allowed.sum() == 1 or chisquare(counts[allowed]).pvalue > 1e-4

    @pytest.mark.parametrize("name", SPACES)
    def test_a_mutant_is_a_neighbour(self, name):
        space, rng = SPACES[name], np.random.default_rng(1)
        parents = space.sample(rng, 200)
        kept = parents.copy()
        for parent, child in zip(parents, mutate_choice(space, parents, rng), strict=True):
            assert (space.neighbours(parent[None])[0] == child).all(axis=1).any()
        assert (parents == kept).all()

    def test_every_active_decision_is_as_likely(self):
        """(conv, 5), 16, (pool) has four active decisions; one of them can switch a kernel off."""
        space = tiny_space()
        parents = np.repeat(np.array([[1, 1, 1, 1, 0]], dtype=np.int8), DRAWS, axis=0)
        children = mutate_choice(space, parents, np.random.default_rng(2))
        first = (children != parents).argmax(axis=1)
        assert chisquare(np.bincount(first, minlength=5)[:4]).pvalue > 1e-4
        woken = children[children[:, 3] == 2]  # (conv): its kernel is drawn too
        assert chisquare(np.bincount(woken[:, 4], minlength=2)).pvalue > 1e-4

    def test_what_cannot_move_stays(self):
        space = tiny_space().restrict({"a.op": ["skip"], "b.width": [8], "c.op": ["pool"]})
        only = space.sample(np.random.default_rng(0), 3)
        assert (mutate_choice(space, only, np.random.default_rng(0)) == only).all()


@pytest.mark.parametrize("name", STOPPING)
def test_with_stops_a_mutant_is_a_uniform_neighbour(name):
    space, rng = STOPPING[name](), np.random.default_rng(0)
    for arch in space.sample(rng, 6):
        found, _ = space.neighbours(arch[None])
        children = mutate(space, np.repeat(arch[None], 100 * len(found), axis=0), rng)
        counts = np.bincount(space.index_of(children), minlength=space.size)[space.index_of(found)]
        assert counts.sum() == len(children)
        assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("name", STOPPING)
def test_with_stops_choices_are_mutated_to_valid_architectures_of_other_lengths(name):
    space, rng = STOPPING[name](), np.random.default_rng(0)
    archs = space.sample(rng, 2000)
    children = mutate_choice(space, archs, rng)
    assert space.is_valid(children).all()
    change = np.sign(space.lengths(children) - space.lengths(archs))
    assert set(change.tolist()) == {-1, 0, 1}
    # one decision that is active in both differs
    both = space.active(archs) & space.active(children)
    np.testing.assert_array_equal(((archs != children) & both).sum(axis=1), 1)


def test_a_layer_of_a_million_options_is_mutated_without_a_list():
    space, rng = NASRLSpace(), np.random.default_rng(0)
    archs = space.sample(rng, 50)
    shorter = space.from_options(np.where(np.arange(len(space.layers)) == 6, 0, space.to_options(archs)))
    assert space.is_valid(mutate(space, archs, rng)).all()
    children = mutate(space, shorter, rng)
    # six layers go on to seven, with any of 64 x 2^6 options, or one of the six is edited
    assert set(space.lengths(children).tolist()) <= {space.lengths(shorter)[0], space.names.index("layer8.more") + 1}
    assert space.is_valid(children).all()
    with pytest.raises(InvalidValue, match="1,048,794 neighbours, at most 1,000,000 can be listed"):
        space.neighbours(space.from_options(np.where(np.arange(len(space.layers)) == 22, 0, space.to_options(archs)))[:1])


def test_too_many_ways_from_one_stop_to_the_next_are_refused_by_name():
    digits = tuple(range(10))
    decisions = [Decision("first", digits, "op"), Decision("more", ("stop", "go"), "depth")]
    decisions += [Decision(f"d{i}", digits, "op") for i in range(20)]
    space = SearchSpace("far", decisions, ends={"more": ("stop",)})
    archs = space.sample(np.random.default_rng(0), 3)
    assert space.is_valid(archs).all()
    for ask in (space.neighbours, lambda rows: mutate(space, rows, np.random.default_rng(0))):
        with pytest.raises(InvalidValue, match="after decision 'more' space 'far' goes on in 1e\\+20 ways"):
            ask(archs)


def test_the_mutation_of_nats_bench_is_refused_by_name():
    space = STOPPING["chain"]()
    with pytest.raises(InvalidValue, match="not for 'chain'"):
        mutate_nats_bench(space, space.sample(np.random.default_rng(0), 2), np.random.default_rng(0))
