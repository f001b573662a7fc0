"""What `nasgym data import ofa` recognises by itself."""

import numpy as np
import pytest
from typer.testing import CliRunner

from nasgym.cli.data import data_app
from nasgym.devices.device_folder import device_names, device_path
from nasgym.errors import DataError
from nasgym.importers.ofa import import_ofa
from nasgym.problems.sources.space import is_playable
from nasgym.registration import IDS
from nasgym.surrogates.perceptron import predictor_path
from tests.importers.ofa_arrays import arrays


def test_a_folder_and_a_file(shared, own_data_folder):
    assert import_ofa(shared / "raw" / "ofa_note10") == [device_path("ofa", "note10")]
    assert not is_playable(IDS["nasgym/OFA-v0"])
    assert import_ofa(shared / "tables" / "ofa_mbv3_accuracy_predictor.npz") == [predictor_path()]
    assert is_playable(IDS["nasgym/OFA-v0"])
    import_ofa(shared / "raw" / "ofa_note10", "other")
    assert device_names("ofa")[:2] == ["note10", "other"]


def test_the_published_folder_has_both(shared, tmp_path):
    torch = pytest.importorskip("torch")
    folder = tmp_path / "ofa"
    (folder / "note10").mkdir(parents=True)
    for file in (shared / "raw" / "ofa_note10").iterdir():
        (folder / "note10" / file.name).write_bytes(file.read_bytes())
    torch.save(
        {key.replace("_", "."): torch.from_numpy(values) for key, values in arrays().items()}, folder / "acc_predictor.pth"
    )
    assert import_ofa(folder) == [device_path("ofa", "note10"), predictor_path()]


def test_nothing_of_that_kind(tmp_path):
    with pytest.raises(DataError, match="is neither the predictor"):
        import_ofa(tmp_path)
    with pytest.raises(DataError, match="is neither the predictor"):
        import_ofa(tmp_path / "absent")


def test_commands(shared, tmp_path):
    np.savez(tmp_path / "weights.npz", **arrays())
    commands = {
        ("ofa", str(tmp_path / "weights.npz")): predictor_path(),
        ("ofa", str(shared / "raw" / "ofa_note10"), "--device", "mine"): device_path("ofa", "mine"),
        ("proxylessnas", str(shared / "raw" / "proxylessnas" / "mobile_trim.yaml")): device_path("proxylessnas", "pixel1"),
        ("tunas", str(shared / "devices" / "tunas_pixel1_proxylessnas_costmodel.csv")): device_path("tunas", "pixel1"),
    }
    for command, path in commands.items():
        result = CliRunner().invoke(data_app, ["import", *command])
        assert result.exit_code == 0, result.output
        assert path.is_file()
        assert f"wrote {path}" in result.output.replace("\n", "")
