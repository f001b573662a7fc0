"""Rejection before evaluation: what the limits rule out costs nothing where costs are free.

Where limits are so tight that draws hardly ever meet them, `walk_feasible` draws what does,
decision by decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.ledger.ledger import Ledger
from nasgym.problems.feasibility import Feasibility
from nasgym.type_aliases import Archs

__all__ = ["Draw", "drawer", "make_feasible", "propose_feasible", "walk_feasible", "within_limits"]

Draw: TypeAlias = Literal["uniform", "feasible"]

MAX_ROUNDS = 1000


def within_limits(ledger: Ledger, archs: Archs) -> np.ndarray:
    """``(N,)`` whether architectures meet the constraint; all true where there is none.

    What inactive decisions hold does not matter.
    """
    if ledger.constraint is None:
        return np.ones(len(archs), dtype=bool)
    return ledger.constraint.holds(ledger.costs(ledger.space.clear_inactive(archs))[ledger.constraint.cost])


def propose_feasible(ledger: Ledger, n: int, draw: Callable[[int], Archs], *, at_least: int = 1) -> Archs:
    """``(n, D)`` feasible proposals, in the order in which they were drawn.

    Args:
        ledger: Knows the costs.
        n: How many are wanted.
        draw: Draws that many proposals.
        at_least: Proposals in a round; more than are wanted suits limits that hardly any of them
            meets.

    Raises:
        InvalidValue: Hardly anything is feasible: 1,000 rounds did not suffice.
    """
    kept: list[Archs] = []
    missing = n
    for _ in range(MAX_ROUNDS):
        drawn = draw(max(missing, at_least))
        kept.append(drawn[within_limits(ledger, drawn)][:missing])
        missing -= len(kept[-1])
        if missing == 0:
            return np.concatenate(kept)
    raise InvalidValue(
        f"{MAX_ROUNDS} rounds of draws gave {n - missing} of {n} architectures within {ledger.constraint}; "
        "use reject=False, draw='feasible', or a target that more architectures meet."
    )


def make_feasible(ledger: Ledger, of: Archs, make: Callable[[Archs], Archs]) -> Archs:
    """``(n, D)`` feasible children; those that are ruled out are made again from the same parents.

    Args:
        ledger: Knows the costs.
        of: ``(n, ...)`` what each child is made of.
        make: Makes children of some of these.

    Raises:
        InvalidValue: Hardly any child is feasible: 1,000 rounds did not suffice.
    """
    children = make(of)
    wrong = np.arange(len(of))
    for _ in range(MAX_ROUNDS):
        wrong = wrong[~within_limits(ledger, children[wrong])]
        if len(wrong) == 0:
            return children
        children[wrong] = make(of[wrong])
    raise InvalidValue(
        f"{MAX_ROUNDS} rounds left {len(wrong)} of {len(of)} children outside of {ledger.constraint}; use reject=False, or a "
        "target that more architectures meet."
    )


def walk_feasible(ledger: Ledger, rng: np.random.Generator, n: int) -> Archs:
    """``(n, D)`` feasible architectures, drawn decision by decision.

    Each choice is uniform among those after which the constraint can still be met; without a
    constraint, among all legal ones. Not uniform over the feasible architectures, but none is out
    of reach, however tight the limits are.

    Raises:
        InvalidValue: See `Feasibility`: nothing is feasible, or it cannot be known beforehand.
    """
    space = ledger.space
    known = None if ledger.constraint is None else Feasibility(ledger)
    archs = np.full((n, space.num_decisions), -1, dtype=np.int8)
    for t in range(space.num_decisions):
        allowed = space.mask(archs, t)
        if known is not None:
            row, choice = np.nonzero(allowed)
            prefixes = archs[row]
            prefixes[:, t] = choice
            allowed[row, choice] = known.possible(prefixes)
        archs[:, t] = np.where(allowed, rng.random(allowed.shape), -1.0).argmax(axis=1)
    return archs


def drawer(draw: Draw, ledger: Ledger, rng: np.random.Generator) -> Callable[[int], Archs]:
    """What draws n architectures: uniformly over the space, or by `walk_feasible`."""
    if draw == "feasible":
        return lambda n: walk_feasible(ledger, rng, n)
    return lambda n: ledger.space.sample(rng, n)
