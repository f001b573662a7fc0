"""The devices that come with the package: whole, readable, and as good as their reports say."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from nasgym.devices import block_layout, read_device
from nasgym.oracles.cost.lookup import LookupCost
from nasgym.registry import SPACES

FOLDER = Path(str(resources.files("nasgym.envs_data"))) / "devices"
FILES = sorted(FOLDER.glob("*/*.csv"))


def test_what_is_shipped() -> None:
    found = {(path.parent.name, path.stem) for path in FILES}
    assert found == {
        (space, name) for space in ("digits", "mobilenetv3", "ofa", "proxylessnas") for name in ("x86-1t", "x86-1t-int8")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_shipped_device_and_its_report(path: Path) -> None:
    space = SPACES.load(path.parent.name)()
    device = read_device(path, space.name)
    assert set(device.latencies) == set(block_layout(space))
    assert (device.name, device.threads, device.batch) == (path.stem, 1, 1)
    assert device.precision == ("int8" if path.stem.endswith("int8") else "float32")
    report = json.loads(path.with_suffix(".report.json").read_text())
    assert report["fingerprint"] == device.fingerprint
    rows = report["measured"]
    predicted = LookupCost(space, device).cost(space.from_str([row["architecture"] for row in rows]))
    assert predicted == pytest.approx([row["predicted_ms"] for row in rows], abs=2e-6)
    ratio = predicted / np.array([row["measured_ms"] for row in rows])
    assert len(rows) == report["networks"] == 30
    assert report["mape"] == pytest.approx(np.abs(ratio - 1).mean(), abs=2e-5)
    assert report["bias"] == pytest.approx((ratio - 1).mean(), abs=2e-5)
