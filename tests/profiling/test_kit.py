"""Kits: written, measured by their own script, brought back; profiles are kits measured here."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasgym.devices import block_layout, read_device
from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.measuring.measure import Log, Options, Timing
from nasgym.oracles.cost.lookup import LookupCost
from nasgym.profiling import profile as profiling
from nasgym.profiling.additivity import additivity
from nasgym.profiling.kit import EMPTY, Kit, read_kit, write_kit
from nasgym.profiling.kit_results import import_kit, read_results
from nasgym.profiling.profile import device_of, profile
from nasgym.spaces.digits import DigitsSpace

SPACE = DigitsSpace()
QUICK = Options(min_rounds=2, max_rounds=2, burst_ms=0.2, max_runs=20, tolerance=50.0)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    return write_kit(SPACE, tmp_path_factory.mktemp("kits") / "board", check=4)


def timing(ms: float) -> Timing:
    return Timing(ms, ms, ms, 0.0, 5, False)


def filled(kit: Kit, rows: str, folder: Path) -> Path:
    """A copy of the kit's description beside other results."""
    (folder / "kit.json").write_bytes((kit.folder / "kit.json").read_bytes())
    (folder / "latencies.csv").write_text(rows)
    return folder


def all_rows(kit: Kit) -> str:
    return "model,latency_ms\n" + "".join(f"{name},{0.5 + i}\n" for i, name in enumerate(kit.models))


def test_a_kit_has_every_block_and_reads_back_equal(kit: Kit) -> None:
    assert list(kit.blocks.values()) == list(block_layout(SPACE))
    assert len(kit.nets) == 4
    assert all(path.is_file() for path in kit.models.values())
    assert read_kit(kit.folder) == kit


def test_the_same_seed_writes_the_same_models(kit: Kit, tmp_path: Path) -> None:
    again = write_kit(SPACE, tmp_path / "again", check=4)
    for name, path in again.models.items():
        assert path.read_bytes() == kit.models[name].read_bytes()


def test_its_script_measures_it_and_the_result_comes_back(kit: Kit, tmp_path: Path) -> None:
    command = [sys.executable, str(kit.folder / "measure.py"), "--max-rounds", "2", "--tolerance", "50"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "models, 0 of them noisy" in done.stderr
    path = tmp_path / "digits" / "board.csv"
    found = import_kit(kit.folder, "board", path)
    device = read_device(path, "digits")
    assert device == found.device
    assert set(device.latencies) == set(block_layout(SPACE))
    assert device.runtime.startswith("onnxruntime 1.")
    assert device.threads == 1
    assert found.check is not None
    assert "Spearman" in device.note
    report = json.loads((tmp_path / "digits" / "board.report.json").read_text())
    assert report["networks"] == 4
    assert report["measured"][0]["predicted_ms"] == pytest.approx(float(found.check.predicted_ms[0]), abs=1e-6)
    assert (tmp_path / "digits" / "board.report.png").read_bytes().startswith(b"\x89PNG")


def test_the_cost_of_a_call_is_taken_off_every_block_but_the_classifier(kit: Kit) -> None:
    timings = {name: timing(1.0) for name in kit.models} | {EMPTY: timing(0.25)}
    device = device_of(kit, timings, "toy", runtime="none", threads=1, source="")
    by_op = {block.op: latency.latency_ms for block, latency in device.latencies.items()}
    assert by_op == {"conv": 0.75, "mbconv": 0.75, "logits": 1.0}
    arch = SPACE.from_str("k3e3,k3e3,k3e3,k3e3,k3e3")
    assert LookupCost(SPACE, device).cost(arch) == pytest.approx([6 * 0.75 + 1.0])
    whole = device_of(kit, {k: v for k, v in timings.items() if k != EMPTY}, "toy", runtime="none", threads=1, source="")
    assert {latency.latency_ms for latency in whole.latencies.values()} == {1.0}


def test_any_runtime_can_fill_the_results(kit: Kit, tmp_path: Path) -> None:
    folder = filled(kit, "# runtime: tvm 0.20\n# threads: 4\n" + all_rows(kit), tmp_path)
    device = import_kit(folder, "npu", tmp_path / "npu.csv").device
    assert (device.runtime, device.threads) == ("tvm 0.20", 4)
    assert min(latency.latency_ms for latency in device.latencies.values()) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("latency_ms", "latency_us"), "milliseconds"),
        (lambda text: text.replace("latency_ms", "latncy_ms"), "Did you mean 'latency_ms'"),
        (lambda text: text.replace("block-0000.onnx,1.5", "block-0000.onnx,-1.5"), "not negative"),
        (lambda text: text.replace("block-0000.onnx,1.5", "block-0000.onnx,0"), "takes some time"),
        (lambda text: text.replace("block-0000.onnx,1.5", "block-0000.onnx,nan"), "not possible"),
        (lambda text: text.replace("block-0000.onnx,1.5", "block-0000.onnx,fast"), "no number"),
        (lambda text: text.replace("block-0000.onnx", "blok-0000.onnx"), "Did you mean 'block-0000.onnx'"),
        (lambda text: text.replace("block-0000.onnx,1.5\n", ""), "1 of the .* blocks of the kit were not measured"),
        (lambda text: text + "block-0000.onnx,1.5\n", "was there before"),
        (lambda text: text + "block-0000.onnx\n", "1 cells"),
        (lambda text: "# speed: high\n" + text, "key of the header in"),
        (lambda text: text.replace("block-0001.onnx", "net-000.onnx"), "was there before|not measured"),
    ],
)
def test_damaged_results_are_one_sentence(kit: Kit, tmp_path: Path, change, message: str) -> None:
    folder = filled(kit, change(all_rows(kit)), tmp_path)
    with pytest.raises((DataError, UnknownName), match=message):
        import_kit(folder, "toy", tmp_path / "toy.csv")
    assert not (tmp_path / "toy.csv").exists()


