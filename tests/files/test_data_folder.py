from pathlib import Path

from nasgym.files.data_folder import data_folder


def test_the_variable_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "mine"))
    assert data_folder() == tmp_path / "mine"
    assert not data_folder().exists()
    monkeypatch.setenv("NASGYM_DATA", "~/mine")
    assert data_folder() == Path.home() / "mine"


def test_without_it_the_platform_says_where(monkeypatch):
    monkeypatch.delenv("NASGYM_DATA")
    assert data_folder().name == "nasgym"
    monkeypatch.setenv("NASGYM_DATA", "")
    assert data_folder().name == "nasgym"
