"""What the keyword ``device`` may be besides a name: a way to measure during the search."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.scale import Scale
from nasgym.networks.space_plans import plan_of
from nasgym.oracles.cost.measured import MeasuredCost
from nasgym.spaces.space import SearchSpace

__all__ = ["LIVE", "DeviceSpec", "check_device", "is_measured", "measured_cost"]

DeviceSpec: TypeAlias = str | Mapping[str, Any] | None

LIVE = "live"
LIVE_KEYS = ("device", "threads", "batch", "precision", "provider", "tolerance")
COMMAND_KEYS = ("command", "timeout", "retries", "hardware", "batch", "precision")


def check_device(device: DeviceSpec) -> None:
    """Checks that `device` is a name, None, or a mapping for one of the two ways to measure.

    Raises:
        InvalidValue: It is something else.
        UnknownName: A key is not known.
    """
    if device is None or isinstance(device, str):
        return
    if not isinstance(device, Mapping) or ("command" in device) == (device.get("device") == LIVE):
        hint = "'live', {'device': 'live', 'threads': 2} or {'command': 'ssh board bench {onnx}', 'timeout': 60, 'retries': 2}"
        known = device if isinstance(device, Mapping) else {}
        for key in known:
            if key not in (*LIVE_KEYS, *COMMAND_KEYS):
                raise unknown_name("key of device", key, dict.fromkeys((*COMMAND_KEYS, *LIVE_KEYS)))
        raise InvalidValue(f"device is a name, {hint}; got {device!r}.")
    keys = COMMAND_KEYS if "command" in device else LIVE_KEYS
    for key in device:
        if key not in keys:
            raise unknown_name("key of device", key, keys)


def is_measured(device: DeviceSpec) -> bool:
    """Whether latencies are measured during the search."""
    return device == LIVE or isinstance(device, Mapping)


def measured_cost(space: SearchSpace, device: DeviceSpec, name: str = "latency_ms", scale: Scale | None = None) -> MeasuredCost:
    """The latency that ``device="live"`` or a mapping stands for.

    Args:
        space: A space with plans.
        device: As `check_device` takes it; one for which `is_measured` holds.
        name: Name with unit under which the cost goes.
        scale: What networks are built for, by default for what they were published.

    Raises:
        NasgymError: As `check_device`, `LiveLatency` and `CommandLatency`.
    """
    check_device(device)
    given = dict(device) if isinstance(device, Mapping) else {}
    planner = partial(plan_of, space, scale=scale)
    if "command" in given:
        from nasgym.oracles.cost.command import CommandLatency

        return CommandLatency(space, name=name, planner=planner, **given)
    from nasgym.oracles.cost.live import LiveLatency

    given.pop("device", None)
    return LiveLatency(space, name=name, planner=planner, **given)
