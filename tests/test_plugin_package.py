"""Another package, installed beside nasgym.

What it adds can be listed and played; what is broken says so.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasgym import cli
from nasgym.importers.own_table import read_own_table
from nasgym.tables.table_file import read_table

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(__file__).parent / "plugin_package"
TABLES = PACKAGE / "nasgym_plugin_example" / "tables"
COMPARE = ("compare", "nasgym/Table-v0", "--set", "table=example-cells", "--set", "reward=soft-limit", "--jobs", "2")

BROKEN = """
import nasgym.agents

def nowhere():
    return "/no/such/table.npz"

def failing():
    raise RuntimeError("no disk")

class Half(nasgym.agents.Agent):
    name = "half"

number = 7
"""
BROKEN_ENTRIES = """
[nasgym.agents]
broken-number = broken_plugin:number
broken-half = broken_plugin:Half
broken-import = broken_plugin_that_raises:Agent
broken-module = no_such_module:Agent
broken-name = broken_plugin:NoSuchAgent
coordinate-search = broken_plugin:Half

[nasgym.rules]
broken-rule = broken_plugin:Half

[nasgym.tables]
broken-nowhere = broken_plugin:nowhere
broken-failing = broken_plugin:failing
broken-table = broken_plugin:number
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder into which pip has installed the package."""
    source = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(PACKAGE, source)  # a build leaves files there
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    done = subprocess.run([*pip, "--no-build-isolation", "--target", folder, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def broken(site, tmp_path_factory) -> Path:
    """The same beside a second package, whose entry points are wrong in every way."""
    folder = tmp_path_factory.mktemp("broken") / "site"
    shutil.copytree(site, folder)
    (folder / "broken_plugin.py").write_text(BROKEN)
    (folder / "broken_plugin_that_raises.py").write_text("1 / 0")
    info = folder / "broken_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(BROKEN_ENTRIES)
    return folder


def run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process that sees the installed package, with an empty data folder."""
    path = os.pathsep.join([str(site), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "NASGYM_DATA": str(folder / "data"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "nasgym", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_the_table_of_the_package_is_what_its_csv_says():
    kept = read_table(TABLES / "example-cells.npz")
    made = read_own_table(TABLES / "example-cells.csv", TABLES / "example-cells.json")
    assert kept.fingerprint == made.fingerprint


def test_names_are_listed(site, tmp_path):
    done = run(site, tmp_path, "list")
    assert done.returncode == 0, done.stderr
    for name in ("coordinate-search", "soft-limit"):
        assert name in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith("example-cells"))
    assert "another package" in line
    assert "example-phone" in line


def test_names_are_not_there_without_the_package(tmp_path):
    done = run(tmp_path, tmp_path, *COMPARE, "--agents", "random")
    assert done.returncode == 2
    assert "unknown reward rule 'soft-limit'" in done.stderr


def test_agent_rule_and_table_play_together(site, tmp_path):
    done = run(site, tmp_path, *COMPARE, "--agents", "coordinate-search,random", "--budget", "40", "--seeds", "8")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "nasgym-results").iterdir()
    with (folder / "leaderboard.csv").open(newline="") as file:
        rows = {row["agent"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"coordinate-search", "random"}
    with (folder / "results.csv").open(newline="") as file:
        runs = [row for row in csv.DictReader(file) if row["agent"] == "coordinate-search"]
    assert len(runs) == 8
    # the rule by hand: accuracy, minus half of the excess of the latency over the middle of its
    # range
    table = read_table(TABLES / "example-cells.npz")
    accuracy, cost = table.accuracy["default", 10, "validation"][:, 0], table.costs["*", "latency_ms@example-phone"]
    target = (cost.min() + cost.max()) / 2
    rewards = accuracy.astype(float) - 0.5 * np.maximum(0.0, cost / target - 1.0)
    found = [float(row["reward"]) for row in runs]
    assert all(np.isclose(rewards, reward, atol=1e-6).any() for reward in found)
    assert max(found) == pytest.approx(rewards.max(), abs=1e-6)


def test_the_agent_takes_hyperparameters(site, tmp_path):
    arguments = (*COMPARE, "--agents", "coordinate-search", "--budget", "10", "--seeds", "1")
    done = run(site, tmp_path, *arguments, "--agent-set", "coordinate-search.round=2")
    assert done.returncode == 2
    assert "Did you mean 'rounds'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--agents", "broken-number"), "agent 'broken-number' of entry point 'broken_plugin:number' must be a class that"),
        (("--agents", "broken-half"), "agent 'broken-half' of entry point 'broken_plugin:Half' must define _search"),
        (("--agents", "broken-import"), "cannot be loaded: ZeroDivisionError: division by zero"),
        (("--agents", "broken-module"), "cannot be loaded: No module named 'no_such_module'"),
        (("--agents", "broken-name"), "cannot be loaded: module 'broken_plugin' has no attribute 'NoSuchAgent'"),
        (("--agents", "coordinate-search"), "several packages give the agent 'coordinate-search': "),
        (("--set", "reward=broken-rule"), "must be a class that derives from nasgym.rewards.RewardRule"),
        (("--set", "table=broken-nowhere"), "names the file /no/such/table.npz, which is not there"),
        (("--set", "table=broken-failing"), "does not say where its file lies: RuntimeError: no disk"),
        (("--set", "table=broken-table"), "must be a function without arguments, got 7"),
    ],
)
def test_a_broken_entry_point_gives_one_sentence(broken, tmp_path, monkeypatch, capsys, arguments, words):
    agents = () if "--agents" in arguments else ("--agents", "random")
    command = ["nasgym", "compare", "nasgym/Table-v0", *agents, *arguments, "--budget", "10", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(sys, "path", [str(broken), *sys.path])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_broken_entry_points_do_not_end_the_list(broken, tmp_path):
    done = run(broken, tmp_path, "list")
    assert done.returncode == 0, done.stderr
    assert "coordinate-search" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.strip().startswith("broken-")]
    assert len(lines) == 3
    assert all("NOT USABLE" in line for line in lines)
