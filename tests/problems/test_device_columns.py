"""NATS-Bench's topology space on devices whose costs were imported beside its table."""

import json

import gymnasium as gym
import numpy as np
import pytest

import nasgym
from nasgym.errors import DataError, UnknownName
from nasgym.importers.nb201_devices import import_cost_columns
from nasgym.problems.sources.table import table_devices
from nasgym.spaces.nats_bench import TopologySpace
from nasgym.tables.cost_columns import columns_path
from nasgym.tables.table_folder import table_path

ENV = "nasgym/NATS-TSS-v0"


@pytest.fixture(scope="module")
def made_up(imported, tmp_path_factory):
    """A data folder with the table and three devices.

    One of them is measured for a part, and one for CIFAR-100.
    """
    imported("nats-tss")
    table, folder = table_path("nats-tss"), tmp_path_factory.mktemp("devices")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASGYM_DATA", str(folder))
        table_path("nats-tss").parent.mkdir(parents=True)
        table_path("nats-tss").symlink_to(table)
        space = TopologySpace()
        texts = space.to_str(space.enumerate())
        rows = [f"{text},{1000 + i},{2 * i},{i + 1},{1 if i else ''},5" for i, text in enumerate(texts)]
        header = "arch_str,edgegpu_latency,edgegpu_energy_mj,hwnas_pixel3_ms,partly_ms,hw360_pi_cifar100_ms"
        (folder / "my.csv").write_text("\n".join([header, *rows]))
        (folder / "my.json").write_text(json.dumps({"edgegpu_latency": {"unit": "us", "dataset": "cifar10"}}))
        import_cost_columns(folder / "my.csv", folder / "my.json", name="made-up")
    return folder


@pytest.fixture
def folder(made_up, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(made_up))
    return made_up


def test_a_device_is_played(folder):
    env = gym.make(ENV, device="edgegpu", extra_costs=["latency_ms@pixel3", "energy_mj@edgegpu"])
    problem = env.unwrapped.problem
    assert problem.cost_name == "latency_ms"
    archs = problem.space.enumerate()[[0, 7, 15624]]
    costs = problem.costs(archs)
    np.testing.assert_allclose(costs["latency_ms"], [1.0, 1.007, 16.624], rtol=1e-12)
    assert costs["latency_ms@pixel3"].tolist() == [1, 8, 15625]
    assert costs["energy_mj@edgegpu"].tolist() == [0, 14, 31248]
    env.reset(seed=1)
    for _ in range(6):
        *_, info = env.step(0)
    assert info["latency_ms"] == 1.0


def test_bounds_and_feasible_masks_are_exact(folder):
    problem = nasgym.make_problem(ENV, device="edgegpu", reward="constrained", target=1.0 + 3124e-3)
    first = np.full((5, 6), -1, dtype=np.int8)
    first[:, 0] = range(5)
    low, high = problem.cost_bounds(first)
    np.testing.assert_allclose(low, 1.0 + np.arange(5) * 3.125)
    np.testing.assert_allclose(high, 4.124 + np.arange(5) * 3.125)
    env = gym.make(ENV, device="edgegpu", reward="constrained", target=4.124, mask="feasible")
    # latencies grow with the position: only the first operation of the first edge stays within the
    # target
    assert env.reset()[1]["action_mask"].tolist() == [1, 0, 0, 0, 0]
    narrow = nasgym.make_problem(ENV, device="edgegpu", restrict={"node1.from0": ["avg_pool_3x3"]})
    assert narrow.cost_bounds(np.full((1, 6), -1, dtype=np.int8))[0][0] == pytest.approx(13.5)


def test_a_cost_goes_by_its_device(folder):
    assert nasgym.make_problem(ENV, cost="energy_mj", device="edgegpu").scale.largest == 31248
    assert nasgym.make_problem(ENV, cost="energy_mj@edgegpu").cost_name == "energy_mj@edgegpu"


def test_the_columns_fingerprint_is_in_the_description(folder):
    one, other = (nasgym.make_problem(ENV, device=name) for name in ("edgegpu", "pixel3"))
    assert one.describe()["costs"]["latency_ms"].startswith("columns:")
    assert one.fingerprint != other.fingerprint
    assert "made-up" in one.cost_oracles["latency_ms"].provenance
    assert "HW-NAS-Bench" in other.cost_oracles["latency_ms"].provenance


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"device": "pixel4"}, UnknownName, r"\(cifar10\) 'pixel4'. Did you mean 'pixel3'\? Known: edgegpu, pixel3"),
        ({"device": "pixel3", "dataset": "cifar100"}, UnknownName, "It is there for data set cifar10"),
        ({"device": "partly"}, DataError, "measured for 15,624 of 15,625.*choose a complete one: latency_ms@edgegpu"),
        ({"extra_costs": ["energy_mj@edgegpx"]}, UnknownName, "Did you mean 'energy_mj@edgegpu'"),
        ({"cost": "latency_ms@hw360_pi"}, UnknownName, "unknown cost"),
    ],
)
def test_what_is_not_there(folder, keywords, error, message):
    with pytest.raises(error, match=message):
        nasgym.make_problem(ENV, **keywords)


def test_devices_by_data_set(folder):
    assert table_devices("nats-tss") == ["edgegpu", "pixel3"]
    assert table_devices("nats-tss", "cifar100") == ["hw360_pi"]


def test_without_columns_the_command_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    table_path("nats-tss").parent.mkdir(parents=True)
    table_path("nats-tss").symlink_to(folder / "tables" / "nats-tss.npz")
    with pytest.raises(UnknownName, match="nasgym data import nb201-devices PATH"):
        nasgym.make_problem(ENV, device="pixel3")


def test_two_columns_of_one_name_are_refused(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    table_path("nats-tss").parent.mkdir(parents=True)
    table_path("nats-tss").symlink_to(folder / "tables" / "nats-tss.npz")
    for name in ("one", "two"):
        import_cost_columns(folder / "my.csv", folder / "my.json", name=name)
    with pytest.raises(DataError, match=r"is in .*one\.npz and in .*two\.npz; delete one"):
        nasgym.make_problem(ENV, device="pixel3")
    columns_path("nats-tss", "two").unlink()
    assert nasgym.make_problem(ENV, device="pixel3").cost_name == "latency_ms"
