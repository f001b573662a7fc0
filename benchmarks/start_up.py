"""What is paid once: import, making an environment, loading tables, and the memory of these.

Each is measured in fresh processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.official_layout import samples_there, write_filled
from benchmarks.rows import Goal, Row
from nasgym.tables.table_folder import table_path

ROOT = Path(__file__).resolve().parents[1]
TABLES = ("nats-tss", "nats-sss")
MILLISECONDS, MEGABYTES = 100, 30

CLOCK = "import json, time\nstart = time.perf_counter()\n{timed}\nprint(json.dumps(1e3 * (time.perf_counter() - start)))"

MAKE = """
import json, time
import gymnasium, nasgym
start = time.perf_counter()
env = {make}
env.reset(seed=0)
print(json.dumps(1e3 * (time.perf_counter() - start)))
"""

# "loaded" is: read from the files, and a first architecture of each space has been answered
LOAD = """
import gc, json, sys, time, tracemalloc
from pathlib import Path
from nasgym.tables.table_file import read_table
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
folder, traced = Path(sys.argv[1]), sys.argv[2] == "memory"
if traced:
    tracemalloc.start()
start = time.perf_counter()
oracles = []
for name, space in (("nats-tss", TopologySpace()), ("nats-sss", SizeSpace())):
    oracle = TableOracle(read_table(folder / f"{name}.npz"), space)
    oracle.report(space.default[None])
    oracles.append(oracle)
seconds = time.perf_counter() - start
gc.collect()
print(json.dumps([1e-6 * used for used in tracemalloc.get_traced_memory()] if traced else 1e3 * seconds))
"""

MAKES = {
    'gymnasium.make("nasgym/Digits-v0")': "nasgym/Digits-v0",
    'gymnasium.make("nasgym/NASBenchMacro-v0")': "nasgym/NASBenchMacro-v0",
    'gymnasium.make_vec("nasgym/Digits-v0", num_envs=1024)': "nasgym/Digits-v0",
    'gymnasium.make_vec("nasgym/NASBenchMacro-v0", num_envs=1024)': "nasgym/NASBenchMacro-v0",
}


class Failed(RuntimeError):
    """A process ended with an error; the message is its last line."""


def run(code: str, *arguments: str) -> object:
    """What a fresh process printed; it may keep its bytecode, as an installed package has it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def milliseconds(code: str, times: int, *arguments: str) -> tuple[float, str]:
    """Median and range over fresh processes.

    One before them does not count: after it, files are in the system's cache.
    """
    run(code, *arguments)
    got = np.array([run(code, *arguments) for _ in range(times)], dtype=float)
    middle = float(np.median(got))
    return middle, f"**{middle:.3g} ms** ({got.min():.3g} to {got.max():.3g})"


def rows(times: int) -> list[Row]:
    """All rows."""
    found = []
    for what in ("import numpy, gymnasium", "import nasgym"):
        found.append(Row(what, "", milliseconds(CLOCK.format(timed=what), times)[1]))
    for what, env_id in MAKES.items():
        try:
            measured = milliseconds(MAKE.format(make=what), times)[1]
        except Failed as error:
            measured = f"not measured, {env_id}: {error}"
        found.append(Row(what, "", measured))
    folder = table_path("nats-tss").parent
    what = "NATS-Bench topology and size loaded"
    absent = [name for name in TABLES if not (folder / f"{name}.npz").is_file()]
    if absent:
        found.append(Row(what, "", f"not measured: {', '.join(absent)} not in {folder}"))
    else:
        found.append(_loaded(f"{what}, tables at hand", folder, times))
    if not samples_there():
        return [*found, Row(f"{what}, official layout", "", "not measured: the published samples are not there")]
    with tempfile.TemporaryDirectory() as place:
        for name in TABLES:
            write_filled(name, Path(place))
        return [*found, _loaded(f"{what}, official layout, random numbers", Path(place), times)]


def _loaded(what: str, folder: Path, times: int) -> Row:
    middle, text = milliseconds(LOAD, times, str(folder), "time")
    held, peak = np.array(run(LOAD, str(folder), "memory"))
    goals = [Goal.below(middle, MILLISECONDS, "ms"), Goal.below(float(peak), MEGABYTES, "MB")]
    return Row(what, "48,393", f"{text}, **{held:.3g} MB** held, {peak:.3g} MB at most", goals=goals)


if __name__ == "__main__":
    for line in rows(5):
        print(line.what, line.measured, *line.goals)