def test_results_that_are_not_there(kit: Kit, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"python measure\.py"):
        read_results(tmp_path / "latencies.csv", list(kit.models))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable as JSON"),
        ('{"format": "other"}', "no description of a kit"),
        ('{"format": "nasgym-kit-1"}', "lacks 'blocks'"),
        ('{"format": "nasgym-kit-1", "blocks": [{"model": "../x", "op": "conv"}], "nets": []}', "name of a file"),
        ('{"format": "nasgym-kit-1", "blocks": [{"model": "x", "op": "conv", "in_hw": "4"}], "nets": []}', "wrong type"),
        ('{"format": "nasgym-kit-1", "blocks": [{"model": "x", "opp": "conv"}], "nets": []}', "Did you mean 'op'"),
        (
            '{"format": "nasgym-kit-1", "blocks": [{"model": "x", "op": "conv"}, {"model": "x", "op": "pool"}], "nets": [], '
            '"space": "digits", "batch": 1, "precision": "int8"}',
            "twice",
        ),
        ('{"format": "nasgym-kit-1", "blocks": [], "nets": [], "space": 1, "batch": 1, "precision": "int8"}', "space=1"),
    ],
)
def test_a_damaged_description_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "kit.json").write_text(text)
    with pytest.raises((DataError, UnknownName), match=message):
        read_kit(tmp_path)


