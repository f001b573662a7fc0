"""A data folder of its own for every test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path, monkeypatch):
    folder = tmp_path / "nasgym-data"
    monkeypatch.setenv("NASGYM_DATA", str(folder))
    return folder
