"""What a change costs in speed: the same public work in two checkouts, turn by turn.

    OMP_NUM_THREADS=1 python -m benchmarks.before_after ../before --pairs 11

Two processes, one of each checkout and both on one core, do the same short blocks of work in turn.
A pair is nine such turns, in alternating order; its ratio (after over before) is the median over
them, because a machine's speed drifts. The interval is a t interval of the mean logarithm over the
pairs, 95 %. A change is too slow where the whole interval lies above 1.03. Only names that users
know are imported, so that the two checkouts may differ inside.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nasgym.problems.problem import Problem

HERE = Path(__file__).resolve()
Block = Callable[[], float]
ALLOWED = 1.03
# of a pair
TURNS = 9
# one search of these is long enough
SLOW = ("reinforce", "ppo")
AGENTS = ("random", "local-search", "regularized-evolution", "layernas", "reinforce", "nsga2", "ppo")
REPORTED = "nasgym/Digits-v0"
REPORT = "report of 20 seeds x 8 agents"
TABLES = ("nasgym/Digits-v0", "nasgym/NASBenchMacro-v0", "nasgym/NATS-TSS-v0")


def least(work: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of some runs."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def environments() -> Iterator[tuple[str, Block]]:
    """Episodes of the vector environment with 1,024 architectures, and of the scalar one."""
    import gymnasium

    rng = np.random.default_rng(0)
    for env_id, options in (
        (TABLES[0], {}),
        (TABLES[0], {"observation": "tokens"}),
        (TABLES[1], {}),
        (TABLES[1], {"mask": "feasible", "target": {"fraction": 0.5, "of": "range"}}),
    ):
        envs = gymnasium.make_vec(env_id, 1024, vectorization_mode="vector_entry_point", **options)
        _, info = envs.reset(seed=0)
        actions = []
        for _ in range(envs.unwrapped.num_steps):
            masks = info["action_mask"]
            actions.append((rng.random(masks.shape) * masks).argmax(axis=1))
            info = envs.step(actions[-1])[-1]

        def episode(envs: gymnasium.vector.VectorEnv = envs, actions: list[np.ndarray] = actions) -> None:
            envs.reset()
            for action in actions:
                envs.step(action)

        yield f"vector environment, {env_id}, {json.dumps(options)}", partial(least, episode, 30)
    env = gymnasium.make(TABLES[0], disable_env_checker=True)

    def scalar() -> None:
        for seed in range(3):
            _, info = env.reset(seed=seed)
            terminated = False
            while not terminated:
                _, _, terminated, _, info = env.step(np.flatnonzero(info["action_mask"])[-1])

    yield f"scalar environment, {TABLES[0]}", partial(least, scalar, 2)


def lookups() -> Iterator[tuple[str, Block]]:
    """Evaluations of tables: 4,096 at once, and one by one."""
    import nasgym

    for env_id in TABLES:
        problem = nasgym.make_problem(env_id)
        archs = problem.space.sample(np.random.default_rng(0), 4096)
        rows = [arch[None] for arch in archs[:100]]
        yield f"4,096 evaluations at once, {env_id}", partial(least, partial(problem.evaluate, archs), 10)
        yield f"100 evaluations one by one, {env_id}", partial(least, lambda p=problem, r=rows: [*map(p.evaluate, r)], 2)


def agents() -> Iterator[tuple[str, Block]]:
    """Processor time of searches of 300 evaluations outside of the ledger."""
    import nasgym

    problem = nasgym.make_problem(TABLES[1], objectives=["accuracy", "macs"])
    for name in AGENTS:
        times = 1 if name in SLOW else 3
        yield (
            f"own time of {name}",
            lambda name=name, times=times: min(own_seconds(name, problem, 300, 0) for _ in range(times)),
        )


def own_seconds(agent: str, problem: Problem, evaluations: int, seed: int) -> float:
    """Processor seconds of a search of so many total evaluations outside of the ledger."""
    from nasgym.agents import make_agent
    from nasgym.ledger import Budget, Ledger

    class Timed(Ledger):
        inside = 0.0

        def evaluate(self, archs: np.ndarray, fidelity: int | None = None) -> object:
            start = time.process_time()
            try:
                return super().evaluate(archs, fidelity)
            finally:
                self.inside += time.process_time() - start

    ledger = Timed(problem, Budget("total", evaluations), seed=seed)
    start = time.process_time()
    make_agent(agent).search(ledger, seed=seed)
    return time.process_time() - start - ledger.inside


def serve() -> None:
    """Names the parts, then does one block of the part that each line of stdin names; seconds."""
    import nasgym  # noqa: F401  # registers the ids

    if hasattr(os, "sched_setaffinity"):  # one core for both sides, so that they see the same neighbours
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    parts = {name: block for group in (environments, lookups, agents) for name, block in group()}
    print(json.dumps(list(parts)), flush=True)
    for line in sys.stdin:
        print(parts[line.strip()](), flush=True)


def start(checkout: Path, *arguments: str) -> subprocess.Popen[str]:
    """A process of a checkout."""
    settings = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=checkout, env=settings, stdin=pipe, stdout=pipe, text=True)


def imported(checkout: Path) -> float:
    """Seconds of ``import nasgym`` in a fresh process."""
    code = "import time; start = time.perf_counter(); import nasgym; print(time.perf_counter() - start)"
    said, _ = start(checkout, "-c", code).communicate()
    return float(said)


def reported(checkout: Path, out: Path) -> float:
    """Processor seconds of ``nasgym compare`` where all searches have ended: what it reports."""
    command = ("compare", REPORTED, "--seeds", "20", "--budget-unit", "total", "--jobs", "2", "--out", str(out))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start(checkout, "-m", "nasgym", *command).communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime


def paired(ask: Callable[[str], float], pairs: int, turns_each: int = TURNS) -> np.ndarray:
    """``(pairs,)`` after over before: each the median over some turns in alternating order."""
    turns = np.empty((pairs, turns_each))
    for pair in range(-1, pairs):  # the first one warms up
        for turn in range(turns_each):
            order = ("before", "after") if (pair + turn) % 2 else ("after", "before")
            found = {side: ask(side) for side in order}
            turns[pair, turn] = found["after"] / found["before"]
    return np.median(turns, axis=1)


def main() -> int:
    """Measures the pairs and prints a table; 1 where something is too slow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, nargs="?", help="the other checkout")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--only", default="", help="measure the parts whose names contain this")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    if options.before is None or not (options.before / "nasgym").is_dir():
        parser.error(f"{options.before} is no checkout of nasgym")
    sides = {"before": options.before.resolve(), "after": HERE.parents[1]}
    found = {}
    if options.only in "import nasgym":
        found["import nasgym"] = paired(lambda side: imported(sides[side]), options.pairs)
    if options.only in REPORT:
        with TemporaryDirectory() as folder:
            # each side has results of its own, which the turn that warms up makes
            found[REPORT] = paired(lambda side: reported(sides[side], Path(folder) / side), options.pairs, turns_each=1)
    servers = {side: start(checkout, str(HERE), "--serve") for side, checkout in sides.items()}
    try:
        names = {side: json.loads(server.stdout.readline()) for side, server in servers.items()}
        for name in (name for name in names["after"] if options.only in name):

            def ask(side: str, name: str = name) -> float:
                print(name, file=servers[side].stdin, flush=True)
                return float(servers[side].stdout.readline())

            found[name] = paired(ask, options.pairs)
            print(name, file=sys.stderr, flush=True)
    finally:
        for server in servers.values():
            server.kill()
            server.wait()
    return report(found)


def report(found: dict[str, np.ndarray]) -> int:
    """Prints mean ratios with intervals; 1 where one lies wholly above what is allowed."""
    from scipy.stats import t

    slow = 0
    for name, ratios in found.items():
        logs = np.log(ratios)
        half = float(t.ppf(0.975, len(logs) - 1)) * logs.std(ddof=1) / np.sqrt(len(logs))
        middle, low, high = np.exp([logs.mean(), logs.mean() - half, logs.mean() + half])
        slow += bool(low > ALLOWED)
        print(f"{name}: {middle:.3f} [{low:.3f}, {high:.3f}]{'  TOO SLOW' if low > ALLOWED else ''}")
    return int(slow > 0)


if __name__ == "__main__":
    raise SystemExit(main())
