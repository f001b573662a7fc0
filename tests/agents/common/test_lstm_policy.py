"""The LSTM policy: its forward pass and its gradient are torch's, and it draws what is legal."""

import numpy as np
import pytest

from nasgym.agents.common.lstm_policy import LSTMPolicy
from nasgym.spaces.digits import DigitsSpace
from tests.stopping import chain_space, small_nas_rl
from tests.tiny import tiny_space

ADVANTAGES = (np.array([1.5, -0.5, 0.3, -2.0]), np.array([0.1, 0.7, -0.3, 1.0]), np.array([-1.0, 0.0, 2.0, 0.4]))


def policy_of(space, seed=0, *, hidden=8, learning_rate=0.05, entropy_weight=0.3):
    rng = np.random.default_rng(seed)
    return LSTMPolicy(space, rng, hidden=hidden, learning_rate=learning_rate, entropy_weight=entropy_weight)


def torch_loss(weights, space, archs, advantages, hidden, entropy_weight):
    """The mean over the batch of minus (advantage times log-probability + weight times entropy).

    One architecture and one decision at a time, with torch's cell, up to the end of the
    architecture; also the entropies.
    """
    import torch

    embedding, heads, inputs, recurrence, biases = weights
    total, entropies = torch.zeros((), dtype=torch.float64), []
    for arch, advantage in zip(archs, advantages, strict=True):
        state = torch.zeros(1, hidden, dtype=torch.float64), torch.zeros(1, hidden, dtype=torch.float64)
        row, entropy = 0, torch.zeros((), dtype=torch.float64)
        for t in range(int(space.lengths(arch[None])[0])):
            state = torch.lstm_cell(embedding[row][None], state, inputs, recurrence, biases[0], biases[1])
            legal = np.flatnonzero(space.mask(arch[None], t)[0])
            softmax = torch.distributions.Categorical(logits=(state[0] @ heads[t])[0, torch.from_numpy(legal)])
            total = total - advantage * softmax.log_prob(torch.tensor(int(np.flatnonzero(legal == arch[t])[0])))
            entropy = entropy + softmax.entropy()
            row = 1 + t * space.max_choices + int(arch[t])
        total = total - entropy_weight * entropy
        entropies.append(float(entropy.detach()))
    return total / len(archs), entropies


@pytest.mark.parametrize(
    "space",
    [tiny_space(), DigitsSpace().restrict({"layer2.op": ["mbconv"]}), chain_space(), small_nas_rl()],
    ids=["tiny", "digits", "chain", "nas-rl"],
)
def test_gradients_and_steps_are_torchs(space):
    """Each gradient at the weights that the steps before it left."""
    import torch

    policy = policy_of(space)
    for advantages in ADVANTAGES:
        archs = policy.sample(4)
        assert space.is_valid(archs).all()
        flat = torch.from_numpy(policy.weights.copy()).requires_grad_()
        parts = torch.split(flat, [part.size for part in policy._parts])
        weights = [part.reshape(own.shape) for part, own in zip(parts, policy._parts, strict=True)]
        loss, _ = torch_loss(weights, space, archs, advantages, 8, 0.3)
        loss.backward()
        gradient = policy.gradient(advantages).copy()
        assert np.abs(gradient).max() > 0.01
        np.testing.assert_allclose(gradient, flat.grad.numpy(), atol=1e-12)
        before = policy.weights.copy()
        policy.update(advantages)
        assert (policy.weights != before).any()


def test_draws_follow_the_softmax_of_the_logits():
    """20,000 draws of a policy that has learnt: shares of whole architectures, to five sigma."""
    space = tiny_space()
    policy = policy_of(space, learning_rate=0.3, entropy_weight=0.0)
    for _ in range(4):
        policy.sample(4)
        policy.update(ADVANTAGES[0])
    archs = policy.sample(20_000)
    logits, chosen = policy._logits, policy._chosen
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    probability = np.where(chosen, p, 1.0).prod(axis=(0, 2))
    index = space.index_of(archs)
    shares = np.bincount(index, minlength=space.size) / len(archs)
    assert shares.max() > 2 / space.size  # it has learnt something
    for one in np.unique(index):
        wanted = float(probability[index == one][0])
        assert shares[one] == pytest.approx(wanted, abs=5 * np.sqrt(wanted / len(archs)) + 1e-4)


def test_first_draws_are_nearly_uniform():
    """Each layer at its own entropy: log 2, 3 and 3, and log 2 for each kernel that is active."""
    import torch

    space = tiny_space()
    policy = policy_of(space, hidden=64)
    archs = policy.sample(3000)
    shares = np.bincount(archs[:, 2], minlength=3) / 3000
    assert shares == pytest.approx(np.full(3, 1 / 3), abs=0.06)
    few = archs[:30]
    weights = [torch.from_numpy(part) for part in policy._parts]
    _, entropies = torch_loss(weights, space, few, np.zeros(30), 64, 1.0)
    active = space.active(few)[:, [1, 4]].sum(axis=1)
    assert entropies == pytest.approx(np.log(18) + active * np.log(2), abs=0.05)


def test_first_weights_are_those_of_torchs_generator():
    import torch

    policy = policy_of(tiny_space(), seed=5)
    generator = torch.Generator().manual_seed(int(np.random.default_rng(5).integers(2**63)))
    theirs = torch.empty(policy.weights.size).uniform_(-0.1, 0.1, generator=generator)
    np.testing.assert_allclose(policy.weights, theirs.numpy(), rtol=0, atol=1e-8)


def test_forced_choices_add_nothing_to_the_loss():
    space = tiny_space().restrict({"a.op": ["skip"], "c.op": ["none"], "b.width": [16]})
    policy = policy_of(space)
    assert (policy.sample(3) == [0, 0, 1, 0, 0]).all()
    assert (policy.gradient(np.array([1.0, -2.0, 3.0])) == 0).all()
