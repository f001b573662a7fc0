"""From nothing to a search on your device: measure blocks, check their sums, search with them.

    python examples/new_device.py

The blocks are timed on this machine with onnxruntime, a few whole networks with them; sums of
blocks are set against those networks, and an agent then searches for an accurate network within
half of the range of latencies. Few rounds and ``accept_noise`` keep the example short; `nasgym
profile SPACE` measures with more patience, and `docs/new-device.md` has the ways for other
machines. The files lie in a temporary folder, which is also the data folder of this run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

import nasgym
from nasgym.agents import make_agent
from nasgym.devices import device_path
from nasgym.measuring.measure import Options
from nasgym.profiling.profile import profile
from nasgym.registry import SPACES

DEVICE = "my-machine"


def main() -> None:
    """Profiles, checks and searches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6, help="of measuring, for each block and network")
    parser.add_argument("--burst-ms", type=float, default=10.0, help="how long a block is run in each round")
    parser.add_argument("--check", type=int, default=10, help="whole networks to check sums of blocks against")
    parser.add_argument("--budget", type=int, default=40, help="evaluations, each architecture counted once")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NASGYM_DATA"] = folder

        space = SPACES.load("digits")()
        options = Options(min_rounds=min(6, args.rounds), max_rounds=args.rounds, burst_ms=args.burst_ms)
        place, work = device_path(space.name, DEVICE), Path(folder, "work")
        done = profile(space, DEVICE, place, options, work=work, check=args.check, accept_noise=True)
        print(f"{place.name}: {len(done.device.latencies)} blocks, {done.device.runtime}, {done.device.threads} thread")
        assert done.check is not None, "networks were asked for"
        print(f"sums of blocks against whole networks: MAPE {100 * done.check.mape:.1f} %, Spearman {done.check.spearman:.2f}")

        # accuracies from the table that comes with nasgym, latencies from the file; half of their
        # range is allowed
        problem = nasgym.make_problem("nasgym/Digits-v0", device=DEVICE, reward="constrained")
        print(f"at most {problem.scale.target:.4f} of {problem.scale.least:.4f} to {problem.scale.largest:.4f} ms")
        spend = {"budget": args.budget}
        found = make_agent("layernas").search(problem, **spend)  # draws nothing: one search says it all
        random = np.mean([make_agent("random").search(problem, **spend, seed=seed).best_reward for seed in range(args.seeds)])
        print(
            f"{problem.space.to_str(found.best_arch[None])[0]}: {found.best_accuracy:.1%}, {found.best_costs['latency_ms']:.4f} ms"
        )
        print(
            f"best reward after {args.budget} evaluations: LayerNAS {found.best_reward:.4f}, "
            f"random search {random:.4f} (mean of {args.seeds} seeds); optimum {problem.optimum().reward:.4f}"
        )


if __name__ == "__main__":
    main()
