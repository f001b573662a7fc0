"""Timing: the statistic by hand, the log across kills, faults in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasgym.measuring import measure as subject
from nasgym.measuring.measure import Log, MeasureError, Options, describe_machine, measure, pinned, timing_of
from nasgym.networks.onnx_graph import block_onnx, empty_onnx
from nasgym.networks.plan import Conv

QUICK = Options(min_rounds=2, max_rounds=3, burst_ms=0.2, max_runs=20, tolerance=5.0)


def models(count: int = 3) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    return {f"conv{i}": block_onnx(Conv(4, 4 + i, 3), 8, rng=rng).SerializeToString() for i in range(count)}


# ---- the statistic -----------------------------------------------------------------------------


def test_the_latency_is_the_tenth_percentile_of_all_runs() -> None:
    rounds = [[float(i) for i in range(1, 12)]] * 4
    found = timing_of(rounds, 0.02)
    assert found.latency_ms == np.quantile(np.tile(np.arange(1.0, 12.0), 4), 0.1) == 2.0
    assert found.low_ms == found.latency_ms == found.high_ms
    assert (found.count, found.noisy, found.spread_ms) == (44, False, 0.0)


def test_one_round_says_nothing_about_noise() -> None:
    assert timing_of([[1.0, 1.0, 1.0]], 0.02).noisy


def test_a_busy_neighbour_in_most_rounds_does_not_move_the_latency() -> None:
    quiet, busy = [[1.0] * 10] * 3, [[1.6] * 10] * 7
    assert timing_of([*quiet, *busy], 0.02).latency_ms == 1.0


def test_the_interval_holds_the_latency_of_uneven_rounds() -> None:
    """One short round beside long ones: its few runs weigh no more than they are."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        rounds = [(1 + rng.gamma(2, 0.1, size)).tolist() for size in (5, *rng.integers(30, 60, 9).tolist())]
        found = timing_of(rounds, 0.02)
        assert found.low_ms <= found.latency_ms <= found.high_ms
        assert abs(found.latency_ms / np.quantile(np.concatenate(rounds), 0.1) - 1) < 0.05


def test_the_interval_holds_the_truth_most_of_the_time() -> None:
    """Ten rounds of 20 runs from a known distribution: nominally 95 %, a bit less for so few."""
    rng, truth = np.random.default_rng(1), 1 + 0.1 * 0.5318  # 10 % quantile of a gamma distribution of shape 2
    found = [timing_of((1 + rng.gamma(2, 0.1, (10, 20))).tolist(), 0.02) for _ in range(300)]
    share = np.mean([timing.low_ms <= truth <= timing.high_ms for timing in found])
    assert 0.8 <= share <= 0.99


def test_rounds_that_disagree_are_noisy() -> None:
    assert timing_of([[1.0] * 5, [2.0] * 5], 0.02).noisy


@given(st.lists(st.lists(st.floats(0.01, 10.0), min_size=2, max_size=12), min_size=2, max_size=8), st.floats(1.5, 8.0))
def test_unit_and_order_of_rounds(rounds: list[list[float]], factor: float) -> None:
    one = timing_of(rounds, 0.02)
    other = timing_of([[factor * ms for ms in runs] for runs in rounds], 0.02)
    assert other.latency_ms == pytest.approx(factor * one.latency_ms)
    assert other.low_ms == pytest.approx(factor * one.low_ms)
    assert timing_of(rounds[::-1], 0.02).latency_ms == pytest.approx(one.latency_ms)
    assert min(map(min, rounds)) <= one.low_ms <= one.high_ms <= max(map(max, rounds))


# ---- measuring ---------------------------------------------------------------------------------


def test_every_model_is_timed_in_every_round(tmp_path: Path) -> None:
    reported = []
    found = measure(models(), QUICK, log=tmp_path / "log", progress=lambda done, total: reported.append((done, total)))
    assert list(found) == ["conv0", "conv1", "conv2"]
    assert all(timing.latency_ms > 0 and timing.count >= 10 for timing in found.values())
    assert reported[-1] == (3, 3)
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    rounds = [{line["model"] for line in lines[1 + 3 * i : 4 + 3 * i]} for i in range(2)]
    assert rounds == [{"conv0", "conv1", "conv2"}] * 2


def test_a_larger_model_takes_longer() -> None:
    rng = np.random.default_rng(0)
    small = block_onnx(Conv(4, 4, 3), 8, rng=rng).SerializeToString()
    large = block_onnx(Conv(64, 64, 3), 56, rng=rng).SerializeToString()
    found = measure({"small": small, "large": large, "empty": empty_onnx().SerializeToString()}, QUICK)
    assert found["large"].latency_ms > 10 * found["small"].latency_ms
    assert found["empty"].latency_ms < found["large"].latency_ms


def test_a_finished_log_answers_without_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measure(models(), QUICK, log=tmp_path / "log")
    monkeypatch.setattr(subject, "time_burst", lambda *_: pytest.fail("measured again"))
    assert measure(models(), QUICK, log=tmp_path / "log") == first


def test_half_a_line_is_forgotten_and_the_rest_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    measure(models(), QUICK, log=log)
    whole = log.read_text()
    lines = whole.splitlines(keepends=True)
    log.write_text("".join(lines[:4]) + lines[4][:17])
    measure(models(), QUICK, log=log)
    after = log.read_text()
    assert after.startswith("".join(lines[:4]))
    assert [json.loads(line)["model"] for line in after.splitlines()[1:]].count(json.loads(lines[4])["model"]) >= 2


