"""The parts of an id that is a space with networks and plays no table of its own.

For example ``nasgym/OFA-v0`` and ``nasgym/ProxylessNAS-v0``.
"""

from __future__ import annotations

from nasgym.devices.device_folder import device_names
from nasgym.oracles.cost.planned_costs import PlannedCosts
from nasgym.oracles.oracle import LATENCY
from nasgym.problems.request import ProblemParts, Request
from nasgym.problems.sources.accuracy import make_accuracy, make_further, make_report
from nasgym.registration import Benchmark
from nasgym.registry import SPACES
from nasgym.spaces.space import SearchSpace
from nasgym.surrogates.perceptron import predictor_path

__all__ = ["is_playable", "space_parts"]


def is_playable(known: Benchmark) -> bool:
    """Whether what the defaults of an id need is there; of ids whose parts `space_parts` makes."""
    if known.accuracies[0] == "predictor" and not predictor_path(known.table).is_file():
        return False
    return known.device is None or known.device in device_names(known.table)


def space_parts(request: Request) -> ProblemParts:
    """Space, accuracy oracle and cost oracles of a space with networks.

    No published accuracies come with the mobile spaces. The default of Once-for-All is
    ``"predictor"``, its published accuracy predictor. Elsewhere the default is ``"training"``:
    every candidate is trained on this machine, at a quarter of the width on 8 x 8 digits for one
    epoch (`nasgym.oracles.accuracy.training`). These are real trainings of about a second, so that
    an environment works from nothing. They say nothing about ImageNet. How well two training seeds
    agree on the ranking of 30 random networks depends on the space (Spearman): MnasNet 0.93, TuNAS
    0.57, ProxylessNAS 0.54, MoGA 0.41, but FairNAS 0.12 and MobileNetV3 0.10, where such a reward
    is mostly noise. ``"table"`` and ``"surrogate"`` take the accuracies of ``table``, an imported
    table of this very space.

    Costs are those of the networks at ImageNet scale, which would be deployed: counted, or the
    latency of a device (``"latency_ms"``, or ``"latency_ms@NAME"`` for another one). Where a device
    is named, or the id has one of its own, the primary cost is its latency; else MACs.

    Raises:
        NasgymError: A keyword has a value that does not exist here, or data are not there.
    """
    known = request.known
    space: SearchSpace = SPACES.load(known.table)()
    device = known.device if request.device is None else request.device
    accuracy = make_accuracy(request, space)
    costs = PlannedCosts(space, device, request.missing)
    names = [request.cost or ("macs" if device is None else LATENCY), *request.extra_costs]
    # the id's own device need not be there where no latency is asked for
    made = costs.all(names) if request.device is not None else [costs.make(name) for name in dict.fromkeys(names)]
    return ProblemParts(space, accuracy, made, make_further(request, space), make_report(request, space))
