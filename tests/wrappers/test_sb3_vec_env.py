"""A vector environment inside Stable-Baselines3, against its own loop over single environments."""

from __future__ import annotations

from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorWrapper
from gymnasium.wrappers import TimeLimit
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor

from nasgym.envs.env import NASEnv
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import BudgetExhausted, InvalidValue
from nasgym.ledger import Budget
from nasgym.wrappers import MaskInObservation, SB3VecEnv, VectorMaskInObservation
from tests.tiny import tiny_ledger, tiny_problem
from tests.wrappers.wild_actions import wild_actions

NUM = 3
DIGITS = "nasgym/Digits-v0"


def same_step(scalar):
    """Gymnasium's loop, as an example of a vector environment that is not ours."""
    return SyncVectorEnv([scalar] * NUM, autoreset_mode=AutoresetMode.SAME_STEP)


def native(**keywords):
    return NASVectorEnv(tiny_problem(target=18.0, seed="sampled"), NUM, autoreset_mode="SameStep", **keywords)


def scalar(**keywords):
    return NASEnv(tiny_problem(target=18.0, seed="sampled"), **keywords)


def limited():
    return TimeLimit(scalar(), 3)


PAIRS = {
    "onehot": (native, scalar),
    "tokens": (partial(native, observation="tokens"), partial(scalar, observation="tokens")),
    "dict": (partial(native, observation="dict"), partial(scalar, observation="dict")),
    "feasible": (partial(native, mask="feasible"), partial(scalar, mask="feasible")),
    "layers": (partial(native, granularity="layer"), partial(scalar, granularity="layer")),
    "mask": (lambda: VectorMaskInObservation(native()), lambda: MaskInObservation(scalar())),
    "loop": (lambda: same_step(scalar), scalar),
    "loop, dict": (lambda: same_step(partial(scalar, observation="dict")), partial(scalar, observation="dict")),
    "loop, truncated": (lambda: same_step(limited), limited),
}


# ---- the same as DummyVecEnv -------------------------------------------------------------------


def plain(observations):
    """SB3's loop gives an ordered dict, where a dict is ordered anyway."""
    return dict(observations) if isinstance(observations, dict) else observations


@pytest.mark.parametrize("pair", PAIRS)
def test_trajectories_are_those_of_dummy_vec_env(pair):
    vector, single = PAIRS[pair]
    ours, theirs = SB3VecEnv(vector()), DummyVecEnv([single] * NUM)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    rng = np.random.default_rng(1)
    assert ours.seed(11) == theirs.seed(11)
    assert data_equivalence(ours.reset(), plain(theirs.reset()))
    ends = 0
    for _ in range(60):
        assert data_equivalence(ours.reset_infos, theirs.reset_infos)
        masks = get_action_masks(theirs)
        assert data_equivalence(get_action_masks(ours), masks)
        assert data_equivalence([mask() for mask in ours.get_attr("action_masks")], list(masks))
        actions = wild_actions(rng, masks, 0.1)
        got, expected = ours.step(actions), theirs.step(actions)
        for one, other in zip(got, expected, strict=True):
            assert data_equivalence(one, plain(other))
        ends += int(got[2].sum())
    assert ends > 5
    ours.close()
    theirs.close()


def test_what_was_returned_stays_as_it_was():
    envs = SB3VecEnv(native())
    first = envs.reset()
    kept = first.copy()
    _, rewards, dones, infos = envs.step(np.ones(NUM, dtype=np.int64))
    infos[0]["mine"] = 1
    copies = rewards.copy(), dones.copy()
    for _ in range(4):
        _, _, _, infos_of_end = envs.step(np.zeros(NUM, dtype=np.int64))
    assert (first == kept).all()
    assert (rewards == copies[0]).all()
    assert (dones == copies[1]).all()
    assert "mine" not in infos_of_end[0]
    assert infos[0].keys() == {"action_mask", "TimeLimit.truncated", "mine"}
    assert infos[1].keys() == {"action_mask", "TimeLimit.truncated"}
    at_the_end = {"terminal_observation", "arch", "accuracy", "feasible", "latency_ms@phone", "energy_mj"}
    assert infos_of_end[0].keys() >= infos[1].keys() | at_the_end


