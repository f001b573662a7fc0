"""Once-for-All's evolutionary finder, step by step through ask and tell."""

import numpy as np
import pytest

from nasgym import make_problem
from nasgym.agents import make_agent
from nasgym.agents.ofa_evolution import OFAEvolution, _genes
from nasgym.errors import InvalidValue
from nasgym.ledger import Ledger
from nasgym.problems.evaluation import Evaluations
from nasgym.rewards import Constrained
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from tests.tiny import tiny_problem


def rewarded(rewards):
    """Evaluations with these rewards, which are all that evolution reads."""
    rewards = np.asarray(rewards, dtype=np.float64)
    return Evaluations(rewards, {}, rewards, np.ones(len(rewards), dtype=bool), rewards)


def begun(problem=None, rewards=None, seed=0, **fields):
    """An agent that knows the rewards of its first population, and that population."""
    agent = OFAEvolution(**fields)
    agent.start(Ledger(problem or make_problem("nasgym/Digits-v0"), 1), np.random.default_rng(seed))
    first = agent.ask()
    agent.tell(first, rewarded(np.arange(len(first)) if rewards is None else rewards))
    return agent, first


def shown(agent):
    """The parents as networks, without what is inactive."""
    return agent._space.clear_inactive(agent._parents)


def test_a_population_then_as_many_children():
    agent, first = begun()
    assert first.shape == (100, 15)
    assert agent.ask().shape == (100, 15)


def test_the_best_of_parents_and_children_become_parents():
    agent, first = begun(population=8, rewards=[3, 1, 4, 1, 5, 9, 2, 6])
    assert (shown(agent) == first[[5, 7]]).all()
    children = agent.ask()
    agent.tell(children, rewarded([0, 7, 0, 0, 0, 8, 0, 0]))
    assert (shown(agent) == np.stack([first[5], children[5]])).all()  # 9 survives its children


def test_of_equals_the_earlier_stay():
    agent, first = begun(population=4, rewards=[1, 1, 1, 1])
    assert (shown(agent) == first[0]).all()
    agent.tell(agent.ask(), rewarded([1, 1, 1, 1]))
    assert (shown(agent) == first[0]).all()


def test_without_mutation_children_are_parents_or_crossed():
    agent, _ = begun(population=40, mutation=0.0)
    parents = agent._parents.copy()
    agent.ask()
    mutants, crossed = agent._asked[:20], agent._asked[20:]
    assert all((parents == mutant).all(axis=1).any() for mutant in mutants)
    # each decision of a crossed child is some parent's
    assert all(((parents == child).any(axis=0)).all() for child in crossed)
    assert not all((parents == child).all(axis=1).any() for child in crossed)


def test_mutation_redraws_whole_genes_at_its_rate():
    agent, _ = begun(population=4, parents=0.25)
    of = np.repeat(agent._parents[None, :1], 20_000, axis=0)
    changed = agent._mutate(of) != of[:, 0]
    genes = agent._genes
    hit = np.stack([changed[:, genes == gene].any(axis=1) for gene in range(genes.max() + 1)], axis=1)
    counts = agent._space.num_choices
    for gene in range(genes.max() + 1):
        stays = np.prod(1 / counts[genes == gene])  # the old choices are drawn again
        assert hit[:, gene].mean() == pytest.approx(0.1 * (1 - stays), abs=0.008)


def test_genes():
    genes = _genes(OnceForAllSpace())
    names = OnceForAllSpace().names
    assert genes.max() + 1 == 1 + 5 * (4 + 1)  # the resolution; four blocks and a depth for each stage
    at = dict(zip(names, genes.tolist(), strict=True))
    assert at["stage2.block3.kernel"] == at["stage2.block3.expansion"]
    assert len({at["stage2.depth"], at["stage3.depth"], at["resolution"], at["stage2.block3.kernel"]}) == 4
    assert _genes(DigitsSpace()).tolist() == [layer for layer in range(5) for _ in range(3)]


def test_inactive_choices_are_inherited():
    """Skipped layers of a first population of Digits have kernels that are not 0.

    Children bring them back.
    """
    agent, first = begun(mutation=0.0)
    hidden = agent._parents != agent._space.clear_inactive(agent._parents)
    assert hidden.any()
    assert agent._space.is_valid(first).all()
    assert agent._space.is_valid(agent.ask()).all()


@pytest.mark.parametrize("target", [4.0, 9.0, 20.0])
def test_only_feasible_architectures_are_evaluated(target):
    problem = tiny_problem(rule=Constrained(), target=target)
    assert make_agent("ofa-evolution").search(problem, budget=4, seed=1).history.feasible.all()
    plain = make_agent("ofa-evolution", reject=False).search(problem, budget=12, seed=1)
    assert not plain.history.feasible.all()


def test_limits_that_nothing_meets_are_said():
    """Latencies are whole numbers."""
    with pytest.raises(InvalidValue, match="1000 rounds"):
        make_agent("ofa-evolution").search(tiny_problem(rule=Constrained(), target=5.9, lower=5.1), budget=4)


def test_it_is_ahead_of_random_search():
    problem = make_problem("nasgym/Digits-v0", reward="constrained")
    mine, random = (
        np.mean([make_agent(name).search(problem, budget=400, seed=seed).best_reward for seed in range(10)])
        for name in ("ofa-evolution", "random")
    )
    assert mine > random


@pytest.mark.parametrize(
    "fields", [{"population": 1}, {"parents": 0.0}, {"parents": 1.5}, {"mutants": -0.1}, {"mutation": 1.1}]
)
def test_numbers_are_checked(fields):
    with pytest.raises(InvalidValue, match=next(iter(fields))):
        OFAEvolution(**fields)


class TestOnceForAll:
    @pytest.fixture(autouse=True)
    def _imported(self, imported):
        imported("ofa")

    def test_the_first_population_has_all_depths_alike(self):
        agent = OFAEvolution(population=3000)
        agent.start(Ledger(make_problem("nasgym/OFA-v0", reward="accuracy", target=None), 1), np.random.default_rng(0))
        _, depths, _, _ = OnceForAllSpace.parts(agent.ask())
        shares = np.bincount(depths.ravel(), minlength=3) / depths.size
        assert shares == pytest.approx([1 / 3] * 3, abs=0.02)

    def test_a_tight_limit(self):
        problem = make_problem("nasgym/OFA-v0", reward="constrained", target=15.0)
        result = make_agent("ofa-evolution").search(problem, budget=1000, seed=0)
        assert result.history.feasible.all()
        assert result.best_accuracy > 0.775
