import json

import numpy as np
import pytest

from nasgym.errors import InvalidValue, UnknownName
from nasgym.spaces.described import DescribedSpace, space_from_description

DESCRIPTION = {
    "name": "mine",
    "decisions": [
        {"name": "depth", "role": "depth", "choices": [1, 2]},
        {"name": "kernel", "role": "kernel", "choices": [3, 5, 7], "active_if": ["depth", [2]]},
        {"name": "act", "role": "op", "choices": ["relu", "swish"]},
    ],
    "layers": [["stage", 2], ["head", 1]],
    "default": [2, 5, "relu"],
}


def test_a_description_becomes_a_space_and_back():
    space = space_from_description(DESCRIPTION)
    assert isinstance(space, DescribedSpace)
    assert space.size == (1 + 3) * 2
    assert space.description() == DESCRIPTION
    again = space_from_description(json.loads(json.dumps(space.description())))
    assert again.fingerprint == space.fingerprint
    assert np.array_equal(again.default, space.default)


def test_text_form_and_canonical_form():
    space = space_from_description(DESCRIPTION)
    texts = space.to_str(space.enumerate())
    assert texts == ["1,relu", "1,swish", "2:3,relu", "2:3,swish", "2:5,relu", "2:5,swish", "2:7,relu", "2:7,swish"]
    assert np.array_equal(space.from_str(texts), space.enumerate())
    loose = np.array([[0, 2, 1]], dtype=np.int8)
    assert space.to_str(space.canonical(loose)) == ["1,swish"]


def test_layers_and_default_may_be_left_out():
    space = space_from_description({"name": "two", "decisions": [DESCRIPTION["decisions"][0], DESCRIPTION["decisions"][2]]})
    assert [layer.name for layer in space.layers] == ["depth", "act"]
    assert space.to_str(space.default[None]) == ["2,swish"]


def test_stops_are_described():
    space = space_from_description(
        {
            **DESCRIPTION,
            "decisions": [DESCRIPTION["decisions"][2], *DESCRIPTION["decisions"][:2]],
            "layers": [["head", 1], ["stage", 2]],
            "default": ["swish", 2, 5],
            "ends": {"act": ["relu"]},
        }
    )
    assert space.to_str(space.enumerate()) == ["relu", "swish,1", "swish,2:3", "swish,2:5", "swish,2:7"]
    again = space_from_description(json.loads(json.dumps(space.description())))
    assert again.fingerprint == space.fingerprint
    assert again.description() == space.description()
    assert again.ends == {"act": ("relu",)}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"nmae": "x"}, UnknownName, "Did you mean 'name'"),
        ({"name": ""}, InvalidValue, "name is text"),
        ({"decisions": []}, InvalidValue, "at least one entry"),
        ({"decisions": ["op"]}, InvalidValue, "a decision is an object with name, choices"),
        ({"default": [2, 5]}, InvalidValue, "one label for each of 3"),
        ({"layers": [["a", 2]]}, InvalidValue, "do not add up"),
        ({"layers": "stage"}, InvalidValue, "'layers' is a list"),
        ({"ends": ["act"]}, InvalidValue, "'ends' has a list of labels"),
        ({"ends": {"act": "relu"}}, InvalidValue, "'ends' has a list of labels"),
        ({"ends": {"act": ["relu"]}}, InvalidValue, "is the last layer"),
        ({"decisions": [{"name": "a", "role": "op", "choices": [1, 2], "active_if": "b"}]}, InvalidValue, "'active_if' is"),
        ({"decisions": [{"name": "a", "role": "op"}]}, InvalidValue, "lacks 'choices'"),
        ({"decisions": [{"name": 3, "role": "op", "choices": [1]}]}, InvalidValue, "name is text"),
        ({"decisions": [{"name": "a", "role": "op", "choices": ["x:y"]}]}, InvalidValue, "colon"),
        ({"decisions": [{"name": "a", "role": "op", "choices": [float("nan")]}]}, InvalidValue, "nan"),
    ],
)
def test_what_does_not_describe_a_space(change, error, message):
    with pytest.raises(error, match=message):
        space_from_description({**DESCRIPTION, **change})
    with pytest.raises(InvalidValue):
        space_from_description([])
