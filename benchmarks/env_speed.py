"""Decisions per second of `NASVectorEnv`, beside loops, other libraries and a copy of its output.

The loops are Gymnasium's, over `NASEnv`. Random legal actions are chosen before the clock starts;
masks and infos are on. Of our environments only decisions are counted, not the steps that reset; of
the others every step. The contestants take turns, a few milliseconds each, and every ratio is the
median over the rounds of the ratio within a round, so that a busy machine slows both sides alike.
The copy limit is `numpy.copyto` of every array of numbers that a step returns, separately, into
arrays that are there already; one step in the middle of an episode and the last one stand for all,
so that the limit has everything in the cache. `benchmarks.bench` puts the rows into the page.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv

from benchmarks.contest import BLOCK_SECONDS, Contestant, Seconds, Work, race, rate, spread, times_faster
from benchmarks.rows import Goal, Row
from benchmarks.side.client import Unusable, start
from nasgym.envs.env import NASEnv
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import MissingData
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem

IDS = ("nasgym/NASBenchMacro-v0", "nasgym/Digits-v0")
SIZES = (1, 64, 1024, 4096)
OBSERVATIONS = ("onehot", "tokens")
MODES = ("NextStep", "SameStep")
ILLEGAL = 0.02
SIDES = {"EnvPool CartPole": "envpool", "Jumanji Knapsack": "jumanji"}
# AsyncVectorEnv is one process for each environment: up to here always; up to the second number for
# one setting only, since 1,024 processes take a quarter of a minute to start; never more
ASYNC_ALWAYS, ASYNC_AT_ALL = 64, 1024
# of each process, and as much again to be safe
PROCESS_BYTES = 8 * 2**20
# environments that the loops step through in all rounds of one episode
LOOP_ENVS = 4096
# observation and mode to how many times CartPole's speed is wanted at 1,024 environments
CARTPOLE_GOALS = {
    ("onehot", "NextStep"): 3.0,
    ("tokens", "NextStep"): 6.0,
    ("onehot", "SameStep"): 2.0,
    ("tokens", "SameStep"): 3.0,
}


@dataclass(frozen=True)
class Setting:
    """One line of the table.

    Attributes:
        env_id: Id of the environment.
        num: Number of environments.
        observation: ``"onehot"`` or ``"tokens"``.
        mode: When ended environments start again, ``"NextStep"`` or ``"SameStep"``.
    """

    env_id: str
    num: int
    observation: str
    mode: str

    def native(self, problem: Problem) -> NASVectorEnv:
        """A new native vector environment."""
        options: dict[str, Any] = {"observation": self.observation, "autoreset_mode": self.mode}
        return NASVectorEnv(problem, self.num, **options)

    @property
    def what(self) -> str:
        """The first cell."""
        return f"NASVectorEnv, {_short(self.env_id)}, {self.observation}, {self.mode}"


@dataclass
class Sides:
    """The side contestants of one size: those that run, described, and why the others do not."""

    running: dict[str, Contestant] = field(default_factory=dict)
    ways: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def drop(self, contestant: object, reason: str) -> None:
        """Takes note of one that has ended while it ran."""
        label = next(label for label, running in self.running.items() if running is contestant)
        del self.running[label]
        self.ways.pop(label, None)
        self.absent[label] = reason


def _short(env_id: str) -> str:
    return env_id.removeprefix("nasgym/").removesuffix("-v0")


# ---- contestants -------------------------------------------------------------------------------


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


def player(env: VectorEnv, actions: list[np.ndarray], count: int, times: int) -> Work:
    """Plays the same actions from a reset on, several times.

    They are few, because an agent's actions are fresh in the cache.
    """

    def work() -> None:
        for _ in range(times):
            env.reset()
            for action in actions:
                env.step(action)

    return Work(work, count * times)


def native(env: NASVectorEnv, illegal: float = 0.0) -> Work:
    """Two episodes, as often as they fit into a block."""
    actions, decisions = random_actions(env, 2 * episode_steps(env), illegal)
    return player(env, actions, decisions, max(1, int(BLOCK_SECONDS / (env.num_envs * 2e-8 + 1.5e-5) / len(actions))))


def cartpole(num: int) -> Work:
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


def copy_limit(env: NASVectorEnv) -> Work:
    """Copies the output of a middle step for every step but the last, which has its own."""
    actions, decisions = random_actions(env, episode_steps(env))
    env.reset()
    given = [list(arrays_of(env.step(action))) for action in actions]
    last = env.space.num_decisions - 1
    pairs = {t: [(np.empty_like(array), array) for array in given[t]] for t in (last // 2, last)}

    def work() -> None:
        for step in range(len(actions)):
            for place, array in pairs[last if step == last else last // 2]:
                np.copyto(place, array)

    return Work(work, decisions)


def scalar(env: NASEnv, actions: list[np.ndarray]) -> Work:
    """One `NASEnv` without anything around it, a few episodes."""
    choices = [int(action[0]) for action in actions[: env.space.num_decisions]]
    times = 10

    def work() -> None:
        for _ in range(times):
            env.reset()
            for choice in choices:
                env.step(choice)

    return Work(work, times * len(choices))


def most_processes() -> int:
    """How many processes of `AsyncVectorEnv` fit into the memory here, up to `ASYNC_AT_ALL`."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return ASYNC_AT_ALL if memory // 2 >= ASYNC_AT_ALL * PROCESS_BYTES else ASYNC_ALWAYS


