"""The mask beside the observation.

Scalar against the bare environment, vector against a loop over the scalar one.
"""

from __future__ import annotations

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Dict
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from nasgym.envs.env import NASEnv
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import InvalidValue, UnknownName
from nasgym.wrappers import MaskInObservation, VectorMaskInObservation
from tests.tiny import tiny_problem
from tests.wrappers.wild_actions import wild_actions

KINDS = ("onehot", "tokens", "dict")
DIALECTS = {
    "pettingzoo": ("observation", "action_mask", np.int8),
    "rllib": ("observations", "action_mask", np.float32),
    "tianshou": ("obs", "mask", np.bool_),
    "torchrl": ("observation", "action_mask", np.bool_),
}
NUM = 4


# ---- one environment ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_observation_and_mask_are_those_of_the_bare_environment(kind):
    rng = np.random.default_rng(3)
    bare = NASEnv(tiny_problem(target=18.0), observation=kind)
    env = MaskInObservation(NASEnv(tiny_problem(target=18.0), observation=kind))
    for episode in range(6):
        inner, bare_info = bare.reset(seed=episode)
        joined, info = env.reset(seed=episode)
        done = False
        while True:
            mask = joined["action_mask"]
            expected = inner if kind == "dict" else {"observation": inner}
            assert data_equivalence(joined, {**expected, "action_mask": bare.action_masks().astype(np.int8)})
            assert data_equivalence(info, bare_info)
            assert joined in env.observation_space
            assert (env.action_masks() == mask).all()
            assert env.action_masks().dtype == bool
            mask[:] = 0  # a fresh array
            assert env.action_masks().any()
            if done:
                break
            action = wild_actions(rng, bare.action_masks()[None], 0.05)[0]
            inner, reward, done, _, bare_info = bare.step(action)
            joined, *rest, info = env.step(action)
            assert rest == [reward, done, False]


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects(name):
    obs_key, mask_key, dtype = DIALECTS[name]
    env = MaskInObservation.dialect(NASEnv(tiny_problem()), name)
    envs = VectorMaskInObservation.dialect(NASVectorEnv(tiny_problem(), NUM), name)
    for space in (env.observation_space, envs.single_observation_space):
        assert set(space.spaces) == {obs_key, mask_key}
        assert space[mask_key] == Box(0, 1, (3,), dtype)
    joined, _ = env.reset()
    assert joined in env.observation_space
    assert joined[mask_key].dtype == dtype
    batch, _ = envs.reset()
    assert batch in envs.observation_space
    assert batch[mask_key].tolist() == [joined[mask_key].tolist()] * NUM


def test_an_observation_that_is_a_dict_stays_flat():
    env = MaskInObservation.dialect(NASEnv(tiny_problem(), observation="dict"), "torchrl")
    assert set(env.observation_space.spaces) == {"tokens", "step", "cost", "action_mask"}
    for name in ("rllib", "tianshou", "pettingzoo"):
        with pytest.raises(InvalidValue, match=rf'{name} looks for one array .* observation="onehot" or "tokens"'):
            MaskInObservation.dialect(NASEnv(tiny_problem(), observation="dict"), name)
        with pytest.raises(InvalidValue, match="looks for one array"):
            VectorMaskInObservation.dialect(NASVectorEnv(tiny_problem(), observation="dict"), name)
    with pytest.raises(InvalidValue, match="no place for obs_key='obs'"):
        MaskInObservation(NASEnv(tiny_problem(), observation="dict"), obs_key="obs")
    with pytest.raises(InvalidValue, match="mask_key 'step' is already"):
        MaskInObservation(NASEnv(tiny_problem(), observation="dict"), mask_key="step")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")  # it is a wrapper
def test_the_checkers_are_content(kind):
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    check_env(MaskInObservation(gymnasium.make("nasgym/Digits-v0", observation=kind)), skip_render_check=True)
    sb3_check_env(MaskInObservation(gymnasium.make("nasgym/Digits-v0", observation=kind)))


@pytest.mark.parametrize("name", DIALECTS)
def test_a_spec_of_json_makes_the_same_environment(name):
    env = MaskInObservation.dialect(gymnasium.make("nasgym/Digits-v0", observation="tokens"), name)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, MaskInObservation)
    assert again.observation_space == env.observation_space
    assert data_equivalence(again.reset(seed=1), env.reset(seed=1))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_on_where_the_original_is(duplicate):
    env = MaskInObservation(NASEnv(tiny_problem()))
    env.reset()
    env.step(1)
    other = duplicate(env)
    assert (other.action_masks() == env.action_masks()).all()
    assert data_equivalence(other.step(1), env.step(1))


# ---- many environments -------------------------------------------------------------------------


def rows_of(batch, i):
    """One observation of a batch."""
    return {key: _plain(values[i]) for key, values in batch.items()}


