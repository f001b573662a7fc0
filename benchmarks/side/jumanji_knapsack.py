"""Jumanji's Knapsack (50 items), jit + vmap on the CPU, with random legal actions.

Resets are automatic, in the same step. Its fastest way on this machine: one call a step, as an
agent outside of JAX would drive it, or all steps of a block in one call (`jax.lax.scan`). The
actions are chosen before the clock starts, and every block waits for its last result.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import jumanji
from jumanji.wrappers import VmapAutoResetWrapper
from turns import take_turns

STEPS = 10
BLOCKS = 6


def legal(key: Any, mask: Any) -> Any:
    """A random legal item in every environment; where nothing is legal any more, the first."""
    return jnp.argmax(jax.random.uniform(key, mask.shape) * mask, axis=-1)


def ways(num: int) -> dict[str, Callable[[], int]]:
    """Both ways of playing the same actions from the same states, which lie along one long walk."""
    env = VmapAutoResetWrapper(jumanji.make("Knapsack-v1"))
    step, pick = jax.jit(env.step), jax.jit(legal)
    state, seen = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), num))
    starts, chosen = [], []
    for key in jax.random.split(jax.random.PRNGKey(1), BLOCKS):
        starts.append(state)
        actions = []
        for one in jax.random.split(key, STEPS):
            actions.append(pick(one, seen.observation.action_mask))
            state, seen = step(state, actions[-1])
        chosen.append(actions)
    stacked = [jnp.stack(actions) for actions in chosen]
    turn, turn_at_once = itertools.cycle(range(BLOCKS)), itertools.cycle(range(BLOCKS))

    def one_call_a_step() -> int:
        at = next(turn)
        state = starts[at]
        for action in chosen[at]:
            state, seen = step(state, action)
        jax.block_until_ready(seen)
        return STEPS * num

    scan = jax.jit(lambda state, actions: jax.lax.scan(env.step, state, actions))

    def one_call() -> int:
        at = next(turn_at_once)
        jax.block_until_ready(scan(starts[at], stacked[at]))
        return STEPS * num

    return {"one call a step": one_call_a_step, f"{STEPS} steps in one call": one_call}


def main() -> None:
    """Takes the number of environments as its argument."""
    take_turns(ways(int(sys.argv[1])), ("jumanji", "jax"))


if __name__ == "__main__":
    main()
