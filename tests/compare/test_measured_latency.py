"""Comparisons whose latencies are measured while they run.

Every result says so, and nothing is measured twice.
"""

from __future__ import annotations

import json
import shlex
import sys

import pytest

from nasgym.compare.comparison import plan_comparison
from nasgym.compare.judgement import judge
from nasgym.compare.leaderboard import leaderboard_text
from nasgym.compare.report import source_lines
from nasgym.compare.runs import run_all
from nasgym.errors import InvalidValue
from nasgym.ledger import Budget
from tests.compare.small import run

pytest.importorskip("onnx")

BENCH = """
import pathlib, sys
model = pathlib.Path(sys.argv[1])
with pathlib.Path(__file__).with_name("calls").open("a") as calls:
    print(model, file=calls)
print("latency_ms:", len(model.read_bytes()) / 1000)
"""


@pytest.fixture
def bench(tmp_path):
    """The data folder, and the keyword of a command that notes its calls."""
    file = tmp_path / "bench.py"
    file.write_text(BENCH)
    return tmp_path, {"command": shlex.join([sys.executable, str(file)]) + " {onnx}", "timeout": 60, "hardware": "a script"}


def test_two_workers_share_what_a_command_measures(bench, monkeypatch):
    folder, device = bench
    setting = f"device={json.dumps(device)}"
    arguments = ["compare", "nasgym/Digits-v0", "--set", setting, "--agents", "random,regularized-evolution"]
    arguments += ["--budget", "6", "--seeds", "2", "--jobs", "2"]
    done = run(folder, *arguments, "--out", str(folder / "one"))
    assert done.returncode == 0, done.stderr
    calls = (folder / "calls").read_text().splitlines()
    assert 2 < len(calls) == len(set(calls)) <= 2 + 4 * 6
    assert "MEASURED LIVE on a script" in done.stdout
    assert "MEASURED LIVE on a script" in (folder / "one" / "leaderboard.txt").read_text()
    assert "MEASURED LIVE on a script" in (folder / "one" / "report.html").read_text()
    # once more, in this process and alone
    monkeypatch.setenv("NASGYM_DATA", str(folder))
    agents, seeds, budget = ["random", "regularized-evolution"], [0, 1], Budget("distinct", 6.0)
    comparison, problem = plan_comparison("nasgym/Digits-v0", agents, seeds, budget, {"device": device})
    judgement = judge(problem, comparison, run_all(comparison, folder / "two", 1))
    assert leaderboard_text(judgement) == (folder / "one" / "leaderboard.txt").read_text()
    assert (folder / "calls").read_text().splitlines() == calls


def test_search_says_how_it_was_measured(bench):
    folder, device = bench
    done = run(
        folder, "search", "nasgym/Digits-v0", "--set", f"device={json.dumps(device)}", "--budget", "3", "--agent", "random"
    )
    assert done.returncode == 0, done.stderr
    assert "latency_ms was MEASURED LIVE on a script" in done.stdout


def test_a_command_that_fails_ends_with_one_sentence(bench):
    folder, device = bench
    (folder / "bench.py").write_text("import sys; print('no board'); sys.exit(3)")
    done = run(folder, "search", "nasgym/Digits-v0", "--set", f"device={json.dumps({**device, 'retries': 1})}")
    assert done.returncode == 2
    assert "in 2 tries, the last of which ended with exit code 3; the end of its output: 'no board'" in " ".join(
        done.stderr.split()
    )
    assert "Traceback" not in done.stderr


def test_live_refuses_company(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    keywords = {"device": {"device": "live", "tolerance": 0.5}}
    comparison, problem = plan_comparison("nasgym/Digits-v0", ["random"], [0], Budget("distinct", 2), keywords)
    with pytest.raises(InvalidValue, match="give --jobs 1"):
        run_all(comparison, tmp_path / "out", 2)
    judgement = judge(problem, comparison, run_all(comparison, tmp_path / "out", 1))
    text = leaderboard_text(judgement)
    assert "MEASURED LIVE, each whole network" in text
    assert "answers' latencies stayed noisy" in text
    assert "no exact answer where latency_ms is measured" in text
    assert any(key == "latency_ms" and "MEASURED LIVE" in text for key, text in source_lines(problem))
