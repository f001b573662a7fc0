"""Gymnasium's own checks, in every environment that has nasgym.

The clients bring different versions of Gymnasium.
"""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match

import nasgym  # registers the ids
from nasgym.wrappers import MaskInObservation, VectorMaskInObservation

DIGITS = "nasgym/Digits-v0"
assert nasgym.__version__


class FirstRow(gymnasium.Env):
    """The only row of a vector environment, as a scalar one."""

    def __init__(self, envs):
        self.envs, self.render_mode = envs, envs.render_mode
        self.action_space, self.observation_space = envs.single_action_space, envs.single_observation_space

    def reset(self, *, seed=None, options=None):
        observations, info = self.envs.reset(seed=seed, options=options)
        return first(observations), self.info(info)

    def step(self, action):
        observations, reward, terminated, truncated, info = self.envs.step(np.array([action]))
        return first(observations), float(reward[0]), bool(terminated[0]), bool(truncated[0]), self.info(info)

    def info(self, info):
        values = {key: value[0] for key, value in info.items() if not key.startswith("_") and info[f"_{key}"][0]}
        return {key: value.item() if isinstance(value, np.generic) else value for key, value in values.items()}


def first(observations):
    if isinstance(observations, dict):
        return {key: values[0] for key, values in observations.items()}
    return observations[0]


def make_vector(**keywords):
    return gymnasium.make_vec(
        DIGITS, num_envs=1, vectorization_mode="vector_entry_point", autoreset_mode="Disabled", **keywords
    )


@pytest.mark.parametrize("observation", ["onehot", "tokens", "dict"])
@pytest.mark.parametrize("granularity", ["decision", "layer"])
def test_check_env(observation, granularity):
    check_env(gymnasium.make(DIGITS, observation=observation, granularity=granularity).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("dialect", ["pettingzoo", "rllib", "tianshou", "torchrl"])
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")  # it is a wrapper
def test_check_env_with_the_mask_in_the_observation(dialect):
    check_env(MaskInObservation.dialect(gymnasium.make(DIGITS), dialect), skip_render_check=True)


@pytest.mark.parametrize("observation", ["onehot", "tokens", "dict"])
@pytest.mark.parametrize("granularity", ["decision", "layer"])
def test_a_vector_of_one_matches_the_scalar_environment(observation, granularity):
    keywords = {"observation": observation, "granularity": granularity}
    scalar, vector = gymnasium.make(DIGITS, **keywords).unwrapped, FirstRow(make_vector(**keywords))
    assert scalar.observation_space == vector.observation_space  # the checker compares one of them with itself
    assert scalar.action_space == vector.action_space
    check_environments_match(scalar, vector, num_steps=200, skip_render=True)


def test_a_vector_of_one_matches_with_the_mask_in_the_observation():
    scalar = MaskInObservation(gymnasium.make(DIGITS).unwrapped)
    vector = FirstRow(VectorMaskInObservation(make_vector()))
    assert scalar.observation_space == vector.observation_space
    check_environments_match(scalar, vector, num_steps=200, skip_render=True)
