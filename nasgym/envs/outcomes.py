"""`Outcomes`: what complete architectures pay, and the infos of the episodes that built them.

The scalar and the vector environment share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nasgym.envs.core import EnvCore
from nasgym.envs.reward_signal import RewardSignal
from nasgym.problems.evaluation import Evaluations
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["Infos", "Outcomes"]

Rewards: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = dict[str, npt.NDArray[Any]]
# infos by name, and for which of the architectures each holds; None: for all
Infos: TypeAlias = dict[str, tuple[npt.NDArray[Any], Bools | None]]


class Outcomes:
    """Rewards and infos of complete architectures.

    Where a method takes targets, ``(N,)`` of them replace the problem's, and `own` says which of
    them their episode set itself; both are None where none did.

    Args:
        core: What is played.
        signal: What an episode pays.
    """

    def __init__(self, core: EnvCore, signal: RewardSignal) -> None:
        self._core, self._signal, self._evaluator = core, signal, core.evaluator

    def of_archs(
        self,
        archs: Archs,
        targets: Floats | None,
        own: Bools | None,
        rng: np.random.Generator | Sequence[np.random.Generator] | None,
        texts: npt.NDArray[np.object_] | None = None,
    ) -> tuple[Rewards, Infos]:
        """Evaluates ``(N, D)`` architectures: ``(N, *shape)`` rewards, and infos in fresh arrays.

        Args:
            archs: Complete architectures.
            targets: As above.
            own: As above.
            rng: Draws training seeds, where they are drawn; one for all, or one for each.
            texts: ``(N,)`` their textual form, where it is known.

        Raises:
            BudgetExhausted: There is a budget, and nothing or too little is left.
        """
        ev = self._evaluator.settle(archs, rng=rng, targets=targets)
        return self._signal.rewards(ev), self._flagged(self._columns(archs, ev, texts), targets, own)

    def of_positions(
        self,
        positions: Ints,
        targets: Floats | None,
        own: Bools | None,
        rng: Callable[[], Sequence[np.random.Generator]],
    ) -> tuple[Rewards, Infos]:
        """The same for architectures given by their ``(N,)`` positions in the space.

        They are read from a table where evaluations never change.
        """
        if not self._evaluator.fixed:
            draws = rng() if self._evaluator.needs_rng else None
            archs = self._evaluator.space.enumerate()[positions]
            return self.of_archs(archs, targets, own, draws, self._texts_of(positions, archs))
        rewards, columns = self._table
        taken = {name: values.take(positions) for name, values in columns.items()}
        if targets is None:
            return rewards.take(positions, axis=0), {name: (values, None) for name, values in taken.items()}
        ev = self._evaluator.judge_again(self._evaluations.take(positions), targets)
        taken["feasible"] = ev.feasible
        if "rule_reward" in taken:
            taken["rule_reward"] = ev.reward.copy()
        return self._signal.rewards(ev), self._flagged(taken, targets, own)

    @cached_property
    def _evaluations(self) -> Evaluations:
        """Those of every architecture, in the order of the space; they never change."""
        return self._evaluator.settle(self._evaluator.space.enumerate())

    @cached_property
    def _table(self) -> tuple[Rewards, Columns]:
        """What every architecture is worth, in the order of the space."""
        ev = self._evaluations
        return self._signal.rewards(ev), self._columns(self._evaluator.space.enumerate(), ev, None)

    @cached_property
    def _known_texts(self) -> npt.NDArray[np.object_]:
        """``(size,)`` the texts of architectures that were asked for, None elsewhere."""
        return np.full(self._evaluator.space.size, None)

    def _texts_of(self, positions: Ints, archs: Archs) -> npt.NDArray[np.object_]:
        """``(N,)`` texts: a search asks for a few of the space, and often again for the same."""
        texts = self._known_texts[positions]
        new = np.array([i for i, text in enumerate(texts.tolist()) if text is None], dtype=np.int64)
        if len(new):
            self._known_texts[positions[new]] = self._evaluator.space.to_str(archs[new])
            texts = self._known_texts[positions]
        return texts

    def _columns(self, archs: Archs, ev: Evaluations, texts: npt.NDArray[np.object_] | None) -> Columns:
        """Infos in fresh arrays; `_flagged` marks those that depend on who set the target."""
        columns: Columns = {
            "arch": np.array(self._evaluator.space.to_str(archs) if texts is None else texts, dtype=object),
            **{name: np.array(values, dtype=np.float64) for name, values in ev.qualities.items()},
            "feasible": np.array(ev.feasible, dtype=bool),
            **{name: np.array(cost, dtype=np.float64) for name, cost in ev.costs.items()},
        }
        # a regret is of one reward, not of several
        if self._evaluator.has_exact_answers and not self._signal.shape:
            columns["regret"] = self._best - self._evaluator.exact.mean_rewards(archs)
        if self._core.potential is not None:
            columns["rule_reward"] = np.array(ev.reward, dtype=np.float64)
        return columns

    @cached_property
    def _best(self) -> float:
        """The best reward that the masks allow, as a mean over the training seeds."""
        root = self._evaluator.space.empty()
        return float(self._evaluator.exact.value_to_go(root, feasible_only=self._core.observer.feasibility is not None)[0])

    @staticmethod
    def _flagged(columns: Columns, targets: Floats | None, own: Bools | None) -> Infos:
        """Infos with the rows for which they hold.

        A target holds where the episode set it itself, a regret elsewhere.
        """
        infos: Infos = {name: (values, None) for name, values in columns.items()}
        if targets is None or own is None:
            return infos
        if own.any():
            infos["target"] = (np.array(targets), own.copy())
        if "regret" in columns:
            del infos["regret"]
            if not own.all():
                infos["regret"] = (columns["regret"], ~own)
        return infos
