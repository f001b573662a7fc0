"""Names that are built in, and names of other packages."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint

import pytest

from nasgym import registry
from nasgym.errors import DataError, MissingPackage, UnknownName
from nasgym.registry import AGENTS, RULES, SPACES, Registry


@pytest.fixture
def plugins(monkeypatch):
    """Another package's entry points: one works, two do not, one takes a built-in name."""
    points = {
        "nasgym.rules": [
            EntryPoint("mine", "nasgym.rewards:Absolute", "nasgym.rules"),
            EntryPoint("broken", "no_such_module:Thing", "nasgym.rules"),
            EntryPoint("lacking", "nasgym.rewards:NoSuchRule", "nasgym.rules"),
            EntryPoint("accuracy", "nasgym.rewards:Absolute", "nasgym.rules"),
        ]
    }
    monkeypatch.setattr(registry, "entry_points", lambda *, group: points.get(group, []))


def test_built_in_names_exist():
    for names in (SPACES, RULES):
        assert names.builtin
        for name in names.builtin:
            loaded = names.load(name)
            assert (loaded().name if names is SPACES else loaded.name) == name


def test_built_in_agents_exist():
    pytest.importorskip("torch")
    for name in AGENTS.builtin:
        assert AGENTS.load(name).name == name


def test_other_packages_add_names(plugins):
    assert RULES.names()[-3:] == ["broken", "lacking", "mine"]
    assert RULES.load("mine").__name__ == "Absolute"


def test_other_packages_do_not_replace_built_in_ones(plugins):
    assert RULES.load("accuracy").__name__ == "Accuracy"
    assert RULES.names().count("accuracy") == 1


@pytest.mark.parametrize("name", ["broken", "lacking"])
def test_an_entry_point_that_does_not_load(plugins, name):
    with pytest.raises(DataError, match=f"'{name}' of entry point .* cannot be loaded"):
        RULES.load(name)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(registry, "import_module", lambda module: import_module("no_such_package"))
    with pytest.raises(MissingPackage, match=r"agent 'nsga2' needs the package 'no_such_package'.*nasgym\[agents\]"):
        AGENTS.load("nsga2")


def test_unknown_names():
    with pytest.raises(UnknownName, match="Did you mean 'layernas'"):
        AGENTS.load("layer-nas")
    with pytest.raises(UnknownName, match="None is known"):
        Registry("thing", "nasgym.no_such_group").load("any")
