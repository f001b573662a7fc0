"""JSON that people write: read without guessing, with keys that are checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nasgym.errors import DataError, InvalidValue, NasgymError, unknown_name

__all__ = ["check_object", "parse_json", "read_json"]


def read_json(path: Path, hint: str = "") -> Any:
    """What a file says.

    Args:
        path: The file, in UTF-8.
        hint: What to append to the message: what was expected.

    Raises:
        DataError: The file is not readable, or no JSON; see `parse_json`.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as JSON ({error}){hint}.") from None


def parse_json(text: str) -> Any:
    """What a text says.

    Raises:
        ValueError: It is no JSON, an object has a key twice, or it nests or counts beyond what
            Python reads.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_whole)
    except RecursionError:
        raise ValueError("objects or lists are nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a key that is there twice would count once only."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is there twice in one object")
    return found


def _whole(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # the limit of Python, whose message speaks of sys.set_int_max_str_digits
        raise ValueError("a number has thousands of digits") from None


def check_object(
    what: str, value: Any, known: Iterable[str], required: Iterable[str] = (), error: type[NasgymError] = InvalidValue
) -> Mapping[str, Any]:
    """The value, which is an object with keys that are known.

    Args:
        what: What it is, for messages: ``"a decision"``.
        value: What was read.
        known: Keys that it may have.
        required: Keys that it must have.
        error: Kind of the errors other than `UnknownName`.

    Raises:
        UnknownName: It has another key; the nearest one is suggested.
        NasgymError: It is no object, or lacks a key.
    """
    names = tuple(known)
    if not isinstance(value, Mapping):
        raise error(f"{what} is an object with {', '.join(names)}, got {value!r:.80}.")
    for key in value:
        if key not in names:
            raise unknown_name(f"key of {what}", key, names)
    for key in required:
        if key not in value:
            raise error(f"{what} lacks {key!r}; it has {', '.join(map(repr, value)) or 'nothing'}.")
    return value
