"""`make_problem`: from an id and JSON-able keywords to a problem."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nasgym.data.folder import find_table, imported_tables, shipped_tables
from nasgym.data.table_file import Table, read_table
from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.counted import COUNTED, counted_cost
from nasgym.oracles.oracle import AccuracyOracle, CostOracle, SeedChoice
from nasgym.oracles.table import TableCost, TableOracle
from nasgym.problem import Objective, Problem
from nasgym.registration import benchmark
from nasgym.registry import RULES, SPACES, TABLES
from nasgym.rewards import RewardRule, RuleSpec, make_rule
from nasgym.spaces.described import space_from_description
from nasgym.spaces.space import Label, SearchSpace

__all__ = ["PROBLEM_KEYWORDS", "Parts", "TargetSpec", "make_problem", "wanted_cost"]

TargetSpec: TypeAlias = float | Mapping[str, Any] | None
DEFAULT = "default"


class Parts(NamedTuple):
    """What an id's data give: the whole space, its accuracies, and the costs that were asked for, the primary one first."""

    space: SearchSpace
    accuracy: AccuracyOracle
    costs: list[CostOracle]


def make_problem(
    env_id: str,
    *,
    reward: RuleSpec | None = None,
    cost: str | None = None,
    device: str | None = None,
    target: TargetSpec | str = DEFAULT,
    lower: float | None = None,
    dataset: str | None = None,
    seed: SeedChoice = "mean",
    fidelity: int | None = None,
    accuracy: str | None = None,
    table: str | None = None,
    restrict: Mapping[str, Sequence[Label]] | None = None,
    objectives: Sequence[str] | None = None,
    extra_costs: Sequence[str] = (),
) -> Problem:
    """The problem behind an environment id; the keywords are those of ``gymnasium.make``.

    Args:
        env_id: For example ``"nasgym/Digits-v0"``.
        reward: Name of a rule, or ``{"rule": name, hyper-parameter: value}``.
        cost: Primary cost: ``"macs"`` and ``"params"`` are counted, anything else is a column of the table. By default
            ``"latency_ms"`` with a device, else MACs (an own table: its first cost).
        device: Hardware of ``"latency_ms"``: column ``latency_ms@device`` of the table; for ``nasgym/OFA-v0`` a device file.
        target: Wanted cost in its unit, or ``{"fraction": 0.5, "of": "max" | "range"}`` of the space's cost, or None for no
            limit. By default the id's own target where the rule uses one, else none.
        lower: Least wanted cost in its unit.
        dataset: Data set of the table, by default its first.
        seed: ``"mean"`` over training seeds, ``"sampled"`` for every evaluation, or one seed column.
        fidelity: Epochs that the search sees, by default the table's.
        accuracy: ``"table"``, or ``"training"`` to train every candidate on this machine; ``"predictor"`` for
            ``nasgym/OFA-v0``. By default the id's own.
        table: Name of an imported table (``nasgym/Table-v0`` only).
        restrict: Decision name or pattern to the labels that stay, for example ``{"*.kernel": [3]}``.
        objectives: Names for multi-objective agents: ``"accuracy"`` and costs.
        extra_costs: Further costs to report.

    Returns:
        The problem.

    Raises:
        NasgymError: A keyword or a value is not known, a table is missing or damaged; the message has the next step.
    """
    if isinstance(target, np.generic):
        target = target.item()
    spec = {k: v for k, v in locals().items() if k != "env_id"}
    known = benchmark(env_id)
    if table is not None and not known.any_table and table != known.table:
        raise InvalidValue(f"{env_id!r} always plays table {known.table!r}; play table {table!r} as 'nasgym/Table-v0'.")
    _check_types(spec)
    rule = _rule(known.reward if reward is None else reward)
    asked: dict[str, Any] = {
        "accuracy": accuracy,
        "dataset": dataset,
        "seed": seed,
        "fidelity": fidelity,
        "cost": cost,
        "device": device,
        "extra_costs": extra_costs,
    }
    if known.loader:
        module, _, function = known.loader.partition(":")
        parts: Parts = getattr(import_module(module), function)(**asked)
    else:
        parts = _table_parts(table or known.table, **asked)
    whole, oracle, oracles = parts
    space = whole if restrict is None else whole.restrict(restrict)
    narrowed = oracles if restrict is None else [o.narrow(space) for o in oracles]
    by_default = isinstance(target, str) and target == DEFAULT
    wanted: object = (known.target if rule.needs_target else None) if by_default else target
    goals = None if objectives is None else [Objective(n, "max" if n == "accuracy" else "min") for n in objectives]
    return Problem(
        space,
        oracle,
        narrowed,
        rule,
        target=wanted_cost(wanted, narrowed, space),
        lower=lower,
        objectives=goals,
        spec={"env_id": env_id, **{k: v for k, v in spec.items() if v != _DEFAULTS[k]}},
    )


