"""A data folder of its own for every test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_folder(own_data_folder):
    return own_data_folder
