"""The data folder of the tests, and the fixture for tests that need an imported table."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
os.environ.setdefault("NASGYM_DATA", str(ROOT / ".data"))


def need_table(name: str) -> str:
    """The name of a table that is there, or ``"ofa"``, or a space whose networks are trained.

    Otherwise skips, or fails where the table could have been built.
    """
    from nasgym.files.data_folder import data_folder
    from nasgym.problems.sources.space import is_playable
    from nasgym.registration import IDS
    from nasgym.tables.table_folder import imported_tables, shipped_tables

    if name in {known.table for known in IDS.values() if known.trains}:
        pytest.importorskip("torch")
        pytest.importorskip("sklearn")
        return name
    if name in imported_tables() or name in shipped_tables() or (name == "ofa" and is_playable(IDS["nasgym/OFA-v0"])):
        return name
    reason = f"{name!r} is not in {data_folder()}; `make data` builds it from {SHARED}"
    if name == "digits":
        pytest.fail("the table that comes with the package, envs_data/tables/digits.npz, is missing")
    if SHARED.is_dir():
        pytest.fail(f"{reason}, which is there")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def imported() -> Callable[[str], str]:
    """``imported("nats-tss")``: skips without the table, fails where it could have been built."""
    return need_table


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the published numbers; skips where it is not there."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    return SHARED


@pytest.fixture
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder for one test.

    Where the tests of a folder write into it, their conftest makes it their default.
    """
    folder = tmp_path / "nasgym-data"
    monkeypatch.setenv("NASGYM_DATA", str(folder))
    return folder
