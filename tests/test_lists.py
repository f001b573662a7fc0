"""What is added must be in every list that knows its kind; a forgotten list fails by name.

CONTRIBUTING.md says which lists there are.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import nasgym.importers
import nasgym.oracles.accuracy
import nasgym.spaces
from nasgym.devices.device_folder import device_files
from nasgym.networks.mobile_plans import SKELETONS
from nasgym.oracles.oracle import AccuracyOracle
from nasgym.problems.sources.accuracy import ACCURACIES
from nasgym.registration import IDS
from nasgym.registry import AGENTS, RULES, SPACES, Registry
from nasgym.rewards import RewardRule
from nasgym.spaces.described import DescribedSpace
from nasgym.spaces.mobile_blocks import BlockSpace
from nasgym.spaces.space import SearchSpace

ROOT = Path(__file__).resolve().parent.parent


def classes_of(package, base: type) -> Iterator[type]:
    """Classes that derive from a base, each where it is written."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not found.ispkg:
            module = import_module(found.name)
            for _, kind in inspect.getmembers(module, inspect.isclass):
                if base in kind.__mro__ and kind.__module__ == module.__name__:
                    yield kind


def registered(names: Registry) -> set[type]:
    return {names.load(name) for name in names.builtin}


def test_every_space_is_registered():
    written = set(classes_of(nasgym.spaces, SearchSpace)) - {SearchSpace, BlockSpace, DescribedSpace}
    forgotten = written - registered(SPACES)
    assert not forgotten, f"not in SPACES of nasgym/registry.py: {forgotten}"


def test_every_space_of_rows_has_its_skeleton():
    forgotten = {kind for kind in registered(SPACES) if issubclass(kind, BlockSpace)} - set(SKELETONS)
    assert not forgotten, f"not in SKELETONS of nasgym/networks/mobile_plans.py: {forgotten}"


def test_every_space_is_played_by_an_id():
    # its networks cannot be built and no table of it was published: it is played by a user's own
    # table, through nasgym/Table-v0
    played = {known.table for known in IDS.values()} | {"nas-rl"}
    forgotten = set(SPACES.builtin) - played
    assert not forgotten, f"not in IDS of nasgym/registration.py: {forgotten}"


def test_every_agent_is_registered():
    pytest.importorskip("torch")
    from nasgym import agents
    from nasgym.agents.agent import Agent

    # the bases of all agents stand in agent.py
    written = {kind for kind in classes_of(agents, Agent) if kind.__module__ != "nasgym.agents.agent"}
    forgotten = written - registered(AGENTS)
    assert not forgotten, f"not in AGENTS of nasgym/registry.py: {forgotten}"


def test_every_rule_is_registered():
    rules = inspect.getmembers(import_module("nasgym.rewards"), inspect.isclass)
    written = {kind for _, kind in rules if issubclass(kind, RewardRule)} - {RewardRule}
    forgotten = written - registered(RULES)
    assert not forgotten, f"not in RULES of nasgym/registry.py: {forgotten}"


def test_every_accuracy_oracle_is_made_by_a_name():
    made = (ROOT / "nasgym" / "problems" / "sources" / "accuracy.py").read_text()
    written = set(classes_of(nasgym.oracles.accuracy, AccuracyOracle))
    assert len(written) >= 3
    forgotten = {kind.__name__ for kind in written if kind.__module__ not in made}
    assert not forgotten, f"no maker in ACCURACIES of nasgym/problems/sources/accuracy.py: {forgotten}"


def test_every_accuracy_oracle_is_known_to_an_id():
    played = {kind for known in IDS.values() for kind in known.accuracies}
    assert played == set(ACCURACIES), "Benchmark.accuracies of nasgym/registration.py and ACCURACIES differ"


def test_every_importer_has_a_command():
    commands = ast.parse((ROOT / "nasgym" / "cli" / "data.py").read_text())
    called = {node.func.id for node in ast.walk(commands) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    written = {
        name
        for found in pkgutil.iter_modules(nasgym.importers.__path__, "nasgym.importers.")
        if not found.ispkg
        for name, function in inspect.getmembers(import_module(found.name), inspect.isfunction)
        if name.startswith("import_") and function.__module__ == found.name
    }
    assert written >= {"import_nats_bench", "import_own_table"}
    # the two parts of Once-for-All's files go by one command
    forgotten = written - called - {"import_ofa_device", "import_ofa_predictor"}
    assert not forgotten, f"not called in nasgym/cli/data.py: {forgotten}"


def test_every_shipped_device_is_one_of_a_space(own_data_folder):
    assert len(device_files()) >= 8
    assert {space for space, _ in device_files()} <= set(SPACES.builtin)


@pytest.mark.parametrize(
    ("page", "heading", "names"),
    [
        ("environments.md", "## Ids", list(IDS)),
        ("environments.md", "## Keywords of a problem", list(RULES.builtin)),
        ("environments.md", "## Accuracies", list(ACCURACIES)),
        ("agents.md", "", list(AGENTS.builtin)),
    ],
    ids=["ids", "rules", "accuracies", "agents"],
)
def test_every_name_has_its_line_in_the_documents(page, heading, names):
    text = (ROOT / "docs" / page).read_text()
    if heading:
        text = text[text.index(heading) :].split("\n## ")[0]
    # a name has a row of its own, or stands in the values of a keyword
    said = set(re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\|.*\|$", text, re.MULTILINE))))
    forgotten = [name for name in names if name not in said]
    assert not forgotten, f"not in docs/{page}: {forgotten}"