def test_a_kill_loses_one_burst_at_most(tmp_path: Path) -> None:
    """Kills a real process in the middle, and goes on from its log."""
    for name, model in models().items():
        (tmp_path / f"{name}.onnx").write_bytes(model)
    code = (
        "import os, sys; from pathlib import Path; from nasgym.measuring import measure as m\n"
        "real, seen = m.Log.add, []\n"
        "def add(self, name, times):\n"
        "    if len(seen) == 4: os.kill(os.getpid(), 9)\n"
        "    seen.append(name); real(self, name, times)\n"
        "m.Log.add = add\n"
        "models = {p.name: p for p in sorted(Path(sys.argv[1]).glob('*.onnx'))}\n"
        "m.measure(models, m.Options(min_rounds=2, max_rounds=3, burst_ms=0.2, max_runs=20, tolerance=5.0), log=Path(sys.argv[1]) / 'log')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    log = tmp_path / "log"
    kept = log.read_text().splitlines()
    assert len(kept) == 5
    found = measure({path.name: path for path in sorted(tmp_path.glob("*.onnx"))}, QUICK, log=log)
    assert log.read_text().splitlines()[:5] == kept
    assert len(found) == 3


# ---- faults ------------------------------------------------------------------------------------


def test_an_unreadable_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"rubbish")
    with pytest.raises(MeasureError, match=r"'broken\.onnx' is not readable by onnxruntime"):
        measure({"broken.onnx": path}, QUICK)


def test_a_model_that_loads_and_does_not_run_is_named() -> None:
    import onnx

    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, floats, shape) for name, shape in (("input", [1, 4]), ("output", None))]
    wrong = helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [3, 5])
    graph = helper.make_graph([helper.make_node("Reshape", ["input", "shape"], ["output"])], "g", ends[:1], ends[1:], [wrong])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(MeasureError, match=r"model 'odd' (cannot be run|is not readable)"):
        measure({"odd": model.SerializeToString()}, QUICK)


def test_a_provider_that_is_not_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a provider's libraries are missing, onnxruntime takes the processor without an error."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda model, settings, providers: real(model, settings))
    with pytest.raises(MeasureError, match="took CPUExecutionProvider in the place of CUDAExecutionProvider"):
        measure(models(1), Options(provider="CUDAExecutionProvider"))
    with pytest.raises(MeasureError, match="elsewhere"):
        measure(models(1), Options(provider="AzureExecutionProvider"))


def test_a_longer_measurement_goes_on_from_a_shorter_one(tmp_path: Path) -> None:
    measure(models(), QUICK, log=tmp_path / "log")
    kept = (tmp_path / "log").read_text()
    measure(models(), Options(min_rounds=4, max_rounds=4, burst_ms=0.2, max_runs=20, tolerance=1.0), log=tmp_path / "log")
    assert (tmp_path / "log").read_text().startswith(kept)
    with pytest.raises(MeasureError, match="other models, options"):
        measure(models(), Options(burst_ms=0.4), log=tmp_path / "log")


def test_a_log_of_other_models_is_refused(tmp_path: Path) -> None:
    measure(models(2), QUICK, log=tmp_path / "log")
    with pytest.raises(MeasureError, match="belongs to a measurement of other models"):
        measure(models(3), QUICK, log=tmp_path / "log")


@pytest.mark.parametrize("text", ["rubbish\n", '{"format": 1}\n', '{"format": "nasgym-timings-1", "fingerprint": "x"}\n[1]\n'])
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(text)
    with pytest.raises(MeasureError, match="no log of a measurement"):
        Log(tmp_path / "log", "x")


def test_an_unknown_provider_names_those_that_there_are() -> None:
    with pytest.raises(MeasureError, match=r"no provider 'CUDAProvider'; it has .*CPUExecutionProvider"):
        measure(models(1), Options(provider="CUDAProvider"))


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"tolerance": 0.0}, {"min_rounds": 5, "max_rounds": 4}, {"burst_ms": -1.0}])
def test_options_out_of_range(wrong: dict) -> None:
    with pytest.raises(MeasureError, match="positive"):
        Options(**wrong)


def test_pinning_is_undone() -> None:
    before = os.sched_getaffinity(0)
    with pinned(1):
        assert len(os.sched_getaffinity(0)) == 1
    with pinned(1, wanted=False):
        assert os.sched_getaffinity(0) == before
    assert os.sched_getaffinity(0) == before


def test_the_machine_is_described() -> None:
    about = describe_machine()
    assert about["runtime"].startswith("onnxruntime 1.")
    assert about["processor"]
    assert about["cores"].isdigit()


# ---- the script of a kit -----------------------------------------------------------------------


def test_the_script_needs_nothing_of_this_package(tmp_path: Path) -> None:
    """Run on its own, isolated, with this package forbidden."""
    (tmp_path / "models").mkdir()
    for name, model in models(2).items():
        (tmp_path / "models" / f"{name}.onnx").write_bytes(model)
    (tmp_path / "measure.py").write_bytes(Path(subject.__file__).read_bytes())
    code = (
        "import runpy, sys\n"
        "class Forbidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('nasgym', 'onnx', 'torch', 'scipy'): raise ImportError(name + ' is forbidden')\n"
        "sys.meta_path.insert(0, Forbidden())\n"
        "sys.argv = ['measure.py', '--max-rounds', '2', '--tolerance', '9']\n"
        f"runpy.run_path({str(tmp_path / 'measure.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "latencies.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows if not row.startswith("#")] == ["model", "conv0.onnx", "conv1.onnx"]
