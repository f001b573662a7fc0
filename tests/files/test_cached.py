import os

import pytest

from nasgym.files.cached import cached_by_mtime


@pytest.fixture
def reader():
    """A reader that keeps two files, and the names that it has read."""
    read = []

    @cached_by_mtime(maxsize=2)
    def text(path):
        read.append(path.name)
        return [path.read_text()]

    return text, read


def test_a_file_is_read_once_until_it_changes(reader, tmp_path):
    text, read = reader
    path = tmp_path / "a"
    path.write_text("one")
    os.utime(path, ns=(0, 5))
    assert text(path) is text(path)
    # the same size, a nanosecond later; then the same time, another size
    path.write_text("two")
    os.utime(path, ns=(0, 6))
    assert text(path) == ["two"]
    path.write_text("three")
    os.utime(path, ns=(0, 6))
    assert text(path) == ["three"]
    assert read == ["a"] * 3


def test_so_many_files_are_kept(reader, tmp_path):
    text, read = reader
    for name in "abc":
        (tmp_path / name).write_text(name)
    assert [text(tmp_path / name) for name in "abab"] == [["a"], ["b"], ["a"], ["b"]]
    assert read == ["a", "b"]
    # a third one: the first of the two that were kept goes
    text(tmp_path / "c")
    text(tmp_path / "b")
    text(tmp_path / "a")
    assert read == ["a", "b", "c", "a"]


def test_errors_are_not_kept(reader, tmp_path):
    text, read = reader
    path = tmp_path / "a"
    path.write_bytes(b"\xff")
    os.utime(path, ns=(0, 5))
    for _ in range(2):
        with pytest.raises(UnicodeDecodeError):
            text(path)
    assert read == ["a", "a"]
    path.unlink()
    with pytest.raises(FileNotFoundError):
        text(path)
