"""Each client is tested where it is installed, and must be there in its own environment."""

import os
from importlib.util import find_spec

import pytest

# test module -> client (the name of its environment) and the package that it needs
NEEDS = {
    "test_mo_gymnasium": ("mo-gymnasium", "mo_gymnasium"),
    "test_rllib": ("rllib", "ray"),
    "test_tianshou": ("tianshou", "tianshou"),
    "test_torchrl": ("torchrl", "torchrl"),
}


class WithoutClient(pytest.Module):
    """A module whose client is not installed here."""

    def collect(self):
        pytest.skip(f"{NEEDS[self.path.stem][1]} is not installed here; `make test-clients` runs {self.path.name}")


def pytest_pycollect_makemodule(module_path, parent):
    client, package = NEEDS.get(module_path.stem, (None, None))
    # `make test-clients` names the client of its environment: there the import of the module fails
    # by itself
    if package is None or os.environ.get("NASGYM_CLIENT") == client or find_spec(package) is not None:
        return None
    return WithoutClient.from_parent(parent, path=module_path)
