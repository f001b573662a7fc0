"""The command device: what it reads; no command can break a search or lose measurements."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.measuring.latency_cache import LatencyCache
from nasgym.oracles.cost.command import CommandLatency, read_latency
from nasgym.problems.factory import make_problem
from nasgym.spaces.digits import DigitsSpace

pytest.importorskip("onnx")

SPACE = DigitsSpace()
ARCHS = SPACE.from_str(["k3e3,skip,skip,skip,k3e3", "k5e3,skip,skip,skip,k3e3", "k5e6,skip,skip,skip,k3e3"])
# prints a latency that grows with the file, and notes each call
GOOD = """
import pathlib, sys
model = pathlib.Path(sys.argv[-1])
with pathlib.Path(__file__).with_name("calls").open("a") as calls:
    print(model, file=calls)
print("loading", 12)
print(len(model.read_bytes()) / 1000)
"""


@pytest.fixture
def device(tmp_path):
    """``device(script, **options)``: a cost whose command is a Python script.

    `name` is the file of its cache.
    """

    def make(script: str, *before: str, **options) -> CommandLatency:
        file = tmp_path / "bench.py"
        file.write_text(script)
        command = shlex.join([sys.executable, str(file), *before]) + " {onnx}"
        options = {"timeout": 30.0, "retries": 0, **options}
        return CommandLatency(SPACE, command, cache=LatencyCache(tmp_path / "latencies.sqlite"), **options)

    return make


def calls(tmp_path: Path) -> list[str]:
    file = tmp_path / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_it_measures_each_network_once(device, tmp_path):
    found = device(GOOD).cost(ARCHS)
    assert found[2] > found[1] > 0
    assert len(calls(tmp_path)) == 3
    assert not any(Path(path).exists() for path in calls(tmp_path))
    np.testing.assert_array_equal(device(GOOD).cost(ARCHS[::-1]), found[::-1])
    assert len(calls(tmp_path)) == 3


def test_other_commands_options_and_hardware_are_kept_apart(device, tmp_path):
    first = device(GOOD)
    for other in (device(GOOD, "-v"), device(GOOD, batch=2), device(GOOD, hardware="board 2")):
        assert other.fingerprint != first.fingerprint
    assert device(GOOD, timeout=3.0, retries=9).fingerprint == first.fingerprint
    assert "on board 2" in device(GOOD, hardware="board 2").provenance
    assert "MEASURED LIVE" in first.provenance


def test_a_relative_program_is_another_one_in_another_folder(tmp_path, monkeypatch):
    cache = LatencyCache(tmp_path / "latencies.sqlite")
    boards = []
    for name, latency in (("b1", 1.5), ("b2", 7.5)):
        (tmp_path / name).mkdir()
        script = tmp_path / name / "bench.sh"
        script.write_text(f"#!/bin/sh\necho {latency}\n")
        script.chmod(0o755)
        monkeypatch.chdir(script.parent)
        for command in ("./bench.sh {onnx}", "sh bench.sh {onnx}"):
            boards.append((CommandLatency(SPACE, command, retries=0, cache=cache), latency))
    assert len({board.fingerprint for board, _ in boards}) == 4
    # each runs where it was made, which is not where we are now
    assert [board.cost(ARCHS[:1])[0] for board, _ in boards] == [latency for _, latency in boards]
    assert CommandLatency(SPACE, "./bench.sh {onnx}").fingerprint == boards[2][0].fingerprint
    assert CommandLatency(SPACE, "../b1/bench.sh {onnx}").fingerprint == boards[0][0].fingerprint
    later = CommandLatency(SPACE, "./later.sh {onnx}").fingerprint  # a program may be put there afterwards
    monkeypatch.chdir(tmp_path)
    assert CommandLatency(SPACE, "./later.sh {onnx}").fingerprint != later


# ---- what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "latency"),
    [
        ("12.5\n", 12.5),
        ("  3 ms \n", 3.0),
        ("warm-up 1\n7\n8.25\ndone\n", 8.25),
        ("latency_ms: 2.5\n99\n", 2.5),
        ("latency_ms: 2.5\nLatency_ms = 3.5 ms\n", 3.5),
        ("1e-3", 1e-3),
        (".5\r\n", 0.5),
    ],
)
def test_the_last_number_counts(output, latency):
    assert read_latency(output) == latency


@pytest.mark.parametrize("output", ["-3\n", "nan", "inf", "latency_ms: 0\n5\n", "1e999", "5\n-inf\n"])
def test_numbers_that_are_no_latency(output):
    assert "not a positive number" in read_latency(output)


@pytest.mark.parametrize(
    "output", ["", "took 5 ms\n", "5 us\n", "latency: 5", "1,5\n", "\x00\x01 12 \ufffd", "1 2\n", "0x10\n"]
)
def test_output_without_a_latency(output):
    assert "no line that is a number" in read_latency(output)


# ---- commands that fail ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("print('segmentation fault of the board')", "no line that is a number"),
        ("import sys; print(3.5); sys.exit(1)", "ended with exit code 1"),
        ("import sys; sys.exit('no space left on device')", "no space left on device"),
        ("print(-4.0)", "printed -4.0, not a positive number"),
        ("print('nan')", "printed nan"),
        ("print('inf')", "printed inf"),
        ("import sys, random; sys.stdout.buffer.write(random.Random(0).randbytes(100_000))", "no line that is a number"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", "ended with exit code -6"),
        ("", "the end of its output: nothing"),
    ],
)
def test_a_failing_command_is_one_sentence(device, script, reason):
    cost = device(script)
    with pytest.raises(DataError, match="gave no latency of network") as raised:
        cost.cost(ARCHS[:1])
    message = str(raised.value)
    assert reason in message
    assert repr(cost.command) in message
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 700


def test_a_command_that_hangs_is_killed_with_its_children(device, tmp_path):
    script = """
