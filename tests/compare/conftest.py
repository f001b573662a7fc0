from __future__ import annotations

from pathlib import Path

import pytest

from tests.compare.small import make_data_folder


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture
def small_folder(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of this process and of the workers that it starts."""
    monkeypatch.setenv("NASGYM_DATA", str(small_data))
    return small_data
