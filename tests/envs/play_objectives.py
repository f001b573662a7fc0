"""The native vector environment of several objectives and a loop, played side by side."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode

from nasgym.envs.mo_env import MONASEnv, MONASVectorEnv


class Loop:
    """Gymnasium's three ways of starting again, over scalar environments, for any rewards."""

    def __init__(self, envs, mode):
        self.envs, self.mode, self.ended = envs, mode, [False] * len(envs)

    def reset(self, seed=None, options=None, rows=None):
        chosen = range(len(self.envs)) if rows is None else np.flatnonzero(rows)
        given = [self.envs[i].reset(seed=None if seed is None else seed + int(i), options=options) for i in chosen]
        for i in chosen:
            self.ended[i] = False
        return given

    def step(self, actions):
        rows = []
        for i, (env, action) in enumerate(zip(self.envs, actions, strict=True)):
            if self.ended[i]:
                assert self.mode is AutoresetMode.NEXT_STEP
                seen, info = env.reset()
                reward, terminated = np.zeros(env.reward_dim, dtype=np.float32), False
            else:
                seen, reward, terminated, _, info = env.step(action)
            final = (seen, info)
            self.ended[i] = terminated
            if terminated and self.mode is AutoresetMode.SAME_STEP:
                seen, info = env.reset()
                self.ended[i] = False
            rows.append((seen, reward, terminated, info, final))
        return rows


def assert_equal_rows(native, rows, mode):
    seen, rewards, terminated, truncated, info = native
    assert rewards.dtype == np.float32
    assert not truncated.any()
    final = info.get("final_info", {}) if mode is AutoresetMode.SAME_STEP else info
    for i, (one, reward, ended, alone, (final_seen, final_info)) in enumerate(rows):
        np.testing.assert_array_equal(seen[i], one)
        np.testing.assert_array_equal(rewards[i], reward)
        assert rewards[i].dtype == reward.dtype
        assert terminated[i] == ended
        np.testing.assert_array_equal(info["action_mask"][i], alone["action_mask"])
        if ended and mode is AutoresetMode.SAME_STEP:
            np.testing.assert_array_equal(info["final_obs"][i], final_seen)
        for name, value in final_info.items():
            if name != "action_mask":
                assert final[f"_{name}"][i]
                assert final[name][i] == value, name
        there = {name for name in final if f"_{name}" in final and final[f"_{name}"][i]} - {
            "action_mask",
            "final_info",
            "final_obs",
        }
        assert there == (set(final_info) - {"action_mask"} if ended else set())


def both(evaluator, mode, number=5, **options):
    native = MONASVectorEnv(evaluator, number, autoreset_mode=mode, observation="onehot", **options)
    loop = Loop([MONASEnv(evaluator, observation="onehot", **options) for _ in range(number)], mode)
    first = loop.envs[0]
    assert (native.reward_dim, native.reward_space, native.objectives) == (
        first.reward_dim,
        first.reward_space,
        first.objectives,
    )
    np.testing.assert_array_equal(native.objective_units, first.objective_units)
    return native, loop


def play(native, loop, start, illegal, steps, aim=None):
    mode, number, rng = loop.mode, native.num_envs, np.random.default_rng(start)
    seen, info = native.reset(seed=start, options=aim)
    for i, (one, alone) in enumerate(loop.reset(start, aim)):
        np.testing.assert_array_equal(seen[i], one)
        np.testing.assert_array_equal(info["action_mask"][i], alone["action_mask"])
    ends = 0
    for _ in range(steps):
        masks = native.action_masks()
        legal = (rng.random(masks.shape) * masks).argmax(axis=1)
        actions = np.where(rng.random(number) < illegal, rng.integers(-2, masks.shape[1] + 2, number), legal)
        given = native.step(actions)
        assert all(native.reward_space.contains(reward) for reward in given[1])
        assert_equal_rows(given, loop.step(actions), mode)
        ends += int(given[2].sum())
        if mode is AutoresetMode.DISABLED and given[2].any():
            native.reset(options={"reset_mask": given[2]})
            loop.reset(rows=given[2])
    assert ends
