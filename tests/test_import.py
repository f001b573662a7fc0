"""What an import loads, and what works without the optional packages."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import nasgym

ROOT = Path(__file__).parents[1]
OPTIONAL = [
    *("torch", "stable_baselines3", "sb3_contrib", "pymoo", "moocore", "onnx", "onnxruntime", "nats_bench"),
    *("matplotlib", "jinja2", "scipy", "sklearn", "pandas", "optuna"),
]
# modules that are about an optional package; everything else must import without any
NEED = {
    "nasgym.networks.torch_modules": "torch",
    "nasgym.training.packed_blocks": "torch",
    "nasgym.training.packed_modules": "torch",
    "nasgym.tabulate.train": "torch",
    "nasgym.agents.common.pymoo_operators": "pymoo",
    "nasgym.agents.common.sb3_rollouts": "stable_baselines3",
    "nasgym.wrappers.sb3_vec_env": "stable_baselines3",
}
# arguments: modules to block, then a program
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCK:
            raise ImportError(f"{name} is blocked")
BLOCK = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Block())
exec(sys.argv[2])
"""


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_import_loads_no_optional_package_and_none_of_our_modules():
    loaded = python("-c", "import sys, nasgym; print(*sorted(sys.modules), sep='\\n')").split()
    assert not {name.partition(".")[0] for name in loaded} & set(OPTIONAL)
    ours = {name for name in loaded if name.startswith("nasgym")}
    assert ours == {"nasgym", "nasgym.registration", "nasgym.errors"}


def test_import_reads_no_data():
    watch = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import nasgym\n"
        "print(*opened, sep='\\n')"
    )
    opened = python("-c", watch).splitlines()
    assert opened
    assert not [name for name in opened if name.endswith((".npz", ".sqlite", ".csv"))]


def test_import_takes_no_time_of_its_own():
    """Measured after gymnasium in one process, so that a busy machine slows both."""
    watch = (
        "import time\n"
        "start = time.process_time()\n"
        "import gymnasium\n"
        "middle = time.process_time()\n"
        "import nasgym\n"
        "print(middle - start, time.process_time() - middle)"
    )
    theirs, ours = min((tuple(map(float, python("-c", watch).split())) for _ in range(3)), key=lambda pair: pair[1])
    assert ours < max(0.3, 0.5 * theirs)


def modules() -> list[str]:
    return [info.name for info in pkgutil.walk_packages(nasgym.__path__, "nasgym.") if not info.name.endswith("__main__")]


def test_every_module_imports_without_optional_packages():
    program = (
        "import importlib\n"
        f"for name in {modules()!r}:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ImportError as error:\n"
        "        print(name, '|', error)\n"
    )
    failed = dict(line.split(" | ") for line in python("-c", BLOCKED, ",".join(OPTIONAL), program).splitlines())
    assert {name: why for name, why in failed.items() if name not in NEED} == {}


def test_networks_need_no_other_optional_package():
    pytest.importorskip("torch")
    names = [name for name in NEED if not name.startswith("nasgym.agents")]
    python("-c", BLOCKED, "matplotlib,pymoo,onnx,onnxruntime,nats_bench,jinja2", f"import {', '.join(names)}")


def test_the_library_works_without_optional_packages(tmp_path):
    program = (
        "from tests.tiny import tiny_problem\n"
        "from nasgym.agents.random_search import RandomSearch\n"
        "print(len(RandomSearch(batch=4).search(tiny_problem(), budget=10, seed=0).history))\n"
    )
    assert python("-c", BLOCKED, ",".join(OPTIONAL), program).split() == ["10"]


def test_who_only_names_agents_waits_for_no_learning_library():
    """Torch alone takes seconds; a comparison whose searches have ended reads their results."""
    program = (
        "import sys\n"
        "from nasgym.agents import make_agent\n"
        "from nasgym.registry import AGENTS\n"
        "for name in AGENTS.builtin:\n"
        "    make_agent(name)\n"
        "print(*sys.modules)\n"
    )
    loaded = {name.partition(".")[0] for name in python("-c", program).split()}
    assert not loaded & {"torch", "stable_baselines3", "sb3_contrib", "pymoo", "scipy"}


def test_links_to_the_top_level_folders():
    from nasgym import agents, envs_data

    assert Path(agents.__file__).resolve() == ROOT / "agents" / "__init__.py" or os.environ.get("NASGYM_INSTALLED")
    assert Path(envs_data.__file__).resolve() == ROOT / "envs_data" / "__init__.py" or os.environ.get("NASGYM_INSTALLED")
    assert "agents" not in sys.modules
