"""What ``nasgym/OFA-v0`` is made of: predicted accuracies, and latencies of a device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from nasgym.devices.device_folder import device_names
from nasgym.devices.missing import Missing
from nasgym.errors import unknown_name
from nasgym.oracles.accuracy.once_for_all import OnceForAllModel
from nasgym.oracles.accuracy.surrogate import SurrogateOracle
from nasgym.oracles.cost.device_spec import DeviceSpec
from nasgym.oracles.cost.planned_costs import LATENCY, PlannedCosts
from nasgym.oracles.oracle import SeedChoice
from nasgym.problems.factory import Parts
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.surrogates.perceptron import Predictor, find_predictor, predictor_path

__all__ = ["DATASET", "DEVICE", "is_imported", "ofa_parts"]

DATASET, DEVICE, COST = "imagenet", "note10", LATENCY


def is_imported() -> bool:
    """Whether the environment's defaults can be played."""
    return predictor_path().is_file() and DEVICE in device_names("ofa")


def ofa_parts(
    *,
    accuracy: str | None,
    dataset: str | None,
    seed: SeedChoice,
    fidelity: int | None,
    cost: str | None,
    device: DeviceSpec,
    extra_costs: Sequence[str],
    missing: Missing,
) -> Parts:
    """Space, accuracy oracle and cost oracles; the keywords are those of `nasgym.make_problem`.

    Costs are ``"latency_ms"``, of the device that ``device`` names, ``"latency_ms@NAME"``, which is that of another device, for
    comparison, and the counted ones of `nasgym.oracles.cost.counted`. Devices are the device files for space ``ofa``.

    Raises:
        UnknownName: A keyword has a value that does not exist here.
        MissingData: The predictor or the device is not in the data folder.
    """
    for name, value, allowed in (
        ("accuracy oracle", accuracy, ("predictor",)),
        ("dataset", dataset, (DATASET,)),
        ("training seed", None if seed == "mean" else seed, ("mean",)),
        ("fidelity (epochs) of the predictor", fidelity, (0,)),
    ):
        if value is not None and value not in allowed:
            raise unknown_name(name, value, allowed)
    space = OnceForAllSpace()
    oracle = SurrogateOracle(OnceForAllModel(_predictor()), space)
    costs = PlannedCosts(space, DEVICE if device is None else device, missing)
    names = [cost or COST, *extra_costs]
    # the default device need not be there where no latency is asked for
    return Parts(space, oracle, costs.all(names) if device is not None else [costs.make(name) for name in dict.fromkeys(names)])


def _predictor() -> Predictor:
    path = predictor_path()
    try:
        stamp = path.stat().st_mtime_ns
    except FileNotFoundError:
        return find_predictor()  # raises with the command that gets it
    return _cached(path, stamp)


@lru_cache(maxsize=2)
def _cached(_path: Path, _stamp: int) -> Predictor:
    return find_predictor()
