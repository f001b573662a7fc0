"""Rejection before evaluation: what the limits rule out costs nothing where costs are free.

Where limits are so tight that draws hardly ever meet them, `walk_feasible` draws what does,
decision by decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from nasgym.envs.granularity import Steps
from nasgym.envs.observation import MaskKind, Observer
from nasgym.errors import InvalidValue
from nasgym.ledger.ledger import Ledger
from nasgym.problems.feasibility import Feasibility
from nasgym.type_aliases import Archs, Bools

__all__ = ["Draw", "Mask", "drawer", "make_feasible", "masker", "propose_feasible", "walk_feasible", "within_limits"]

Draw: TypeAlias = Literal["uniform", "feasible"]
# of (N, D) prefixes and the number of the next decision: (N, max_choices) its allowed choices
Mask: TypeAlias = Callable[[Archs, int], Bools]

MAX_ROUNDS = 1000


def masker(mask: MaskKind, ledger: Ledger) -> Mask:
    """What says which choices a decision may take, as the environment of that mask does.

    Raises:
        InvalidValue: With ``"feasible"``, see `Feasibility`: there is no constraint, nothing is
            feasible, or it cannot be known beforehand.
    """
    if mask == "legal":
        return ledger.space.mask
    observer = Observer(ledger, "tokens", Steps.of(ledger.space, "decision"), Feasibility(ledger))
    return lambda prefixes, step: observer.masks(prefixes, np.full(len(prefixes), step))


def within_limits(ledger: Ledger, archs: Archs) -> Bools:
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


def walk_feasible(ledger: Ledger, rng: np.random.Generator, n: int, mask: Mask | None = None) -> Archs:
    """``(n, D)`` feasible architectures, drawn decision by decision.

    Each choice is uniform among those after which the constraint can still be met; without a
    constraint, among all legal ones. Not uniform over the feasible architectures, but none is out
    of reach, however tight the limits are.

    Args:
        ledger: Knows the space and the costs.
        rng: Draws.
        n: How many are wanted.
        mask: What `masker` made before; it is made where it is not given.

    Raises:
        InvalidValue: See `Feasibility`: nothing is feasible, or it cannot be known beforehand.
    """
    allowed = _feasible_mask(ledger) if mask is None else mask
    archs = np.full((n, ledger.space.num_decisions), -1, dtype=np.int8)
    for t in range(ledger.space.num_decisions):
        here = allowed(archs, t)
        archs[:, t] = np.where(here, rng.random(here.shape), -1.0).argmax(axis=1)
    return archs


def _feasible_mask(ledger: Ledger) -> Mask:
    return masker("legal" if ledger.constraint is None else "feasible", ledger)


def drawer(draw: Draw, ledger: Ledger, rng: np.random.Generator) -> Callable[[int], Archs]:
    """What draws n architectures: uniformly over the space, or by `walk_feasible`."""
    if draw == "feasible":
        mask = _feasible_mask(ledger)
        return lambda n: walk_feasible(ledger, rng, n, mask)
    return lambda n: ledger.space.sample(rng, n)
