"""`Goal`: an objective as it is asked for, by name and perhaps direction; and what may be one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from nasgym.errors import InvalidValue, unknown_name
from nasgym.problems.evaluation import Objective
from nasgym.quality import DIRECTIONS, TAKEN, Direction, Quality, check_direction

__all__ = ["Goal", "GoalSpec", "check_names", "check_objectives", "objectives_of", "read_goals"]

# a name, or a name and a direction
GoalSpec: TypeAlias = str | Sequence[str]


class Goal(NamedTuple):
    """Name of a quality or cost, and its direction where one was given."""

    name: str
    direction: Direction | None


def read_goals(given: Any) -> list[Goal] | None:
    """Goals from the keyword ``objectives``, None where it is None.

    Raises:
        InvalidValue: It is no list of names and of pairs of name and direction.
        UnknownName: A direction is another word than max and min.
    """
    if given is None:
        return None
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        raise InvalidValue(f"objectives is a list of names, as in ['accuracy', ['throughput', 'max']], got {given!r}.")
    return [_goal(one) for one in given]


def _goal(given: Any) -> Goal:
    if isinstance(given, str):
        return Goal(given, None)
    pair = isinstance(given, list | tuple) and len(given) == 2 and all(isinstance(word, str) for word in given)
    if not pair:
        raise InvalidValue(f"objectives is a list of names, or of pairs like ['throughput', 'max'], got {given!r} in it.")
    return Goal(given[0], check_direction(given[1], given[0]))


def objectives_of(goals: Sequence[Goal], qualities: Mapping[str, Quality]) -> list[Objective]:
    """Objectives; without a direction a quality has its own, and a cost is minimised."""
    own = {name: quality.direction for name, quality in qualities.items()}
    return [Objective(goal.name, goal.direction or own.get(goal.name, "min")) for goal in goals]


def check_names(qualities: Mapping[str, Quality], costs: Collection[str]) -> None:
    """Every number of a problem has a column of its own in results.

    Raises:
        InvalidValue: A quality and a cost, or two qualities, would head one column, or a cost has a
            name that means something else there.
    """
    for name in qualities:
        if name in costs:
            raise InvalidValue(f"{name!r} is the name of a quality and of a cost; leave out the cost.")
    for quality in qualities:
        for column in (f"test_{quality}", f"validation_{quality}"):
            if column in costs or column in qualities:
                raise InvalidValue(
                    f"{column!r} heads the column of {quality!r} in results; name the other quality or cost otherwise."
                )
    for cost in costs:
        if cost in TAKEN:
            raise InvalidValue(f"a cost cannot be called {cost!r}, which means something else in results; name it otherwise.")


def check_objectives(objectives: Sequence[Objective], qualities: Mapping[str, Quality], costs: Collection[str]) -> None:
    """Objectives are there, once each, and no quality is made worse.

    Raises:
        UnknownName: There is no quality or cost of that name.
        InvalidValue: There are none, one is named twice, or against the direction of its quality.
    """
    known = (*qualities, *costs)
    if not objectives:
        raise InvalidValue(f"objectives is an empty list; name one or more of {', '.join(known)}, or leave it out.")
    for i, objective in enumerate(objectives):
        name = objective.name
        if name not in known:
            hint = f"A further cost comes with extra_costs=[{name!r}]."
            if name in DIRECTIONS:
                before = objectives[i - 1].name if i else next(iter(known))
                hint = f"A name and its direction stand in a list of their own: [[{before!r}, {name!r}]]."
            raise unknown_name("objective", name, known, hint)
        check_direction(objective.direction, name)
        if name in {other.name for other in objectives[:i]}:
            raise InvalidValue(f"objective {name!r} is named twice.")
        if name in qualities and objective.direction != qualities[name].direction:
            raise InvalidValue(
                f"objective {name!r} cannot be {objective.direction!r}: {qualities[name].about}; write "
                f"[{name!r}, {qualities[name].direction!r}] or the name alone."
            )
