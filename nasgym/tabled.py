"""What the environments are made of that play a table: accuracies and costs of its columns, and what can be added to them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from nasgym.data.folder import find_table, imported_tables, shipped_tables
from nasgym.data.surrogate_file import find_surrogate
from nasgym.data.table_file import Table, read_table
from nasgym.devices.folder import device_names
from nasgym.devices.missing import Missing
from nasgym.errors import InvalidValue, unknown_name
from nasgym.factory import Parts
from nasgym.oracles.counted import COUNTED, MEMORY, counted_cost, counted_names
from nasgym.oracles.device_spec import DeviceSpec, is_measured, measured_cost
from nasgym.oracles.fitted import FittedCost, FittedModel
from nasgym.oracles.named_costs import NamedCosts
from nasgym.oracles.oracle import AccuracyOracle, CostOracle, SeedChoice
from nasgym.oracles.planned_costs import LATENCY, PlannedCosts
from nasgym.oracles.surrogate import SurrogateOracle
from nasgym.oracles.table import TableCost, TableOracle
from nasgym.registry import SPACES, TABLES
from nasgym.spaces.described import space_from_description
from nasgym.spaces.space import SearchSpace

__all__ = ["load_table", "space_of", "table_devices", "table_parts"]


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
    source = load_table(table)
    whole = space_of(source)
    kind = accuracy or "table"
    oracle = _accuracy(kind, source, whole, dataset, seed, fidelity)
    data = dataset or source.datasets[0]
    of_table = partial(FittedCost, find_surrogate(source)) if kind == "surrogate" else TableCost
    costs = NamedCosts(source, whole, data, partial(of_table, source))
    of_device = None
    if device is not None and not is_measured(device) and f"{LATENCY}@{device}" not in costs:
        if whole.name not in SPACES.builtin or device not in device_names(whole.name):
            raise costs.unknown_device(device)
        of_device = PlannedCosts(whole, device, missing).make(LATENCY)
    names = [_primary(cost, device, source, data, whole, kind), *extra_costs]
    found = {name: _cost(name, device, costs) for name in names if name is not None and (of_device is None or name != LATENCY)}
    if of_device is not None:
        found[LATENCY] = of_device
    return Parts(whole, oracle, [found[one] for one in dict.fromkeys(names) if one is not None])


def table_devices(name: str, dataset: str | None = None) -> list[str]:
    """The devices that ``device=`` takes with a table, for one of its data sets (by default the first).

    Raises:
        MissingData: There is no such table; the message has the command that gets it.
    """
    source = load_table(name)
    return NamedCosts(source, space_of(source), dataset or source.datasets[0], partial(TableCost, source)).devices


@lru_cache(maxsize=8)
def _cached_table(path: Path, _stamp: int) -> Table:
    return read_table(path)


def load_table(name: str) -> Table:
    """A shipped or imported table, or one of another package.

    Raises:
        MissingData: There is none of that name; the message has the command that gets it.
        DataError: The file is damaged.
    """
    paths = {**shipped_tables(), **imported_tables()}
    if name in paths:
        return _cached_table(paths[name], paths[name].stat().st_mtime_ns)
    if name in TABLES.names():
        path = TABLES.path(name)
        return _cached_table(path, path.stat().st_mtime_ns)
    return find_table(name)  # raises with the command that gets the table


def space_of(table: Table) -> SearchSpace:
    """The whole space of a table."""
    named = table.card["space"]
    space: SearchSpace = SPACES.load(named)() if isinstance(named, str) else space_from_description(named)
    return space


def _accuracy(
    kind: str, table: Table, space: SearchSpace, dataset: str | None, seed: SeedChoice, fidelity: int | None
) -> AccuracyOracle:
    if kind == "table":
        return TableOracle(table, space, dataset=dataset, seed=seed, search_fidelity=fidelity)
    if kind == "training":
        from nasgym.oracles.training import training_oracle_for

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


def _cost(name: str, device: DeviceSpec, costs: NamedCosts) -> CostOracle:
    space = costs.space
    if is_measured(device) and name == LATENCY:
        return measured_cost(space, device, name)
    if space.name in SPACES.builtin and (name in COUNTED or (name in MEMORY and name not in costs)):
        return counted_cost(space, name, costs.dataset)
    if device is not None and f"{name}@{device}" in costs:
        return costs.make(f"{name}@{device}", name)
    if name not in costs:
        counted = counted_names(space) if space.name in SPACES.builtin else ()
        hint = "Latencies also go by device=NAME." if costs.devices else ""
        raise unknown_name("cost", name, [*counted, *costs.names], hint)
    return costs.make(name)
