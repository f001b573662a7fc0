"""The parts of `make bench` that judge and that talk to other processes.

The numbers themselves are not tested.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from benchmarks import bench, env_speed
from benchmarks.contest import Work, race, rate, short, spread, times_faster
from benchmarks.rows import COLUMNS, Goal, Row, table_of, verdict
from benchmarks.side import client, install
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.problems.factory import make_problem

TURNS = """
import sys
sys.path.insert(0, {folder!r})
from turns import take_turns
take_turns({{"slow": lambda: 1, "fast": lambda: 1000}}, ("numpy",))
"""


class Scripted:
    """A contestant whose blocks take what was said."""

    def __init__(self, *seconds):
        self.seconds = itertools.cycle(seconds)

    def block(self):
        return next(self.seconds)


def test_contestants_take_turns_and_the_first_round_does_not_count():
    order = []
    racers = {name: Work(lambda name=name: order.append(name), 1) for name in "ab"}
    got = race(racers, 2)
    assert "".join(order) == "ababab"
    assert got["a"].shape == got["b"].shape == (2,)


def test_ratios_are_taken_within_a_round():
    got = race({"one": Scripted(9.0, 1.0, 2.0, 4.0), "other": Scripted(9.0, 3.0, 6.0, 12.0)}, 3)
    assert times_faster(got["one"], got["other"]) == 3.0
    assert spread(got["one"], got["other"]) == "**3** (3 to 3)"
    assert spread(got["one"][:1], got["other"][:1]) == "**3**"


def test_work_is_divided_by_its_count():
    assert 0 < Work(lambda: sum(range(1000)), 10**6).block() < 1e-6


@pytest.mark.parametrize(
    ("seconds", "text"), [(1 / 34.56e6, "34.6 M"), (1 / 6734, "6.73 k"), (1 / 12.1, "12.1"), (1 / 5.7e9, "5,700 M")]
)
def test_rates(seconds, text):
    assert rate(np.array([seconds])) == text


def test_short_numbers_have_no_exponent():
    assert [short(x) for x in (5424.6, 134.2, 0.0123)] == ["5,425", "134", "0.0123"]


def test_goals_are_judged_by_the_number():
    assert Goal.at_least(6.0, 6, "x CartPole").met
    assert not Goal.at_least(5.98, 6, "x CartPole").met
    assert Goal.below(99.9, 100, "ms").met
    assert not Goal.below(100.0, 100, "ms").met
    assert str(Goal.at_least(999.0, 1000, "x")) == ">= 1,000 x: **missed**"


def test_the_table_has_every_column_and_the_verdict_names_what_was_missed():
    rows = [
        Row("one", "64", "1 M", {"numpy.copyto": "**2**"}, [Goal("> 1", True), Goal("> 2", False)]),
        Row("other", "", "3 ms", goals=[Goal("< 4 ms", True)]),
    ]
    lines = table_of(rows).splitlines()
    assert lines[0].split(" | ")[3:-1] == list(COLUMNS)
    assert len({line.count("|") for line in lines}) == 1
    assert verdict(rows) == "2 of 3 goals were met in this run; missed: one, 64: > 2."
    assert verdict(rows[1:]) == "1 of 1 goals were met in this run."


def test_decisions_are_counted_without_the_steps_that_reset():
    env = NASVectorEnv(make_problem("nasgym/Digits-v0"), 8)
    decisions = env.space.num_decisions
    assert env_speed.random_actions(env, decisions + 1)[1] == 8 * decisions
    same = NASVectorEnv(make_problem("nasgym/Digits-v0"), 8, autoreset_mode="SameStep")
    assert env_speed.random_actions(same, decisions)[1] == 8 * decisions


def test_a_line_of_the_table_has_all_local_contestants():
    setting = env_speed.Setting("nasgym/Digits-v0", 2, "tokens", "NextStep")
    sides = env_speed.Sides({"EnvPool CartPole": Scripted(1.0)}, {}, {"Jumanji Knapsack": "not installed"})
    row = env_speed.row_of(setting, make_problem(setting.env_id), sides, 3, 2)
    assert set(row.beside) == set(COLUMNS)
    assert row.beside["Jumanji Knapsack"] == "absent"
    assert row.beside["EnvPool CartPole"].startswith("1, **")
    assert row.goals == []


def test_a_side_contestant_that_ends_in_the_middle_is_noted_and_the_others_go_on():
    code = "import sys; print('{\"way\": \"one\"}', flush=True); sys.stdin.readline(); sys.exit('out of memory')"
    setting = env_speed.Setting("nasgym/Digits-v0", 2, "tokens", "SameStep")
    with client.SideContestant([sys.executable, "-c", code]) as side:
        sides = env_speed.Sides({"Jumanji Knapsack": side, "EnvPool CartPole": Scripted(1.0)})
        row = env_speed.row_of(setting, make_problem(setting.env_id), sides, 3, 2)
    assert sides.absent == {"Jumanji Knapsack": "out of memory"}
    assert row.beside["Jumanji Knapsack"] == "absent"
    assert row.beside["EnvPool CartPole"].startswith("1, **")


@pytest.mark.parametrize(
    ("num", "observation", "mode", "wanted"),
    [
        (1024, "onehot", "NextStep", [">= 100 x SyncVectorEnv", ">= 3 x CartPole"]),
        (1024, "tokens", "NextStep", [">= 6 x CartPole"]),
        (1024, "onehot", "SameStep", [">= 2 x CartPole"]),
        (1024, "tokens", "SameStep", [">= 3 x CartPole"]),
        (4096, "onehot", "NextStep", ["< 4 x the copy's time"]),
        (4096, "tokens", "SameStep", []),
    ],
)
def test_goals_of_the_vector_environment(num, observation, mode, wanted):
    got = {"native": np.array([1.0]), "CartPoleVectorEnv": np.array([5.0]), "numpy.copyto": np.array([0.25])}
    goals = env_speed._goals(env_speed.Setting("nasgym/Digits-v0", num, observation, mode), got, 100.0)
    assert [goal.text for goal in goals] == wanted
    assert [goal.met for goal in goals] == [goal.text not in (">= 6 x CartPole", "< 4 x the copy's time") for goal in goals]


def test_a_side_contestant_uses_its_fastest_way_and_answers_block_by_block():
    code = TURNS.format(folder=str(install.pins("turns").parent))
    with client.SideContestant([sys.executable, "-c", code]) as side:
        assert side.description == {"way": "fast", "versions": {"numpy": np.__version__}}
        assert all(0 < side.block() < 1e-3 for _ in range(3))


def test_a_side_contestant_that_fails_says_why():
    with pytest.raises(client.Unusable, match="ModuleNotFoundError: No module named 'envpool_is_not_here'"):
        client.SideContestant([sys.executable, "-c", "import envpool_is_not_here"])
    code = "import sys; print('{\"way\": \"one\"}', flush=True); sys.stdin.readline(); sys.exit('out of memory')"
    with (
        client.SideContestant([sys.executable, "-c", code]) as side,
        pytest.raises(client.Unusable, match="out of memory"),
    ):
        side.block()


def test_a_side_environment_that_is_not_installed_has_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(install, "SIDE", tmp_path)
    with pytest.raises(client.Unusable, match=r"not installed; python -m benchmarks\.side\.install"):
        client.start("envpool", 1)
    install.state_of("envpool").write_text("not installed: ERROR: No matching distribution found for envpool==1.2.5")
    assert install.missing("envpool") == "ERROR: No matching distribution found for envpool==1.2.5"


@pytest.mark.long
def test_an_installation_that_fails_keeps_the_reason_and_one_that_works_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(install, "SIDE", tmp_path / "side")
    requirements = tmp_path / "pins.txt"
    monkeypatch.setattr(install, "pins", lambda name: requirements)
    requirements.write_text("no requirement at all\n")
    reason = install.install("envpool")
    assert reason is not None
    assert reason.startswith("ERROR: Invalid requirement")
    assert install.missing("envpool") == reason
    requirements.write_text("# nothing\n")
    assert install.install("envpool") is None
    assert install.missing("envpool") is None
    requirements.write_text("# another version\n")
    assert install.missing("envpool") is not None


def test_every_side_environment_has_pins_and_a_column():
    assert set(env_speed.SIDES.values()) == set(install.SCRIPTS)
    assert set(env_speed.SIDES) <= set(COLUMNS)
    for name in install.SCRIPTS:
        lines = install.pins(name).read_text().split()
        assert lines
        assert all("==" in line for line in lines)


def test_the_explanation_has_one_blank():
    assert "{" not in bench.EXPLAINED.format(processes="none")
