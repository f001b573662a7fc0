"""From an id and keywords to a problem."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nasgym.errors import InvalidValue, MissingData, NasgymError, UnknownName
from nasgym.ledger import Ledger
from nasgym.oracles.cost.counted import MEMORY
from nasgym.problems.factory import PROBLEM_KEYWORDS, make_problem
from nasgym.registration import IDS
from nasgym.tables.table_file import write_table
from nasgym.tables.table_folder import table_path
from tests.tiny import SIZE, tiny_table


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A data folder with the tiny table; makes problems on it."""
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    write_table(tiny_table(), tmp_path / "tables" / "tiny.npz")
    return lambda **keywords: make_problem("nasgym/Table-v0", table="tiny", **keywords)


def test_an_own_table(own):
    problem = own()
    assert problem.space.size == SIZE
    assert problem.rule.name == "accuracy"
    assert problem.constraint is None
    assert problem.spec == {"env_id": "nasgym/Table-v0", "table": "tiny"}
    np.testing.assert_array_equal(problem.everything.accuracy, own().everything.accuracy)


def test_costs_devices_and_targets(own):
    assert own().cost_name == "energy_mj"
    phone, board = own(device="phone"), own(device="board", reward="constrained")
    assert phone.cost_name == board.cost_name == "latency_ms"
    table = tiny_table()
    np.testing.assert_array_equal(phone.costs(phone.space.enumerate())["latency_ms"], table.costs["toy", "latency_ms@phone"])
    # half of the range from 10 to 45
    assert board.constraint.upper == 27.5
    assert own(device="phone", target={"fraction": 0.5, "of": "max"}).constraint.upper == 18
    assert own(device="phone", reward="absolute", target=7).scale.target == 7.0
    assert own(device="phone", reward="accuracy", target=None).constraint is None
    assert own(cost="latency_ms@board").cost_name == "latency_ms@board"
    assert phone.fingerprint != own(cost="latency_ms@board").fingerprint


def test_extra_costs_beside_a_device(own):
    problem = own(device="phone", extra_costs=["energy_mj", "latency_ms@board"])
    assert list(problem.cost_oracles) == ["latency_ms", "energy_mj", "latency_ms@board"]
    assert problem.evaluate(problem.space.enumerate()).costs.keys() == problem.cost_oracles.keys()
    both = own(cost="energy_mj", objectives=["accuracy", "energy_mj"])
    assert [(o.name, o.direction) for o in both.objectives] == [("accuracy", "max"), ("energy_mj", "min")]


def test_restriction_narrows_bounds_and_targets(own):
    whole, narrow = own(device="phone"), own(device="phone", restrict={"a.op": ["skip"], "b.width": [8]})
    assert narrow.space.size == 4
    costs = whole.costs(narrow.space.enumerate())["latency_ms"]
    low, high = narrow.cost_bounds(np.full((1, 5), -1, dtype=np.int8))
    assert (low[0], high[0]) == (costs.min(), costs.max())
    assert narrow.optimum().reward == narrow.evaluate(narrow.space.enumerate()).reward.max()


@pytest.mark.parametrize(
    "keywords",
    [
        {"device": "phone", "reward": {"rule": "mnasnet-soft", "beta": -0.2}, "target": {"fraction": 0.25, "of": "range"}},
        {"seed": "sampled", "fidelity": 4, "restrict": {"*.kernel": [3]}},
        {"seed": 0, "lower": 2.0, "target": 30, "objectives": ["accuracy"], "extra_costs": ["latency_ms@phone"]},
    ],
)
def test_the_spec_rebuilds_the_problem(own, keywords):
    problem = own(**keywords)
    spec = json.loads(json.dumps(problem.spec))
    again = make_problem(**spec)
    assert again.fingerprint == problem.fingerprint
    assert again.spec == spec


def test_no_extra_costs_may_be_none(own):
    problem, without = own(extra_costs=None), own()
    assert (problem.spec, problem.fingerprint) == (without.spec, without.fingerprint)


