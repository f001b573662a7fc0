"""`ComputedEpisodes`: episodes whose observations and masks are computed at every step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasgym.envs.observation import Observation, Observer
from nasgym.envs.potential import Potential
from nasgym.spaces.decision import OPEN
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["ComputedEpisodes"]


class ComputedEpisodes:
    """Episodes whose observations and masks are computed at every step.

    For spaces that are too large for tables.

    Args:
        observer: What is seen.
        num: N.
        potential: What shapes the rewards, or None.
    """

    def __init__(self, observer: Observer, num: int, potential: Potential | None = None) -> None:
        self._observer, self._potential, self._last = observer, potential, observer.steps.space.num_decisions
        self._rows = np.full((num, self._last), OPEN, dtype=np.int8)
        self._steps = np.zeros(num, dtype=np.int64)
        self._illegal = np.zeros(num, dtype=bool)
        self.restart()

    def restart(self, rows: Bools | None = None) -> None:
        """See `Episodes.restart`."""
        which = ... if rows is None else rows
        self._rows[which], self._steps[which], self._illegal[which] = OPEN, 0, False
        self._note()

    def _note(self) -> None:
        complete = (self._steps == self._last) & ~self._illegal
        self.some_ended, self.all_complete = bool((self._steps == self._last).any()), bool(complete.all())

    def move(self, choices: Ints, targets: Floats | None = None) -> None:
        """See `Episodes.move`."""
        restarting = self._steps == self._last
        allowed = self._observer.masks(self._rows, self._steps, targets)
        exists = (choices >= 0) & (choices < allowed.shape[1])
        legal = exists & allowed[np.arange(len(choices)), np.where(exists, choices, 0)]
        moving = np.flatnonzero(legal & ~restarting)
        self._rows[moving, self._steps[moving]] = choices[moving]
        self._steps[moving] += 1
        self._steps = self._observer.steps.complete(self._rows, self._steps)
        self._illegal = ~legal & ~restarting
        self._steps[self._illegal] = self._last
        self._rows[restarting], self._steps[restarting] = OPEN, 0
        self._note()

    def ended(self) -> tuple[Bools, Bools]:
        """See `Episodes.ended`."""
        return (self._steps == self._last) & ~self._illegal, self._illegal.copy()

    def observations(self, targets: Floats | None = None) -> Observation:
        """See `Episodes.observations`."""
        return self._observer.observe(self._rows, self._steps, targets)

    def masks(self, targets: Floats | None = None) -> npt.NDArray[np.int8]:
        """See `Episodes.masks`."""
        return self._observer.masks(self._rows, self._steps, targets).view(np.int8)

    def potentials(self, targets: Floats | None = None) -> Floats:
        """See `Episodes.potentials`."""
        assert self._potential is not None, "nothing shapes the rewards"
        return self._potential.of_prefixes(self._observer.steps.to_archs(self._rows), targets)

    def rows(self) -> tuple[Archs, Ints]:
        """See `Episodes.rows`."""
        return self._rows.copy(), self._steps.copy()

    def positions(self) -> None:
        """See `Episodes.positions`: not known, the space may be too large to number."""
        return
