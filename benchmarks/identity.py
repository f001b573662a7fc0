"""What a rebuild must not change: the fingerprints of every id, and what agents find by seed.

The texts that two commits print must be equal. Fingerprints are those of the default keywords
and of every rule, of a device, of memory, and of a narrowed space where the id has them; an id
whose data are not there is said to be missing. The searches are those of ``make compare``: a hash
of each history, the answer and its true reward. Run from the repository root::

    python -m benchmarks.identity > before.txt
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium

import nasgym
from nasgym.errors import NasgymError
from nasgym.registration import IDS
from nasgym.registry import RULES

COLUMNS = ("agent", "seed", "history", "arch", "true_reward", "test_accuracy", "charged", "ended")


def keywords_of(env_id: str) -> Iterator[dict[str, Any]]:
    """What an id is asked with."""
    yield {}
    for rule in RULES.builtin:
        yield {"reward": rule}
    yield {"cost": "peak_memory_kb"}
    yield {"cost": "macs", "target": {"fraction": 0.3, "of": "range"}, "extra_costs": ["params"]}
    yield {"seed": "sampled"}
    yield {"objectives": ["accuracy", "macs"]}
    for device in ("x86-1t", "note10", "pixel3", "live"):
        yield {"device": device, "reward": "accuracy"}
    yield {"accuracy": "training"}
    if env_id == "nasgym/Digits-v0":
        yield {"restrict": {"*.kernel": [3]}}
        yield {"cost": "latency_ms"}


def fingerprints() -> Iterator[str]:
    """One line for each id and its keywords, and one for each registered environment."""
    for env_id in IDS:
        for keywords in keywords_of(env_id):
            try:
                said = nasgym.make_problem(env_id, **keywords).fingerprint
            except NasgymError as error:
                said = f"{type(error).__name__}: {error}"
            yield f"{env_id} {json.dumps(keywords)} {said}"
    for env_id, spec in sorted(gymnasium.registry.items()):
        if spec.namespace == "nasgym":
            yield f"{env_id} nondeterministic={spec.nondeterministic} keywords={json.dumps(spec.kwargs)}"


def searches(env_id: str, seeds: int) -> Iterator[str]:
    """One line for each agent and seed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nasgym", "compare", env_id, "--seeds", str(seeds), "--out", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with (Path(folder) / "results.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                yield " ".join([env_id, *(row[column] for column in COLUMNS)])


def main() -> int:
    """Prints all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--searches", nargs="*", default=["nasgym/Digits-v0"], metavar="ID")
    options = parser.parse_args()
    for line in fingerprints():
        print(line)
    for env_id in options.searches:
        for line in searches(env_id, options.seeds):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
