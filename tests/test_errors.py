"""Messages that say what was meant."""

from __future__ import annotations

import inspect
import pickle

import pytest

from nasgym import errors
from nasgym.errors import NasgymError, unknown_name


def test_the_nearest_name_is_suggested():
    error = unknown_name("agent", "Layer-NAS", ["random", "layernas"], "See `nasgym list`.")
    assert str(error) == "unknown agent 'Layer-NAS'. Did you mean 'layernas'? Known: random, layernas. See `nasgym list`."


def test_nothing_is_suggested_where_nothing_is_near():
    assert "mean" not in str(unknown_name("agent", "xyz", ["random"]))
    assert str(unknown_name("agent", "xyz", [])) == "unknown agent 'xyz'. None is known here."


def test_long_lists_are_cut():
    message = str(unknown_name("row", 99, range(1000, 1100)))
    assert "... (100 in all)" in message
    assert "1029" in message
    assert "1030" not in message


def test_every_error_is_a_nasgym_error_that_can_be_pickled():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    assert {kind.__name__ for kind in kinds} == {name for name in errors.__all__ if name[0].isupper()}
    for kind in kinds:
        assert issubclass(kind, NasgymError | UserWarning)
        again = pickle.loads(pickle.dumps(kind("a sentence.")))
        assert (type(again), str(again)) == (kind, "a sentence.")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [("InvalidValue", ValueError), ("UnknownName", LookupError), ("MissingData", FileNotFoundError)],
)
def test_they_are_also_what_python_would_raise(kind, builtin):
    assert issubclass(getattr(errors, kind), builtin)
