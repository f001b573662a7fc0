"""Environments about other qualities than accuracies."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from tests import mixed

KEYWORDS = {"table": "mixed", "cost": "latency_ms@phone", "extra_costs": ["throughput"]}
RULES = [{"reward": "accuracy", "target": None}, {"reward": "constrained", "target": 12.0}]


@pytest.fixture(autouse=True)
def imported_table(own_data_folder, tmp_path):
    mixed.import_mixed(tmp_path / "files")


def play(env, arch, **options):
    env.reset(**options)
    for choice in arch:
        _, reward, _, _, info = env.step(int(choice))
    return reward, info


@pytest.mark.filterwarnings("ignore:.*render modes.*", "ignore:.*non-deterministic.*")
@pytest.mark.parametrize("dataset", ["wiki", "rooms", "c100"])
@pytest.mark.parametrize("rule", RULES)
def test_both_checkers_pass(dataset, rule):
    env = gymnasium.make("nasgym/Table-v0", dataset=dataset, **KEYWORDS, **rule)
    check_env(env.unwrapped, skip_render_check=True)
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    sb3.check_env(gymnasium.make("nasgym/Table-v0", dataset=dataset, **KEYWORDS, **rule))


@pytest.mark.parametrize(("dataset", "name", "column"), [("wiki", "perplexity", "ppl"), ("rooms", "negative_loss", "loss")])
def test_infos_and_frames_name_the_quality(dataset, name, column):
    keywords = {"objectives": [name, "accuracy"], "render_mode": "ansi"}
    env = gymnasium.make("nasgym/Table-v0", dataset=dataset, **KEYWORDS, **keywords).unwrapped
    values, best = mixed.column(column), env.problem.optimum().reward
    for row, arch in enumerate(env.problem.space.enumerate()):
        reward, info = play(env, arch)
        assert info[name] == pytest.approx(values[row])
        assert info["accuracy"] == pytest.approx(mixed.column("acc")[row] / 100)
        assert info["regret"] == pytest.approx(best - reward)
        assert info["regret"] == pytest.approx(
            abs(values[row] - (values.min() if name == "perplexity" else values.max())), abs=1e-5
        )
    frame = env.render()
    shown = f"perplexity {values[row]:.2f}" if name == "perplexity" else f"negative_loss {values[row]:.3f} nats"
    assert shown in frame
    assert f"accuracy {mixed.column('acc')[row]:.2f}%" in frame


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dataset", ["wiki", "rooms"])
def test_one_and_many_environments_agree(dataset, rule):
    one = gymnasium.make("nasgym/Table-v0", dataset=dataset, **KEYWORDS, **rule).unwrapped
    many = gymnasium.make_vec(
        "nasgym/Table-v0", num_envs=18, vectorization_mode="vector_entry_point", dataset=dataset, **KEYWORDS, **rule
    )
    many.reset(seed=0)
    archs = one.problem.space.enumerate()
    for step in range(3):
        _, rewards, ended, _, infos = many.step(archs[:, step].astype(np.int64))
    assert ended.all()
    for row, arch in enumerate(archs):
        reward, info = play(one, arch)
        assert reward == rewards[row]
        assert all(info[name] == infos[name][row] for name in (one.problem.quality.name, "feasible", "regret"))
    many.close()


def test_shaping_by_cost_hopes_for_the_least_perplexity():
    plain, shaped = (
        gymnasium.make("nasgym/Table-v0", reward="constrained", target=12.0, shaping=shaping, **KEYWORDS).unwrapped
        for shaping in (None, "potential")
    )
    for arch in plain.problem.space.enumerate():
        wanted, _ = play(plain, arch)
        shaped.reset()
        total = sum(shaped.step(int(choice))[1] for choice in arch)
        # what is hoped for at the start: the best perplexity of the range at the least cost
        assert total == pytest.approx(wanted + 22)
