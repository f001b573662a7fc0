"""A measured cost without a clock: latency is 0.01 ms per thousand multiply-accumulates."""

from __future__ import annotations

from nasgym.measuring.latency_cache import LatencyCache, MeasuredLatency
from nasgym.networks.count import count_macs
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.measured import MeasuredCost
from nasgym.problems.problem import Problem
from nasgym.rewards import Constrained
from nasgym.spaces.digits import DigitsSpace
from nasgym.tables.table_folder import find_table


class FakeLatency(MeasuredCost):
    """Notes in `asked` which networks it measures; fails at the one whose number is `fails_at`."""

    provenance = "MEASURED LIVE by a formula"

    def __init__(self, path, space=None, fingerprint="fake:1"):
        super().__init__(space or DigitsSpace(), "latency_ms", fingerprint, cache=LatencyCache(path))
        self.asked, self.fails_at = [], None

    def _measure(self, plans, keep):
        for key, plan in plans.items():
            if len(self.asked) == self.fails_at:
                raise RuntimeError("the board is on fire")
            self.asked.append(plan.name)
            keep({key: MeasuredLatency(count_macs(plan) * 1e-5)})


def fake_problem(path, **options):
    """Accuracies of the shipped table, latencies of `FakeLatency`."""
    space = DigitsSpace()
    oracle = TableOracle(find_table("digits"), space)
    return Problem(space, oracle, [FakeLatency(path)], Constrained(), target=options.pop("target", 1.0), **options)
