"""Decisions per second: `NASVectorEnv` beside the loop over `NASEnv`, Gymnasium's CartPole, and a plain copy of the output.

Random legal actions are chosen before the clock starts; masks and infos are on. Of our environments only decisions are
counted, not the steps that reset; of CartPole every step. The contestants take turns in one process, a few milliseconds each,
and every ratio is the median over the rounds of the ratio within a round, so that a busy machine slows both sides alike. The
copy limit is `numpy.copyto` of every array of numbers that a step returns, separately, into arrays that are there already; one
step in the middle of an episode and the last one stand for all, so that the limit has everything in the cache. Run from the repository root::

    OMP_NUM_THREADS=1 python benchmarks/env_speed.py
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import SyncVectorEnv, VectorEnv

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import markdown_table, write_page
from nasgym.env import NASEnv
from nasgym.errors import MissingData
from nasgym.factory import make_problem
from nasgym.vector_env import NASVectorEnv

IDS = ("nasgym/NASBenchMacro-v0", "nasgym/Digits-v0")
SIZES = (1, 64, 1024, 4096)
BLOCK_SECONDS = 4e-3
ILLEGAL = 0.02


@dataclass(frozen=True)
class Contestant:
    """Something to time: `work` does `count` decisions, steps or copied decisions."""

    work: Callable[[], None]
    count: int


def random_actions(env: NASVectorEnv, steps: int, illegal: float = 0.0) -> tuple[list[np.ndarray], int]:
    """Actions from a first reset on, and how many of them are decisions."""
    rng = np.random.default_rng(0)
    env.reset()
    resetting = np.zeros(env.num_envs, dtype=bool)
    actions, decisions = [], 0
    for _ in range(steps):
        masks = env.action_masks()
        chosen = (rng.random(masks.shape) * masks).argmax(axis=1)
        chosen[rng.random(env.num_envs) < illegal] = masks.shape[1]
        decisions += int((~resetting).sum())
        ended = env.step(chosen)[2]
        if env.autoreset_mode.value == "NextStep":
            resetting = ended
        actions.append(chosen)
    return actions, decisions


def episode_steps(env: NASVectorEnv) -> int:
    """Steps after which everything repeats, where nothing is illegal."""
    return env.space.num_decisions + (env.autoreset_mode.value == "NextStep")


def player(env: VectorEnv, actions: list[np.ndarray], count: int, times: int) -> Contestant:
    """Plays the same actions from a reset on, some times; they are few, because an agent's actions are fresh in the cache."""

    def work() -> None:
        for _ in range(times):
            env.reset()
            for action in actions:
                env.step(action)

    return Contestant(work, count * times)


def native(env: NASVectorEnv, illegal: float = 0.0) -> Contestant:
    """Two episodes, as often as they fit into a block."""
    actions, decisions = random_actions(env, 2 * episode_steps(env), illegal)
    return player(env, actions, decisions, max(1, int(BLOCK_SECONDS / (env.num_envs * 2e-8 + 1.5e-5) / len(actions))))


def loop(env: NASVectorEnv, problem: Any, observation: str) -> Contestant:
    """One episode of the loop over scalar environments, with the actions of the native one."""
    actions, decisions = random_actions(env, episode_steps(env))
    kept = SyncVectorEnv([lambda: NASEnv(problem, observation=observation)] * env.num_envs, autoreset_mode=env.autoreset_mode)
    return player(kept, actions, decisions, 1)


def cartpole(num: int) -> Contestant:
    """Gymnasium's native CartPole; steps that reset are counted too."""
    rng = np.random.default_rng(0)
    actions = [rng.integers(0, 2, num) for _ in range(30)]
    return player(CartPoleVectorEnv(num), actions, 30 * num, max(1, int(BLOCK_SECONDS / (num * 5e-8 + 3e-5) / 30)))


def arrays_of(returned: Any) -> Iterator[np.ndarray]:
    """Every array of numbers that `step` gave."""
    for value in returned.values() if isinstance(returned, dict) else returned:
        if isinstance(value, dict):
            yield from arrays_of(value)
        elif value.dtype != object:
            yield value


