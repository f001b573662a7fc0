"""REINFORCE: it learns, keeps to masks and budgets, and its closed-form gradient is torch's."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.agents.common.feasible import masker
from nasgym.agents.reinforce import DEFAULTS, Hyperparameters, Reinforce, _IndependentPolicy
from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.rewards import Constrained
from tests.agents.learnable import digits_problem, gain, learnable_problem
from tests.tiny import tiny_ledger, tiny_problem, tiny_space

POLICIES = ("lstm", "independent")
CHOSEN = Hyperparameters(batch=4, learning_rate=0.01, entropy_weight=0.3, scaling="rank")


@pytest.mark.parametrize("policy", POLICIES)
class TestBothPolicies:
    def test_the_same_seed_gives_the_same_history(self, policy):
        histories = [Reinforce(policy=policy).search(tiny_problem(seed="sampled"), budget=20, seed=3).history for _ in range(2)]
        assert (histories[0].archs == histories[1].archs).all()
        assert (histories[0].reward == histories[1].reward).all()

    def test_seeds_differ(self, policy):
        one, two = (Reinforce(policy=policy).search(learnable_problem(), budget=20, seed=seed).history for seed in (0, 1))
        assert (one.archs != two.archs).any()

    def test_learns(self, policy):
        # NATS-Bench's learning rate needs thousands of evaluations for what a test has time for
        agent = Reinforce(policy=policy, learning_rate=None if policy == "lstm" else 0.05)
        gains = [gain(agent, learnable_problem(), 200, seed) for seed in range(5)]
        assert min(gains) > 0.05

    @pytest.mark.parametrize("constrained", [False, True])
    def test_inactive_decisions_stay_at_0(self, policy, constrained):
        problem = digits_problem(constrained=constrained)
        history = Reinforce(policy=policy).search(problem, budget=Budget("total", 60)).history
        assert len(history) == 60
        assert problem.space.is_valid(history.archs).all()

    def test_a_restricted_space_is_kept_to(self, policy):
        problem = tiny_problem(restrict={"b.width": [16, 24], "*.kernel": [3]})
        archs = Reinforce(policy=policy).search(problem, budget=Budget("total", 60)).history.archs
        assert problem.space.is_valid(archs).all()
        assert set(archs[:, 2].tolist()) == {1, 2}

    @pytest.mark.parametrize("limits", [{"target": 5.0}, {"target": 20.0, "lower": 15.0}])
    def test_feasible_masks_keep_to_the_limits(self, policy, limits):
        problem = tiny_problem(rule=Constrained(), **limits)
        history = Reinforce(policy=policy, mask="feasible").search(problem, budget=Budget("total", 80)).history
        assert history.feasible.all()
        every = problem.space.enumerate()[problem.everything.feasible]
        assert {row.tobytes() for row in history.archs} == {row.tobytes() for row in every}
        legal = Reinforce(policy=policy).search(problem, budget=Budget("total", 80)).history
        assert not legal.feasible.all()

    def test_a_mask_that_forces_every_choice_teaches_nothing(self, policy):
        problem = tiny_problem(rule=Constrained(), target=1.0)  # one architecture
        history = Reinforce(policy=policy, mask="feasible").search(problem, budget=Budget("total", 30)).history
        assert len(np.unique(history.archs, axis=0)) == 1

    def test_feasible_masks_without_a_constraint_are_refused(self, policy):
        with pytest.raises(InvalidValue, match="mask='feasible' needs a constraint"):
            Reinforce(policy=policy, mask="feasible").search(tiny_problem(), budget=5)

    @pytest.mark.parametrize("unit", ["distinct", "total", "train_seconds"])
    def test_budgets_are_spent(self, policy, unit):
        result = Reinforce(policy=policy, batch=7).search(tiny_ledger(Budget(unit, 12), seed="sampled"))
        spent = result.history.spent
        assert result.ended == "budget"
        assert spent[-1] == 12 if unit != "train_seconds" else spent[-2] < 12 <= spent[-1]

    def test_a_converged_policy_ends(self, policy):
        agent = Reinforce(policy=policy, learning_rate=0.5)
        result = agent.search(learnable_problem(), budget=Budget("distinct", 36, max_proposals=300))
        assert result.ended in ("max_proposals", "max_repeats")
        assert result.history.proposals[-1] <= 300


def reference_loss(logits, space, archs, advantages, weight):
    """Minus (advantage times log-probability + weight times entropy), written with torch."""
    import torch

    total = torch.zeros((), dtype=torch.float64)
    for arch, advantage in zip(archs, advantages, strict=True):
        for t in range(space.num_decisions):
            legal = np.flatnonzero(space.mask(arch[None], t)[0])
            softmax = torch.distributions.Categorical(logits=logits[t, torch.from_numpy(legal)])
            position = torch.tensor(int(np.flatnonzero(legal == arch[t])[0]))
            total = total - advantage * softmax.log_prob(position) - weight * softmax.entropy()
    return total / len(archs)


def test_the_independent_step_is_torchs():
    import torch

    space = tiny_space().restrict({"c.op": ["pool", "conv"]})
    policy = _IndependentPolicy(space, np.random.default_rng(2), CHOSEN)
    logits = torch.from_numpy(policy.logits.copy()).requires_grad_()
    adam = torch.optim.Adam([logits], lr=CHOSEN.learning_rate)
    for advantages in (np.array([1.5, -0.5, 0.3, -2.0]), np.array([0.1, 0.7, -0.3, 1.0])):
        archs = policy.sample(4)
        adam.zero_grad()
        reference_loss(logits, space, archs, advantages, CHOSEN.entropy_weight).backward()
        assert policy.gradient(advantages) == pytest.approx(logits.grad.numpy(), abs=1e-12)
        policy.update(advantages)
        adam.step()
        assert policy.logits == pytest.approx(logits.detach().numpy(), abs=1e-12)


def test_the_independent_step_is_torchs_under_feasible_masks():
    import torch

    mask = masker("feasible", Ledger(tiny_problem(rule=Constrained(), target=12.0), 1))
    policy = _IndependentPolicy(tiny_space(), np.random.default_rng(2), CHOSEN, mask)
    logits = torch.from_numpy(policy.logits.copy()).requires_grad_()
    archs, advantages = policy.sample(8), np.linspace(-1, 1, 8)
    assert any((mask(archs, t) != tiny_space().mask(archs, t)).any() for t in range(5))
    masked = SimpleNamespace(
        num_decisions=5, mask=lambda rows, t: mask(np.where(np.arange(5) < t, rows, -1).astype(np.int8), t)
    )
    reference_loss(logits, masked, archs, advantages, CHOSEN.entropy_weight).backward()
    assert policy.gradient(advantages) == pytest.approx(logits.grad.numpy(), abs=1e-12)


def test_forced_choices_add_neither_log_probability_nor_entropy():
    space = tiny_space().restrict({"a.op": ["skip"], "c.op": ["none"], "b.width": [16]})
    policy = _IndependentPolicy(space, np.random.default_rng(0), CHOSEN)
    assert (policy.sample(3) == [0, 0, 1, 0, 0]).all()
    assert (policy.gradient(np.array([1.0, -2.0, 3.0])) == 0).all()


def test_each_policy_has_its_own_defaults():
    assert Reinforce()._resolved() == DEFAULTS["lstm"]
    assert Reinforce(policy="independent")._resolved() == Hyperparameters(1, 0.01, 0.0, "percent")
    mixed = Reinforce(policy="independent", batch=5, scaling="rank")._resolved()
    assert mixed == Hyperparameters(5, 0.01, 0.0, "rank")


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_needs_torch(policy):
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from nasgym.agents import make_agent\n"
        "from tests.agents.learnable import learnable_problem\n"
        f"print(len(make_agent('reinforce', policy={policy!r}).search(learnable_problem(), budget=5).history))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert ran.stdout.strip() == "5", ran.stderr


def test_what_is_refused():
    with pytest.raises(UnknownName, match="Did you mean 'lstm'"):
        make_agent("reinforce", policy="lstmm")
    with pytest.raises(UnknownName, match="Did you mean 'feasible'"):
        Reinforce(mask="feasable")
    with pytest.raises(UnknownName, match="reward scaling"):
        Reinforce(scaling="log")
    for wrong in ({"batch": 0}, {"hidden": 0}, {"learning_rate": 0.0}, {"entropy_weight": -1.0}, {"window": 1}):
        with pytest.raises(InvalidValue):
            Reinforce(**wrong)
