"""The parts of an id that plays a table: its accuracies and costs, and what can be added."""

from __future__ import annotations

from functools import partial

from nasgym.errors import unknown_name
from nasgym.networks.space_plans import dataset_scale
from nasgym.oracles.cost.counted import COUNTED, MEMORY, counted_cost, counted_names
from nasgym.oracles.cost.device_spec import is_measured
from nasgym.oracles.cost.fitted import FittedCost
from nasgym.oracles.cost.named_costs import NamedCosts
from nasgym.oracles.cost.planned_costs import PlannedCosts
from nasgym.oracles.cost.table import TableCost
from nasgym.oracles.oracle import LATENCY, CostOracle
from nasgym.problems.request import ProblemParts, Request
from nasgym.problems.sources.accuracy import make_accuracy, make_further, make_report
from nasgym.registry import SPACES
from nasgym.spaces.space import SearchSpace
from nasgym.surrogates.surrogate import find_surrogate
from nasgym.tables.table_file import Table
from nasgym.tables.table_folder import find_table, space_of_table

__all__ = ["table_devices", "table_parts"]


def table_parts(request: Request) -> ProblemParts:
    """Space, accuracy oracle and cost oracles of an id that plays a table.

    Raises:
        NasgymError: A keyword has a value that does not exist here, or data are not there.
    """
    source = find_table(request.table or request.known.table)
    whole = space_of_table(source)
    accuracy = make_accuracy(request, whole, source)
    data = request.dataset or source.datasets[0]
    fitted = request.kind == "surrogate"
    of_table = partial(FittedCost, find_surrogate(source)) if fitted else TableCost
    costs = NamedCosts(source, whole, data, partial(of_table, source))
    primary = _primary(request, source, data, whole, fitted)
    names = list(dict.fromkeys([*([] if primary is None else [primary]), *request.extra_costs]))
    device = request.device
    planned = PlannedCosts(whole, device, request.missing, dataset_scale(whole, data))
    if f"{LATENCY}@{device}" not in costs:
        if device is not None and not is_measured(device) and device not in costs.profiled:
            raise costs.unknown_device(device)
        planned.check_device(names)
    made = [_cost(name, costs, planned) for name in names]
    further, report = make_further(request, whole, source), make_report(request, whole, source)
    return ProblemParts(whole, accuracy, made, further, report)


def table_devices(name: str, dataset: str | None = None) -> list[str]:
    """The devices with latencies for a data set of a table, by default its first.

    They are in the table, or were imported for its space. ``device=`` also takes those with a
    device file for the space (`nasgym.devices.device_names`).

    Raises:
        MissingData: There is no such table; the message has the command that gets it.
    """
    source = find_table(name)
    return NamedCosts(source, space_of_table(source), dataset or source.datasets[0], partial(TableCost, source)).devices


def _primary(request: Request, table: Table, dataset: str, space: SearchSpace, fitted: bool) -> str | None:
    if request.cost is not None:
        return request.cost
    if request.device is not None:
        return LATENCY
    if space.name in SPACES.builtin and counted_names(space):
        return "macs"
    # columns of a sample are no costs of all architectures, and fitted ones only have bounds where
    # the space can be enumerated
    if table.sampled and not (fitted and space.can_enumerate):
        return None
    return next(iter(table.cost_names(dataset)), None)


def _cost(name: str, costs: NamedCosts, planned: PlannedCosts) -> CostOracle:
    space, device = costs.space, planned.device
    if name == LATENCY and device is not None and f"{LATENCY}@{device}" not in costs:
        return planned.make(name)
    counts = space.name in SPACES.builtin and bool(counted_names(space))
    if counts and (name in COUNTED or (name in MEMORY and name not in costs)):
        return counted_cost(space, name, costs.dataset)
    if device is not None and f"{name}@{device}" in costs:
        return costs.make(f"{name}@{device}", name)
    if name not in costs:
        files = [f"{LATENCY}@{profiled}" for profiled in costs.profiled]
        if name in files:
            return planned.make(name)
        counted = counted_names(space) if counts else ()
        hint = "Latencies also go by device=NAME." if costs.devices or files else ""
        raise unknown_name("cost", name, [*counted, *costs.names, *files], hint)
    return costs.make(name)
