"""The latency of every network of a space, measured, as a column of its table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from nasgym.errors import DataError
from nasgym.files import write_file
from nasgym.measuring.latency_cache import THIS_MACHINE, LatencyCache
from nasgym.measuring.measure import Model, Options, Timing, describe_machine
from nasgym.networks.onnx_graph import plan_onnx
from nasgym.networks.space_plans import plan_of
from nasgym.oracles.oracle import LATENCY
from nasgym.profiling.profile import check_quiet, measured
from nasgym.spaces.space import SearchSpace
from nasgym.tables.table_file import read_table, write_table
from nasgym.type_aliases import Floats

__all__ = ["add_latency", "measure_networks"]


def measure_networks(
    space: SearchSpace, options: Options, log: Path | None = None, progress: Callable[[float, float], None] | None = None
) -> list[Timing]:
    """Timings of all networks of an enumerable space, in its order.

    Equal networks are measured once.

    Raises:
        DataError: A network cannot be run, or the log belongs to another measurement.
        InvalidValue: The space has no plans.
    """
    canonical, places = np.unique(space.canonical(space.enumerate()), axis=0, return_inverse=True)
    names = space.to_str(canonical)
    models: dict[str, Model] = {}
    for number, (name, arch) in enumerate(zip(names, canonical, strict=True)):
        rng = np.random.default_rng([options.seed, number])
        models[name] = plan_onnx(plan_of(space, arch), rng=rng).SerializeToString()
    timings = measured(models, options, log, progress)
    return [timings[names[place]] for place in places.reshape(-1).tolist()]


def add_latency(
    space: SearchSpace,
    path: Path,
    options: Options,
    *,
    log: Path,
    accept_noise: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> Path:
    """Measures every network of a table and writes the latencies into it.

    They become the cost ``latency_ms``; an older one goes.

    Args:
        space: The table's space.
        path: The table.
        options: How to measure.
        log: What was measured so far; the same call goes on from it.
        accept_noise: Measures on a noisy machine, too.
        progress: Called with (networks done, all networks).

    Raises:
        DataError: The table is of another space, or a network cannot be run.
        InvalidValue: The machine is too noisy.
    """
    table = read_table(path)
    if table.card["space"] != space.name or table.num_rows != space.size:
        raise DataError(f"{path} is no table of all networks of space {space.name!r}.")
    with LatencyCache().sole_measurer(THIS_MACHINE):
        if not accept_noise:
            check_quiet(options)
        timings = measure_networks(space, options, log, progress)
    latency: Floats = np.array([round(timing.latency_ms, 7) for timing in timings])
    machine = describe_machine(options.provider)
    about = {
        **machine,
        "threads": options.threads,
        "batch": 1,
        "statistic": "10th percentile over interleaved rounds",
        "noisy": int(sum(timing.noisy for timing in timings)),
        "half_interval_median": round(float(np.median([timing.error for timing in timings])), 4),
        "half_interval_max": round(max(timing.error for timing in timings), 4),
        "command": f"nasgym tabulate {space.name} --latency",
    }
    costs = {**table.costs, ("*", LATENCY): latency}
    written = write_table(replace(table, card={**table.card, "latency": about}, costs=costs), path)
    write_file(path.with_suffix(".json"), json.dumps(read_table(path).card, indent=2, sort_keys=True) + "\n")
    log.unlink()
    return written