def test_seeds_and_options_are_for_the_next_reset_only(monkeypatch):
    seen = []
    env = native()
    reset = env.reset
    monkeypatch.setattr(env, "reset", lambda **given: (seen.append(given), reset(seed=given["seed"]))[1])
    envs = SB3VecEnv(env)
    envs.seed(7)
    envs.set_options({"some": np.arange(2)})
    envs.set_options([{"some": np.arange(3)} for _ in range(NUM)])
    envs.reset()
    envs.reset()
    assert seen[0]["seed"] == [7, 8, 9]
    assert seen[0]["options"]["some"].tolist() == [0, 1, 2]
    assert seen[1] == {"seed": None, "options": None}
    for wrong in ([{}, {}, {"some": 1}], [{}], []):
        with pytest.raises(InvalidValue, match="one dict of options"):
            envs.set_options(wrong)
    with pytest.raises(InvalidValue, match="leave out reset_mask"):
        envs.set_options({"reset_mask": np.ones(NUM, dtype=bool)})


def test_targets_in_an_array_are_those_of_a_dict_for_each():
    targets = [10.0, 20.0, 30.0]
    ours, theirs = SB3VecEnv(native()), DummyVecEnv([scalar] * NUM)
    ours.set_options({"target": np.array(targets)})
    theirs.set_options([{"target": target} for target in targets])
    first = ours.reset()
    assert data_equivalence(first, theirs.reset())
    assert len(np.unique(first[:, -1])) == NUM


# ---- learning ----------------------------------------------------------------------------------


def make_envs(kind):
    if kind == "dummy":
        return DummyVecEnv([partial(NASEnv, DIGITS)] * 2)
    if kind == "subproc":
        return SubprocVecEnv([partial(NASEnv, DIGITS)] * 2, start_method="forkserver")
    envs = gymnasium.make_vec(DIGITS, num_envs=2, autoreset_mode="SameStep", observation="dict" if kind == "dict" else "onehot")
    return SB3VecEnv(VectorMaskInObservation(envs) if kind == "mask" else envs)


@pytest.mark.parametrize("kind", ["dummy", "subproc", "native", "mask", "dict"])
def test_maskable_ppo_learns_from_legal_choices_only(kind):
    torch.set_num_threads(1)
    envs = VecMonitor(make_envs(kind), info_keywords=("arch", "accuracy"))
    assert is_masking_supported(envs)
    policy = "MultiInputPolicy" if kind in ("mask", "dict") else "MlpPolicy"
    model = MaskablePPO(policy, envs, n_steps=30, batch_size=30, n_epochs=1, seed=0, device="cpu")
    before = [weights.detach().clone() for weights in model.policy.parameters()]
    model.learn(60)
    assert any((now != then).any() for now, then in zip(model.policy.parameters(), before, strict=True))
    assert [episode["l"] for episode in model.ep_info_buffer] == [15] * 4  # an illegal choice would end it early
    assert all(0 < episode["accuracy"] < 1 for episode in model.ep_info_buffer)
    envs.close()


def test_a_spent_budget_passes_through():
    envs = SB3VecEnv(NASVectorEnv(tiny_ledger(Budget("total", 4)), NUM, autoreset_mode="SameStep"))
    envs.reset()
    zeros = np.zeros(NUM, dtype=np.int64)
    for _ in range(9):
        envs.step(zeros)
    with pytest.raises(BudgetExhausted):  # the second three architectures cost more than is left
        envs.step(zeros)


def test_statistics_of_gymnasium_are_those_of_the_ended_episode():
    envs = SB3VecEnv(RecordEpisodeStatistics(native()))
    envs.reset()
    for _ in range(5):
        _, rewards, dones, infos = envs.step(np.zeros(NUM, dtype=np.int64))
    assert dones.all()
    assert [info["episode"]["l"] for info in infos] == [5] * NUM
    assert [info["episode"]["r"] for info in infos] == pytest.approx(rewards.tolist())
    assert all(info.keys() == {"action_mask"} for info in envs.reset_infos)
    assert envs.env_is_wrapped(RecordEpisodeStatistics) == [True] * NUM
    assert envs.env_is_wrapped(TimeLimit, indices=[0, 1]) == [False] * 2


