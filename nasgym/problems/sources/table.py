"""What the environments are made of that play a table: accuracies and costs of its columns, and what can be added to them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nasgym.devices.missing import Missing
from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.accuracy.fitted import FittedModel
from nasgym.oracles.accuracy.surrogate import SurrogateOracle
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.counted import COUNTED, MEMORY, counted_cost, counted_names
from nasgym.oracles.cost.device_spec import DeviceSpec, is_measured
from nasgym.oracles.cost.fitted import FittedCost
from nasgym.oracles.cost.named_costs import NamedCosts
from nasgym.oracles.cost.planned_costs import PlannedCosts
from nasgym.oracles.cost.table import TableCost
from nasgym.oracles.oracle import LATENCY, AccuracyOracle, CostOracle, SeedChoice
from nasgym.problems.factory import Parts
from nasgym.registry import SPACES
from nasgym.spaces.space import SearchSpace
from nasgym.surrogates.surrogate import find_surrogate
from nasgym.tables.table_file import Table
from nasgym.tables.table_folder import find_table, space_of_table

__all__ = ["table_devices", "table_parts"]


def table_parts(
    *,
    table: str,
    accuracy: str | None,
    dataset: str | None,
    seed: SeedChoice,
    fidelity: int | None,
    cost: str | None,
    device: DeviceSpec,
    extra_costs: Sequence[str],
    missing: Missing,
) -> Parts:
    """Space, accuracy oracle and cost oracles of an id that plays a table; the keywords are those of `nasgym.make_problem`.

    Raises:
        NasgymError: A keyword has a value that does not exist here, or data are not there.
    """
    source = find_table(table)
    whole = space_of_table(source)
    kind = accuracy or "table"
    oracle = _accuracy(kind, source, whole, dataset, seed, fidelity)
    data = dataset or source.datasets[0]
    of_table = partial(FittedCost, find_surrogate(source)) if kind == "surrogate" else TableCost
    costs = NamedCosts(source, whole, data, partial(of_table, source))
    primary = _primary(cost, device, source, data, whole, kind)
    names = list(dict.fromkeys([*([] if primary is None else [primary]), *extra_costs]))
    planned = PlannedCosts(whole, device, missing)
    if f"{LATENCY}@{device}" not in costs:
        if device is not None and not is_measured(device) and device not in costs.profiled:
            raise costs.unknown_device(device)
        planned.check_device(names)
    return Parts(whole, oracle, [_cost(name, costs, planned) for name in names])


def table_devices(name: str, dataset: str | None = None) -> list[str]:
    """The devices with latencies in a table, or imported for its space, for one of its data sets (by default the first).

    ``device=`` also takes those with a device file for the space (`nasgym.devices.device_names`).

    Raises:
        MissingData: There is no such table; the message has the command that gets it.
    """
    source = find_table(name)
    return NamedCosts(source, space_of_table(source), dataset or source.datasets[0], partial(TableCost, source)).devices


def _accuracy(
    kind: str, table: Table, space: SearchSpace, dataset: str | None, seed: SeedChoice, fidelity: int | None
) -> AccuracyOracle:
    if kind == "table":
        return TableOracle(table, space, dataset=dataset, seed=seed, search_fidelity=fidelity)
    if kind == "training":
        from nasgym.oracles.accuracy.training import training_oracle_for

        if dataset not in (None, table.datasets[0]):
            raise InvalidValue(f"accuracy='training' trains on {table.datasets[0]!r}, got dataset={dataset!r}.")
        return training_oracle_for(space.name, seed, fidelity)
    if kind == "surrogate":
        model = FittedModel(find_surrogate(table), table, dataset=dataset, search_fidelity=fidelity)
        return SurrogateOracle(model, space, seed=seed)
    raise unknown_name("accuracy oracle", kind, ("table", "training", "surrogate"))


def _primary(cost: str | None, device: DeviceSpec, table: Table, dataset: str, space: SearchSpace, kind: str) -> str | None:
    if cost is not None:
        return cost
    if device is not None:
        return LATENCY
    if space.name in SPACES.builtin:
        return "macs"
    # columns of a sample are no costs of all architectures, and fitted ones have bounds where the space can be enumerated
    if table.sampled and not (kind == "surrogate" and space.can_enumerate):
        return None
    return next(iter(table.cost_names(dataset)), None)


def _cost(name: str, costs: NamedCosts, planned: PlannedCosts) -> CostOracle:
    space, device = costs.space, planned.device
    if name == LATENCY and device is not None and f"{LATENCY}@{device}" not in costs:
        return planned.make(name)
    if space.name in SPACES.builtin and (name in COUNTED or (name in MEMORY and name not in costs)):
        return counted_cost(space, name, costs.dataset)
    if device is not None and f"{name}@{device}" in costs:
        return costs.make(f"{name}@{device}", name)
    if name not in costs:
        files = [f"{LATENCY}@{profiled}" for profiled in costs.profiled]
        if name in files:
            return planned.make(name)
        counted = counted_names(space) if space.name in SPACES.builtin else ()
        hint = "Latencies also go by device=NAME." if costs.devices or files else ""
        raise unknown_name("cost", name, [*counted, *costs.names, *files], hint)
    return costs.make(name)
