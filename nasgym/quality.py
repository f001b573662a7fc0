"""`Quality`: what the numbers of an accuracy oracle are: name, unit, direction and range."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from nasgym.errors import DataError, InvalidValue, unknown_name
from nasgym.type_aliases import Floats

__all__ = ["ACCURACY", "DIRECTIONS", "FRACTION", "TAKEN", "Direction", "Quality", "check_direction"]

Direction: TypeAlias = Literal["max", "min"]
DIRECTIONS: tuple[str, ...] = get_args(Direction)
# the unit of percent-type qualities: shares of 1 inside, percent in what people read
FRACTION = "fraction"
NAME = re.compile(r"[a-z][a-z0-9_]*")
# what columns of results and infos of environments call something else
TAKEN = {"agent", "arch", "charged", "charged_seconds", "ended", "evaluated", "feasible", "first_fifth_reward", "front_size"}
TAKEN |= {"history", "hypervolume", "igd_plus", "last_fifth_reward", "proposals", "reward", "seconds", "seed", "spent"}
TAKEN |= {"different", "true_reward", "wall_seconds"}
TAKEN |= {"action_mask", "final_info", "final_obs", "invalid_action", "regret", "rule_reward", "target"}
# means are summed up in double precision, and may end this many steps of a double beyond the range
ROUNDING = 4


@dataclass(frozen=True)
class Quality:
    """What is searched for: an accuracy, a perplexity, a negative loss.

    Attributes:
        name: A lower-case word; it heads columns, axes and sentences.
        unit: ``"fraction"`` for percent-type qualities: numbers are shares of 1 inside, and percent
            where people read them. Anything else, or nothing, stands after the number as it is.
        direction: ``"max"``: more is better; ``"min"``: less is better.
        low, high: Range of the numbers, in the unit in which they are kept; both finite.

    Raises:
        InvalidValue: A field is not what it has to be, or the range is empty.
        UnknownName: The direction is another word.
    """

    name: str = "accuracy"
    unit: str = FRACTION
    direction: Direction = "max"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise InvalidValue(f"the name of a quality is a lower-case word of letters, digits and _, got {self.name!r}.")
        if self.name in TAKEN:
            raise InvalidValue(
                f"a quality cannot be called {self.name!r}, which means something else in results; name it otherwise."
            )
        if not isinstance(self.unit, str):
            raise InvalidValue(f"the unit of {self.name!r} is a text, got {self.unit!r}.")
        check_direction(self.direction, self.name)
        for end in (self.low, self.high):
            if isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end):
                raise InvalidValue(f"the range of {self.name!r} goes from one finite number to another, got {end!r}.")
        if not self.low < self.high:
            raise InvalidValue(f"the range of {self.name!r} goes from low to high, got {self.low!r} to {self.high!r}.")

    @classmethod
    def of(cls, description: Any) -> Quality:
        """From `describe`'s mapping.

        Raises:
            InvalidValue: It is no mapping, lacks the name, or has a value that is not allowed.
            UnknownName: It has another key.
        """
        if not isinstance(description, Mapping) or "name" not in description:
            raise InvalidValue(f"a quality is described by its name, unit, direction, low and high, got {description!r}.")
        known = [entry.name for entry in fields(cls)]
        for key in description:
            if key not in known:
                raise unknown_name("key of a quality", key, known)
        return cls(**description)

    def describe(self) -> dict[str, Any]:
        """JSON-able form; `of` reads it."""
        return {**asdict(self), "low": float(self.low), "high": float(self.high)}

    # ---- order ----------------------------------------------------------------------------------

    @property
    def minimised(self) -> bool:
        """Whether less is better."""
        return self.direction == "min"

    @property
    def signed(self) -> bool:
        """Whether it can be negative."""
        return self.low < 0

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return -1.0 if self.minimised else 1.0

    @property
    def span(self) -> float:
        """Width of the range."""
        return float(self.high - self.low)

    @property
    def best(self) -> float:
        """The good end of the range."""
        return float(self.low if self.minimised else self.high)

    @property
    def least_worth(self) -> float:
        """`worth` of the bad end of the range."""
        return float(-self.high if self.minimised else self.low)

    @property
    def most_worth(self) -> float:
        """`worth` of the good end of the range."""
        return self.sign * self.best

    def worth(self, values: Floats) -> Floats:
        """``(N,)`` values of which more is better: with the sign turned where less is better."""
        return -values if self.minimised else values

    # ---- range ----------------------------------------------------------------------------------

    @property
    def ends(self) -> tuple[float, float]:
        """The range, widened to its ends in single precision, in which tables keep numbers."""
        return min(float(self.low), float(np.float32(self.low))), max(float(self.high), float(np.float32(self.high)))

    def outside(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Which values lie outside of the range, in their own shape; NaN is no value and does not.

        The ends of the range count as the values' own precision has them.
        """
        low, high = self._limits[values.dtype == np.float32]
        return np.asarray((values < low) | (values > high))

    @cached_property
    def _limits(self) -> tuple[tuple[float, float], tuple[np.float32, np.float32]]:
        """Limits of numbers in double precision, which may be means, and in single precision."""
        low, high = self.ends
        means = low - ROUNDING * float(np.spacing(abs(low))), high + ROUNDING * float(np.spacing(abs(high)))
        return means, (np.float32(self.low), np.float32(self.high))

    def check(self, values: npt.NDArray[np.floating[Any]], where: Callable[[int], str]) -> None:
        """Refuses values outside of the range; NaN passes.

        Args:
            values: ``(N,)`` or ``(N, seeds)``.
            where: The row of a value, in words that begin a sentence.

        Raises:
            DataError: A value lies outside.
        """
        wrong = self.outside(values)
        if wrong.any():
            row = int(np.argwhere(wrong)[0][0])
            # as text first: 21.9 in single precision is 21.8999996 in double
            raise DataError(f"{where(row)}: {self.refusal(float(str(values[wrong][0])))}")

    def refusal(self, value: float) -> str:
        """Why a value is not one of this quality, as the end of a sentence."""
        kept = " (fractions)" if self.percent else f" {self.unit}" if self.unit else ""
        hint = "; divide percent by 100" if self.percent and 1 < value <= 100 else ""
        return f"{value:.9g} is no {self.words}, which reaches from {self.low:g} to {self.high:g}{kept}{hint}."

    # ---- what people read -----------------------------------------------------------------------

    @property
    def percent(self) -> bool:
        """Whether people read it in percent."""
        return self.unit == FRACTION

    @property
    def scale(self) -> float:
        """What a value is multiplied with where people read it."""
        return 100.0 if self.percent else 1.0

    @property
    def shown_unit(self) -> str:
        """Unit where people read it; may be empty."""
        return "%" if self.percent else self.unit

    @property
    def digits(self) -> int:
        """Digits after the point where people read it: two for percent, else by the range."""
        return 2 if self.percent else min(max(3 - math.floor(math.log10(self.span)), 0), 12)

    @property
    def words(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")

    @property
    def plural(self) -> str:
        """Many of them, in words."""
        return "accuracies" if self.name == "accuracy" else f"{self.words} values"

    def text(self, value: float) -> str:
        """A value as people read it: ``"76.20 %"``, ``"25.13"``."""
        number = f"{self.scale * value:.{self.digits}f}"
        return f"{number} {self.shown_unit}" if self.shown_unit else number

    @property
    def about(self) -> str:
        """Name, direction and range in words, for lists and cards."""
        low, high = self.scale * self.low, self.scale * self.high
        unit = f" {self.shown_unit}" if self.shown_unit else ""
        return f"{self.words}, {'less' if self.minimised else 'more'} is better, {low:g} to {high:g}{unit}"


def check_direction(direction: object, what: str) -> Direction:
    """The direction; raises `UnknownName` where it is neither of the two words."""
    if direction not in DIRECTIONS:
        raise unknown_name(f"direction of {what!r}", direction, DIRECTIONS)
    return "min" if direction == "min" else "max"


ACCURACY = Quality()
