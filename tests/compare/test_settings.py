from __future__ import annotations

import pytest

from nasgym.compare.settings import parse_seeds, parse_settings
from nasgym.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (0, 1, 2)), ("4:7", (4, 5, 6)), ("5, 1,9", (5, 1, 9)), ("7,", (7,)), (" 1 ", (0,))]
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["0", "", "-1", "7:7", "1:2:3", "a", "1;2", ",", "1.5"])
def test_seeds_refused(text):
    with pytest.raises(InvalidValue, match="seeds are a count"):
        parse_seeds(text)


def test_settings_are_json_where_they_are_json():
    keywords, agents = parse_settings(
        ["target=50e6", "device=raspi4", 'reward={"rule": "absolute", "beta": -0.2}', "lower=null", "agent.random.batch=7"]
    )
    reward = {"rule": "absolute", "beta": -0.2}
    assert keywords == {"target": 50e6, "device": "raspi4", "reward": reward, "lower": None}
    assert agents == {"random": {"batch": 7}}


@pytest.mark.parametrize(
    ("settings", "words"),
    [(["target"], "KEY=VALUE"), (["=3"], "KEY=VALUE"), (["agent.random=3"], "agent.NAME.KEY"), (["a=1", "a=2"], "set twice")],
)
def test_malformed_settings(settings, words):
    with pytest.raises(InvalidValue, match=words):
        parse_settings(settings)
