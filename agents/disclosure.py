"""`Disclosure`: what a reader must know of an agent to judge whether a comparison was fair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["NOT_STATED", "Disclosure", "OverLimit"]

NOT_STATED = "not stated"

OverLimit: TypeAlias = Literal["evaluated", "rejected", "filtered"]


@dataclass(frozen=True)
class Disclosure:
    """What an agent says of itself, with the hyper-parameters that it has.

    What it pays for is not said but counted (repeats, seconds beside evaluations).

    Attributes:
        tuning: Where its defaults come from: which were tuned and on what problem, which are
            published and where. A phrase without a full stop.
        settings: How many settings were tried for it, ``"none"`` where nothing was tuned.
        choices: Which choices it draws from: ``"legal"``, or ``"feasible"`` ones, after which the
            limit can still be met.
        over_limit: What becomes of an architecture over the limit: it is ``"evaluated"``;
            ``"rejected"``, that is, never evaluated; or ``"filtered"``: evaluated where it may lead
            to one that meets the limit. None: not stated.
        reads_costs: Whether it asks for costs or their bounds without an evaluation, where there is
            a limit; None: not stated.
        learns_from: What it uses of an evaluation.
    """

    tuning: str = NOT_STATED
    settings: str = NOT_STATED
    choices: str = NOT_STATED
    over_limit: OverLimit | None = None
    reads_costs: bool | None = None
    learns_from: str = NOT_STATED
