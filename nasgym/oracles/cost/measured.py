"""`MeasuredCost`: a latency that is measured network by network, during the search."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.measuring.checks import check_batch
from nasgym.measuring.latency_cache import LatencyCache, MeasuredLatency
from nasgym.networks.memory import Precision
from nasgym.networks.plan import Identity, NetworkPlan
from nasgym.networks.plan_values import plan_hash
from nasgym.networks.space_plans import has_plans, plan_of, planned_spaces
from nasgym.oracles.cost.counted import counted_of
from nasgym.oracles.oracle import CostDefaults
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

if TYPE_CHECKING:
    from nasgym.oracles.cost.cases import CasesCost
    from nasgym.oracles.cost.chain import ChainCost

__all__ = ["MARGIN", "MeasuredCost", "former_key", "network_key", "network_onnx"]

Planner: TypeAlias = Callable[[Archs], NetworkPlan]
# what the range of a cost is widened by, since fewest multiply-accumulates need not be fastest
MARGIN = 0.1


class MeasuredCost(CostDefaults):
    """Base of the latencies that are measured; a subclass says how, in `_measure`.

    Networks that are equal block by block, as those of one canonical form are, share a measurement.
    It is kept in the data folder (`LatencyCache`) under the fingerprint before it is used, and
    never made again: a search that is repeated or resumed reads the same numbers.

    Bounds of a measured latency are not known. `bounds` gives, for every architecture, the range of
    the whole space as it is estimated from two measurements: 10 % below the faster to 10 % above
    the slower of the networks with the fewest and the most multiply-accumulates. Targets as
    fractions, rewards and features are scaled by it; code that needs exact bounds checks `free` and
    refuses.

    Args:
        space: A space with plans, or a restriction of one.
        name: Name with unit under which the cost goes.
        fingerprint: Of everything that latencies depend on except the network.
        planner: ``(D,)`` architecture to plan; by default that of the space, at the size of the
            publication.
        cache: Where measurements are kept.

    Attributes:
        provenance: One sentence: where the numbers come from.

    Raises:
        InvalidValue: The space has no plans.
    """

    free = False
    provenance = ""

    def __init__(
        self, space: SearchSpace, name: str, fingerprint: str, planner: Planner | None = None, cache: LatencyCache | None = None
    ) -> None:
        if not has_plans(space):
            names = ", ".join(planned.name for planned in planned_spaces())
            raise InvalidValue(
                f"latencies are measured of networks that are built, and nothing here builds those of space {space.name!r}; "
                f"spaces with networks are {names}."
            )
        self.space, self.name, self.fingerprint = space, name, fingerprint
        self._planner = planner or (lambda arch: plan_of(space, arch))
        self._cache = cache or LatencyCache()
        self._keys: dict[bytes, str] = {}
        self._known: dict[str, MeasuredLatency] = {}

    # ---- how it is measured ---------------------------------------------------------------------

    def _measure(self, plans: dict[str, NetworkPlan], keep: Callable[[dict[str, MeasuredLatency]], None]) -> None:
        """Hook: measures networks by key and hands over what it has as soon as it has it.

        Raises:
            DataError: A network cannot be measured; those that were handed over are kept.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how a network is measured")

    @property
    def _lock(self) -> str:
        """Hook: what two processes must not use at the same time."""
        return "this-machine"

    # ---- what readers must know -----------------------------------------------------------------

    def notes(self, archs: Archs) -> list[str]:
        """Where the latencies come from, and how many of the answers' stayed noisy."""
        noisy = [one.noisy for one in self.latencies(archs)]
        return [
            f"{self.name} was {self.provenance}; {sum(noisy)} of the {len(noisy)} answers' latencies stayed noisy. Targets as "
            "fractions refer to a range that was estimated from two networks."
        ]

    # ---- asking ---------------------------------------------------------------------------------

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` latencies of complete valid architectures.

        What is not known is measured, all new ones together.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in the space.
            DataError: A network cannot be measured, or what was measured cannot be kept.
        """
        return np.array([one.latency_ms for one in self.latencies(archs)], dtype=np.float64)

    def latencies(self, archs: Archs) -> list[MeasuredLatency]:
        """As `cost`, with intervals."""
        self.space.valid_options(archs)
        keys = [self._key(arch) for arch in archs]
        wanted = {key: row for row, key in reversed(list(enumerate(keys))) if key not in self._known}
        if wanted:
            self._known |= self._cache.read(self.fingerprint, wanted)
            self._known |= self._read_former({key: archs[row] for key, row in wanted.items() if key not in self._known})
            self._measure_missing(archs, sorted((row, key) for key, row in wanted.items() if key not in self._known))
        return [self._known[key] for key in keys]

    def _read_former(self, archs: dict[str, Archs]) -> dict[str, MeasuredLatency]:
        """What was measured when networks had other keys, by their present ones."""
        former = {former_key(self._planner(arch)): key for key, arch in archs.items()}
        return {former[key]: latency for key, latency in self._cache.read(self.fingerprint, former).items()}

    def _measure_missing(self, archs: Archs, missing: Sequence[tuple[int, str]]) -> None:
        if not missing:
            return
        with self._cache.sole_measurer(self._lock):
            # another process may have measured them while this one waited
            self._known |= self._cache.read(self.fingerprint, [key for _, key in missing])
            rows = {key: row for row, key in missing if key not in self._known}
            texts = {key: self.space.to_str(archs[row][None])[0] for key, row in rows.items()}

            def keep(found: dict[str, MeasuredLatency]) -> None:
                self._known |= self._cache.keep(self.fingerprint, [(key, texts[key], one) for key, one in found.items()])

            if rows:
                self._measure({key: self._planner(archs[row]) for key, row in rows.items()}, keep)

    def _key(self, arch: Archs) -> str:
        raw = arch.tobytes()
        if raw not in self._keys:
            self._keys[raw] = network_key(self._planner(arch))
        return self._keys[raw]

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` the estimated range of the whole space, the same for every row; see the class.

        Raises:
            InvalidValue: A row has the wrong shape or an entry that does not exist.
            DataError: As `cost`.
        """
        rows = self.space.check(archs, complete=False)
        least, largest = self._range
        return np.full(len(rows), least), np.full(len(rows), largest)

    @cached_property
    def _range(self) -> tuple[float, float]:
        macs = counted_of(self.space, "macs")
        found = self.cost(np.stack([_extreme(macs, largest) for largest in (False, True)]))
        return float(found.min() * (1 - MARGIN)), float(found.max() * (1 + MARGIN))

    def narrow(self, space: SearchSpace) -> MeasuredCost:
        """The same cost over a restriction of the space; what was measured stays known."""
        narrowed = copy.copy(self)
        narrowed.__dict__.pop("_range", None)
        narrowed.space = space
        return narrowed


def _extreme(macs: ChainCost | CasesCost, largest: bool) -> Archs:
    """``(D,)`` an architecture with the fewest or the most multiply-accumulates.

    Decided layer by layer, by exact bounds.
    """
    space = macs.space
    arch = np.full(space.num_decisions, -1, dtype=np.int8)
    for layer in space.layers:
        rows = np.repeat(arch[None], len(layer.options), axis=0)
        rows[:, layer.slice] = layer.options
        low, high = macs.bounds(rows)
        arch = rows[int(high.argmax() if largest else low.argmin())]
    return arch


def network_key(plan: NetworkPlan) -> str:
    """Hash of what a network computes, whatever its layers are called: 32 hex digits."""
    blocks = plan.blocks
    # cells count the blocks back from theirs, so none may be missing
    kept = tuple(block for block in blocks if not isinstance(block, Identity)) if plan.is_chain else blocks
    return plan_hash(NetworkPlan("", plan.input_shape, kept, (), (), plan.head))[:32]


def former_key(plan: NetworkPlan) -> str:
    """What `network_key` was when it hashed how Python prints a plan."""
    blocks = tuple(block for block in plan.blocks if not isinstance(block, Identity))
    return hashlib.sha256(repr((plan.input_shape, blocks, plan.head)).encode()).hexdigest()[:32]


def network_onnx(plan: NetworkPlan, batch: int, precision: Precision) -> bytes:
    """The network as an ONNX file, with random weights that follow from its key.

    Raises:
        MissingPackage: onnx, or for int8 onnxruntime, is not installed.
        InvalidValue: `batch` is not a count from 1 on.
        UnknownName: There is no such precision.
    """
    from nasgym.networks.onnx_graph import plan_onnx

    check_batch(batch, precision)
    rng = np.random.default_rng(int(network_key(plan), 16))
    model = plan_onnx(plan, rng=rng, batch=batch)
    if precision == "int8":
        from nasgym.measuring.quantize import quantize

        model = quantize(model, rng, begins=True, ends=True)
    found: bytes = model.SerializeToString()
    return found
