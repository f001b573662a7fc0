"""TorchRL: specs of scalar and vector environments, masked random actions, and the example."""

import gymnasium
import numpy as np
import pytest
import torch
from torchrl.envs import ActionMask, GymWrapper, TransformedEnv
from torchrl.envs.utils import check_env_specs

from nasgym.envs.vector_env import NASVectorEnv
from nasgym.wrappers import MaskInObservation, VectorMaskInObservation
from tests.clients.example import run_example

DIGITS = "nasgym/Digits-v0"
NUM = 4


def scalar(categorical):
    env = MaskInObservation.dialect(gymnasium.make(DIGITS), "torchrl")
    return TransformedEnv(GymWrapper(env, categorical_action_encoding=categorical), ActionMask())


def vector(categorical):
    env = VectorMaskInObservation.dialect(NASVectorEnv(DIGITS, NUM, autoreset_mode="Disabled"), "torchrl")
    return TransformedEnv(GymWrapper(env, categorical_action_encoding=categorical), ActionMask())


@pytest.mark.parametrize("categorical", [True, False])
@pytest.mark.parametrize("make", [scalar, vector])
def test_specs_hold_and_random_actions_are_legal(make, categorical):
    env = make(categorical)
    env.set_seed(0)
    check_env_specs(env)
    steps = env.rollout(60, break_when_any_done=False).reshape(-1, 60)
    # four whole episodes of fifteen decisions: an illegal one would have ended its own early
    ended = torch.zeros(60, dtype=torch.bool)
    ended[14::15] = True
    assert (steps["next", "terminated"].squeeze(-1) == ended).all()
    assert (steps["next", "reward"].squeeze(-1)[:, ~ended] == 0).all()
    assert (steps["next", "reward"] > -1.01).all()  # an illegal action gives -2
    # a masked choice was never taken
    actions = steps["action"] if categorical else steps["action"].long().argmax(-1)
    assert steps["action_mask"].gather(-1, actions.reshape(-1, 60, 1)).all()
    assert not steps["action_mask"].all()


def test_plain_vector_environment_resets_in_the_same_step():
    env = GymWrapper(NASVectorEnv(DIGITS, NUM, autoreset_mode="SameStep"), categorical_action_encoding=True)
    check_env_specs(env)
    assert env.batch_size == (NUM,)


def test_gymnasiums_default_autoreset_is_refused():
    with pytest.raises(RuntimeError, match="SAME_STEP or DISABLED"):
        GymWrapper(NASVectorEnv(DIGITS, NUM))


def test_example():
    result = run_example("torchrl_ppo.py")
    assert result["evaluations"] == 500
    assert np.isclose(result["best"] + result["regret"], 0.9013, atol=2e-4)
    assert 0 <= result["regret"] < result["random_regret"]
