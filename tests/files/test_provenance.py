import hashlib
from datetime import date

from nasgym.files.provenance import describe_source, machine, provenance, sha256_of


def test_a_file_is_described_by_name_hash_and_day(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"rows")
    digest = hashlib.sha256(b"rows").hexdigest()
    assert sha256_of(path) == digest
    assert describe_source(path) == {
        "source": {"file": "table.csv", "sha256": digest},
        "imported": date.today().isoformat(),
    }


def test_a_folder_is_described_by_the_files_that_were_read_in_their_order(tmp_path):
    files = [tmp_path / "b", tmp_path / "a"]
    for path in files:
        path.write_text(path.name)
    lines = "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in "ba")
    source = describe_source(tmp_path, files)["source"]
    assert source == {"file": tmp_path.name, "files": 2, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    assert describe_source(tmp_path, files[::-1])["source"] != source


def test_versions_of_packages_that_are_there_and_that_are_not():
    found = provenance("numpy", "no-such-package-9")
    assert list(found["versions"]) == ["python", "nasgym", "numpy", "no-such-package-9"]
    assert found["versions"]["no-such-package-9"] == "not installed"
    assert found["machine"] == machine()
