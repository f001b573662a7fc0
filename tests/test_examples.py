"""The examples run as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nasgym

ROOT = Path(__file__).resolve().parent.parent
# clients with requirements of their own; the tests in tests/clients run them
ELSEWHERE = {"morl_linear", "rllib_ppo", "tianshou_dqn", "torchrl_ppo"}
# these have tests of their own below, since they end with other words
APART = {"draw_episode", "first_search", "layernas_announcement", "soft_vs_hard", "transfer"}
# what makes an example short; one that is not named here runs without arguments
SMALL = {
    "new_device": ("--rounds", "2", "--burst-ms", "2", "--check", "4", "--seeds", "2"),
    "own_agent": ("--seeds", "3", "--budget", "60"),
    "own_reward": ("--seeds", "2", "--budget", "60"),
    "own_table": ("--seeds", "5"),
    "ppo_cleanrl_style": ("--evaluations", "60"),
    "ppo_sb3": ("--evaluations", "60"),
}
ALL = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


@pytest.fixture
def run(tmp_path):
    """``run("own_table", "--seeds", "5")``: what an example prints, in a folder of its own."""

    def in_folder(name: str, *arguments: str) -> str:
        command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return in_folder


@pytest.mark.parametrize("name", [name for name in ALL if name not in ELSEWHERE | APART])
def test_an_example_ends_with_its_result_beside_random_search(run, name):
    last = run(name, *SMALL.get(name, ())).splitlines()[-1]
    mine, random = re.fullmatch(r".*\bafter \d+ evaluations: .* (-?\d\.\d+), random search (-?\d\.\d+)\b.*", last).groups()
    assert -1.0 <= float(random) <= 1.0
    assert -1.0 <= float(mine) <= 1.0


def test_every_name_is_an_example():
    assert set(SMALL) | APART <= set(ALL)


def test_first_search_prints_a_network_and_an_answer(run):
    lines = run("first_search").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("a random network: ")
    assert "LayerNAS after" in lines[1]
    assert "regret" in lines[2]


def test_announcement_draws_its_figure(imported, run, tmp_path):
    imported("nats-sss")
    figure = tmp_path / "figure.png"
    text = run("layernas_announcement", "--runs", "2", "--budget", "20", "--out", str(figure))
    assert figure.read_bytes().startswith(b"\x89PNG")
    for agent in ("random", "regularized-evolution", "ppo", "layernas"):
        assert agent in text


def test_soft_vs_hard_draws_its_figure_and_says_what_is_seen(imported, run, tmp_path):
    imported("ofa")
    figure = tmp_path / "figure.png"
    lines = run("soft_vs_hard", "--models", "40", "--seeds", "2", "--out", str(figure)).splitlines()
    assert figure.read_bytes().startswith(b"\x89PNG")
    kinds = [(a, s, r) for s in ("rank", "percent") for a in ("ppo", "reinforce") for r in ("mnasnet-hard", "mnasnet-soft")]
    for (agent, scaling, rule), line in zip(kinds, lines[-8:], strict=True):
        share, deviation = re.match(rf"{agent}, {scaling}, {rule}: within T (\S+) \((\S+)\) %, latency ", line).groups()
        assert 0 <= float(share) <= 100
        assert float(deviation) >= 0


def test_soft_vs_hard_front_by_hand():
    from examples.soft_vs_hard import front

    latency, accuracy = np.array([3.0, 1.0, 2.0, 2.0, 4.0]), np.array([70.0, 60.0, 65.0, 71.0, 72.0])
    assert front(latency, accuracy).tolist() == [1, 3, 4]


def test_transfer_sets_the_policy_beside_rivals_that_know_as_much(imported, run):
    imported("nats-tss")
    text = run("transfer", "--updates", "2", "--seeds", "1")
    number = r"[+-]?\d+\.\d+"
    regrets = dict(re.findall(rf"^ *(.+): regret +({number}) points", text, re.MULTILINE))
    rivals = ["random draws", "random draws x 10", "evolution x 10", "reinforce x 10", "layernas x 10"]
    assert list(regrets) == ["the policy", *rivals]
    assert all(float(regret) >= 0 for regret in regrets.values())  # nothing beats the optimum or breaks the limit
    leads = re.findall(rf"^ *(.+): ({number}) points \[({number}), ({number})\], p = (\d\.\d+)$", text, re.MULTILINE)
    assert [lead[0] for lead in leads] == rivals
    assert all(float(low) <= float(lead) <= float(high) for _, lead, low, high, _ in leads)


@pytest.mark.parametrize(("name", "begins"), [("episode.png", b"\x89PNG"), ("episode.gif", b"GIF89a")])
def test_draw_episode_writes_its_picture(run, tmp_path, name, begins):
    pytest.importorskip("PIL")
    assert run("draw_episode", "--out", name).rstrip().endswith(f"wrote {name}")
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize("name", ["ppo_cleanrl_style", "ppo_sb3"])
def test_a_client_notes_what_it_evaluates(name):
    pytest.importorskip("sb3_contrib")
    from importlib import import_module

    client = import_module(f"examples.{name}")
    keywords = {"reward": "mnasnet-soft"}
    history, policy = client.train("nasgym/Digits-v0", 3, 40, env_keywords=keywords)
    assert len(history) == 40
    problem = nasgym.make_problem("nasgym/Digits-v0", **keywords)
    worth = problem.evaluate(problem.space.from_str([arch for arch, _ in history])).reward
    np.testing.assert_allclose([reward for _, reward in history], worth, atol=1e-6)
    arch, reward = client.greedy_episode(policy, "nasgym/Digits-v0", keywords)
    assert reward == pytest.approx(problem.evaluate(problem.space.from_str(arch)).reward[0], abs=1e-6)
    assert client.train("nasgym/Digits-v0", 3, 40, env_keywords=keywords)[0] == history
    with pytest.raises(SystemExit, match="multiple of 10"):
        client.train("nasgym/Digits-v0", 3, 45)


def test_ranks_by_hand():
    pytest.importorskip("torch")
    from examples.ppo_cleanrl_style import ranks
    from nasgym.agents.common.reward_scale import RewardScale

    new = np.array([1.0, 2.0, 2.0, -5.0])
    # below / equal of four: 1/4 + 1/8, 2/4 + 2/8, the same, 0 + 1/8
    shares = np.array([0.375, 0.75, 0.75, 0.125])
    np.testing.assert_allclose(ranks(new, new), (shares**2 - 1 / 3) / np.sqrt(4 / 45))
    np.testing.assert_allclose(ranks(new, new), RewardScale("rank")(new))