def _plain(value):
    return value if isinstance(value, np.ndarray) and value.ndim else np.asarray(value)


def assert_same_final(info, loop_info):
    """A Dict of batches, or an array of Dicts, against the loop's array of Dicts."""
    assert ("final_obs" in info) == ("final_obs" in loop_info)
    for i in np.flatnonzero(loop_info.get("_final_obs", [])):
        final = info["final_obs"]
        one = rows_of(final, i) if isinstance(final, dict) else {key: _plain(value) for key, value in final[i].items()}
        assert data_equivalence(one, {key: _plain(value) for key, value in loop_info["final_obs"][i].items()})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("inside", ["native", "loop"])
def test_the_vector_form_is_a_loop_over_the_scalar_form(kind, mode, inside):
    rng = np.random.default_rng(5)
    scalar = lambda: NASEnv(tiny_problem(target=18.0), observation=kind)  # noqa: E731
    loop = SyncVectorEnv([lambda: MaskInObservation(scalar(), mask_key="mask")] * NUM, autoreset_mode=mode)
    if inside == "native":
        bare = NASVectorEnv(tiny_problem(target=18.0), NUM, observation=kind, autoreset_mode=mode)
    else:
        bare = SyncVectorEnv([scalar] * NUM, autoreset_mode=mode)
    envs = VectorMaskInObservation(bare, mask_key="mask")
    assert envs.single_observation_space == loop.single_observation_space
    assert envs.observation_space == loop.observation_space
    assert envs.metadata["autoreset_mode"] is mode
    batch, _ = envs.reset(seed=0)
    expected, _ = loop.reset(seed=0)
    ends = 0
    for _ in range(40):
        assert data_equivalence(batch, expected)
        assert batch in envs.observation_space
        assert (envs.action_masks() == batch["mask"]).all()
        actions = wild_actions(rng, batch["mask"])
        batch, rewards, terminated, _, info = envs.step(actions)
        expected, loop_rewards, loop_terminated, _, loop_info = loop.step(actions)
        np.testing.assert_array_equal(rewards, loop_rewards)
        np.testing.assert_array_equal(terminated, loop_terminated)
        assert_same_final(info, loop_info)
        ends += int(terminated.sum())
        if mode is AutoresetMode.DISABLED and terminated.any():
            assert data_equivalence(batch, expected)
            batch, _ = envs.reset(options={"reset_mask": terminated.copy()})
            expected, _ = loop.reset(options={"reset_mask": terminated.copy()})
    assert ends > 5


def test_statistics_go_around_it():
    envs = RecordEpisodeStatistics(VectorMaskInObservation(NASVectorEnv(tiny_problem(), NUM, autoreset_mode="SameStep")))
    envs.reset(seed=0)
    for _ in range(5):
        _, rewards, _, _, info = envs.step(np.zeros(NUM, dtype=np.int64))
    assert (info["episode"]["r"] == rewards).all()
    assert info["final_obs"]["action_mask"].tolist() == [[1, 0, 0]] * NUM


# ---- misuse ------------------------------------------------------------------------------------


class Two(gymnasium.Env):
    """An environment with other actions."""

    observation_space = Box(0, 1, (2,), np.float32)
    action_space = gymnasium.spaces.MultiDiscrete([2, 3])


def test_what_is_refused():
    with pytest.raises(UnknownName, match="Did you mean 'rllib'"):
        MaskInObservation.dialect(NASEnv(tiny_problem()), "RLib")
    with pytest.raises(InvalidValue, match=r"Discrete action space.*MultiDiscrete"):
        MaskInObservation(Two())
    with pytest.raises(InvalidValue, match="mask_key 'observation' is already"):
        MaskInObservation(NASEnv(tiny_problem()), mask_key="observation")
    for env in (MaskInObservation(NASEnv(tiny_problem())), VectorMaskInObservation(NASVectorEnv(tiny_problem()))):
        with pytest.raises(InvalidValue, match=r"reset\(\) before"):
            env.action_masks()
    with pytest.raises(InvalidValue, match="gives no info"):
        MaskInObservation(gymnasium.make("CartPole-v1")).reset()
    with pytest.raises(TypeError, match="VectorEnv"):
        VectorMaskInObservation(NASEnv(tiny_problem()))


def test_an_environment_with_masks_of_another_package():
    env = MaskInObservation(gymnasium.make("FrozenLake-v1"))
    assert isinstance(env.observation_space, Dict)
    with pytest.raises(InvalidValue, match="action_mask"):
        env.reset(seed=0)
    taxi = MaskInObservation(gymnasium.make("Taxi-v4" if "Taxi-v4" in gymnasium.registry else "Taxi-v3"))
    joined, info = taxi.reset(seed=0)
    assert (joined["action_mask"] == info["action_mask"]).all()
    assert joined in taxi.observation_space
