"""What agents say of themselves, against what they do."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import pytest

from nasgym import make_problem
from nasgym.agents import Agent, Disclosure, make_agent
from nasgym.agents.disclosure import NOT_STATED
from nasgym.ledger import Budget, Ledger
from nasgym.registry import AGENTS
from nasgym.rewards import Accuracy, RewardRule
from tests.tiny import tiny_problem

NAMES = list(AGENTS.builtin)
TARGET = {"fraction": 0.5, "of": "range"}
# hyper-parameters on which it depends what an agent knows
OTHERS = [
    ("random", {"draw": "feasible"}),
    ("regularized-evolution", {"draw": "feasible"}),
    ("local-search", {"draw": "feasible"}),
    ("nsga2", {"draw": "feasible"}),
    ("nsga2", {"aim": "reward"}),
    ("regularized-evolution", {"reject": True, "repeats": False}),
    ("ofa-evolution", {"reject": False}),
    ("reinforce", {"policy": "independent"}),
    ("layernas", {"bucket_by": "least-cost"}),
    ("layernas", {"bucket_by": "options"}),
]
CASES = [
    *((name, {}) for name in NAMES),
    *((name, AGENTS.load(name).fair_settings()) for name in NAMES if AGENTS.load(name).fair_settings()),
    *OTHERS,
]


class Spy(Ledger):
    """A ledger that notes when costs are asked for without an evaluation."""

    asked = False

    def costs(self, archs):
        self.asked = True
        return super().costs(archs)

    def cost_bounds(self, archs):
        self.asked = True
        return super().cost_bounds(archs)

    def bounds_of(self, cost, archs):
        self.asked = True
        return super().bounds_of(cost, archs)

    def cost_terms(self, name=None):
        self.asked = True
        return super().cost_terms(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_agent_states_everything(name):
    said = make_agent(name).disclose()
    for field in fields(said):
        assert getattr(said, field.name) not in (None, "", NOT_STATED), field.name
    assert not said.tuning.endswith(".")


@pytest.mark.parametrize(("name", "fields_"), CASES, ids=lambda value: value if isinstance(value, str) else "-".join(value))
def test_what_an_agent_knows_is_what_it_asks_for_and_what_it_evaluates(name, fields_):
    problem = make_problem("nasgym/Digits-v0", target=TARGET)
    agent = make_agent(name, **fields_)
    said, evaluated = agent.disclose(), []
    for seed in range(2):
        ledger = Spy(problem, Budget("total", 60))
        history = agent.search(ledger, seed=seed).history
        assert ledger.asked == said.reads_costs
        evaluated += history.feasible.tolist()
    if said.over_limit == "rejected":
        assert all(evaluated)
    else:
        assert not all(evaluated), "it evaluates what is over the limit, as it says"
    if said.choices == "feasible":
        assert said.over_limit == "rejected"


@pytest.mark.parametrize("name", NAMES)
def test_with_fair_settings_an_agent_keeps_to_the_limit(name):
    settings = AGENTS.load(name).fair_settings()
    said = make_agent(name, **settings).disclose()
    assert said.over_limit == ("rejected" if settings else make_agent(name).disclose().over_limit)
    assert settings == {key: value for key, value in {"reject": True, "mask": "feasible"}.items() if key in settings}


@dataclass(frozen=True)
class Flipped(RewardRule):
    """The less accurate, the better."""

    name: ClassVar[str] = "flipped"
    needs_target: ClassVar[bool] = False

    def _reward(self, accuracy, cost, scale):
        return 1.0 - accuracy


@pytest.mark.parametrize("name", NAMES)
def test_only_who_learns_from_rewards_is_led_by_them(name):
    """Accuracies and costs are the same, rewards the other way round."""
    searches = []
    for rule in (Accuracy(), Flipped()):
        problem = tiny_problem(target=18.0, rule=rule)
        searches.append(make_agent(name).search(problem, budget=Budget("total", 150), seed=0).history.archs)
    same = searches[0].shape == searches[1].shape and bool((searches[0] == searches[1]).all())
    uses = make_agent(name).disclose().learns_from
    assert uses in ("nothing", "rewards", "accuracies", "objectives and costs")
    assert same == (uses != "rewards")


def test_an_own_agent_states_what_it_wants_and_nothing_by_default():
    @dataclass
    class Own(Agent):
        name = "own"
        reject: bool = False

        def _search(self, ledger, rng):
            raise NotImplementedError  # it is asked what it discloses, and never searches

    assert Own().disclose() == Disclosure()
    assert Own.fair_settings() == {"reject": True}
    said = Disclosure()
    assert (said.tuning, said.over_limit, said.reads_costs) == (NOT_STATED, None, None)
