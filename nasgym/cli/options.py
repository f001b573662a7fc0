"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nasgym.ledger.budget import Budget

__all__ = ["Amount", "Identifier", "Settings", "Unit", "make_budget"]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Keyword of the problem (reward, cost, device, target, dataset, seed, table, ...), JSON where it is JSON; or a "
        "hyper-parameter of an agent: agent.NAME.KEY=VALUE. May be repeated.",
    ),
]
Amount = Annotated[float, typer.Option("--budget", metavar="AMOUNT", help="What a search may spend.")]
Unit = Annotated[
    str,
    typer.Option(
        "--budget-unit",
        metavar="UNIT",
        help="distinct (evaluations, repeats are free), total (evaluations) or train_seconds (of a table: simulated).",
    ),
]
Identifier = Annotated[
    str, typer.Argument(metavar="ENV_ID", help="Environment id, for example nasgym/Digits-v0; see `nasgym list`.")
]


def make_budget(unit: str, amount: float) -> Budget:
    """A budget from the two options."""
    from nasgym.ledger.budget import Budget

    return Budget(unit, amount)  # type: ignore[arg-type]  # Budget itself refuses other units, with the known ones
