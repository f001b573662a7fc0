"""Rejection before evaluation: proposals that the cost limits rule out cost nothing where costs are free."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.ledger import Ledger
from nasgym.spaces.space import Archs

__all__ = ["propose_feasible", "within_limits"]

MAX_ROUNDS = 1000


def within_limits(ledger: Ledger, archs: Archs) -> np.ndarray:
    """``(N,)`` whether architectures meet the problem's constraint; all true where there is none."""
    if ledger.constraint is None:
        return np.ones(len(archs), dtype=bool)
    return ledger.constraint.holds(ledger.costs(archs)[ledger.constraint.cost])


def propose_feasible(ledger: Ledger, n: int, draw: Callable[[int], Archs]) -> Archs:
    """``(n, D)`` feasible proposals, in the order in which they were drawn.

    Args:
        ledger: Knows the costs.
        n: How many are wanted.
        draw: Draws that many proposals.

    Raises:
        InvalidValue: Hardly anything is feasible: 1,000 rounds did not suffice.
    """
    kept: list[Archs] = []
    missing = n
    for _ in range(MAX_ROUNDS):
        drawn = draw(missing)
        kept.append(drawn[within_limits(ledger, drawn)])
        missing -= len(kept[-1])
        if missing == 0:
            return np.concatenate(kept)
    raise InvalidValue(
        f"{MAX_ROUNDS} rounds of draws gave {n - missing} of {n} architectures within {ledger.constraint}; "
        "use reject=False, or a target that more architectures meet."
    )
