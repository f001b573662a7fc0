"""Lines of Python source as the usual formatters leave them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["COLUMNS", "assigned", "bracketed", "docstring_text"]

COLUMNS = 88
INDENT = "    "


def bracketed(before: str, parts: Sequence[str], after: str) -> list[str]:
    """A call or a signature: one line where it fits, else its parts on one, else one part a line.

    Args:
        before: Everything up to and with the opening bracket, indentation included.
        parts: What stands between commas.
        after: The closing bracket and what follows it.
    """
    margin = before[: len(before) - len(before.lstrip())]
    together = ", ".join(parts)
    if len(line := f"{before}{together}{after}") <= COLUMNS:
        return [line]
    if len(line := f"{margin}{INDENT}{together}") <= COLUMNS:
        return [before, line, f"{margin}{after}"]
    return [before, *(f"{margin}{INDENT}{part}," for part in parts), f"{margin}{after}"]


def assigned(name: str, value: str) -> list[str]:
    """``name = value``, with brackets around a value that is too long for the line.

    `name` has the indentation.
    """
    if len(line := f"{name} = {value}") <= COLUMNS:
        return [line]
    margin = name[: len(name) - len(name.lstrip())]
    return [f"{name} = (", f"{margin}{INDENT}{value}", f"{margin})"]


def docstring_text(text: str) -> str:
    """Foreign text for a docstring: printable ASCII that cannot end it."""
    return text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