@pytest.mark.parametrize(
    ("keywords", "error", "says"),
    [
        ({"device": "fone"}, UnknownName, "Did you mean 'phone'"),
        ({"cost": "energy_mj", "device": "fone"}, UnknownName, "Did you mean 'phone'"),
        ({"cost": "energy"}, UnknownName, "Did you mean 'energy_mj'"),
        ({"cost": "macs"}, UnknownName, "cost 'macs'"),
        ({"cost": "latency_ms"}, UnknownName, "device=NAME"),
        ({"dataset": "toys"}, UnknownName, "Did you mean 'toy'"),
        ({"fidelity": 3}, UnknownName, "Known: 1, 4"),
        ({"seed": "all"}, UnknownName, "training seed"),
        ({"accuracy": "tabel"}, UnknownName, "Did you mean 'table'"),
        ({"accuracy": "training"}, InvalidValue, "'tiny' is none of the built-in spaces"),
        ({"reward": "acuracy"}, UnknownName, "Did you mean 'accuracy'"),
        ({"reward": 3}, InvalidValue, "a reward is a name or"),
        ({"reward": {"beta": 3}}, InvalidValue, "a reward is a name or"),
        ({"target": "half"}, InvalidValue, "target is a number"),
        ({"target": True}, InvalidValue, "target is a number"),
        ({"target": {"fraction": 0.5, "off": "max"}}, InvalidValue, "'max' or 'range'"),
        ({"target": {"fraction": 1.5}}, InvalidValue, "0 to 1"),
        ({"target": {"of": "max"}}, InvalidValue, "0 to 1"),
        ({"target": 0.1}, InvalidValue, "which costs 0.5 energy_mj"),
        ({"restrict": {"a.kernell": [3]}}, UnknownName, "Did you mean 'a.kernel'"),
        ({"objectives": ["accuracy", "energy"]}, UnknownName, "Did you mean 'energy_mj'"),
        ({"objectives": "accuracy"}, InvalidValue, r"objectives is a list of names, as in .*, got 'accuracy'"),
        ({"extra_costs": 5}, InvalidValue, "extra_costs is a list of names, got 5"),
        ({"extra_costs": ["energy_mj", 5]}, InvalidValue, "extra_costs is a list of names, got 5 in it"),
        ({"objectives": ["accuracy", None]}, InvalidValue, r"objectives is a list of names, or of pairs .*, got None in it"),
        ({"device": "x86-1t"}, UnknownName, "measured for the blocks of 'digits'"),
        ({"restrict": ["a.kernel"]}, InvalidValue, "restrict maps decisions"),
        ({"lower": "2"}, InvalidValue, "lower is a number or None, got '2'"),
        ({"cost": ["energy_mj"]}, InvalidValue, "cost is a name"),
    ],
)
def test_errors_teach(own, keywords, error, says):
    with pytest.raises(error, match=says):
        own(**keywords)


def test_a_target_without_any_cost(own, tmp_path):
    from dataclasses import replace

    write_table(replace(tiny_table(), costs={}), tmp_path / "tables" / "bare.npz")
    bare = make_problem("nasgym/Table-v0", table="bare")
    assert bare.cost_name is None
    for keywords in ({"target": 5.0}, {"lower": 5.0}, {"reward": "constrained"}):
        with pytest.raises(InvalidValue, match="cost="):
            make_problem("nasgym/Table-v0", table="bare", **keywords)


def test_a_table_that_is_not_there(own):
    with pytest.raises(MissingData, match=r"nasgym data import table .* There are: .*tiny"):
        make_problem("nasgym/Table-v0", table="tinny")
    with pytest.raises(MissingData, match="nasgym data import nats-bench PATH"):
        make_problem("nasgym/NATS-TSS-v0")


def test_ids_play_their_own_tables():
    with pytest.raises(UnknownName, match="Did you mean 'nasgym/Digits-v0'"):
        make_problem("nasgym/Digit-v0")
    with pytest.raises(InvalidValue, match="play table 'tiny' as 'nasgym/Table-v0'"):
        make_problem("nasgym/NATS-TSS-v0", table="tiny")


def test_a_changed_table_is_read_again(own, tmp_path):
    before = own().fingerprint
    write_table(tiny_table(shift=0.05), tmp_path / "tables" / "tiny.npz")
    assert own().fingerprint != before


