"""A space of rows of MBConv blocks is a class and a line in three lists.

Everything else finds it by itself.
"""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.cli.architectures import space_named
from nasgym.devices.layout import block_layout
from nasgym.drawing.draw import draw_svg
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.export.json_text import plan_from_json, plan_json
from nasgym.networks.count import count_macs
from nasgym.networks.mobile_blocks import Row
from nasgym.networks.mobile_plans import SKELETONS, Skeleton
from nasgym.networks.space_plans import plan_of, planned_spaces
from nasgym.oracles.cost.counted import MEASURES
from nasgym.problems.factory import make_problem
from nasgym.profiling.parts import parts_of
from nasgym.registration import IDS, OF_SPACE, Benchmark, live_id, mo_id, register_envs
from nasgym.registry import SPACES
from nasgym.spaces.mobile_blocks import BlockLayer, BlockSpace

ROWS = "nasgym/Rows-v0"


class RowsSpace(BlockSpace):
    """Kernel and expansion of three blocks, the second of which can be left out."""

    def __init__(self) -> None:
        names = ("layer1", "layer2", "layer3")
        super().__init__("rows", [BlockLayer(name, (3, 5), (3, 6), skippable=name == "layer2") for name in names])


@pytest.fixture
def rows(monkeypatch, tmp_path):
    """The three lists: names of spaces, skeletons, ids."""
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    monkeypatch.setitem(SPACES.builtin, "rows", f"{__name__}:RowsSpace")
    skeleton = Skeleton(32, Row(3, 1, 16), (24, 24, 40), (2, 1, 2), ("relu6",) * 3)
    monkeypatch.setitem(SKELETONS, RowsSpace, skeleton)
    known = Benchmark(
        "rows", "three blocks", any_table=True, loader=OF_SPACE, networks=True, accuracies=("training", "table", "surrogate")
    )
    monkeypatch.setitem(IDS, ROWS, known)
    register_envs()
    yield SPACES.load("rows")()
    for env_id in (ROWS, mo_id(ROWS), live_id(ROWS)):
        del gymnasium.registry[env_id]


def test_its_networks_are_built_counted_drawn_and_exported(rows):
    assert "rows" in [space.name for space in planned_spaces()]
    assert space_named(ROWS).fingerprint == space_named("rows").fingerprint == rows.fingerprint
    for arch in rows.sample(np.random.default_rng(0), 5):
        plan = plan_of(rows, arch)
        problem = make_problem(ROWS, extra_costs=[name for name in MEASURES if name != "macs"])
        assert problem.costs(arch[None])["macs"][0] == count_macs(plan)
        assert draw_svg(rows, arch).startswith("<svg")
        assert plan_from_json(plan_json(plan, space="rows")) == plan


def test_its_blocks_can_be_measured(rows):
    assert len(list(block_layout(rows))) == len(parts_of(rows)) > 10


def test_it_is_played_and_searched(rows):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    env = gymnasium.make(ROWS, disable_env_checker=True)
    _, info = env.reset(seed=0)
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(np.flatnonzero(info["action_mask"])[0])
    assert 0.1 < reward == info["accuracy"] < 1
    assert gymnasium.spec(ROWS).nondeterministic
    envs = NASVectorEnv(ROWS, 4, mask="feasible", target={"fraction": 0.3, "of": "range"})
    assert envs.reset(seed=0)[1]["action_mask"].any(axis=1).all()
    found = make_agent("random").search(make_problem(ROWS), budget=2, seed=0)
    assert len(found.history) == 2
