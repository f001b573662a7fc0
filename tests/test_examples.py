"""The examples run as they are written."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_first_search_prints_a_network_and_an_answer():
    lines = run("examples/first_search.py").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("a random network: ")
    assert "LayerNAS after" in lines[1]
    assert "regret" in lines[2]


def test_announcement_draws_its_figure(imported, tmp_path):
    imported("nats-sss")
    figure = tmp_path / "figure.png"
    text = run("examples/layernas_announcement.py", "--runs", "2", "--budget", "20", "--out", str(figure))
    assert figure.read_bytes().startswith(b"\x89PNG")
    for agent in ("random", "regularized-evolution", "ppo", "layernas"):
        assert agent in text
