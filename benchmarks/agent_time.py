"""What a change does to the time that reinforce and ppo take, and to what they find.

    OMP_NUM_THREADS=1 python -m benchmarks.agent_time ../before --pairs 5 --seeds 50

Two processes, one of each checkout and both on one core, search in turn (`before_after` says how
the turns make a ratio and its interval). Compared are

* reinforce's own time per evaluation: processor time outside of ``Ledger.evaluate``, in searches of
  300 total evaluations;
* the share of ppo's time that is not Stable-Baselines3's, sb3-contrib's or torch's, by cProfile on
  the processor's clock: of the whole search, less the calls out of nasgym into these libraries,
  plus the calls that these make back into nasgym (edges of the call graph, with all that is below
  them). The evaluations of the ledger belong to it;
* final rewards of both agents with the same seeds on Digits (budget 300, distinct evaluations): how
  many histories are equal, and the 95 % interval of the mean paired difference.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import json
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

HERE = Path(__file__).resolve()

if TYPE_CHECKING:
    from nasgym.problems.problem import Problem

TABLES = ("nasgym/NASBenchMacro-v0", "nasgym/Digits-v0")
LIBRARIES = ("/stable_baselines3/", "/sb3_contrib/", "/torch/")
EVALUATIONS = 300


@cache
def _problem(env_id: str) -> Problem:
    """One problem for all searches, as a worker of ``nasgym compare`` has it."""
    import nasgym

    return nasgym.make_problem(env_id)


def search(agent: str, env_id: str, seed: int) -> float:
    """Own processor seconds per evaluation of one search."""
    from before_after import own_seconds  # beside this file: this may be another checkout's process

    return own_seconds(agent, _problem(env_id), EVALUATIONS, seed) / EVALUATIONS


def outside_share(env_id: str, seed: int) -> float:
    """Share of ppo's time outside of the libraries that it runs on."""
    import nasgym
    from nasgym.agents import make_agent
    from nasgym.ledger import Budget, Ledger

    root = str(Path(nasgym.__file__).resolve().parents[1]) + "/"
    ledger = Ledger(_problem(env_id), Budget("total", EVALUATIONS), seed=seed)
    profile = cProfile.Profile(time.process_time)
    profile.runcall(make_agent("ppo").search, ledger, seed=seed)
    stats = pstats.Stats(profile)

    def ours(function: tuple[str, int, str]) -> bool:
        return function[0].startswith("/") and os.path.realpath(function[0]).startswith(root)

    def theirs(function: tuple[str, int, str]) -> bool:
        return any(library in function[0] for library in LIBRARIES)

    outside = stats.total_tt
    for function, (*_, callers) in stats.stats.items():
        for caller, (*_, below) in callers.items():
            outside -= below * (theirs(function) and ours(caller))
            outside += below * (ours(function) and theirs(caller))
    return outside / stats.total_tt


def found(agent: str, seed: int) -> list[object]:
    """Best reward of a search, and a hash of all that it evaluated."""
    import nasgym
    from nasgym.agents import make_agent

    result = make_agent(agent).search(nasgym.make_problem(TABLES[1]), budget=EVALUATIONS, seed=seed)
    return [float(result.history.reward.max()), hashlib.sha256(result.history.archs.tobytes()).hexdigest()]


def serve() -> None:
    """Answers each line of stdin, a function's name and arguments as JSON, with its result."""
    import torch

    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):  # one core for both sides, so that they see the same neighbours
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    known: dict[str, Callable[..., object]] = {"search": search, "outside_share": outside_share, "found": found}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(known[name](*arguments)), flush=True)


def main() -> int:
    """Measures and prints; 1 where rewards differ."""
    from benchmarks.before_after import paired, report, start

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, nargs="?", help="the other checkout")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--agents", nargs="+", default=["reinforce", "ppo"], help="whose rewards are compared")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    if options.before is None or not (options.before / "nasgym").is_dir():
        parser.error(f"{options.before} is no checkout of nasgym")
    sides = {"before": options.before.resolve(), "after": HERE.parents[1]}
    servers = {side: start(checkout, str(HERE), "--serve") for side, checkout in sides.items()}

    def ask(side: str, *question: object) -> object:
        return answer(servers[side], *question)

    try:
        ratios = {}
        for env_id in TABLES if options.pairs else ():
            for name, question in (("reinforce, own ms per evaluation", "search"), ("ppo, % outside", "outside_share")):
                arguments = ("reinforce", env_id) if question == "search" else (env_id,)
                said: dict[str, list[float]] = {"before": [], "after": []}

                def one(
                    side: str, question: str = question, arguments: tuple[str, ...] = arguments, said: dict = said
                ) -> float:
                    said[side].append(float(ask(side, question, *arguments, len(said[side]))))
                    return said[side][-1]

                ratio = paired(one, options.pairs)
                scale = 1000 if question == "search" else 100
                before, after = (scale * np.median(said[side]) for side in sides)
                ratios[f"{name}, {env_id}: {before:.3f} before, {after:.3f} after, ratio"] = ratio
        report(ratios)
        differ = [compare(agent, options.seeds, ask) for agent in options.agents if options.seeds]
    finally:
        for server in servers.values():
            server.kill()
            server.wait()
    return int(any(differ))


def answer(server: subprocess.Popen[str], *question: object) -> object:
    """What a process of a checkout says."""
    print(json.dumps(question), file=server.stdin, flush=True)
    return json.loads(server.stdout.readline())


def compare(agent: str, seeds: int, ask: Callable[..., object]) -> bool:
    """Prints how the final rewards of an agent differ; True where the interval is beside 0."""
    from scipy.stats import t

    pairs = [[ask(side, "found", agent, seed) for side in ("before", "after")] for seed in range(seeds)]
    same = sum(before[1] == after[1] for before, after in pairs)
    gains = np.array([after[0] - before[0] for before, after in pairs])
    half = float(t.ppf(0.975, seeds - 1)) * gains.std(ddof=1) / np.sqrt(seeds)
    low, high = gains.mean() - half, gains.mean() + half
    equal = int((gains == 0).sum())
    print(
        f"{agent}, final reward on {TABLES[1]}, {seeds} seeds: {gains.mean():+.6f} [{low:+.6f}, {high:+.6f}]; "
        f"{equal} rewards and {same} histories are equal"
    )
    return not low <= 0 <= high


if __name__ == "__main__":
    raise SystemExit(main())
