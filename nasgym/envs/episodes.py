"""`Episodes`: N architectures built side by side, one step at a time, without a loop over them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from nasgym.envs.computed_episodes import ComputedEpisodes
from nasgym.envs.observation import Observation, Observer
from nasgym.envs.potential import Potential
from nasgym.envs.tabular_episodes import TabularEpisodes
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["ComputedEpisodes", "Episodes", "TabularEpisodes", "make_episodes"]


# tables of observations up to this size are kept; Digits needs 1.6 MB, NATS-Bench size 8 MB
TABLE_BYTES = 64 * 2**20


class Episodes(Protocol):
    """N episodes, each from the empty to a complete architecture.

    An episode ends with the last step, or with a choice that the mask rules out. Where a method
    takes targets, ``(N,)`` of them replace the problem's; None means the problem's own.

    Attributes:
        some_ended: Whether any episode has ended.
        all_complete: Whether every architecture is complete; may be False where episodes have ended
            at different times.
    """

    some_ended: bool
    all_complete: bool

    def restart(self, rows: Bools | None = None) -> None:
        """Empties the architectures of the given rows ``(N,)``, or all."""
        ...

    def move(self, choices: Ints, targets: Floats | None = None) -> None:
        """Makes one step in every episode, with ``(N,)`` choices of any value.

        Episodes that have ended start again instead.
        """
        ...

    def ended(self) -> tuple[Bools, Bools]:
        """``(N,)`` which architectures are complete, ``(N,)`` which episodes ended illegally."""
        ...

    def observations(self, targets: Floats | None = None) -> Observation:
        """``(N, ...)`` what an agent sees, in fresh arrays."""
        ...

    def masks(self, targets: Floats | None = None) -> npt.NDArray[np.int8]:
        """``(N, max_choices)`` allowed choices as 0 and 1, a fresh array."""
        ...

    def potentials(self, targets: Floats | None = None) -> Floats:
        """``(N,)`` potentials of the architectures so far, a fresh array.

        Where an episode has ended, the number has no meaning.
        """
        ...

    def rows(self) -> tuple[Archs, Ints]:
        """``(N, T)`` the choices so far, a fresh array, and ``(N,)`` the steps made.

        The number of steps is T where an episode has ended.
        """
        ...

    def positions(self) -> Ints | None:
        """``(N,)`` positions of the complete architectures in `SearchSpace.enumerate`.

        Elsewhere the number has no meaning. None: positions are not known.
        """
        ...


def make_episodes(observer: Observer, num: int, potential: Potential | None = None) -> Episodes:
    """Tabular episodes where the tables are small enough, else computed ones.

    Both give the same.
    """
    space = observer.steps.space
    row = 4 * (int(space.num_choices.sum()) + space.num_decisions) + space.num_decisions + 8 * (space.max_choices + 1)
    tabular = space.size * row <= TABLE_BYTES
    return TabularEpisodes(observer, num, potential) if tabular else ComputedEpisodes(observer, num, potential)
