"""`TargetSpec`: a grid of targets as it is asked for, in text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.problems.problem import Problem

__all__ = ["WHOLE_RANGE", "TargetSpec", "parse_targets"]

RANGE = re.compile(r"(?P<low>[^/]+?)\.\.(?P<high>[^/]+)/(?P<step>[^/]+)")
MOST = 1000
FORMS = (
    "LOW..HIGH/STEP in the cost's unit (80e6..120e6/5e6), LOW..HIGH/STEP% in per cent of its range (30..80/1%), or a list of two or "
    "more (80e6,100e6 or 30,50,80%)"
)
# the target of the problem whose targets are moved: one that every lower limit allows
WHOLE_RANGE = {"fraction": 1.0, "of": "range"}


@dataclass(frozen=True)
class TargetSpec:
    """A grid of targets.

    Attributes:
        numbers: Two or more, ascending.
        percent: Whether they are per cent of the range of the first cost, from its least (0) to its
            largest value (100), as in ``target={"fraction": 0.3, "of": "range"}``; else they are in
            its unit.
    """

    numbers: tuple[float, ...]
    percent: bool

    def resolve(self, problem: Problem) -> tuple[float, ...]:
        """The targets in the unit of the problem's first cost.

        Raises:
            InvalidValue: Rewards do not depend on a target; one lies below the cheapest
                architecture or the lower limit, or no architecture meets it.
        """
        if not problem.rule.needs_target:
            raise InvalidValue(
                f"reward rule {problem.rule.name!r} is the same at every target; give --set reward=constrained, or leave out --targets."
            )
        least, largest = problem.scale.least, problem.scale.largest
        shares = np.array(self.numbers)
        # from exact shares, as make_problem does
        targets = least + shares / 100 * (largest - least) if self.percent else shares
        problem.check_targets(targets)
        if problem.scale.lower > 0 and problem.has_exact_answers:
            costs = problem.everything.costs[problem.cost_oracle().name]
            inside = costs[costs >= problem.scale.lower]
            if len(inside) == 0 or targets[0] < inside.min():
                raise InvalidValue(
                    f"no architecture costs between the lower limit {problem.scale.lower:g} and the target {targets[0]:g} "
                    f"{problem.cost_name}; begin the grid higher."
                )
        return tuple(targets.tolist())


def parse_targets(text: str) -> TargetSpec:
    """A grid from ``"30..80/1%"``, ``"80e6..120e6/5e6"``, ``"80e6,100e6"`` or ``"30,50,80%"``.

    The high end belongs to the grid where a whole number of steps leads to it.

    Raises:
        InvalidValue: Anything else, an empty grid, or more than 1,000 targets.
    """
    stripped = text.strip()
    percent = stripped.endswith("%")
    body = stripped.removesuffix("%").strip()
    if found := RANGE.fullmatch(body):
        low, high, step = (_number(found[name], text) for name in ("low", "high", "step"))
        if step <= 0:
            raise InvalidValue(f"the step of --targets must be above 0, got {step} in {text!r}; write {FORMS}.")
        if low > high:
            raise InvalidValue(f"--targets begins at {low} and ends below it, at {high}; write the lower end first.")
        if (high - low) / step >= MOST:
            raise InvalidValue(f"--targets {text!r} has more than {MOST:,} targets; make the step larger.")
        numbers = [low + i * step for i in range(int((high - low) / step) + 1)]
    else:
        numbers = sorted(_number(part, text) for part in body.split(","))
    if len(set(numbers)) < len(numbers):
        raise InvalidValue(f"--targets {text!r} names one target twice.")
    if len(numbers) < 2:
        raise InvalidValue(
            f"--targets {text!r} is one target, and a grid has two or more; play one target with --set target=..., or write {FORMS}."
        )
    if percent and not 0 <= numbers[0] <= numbers[-1] <= 100:
        raise InvalidValue(f"per cent of a range lie between 0 and 100, got {numbers[0]} to {numbers[-1]} in {text!r}.")
    return TargetSpec(tuple(float(number) for number in numbers), percent)


def _number(text: str, whole: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise InvalidValue(f"--targets takes {FORMS}; got {whole!r}.")
    return number
