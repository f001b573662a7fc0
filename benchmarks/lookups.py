"""Look-ups per second: batches through `TableOracle` beside queries to the nats_bench package.

Both sides give validation accuracy, test accuracy and training time of a topology cell on CIFAR-100
after 12 epochs. The package holds the three architectures of its published sample in memory when
the clock starts, and is asked by number, which is the fastest way it has, with ``get_more_info``;
``simulate_train_eval`` is what its own search algorithms call. The oracle is asked about random
cells of the whole table, not about the same three.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.contest import Work, race, rate, spread, times_faster
from benchmarks.official_layout import SAMPLES, sample_table
from benchmarks.rows import Goal, Row
from nasgym.errors import MissingData
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.oracle import MEAN
from nasgym.spaces.nats_bench import TopologySpace
from nasgym.tables.table_folder import find_table

DATASET, EPOCHS = "cifar100", 12
BATCHES = (1, 1024, 4096)
QUERIES = 30


def rows(rounds: int) -> list[Row]:
    """A row for each size of a batch and one for the call of the package's own searches.

    Where something is missing that they need, one row says what.
    """
    what = "TableOracle look-ups"
    sample, _ = SAMPLES["nats-tss"]
    if not sample.is_dir():
        return [Row(what, "", "not measured: the published sample of NATS-Bench is not there")]
    try:
        import nats_bench
    except ImportError as error:
        return [Row(what, "", f"not measured: {error}")]
    try:
        whole = TableOracle(find_table("nats-tss"), TopologySpace(), dataset=DATASET)
    except MissingData as error:
        return [Row(what, "", f"not measured: {error}")]
    api, indices = _official(nats_bench), (0, 11, 284)
    _check_equal(api, indices)
    turn = itertools.cycle(indices)
    queries = _repeat(lambda: api.get_more_info(next(turn), DATASET, hp=str(EPOCHS), is_random=False), QUERIES)
    cells = itertools.cycle([api.arch(index) for index in indices])
    simulated = _repeat(lambda: api.simulate_train_eval(next(cells), DATASET, hp=str(EPOCHS)), 3)
    racers = {f"{size}": _batch(whole, size) for size in BATCHES}
    got = race({"queries": queries, "simulated": simulated, **racers}, rounds)
    found = []
    for size in BATCHES:
        mine = got[str(size)]
        beside = f"{rate(mine)} look-ups/s; nats_bench get_more_info {rate(got['queries'])}, {spread(mine, got['queries'])}"
        times = times_faster(mine, got["queries"])
        goals = [Goal.at_least(times, 1000, "x nats_bench's query")] if size == max(BATCHES) else []
        found.append(Row(f"{what}, nats-tss", f"{size:,}", beside, goals=goals))
    mine = got[str(max(BATCHES))]
    text = f"nats_bench simulate_train_eval {rate(got['simulated'])} look-ups/s, {spread(mine, got['simulated'])}"
    return [*found, Row(f"{what}, nats-tss", f"{max(BATCHES):,}", text)]


def _official(nats_bench: ModuleType) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the samples name numpy.core
        return nats_bench.create(str(SAMPLES["nats-tss"][0]), "tss", fast_mode=True, verbose=False)


def _check_equal(api: Any, indices: tuple[int, ...]) -> None:
    """Both sides know the same: the sample read by this library, and by the package."""
    oracle = TableOracle(sample_table("nats-tss"), TopologySpace(), dataset=DATASET)
    archs = oracle.space.from_str([api.arch(index) for index in indices])
    got = oracle.measure(archs, EPOCHS, np.full(len(indices), MEAN))
    for row, index in enumerate(indices):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            said = api.get_more_info(index, DATASET, hp=str(EPOCHS), is_random=False)
        wanted = [said["valid-accuracy"], said["test-accuracy"]]
        np.testing.assert_allclose([100 * got.validation[row], 100 * got.test[row]], wanted, rtol=1e-5)


def _repeat(query: Callable[[], object], times: int) -> Work:
    def work() -> None:
        for _ in range(times):
            query()

    return Work(work, times)


def _batch(oracle: TableOracle, size: int) -> Work:
    """Look-ups of random architectures, in batches of a size."""
    rng = np.random.default_rng(0)
    times = max(1, 32_768 // max(size, 256))
    batches = itertools.cycle([oracle.space.sample(rng, size) for _ in range(min(times, 8))])
    seeds = np.full(size, MEAN)

    def work() -> None:
        for _ in range(times):
            oracle.measure(next(batches), EPOCHS, seeds)

    return Work(work, times * size)


if __name__ == "__main__":
    for line in rows(21):
        print(line.what, line.size, line.measured, *line.goals, file=sys.stdout)
