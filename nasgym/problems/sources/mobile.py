"""What the environments of the mobile spaces are made of: ``nasgym/ProxylessNAS-v0`` and its like."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nasgym.devices.missing import Missing
from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.accuracy.fitted import FittedModel
from nasgym.oracles.accuracy.surrogate import SurrogateOracle
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.accuracy.training import training_oracle_for
from nasgym.oracles.cost.device_spec import DeviceSpec
from nasgym.oracles.cost.planned_costs import LATENCY, PlannedCosts
from nasgym.oracles.oracle import AccuracyOracle, SeedChoice
from nasgym.problems.factory import Parts
from nasgym.registry import SPACES
from nasgym.spaces.space import SearchSpace
from nasgym.surrogates.surrogate import find_surrogate
from nasgym.tables.table_file import Table
from nasgym.tables.table_folder import find_table, space_of_table

__all__ = ["mobile_parts"]

CHOICES = ("training", "table", "surrogate")
TRAINED_ON = "digits"


def mobile_parts(
    space_name: str,
    *,
    accuracy: str | None,
    dataset: str | None,
    seed: SeedChoice,
    fidelity: int | None,
    cost: str | None,
    device: DeviceSpec,
    extra_costs: Sequence[str],
    missing: Missing,
    table: str | None,
) -> Parts:
    """Space, accuracy oracle and cost oracles of a mobile space by name; the keywords are those of `nasgym.make_problem`.

    No published accuracies come with these spaces. By default (``"training"``) every candidate is trained on this machine, at a
    quarter of the width on 8 x 8 digits for one epoch (`nasgym.oracles.accuracy.training`): real trainings of about a second, so that an
    environment works from nothing. They say nothing about ImageNet, and how well two training seeds agree on the ranking of 30
    random networks depends on the space (Spearman): MnasNet 0.93, TuNAS 0.57, ProxylessNAS 0.54, MoGA 0.41, but FairNAS 0.12 and
    MobileNetV3 0.10, where such a reward is mostly noise. ``"table"`` and ``"surrogate"`` take the accuracies of ``table``, an imported table of
    this very space. Costs are those of the networks at ImageNet scale, which would be deployed: counted (MACs by default), or the
    latency of a device.

    Raises:
        NasgymError: A keyword has a value that does not exist here, or data are not there.
    """
    space: SearchSpace = SPACES.load(space_name)()
    costs = PlannedCosts(space, device, missing)
    primary = cost or ("macs" if device is None else LATENCY)
    kind = accuracy or CHOICES[0]
    if kind not in CHOICES:
        raise unknown_name("accuracy oracle", kind, CHOICES)
    oracle: AccuracyOracle
    if kind == "training":
        if table is not None:
            raise InvalidValue(f"table={table!r} has the accuracies of a table; give accuracy='table' or 'surrogate' with it.")
        if dataset not in (None, TRAINED_ON):
            raise unknown_name("dataset that networks are trained on", dataset, (TRAINED_ON,))
        oracle = training_oracle_for(space.name, seed, fidelity)
    else:
        oracle = _imported(kind, space, table, dataset=dataset, seed=seed, fidelity=fidelity)
    return Parts(space, oracle, costs.all([primary, *extra_costs]))


def _imported(
    kind: str, space: SearchSpace, name: str | None, *, dataset: str | None, seed: SeedChoice, fidelity: int | None
) -> AccuracyOracle:
    if name is None:
        raise InvalidValue(
            f"accuracy={kind!r} needs table=NAME, a table of space {space.name!r} (`nasgym data import table`, its decisions are "
            "those of the space)."
        )
    source = find_table(name)
    _check_space(source, space)
    if kind == "table":
        return TableOracle(source, space, dataset=dataset, seed=seed, search_fidelity=fidelity)
    model = FittedModel(find_surrogate(source), source, dataset=dataset, search_fidelity=fidelity)
    model.space = space  # the same decisions, by its own name
    return SurrogateOracle(model, space, seed=seed)


def _check_space(table: Table, space: SearchSpace) -> None:
    """Refuses a table whose architectures are not encoded as those of the space."""
    theirs = space_of_table(table)
    if theirs.name == space.name:
        return
    for ours, other in zip(space.decisions, theirs.decisions, strict=False):
        for what in ("name", "choices", "active_if"):
            if getattr(ours, what) != getattr(other, what):
                raise InvalidValue(
                    f"table {table.name!r} is not one of space {space.name!r}: the {what} of its decision {other.name!r} is "
                    f"{getattr(other, what)!r}, not {getattr(ours, what)!r}."
                )
    if theirs.num_decisions != space.num_decisions:
        raise InvalidValue(
            f"table {table.name!r} has {theirs.num_decisions} decisions, space {space.name!r} has {space.num_decisions}."
        )


proxylessnas_parts = partial(mobile_parts, "proxylessnas")
mnasnet_parts = partial(mobile_parts, "mnasnet")
mobilenetv3_parts = partial(mobile_parts, "mobilenetv3")
moga_parts = partial(mobile_parts, "moga")
fairnas_parts = partial(mobile_parts, "fairnas")
tunas_parts = partial(mobile_parts, "tunas")