PROBLEM_KEYWORDS = tuple(inspect.signature(make_problem).parameters)[1:]
_DEFAULTS = {name: p.default for name, p in inspect.signature(make_problem).parameters.items() if name != "env_id"}


def _check_types(given: Mapping[str, Any]) -> None:
    """Keywords come from JSON texts and command lines; a single name is no list of names."""
    for name in ("cost", "device", "dataset", "table", "accuracy"):
        if given[name] is not None and not isinstance(given[name], str):
            raise InvalidValue(f"{name} is a name, got {given[name]!r}.")
    lower, restrict = given["lower"], given["restrict"]
    if lower is not None and (isinstance(lower, bool) or not isinstance(lower, int | float)):
        raise InvalidValue(f"lower is a number or None, got {lower!r}.")
    if restrict is not None and not isinstance(restrict, Mapping):
        raise InvalidValue(f"restrict maps decisions to the labels that stay, as in {{'*.kernel': [3]}}, got {restrict!r}.")
    for name in ("objectives", "extra_costs"):
        value = given[name]
        if value is not None and (isinstance(value, str) or not isinstance(value, Sequence)):
            raise InvalidValue(f"{name} is a list of names, got {value!r}.")


def _rule(spec: RuleSpec) -> RewardRule:
    name = spec.get("rule") if isinstance(spec, Mapping) else spec
    if not isinstance(name, str):
        raise InvalidValue(f"a reward is a name or {{'rule': name, ...}}, got {spec!r}; rules: {', '.join(RULES.names())}.")
    return make_rule(spec, {name: RULES.load(name)})


def _table_parts(
    name: str,
    *,
    accuracy: str | None,
    dataset: str | None,
    seed: SeedChoice,
    fidelity: int | None,
    cost: str | None,
    device: str | None,
    extra_costs: Sequence[str],
) -> Parts:
    source = _load_table(name)
    whole = _space(source)
    oracle = _accuracy(accuracy or "table", source, whole, dataset, seed, fidelity)
    data = dataset or source.datasets[0]
    if device is not None and device not in _devices(source, data):
        raise unknown_name(f"device of table {source.name!r}", device, _devices(source, data))
    names = [_primary(cost, device, source, data, whole), *extra_costs]
    costs = [_cost(one, device, source, data, whole) for one in dict.fromkeys(names) if one is not None]
    return Parts(whole, oracle, costs)


@lru_cache(maxsize=8)
def _cached_table(path: Path, _stamp: int) -> Table:
    return read_table(path)


def _load_table(name: str) -> Table:
    paths = {**shipped_tables(), **imported_tables()}
    if name in paths:
        return _cached_table(paths[name], paths[name].stat().st_mtime_ns)
    if name in TABLES.names():
        path = TABLES.path(name)
        return _cached_table(path, path.stat().st_mtime_ns)
    return find_table(name)  # raises with the command that gets the table


