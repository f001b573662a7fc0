"""A data folder of its own for every test, and the published samples where they are."""

from __future__ import annotations

import pytest

FOLDERS = {"tss": "NATS-tss-v1_0-3ffb9-simple", "sss": "NATS-sss-v1_0-50262-simple"}


@pytest.fixture(autouse=True)
def own_folder(own_data_folder):
    return own_data_folder


@pytest.fixture
def nats_samples(shared):
    """Three architectures of each space in the official layout, by ``"tss"`` and ``"sss"``."""
    return {name: shared / "raw" / "nats_bench_sample" / folder for name, folder in FOLDERS.items()}
