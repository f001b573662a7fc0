"""`RewardScale`: turns rewards of any size and spread into advantages for a policy gradient."""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias, get_args

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.type_aliases import Floats

__all__ = ["RewardScale", "Scaling"]

Scaling: TypeAlias = Literal["rank", "standardised", "percent"]

SMALLEST_SPREAD = 1e-8


class RewardScale:
    """Advantages of rewards, compared with the rewards seen so far.

    Rules differ in what a step of reward means: 0.93 beside 0.94 (accuracy), or 0.93 beside -1
    (constrained). No step size of a policy gradient suits both without a scale.

    Args:
        scaling: ``"rank"``: the square of the share u in [0, 1] of the last `window` rewards that
            lie below (ties count half), shifted and scaled so that evenly spread shares give mean 0
            and variance 1. How bad a bad reward is then does not matter, and the square tells good
            from very good more than bad from very bad: a search is judged by its best architecture.
            ``"standardised"``: minus a running mean, over a running standard deviation.
            ``"percent"``: 100 times the difference to a running mean (NATS-Bench's REINFORCE), in
            widths of `span`.
        momentum: Of the running mean and variance for each batch, in [0, 1); bias-corrected, and
            updated before use.
        window: Rewards that a rank is taken among, the batch itself included; at least 2.
        span: Width of the range of the quality that is rewarded; 1 for an accuracy.

    Raises:
        UnknownName: No such scaling.
        InvalidValue: `momentum` or `window` is outside of what is allowed.
    """

    def __init__(self, scaling: Scaling, *, momentum: float = 0.9, window: int = 100, span: float = 1.0) -> None:
        if scaling not in get_args(Scaling):
            raise unknown_name("reward scaling", scaling, get_args(Scaling))
        if not 0.0 <= momentum < 1.0:
            raise InvalidValue(f"momentum must lie in [0, 1), got {momentum!r}.")
        if window < 2:
            raise InvalidValue(f"window must be at least 2 rewards, got {window!r}.")
        self._scaling, self._momentum, self._span = scaling, momentum, span
        self._seen: deque[float] = deque(maxlen=window)
        self._mean = self._square = self._weight = 0.0

    def __call__(self, rewards: Floats) -> Floats:
        """``(N,)`` advantages of a batch of ``(N,)`` new rewards, which are remembered."""
        if self._scaling == "rank":
            return self._ranked(rewards)
        mean, deviation = self._running(rewards)
        if self._scaling == "percent":
            return 100.0 * (rewards - mean) / self._span
        return (rewards - mean) / (deviation + SMALLEST_SPREAD)

    def _running(self, rewards: Floats) -> tuple[float, float]:
        """Running mean and standard deviation, this batch included."""
        keep, take = self._momentum, 1.0 - self._momentum
        self._weight = keep * self._weight + take
        self._mean = keep * self._mean + take * float(rewards.mean())
        self._square = keep * self._square + take * float(np.square(rewards).mean())
        mean = self._mean / self._weight
        return mean, float(np.sqrt(max(self._square / self._weight - mean**2, 0.0)))

    def _ranked(self, rewards: Floats) -> Floats:
        self._seen.extend(rewards.tolist())
        seen = np.sort(np.array(self._seen))
        below, up_to = np.searchsorted(seen, rewards, "left"), np.searchsorted(seen, rewards, "right")
        share = below / len(seen) + 0.5 * ((up_to - below) / len(seen))
        # the square of a uniform share has mean 1/3 and variance 1/5 - 1/9
        return np.asarray((share**2 - 1 / 3) / np.sqrt(4 / 45))
