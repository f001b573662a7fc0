"""Errors that name the value, what is allowed and the next step.

Every error that a user can cause derives from `NasgymError`; the command line prints its sentence
and ends with exit code 2, so a message must be complete without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BudgetExhausted",
    "DataError",
    "InvalidValue",
    "MissingData",
    "MissingPackage",
    "NasgymError",
    "OutsideSampleWarning",
    "TestMetricsRefused",
    "UnknownName",
    "unknown_name",
]


class NasgymError(Exception):
    """Base class of every error that nasgym raises on purpose."""


class InvalidValue(NasgymError, ValueError):
    """A value is outside of what is allowed."""


class UnknownName(NasgymError, LookupError):
    """A name (id, agent, device, rule, choice, ...) is not known."""


class DataError(NasgymError, ValueError):
    """A file is damaged, foreign, or does not say what it should."""


class MissingData(NasgymError, FileNotFoundError):
    """A table, device or image file is not in the data folder; the message says how to get it."""


class MissingPackage(NasgymError, ImportError):
    """An optional package is not installed; the message has the extra that brings it."""


class BudgetExhausted(NasgymError, RuntimeError):
    """The ledger has nothing left to spend. Rows that were affordable are charged and committed."""


class TestMetricsRefused(NasgymError, PermissionError):
    """Test metrics were asked for through a ledger, that is, during a search."""

    __test__ = False  # the name starts like a test class; pytest must not collect it


class OutsideSampleWarning(UserWarning):
    """A surrogate was asked about an architecture outside of what it was fitted to.

    It is given once for each oracle.
    """


def unknown_name(kind: str, value: object, known: Iterable[object], hint: str = "") -> UnknownName:
    """Builds the error for a name that is not known.

    Args:
        kind: What was asked for, for example ``"agent"``.
        value: What the caller wrote.
        known: What could have been written.
        hint: A next step to append, a whole sentence.

    Returns:
        The error, with the nearest known name suggested where one is close.
    """
    names = [str(name) for name in known]
    by_fold = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(str(value).casefold(), list(by_fold), n=1, cutoff=0.5)
    suggestion = f" Did you mean {by_fold[close[0]]!r}?" if close else ""
    shown = ", ".join(names[:30]) + (f", ... ({len(names)} in all)" if len(names) > 30 else "")
    listing = f" Known: {shown}." if names else " None is known here."
    tail = f" {hint}" if hint else ""
    return UnknownName(f"unknown {kind} {value!r}.{suggestion}{listing}{tail}")
