"""The names of nasgym.wrappers, with and without Stable-Baselines3."""

import subprocess
import sys

import pytest

from nasgym import wrappers
from nasgym.errors import MissingPackage


def test_importing_loads_neither_torch_nor_stable_baselines3():
    code = "import sys, nasgym.wrappers; print([m for m in ('torch', 'stable_baselines3') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_every_name_is_there():
    for name in wrappers.__all__:
        assert getattr(wrappers, name).__name__ == name
    with pytest.raises(AttributeError, match="it has MaskInObservation, SB3VecEnv"):
        wrappers.SB3VecEnvs  # noqa: B018


@pytest.mark.parametrize("package", ["stable_baselines3", "torch"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch, package):
    monkeypatch.delitem(sys.modules, "nasgym.wrappers.sb3_vec_env", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("stable_baselines3", package)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # importing it raises ModuleNotFoundError
    with pytest.raises(MissingPackage, match=rf"SB3VecEnv needs the package '{package}'.*pip install 'nasgym\[agents\]'"):
        wrappers.SB3VecEnv  # noqa: B018