def sides_of(num: int, stack: ExitStack) -> Sides:
    """Starts the side contestants of a size; the stack ends them."""
    sides = Sides()
    for label, name in SIDES.items():
        try:
            side = stack.enter_context(start(name, num))
        except Unusable as error:
            sides.absent[label] = str(error)
            print(f"{label}, {num} environments: {error}", file=sys.stderr)
        else:
            sides.running[label] = side
            versions = ", ".join(f"{package} {version}" for package, version in side.description["versions"].items())
            sides.ways[label] = f"{side.description['way']} ({versions})"
    return sides


# ---- rows --------------------------------------------------------------------------------------


def row_of(setting: Setting, problem: Problem, sides: Sides, rounds: int, processes: int) -> Row:
    """Measures one line of the table."""
    env = setting.native(problem)
    racers: dict[str, Contestant] = {
        "native": native(env),
        "wild": native(setting.native(problem), ILLEGAL),
        "numpy.copyto": copy_limit(setting.native(problem)),
        "CartPoleVectorEnv": cartpole(setting.num),
    }
    got = race(racers, rounds)
    beside = {"CartPoleVectorEnv": _cell(got["native"], got["CartPoleVectorEnv"])}
    beside |= {label: _cell(mine, other) for label, (mine, other) in _sides(racers["native"], sides, rounds).items()}
    beside |= dict.fromkeys(sides.absent, "absent")
    beside["numpy.copyto"] = f"**{times_faster(got['numpy.copyto'], got['native']):.3g}** times its time"
    beside["2 % illegal"] = f"{rate(got['wild'])}, {spread(got['wild'], got['CartPoleVectorEnv'])} x CartPole"

    loops = _loops(setting, problem, racers["native"], rounds, processes)
    beside |= {label: _cell(mine, other) for label, (mine, other) in loops.items()}
    beside.setdefault("AsyncVectorEnv", f"{setting.num:,} processes: not run")
    return Row(
        setting.what,
        f"{setting.num:,}",
        f"{rate(got['native'])} decisions/s",
        beside,
        _goals(setting, got, times_faster(*loops["SyncVectorEnv"])),
    )


def _sides(fast: Contestant, sides: Sides, rounds: int) -> dict[str, tuple[Seconds, Seconds]]:
    """Seconds of ours and of each side contestant, from the same rounds.

    Not in one race with the others: a contestant that follows work of another process finds the
    processor's caches full of that. It would slow one contestant of this process and spare the
    next.
    """
    while sides.running:
        try:
            got = race({"native": fast, **sides.running}, rounds)
        except Unusable as error:
            sides.drop(error.contestant, str(error))
        else:
            return {label: (got["native"], got[label]) for label in sides.running}
    return {}


