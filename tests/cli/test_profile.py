"""``nasgym profile`` and ``nasgym data import device``, typed as a user would."""

import sys
from pathlib import Path

import pytest

from nasgym import cli
from nasgym.devices import read_device
from nasgym.surrogates.perceptron import predictor_path

QUICK = ("--check", "2", "--max-rounds", "2", "--tolerance", "9", "--accept-noise")


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    def run_here(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nasgym", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return run_here


def test_profile_writes_a_device_into_the_data_folder(call, tmp_path):
    code, out, err = call("profile", "nasgym/Digits-v0", "--name", "toy", *QUICK)
    assert code == 0, err
    assert "21 blocks: 2 random networks" in out
    assert "nasgym search nasgym/Digits-v0 --set device=toy" in out
    folder = tmp_path / "data" / "devices" / "digits"
    assert sorted(path.name for path in folder.iterdir()) == ["toy.csv", "toy.report.json", "toy.report.png"]
    assert read_device(folder / "toy.csv").threads == 1
    assert not (tmp_path / "data" / "profiles" / "digits-toy").exists()


def test_a_kit_goes_out_and_comes_back(call, tmp_path):
    code, out, _ = call("profile", "digits", "--kit", "board", "--check", "0")
    assert code == 0
    assert "nasgym data import device board" in out
    rows = "".join(f"{path.name},1.5\n" for path in sorted((tmp_path / "board" / "models").iterdir()))
    (tmp_path / "board" / "latencies.csv").write_text("model,latency_ms\n" + rows)
    code, out, err = call("data", "import", "device", "board")
    assert code == 0, err
    written = tmp_path / "data" / "devices" / "digits" / "board.csv"
    assert f"wrote {written}" in out
    assert read_device(written).runtime == "unknown"


def test_a_device_file_written_by_hand_is_imported_under_a_name(call, tmp_path):
    header = (
        "# nasgym-device-1\n# device: mine\n# space: digits\n# runtime: tvm\n# threads: 1\n# batch: 1\n# precision: float32\n"
    )
    (tmp_path / "mine.csv").write_text(header + "op,in_hw,latency_ms\nconv,8,0.5\n")
    code, _, err = call("data", "import", "device", "mine.csv", "--name", "board2")
    assert code == 0, err
    assert read_device(tmp_path / "data" / "devices" / "digits" / "board2.csv").name == "board2"


@pytest.fixture
def predictor_file(imported):
    imported("ofa")
    return predictor_path()


def test_a_device_written_by_hand_plays_once_for_all(predictor_file, call, tmp_path):
    """docs/device-file.md, step by step: a template, a column of measurements, a comparison."""
    (tmp_path / "data" / "predictors").mkdir(parents=True)
    for path in (predictor_file, predictor_file.with_name(predictor_file.name + ".sha256")):
        (tmp_path / "data" / "predictors" / path.name).write_bytes(path.read_bytes())
    code, out, err = call("profile", "ofa", "--template", "my-phone.csv")
    assert code == 0, err
    assert "nasgym data import device my-phone.csv" in out
    head, *rows = (tmp_path / "my-phone.csv").read_text().splitlines()[7:]
    columns = head.split(",")
    filled = []
    for row in rows:
        cells = dict(zip(columns, row.split(","), strict=True))
        cells["latency_ms"] = str(round(0.02 + 1e-6 * int(cells["in_ch"]) * int(cells["out_ch"]) * int(cells["in_hw"]), 4))
        filled.append(",".join(cells.values()))
    header = (
        "# nasgym-device-1\n# device: my-phone\n# space: ofa\n# runtime: tvm\n# threads: 4\n# batch: 1\n# precision: float32\n"
    )
    (tmp_path / "my-phone.csv").write_text(header + "\n".join([head, *filled]) + "\n")
    code, _, err = call("data", "import", "device", "my-phone.csv")
    assert code == 0, err
    play = ("--set", "device=my-phone", "--set", 'target={"fraction": 0.4, "of": "range"}', "--jobs", "1")
    code, out, err = call(
        "compare", "nasgym/OFA-v0", "--agents", "random,local-search", "--seeds", "2", "--budget", "60", *play
    )
    assert code == 0, err
    assert "local-search" in out


def test_a_device_of_a_space_that_is_none_is_refused(call, tmp_path):
    header = "# nasgym-device-1\n# device: mine\n# space: {}\n# runtime: tvm\n# threads: 1\n# batch: 1\n# precision: float32\n"
    for space, message in (("../../../escaped", "no name of a space"), ("digit", "Did you mean 'digits'")):
        (tmp_path / "mine.csv").write_text(header.format(space) + "op,in_hw,latency_ms\nconv,8,0.5\n")
        code, _, err = call("data", "import", "device", "mine.csv")
        assert (code, err.count("\n")) == (2, 1)
        assert message in err
    assert not (tmp_path / "data" / "devices").exists()


def test_a_template_leaves_a_file_alone_and_keeps_the_options(call, tmp_path):
    call("profile", "digits", "--template", "board.csv", "--batch", "8", "--precision", "int8", "--threads", "4")
    text = (tmp_path / "board.csv").read_text()
    assert "# batch: 8\n# precision: int8\n" in text
    assert "# threads: 4\n" in text
    code, _, err = call("profile", "digits", "--template", "board.csv")
    assert code == 2
    assert "is there already" in err
    assert (tmp_path / "board.csv").read_text() == text


def test_an_unfilled_template_is_refused(call):
    call("profile", "digits", "--template", "board.csv")
    code, _, err = call("data", "import", "device", "board.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "column 'latency_ms': '' is no number" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("profile", "digit"), "Did you mean 'digits'"),
        (("profile", "mnasnet"), "device='live'"),
        (("profile", "nats-tss"), "are made of cells"),
        (("profile", "nas-rl"), "spaces with networks are digits"),
        (("profile", "digits", "--precision", "int9"), "Did you mean 'int8'"),
        (("profile", "digits", "--provider", "CUDA", *QUICK), "has no provider 'CUDA'; it has"),
        (("profile", "digits", "--name", "My Board", *QUICK), "lower-case letters"),
        (("profile", "digits", "--tolerance", "-1"), "positive"),
        (("data", "import", "device", "nowhere"), "not readable"),
        (("profile", "digits", "--kit", "board", "--threads", "4"), "its measure.py there"),
        (("profile", "digits", "--template", "My Phone.csv"), "Give --name"),
        (("profile", "digits", "--provider", "AzureExecutionProvider", *QUICK), "elsewhere"),
        (("data", "import", "device", "."), "nasgym profile SPACE --kit DIR"),
    ],
)
def test_mistakes_are_one_sentence(call, arguments, message):
    code, _, err = call(*arguments)
    assert (code, err.count("\n")) == (2, 1), err
    assert message in err


