"""Seeds and settings of a comparison as they are asked for, in text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from nasgym.errors import InvalidValue

__all__ = ["parse_seeds", "parse_settings"]

RANGE = re.compile(r"(\d+):(\d+)")


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds from ``"5"`` (the first five: 0 to 4), ``"3,7,9"`` (these) or ``"10:20"`` (10 to 19).

    Raises:
        InvalidValue: Anything else, or none.
    """
    stripped = text.strip()
    seeds: tuple[int, ...] = ()
    if bounds := RANGE.fullmatch(stripped):
        seeds = tuple(range(int(bounds[1]), int(bounds[2])))
    elif stripped.isdecimal():
        seeds = tuple(range(int(stripped)))
    elif "," in stripped and all(part.strip().isdecimal() for part in stripped.strip(",").split(",")):
        seeds = tuple(int(part) for part in stripped.strip(",").split(","))
    if not seeds:
        raise InvalidValue(
            f"seeds are a count from 1 on (5), a range (10:20, the end left out) or a list (3,7,9), got {text!r}."
        )
    return seeds


def parse_settings(settings: Iterable[str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Splits ``key=value`` texts; a value is read as JSON where it is JSON, else it is text.

    Returns:
        Keywords of `make_problem`, and hyper-parameters by agent name (``agent.NAME.KEY=VALUE``).

    Raises:
        InvalidValue: No ``=``, no key, or a key given twice.
    """
    keywords: dict[str, Any] = {}
    agents: dict[str, dict[str, Any]] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals or not key:
            raise InvalidValue(f"--set takes KEY=VALUE, for example --set target=50e6, got {setting!r}.")
        owner, target = key, keywords
        if key.startswith("agent."):
            _, _, rest = key.partition(".")
            name, dot, owner = rest.rpartition(".")
            if not dot or not name or not owner:
                raise InvalidValue(f"a hyper-parameter is set as agent.NAME.KEY=VALUE, got {setting!r}.")
            target = agents.setdefault(name, {})
        if owner in target:
            raise InvalidValue(f"{key!r} is set twice.")
        target[owner] = _value(text)
    return keywords, agents


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