@pytest.mark.parametrize("env_id", [name for name in IDS if name != "nasgym/Table-v0" and IDS[name].plays_table])
@pytest.mark.parametrize("reward", ["accuracy", "constrained", "mnasnet-hard", "cost-bucket"])
def test_every_id_with_every_kind_of_rule(imported, env_id, reward):
    imported(IDS[env_id].table)
    problem = make_problem(env_id, reward=reward)
    assert problem.cost_name == "macs"
    assert (problem.constraint is not None) == (reward != "accuracy")
    best = problem.optimum()
    assert problem.evaluate(best.archs).reward.max() == best.reward > problem.invalid_reward


# ---- devices of a table whose space has networks -----------------------------------------------


def test_device_files_are_known_devices(imported):
    imported("digits")
    with pytest.raises(UnknownName, match=r"Did you mean 'x86-1t'\? Known: x86-1t, x86-1t-int8\.$"):
        make_problem("nasgym/Digits-v0", device="x86-1")


def test_a_device_file_of_other_spaces(imported):
    imported("nas-bench-macro")
    with pytest.raises(UnknownName, match=r"None is known here\. .* measured for the blocks of 'digits', 'mobilenetv3'"):
        make_problem("nasgym/NASBenchMacro-v0", device="x86-1t")


def test_latencies_of_several_device_files(imported):
    imported("digits")
    problem = make_problem("nasgym/Digits-v0", device="x86-1t", extra_costs=["latency_ms@x86-1t-int8", "latency_ms@x86-1t"])
    archs = problem.space.enumerate()
    costs = problem.costs(archs)
    assert list(costs) == ["latency_ms", "latency_ms@x86-1t-int8", "latency_ms@x86-1t"]
    np.testing.assert_array_equal(costs["latency_ms"], costs["latency_ms@x86-1t"])
    other = make_problem("nasgym/Digits-v0", device="x86-1t-int8")
    np.testing.assert_array_equal(other.costs(archs)["latency_ms"], costs["latency_ms@x86-1t-int8"])
    assert (costs["latency_ms"] != costs["latency_ms@x86-1t-int8"]).mean() > 0.9
    without = make_problem("nasgym/Digits-v0", cost="latency_ms@x86-1t")
    np.testing.assert_array_equal(without.costs(archs)["latency_ms@x86-1t"], costs["latency_ms"])
    with pytest.raises(UnknownName, match=r"unknown cost .*Did you mean 'latency_ms@x86-1t'"):
        make_problem("nasgym/Digits-v0", cost="latency_ms@x86-1")


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ({"command": "x"}, "one of which has {onnx}"),
        ({"command": "x {onnx}", "timeout": -1}, "timeout is a positive number"),
        ({"device": "live", "threads": 0}, "threads is a count"),
        ("x86-1", "Did you mean 'x86-1t'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("cost", ["macs", "latency_ms@x86-1t", "latency_ms"])
def test_a_device_is_checked_whatever_the_cost(imported, device, says, cost):
    imported("digits")
    with pytest.raises(NasgymError, match=says):
        make_problem("nasgym/Digits-v0", device=device, cost=cost)


@pytest.mark.parametrize(
    ("env_id", "dataset", "shape", "classes"),
    [
        ("nasgym/NATS-TSS-v0", None, (3, 32, 32), 10),
        ("nasgym/NATS-TSS-v0", "cifar100", (3, 32, 32), 100),
        ("nasgym/NATS-TSS-v0", "ImageNet16-120", (3, 16, 16), 120),
        ("nasgym/NATS-SSS-v0", "cifar10", (3, 32, 32), 10),
    ],
)
def test_networks_of_the_data_set_are_measured(imported, tmp_path, monkeypatch, env_id, dataset, shape, classes):
    onnx = pytest.importorskip("onnx")
    imported(IDS[env_id].table)
    table = table_path(IDS[env_id].table)
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    table_path(table.stem).parent.mkdir(parents=True)
    table_path(table.stem).symlink_to(table)
    device = {"command": f"sh -c 'cp {{onnx}} {tmp_path}/timed.onnx; echo 2.5'"}
    problem = make_problem(env_id, device=device, dataset=dataset)
    assert problem.costs(problem.space.default[None])["latency_ms"][0] == 2.5
    graph = onnx.load(tmp_path / "timed.onnx").graph
    sizes = [[axis.dim_value for axis in end.type.tensor_type.shape.dim] for end in (graph.input[0], graph.output[0])]
    assert sizes == [[1, *shape], [1, classes]]


@pytest.mark.parametrize("env_id", ["nasgym/NATS-TSS-v0", "nasgym/NATS-SSS-v0"])
def test_networks_of_cells_are_trained_small_and_cost_large(imported, env_id):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    imported(IDS[env_id].table)
    problem, table = make_problem(env_id, accuracy="training"), make_problem(env_id)
    assert problem.accuracy.plan_of(problem.space.default).input_shape == (1, 8, 8)
    archs = problem.space.sample(np.random.default_rng(0), 2)
    np.testing.assert_array_equal(problem.costs(archs)["macs"], table.costs(archs)["macs"])
    assert problem.accuracy.fidelities == ((5, 20) if "TSS" in env_id else (1, 5))
    found = Ledger(problem, 1).evaluate(archs[:1])
    assert ((found.accuracy > 0) & (found.accuracy <= 1)).all()


def test_the_measured_cost_is_made_once(tmp_path, monkeypatch):
    from nasgym.oracles.cost import planned_costs

    pytest.importorskip("onnx")
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    made, real = [], planned_costs.measured_cost
    monkeypatch.setattr(planned_costs, "measured_cost", lambda *given: made.append(given) or real(*given))
    device = {"command": "sh -c 'echo 2.5' {onnx}"}
    for keywords in ({}, {"cost": "macs"}, {"cost": "macs", "extra_costs": ["latency_ms"]}):
        make_problem("nasgym/Digits-v0", device=device, **keywords)
    assert len(made) == 3


@pytest.mark.parametrize("cost", MEMORY)
@pytest.mark.parametrize("env_id", ["nasgym/Digits-v0", "nasgym/NASBenchMacro-v0", "nasgym/NATS-SSS-v0"])
def test_sizes_and_memory_limit_a_search(imported, env_id, cost):
    imported(IDS[env_id].table)
    problem = make_problem(
        env_id, reward="constrained", cost=cost, target={"fraction": 0.25, "of": "range"}, extra_costs=["macs"]
    )
    everything = problem.everything
    assert 0 < everything.feasible.sum() < problem.space.size
    best = problem.optimum()
    assert best.costs[cost] <= problem.constraint.upper
    assert best.reward == everything.reward[everything.feasible].max()


def test_memory_that_has_no_terms_of_decisions_is_refused(imported):
    imported("nats-tss")
    with pytest.raises(InvalidValue, match=r"cost 'peak_memory_kb' of 'nats-tss' depends on all edges of a cell together"):
        make_problem("nasgym/NATS-TSS-v0", cost="peak_memory_kb")
    with pytest.raises(UnknownName, match="Did you mean 'peak_memory_kb'"):
        make_problem("nasgym/Digits-v0", cost="peak_memory")


def test_a_column_of_the_table_takes_the_place_of_a_counted_size(tmp_path, monkeypatch):
    from dataclasses import replace

    from nasgym.tables.table_file import read_table
    from nasgym.tables.table_folder import shipped_tables

    digits = read_table(shipped_tables()["digits"])
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    measured = np.arange(3125) + 1.0
    own = replace(digits, card={**digits.card, "name": "measured"}, costs={**digits.costs, ("*", "size_kb"): measured})
    write_table(own, tmp_path / "tables" / "measured.npz")
    problem = make_problem("nasgym/Table-v0", table="measured", cost="size_kb", extra_costs=["peak_memory_kb"])
    found = problem.costs(problem.space.enumerate())
    np.testing.assert_array_equal(found["size_kb"], measured)
    assert found["peak_memory_kb"].max() < 21


def test_half_of_the_largest_size_network(imported):
    imported("nats-sss")
    assert make_problem("nasgym/NATS-SSS-v0", reward="constrained").constraint.upper == 274_399_882 / 2


def test_training_takes_the_place_of_the_table(imported):
    imported("digits")
    pytest.importorskip("torch")
    problem = make_problem("nasgym/Digits-v0", accuracy="training", seed=5, fidelity=3)
    assert problem.accuracy.seeds == (5,)
    assert not problem.accuracy.deterministic
    for wrong in ({"fidelity": 4}, {"seed": -3}, {"dataset": "digits2"}):
        with pytest.raises(NasgymError):
            make_problem("nasgym/Digits-v0", accuracy="training", **wrong)


def test_keywords_are_listed():
    assert PROBLEM_KEYWORDS[0] == "reward"
    assert "env_id" not in PROBLEM_KEYWORDS
