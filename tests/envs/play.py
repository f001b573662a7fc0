"""The native vector environment and Gymnasium's loop over the scalar one, played side by side."""

from __future__ import annotations

import copy

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from nasgym.envs.env import NASEnv
from nasgym.envs.observation import map_arrays
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.ledger import Ledger

MODES = list(AutoresetMode)
OBSERVATIONS = ("onehot", "tokens", "dict")
NUM = 4


def assert_same_info(native, loop, key=""):
    """Equal keys and flags; equal values where the flag is set."""
    assert set(native) == set(loop), key
    for name in [name for name in loop if not name.startswith("_")]:
        flags = loop[f"_{name}"]
        np.testing.assert_array_equal(native[f"_{name}"], flags)
        assert native[f"_{name}"].dtype == bool
        if isinstance(loop[name], dict):
            assert_same_info(native[name], loop[name], name)
        elif name == "final_obs":  # the loop has an array of objects
            together = map_arrays(lambda *parts: np.stack(parts), *loop[name][flags])
            map_arrays(lambda one, other, rows=flags: np.testing.assert_array_equal(one[rows], other), native[name], together)
        else:
            assert native[name].dtype == loop[name].dtype, name
            assert native[name].shape == loop[name].shape
            np.testing.assert_array_equal(native[name][flags], loop[name][flags], err_msg=name)


def assert_same(native, loop):
    """Everything that reset() or step() returned."""
    assert_same_info(native[-1], loop[-1])
    map_arrays(assert_same_array, native[0], loop[0])
    for one, other in zip(native[1:-1], loop[1:-1], strict=True):
        assert_same_array(one, other)


def assert_same_array(one, other):
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)


def some_actions(rng, masks, illegal):
    """Legal actions at random; with a probability one that may be illegal or not exist at all."""
    legal = (rng.random(masks.shape) * masks).argmax(axis=1)
    wild = rng.integers(-2, masks.shape[1] + 3, size=len(masks))
    return np.where(rng.random(len(masks)) < illegal, wild, legal)


def play_both(native, loop, seed, steps, illegal):
    """The same seeds, actions and partial resets for both; compares all that comes back."""
    rng = np.random.default_rng(seed)
    assert_same(native.reset(seed=seed), loop.reset(seed=seed))
    target = native._core.own_target
    aimed = not np.isnan(target) and seed % 3 == 1 and not isinstance(native._evaluator, Ledger) and not value_shaped(native)
    if aimed:
        options = {"target": 1.01 * target}
        assert_same(native.reset(options=options), loop.reset(options=options))
    if seed % 2:  # one seed each; without one, a generator goes on
        seeds = [seed + 3, None, 5, seed]
        assert_same(native.reset(seed=seeds), loop.reset(seed=seeds))
    for _ in range(steps):
        masks = np.array(loop.call("action_masks"))
        np.testing.assert_array_equal(native.action_masks(), masks)
        actions = some_actions(rng, masks, illegal)
        given = native.step(actions)
        assert_same(given, loop.step(actions))
        assert native.observation_space.contains(given[0])
        ended = given[2]
        if native.autoreset_mode is AutoresetMode.DISABLED and ended.any():
            more = ended | (rng.random(NUM) < 0.1)
            again = None if rng.random() < 0.7 else int(rng.integers(1000))
            options = {"reset_mask": more, **({"target": target} if aimed and rng.random() < 0.5 else {})}
            assert_same(native.reset(seed=again, options=options), loop.reset(seed=again, options={**options}))
            assert options["reset_mask"] is more


def value_shaped(native):
    return native._core.potential is not None and native._core.potential.kind == "value"


def both(evaluator, mode, **options):
    """A native environment and a loop; each has its own ledger where there is a budget."""
    evaluators = (evaluator, copy.deepcopy(evaluator)) if isinstance(evaluator, Ledger) else (evaluator, evaluator)
    native = NASVectorEnv(evaluators[0], NUM, autoreset_mode=mode, **options)
    loop = SyncVectorEnv([lambda: NASEnv(evaluators[1], **options)] * NUM, autoreset_mode=mode)
    assert native.observation_space == loop.observation_space
    assert native.action_space == loop.action_space
    assert native.single_observation_space == loop.single_observation_space
    assert native.metadata == loop.metadata
    assert isinstance(native.metadata["autoreset_mode"], AutoresetMode)
    return native, loop


def assert_one_ledger(native, loop):
    one, other = native._evaluator.history, loop.envs[0]._core.evaluator.history
    for name in ("archs", "reward", "spent", "proposals", "incumbent"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def play_evaluator(evaluator, mode, seeds, episodes=3, **options):
    native, loop = both(evaluator, mode, **options)
    steps = episodes * (native._observer.steps.space.num_decisions + 1)
    for seed in seeds:
        play_both(native, loop, seed, steps, illegal=(0.0, 0.03, 0.3)[seed % 3])
    if isinstance(evaluator, Ledger):
        assert_one_ledger(native, loop)
