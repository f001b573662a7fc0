"""What all agents share: results, refusals, names; and random search, the model of an agent."""

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.agents.agent import AskTellAgent
from nasgym.agents.random_search import RandomSearch
from nasgym.errors import InvalidValue, MissingPackage, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.rewards import Constrained
from tests.tiny import tiny_ledger, tiny_problem

TABULAR = ("random", "local-search", "regularized-evolution", "layernas")


@pytest.mark.parametrize("name", TABULAR)
class TestEveryTabularAgent:
    def test_the_same_seed_gives_the_same_history(self, name):
        one, two = (make_agent(name).search(tiny_problem(seed="sampled"), budget=20, seed=3).history for _ in range(2))
        assert (one.archs == two.archs).all()
        assert (one.reward == two.reward).all()

    def test_rows_are_valid_and_canonical(self, name):
        problem = tiny_problem()
        archs = make_agent(name).search(problem, budget=25).history.archs
        assert problem.space.is_valid(archs).all()

    def test_a_restricted_space_is_kept_to(self, name):
        problem = tiny_problem(restrict={"b.width": [8, 16], "*.kernel": [3]})
        archs = make_agent(name).search(problem, budget=8).history.archs
        assert problem.space.is_valid(archs).all()
        assert (archs[:, 2] < 2).all()

    def test_the_result_is_the_best_row_of_the_history(self, name):
        result = make_agent(name).search(tiny_problem(rule=Constrained(), target=18.0), budget=15, seed=1)
        row = int(result.history.reward.argmax())
        assert result.agent == name
        assert result.best_reward == result.history.reward[row]
        assert result.best_accuracy == result.history.accuracy[row]
        assert (result.best_arch == result.history.archs[row]).all()
        assert result.best_costs == {key: cost[row] for key, cost in result.history.costs.items()}
        assert result.feasible == (result.best_costs["latency_ms@phone"] <= 18.0)

    @pytest.mark.parametrize("unit", ["distinct", "total", "train_seconds"])
    def test_every_budget_is_kept(self, name, unit):
        result = make_agent(name).search(tiny_ledger(Budget(unit, 12), seed="sampled"), np.random.default_rng(0))
        spent = result.history.spent
        # only the last evaluation may overshoot a budget of seconds
        assert len(spent) == 12 if unit != "train_seconds" else (spent[:-1] < 12).all()

    def test_a_space_smaller_than_the_budget_ends_the_search(self, name):
        result = make_agent(name).search(tiny_problem(), budget=Budget("distinct", 50, max_proposals=400))
        assert len(result.history) <= 36
        assert result.ended in (("agent",) if name == "layernas" else ("max_proposals", "max_repeats"))


def test_agents_are_found_by_name_with_their_hyper_parameters():
    agent = make_agent("regularized-evolution", population=7)
    assert agent.population == 7
    with pytest.raises(UnknownName, match="Did you mean 'layernas'"):
        make_agent("layer-nas")
    with pytest.raises(UnknownName, match="Did you mean 'population'"):
        make_agent("regularized-evolution", populaton=7)


@pytest.mark.parametrize(
    ("name", "hyperparameters", "says"),
    [
        (
            "regularized-evolution",
            {"population": "x"},
            "'population' of agent 'regularized-evolution' is of the type int, got 'x'",
        ),
        ("regularized-evolution", {"population": 2.5}, "got 2.5"),
        ("regularized-evolution", {"reject": 1}, "is of the type bool"),
        ("layernas", {"children": "all"}, r"is of the type int \| None"),
        ("layernas", {"temperature": True}, "is of the type float"),
        ("layernas", {"select": 3}, "'select'"),
    ],
)
def test_hyper_parameters_of_another_type_are_refused(name, hyperparameters, says):
    with pytest.raises(InvalidValue, match=says):
        make_agent(name, **hyperparameters)


def test_whole_and_numpy_numbers_are_numbers():
    assert make_agent("layernas", temperature=1, children=None, buckets=np.int64(7)).temperature == 1


def test_what_a_search_refuses():
    agent = RandomSearch()
    with pytest.raises(InvalidValue, match="needs a budget"):
        agent.search(tiny_problem())
    with pytest.raises(InvalidValue, match="its own budget"):
        agent.search(tiny_ledger(5), budget=5)
    with pytest.raises(InvalidValue, match="this one has none"):
        agent.search(tiny_ledger(None))


class TestRandomSearch:
    @pytest.mark.parametrize("batch", [1, 7, 200])
    def test_the_history_is_the_stream_of_draws_whatever_the_batch(self, batch):
        ledger = tiny_ledger(Budget("total", 30))
        history = RandomSearch(batch=batch).search(ledger, np.random.default_rng(5)).history
        drawn = ledger.space.sample(np.random.default_rng(5), 30)
        assert (history.archs == drawn).all()

    def test_batch_is_checked(self):
        with pytest.raises(InvalidValue, match="at least 1"):
            RandomSearch(batch=0)


class Scripted(AskTellAgent):
    """Asks for the batches that it was given, and keeps the answers."""

    name = "scripted"

    def start(self, ledger, rng):
        self.left, self.answers = [ledger.space.enumerate()[:3], ledger.space.enumerate()[3:5]], []

    def ask(self):
        return self.left.pop(0) if self.left else np.empty((0, 5), dtype=np.int8)

    def tell(self, archs, evaluations):
        self.answers.append((archs, evaluations.reward))


def test_ask_and_tell_alternate_until_nothing_is_asked():
    agent, problem = Scripted(), tiny_problem()
    result = agent.search(Ledger(problem, 10))
    assert result.ended == "agent"
    assert [len(archs) for archs, _ in agent.answers] == [3, 2]
    expected = problem.evaluate(problem.space.enumerate()[:5]).reward
    assert (np.concatenate([reward for _, reward in agent.answers]) == expected).all()


def test_an_agent_that_evaluates_nothing_is_refused():
    class Idle(Scripted):
        def start(self, ledger, rng):
            self.left, self.answers = [], []

    with pytest.raises(InvalidValue, match="evaluated nothing"):
        Idle().search(tiny_ledger(3))


def test_a_package_that_an_agent_needs_is_looked_for_before_the_search(monkeypatch):
    monkeypatch.setattr(RandomSearch, "needs", ("no_such_package",))
    words = r"agent 'random' needs the package 'no_such_package', which is not installed: pip install 'nasgym\[agents\]'"
    with pytest.raises(MissingPackage, match=words):
        make_agent("random")
    with pytest.raises(MissingPackage, match=words):
        RandomSearch().search(tiny_problem(), budget=5)
