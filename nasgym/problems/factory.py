"""`make_problem`: from an id and JSON-able keywords to a problem."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from numbers import Real
from typing import Any, TypeAlias, get_args

import numpy as np

from nasgym.devices.missing import Missing
from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.cost.counted import COUNTED, MEMORY
from nasgym.oracles.cost.device_spec import DeviceSpec, check_device
from nasgym.oracles.oracle import CostOracle, SeedChoice
from nasgym.problems.goals import GoalSpec, objectives_of, read_goals
from nasgym.problems.problem import Problem
from nasgym.problems.request import ProblemParts, Request
from nasgym.registration import HALF_OF_RANGE, Benchmark, benchmark
from nasgym.rewards import RuleSpec, make_rule
from nasgym.spaces.decision import Label
from nasgym.spaces.space import SearchSpace
from nasgym.training.images_spec import ImagesSpec, check_images

__all__ = ["PROBLEM_KEYWORDS", "TargetSpec", "make_problem", "wanted_cost"]

TargetSpec: TypeAlias = float | Mapping[str, Any] | None
DEFAULT = "default"


def make_problem(
    env_id: str,
    *,
    reward: RuleSpec | None = None,
    cost: str | None = None,
    device: DeviceSpec = None,
    target: TargetSpec | str = DEFAULT,
    lower: float | None = None,
    dataset: str | None = None,
    seed: SeedChoice = "mean",
    fidelity: int | None = None,
    accuracy: str | None = None,
    report: str | None = None,
    table: str | None = None,
    restrict: Mapping[str, Sequence[Label]] | None = None,
    objectives: Sequence[GoalSpec] | None = None,
    extra_costs: Sequence[str] | None = (),
    missing: Missing = "error",
    images: ImagesSpec = None,
) -> Problem:
    """The problem of an environment id; the keywords are those of ``gymnasium.make``.

    Args:
        env_id: For example ``"nasgym/Digits-v0"``.
        reward: Name of a rule, or ``{"rule": name, hyper-parameter: value}``.
        cost: Primary cost: ``"macs"`` and ``"params"`` are counted, and so are ``"size_kb"`` and
            ``"peak_memory_kb"`` (float32, or with ``"@int8"`` after the name;
            `nasgym.networks.memory`) unless the table has such a column; anything else is a column
            of the table. By default ``"latency_ms"`` with a device, else MACs (an own table: its
            first cost).
        device: Hardware of ``"latency_ms"``: column ``latency_ms@device`` of the table or of cost
            columns imported for its space, else a device file of the space (`nasgym.devices`),
            which needs the blocks that `restrict` leaves. Or measured network by network while a
            search runs, where the space has networks: ``"live"``, on this machine, or ``{"device":
            "live", "threads": 2}`` (`nasgym.oracles.cost.live.LiveLatency`), or ``{"command": "ssh
            board bench {onnx}", "timeout": 60, "retries": 2}``
            (`nasgym.oracles.cost.command.CommandLatency`). ``"latency_ms@NAME"`` among the costs is
            that of another device.
        target: Wanted cost in its unit, or ``{"fraction": 0.5, "of": "max" | "range"}`` of the
            space's cost, or None for no limit. By default the id's own target where the rule uses
            one, else none.
        lower: Least wanted cost in its unit.
        dataset: Data set of the table, by default its first.
        seed: ``"mean"`` over training seeds, ``"sampled"`` for every evaluation, or one seed
            column. Of a surrogate: members of its ensemble.
        fidelity: Epochs that the search sees, by default the table's; where networks are trained, 3
            for Digits and 1 for the mobile spaces.
        accuracy: ``"table"``; ``"training"`` to train every candidate on this machine;
            ``"surrogate"`` for what was fitted to a sampled table, its costs included;
            ``"predictor"`` for ``nasgym/OFA-v0``. By default the id's own.
        report: Accuracy oracle that reports and exact answers use, where a search must not see it:
            ``"table"`` reports what networks that were searched for by short trainings are worth in
            the table. Its keywords are `dataset` and `table`; it gives means over the training
            seeds at its own fidelities. By default None: that of the search.
        table: Name of an imported table, for ``nasgym/Table-v0`` and the ids that are spaces.
        restrict: Decision name or pattern to the labels that stay, for example ``{"*.kernel":
            [3]}``.
        objectives: For multi-objective agents: names, or pairs of name and ``"max"`` or ``"min"``,
            of qualities and costs: ``["accuracy", "macs"]``, ``["perplexity", "accuracy@c100",
            ["throughput", "max"]]``. Qualities follow their own direction, costs are minimised
            unless a pair says otherwise. Of other data sets of the same table the quality goes by
            ``"name@dataset"``; it is measured with every evaluation, at no charge.
        extra_costs: Further costs to report; None or an empty list for none.
        missing: What to do about blocks that a device file lacks: ``"error"``, or ``"interpolate"``
            to estimate them from similar ones (`nasgym.devices.missing`), which marks the results.
        images: What ``accuracy="training"`` trains on, by default scikit-learn's digits: the name
            of imported images, or ``{"name": "fashion-mnist", "resolution": 16, "subset": 2000}``
            with keywords of `nasgym.training.image_split.load_images`.

    Returns:
        The problem.

    Raises:
        NasgymError: A keyword or a value is not known, a table is missing or damaged; the message
            has the next step.
    """
    if isinstance(target, np.generic):
        target = target.item()
    extra_costs = () if extra_costs is None else extra_costs
    spec = {k: v for k, v in locals().items() if k != "env_id"}
    known = benchmark(env_id)
    if table is not None and not known.any_table and table != known.table:
        raise InvalidValue(f"{env_id!r} always plays table {known.table!r}; play table {table!r} as 'nasgym/Table-v0'.")
    _check_types(spec)
    rule = make_rule(known.reward if reward is None else reward)
    goals = read_goals(objectives)
    names = [goal.name for goal in goals or ()]
    request = Request(
        known, accuracy, dataset, seed, fidelity, table, cost, device, extra_costs, missing, report, names, images
    )
    module, _, function = known.loader.partition(":")
    parts: ProblemParts = getattr(import_module(module), function)(request)
    whole, oracle, oracles, further, reporting = parts
    space = whole if restrict is None else whole.restrict(restrict)
    narrowed = oracles if restrict is None else [o.narrow(space) for o in oracles]
    for one in narrowed:
        one.check()
    by_default = isinstance(target, str) and target == DEFAULT
    wanted: object = (_default_target(known, narrowed) if rule.needs_target else None) if by_default else target
    qualities = {oracle.quality.name: oracle.quality, **{name: one.quality for name, one in further.items()}}
    return Problem(
        space,
        oracle,
        narrowed,
        rule,
        target=wanted_cost(wanted, narrowed, space),
        lower=lower,
        objectives=None if goals is None else objectives_of(goals, qualities),
        further=further,
        spec={"env_id": env_id, **{k: v for k, v in spec.items() if v != _DEFAULTS[k]}},
        report_accuracy=reporting,
    )


PROBLEM_KEYWORDS = tuple(inspect.signature(make_problem).parameters)[1:]
_DEFAULTS = {name: p.default for name, p in inspect.signature(make_problem).parameters.items() if name != "env_id"}


def _default_target(known: Benchmark, costs: Sequence[CostOracle]) -> object:
    """The id's own target, or half of the range of a counted or measured cost.

    Milliseconds say nothing about such a cost.
    """
    other = bool(costs) and (not costs[0].free or costs[0].name in (*COUNTED, *MEMORY))
    return HALF_OF_RANGE if other and isinstance(known.target, Real) else known.target


def _check_types(given: Mapping[str, Any]) -> None:
    """Keywords come from JSON texts and command lines; a single name is not a list of names."""
    check_device(given["device"])
    check_images(given["images"])
    for name in ("cost", "dataset", "table", "accuracy", "report"):
        if given[name] is not None and not isinstance(given[name], str):
            raise InvalidValue(f"{name} is a name, got {given[name]!r}.")
    if given["missing"] not in get_args(Missing):
        raise unknown_name("way to deal with missing blocks", given["missing"], get_args(Missing))
    lower, restrict = given["lower"], given["restrict"]
    if lower is not None and (isinstance(lower, bool) or not isinstance(lower, int | float)):
        raise InvalidValue(f"lower is a number or None, got {lower!r}.")
    if restrict is not None and not isinstance(restrict, Mapping):
        raise InvalidValue(f"restrict maps decisions to the labels that stay, as in {{'*.kernel': [3]}}, got {restrict!r}.")
    extra = given["extra_costs"]
    if isinstance(extra, str) or not isinstance(extra, Sequence):
        raise InvalidValue(f"extra_costs is a list of names, got {extra!r}.")
    for one in extra:
        if not isinstance(one, str):
            raise InvalidValue(f"extra_costs is a list of names, got {one!r} in it.")


def wanted_cost(target: Any, costs: Sequence[CostOracle], space: SearchSpace) -> float | None:
    """A target in the unit of the first cost, from what `make_problem` takes.

    Raises:
        InvalidValue: There is no cost, or the target is neither a number nor a fraction of the
            space's cost.
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
        low, high = costs[0].bounds(space.empty())
        least, largest = float(low[0]), float(high[0])
        return fraction * largest if of == "max" else least + fraction * (largest - least)
    if isinstance(target, bool) or not isinstance(target, Real):
        if isinstance(target, list | tuple | np.ndarray):
            raise InvalidValue(f"a range of targets, {target!r}, is drawn from by environments; a problem has one target.")
        raise InvalidValue(f"target is a number, None or {{'fraction': 0.5, 'of': 'range'}}, got {target!r}.")
    return float(target)
