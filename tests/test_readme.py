"""The README's code runs as it is written."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_code_of_the_readme_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "k" in printed
    assert len(printed.splitlines()) == 2


def test_every_link_of_the_readme_exists():
    links = [link for link in re.findall(r"\]\(([^)#]+)", README.read_text()) if "://" not in link]
    assert links
    for link in links:
        assert (README.parent / link).exists(), link
