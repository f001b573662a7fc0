"""The accuracy oracle of a request: one way for every id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from nasgym.errors import InvalidValue, unknown_name
from nasgym.oracles.accuracy.fitted import FittedModel
from nasgym.oracles.accuracy.once_for_all import OnceForAllModel
from nasgym.oracles.accuracy.surrogate import SurrogateOracle
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.accuracy.training import training_oracle_for
from nasgym.oracles.oracle import AccuracyOracle
from nasgym.problems.request import Request
from nasgym.quality import ACCURACY
from nasgym.spaces.space import SearchSpace
from nasgym.surrogates.perceptron import find_predictor
from nasgym.surrogates.surrogate import find_surrogate
from nasgym.tables.table_file import Table
from nasgym.tables.table_folder import find_table, space_of_table
from nasgym.training.images_spec import images_name

__all__ = ["ACCURACIES", "make_accuracy", "make_further", "make_report"]

PREDICTED_ON = "imagenet"
OF_TABLES = ("table", "surrogate")

Maker: TypeAlias = Callable[[Request, SearchSpace, Table | None], AccuracyOracle]


def make_accuracy(request: Request, space: SearchSpace, table: Table | None = None) -> AccuracyOracle:
    """The accuracy oracle that a request names, or the id's own.

    Args:
        request: What was asked.
        space: The whole space.
        table: The id's own table; None where it has none, and `request.table` may name one of this
            very space.

    Raises:
        UnknownName: The id has no such accuracy oracle, or a keyword has a value that does not
            exist here.
        InvalidValue: There are images to train on, and nothing is trained.
        NasgymError: Data are not there, or do not go with the space.
    """
    if request.kind not in request.known.accuracies:
        raise unknown_name("accuracy oracle", request.kind, request.known.accuracies)
    if request.images is not None and "training" not in (request.kind, request.report):
        raise InvalidValue(
            f"images {images_name(request.images)!r} are what networks are trained on, and accuracy={request.kind!r} trains none; "
            "give accuracy='training' with them."
        )
    return ACCURACIES[request.kind](request, space, table)


def make_report(request: Request, space: SearchSpace, table: Table | None = None) -> AccuracyOracle | None:
    """The accuracy oracle that only reports, or None where the search's own does.

    It takes what `make_accuracy` takes.

    Raises:
        UnknownName, NasgymError: As `make_accuracy`.
        InvalidValue: It is the one that the search sees.
    """
    if request.report is None:
        return None
    if request.report not in request.known.accuracies:
        raise unknown_name("accuracy oracle for reports", request.report, request.known.accuracies)
    if request.report == request.kind:
        others = [name for name in request.known.accuracies if name != request.kind]
        raise InvalidValue(
            f"report={request.report!r} is what the search sees; leave out report=, or search by another oracle "
            f"(accuracy={' or '.join(map(repr, others))})."
            if others
            else f"report={request.report!r} is what the search sees, and the only accuracy oracle of this id; leave out report=."
        )
    swapped = replace(request, accuracy=request.report, report=request.kind, seed="mean", fidelity=None)
    return make_accuracy(swapped, space, table)


def _of_table(request: Request, space: SearchSpace, table: Table | None) -> AccuracyOracle:
    source = _source(request, space) if table is None else table
    return TableOracle(source, space, dataset=request.dataset, seed=request.seed, search_fidelity=request.fidelity)


def _fitted(request: Request, space: SearchSpace, table: Table | None) -> AccuracyOracle:
    source = _source(request, space) if table is None else table
    model = FittedModel(find_surrogate(source), source, dataset=request.dataset, search_fidelity=request.fidelity)
    if table is None:
        model.space = space  # the same decisions, by its own name
    return SurrogateOracle(model, space, seed=request.seed)


def _trained(request: Request, space: SearchSpace, table: Table | None) -> AccuracyOracle:
    if table is None:
        _check_no_table(request)
    known = images_name(request.images) if table is None else table.datasets[0]
    # where a table reports, the data set is its
    if request.dataset not in (None, known) and request.report not in OF_TABLES:
        raise unknown_name("dataset that networks are trained on", request.dataset, (known,))
    return training_oracle_for(space, request.seed, request.fidelity, request.images)


def _predicted(request: Request, space: SearchSpace, _table: Table | None) -> AccuracyOracle:
    _check_no_table(request)
    for name, value, allowed in (
        ("dataset", request.dataset, (PREDICTED_ON,)),
        ("training seed", None if request.seed == "mean" else request.seed, ("mean",)),
        ("fidelity (epochs) of the predictor", request.fidelity, (0,)),
    ):
        if value is not None and value not in allowed:
            raise unknown_name(name, value, allowed)
    return SurrogateOracle(OnceForAllModel(find_predictor()), space)


# what the keyword `accuracy` may say; which of them an id knows, its `Benchmark` says
ACCURACIES: dict[str, Maker] = {"table": _of_table, "training": _trained, "surrogate": _fitted, "predictor": _predicted}


def make_further(request: Request, space: SearchSpace, table: Table | None = None) -> dict[str, AccuracyOracle]:
    """The objectives of a request that are qualities of other data sets of its table, by name.

    ``"perplexity@wikitext"`` is the perplexity of data set ``wikitext``, ``"perplexity"`` that of
    the only data set that has one. Names that are none of them are left to the costs.

    Args:
        request: What was asked.
        space: As for `make_accuracy`.
        table: As for `make_accuracy`.

    Raises:
        UnknownName: The quality is there, but not of that data set.
        InvalidValue: Several data sets have the quality, it is the searched one under another name,
            or the search trains or predicts, and measures nothing of a table.
        NasgymError: As `make_accuracy`, of another data set.
    """
    if request.kind not in OF_TABLES:
        _refuse_further(request, table)
        return {}
    if not request.objectives:
        return {}
    source = _source(request, space) if table is None else table
    searched = request.dataset or source.datasets[0]
    found = {}
    for name in request.objectives:
        quality, at, dataset = name.partition("@")
        if name == source.quality(searched).name:
            continue
        everywhere = [owner for owner in source.datasets if source.quality(owner).name == quality]
        owners = [owner for owner in everywhere if not at or owner == dataset]
        if everywhere and not owners:
            raise unknown_name("objective", name, [f"{quality}@{owner}" for owner in everywhere])
        if owners == [searched]:
            raise InvalidValue(f"objective {name!r} is the searched quality; name it {quality!r}.")
        if len(owners) > 1:
            raise InvalidValue(
                f"objective {name!r} is there for several data sets; name one: {', '.join(f'{quality}@{owner}' for owner in owners)}."
            )
        if owners:
            found[name] = ACCURACIES[request.kind](replace(request, dataset=owners[0]), space, table)
    return found


def _refuse_further(request: Request, table: Table | None) -> None:
    """Refuses qualities of a table where the search sees none of its numbers."""
    named = {ACCURACY.name} if table is None else {ACCURACY.name, *(table.quality(owner).name for owner in table.datasets)}
    for name in request.objectives:
        quality, at, _ = name.partition("@")
        if quality in named and (at or name != ACCURACY.name) and name not in (request.cost, *request.extra_costs):
            raise InvalidValue(
                f"objective {name!r} is a quality of a table, and accuracy={request.kind!r} measures {ACCURACY.name!r} only; "
                "leave it out, or search by accuracy='table' or 'surrogate'."
            )


def _check_no_table(request: Request) -> None:
    if request.table not in (None, request.known.table) and request.report not in OF_TABLES:
        raise InvalidValue(
            f"table={request.table!r} has the accuracies of a table; give accuracy='table' or 'surrogate' with it."
        )


def _source(request: Request, space: SearchSpace) -> Table:
    """The table that a request names for a space without one of its own."""
    if request.table is None:
        raise InvalidValue(
            f"accuracy={request.kind!r} needs table=NAME, a table of space {space.name!r} (`nasgym data import table`, its "
            "decisions are those of the space)."
        )
    table = find_table(request.table)
    _check_space(table, space)
    return table


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
    if theirs.ends != space.ends:
        raise InvalidValue(
            f"table {table.name!r} is not one of space {space.name!r}: its architectures end with {theirs.ends}, not {space.ends}."
        )