def copy_limit(env: NASVectorEnv) -> Contestant:
    """Copies the output of a middle step for every step but the last, whose own output it copies."""
    actions, decisions = random_actions(env, episode_steps(env))
    env.reset()
    given = [list(arrays_of(env.step(action))) for action in actions]
    last = env.space.num_decisions - 1
    pairs = {t: [(np.empty_like(array), array) for array in given[t]] for t in (last // 2, last)}

    def work() -> None:
        for step in range(len(actions)):
            for place, array in pairs[last if step == last else last // 2]:
                np.copyto(place, array)

    return Contestant(work, decisions)


def race(contestants: dict[str, Contestant], rounds: int) -> dict[str, np.ndarray]:
    """``(rounds,)`` seconds per counted item; the contestants take turns."""
    for contestant in contestants.values():
        contestant.work()
    seconds = {name: np.empty(rounds) for name in contestants}
    for i in range(rounds):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant.work()
            seconds[name][i] = (time.perf_counter() - start) / contestant.count
    return seconds


def speed(seconds: np.ndarray) -> str:
    """Millions a second."""
    return f"{1e-6 / np.median(seconds):.3g}"


def ratio(one: np.ndarray, other: np.ndarray) -> str:
    """How many times faster the first is: median and quartiles over the rounds."""
    low, middle, high = np.quantile(other / one, [0.25, 0.5, 0.75])
    return f"**{middle:.3g}** ({low:.3g} to {high:.3g})"


def rows_of(env_id: str, num: int, rounds: int) -> Iterator[list[str]]:
    """The table's rows of one id and size."""
    problem = make_problem(env_id)
    for observation in ("onehot", "tokens"):
        for mode in ("NextStep", "SameStep"):
            options: dict[str, Any] = {"observation": observation, "autoreset_mode": mode}
            env = NASVectorEnv(problem, num, **options)
            racers = {
                "native": native(env),
                "wild": native(NASVectorEnv(problem, num, **options), ILLEGAL),
                "copy": copy_limit(NASVectorEnv(problem, num, **options)),
                "cartpole": cartpole(num),
            }
            got = race(racers, rounds)
            slow = race({"native": racers["native"], "loop": loop(env, problem, observation)}, max(3, rounds // 8))
            yield [
                env_id.removeprefix("nasgym/"),
                f"{num:,}",
                observation,
                mode,
                speed(got["native"]),
                ratio(slow["native"], slow["loop"]),
                ratio(got["native"], got["cartpole"]),
                f"**{np.median(got['native'] / got['copy']):.3g}**",
                ratio(got["wild"], got["cartpole"]),
            ]


def main() -> int:
    """Measures, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    header = [
        "id",
        "environments",
        "observation",
        "reset",
        "million decisions / s",
        "x loop",
        "x CartPole",
        "copies",
        "x CartPole, 2 % illegal",
    ]
    rows = []
    for env_id in IDS:
        try:
            make_problem(env_id)
        except MissingData as error:
            print(f"{env_id} is left out: {error}")
            continue
        for num in options.sizes:
            print(f"{env_id}, {num} environments", file=sys.stderr, flush=True)
            rows += rows_of(env_id, num, options.rounds)
    explained = (
        "Ratios are medians over the rounds (quartiles in brackets). *x loop*: times faster than Gymnasium's `SyncVectorEnv` over "
        "`NASEnv`. *x CartPole*: times the steps per second of Gymnasium's `CartPoleVectorEnv` with as many environments. "
        "*copies*: time of a decision over the time to copy the arrays that it returns. *2 % illegal*: so many actions are illegal, "
        "and the environments no longer march in step. "
        f"Load averages of the machine when it ended: {', '.join(f'{load:.1f}' for load in os.getloadavg())}."
    )
    write_page(
        "env_speed",
        "Speed of the vector environment",
        "python benchmarks/env_speed.py",
        [explained, markdown_table(header, rows)],
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