def test_a_kit_that_was_not_measured(call):
    call("profile", "digits", "--kit", "board", "--check", "0")
    code, _, err = call("data", "import", "device", "board")
    assert code == 2
    assert "python measure.py" in err


def test_latencies_of_a_whole_table(call, tmp_path):
    """The column is measured for every network of the table; equal networks have one latency."""
    import shutil

    import numpy as np

    from nasgym.measuring.measure import Options, Timing
    from nasgym.spaces.digits import DigitsSpace
    from nasgym.tables.table_file import read_table
    from nasgym.tabulate import latency as table_latency

    shipped = Path(cli.__file__).parents[1] / "envs_data" / "tables"
    for name in ("digits.npz", "digits.npz.sha256"):
        shutil.copyfile(shipped / name, tmp_path / name)
    seen = []

    def fake(models, options, log, progress):
        seen.append(len(models))
        log.touch()
        return {name: Timing(1.0 + i, 0.0, 2.0, 0.0, 9, False) for i, name in enumerate(models)}

    space = DigitsSpace()
    before = read_table(tmp_path / "digits.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_latency, "measured", fake)
        written = table_latency.add_latency(space, tmp_path / "digits.npz", Options(), log=tmp_path / "log", accept_noise=True)
    after = read_table(written)
    assert seen == [2625]
    canonical = space.canonical(space.enumerate())
    _, places = np.unique(canonical, axis=0, return_inverse=True)
    assert after.costs["*", "latency_ms"].tolist() == (1.0 + places.reshape(-1)).tolist()
    for key, values in before.accuracy.items():
        np.testing.assert_array_equal(after.accuracy[key], values)
    assert after.card["latency"]["command"] == "nasgym tabulate digits --latency"
