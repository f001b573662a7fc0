"""`LiveLatency`: each whole network is timed on this machine when a search asks for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict

from nasgym.errors import InvalidValue
from nasgym.measuring.checks import check_batch, measure_errors
from nasgym.measuring.latency_cache import LatencyCache, MeasuredLatency
from nasgym.measuring.measure import CPU, Model, Options, check_provider, describe_machine, measure
from nasgym.networks.memory import Precision
from nasgym.networks.plan import NetworkPlan
from nasgym.oracles.cost.measured import MeasuredCost, Planner, network_onnx
from nasgym.spaces.space import SearchSpace

__all__ = ["LiveLatency"]

FORMAT = 1
# what a search waits for; a device file is measured with more patience
MIN_ROUNDS, MAX_ROUNDS, TOLERANCE = 5, 20, 0.03
# new networks that share their rounds, and are kept together
TOGETHER = 8


class LiveLatency(MeasuredCost):
    """Latency of whole networks with random weights on this machine, by onnxruntime.

    See `nasgym.measuring.measure`. The new networks of a batch are timed in interleaved rounds,
    eight at a time, each until its interval is within 3 % or it has had 20 rounds; the 10th
    percentile of its runs is its latency. Only one process of this machine measures at a time.

    Args:
        space: A space with plans, or a restriction of one.
        name: Name with unit under which the cost goes.
        threads: Threads of onnxruntime; the process is pinned to as many cores while it measures.
        batch: Images at once.
        precision: ``"float32"`` or ``"int8"``.
        provider: Execution provider of onnxruntime.
        tolerance: Wanted half interval, as a share of the latency.
        planner: ``(D,)`` architecture to plan; by default that of the space, at the size of the
            publication.
        cache: Where measurements are kept; by default in the data folder.

    Raises:
        InvalidValue: A value is out of range, or the space has no plans.
        UnknownName: There is no such precision.
        DataError: onnxruntime is not installed, or lacks the provider.
    """

    exclusive = True

    def __init__(
        self,
        space: SearchSpace,
        *,
        name: str = "latency_ms",
        threads: int = 1,
        batch: int = 1,
        precision: Precision = "float32",
        provider: str = CPU,
        tolerance: float = TOLERANCE,
        planner: Planner | None = None,
        cache: LatencyCache | None = None,
    ) -> None:
        check_batch(batch, precision)
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise InvalidValue(f"threads is a count from 1 on, got {threads!r}.")
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
            raise InvalidValue(f"tolerance is a share between 0 and 1, got {tolerance!r}.")
        self.options = Options(
            threads=threads, provider=provider, tolerance=float(tolerance), min_rounds=MIN_ROUNDS, max_rounds=MAX_ROUNDS
        )
        self.batch, self.precision = batch, precision
        with measure_errors():
            check_provider(provider)
            machine = describe_machine(provider)
        del machine["cores"]  # those that this process may use now; a search that is resumed with others is the same search
        described = {"format": FORMAT, "machine": machine, "batch": batch, "precision": precision, **asdict(self.options)}
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
        super().__init__(space, name, f"live:{digest}", planner, cache)
        self.provenance = (
            f"MEASURED LIVE, each whole network while the search ran, on {machine['processor']} "
            f"({machine['system']}, {machine['runtime']}, {provider}, {threads} thread{'s' if threads > 1 else ''}, batch {batch}, "
            f"{precision}); another run on an empty cache gives other numbers"
        )

    def _measure(self, plans: dict[str, NetworkPlan], keep: Callable[[dict[str, MeasuredLatency]], None]) -> None:
        keys = list(plans)
        for start in range(0, len(keys), TOGETHER):
            models: dict[str, Model] = {
                key: network_onnx(plans[key], self.batch, self.precision) for key in keys[start : start + TOGETHER]
            }
            with measure_errors():
                timings = measure(models, self.options)
            keep({key: MeasuredLatency(t.latency_ms, t.low_ms, t.high_ms, t.noisy) for key, t in timings.items()})