def test_no_kit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--kit DIR"):
        read_kit(tmp_path)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InvalidValue, match="not empty"):
        write_kit(SPACE, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_wrong_numbers_and_names(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'float32'"):
        write_kit(SPACE, tmp_path / "a", precision="float23")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="batch"):
        write_kit(SPACE, tmp_path / "a", batch=0)


# ---- profiles ----------------------------------------------------------------------------------


def run_profile(tmp_path: Path, **options):
    known = {"work": tmp_path / "work", "check": 3, "accept_noise": True, **options}
    return profile(SPACE, "toy", tmp_path / "toy.csv", QUICK, **known)


def test_a_profile_is_a_device_that_plays(tmp_path: Path) -> None:
    reported = []
    done = run_profile(tmp_path, progress=lambda *now: reported.append(now))
    device = read_device(tmp_path / "toy.csv", "digits")
    assert device == done.device
    assert list(dict.fromkeys(words for words, *_ in reported)) == [
        "waiting for another measurement",
        "building models",
        "measuring",
    ]
    low, high = LookupCost(SPACE, device).bounds(SPACE.empty())
    assert 0 < low[0] <= high[0]
    assert not (tmp_path / "work").exists()


def test_an_interrupted_profile_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, log = Log.add, tmp_path / "work" / "latencies.log"

    def stops(self, name, times):
        if sum(map(len, self.bursts.values())) == 7:
            raise KeyboardInterrupt
        real(self, name, times)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "add", stops)
        with pytest.raises(KeyboardInterrupt):
            run_profile(tmp_path)
    assert not (tmp_path / "toy.csv").exists()
    kept = log.read_text()
    assert len(kept.splitlines()) == 8
    seen = []
    monkeypatch.setattr(profiling, "write_kit", lambda *_, **__: pytest.fail("built again"))
    monkeypatch.setattr(profiling.shutil, "rmtree", lambda _: seen.append(log.read_text()))
    assert run_profile(tmp_path).written[0] == tmp_path / "toy.csv"
    assert seen[0].startswith(kept)


def test_the_work_of_another_profile_is_refused(tmp_path: Path) -> None:
    write_kit(SPACE, tmp_path / "work", check=1)
    with pytest.raises(InvalidValue, match="another profile"):
        run_profile(tmp_path)


def test_half_built_models_are_built_again(tmp_path: Path) -> None:
    (tmp_path / "work" / "models").mkdir(parents=True)
    (tmp_path / "work" / "models" / "block-0000.onnx").write_text("half")
    assert run_profile(tmp_path).device.name == "toy"


def test_a_noisy_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([[1.0] * 5, [3.0] * 5] * 20)
    monkeypatch.setattr(profiling, "time_burst", lambda *_: next(times))
    monkeypatch.setattr(profiling, "QUIET_BURSTS", 2)
    with pytest.raises(InvalidValue, match=r"too noisy to measure on.*--accept-noise"):
        run_profile(tmp_path, accept_noise=False)
    assert not (tmp_path / "toy.csv").exists()


def test_blocks_that_stay_noisy_are_refused_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "check_quiet", lambda _: 0.0)
    strict = replace(QUICK, tolerance=1e-9)
    with pytest.raises(InvalidValue, match=r"blocks stayed noisy.*--max-rounds 4"):
        profile(SPACE, "toy", tmp_path / "toy.csv", strict, work=tmp_path / "work", check=0)
    log = tmp_path / "work" / "latencies.log"
    kept = log.read_text()
    longer = replace(strict, max_rounds=4)
    with pytest.raises(InvalidValue, match="--max-rounds 8"):  # what was advised: it goes on from what was measured
        profile(SPACE, "toy", tmp_path / "toy.csv", longer, work=tmp_path / "work", check=0)
    assert log.read_text().startswith(kept)
    assert len(log.read_text()) > 1.5 * len(kept)
    accepted = profile(SPACE, "toy", tmp_path / "toy.csv", strict, work=tmp_path / "work", check=0, accept_noise=True)
    assert "blocks noisy" in accepted.device.note
    assert accepted.check is None


def test_int8_models_run_and_take_uint8_between_parts(tmp_path: Path) -> None:
    import onnx

    made = write_kit(SPACE, tmp_path / "int8", precision="int8", check=1)
    kinds = {}
    for name, block in made.blocks.items():
        graph = onnx.load(made.models[name]).graph
        kinds[block.op] = tuple(end.type.tensor_type.elem_type for end in (graph.input[0], graph.output[0]))
    floats, bytes_ = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
    assert kinds["mbconv"] == (bytes_, bytes_)
    assert kinds["logits"][1] == floats
    stem = next(name for name, block in made.blocks.items() if block.in_ch == 1)
    assert onnx.load(made.models[stem]).graph.input[0].type.tensor_type.elem_type == floats
    done = run_profile(tmp_path, precision="int8")
    assert done.device.precision == "int8"


