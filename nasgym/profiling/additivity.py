"""`Additivity`: how well sums of block latencies say what whole networks take."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasgym.devices.device_file import Device
from nasgym.errors import InvalidValue
from nasgym.files import write_file
from nasgym.measuring.measure import Timing
from nasgym.oracles.cost.lookup import LookupCost
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Floats

__all__ = ["Additivity", "additivity", "draw_additivity", "write_report"]


@dataclass(frozen=True)
class Additivity:
    """Predicted and measured latencies of networks that were drawn uniformly.

    Attributes:
        architectures: As text.
        predicted_ms, measured_ms: ``(n,)`` sums of blocks, and whole networks.
        low_ms, high_ms: ``(n,)`` intervals of the measured ones (`Timing`).
    """

    architectures: tuple[str, ...]
    predicted_ms: Floats
    measured_ms: Floats
    low_ms: Floats
    high_ms: Floats

    @property
    def mape(self) -> float:
        """Mean absolute error as a share of the measured latency."""
        return float(np.abs(self.predicted_ms / self.measured_ms - 1).mean())

    @property
    def bias(self) -> float:
        """Mean error as a share of the measured latency; above 0 where sums are too large."""
        return float((self.predicted_ms / self.measured_ms - 1).mean())

    @property
    def spearman(self) -> float:
        """Rank correlation; NaN for fewer than three networks, and where all are equal."""
        if len(self.predicted_ms) < 3 or not (np.ptp(self.predicted_ms) and np.ptp(self.measured_ms)):
            return float("nan")
        from scipy import stats

        return float(stats.spearmanr(self.predicted_ms, self.measured_ms).statistic)

    @property
    def rescaled_mape(self) -> float:
        """`mape` after one factor for all, the median ratio.

        It is what is left where the common error is known.
        """
        ratio = self.predicted_ms / self.measured_ms
        return float(np.abs(ratio / np.median(ratio) - 1).mean())

    def __str__(self) -> str:
        found = (
            f"{len(self.architectures)} random networks, {self.measured_ms.min():.4g} to {self.measured_ms.max():.4g} ms: predicted "
            f"against measured, mean absolute error {100 * self.mape:.1f} %, bias {100 * self.bias:+.1f} %"
        )
        if np.isnan(self.spearman):
            return found
        return f"{found}, Spearman {self.spearman:.3f} (error {100 * self.rescaled_mape:.1f} % after one common factor)"


def additivity(space: SearchSpace, device: Device, nets: Mapping[str, str], timings: Mapping[str, Timing]) -> Additivity:
    """Compares sums of a device's blocks with measured networks.

    Args:
        space: The space.
        device: Its blocks.
        nets: Architecture, as text, by name of the model.
        timings: Of these models, by name.

    Raises:
        InvalidValue: There are no networks to compare with.
    """
    if not nets:
        raise InvalidValue("there are no whole networks to check sums of blocks against; measure some, for example --check 30.")
    predicted = LookupCost(space, device).cost(space.from_str(list(nets.values())))
    measured = [timings[name] for name in nets]
    return Additivity(
        tuple(nets.values()),
        predicted,
        np.array([timing.latency_ms for timing in measured]),
        np.array([timing.low_ms for timing in measured]),
        np.array([timing.high_ms for timing in measured]),
    )


def write_report(found: Additivity, device: Device, noisy: Mapping[str, Timing], path: Path) -> Path:
    """Writes the comparison as JSON.

    It has the numbers, every network, and the blocks whose latency stayed noisy.
    """
    rows = zip(found.architectures, found.predicted_ms, found.measured_ms, found.low_ms, found.high_ms, strict=True)
    about: dict[str, Any] = {
        "device": device.name,
        "space": device.space,
        "fingerprint": device.fingerprint,
        "source": device.source,
        "networks": len(found.architectures),
        "mape": round(found.mape, 5),
        "bias": round(found.bias, 5),
        "spearman": None if np.isnan(found.spearman) else round(found.spearman, 5),
        "mape_after_one_factor": round(found.rescaled_mape, 5),
        "noisy_blocks": {name: round(timing.error, 4) for name, timing in noisy.items()},
        "measured": [
            {"architecture": text, "predicted_ms": round(float(p), 6), "measured_ms": round(float(m), 6)}
            | {"low_ms": round(float(low), 6), "high_ms": round(float(high), 6)}
            for text, p, m, low, high in rows
        ],
    }
    return write_file(path, json.dumps(about, indent=1) + "\n")


def draw_additivity(found: Additivity, title: str, path: Path) -> Path:
    """Draws predicted against measured latencies as a PNG.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    axes = figure.add_subplot()
    ends = np.array([min(found.predicted_ms.min(), found.low_ms.min()), max(found.predicted_ms.max(), found.high_ms.max())])
    ends += np.array([-0.05, 0.05]) * (ends[1] - ends[0])
    axes.plot(ends, ends, color="#6e6e6e", linewidth=1, label="equal")
    axes.fill_between(ends, 0.95 * ends, 1.05 * ends, color="#6e6e6e", alpha=0.15, linewidth=0, label="within 5 %")
    errors = np.stack([found.measured_ms - found.low_ms, found.high_ms - found.measured_ms])
    axes.errorbar(found.predicted_ms, found.measured_ms, yerr=errors, fmt="o", markersize=4, color="#0072b2", linewidth=1)
    axes.set(xlim=ends, ylim=ends, xlabel="sum of its blocks, ms", ylabel="whole network, ms")
    axes.set_title(title, fontsize=10)
    words = f"error {100 * found.mape:.1f} %, bias {100 * found.bias:+.1f} %, Spearman {found.spearman:.3f}"
    axes.text(0.03, 0.97, words, transform=axes.transAxes, va="top", fontsize=9)
    axes.legend(loc="lower right", fontsize=9, frameon=False)
    axes.grid(alpha=0.25)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return write_file(path, buffer.getvalue())