def _space(table: Table) -> SearchSpace:
    named = table.card["space"]
    space: SearchSpace = SPACES.load(named)() if isinstance(named, str) else space_from_description(named)
    return space


def _accuracy(
    kind: str, table: Table, space: SearchSpace, dataset: str | None, seed: SeedChoice, fidelity: int | None
) -> AccuracyOracle:
    if kind == "table":
        return TableOracle(table, space, dataset=dataset, seed=seed, search_fidelity=fidelity)
    if kind == "training":
        from nasgym.oracles.training import training_oracle

        if dataset not in (None, table.datasets[0]):
            raise InvalidValue(f"accuracy='training' trains on {table.datasets[0]!r}, got dataset={dataset!r}.")
        if seed not in ("mean", "sampled") and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
            raise InvalidValue(f"a training seed is a whole number from 0 on, got {seed!r}.")
        # every training has one seed: "mean" is what reports give
        oracle = training_oracle(space.name, **({} if isinstance(seed, str) else {"seeds": (seed,)}))
        if fidelity is not None and fidelity not in oracle.fidelities:
            raise unknown_name("fidelity (epochs) of the training oracle", fidelity, oracle.fidelities)
        oracle.search_fidelity = fidelity or oracle.search_fidelity
        return oracle
    raise unknown_name("accuracy oracle", kind, ("table", "training"))


def _devices(table: Table, dataset: str) -> list[str]:
    return [name.partition("@")[2] for name in table.cost_names(dataset) if name.startswith("latency_ms@")]


def _primary(cost: str | None, device: str | None, table: Table, dataset: str, space: SearchSpace) -> str | None:
    if cost is not None:
        return cost
    if device is not None:
        return "latency_ms"
    if space.name in SPACES.builtin:
        return "macs"
    return next(iter(table.cost_names(dataset)), None)


def _cost(name: str, device: str | None, table: Table, dataset: str, space: SearchSpace) -> CostOracle:
    if name in COUNTED and space.name in SPACES.builtin:
        return counted_cost(space, name, dataset)
    columns = table.cost_names(dataset)
    if device is not None and f"{name}@{device}" in columns:
        return TableCost(table, space, f"{name}@{device}", dataset, name)
    if name not in columns:
        counted = COUNTED if space.name in SPACES.builtin else ()
        raise unknown_name(
            "cost", name, [*counted, *columns], "Latencies also go by device=NAME." if _devices(table, dataset) else ""
        )
    return TableCost(table, space, name, dataset)


def wanted_cost(target: Any, costs: Sequence[CostOracle], space: SearchSpace) -> float | None:
    """A target in the unit of the first cost, from what `make_problem` takes.

    Raises:
        InvalidValue: There is no cost, or the target is neither a number nor a fraction of the space's cost.
    """
    if target is None:
        return None
    if not costs:
        raise InvalidValue(f"target {target!r} limits a cost, and table columns give none here; give target=None or cost=...")
    if isinstance(target, Mapping):
        unknown = set(target) - {"fraction", "of"}
        fraction, of = target.get("fraction"), target.get("of", "range")
        good = not unknown and not isinstance(fraction, bool) and of in ("max", "range")
        if not good or not isinstance(fraction, int | float) or not 0 < fraction <= 1:
            raise InvalidValue(
                f"target is a number, None or {{'fraction': 0 to 1, 'of': 'max' or 'range'}}, got {dict(target)!r}."
            )
        low, high = costs[0].bounds(np.full((1, space.num_decisions), -1, dtype=np.int8))
        least, largest = float(low[0]), float(high[0])
        return fraction * largest if of == "max" else least + fraction * (largest - least)
    if isinstance(target, bool) or not isinstance(target, Real):
        if isinstance(target, list | tuple | np.ndarray):
            raise InvalidValue(f"a range of targets, {target!r}, is drawn from by environments; a problem has one target.")
        raise InvalidValue(f"target is a number, None or {{'fraction': 0.5, 'of': 'range'}}, got {target!r}.")
    return float(target)
