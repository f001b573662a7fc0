"""What a change costs in speed: the same public work in two checkouts, turn by turn.

    OMP_NUM_THREADS=1 python -m benchmarks.before_after ../before --pairs 11

A pair is one process of the other checkout and one of this one, in alternating order; each does all
the work and says how long every part took. The ratio (after over before) is taken within pairs,
because a machine's speed drifts. The interval is a t interval of the mean logarithm over the pairs,
95 %. A change is too slow where the whole interval lies above 1.03. Only names that users know are
imported, so that the two checkouts may differ inside.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
ALLOWED = 1.03
AGENTS = ("random", "local-search", "regularized-evolution", "layernas", "reinforce", "nsga2", "ppo")
TABLES = ("nasgym/Digits-v0", "nasgym/NASBenchMacro-v0", "nasgym/NATS-TSS-v0")


def least(work: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the fastest of some runs, after one that does not count."""
    work()
    found = []
    for _ in range(times):
        start = clock()
        work()
        found.append(clock() - start)
    return min(found)


def environments() -> Iterator[tuple[str, float]]:
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

        yield f"vector environment, {env_id}, {json.dumps(options)}", least(episode, 60)
    env = gymnasium.make(TABLES[0], disable_env_checker=True)

    def scalar() -> None:
        for seed in range(20):
            _, info = env.reset(seed=seed)
            terminated = False
            while not terminated:
                _, _, terminated, _, info = env.step(np.flatnonzero(info["action_mask"])[-1])

    yield f"scalar environment, {TABLES[0]}", least(scalar, 8)


def lookups() -> Iterator[tuple[str, float]]:
    """Evaluations of tables: 4,096 at once, and one by one."""
    import nasgym

    for env_id in TABLES:
        problem = nasgym.make_problem(env_id)
        archs = problem.space.sample(np.random.default_rng(0), 4096)
        yield f"4,096 evaluations at once, {env_id}", least(lambda p=problem, a=archs: p.evaluate(a), 20)
        rows = [arch[None] for arch in archs[:200]]
        yield f"200 evaluations one by one, {env_id}", least(lambda p=problem, r=rows: [p.evaluate(a) for a in r], 8)


def agents() -> Iterator[tuple[str, float]]:
    """Processor time of searches of 300 evaluations outside of the ledger."""
    import nasgym
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

    problem = nasgym.make_problem(TABLES[1], objectives=["accuracy", "macs"])
    for name in AGENTS:
        own = []
        for seed in (0, 0, 1):  # the first one warms up
            ledger = Timed(problem, Budget("total", 300), seed=seed)
            start = time.process_time()
            make_agent(name).search(ledger, seed=seed)
            own.append(time.process_time() - start - ledger.inside)
        yield f"own time of {name}", min(own[1:])


def work() -> None:
    """All of it in one process; prints seconds by name as JSON."""
    start = time.perf_counter()
    import nasgym  # noqa: F401  # its time is what is asked for

    found = {"import nasgym": time.perf_counter() - start}
    for part in (environments, lookups, agents):
        found.update(part())
    print(json.dumps(found))


def one(checkout: Path) -> dict[str, float]:
    """Seconds by name in a checkout."""
    command = [sys.executable, str(HERE), "--work"]
    settings = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, cwd=checkout, env=settings, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Measures the pairs and prints a table; 1 where something is too slow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, nargs="?", help="the other checkout")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work()
        return 0
    if options.before is None or not (options.before / "nasgym").is_dir():
        parser.error(f"{options.before} is no checkout of nasgym")
    from scipy.stats import t

    sides = {"before": options.before.resolve(), "after": HERE.parents[1]}
    pairs = []
    for number in range(options.pairs):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        pairs.append({side: one(sides[side]) for side in order})
        print(f"pair {number + 1} of {options.pairs}", file=sys.stderr, flush=True)
    slow = 0
    width = float(t.ppf(0.975, options.pairs - 1))
    for name in pairs[0]["after"]:
        logs = np.log([pair["after"][name] / pair["before"][name] for pair in pairs])
        half = width * logs.std(ddof=1) / np.sqrt(len(logs))
        middle, low, high = np.exp([logs.mean(), logs.mean() - half, logs.mean() + half])
        mark = "  TOO SLOW" if low > ALLOWED else ""
        slow += bool(mark)
        seconds = np.median([pair["after"][name] for pair in pairs])
        print(f"{name}: {middle:.3f} [{low:.3f}, {high:.3f}], {1e3 * seconds:.3g} ms{mark}")
    return 1 if slow else 0


if __name__ == "__main__":
    raise SystemExit(main())