def _loops(
    setting: Setting, problem: Problem, fast: Contestant, rounds: int, processes: int
) -> dict[str, tuple[Seconds, Seconds]]:
    """Gymnasium's vector environments over `NASEnv`, one episode a block.

    Returns:
        By their names, the seconds of ours and of theirs from the same rounds.
    """
    env = setting.native(problem)
    actions, decisions = random_actions(env, episode_steps(env))
    makers = [lambda: NASEnv(problem, observation=setting.observation)] * setting.num
    # a round of 4,096 environments takes many seconds, and what is thousands of times slower needs
    # no quartiles
    rounds = max(1, min(rounds // 8, LOOP_ENVS // setting.num))

    def against(label: str, loop: VectorEnv, rounds: int) -> tuple[Seconds, Seconds]:
        got = race({"native": fast, label: player(loop, actions, decisions, 1)}, rounds)
        return got["native"], got[label]

    found = {"SyncVectorEnv": against("loop", SyncVectorEnv(makers, autoreset_mode=setting.mode), rounds)}
    first = (setting.observation, setting.mode) == ("onehot", "NextStep")
    if setting.num <= (processes if first else ASYNC_ALWAYS):
        loop = AsyncVectorEnv(makers, autoreset_mode=setting.mode)
        try:
            found["AsyncVectorEnv"] = against("processes", loop, rounds if setting.num <= ASYNC_ALWAYS else 1)
        finally:
            loop.close()
    return found


def _cell(mine: Seconds, other: Seconds) -> str:
    """The other's rate, and how many times faster ours is."""
    return f"{rate(other)}, {spread(mine, other)}"


def _goals(setting: Setting, got: dict[str, Seconds], times_loop: float) -> list[Goal]:
    """What the issue of this benchmark asks of a line."""
    goals = []
    kind = (setting.observation, setting.mode)
    if setting.num == 1024:
        if kind == ("onehot", "NextStep"):
            goals.append(Goal.at_least(times_loop, 100, "x SyncVectorEnv"))
        times = times_faster(got["native"], got["CartPoleVectorEnv"])
        goals.append(Goal.at_least(times, CARTPOLE_GOALS[kind], "x CartPole"))
    if setting.num == 4096 and kind == ("onehot", "NextStep"):
        goals.append(Goal.below(times_faster(got["numpy.copyto"], got["native"]), 4, "x the copy's time"))
    return goals


def rows(sizes: tuple[int, ...], rounds: int, processes: int) -> tuple[list[Row], list[str]]:
    """All rows, and remarks on them: what the side contestants did, and what is not there."""
    found, remarks, problems = [], [], {}
    for env_id in IDS:
        try:
            problems[env_id] = make_problem(env_id)
        except MissingData as error:
            found.append(Row(f"NASVectorEnv, {_short(env_id)}", "", f"not measured: {error}"))
    for env_id, problem in problems.items():
        for observation in OBSERVATIONS:
            actions, _ = random_actions(NASVectorEnv(problem, 1, observation=observation), problem.space.num_decisions)
            got = race({"one": scalar(NASEnv(problem, observation=observation), actions)}, rounds)["one"]
            found.append(Row(f"NASEnv, {_short(env_id)}, {observation}", "1", f"{rate(got)} decisions/s"))
    for num in sizes:
        with ExitStack() as stack:
            sides = sides_of(num, stack)
            for env_id, problem in problems.items():
                print(f"{env_id}, {num:,} environments", file=sys.stderr, flush=True)
                for observation in OBSERVATIONS:
                    for mode in MODES:
                        setting = Setting(env_id, num, observation, mode)
                        found.append(row_of(setting, problem, sides, rounds, processes))
        for label in SIDES:
            done = sides.ways.get(label) or f"absent: {sides.absent[label]}"
            remarks.append(f"{label}, {num:,} environment{'s' * (num > 1)}: {done}.")
    return found, remarks
