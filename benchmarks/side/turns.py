"""What a contestant runs in its own environment: one block for every line on stdin.

First it picks its fastest way. Only the standard library, since the side environments have neither
nasgym nor the other scripts. What is printed is JSON, a line at a time: first what runs and with
which versions, then ``{"seconds": ...}`` per counted step of every block. By hand::

    yes | head -5 | .side/envpool/bin/python benchmarks/side/envpool_cartpole.py 1024
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

TRIALS = 5


def timed(block: Callable[[], int]) -> float:
    """Seconds per counted step; `block` says how many steps it did."""
    start = time.perf_counter()
    steps = block()
    return (time.perf_counter() - start) / steps


def take_turns(ways: dict[str, Callable[[], int]], packages: tuple[str, ...]) -> None:
    """Tries the ways a few times each, keeps the fastest, and answers until stdin ends."""
    for block in ways.values():
        block()  # compiles, fills caches
    trials = {name: sorted(timed(block) for _ in range(TRIALS))[TRIALS // 2] for name, block in ways.items()}
    best = min(trials, key=lambda name: trials[name])
    say({"way": best, "versions": {package: version(package) for package in packages}})
    for _ in sys.stdin:
        say({"seconds": timed(ways[best])})


def say(what: dict[str, object]) -> None:
    """One line of JSON."""
    print(json.dumps(what), flush=True)
