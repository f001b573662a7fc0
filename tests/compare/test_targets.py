from __future__ import annotations

import pytest

from nasgym.compare.targets import TargetSpec, parse_targets
from nasgym.errors import InvalidValue
from nasgym.problems.factory import make_problem
from tests.compare.test_report import make_problem as make_four


@pytest.mark.parametrize(
    ("text", "numbers", "percent"),
    [
        ("30..33/1%", (30, 31, 32, 33), True),
        (" 0..1/0.1 % ", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1), True),  # no sum of rounded steps
        ("30..34/3%", (30, 33), True),
        ("80e6..120e6/2e7", (80e6, 100e6, 120e6), False),
        ("137.2e6, 80e6,100000000", (80e6, 100e6, 137.2e6), False),
        ("30,50,80%", (30, 50, 80), True),
        ("0.5..1.5/.5", (0.5, 1.0, 1.5), False),
        (".5..1.5/.5", (0.5, 1.0, 1.5), False),
    ],
)
def test_grids_and_lists(text, numbers, percent):
    assert parse_targets(text) == TargetSpec(tuple(map(float, numbers)), percent)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "LOW..HIGH/STEP"),
        ("30..80", "LOW..HIGH/STEP"),
        ("30%..80%/1%", "LOW..HIGH/STEP"),
        ("nan,3", "LOW..HIGH/STEP"),
        ("..5/1%", "LOW..HIGH/STEP"),
        ("...5/1%", "LOW..HIGH/STEP"),
        ("80..30/1%", "begins at 80 and ends below it, at 30"),
        ("30..80/0%", "step of --targets must be above 0, got 0"),
        ("30..80/-1%", "step of --targets must be above 0, got -1"),
        ("30..30/1%", "one target"),
        ("50%", "one target"),
        ("5,3,5", "names one target twice"),
        ("20..120/10%", "between 0 and 100, got 20 to 120"),
        ("-5,20%", "between 0 and 100, got -5"),
        ("0..100/0.01%", "more than 1,000"),
    ],
)
def test_what_is_no_grid(text, words):
    with pytest.raises(InvalidValue, match=words) as error:
        parse_targets(text)
    assert str(error.value).count("\n") == 0


def test_percent_are_those_of_the_keyword_target():
    problem = make_problem("nasgym/Digits-v0", reward="constrained", target={"fraction": 1.0, "of": "range"})
    found = parse_targets("7..100/31%").resolve(problem)
    shares = (0.07, 0.38, 0.69, 1.0)
    wanted = [make_problem("nasgym/Digits-v0", reward="constrained", target={"fraction": f, "of": "range"}) for f in shares]
    assert list(found) == [one.scale.target for one in wanted]


def test_what_cannot_be_played():
    # latencies are 1, 2, 3, 4
    assert parse_targets("2,3.5").resolve(make_four(target=4.0)) == (2.0, 3.5)
    with pytest.raises(InvalidValue, match="below the cheapest architecture"):
        parse_targets("0.5,2").resolve(make_four(target=4.0))
    with pytest.raises(InvalidValue, match="reward rule 'accuracy' is the same at every target"):
        parse_targets("2,3").resolve(make_four())


def test_targets_below_a_lower_limit_that_nothing_meets():
    problem = make_problem("nasgym/Digits-v0", reward="constrained", target={"fraction": 1.0, "of": "range"}, lower=9000)
    costs = problem.everything.costs["macs"]
    between = int(costs[costs >= 9000].min())
    assert between > 9000
    assert parse_targets(f"{between},{between + 1}").resolve(problem) == (between, between + 1)
    with pytest.raises(InvalidValue, match="no architecture costs between the lower limit 9000 and the target 9000"):
        parse_targets(f"9000,{between}").resolve(problem)
    with pytest.raises(InvalidValue, match="below the lower limit"):
        parse_targets(f"8999,{between}").resolve(problem)
