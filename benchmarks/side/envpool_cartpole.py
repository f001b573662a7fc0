"""EnvPool's CartPole with random actions; every step is counted, also those that reset.

Its fastest setting on this machine: one thread, or one for each core.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import envpool
import numpy as np
from turns import take_turns

STEPS = {1: 100, 64: 40}
FEW_STEPS = 10


def player(num: int, threads: int) -> Callable[[], int]:
    """Plays on from block to block."""
    env = envpool.make_gymnasium("CartPole-v1", num_envs=num, num_threads=threads, seed=0)
    env.reset()
    rng = np.random.default_rng(0)
    actions = [rng.integers(0, 2, num) for _ in range(STEPS.get(num, FEW_STEPS))]

    def block() -> int:
        for action in actions:
            env.step(action)
        return num * len(actions)

    return block


def main() -> None:
    """Takes the number of environments as its argument."""
    num = int(sys.argv[1])
    threads = sorted({1, min(num, os.cpu_count() or 1)})
    take_turns({f"{count} thread{'s' * (count > 1)}": player(num, count) for count in threads}, ("envpool", "numpy"))


if __name__ == "__main__":
    main()
