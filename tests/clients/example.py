"""Runs the examples and reads their last line."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_example(name: str, *arguments: str) -> dict[str, float]:
    """Runs an example as a user does; the numbers of its last line by their names."""
    done = subprocess.run(
        [sys.executable, f"examples/{name}", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    numbers = re.fullmatch(
        r".* after (\d+) evaluations: .* ([0-9.]+), random search [0-9.]+; regret (-?[0-9.]+) and ([0-9.]+); .*", last
    ).groups()
    return dict(zip(("evaluations", "best", "regret", "random_regret"), map(float, numbers), strict=True))
