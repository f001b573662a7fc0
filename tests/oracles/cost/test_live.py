"""Live latency: networks are really timed here, a few and shortly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.measuring.latency_cache import LatencyCache
from nasgym.measuring.measure import Timing, describe_machine
from nasgym.networks.scale import Scale
from nasgym.networks.space_plans import plan_of
from nasgym.oracles.cost import live
from nasgym.oracles.cost.live import LiveLatency
from nasgym.problems.factory import make_problem
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_mnasnet import MnasNetSpace

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SPACE = DigitsSpace()
TEXTS = ["skip,skip,skip,skip,skip", "k5e6,k5e6,k5e6,k5e6,k5e6", "k3e3,skip,skip,skip,k3e3"]


@pytest.fixture
def cache(tmp_path):
    return LatencyCache(tmp_path / "latencies.sqlite")


def short(cost: LiveLatency) -> LiveLatency:
    cost.options = replace(cost.options, min_rounds=2, max_rounds=3, burst_ms=2.0)
    return cost


def test_a_larger_network_takes_longer_and_answers_stay(cache):
    archs = SPACE.from_str(TEXTS)
    cost = short(LiveLatency(SPACE, cache=cache))
    small, large, _ = cost.cost(archs)
    assert 0 < small < large < 1000
    # the intervals are of these networks: that of one with forty times the work lies above
    faster, slower, _ = cost.latencies(archs)
    assert 0 < faster.low_ms <= faster.high_ms < slower.low_ms <= slower.high_ms < 1000
    np.testing.assert_array_equal(LiveLatency(SPACE, cache=cache).cost(archs[:2]), [small, large])


def test_new_networks_of_a_batch_are_measured_together(cache, monkeypatch):
    asked = []

    def measure(models, options):
        asked.append(len(models))
        return {key: Timing(1.0 + i, 1.0, 2.0, 0.1, 9, False) for i, key in enumerate(models)}

    monkeypatch.setattr(live, "measure", measure)
    archs = SPACE.sample(np.random.default_rng(0), 20)
    cost = LiveLatency(SPACE, cache=cache)
    cost.cost(np.concatenate([archs, archs]))
    assert asked == [8, 8, 4]
    cost.cost(archs)
    assert len(asked) == 3


def test_intervals_and_noise_are_those_of_the_network(cache, monkeypatch):
    def measure(models, options):
        return {key: Timing(2.0 + i, 1.75 + i, 2.5 + i, 0.1, 9, i == 1) for i, key in enumerate(models)}

    monkeypatch.setattr(live, "measure", measure)
    archs = SPACE.from_str(TEXTS)
    for cost in (LiveLatency(SPACE, cache=cache), LiveLatency(SPACE, cache=cache)):  # the second reads what was kept
        found = [(one.latency_ms, one.low_ms, one.high_ms, one.noisy) for one in cost.latencies(archs)]
        assert found == [(2.0, 1.75, 2.5, False), (3.0, 2.75, 3.5, True), (4.0, 3.75, 4.5, False)]


def test_what_latencies_depend_on_is_in_the_fingerprint(cache, monkeypatch):
    cost = LiveLatency(SPACE, cache=cache)
    assert LiveLatency(SPACE, cache=cache).fingerprint == cost.fingerprint
    with monkeypatch.context() as patched:
        patched.setattr(live, "describe_machine", lambda provider: {**describe_machine(provider), "cores": "97"})
        assert LiveLatency(SPACE, cache=cache).fingerprint == cost.fingerprint
    others = [
        LiveLatency(SPACE, cache=cache, **kw)
        for kw in ({"threads": 2}, {"batch": 2}, {"precision": "int8"}, {"tolerance": 0.1})
    ]
    monkeypatch.setattr(live, "describe_machine", lambda provider: {**MACHINE, "processor": "another"})
    others.append(LiveLatency(SPACE, cache=cache))
    assert len({cost.fingerprint, *(other.fingerprint for other in others)}) == 6
    assert "another" in others[-1].provenance
    assert "MEASURED LIVE" in others[-1].provenance


MACHINE = {"processor": "one", "architecture": "x", "system": "y", "cores": "1", "runtime": "onnxruntime 0", "provider": "p"}


def test_a_space_without_look_up_tables(cache):
    space = MnasNetSpace()
    small = Scale((3, 32, 32), 10, 0.25)
    cost = short(LiveLatency(space, cache=cache, planner=lambda arch: plan_of(space, arch, small)))
    assert cost.cost(space.default[None])[0] > 0


def test_int8_runs(cache):
    pytest.importorskip("onnxruntime.quantization")
    assert short(LiveLatency(SPACE, cache=cache, precision="int8")).cost(SPACE.from_str(TEXTS[2:]))[0] > 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"threads": 0}, InvalidValue),
        ({"threads": True}, InvalidValue),
        ({"batch": "2"}, InvalidValue),
        ({"tolerance": 0}, InvalidValue),
        ({"precision": "fp16"}, UnknownName),
        ({"provider": "TPU"}, DataError),
    ],
    ids=str,
)
def test_options_that_are_refused(cache, options, error):
    with pytest.raises(error, match=r"threads|batch|tolerance|precision|provider"):
        LiveLatency(SPACE, cache=cache, **options)


def test_as_a_device_of_an_id(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    problem = make_problem("nasgym/Digits-v0", device={"device": "live", "tolerance": 0.5})
    assert problem.cost_name == "latency_ms"
    assert problem.cost_oracles["latency_ms"].fingerprint.startswith("live:")
    assert problem.scale.least < problem.scale.target < problem.scale.largest
    assert make_problem("nasgym/Digits-v0", device={"device": "live", "tolerance": 0.5}).fingerprint == problem.fingerprint
    for device in ({"device": "live", "thread": 2}, {"device": "live", "retries": 2}):
        with pytest.raises(UnknownName, match="key of device"):
            make_problem("nasgym/Digits-v0", device=device)
    for device in ({}, {"device": "phone"}, {"device": "live", "command": "x {onnx}"}, 3, ["live"]):
        with pytest.raises(InvalidValue, match="device is a name"):
            make_problem("nasgym/Digits-v0", device=device)