def test_without_the_packages_of_the_check_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError):
        run_profile(tmp_path)
    assert not (tmp_path / "work").exists()
    assert run_profile(tmp_path, check=0).check is None


def test_two_profiles_are_measured_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes share one work folder; the second waits, and builds again."""
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "data"))
    code = (
        "import sys; from pathlib import Path; from nasgym.profiling.profile import profile; from nasgym.measuring.measure import Options\n"
        "from nasgym.spaces.digits import DigitsSpace\n"
        "options = Options(min_rounds=2, max_rounds=2, burst_ms=0.2, max_runs=20, tolerance=50.0)\n"
        "folder = Path(sys.argv[1])\n"
        "profile(DigitsSpace(), 'toy', folder / 'toy.csv', options, work=folder / 'work', check=0, accept_noise=True)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(2)]
    try:
        assert [process.communicate(timeout=300)[1] for process in running] == [b"", b""]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert read_device(tmp_path / "toy.csv").name == "toy"


def test_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="lower-case"):
        profile(SPACE, "My Board", tmp_path / "x.csv", QUICK, work=tmp_path / "work")


def test_additivity_by_hand(kit: Kit) -> None:
    timings = {name: timing(1.0 + i) for i, name in enumerate(kit.models)}
    device = device_of(kit, timings, "toy", runtime="none", threads=1, source="")
    nets = {"a": "skip,skip,skip,skip,skip", "b": "k3e3,k5e6,k3e3,k3e3,k3e3", "c": "k3e3,skip,skip,k3e3,k3e3"}
    predicted = LookupCost(SPACE, device).cost(SPACE.from_str(list(nets.values())))
    measured = predicted * np.array([1.0, 2.0, 1.25])
    found = additivity(SPACE, device, nets, {name: timing(float(ms)) for name, ms in zip(nets, measured, strict=True)})
    assert found.bias == pytest.approx((0 - 0.5 - 0.2) / 3)
    assert found.mape == pytest.approx(0.7 / 3)
    assert found.spearman == pytest.approx(1.0)
    # ratios 1, 0.5, 0.8; their median 0.8
    assert found.rescaled_mape == pytest.approx((0.25 + 0.375 + 0.0) / 3)
    with pytest.raises(InvalidValue, match="--check"):
        additivity(SPACE, device, {}, {})


def test_a_part_of_the_networks_is_said_so(kit: Kit, tmp_path: Path) -> None:
    rows = [row for row in all_rows(kit).splitlines() if not row.startswith(("net-001", "net-002", "net-003"))]
    found = import_kit(filled(kit, "# threads: \u00b2\n" + "\n".join(rows) + "\n", tmp_path), "toy", tmp_path / "toy.csv")
    assert found.device.threads is None
    assert "1 of 4 networks measured; 1 random networks" in found.device.note
    assert "Spearman" not in found.device.note
    assert json.loads((tmp_path / "toy.report.json").read_text())["spearman"] is None


def test_results_name_the_line(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "latencies.csv").write_text("# cores: 2\nmodel,latency_ms\n\nempty.onnx,x\n")
    with pytest.raises(DataError, match="line 4"):
        read_results(tmp_path / "latencies.csv", list(kit.models))


def test_rows_of_results_have_the_intervals(kit: Kit) -> None:
    """What the script writes is what is read."""
    from nasgym.measuring.measure import write_timings

    timings = {name: Timing(1.0, 0.5, 1.5, 0.25, 7, name == EMPTY) for name in kit.models}
    path = kit.folder / "other.csv"
    write_timings(timings, {"processor": "toy"}, 2, path)
    assert read_results(path, list(kit.models)).timings == timings
    assert next(csv.reader([path.read_text().splitlines()[2]]))[0] == "model"
