"""Adam's steps are torch's, and in place."""

import numpy as np
import pytest

from nasgym.agents.common.adam import Adam


def test_the_first_step_has_the_length_of_the_learning_rate():
    values = np.array([[1.0, -2.0]])
    Adam(values, 0.5).step(np.array([[10.0, -1e-3]]))
    assert values == pytest.approx(np.array([[0.5, -1.5]]), abs=1e-4)


def test_steps_are_torchs():
    import torch

    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 4))
    theirs = torch.from_numpy(values.copy()).requires_grad_()
    ours, adam = Adam(values, 0.01), torch.optim.Adam([theirs], lr=0.01)
    for _ in range(50):
        gradient = rng.normal(size=(3, 4)) * rng.random()
        kept = gradient.copy()
        ours.step(gradient)
        theirs.grad = torch.from_numpy(kept)
        adam.step()
        assert (gradient == kept).all()
        assert values == pytest.approx(theirs.detach().numpy(), abs=1e-12)
