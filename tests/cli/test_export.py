"""``nasgym export`` as it is typed."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from nasgym import cli
from nasgym.networks.named import named_plan
from nasgym.networks.scale import Scale
from nasgym.networks.weights import random_weights, weight_shapes
from tests.export.written import imported, onnx_output

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

SMALL = ("--input-size", "32", "--classes", "10", "--width", "0.25")
DIGITS = "k3e3,skip,k5e6,skip,k3e3"


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """``call("export", ...)``: exit code, stdout and stderr of the command.

    It runs in this process and in an empty folder.
    """

    def run_here(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nasgym", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return run_here


def test_a_published_network_as_source(call, tmp_path):
    code, out, err = call("export", "mnasnet-small", "--to", "pytorch", "--out", "small.py", *SMALL)
    assert (code, err) == (0, "")
    assert out == "wrote small.py\nimages are (batch, 3, 32, 32), outputs (batch, 10)\n"
    network = imported(tmp_path / "small.py").MnasNetSmallScaled()
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_an_architecture_whose_space_is_guessed(call, tmp_path):
    code, out, _ = call("export", DIGITS, "--to", "json", "--out", "d.json")
    assert code == 0
    assert "images are (batch, 1, 8, 8), outputs (batch, 10)" in out
    values = json.loads((tmp_path / "d.json").read_text())
    assert (values["space"], values["architecture"]) == ("digits", DIGITS)


def test_an_architecture_by_environment_id(call):
    code, _, err = call("export", DIGITS, "--space", "nasgym/Digits-v0", "--to", "pytorch", "--out", "d.py")
    assert (code, err) == (0, "")


def test_seeds_and_weights(call, tmp_path):
    images = np.ones((2, 3, 32, 32), np.float32)
    plan = named_plan("mnasnet-small", Scale((3, 32, 32), 10, 0.25))
    np.savez("w.npz", **random_weights(weight_shapes(plan), np.random.default_rng(7)))
    common = ("export", "mnasnet-small", *SMALL, "--to")
    code, out, _ = call(*common, "onnx", "--out", "seed.onnx", "--seed", "7")
    assert (code, "random (seed 7)" in out) == (0, True)
    code, out, _ = call(*common, "onnx", "--out", "file.onnx", "--weights", "w.npz")
    assert (code, "random" in out) == (0, False)
    assert (tmp_path / "seed.onnx").read_bytes() == (tmp_path / "file.onnx").read_bytes()
    code, out, _ = call(*common, "onnx", "--out", "default.onnx")
    assert (code, "random (seed 0)" in out) == (0, True)
    code, out, _ = call(*common, "pytorch", "--out", "net.py", "--weights", "w.npz")
    assert (code, out.splitlines()[:2]) == (0, ["wrote net.py", "wrote net.pt"])
    network = imported(tmp_path / "net.py").load().eval()
    found = network(torch.from_numpy(images)).detach().numpy()
    assert np.abs(found - onnx_output(tmp_path / "file.onnx", images)).max() < 1e-5
    # what is written beside the source is read again, also for another format
    code, out, _ = call(*common, "onnx", "--out", "net.onnx", "--weights", "net.pt")
    assert (code, (tmp_path / "net.onnx").read_bytes()) == (0, (tmp_path / "file.onnx").read_bytes())


def test_torchscript_is_explained(call, recwarn):
    code, out, err = call("export", DIGITS, "--to", "torchscript", "--out", "d.ts")
    assert (code, err) == (0, "")
    assert "PyTorch calls TorchScript deprecated" in out
    assert not recwarn.list


def test_resolutions_of_ofa_are_shares_of_the_image(call):
    arch = "r160," + ",".join(["k3e3-k3e3"] * 5)
    code, out, _ = call("export", arch, "--to", "json", "--out", "o.json")
    assert (code, "(batch, 3, 160, 160)" in out) == (0, True)
    code, out, _ = call("export", arch, "--to", "json", "--out", "o.json", "--input-size", "112")
    assert (code, "(batch, 3, 80, 80)" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mnasnet-a1", "--to", "onxx", "--out", "x.onnx"), "Did you mean 'onnx'"),
        (("mnasnet-a7", "--to", "onnx", "--out", "x.onnx"), "no space reads 'mnasnet-a7'"),
        (("mnasnet-a7", "--to", "onnx"), "Did you mean 'mnasnet-a1'?"),
        (("mnasnet-a1", "--to", "onnx", "--space", "ofa"), "needs no --space: leave it out"),
        (("mnasnet-a1", "--to", "onnx", "--space", "oofa"), "Did you mean 'ofa'"),
        (("mnasnet-a1", "--to", "pytroch"), "Did you mean 'pytorch'"),
        (("mnasnet-a1", "--to", "onnx", "--width", "nan"), "at most 16, got nan"),
        (("mnasnet-a1", "--to", "onnx", "--width", "inf"), "at most 16, got inf"),
        (("mnasnet-a1", "--to", "onnx", "--width", "1e9"), "at most 16, got 1000000000.0"),
        (("mnasnet-a1", "--to", "onnx", "--classes", "1000000000"), "at most 100,000 classes, got 1,000,000,000"),
        (("mnasnet-a1", "--to", "onnx", "--input-size", "1000000000"), "pixels in a row"),
        (("mnasnet-a1", "--to", "onnx", "--width", "16"), "an ONNX file has room for"),
        (("mnasnet-a1", "--to", "onnx", "--out", "."), "is a folder; name a file"),
        (("mnasnet-a1", "--to", "onnx", "--weights", "bad.npz", "--out", ".."), ".. is a folder; name a file"),
        (("mnasnet-a1", "--to", "onnx", "--out", "no/x.onnx"), "there is no folder no"),
        (("mnasnet-a1", "--to", "pytorch", "--out", "x.pt"), "ends with .py"),
        (("mnasnet-a1", "--to", "json", "--out", "x.json", "--seed", "1"), "without its weights"),
        (("mnasnet-a1", "--to", "onnx", "--out", "x.onnx", "--width", "0"), "positive"),
        (("mnasnet-a1", "--to", "onnx", "--out", "x.onnx", "--seed", "1", "--weights", "w.npz"), "--weights or --seed"),
        (("mnasnet-a1", "--to", "onnx", "--out", "x.onnx", "--weights", "no.npz"), "no.npz cannot be read"),
        (("mnasnet-a1", "--to", "onnx", "--out", "x.onnx", "--weights", "w.h5"), "read from .npz"),
        (("mnasnet-a1", "--to", "onnx", "--out", "x.onnx", "--weights", "bad.npz"), "lack 'blocks.0.conv.weight'"),
        (("mnasnet-a1", "--to", "pytorch", "--out", "x.py", "--weights", "x.pt"), "would be replaced"),
        ((DIGITS, "--to", "onnx", "--out", "x.onnx", "--width", "0.5"), "--width are for mobile networks"),
        ((DIGITS, "--to", "onnx", "--out", "x.onnx", "--space", "digit"), "Did you mean 'digits'"),
        (("8:8:8:8", "--to", "onnx", "--out", "x.onnx", "--space", "nats-sss"), "has 4 layers"),
        (
            (",".join(["3x3x24"] * 6), "--to", "onnx", "--out", "x.onnx"),
            "networks of space 'nas-rl' are not described block by block; spaces with networks are digits",
        ),
    ],
)
def test_mistakes_are_one_line_and_code_2(call, tmp_path, arguments, words):
    np.savez("bad.npz", a=np.ones(1))
    code, out, err = call("export", *arguments)
    assert code == 2
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err + out
    assert [path.name for path in tmp_path.iterdir()] == ["bad.npz"]


def test_files_that_are_not_named(call, tmp_path):
    code, out, err = call("export", "mnasnet-a1", "--to", "pytorch")
    assert (code, err, out.splitlines()[0]) == (0, "", "wrote mnasnet_a1.py")
    text = (tmp_path / "mnasnet_a1.py").read_text()
    code, _, err = call("export", "mnasnet-a1", "--to", "pytorch", "--classes", "10")
    assert (code, "mnasnet_a1.py is there already; name the file to write with --out" in err) == (2, True)
    assert (tmp_path / "mnasnet_a1.py").read_text() == text
    for kind, name in (("pytorch", "digits_network.py"), ("json", "digits_network.json")):
        assert call("export", DIGITS, "--to", kind)[0] == 0
        assert (tmp_path / name).is_file()
    # the weights beside the source are as costly as the source
    (tmp_path / "mnasnet_small.pt").write_bytes(b"trained for a week")
    code, _, err = call("export", "mnasnet-small", "--to", "pytorch", "--seed", "1")
    assert (code, "mnasnet_small.pt is there already" in err) == (2, True)
    assert not (tmp_path / "mnasnet_small.py").exists()
    assert call("export", "mnasnet-small", "--to", "pytorch")[0] == 0
    assert (tmp_path / "mnasnet_small.pt").read_bytes() == b"trained for a week"
    for kind in ("onnx", "torchscript"):
        code, out, _ = call("export", "mnasnet-small", "--to", kind, *SMALL)
        assert (code, out.partition("\n")[0]) == (0, f"wrote mnasnet_small.{'ts' if kind == 'torchscript' else kind}")


def test_a_scaled_network_says_so(call, tmp_path):
    call("export", "mnasnet-a1", "--to", "pytorch", "--out", "a1.py", *SMALL)
    text = (tmp_path / "a1.py").read_text()
    assert text.startswith(
        '"""mnasnet-a1, but not at its published scale, written by nasgym.\n\nScale: width 0.25, input size 32, 10 '
    )
    assert "class MnasNetA1Scaled(nn.Module)" in text
    call("export", "mnasnet-a1", "--to", "json", "--out", "a1.json", *SMALL)
    scale = json.loads((tmp_path / "a1.json").read_text())["scale"]
    assert scale == {"input_shape": [3, 32, 32], "num_classes": 10, "width": 0.25, "divisor": 8, "reduction": 32}
    call("export", "mnasnet-a1", "--to", "json", "--out", "whole.json")
    assert json.loads((tmp_path / "whole.json").read_text())["scale"] is None
    arch = "r160," + ",".join(["k3e3-k3e3"] * 5)
    call("export", arch, "--to", "pytorch", "--width", "0.5", "--out", "o.py")
    assert "\nScale: width 0.5, input size 224, 1,000 classes;\n" in (tmp_path / "o.py").read_text()


def test_damaged_weights_are_no_missing_files(call, tmp_path):
    np.savez_compressed("w.npz", a=np.arange(1000, dtype=np.float32))
    whole = bytearray((tmp_path / "w.npz").read_bytes())
    whole[60:200] = bytes(140)
    (tmp_path / "w.npz").write_bytes(whole)
    code, _, err = call("export", "mnasnet-small", "--to", "onnx", "--weights", "w.npz")
    assert (code, err.count("\n"), "w.npz is not a file of arrays as numpy.savez writes it" in err) == (2, 1, True)
    code, _, err = call("export", "mnasnet-small", "--to", "onnx", "--weights", "nowhere.npz")
    assert (code, "nowhere.npz cannot be read" in err) == (2, True)


def test_help(call):
    code, out, _ = call("export", "--help")
    assert (code, "Usage" in out, "ONNX" in out) == (0, True, True)