import subprocess, sys, time, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(__file__).with_name("child").write_text(str(child.pid))
print("begun", flush=True)
time.sleep(600)
"""
    start = time.monotonic()
    with pytest.raises(DataError, match=r"ran for longer than 5 seconds and was killed.*begun"):
        device(script, timeout=5.0).cost(ARCHS[:1])
    assert time.monotonic() - start < 60
    assert ends(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("code", [0, 1])
def test_children_that_hold_no_pipe_are_killed_however_it_ends(device, tmp_path, code):
    script = f"""
import subprocess, sys, pathlib
child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
pathlib.Path(__file__).with_name("child").write_text(str(child.pid))
print(2.5)
sys.exit({code})
"""
    start = time.monotonic()
    if code:
        with pytest.raises(DataError, match="ended with exit code 1"):
            device(script).cost(ARCHS[:1])
    else:
        assert device(script).cost(ARCHS[:1])[0] == 2.5
    assert ends(int((tmp_path / "child").read_text()))
    assert time.monotonic() - start < 60


def test_a_child_may_print_after_its_parent(device):
    script = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.2); print(4.5)"])
"""
    assert device(script).cost(ARCHS[:1])[0] == 4.5


def ends(pid: int) -> bool:
    """Whether a process is gone, or a zombie that nobody has collected, within a few seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_child_that_holds_the_pipe_does_not_hang_the_search(device, tmp_path):
    script = """
import subprocess, sys, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(__file__).with_name("child").write_text(str(child.pid))
print(2.5)
"""
    assert device(script).cost(ARCHS[:1])[0] == 2.5
    assert ends(int((tmp_path / "child").read_text()))


def test_endless_output_is_not_kept(device):
    with pytest.raises(DataError, match="ran for longer than"):
        device("while True: print('x' * 10_000)", timeout=3.0).cost(ARCHS[:1])


def test_it_is_tried_again(device, tmp_path):
    script = GOOD + "\nimport sys\nsys.exit(len(pathlib.Path(__file__).with_name('calls').read_text().splitlines()) % 3)\n"
    device(script, retries=2).cost(ARCHS[:1])
    assert len(calls(tmp_path)) == 3
    with pytest.raises(DataError, match="in 2 tries, the last of which ended with exit code 2"):
        device(script, retries=1).cost(ARCHS[1:2])


def test_a_failure_loses_nothing(device, tmp_path):
    script = GOOD + "\nif len(pathlib.Path(__file__).with_name('calls').read_text().splitlines()) == 3: sys.exit(1)\n"
    with pytest.raises(DataError, match="What was measured before is kept"):
        device(script).cost(ARCHS)
    assert len(calls(tmp_path)) == 3
    again = device(script)
    assert (again.cost(ARCHS) > 0).all()
    assert len(calls(tmp_path)) == 4


def test_a_program_that_is_not_there(tmp_path):
    cost = CommandLatency(SPACE, "no-such-program-here {onnx}", cache=LatencyCache(tmp_path / "latencies.sqlite"))
    with pytest.raises(DataError, match="cannot be run"):
        cost.cost(ARCHS[:1])


# ---- quoting -----------------------------------------------------------------------------------


def test_arguments_are_split_once_and_no_shell_reads_them(device, tmp_path):
    script = """
import pathlib, sys
pathlib.Path(__file__).with_name("arguments").write_text("\\n".join(sys.argv[1:]))
print(1)
"""
    before = ["a b", "$HOME", "; touch owned", "`id`", "--in={onnx}", "*"]
    device(script, *before).cost(ARCHS[:1])
    *given, path = (tmp_path / "arguments").read_text().splitlines()
    assert given == [argument.replace("{onnx}", path) for argument in before]
    assert path.endswith("network.onnx")
    assert not list(tmp_path.glob("owned"))


def test_a_folder_for_temporary_files_that_a_remote_shell_would_split(device, tmp_path, monkeypatch):
    odd = tmp_path / "a b; rm"
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    with pytest.raises(DataError, match="set TMPDIR"):
        device(GOOD).cost(ARCHS[:1])


@pytest.mark.parametrize("command", ["", "bench", "bench {onx}", "{onnx}", "'' {onnx}", "bench '{onnx}", 3, None])
def test_commands_that_are_refused(command):
    with pytest.raises(InvalidValue, match="command"):
        CommandLatency(SPACE, command)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": "60"},
        {"retries": -1},
        {"retries": 1.5},
        {"hardware": 3},
        {"batch": 0},
    ],
    ids=str,
)
def test_options_that_are_refused(options):
    with pytest.raises(InvalidValue, match=next(iter(options))):
        CommandLatency(SPACE, "bench {onnx}", **options)


# ---- as a keyword ------------------------------------------------------------------------------


def test_as_a_device_of_an_id(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    (tmp_path / "bench.py").write_text(GOOD)
    spec = {"command": shlex.join([sys.executable, str(tmp_path / "bench.py")]) + " {onnx}", "timeout": 30}
    problem = make_problem("nasgym/Digits-v0", device=spec)
    assert problem.cost_name == "latency_ms"
    assert problem.spec["device"] == spec
    low, high = sorted(problem.costs(SPACE.from_str(["skip,skip,skip,skip,skip", "k5e6,k5e6,k5e6,k5e6,k5e6"]))["latency_ms"])
    assert problem.scale.target == pytest.approx((0.9 * low + 1.1 * high) / 2)
    assert len(calls(tmp_path)) == 2
    with pytest.raises(UnknownName, match="Did you mean 'retries'"):
        make_problem("nasgym/Digits-v0", device={**spec, "retrys": 2})