# ---- attributes and drawings -------------------------------------------------------------------


def test_attributes_are_those_of_the_vector_environment():
    env = native()
    envs = SB3VecEnv(VectorMaskInObservation(env))
    assert envs.get_attr("space") == [env.space] * NUM
    assert envs.get_attr("action_space", indices=1) == [env.single_action_space]
    assert envs.get_attr("observation_space", indices=[0, 2]) == [envs.observation_space] * 2
    assert envs.render_mode is None
    assert envs.has_attr("action_masks")
    assert not envs.has_attr("no_such_thing")
    with pytest.raises(InvalidValue, match="share their attributes; set 'space' where it is made"):
        envs.set_attr("space", None)
    with pytest.raises(InvalidValue, match=r"no row for each of the 3 environments; call \.vector_env\.__repr__\(\)"):
        envs.env_method("__repr__")
    with pytest.raises(AttributeError, match="no_such_thing"):
        envs.env_method("no_such_thing")


def test_drawings():
    envs = SB3VecEnv(native(render_mode="ansi"))
    envs.reset()
    envs.step(np.array([0, 1, 1]))
    assert envs.env_method("render") == list(envs.vector_env.render())
    assert envs.env_method("render", indices=2) == [envs.vector_env.render()[2]]
    with pytest.raises(InvalidValue, match="render_mode=\"rgb_array\", not 'ansi'"):
        envs.get_images()
    envs.close()
    with pytest.raises(InvalidValue, match="closed"):
        envs.reset()
    envs = SB3VecEnv(native(render_mode="rgb_array"))
    envs.reset()
    images = envs.get_images()
    assert len(images) == NUM
    assert images[0].shape[2] == 3
    assert envs.render().shape == (2 * images[0].shape[0], 2 * images[0].shape[1], 3)  # tiled


# ---- misuse ------------------------------------------------------------------------------------


class TwoRewards(VectorWrapper):
    """Every reward twice, as environments with several objectives have them."""

    def step(self, actions):
        observations, rewards, *rest = self.env.step(actions)
        return observations, np.stack([rewards, rewards], axis=1), *rest


def test_what_is_refused():
    with pytest.raises(InvalidValue, match=r"goes around a Gymnasium VectorEnv.*SameStep"):
        SB3VecEnv(scalar())
    for mode in ("NextStep", "Disabled"):
        with pytest.raises(InvalidValue, match=r'has AutoresetMode.* make it with autoreset_mode="SameStep"'):
            SB3VecEnv(NASVectorEnv(tiny_problem(), NUM, autoreset_mode=mode))
    with pytest.raises(InvalidValue, match="gives no info"):
        SB3VecEnv(same_step(partial(gymnasium.make, "CartPole-v1"))).reset()
    envs = SB3VecEnv(native())
    with pytest.raises(InvalidValue, match=r"reset\(\) before"):
        envs.step(np.zeros(NUM, dtype=np.int64))
    with pytest.raises(InvalidValue, match=r"reset\(\) before"):
        envs.env_method("action_masks")
    envs.reset()
    with pytest.raises(InvalidValue, match="actions are 3 integers"):
        envs.step(np.zeros(2, dtype=np.int64))
    with pytest.raises(InvalidValue, match="step_async"):
        envs.step_wait()
    envs = SB3VecEnv(TwoRewards(native()))
    envs.reset()
    with pytest.raises(InvalidValue, match=r"one reward for each environment, got the shape \(3, 2\)"):
        envs.step(np.zeros(NUM, dtype=np.int64))


def test_several_rewards_are_refused_at_once():
    with pytest.raises(InvalidValue, match="without 'mo-'"):
        SB3VecEnv(gymnasium.make_vec("nasgym/mo-Digits-v0", 2, autoreset_mode="SameStep"))
