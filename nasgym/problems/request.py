"""`Request`: what is asked about accuracies and costs; `ProblemParts`: what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nasgym.devices.missing import Missing
from nasgym.oracles.cost.device_spec import DeviceSpec
from nasgym.oracles.oracle import AccuracyOracle, CostOracle, SeedChoice
from nasgym.registration import Benchmark
from nasgym.spaces.space import SearchSpace
from nasgym.training.images_spec import ImagesSpec

__all__ = ["ProblemParts", "Request"]


@dataclass(frozen=True)
class Request:
    """What an id stands for, and the keywords of `nasgym.make_problem` that change it.

    See there for what they mean.

    Attributes:
        known: What the id stands for.
        accuracy, dataset, seed, fidelity, table, images: About accuracies.
        report: Name of the accuracy oracle that only reports, or None.
        cost, device, extra_costs, missing: About costs.
        objectives: Names of the objectives; some may be further qualities.
    """

    known: Benchmark
    accuracy: str | None = None
    dataset: str | None = None
    seed: SeedChoice = "mean"
    fidelity: int | None = None
    table: str | None = None
    cost: str | None = None
    device: DeviceSpec = None
    extra_costs: Sequence[str] = ()
    missing: Missing = "error"
    report: str | None = None
    objectives: Sequence[str] = ()
    images: ImagesSpec = None

    @property
    def kind(self) -> str:
        """The accuracy oracle that is asked for: the named one, else the id's own."""
        return self.accuracy or self.known.accuracies[0]


class ProblemParts(NamedTuple):
    """What an id's data give: the whole space, its accuracies, and the costs asked for.

    The primary cost comes first. `further` are qualities that are measured with the accuracies, by
    name; `report` is the oracle that only reports, where one is asked for.
    """

    space: SearchSpace
    accuracy: AccuracyOracle
    costs: list[CostOracle]
    further: dict[str, AccuracyOracle]
    report: AccuracyOracle | None = None
