"""``python -m benchmarks.bench``: everything that is to be fast, in one table, measured in one run.

Writes ``results.md`` with machine, versions and the goals beside what was measured. ``--quick``
takes about two minutes: a few rounds, no vector environments of many processes, and a page of its
own, ``results_quick.md``, which is not kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks import env_speed, learners, lookups, start_up
from benchmarks.common import write_page
from benchmarks.rows import Row, table_of, verdict

EXPLAINED = """\
Rates are medians over the rounds; numbers in bold are medians of the ratio within a round, with the quartiles in brackets. The
rows of `NASVectorEnv` have legal actions, masks and infos on, one process, and count decisions, not steps that reset.

* The columns up to Jumanji's give the steps per second of the other side with as many environments, and how many times faster
  `NASVectorEnv` is. `SyncVectorEnv` and `AsyncVectorEnv` are Gymnasium's, over `NASEnv`, with the same actions. `CartPoleVectorEnv` is
  Gymnasium's native environment; of it and of the environments of EnvPool and Jumanji every step is counted.
* EnvPool and Jumanji run in processes of their own and take turns with `NASVectorEnv`, which then goes first in caches that they have filled.
* *numpy.copyto*: time of a decision over the time to copy the arrays of numbers that it returns into arrays that are there already,
  which is the limit of what returns fresh arrays.
* *2 % illegal*: decisions per second where so many actions are illegal, and the environments no longer march in step; and how many
  times faster than `CartPoleVectorEnv` that is.
* `AsyncVectorEnv` is one process for each environment: {processes}.
* Look-ups give validation accuracy, test accuracy and training time; the package nats_bench has its sample in memory.
* Import, making and loading are of fresh processes, files in the system's cache. A table is *loaded* when it has been read from its file
  and has answered about a first architecture; memory is what Python and numpy allocate. *Official layout* are tables with all columns
  and training seeds of the published archives and random numbers in them.
* An episode of an agent is one architecture, with the updates of its networks, one thread.
"""


def side_remarks(remarks: list[str]) -> str:
    """What the contestants in side environments did, as a list."""
    return "\n".join(["## Contestants in side environments", "", *(f"* {remark}" for remark in remarks)])


def main() -> int:
    """Measures, prints and writes the page; the exit status does not depend on the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, up to 1,024 environments; writes results_quick.md")
    options = parser.parse_args()
    quick = options.quick
    began = time.monotonic()
    sizes = (1, 64, 1024) if quick else env_speed.SIZES
    most = env_speed.ASYNC_ALWAYS if quick else env_speed.most_processes()
    rows: list[Row] = []
    found, remarks = env_speed.rows(sizes, 9 if quick else 41, most)
    rows += found
    for name, part in (
        ("look-ups", lambda: lookups.rows(9 if quick else 41)),
        ("start-up", lambda: start_up.rows(3 if quick else 9)),
        ("agents", lambda: learners.rows(1 if quick else 5)),
    ):
        print(name, file=sys.stderr, flush=True)
        rows += part()
    processes = f"up to {env_speed.ASYNC_ALWAYS:,} in all rows"
    if most > env_speed.ASYNC_ALWAYS:
        processes += f", up to {most:,} for one-hot with NextStep (one round; to start them takes longer than to measure)"
    processes += ", none beyond for want of memory and patience"
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    closing = f"The run took {(time.monotonic() - began) / 60:.1f} minutes. Load averages of the machine when it ended: {load}."
    write_page(
        "results_quick" if quick else "results",
        "What is fast, and how fast",
        "python -m benchmarks.bench --quick" if quick else "make bench",
        [verdict(rows), table_of(rows), EXPLAINED.format(processes=processes), side_remarks(remarks), closing],
        "torch",
        "stable-baselines3",
        "sb3-contrib",
        "nats-bench",
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
