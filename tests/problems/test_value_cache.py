"""Values on disk: computed once, and again where the file is not what it should be."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.problems import value_cache
from nasgym.problems.value_cache import kept_values
from tests.tiny import SIZE, partial_archs, tiny_problem


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    monkeypatch.setattr(value_cache, "KEPT_FROM", SIZE)
    return tmp_path / "values"


def test_small_spaces_leave_no_file(folder):
    assert kept_values("few", SIZE - 1, lambda: np.arange(SIZE - 1.0)).tolist() == list(range(SIZE - 1))
    assert not folder.exists()


def test_values_are_computed_once(folder):
    calls = []

    def compute():
        calls.append(1)
        return np.arange(float(SIZE))

    for _ in range(3):
        np.testing.assert_array_equal(kept_values("many", SIZE, compute), np.arange(SIZE))
    assert len(calls) == 1
    assert kept_values("other", SIZE, compute) is not None
    assert len(calls) == 2
    assert sorted(path.suffix for path in folder.iterdir()) == [".npy", ".npy"]


@pytest.mark.parametrize("content", [b"", b"half a fi", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_written_again(folder, content):
    kept_values("one", SIZE, lambda: np.zeros(SIZE))
    (path,) = folder.iterdir()
    path.write_bytes(content)
    np.testing.assert_array_equal(kept_values("one", SIZE, lambda: np.ones(SIZE)), np.ones(SIZE))
    np.testing.assert_array_equal(np.load(path), np.ones(SIZE))


def test_a_file_of_another_shape_is_written_again(folder):
    kept_values("one", SIZE + 1, lambda: np.zeros(SIZE + 1))
    np.testing.assert_array_equal(kept_values("one", SIZE, lambda: np.ones(SIZE)), np.ones(SIZE))


def test_value_to_go_is_the_same_from_disk(folder):
    archs = partial_archs(tiny_problem().space, np.random.default_rng(0), 50, prefixes=True)
    fresh = tiny_problem().value_to_go(archs)
    assert len(list(folder.iterdir())) == 1
    np.testing.assert_array_equal(tiny_problem().value_to_go(archs), fresh)


def test_other_targets_leave_no_files(folder):
    problem = tiny_problem(target=20.0)
    root = problem.space.empty()
    for target in (12.0, 15.0, 18.0):
        assert problem.at(target).value_to_go(root)[0] == problem.at(target).everything.reward.max()
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_costs_only_the_file(folder, monkeypatch, tmp_path):
    (tmp_path / "values").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="set NASGYM_DATA"):
        np.testing.assert_array_equal(kept_values("one", SIZE, lambda: np.ones(SIZE)), np.ones(SIZE))
