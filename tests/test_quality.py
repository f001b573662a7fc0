"""What the numbers of an oracle are: direction, range, and how people read them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.quality import ACCURACY, Quality

PERPLEXITY = Quality("perplexity", "", "min", 22, 42)
LOSS = Quality("negative_loss", "nats", "max", -3, 0)
ERROR = Quality("top5_error", "fraction", "min", 0, 0.5)


def test_accuracy_is_the_default():
    assert (ACCURACY.name, ACCURACY.direction, ACCURACY.low, ACCURACY.high) == ("accuracy", "max", 0.0, 1.0)
    assert (ACCURACY.signed, ACCURACY.minimised, ACCURACY.percent, ACCURACY.span) == (False, False, True, 1.0)


@pytest.mark.parametrize(
    ("quality", "best", "least_worth", "most_worth", "signed"),
    [(ACCURACY, 1, 0, 1, False), (PERPLEXITY, 22, -42, -22, False), (LOSS, 0, -3, 0, True), (ERROR, 0, -0.5, 0, False)],
)
def test_worth_is_larger_where_it_is_better(quality, best, least_worth, most_worth, signed):
    assert (quality.best, quality.least_worth, quality.most_worth) == (best, least_worth, most_worth)
    assert quality.signed == signed
    values = np.linspace(quality.low, quality.high, 5)
    assert (np.diff(quality.worth(values)) * quality.sign > 0).all()
    assert quality.worth(values).max() == quality.most_worth
    assert quality.worth(values).min() == quality.least_worth


@pytest.mark.parametrize(
    ("quality", "value", "text", "plural", "shown_unit"),
    [
        (ACCURACY, 0.76204, "76.20 %", "accuracies", "%"),
        (PERPLEXITY, 25.1289, "25.13", "perplexity values", ""),
        (LOSS, -0.71739, "-0.717 nats", "negative loss values", "nats"),
        (ERROR, 0.05, "5.00 %", "top5 error values", "%"),
        (Quality("score", "", "max", 0, 2000), 1234.5, "1234", "score values", ""),
    ],
)
def test_what_people_read(quality, value, text, plural, shown_unit):
    assert (quality.text(value), quality.plural, quality.shown_unit) == (text, plural, shown_unit)


def test_about_says_direction_and_range():
    assert PERPLEXITY.about == "perplexity, less is better, 22 to 42"
    assert ERROR.about == "top5 error, less is better, 0 to 50 %"
    assert LOSS.about == "negative loss, more is better, -3 to 0 nats"


@pytest.mark.parametrize("quality", [ACCURACY, PERPLEXITY, LOSS, ERROR])
def test_json_round_trip(quality):
    assert Quality.of(json.loads(json.dumps(quality.describe()))) == quality


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seeds", [(), (3,)])
def test_a_value_outside_is_named_with_its_row_and_the_range(dtype, seeds):
    values = np.full((4, *seeds), 30.0, dtype=dtype)
    PERPLEXITY.check(values, str)
    values[2] = 760.0
    with pytest.raises(DataError, match=r"^row 2: 760 is no perplexity, which reaches from 22 to 42\.$"):
        PERPLEXITY.check(values, lambda row: f"row {row}")
    values[2] = np.nan
    PERPLEXITY.check(values, str)
    values[0] = 21.9
    with pytest.raises(DataError, match=r"^0: 21\.9 is no perplexity"):
        PERPLEXITY.check(values, str)


def test_percent_in_the_place_of_fractions_has_a_hint():
    with pytest.raises(DataError, match=r"76.2 is no accuracy, which reaches from 0 to 1 \(fractions\); divide percent by 100"):
        ACCURACY.check(np.array([76.2]), str)


@given(st.lists(st.floats(-1e6, 1e6, width=64), min_size=2, max_size=30, unique=True), st.integers(1, 7))
def test_what_a_table_keeps_of_a_range_lies_within_it(numbers, copies):
    low, high = min(numbers), max(numbers)
    quality = Quality("score", "", "max", low, high)
    kept = np.array(numbers, dtype=np.float32)
    assert not quality.outside(kept).any()
    assert not quality.outside(kept.astype(np.float64)).any()
    means = np.stack([kept.astype(np.float64)] * copies).sum(axis=0) / copies
    assert not quality.outside(means).any()
    beyond = np.array([low - 1e-3 * max(1, abs(low)), high + 1e-3 * max(1, abs(high))])
    assert quality.outside(beyond).all()


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"name": "Perplexity"}, InvalidValue, "lower-case word"),
        ({"name": 3}, InvalidValue, "lower-case word"),
        ({"name": "reward"}, InvalidValue, "cannot be called 'reward'"),
        ({"name": "hypervolume"}, InvalidValue, "cannot be called 'hypervolume'"),
        (
            {"name": "x", "direction": "minimise"},
            UnknownName,
            r"direction of 'x' 'minimise'. Did you mean 'min'\? Known: max, min",
        ),
        ({"name": "x", "direction": "lower"}, UnknownName, "Known: max, min"),
        ({"name": "x", "low": 3, "high": 3}, InvalidValue, "from low to high, got 3 to 3"),
        ({"name": "x", "low": float("-inf")}, InvalidValue, "finite number to another, got -inf"),
        ({"name": "x", "low": True}, InvalidValue, "finite number to another, got True"),
        ({"name": "x", "unit": 3}, InvalidValue, "is a text, got 3"),
        ({"name": "x", "range": [0, 1]}, UnknownName, "key of a quality 'range'"),
        ({"unit": "x"}, InvalidValue, "described by its name"),
        ("perplexity", InvalidValue, "described by its name"),
    ],
)
def test_errors_teach(fields, error, says):
    with pytest.raises(error, match=says):
        Quality.of(fields)
