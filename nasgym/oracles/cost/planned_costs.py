"""`PlannedCosts`: the costs of a space whose architectures are plans, by name.

They are counted, come from a device file, or are measured live.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nasgym.devices.device_folder import device_names, find_device
from nasgym.devices.missing import Missing
from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.scale import Scale
from nasgym.oracles.cost.counted import MEASURES, counted_of
from nasgym.oracles.cost.device_spec import DeviceSpec, is_measured, measured_cost
from nasgym.oracles.cost.lookup import LookupCost
from nasgym.oracles.oracle import LATENCY, CostOracle
from nasgym.spaces.space import SearchSpace

__all__ = ["PlannedCosts"]


@dataclass(frozen=True)
class PlannedCosts:
    """Costs by name of a built-in space with plans (`nasgym.networks.space_plans`).

    Attributes:
        space: The whole space.
        device: Of ``"latency_ms"``; None where there is none.
        missing: What to do about blocks that a device file lacks.
        scale: What networks are built for that are measured whole, by default for what they were
            published.
    """

    space: SearchSpace
    device: DeviceSpec = None
    missing: Missing = "error"
    scale: Scale | None = None

    def all(self, names: Sequence[str]) -> list[CostOracle]:
        """The costs of these names, each once.

        Raises:
            UnknownName: There is no such cost.
            InvalidValue: A latency is asked for without a device, or the space has no look-up
                tables.
            MissingData: A device is not there, asked for or not.
            DataError: A device file is damaged.
        """
        self.check_device(names)
        return [self.make(name) for name in dict.fromkeys(names)]

    def check_device(self, names: Sequence[str]) -> None:
        """Refuses a device that cannot be used, where no cost of `names` is its latency.

        Where one is, making that cost refuses the device.

        Raises:
            NasgymError: As `all`, and as `measured_cost`.
        """
        if LATENCY in names or self.device is None:
            return
        if is_measured(self.device):
            measured_cost(self.space, self.device, LATENCY, self.scale)
        else:
            find_device(self.space.name, str(self.device))

    def make(self, name: str) -> CostOracle:
        """The cost of a name: a counted one or a latency.

        ``"latency_ms"`` is that of `device`, ``"latency_ms@NAME"`` that of another device. Whether
        a device file has all blocks is not looked at here, but by the cost when it is first asked:
        a restriction of the space may need fewer (`LookupCost`).

        Raises:
            NasgymError: As `all`.
        """
        if name in MEASURES:
            return counted_of(self.space, name)
        kind, _, other = name.partition("@")
        known = device_names(self.space.name)
        if kind != LATENCY:
            latencies = [LATENCY, *(f"{LATENCY}@{device}" for device in known)]
            raise unknown_name("cost", name, [*latencies, *MEASURES])
        if not other and is_measured(self.device):
            return measured_cost(self.space, self.device, name, self.scale)
        if not other and self.device is None:
            raise InvalidValue(
                f"cost {name!r} is that of a device; give device=NAME, a device of {self.space.name!r} (there are: "
                f"{', '.join(known) or 'none'}), or device='live'."
            )
        device = find_device(self.space.name, other or str(self.device))
        return LookupCost(self.space, device, name=name, missing=self.missing)
