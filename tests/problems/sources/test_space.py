"""The environments of the mobile spaces.

Real trainings, accuracies of tables and surrogates, devices, and what is refused.
"""

from __future__ import annotations

import json
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import nasgym
from nasgym.agents import make_agent
from nasgym.devices import write_device
from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device, Latency
from nasgym.devices.device_folder import device_path
from nasgym.devices.layout import block_layout
from nasgym.envs.vector_env import NASVectorEnv
from nasgym.errors import DataError, InvalidValue, MissingData, NasgymError
from nasgym.networks.count import count_macs
from nasgym.networks.space_plans import plan_of
from nasgym.oracles.accuracy.training import TrainingOracle
from nasgym.registration import IDS, mo_id
from nasgym.registry import SPACES
from nasgym.surrogates import fit as fitting
from nasgym.surrogates.surrogate import surrogate_path, write_surrogate
from nasgym.tables.table_file import Table, write_table
from nasgym.tables.table_folder import table_path
from nasgym.training.image_data import images_path, write_image_data
from tests.envs import play_objectives
from tests.envs.play import MODES, OBSERVATIONS, play_evaluator
from tests.sampled import quicken
from tests.training.quadrants import quadrants

pytest.importorskip("torch")
pytest.importorskip("sklearn")

# thirty networks of 10^15 and more: nearly all others lie outside of them
EXTRAPOLATES = pytest.mark.filterwarnings("ignore::nasgym.errors.OutsideSampleWarning")
MOBILE = [env_id for env_id, known in IDS.items() if known.trains]
PLAYED = {"accuracy": "surrogate", "table": "mine"}
HALF = {"fraction": 0.5, "of": "range"}
RANGE = [{"fraction": 0.2, "of": "range"}, {"fraction": 0.9, "of": "range"}]
OPTIONS = [
    {},
    {"mask": "feasible", "target": {"fraction": 0.2, "of": "range"}, "reward": "accuracy"},
    {"granularity": "layer", "target": RANGE, "mask": "feasible", "reward": "mnasnet-soft"},
    {"shaping": "potential", "reward": "absolute", "cost": "params"},
]


def space_of(env_id):
    return SPACES.load(IDS[env_id].table)()


def sample_table(space, rows=30):
    """Accuracies that depend on the choices, for a sample of a space.

    The table describes the space under another name.
    """
    archs = np.unique(space.canonical(space.sample(np.random.default_rng(0), rows)), axis=0)
    values = (0.3 + 0.4 * (archs / space.num_choices).mean(axis=1)).astype(np.float32)[:, None]
    decisions = []
    for decision in space.decisions:
        entry = {"name": decision.name, "role": decision.role, "choices": list(decision.choices)}
        if decision.active_if is not None:
            entry["active_if"] = [decision.active_if[0], list(decision.active_if[1])]
        decisions.append(entry)
    card = {
        "name": "mine",
        "space": {"name": "mine", "decisions": decisions, "layers": [[la.name, len(la.columns)] for la in space.layers]},
        "datasets": ["toy"],
        "search_fidelity": 1,
        "report_fidelity": 1,
        "search_metric": "validation",
        "canonical": False,
        "sampled": True,
    }
    accuracy = {("toy", 1, split): values for split in ("validation", "test")}
    return Table(card, accuracy, {}, {}, archs)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def own(folder, monkeypatch):
    """Puts a space's sampled table into an empty data folder, with its surrogate on request."""
    quicken(monkeypatch)

    def put(env_id, *, fit=True):
        table = sample_table(space_of(env_id))
        write_table(table, table_path("mine"))
        if fit:
            write_surrogate(fitting.fit_table(table, folds=2), surrogate_path("mine"))
        return table

    return put


# ---- trained on the spot -----------------------------------------------------------------------


@pytest.mark.parametrize("env_id", MOBILE)
def test_the_defaults_train_and_count_at_full_size(folder, env_id):
    env = gymnasium.make(env_id, disable_env_checker=True).unwrapped
    problem, oracle = env.problem, env.problem.accuracy
    assert isinstance(oracle, TrainingOracle)
    assert (problem.rule.name, problem.cost_name, oracle.search_fidelity) == ("constrained", "macs", 1)
    assert gymnasium.spec(env_id).nondeterministic
    arch = problem.space.sample(np.random.default_rng(0), 1)
    assert problem.costs(arch)["macs"][0] == count_macs(plan_of(problem.space, arch[0]))  # 224 x 224, whole width
    assert oracle.plan_of(arch[0]).input_shape == (1, 8, 8)
    assert not problem.has_exact_answers
    rebuilt = nasgym.make_problem(**json.loads(json.dumps(problem.spec)))
    assert rebuilt.fingerprint == problem.fingerprint


@pytest.mark.parametrize("env_id", MOBILE)
def test_an_episode_ends_with_a_training(folder, env_id):
    """The cheapest choices of every decision, for the sake of time."""
    env = gymnasium.make(env_id, seed=3, disable_env_checker=True)
    _, info = env.reset(seed=0)
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(np.flatnonzero(info["action_mask"])[0])
    assert info["feasible"]
    assert 0.02 < info["accuracy"] < 1
    assert reward == info["accuracy"]
    assert "regret" not in info
    if env_id == "nasgym/MobileNetV3-v0":
        oracle = env.unwrapped.problem.accuracy
        again = oracle.measure(oracle.space.from_str(info["arch"]), 1, np.array([3]))
        assert again.validation[0] == info["accuracy"]
        assert again.train_seconds[0] > 0


@pytest.mark.parametrize("env_id", MOBILE)
def test_checkers(folder, env_id):
    """Warnings are errors."""
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    for observation in OBSERVATIONS:
        env = gymnasium.make(env_id, disable_env_checker=True, observation=observation).unwrapped
        check_env(env)
        sb3.check_env(env)
        env.close()
    several = gymnasium.make(mo_id(env_id)).unwrapped
    with pytest.warns(UserWarning, match="The reward returned by"):  # the checker knows rewards of one number only
        check_env(several, skip_render_check=True)


def test_training_learns():
    """One epoch is better than chance, five are better than one."""
    oracle = nasgym.make_problem("nasgym/MobileNetV3-v0").accuracy
    cheapest = np.zeros((1, oracle.space.num_decisions), dtype=np.int8)
    one, five = (oracle.measure(cheapest, epochs, np.array([0])).validation[0] for epochs in (1, 5))
    assert five > one + 0.05
    assert one > 0.2


# ---- accuracies of tables and surrogates -------------------------------------------------------


@EXTRAPOLATES
@pytest.mark.parametrize("env_id", MOBILE)
def test_scalar_and_vector_environments_agree(own, env_id):
    own(env_id)
    turn = MOBILE.index(env_id)
    for seed, options in enumerate(OPTIONS, turn):
        if env_id == "nasgym/MnasNet-v0":  # a block has too many options for one step
            options = {**options, "granularity": "decision"}
        play_evaluator(env_id, MODES[seed % 3], [seed], episodes=1, observation=OBSERVATIONS[seed % 3], **PLAYED, **options)
    native, loop = play_objectives.both(env_id, MODES[turn % 3], number=2, **PLAYED)
    play_objectives.play(native, loop, turn, 0.1, native.num_steps + 2)


@EXTRAPOLATES
@pytest.mark.parametrize("env_id", MOBILE)
def test_by_layers(own, env_id):
    own(env_id)
    if env_id == "nasgym/MnasNet-v0":
        with pytest.raises(NasgymError, match="'block1' of 'mnasnet' has 432 options"):
            NASVectorEnv(env_id, 2, granularity="layer", **PLAYED)
        return
    env = NASVectorEnv(env_id, 16, granularity="layer", mask="feasible", target=HALF, autoreset_mode="SameStep", **PLAYED)
    rng = np.random.default_rng(0)
    _, info = env.reset()
    for _ in env.problem.space.layers:
        masks = info["action_mask"]
        _, _, terminated, _, info = env.step((rng.random(masks.shape) * masks).argmax(axis=1))
    assert terminated.all()
    assert info["final_info"]["feasible"].all()
    np.testing.assert_array_equal(
        info["final_info"]["accuracy"],
        env.problem.evaluate(env.problem.space.from_str(info["final_info"]["arch"].tolist())).accuracy,
    )


def test_a_sampled_table_gives_its_own_numbers_and_no_others(own):
    table = own("nasgym/MoGA-v0", fit=False)
    problem = nasgym.make_problem("nasgym/MoGA-v0", accuracy="table", table="mine", reward="accuracy")
    assert problem.space.name == "moga"
    ev = problem.evaluate(table.archs)
    np.testing.assert_allclose(ev.accuracy, table.accuracy["toy", 1, "validation"][:, 0])
    assert ev.costs["macs"][0] == count_macs(plan_of(problem.space, table.archs[0]))
    with pytest.raises(DataError, match="is not in table 'mine', which is a sample"):
        problem.evaluate(problem.space.default[None])


@EXTRAPOLATES
def test_agents_search_a_surrogate(own):
    own("nasgym/MnasNet-v0")
    problem = nasgym.make_problem("nasgym/MnasNet-v0", **PLAYED)
    assert problem.accuracy.space.name == "mnasnet"
    found = make_agent("regularized-evolution").search(problem, budget=60, seed=0)
    assert found.best_reward > problem.evaluate(problem.space.sample(np.random.default_rng(0), 20)).reward.mean()


@EXTRAPOLATES
def test_once_for_all_takes_trainings_tables_and_surrogates_as_well(own):
    """One way for every id: nothing of the published predictor is asked for."""
    table = own("nasgym/OFA-v0")
    keywords = {"cost": "macs", "target": HALF}
    looked_up = nasgym.make_problem("nasgym/OFA-v0", accuracy="table", table="mine", **keywords)
    np.testing.assert_allclose(looked_up.evaluate(table.archs).accuracy, table.accuracy["toy", 1, "validation"][:, 0])
    predicted = nasgym.make_problem("nasgym/OFA-v0", **PLAYED, **keywords)
    assert predicted.accuracy.predicted
    assert predicted.evaluate(table.archs[:3]).accuracy.std() > 0
    trained = nasgym.make_problem("nasgym/OFA-v0", accuracy="training", seed=0, **keywords)
    # the smallest network, at the smallest and at the largest image
    archs = np.zeros((2, 46), dtype=np.int8)
    archs[1, 0] = len(trained.space.decisions[0].choices) - 1
    assert {trained.accuracy.plan_of(arch).input_shape for arch in archs} == {(1, 6, 6), (1, 8, 8)}
    assert (trained.evaluate(archs, rng=np.random.default_rng(0)).accuracy > 0.15).all()


# ---- devices -----------------------------------------------------------------------------------


def put_device(space, name, *, lacking=0):
    blocks = list(block_layout(space))
    latencies = {block: Latency(0.1 + block.macs / 1e8) for block in blocks[: len(blocks) - lacking]}
    put(Device(name, space.name, "by-hand", 1, 1, "float32", latencies))
    return blocks


def put(device):
    write_device(device, device_path(device.space, device.name))


@pytest.mark.parametrize(
    "env_id", [env_id for env_id in [*MOBILE, "nasgym/Digits-v0", "nasgym/NASBenchMacro-v0"] if "Mnas" not in env_id]
)
def test_a_device_file_is_the_latency(imported, tmp_path, monkeypatch, env_id):
    if env_id == "nasgym/NASBenchMacro-v0":  # the table lies in the real folder
        imported("nas-bench-macro")
        source = table_path("nas-bench-macro")
        target = tmp_path / "tables"
        target.mkdir()
        for path in source.parent.glob(source.stem + "*"):
            (target / path.name).symlink_to(path)
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    space = space_of(env_id)
    put_device(space, "toy-phone")
    problem = nasgym.make_problem(env_id, device="toy-phone", reward="constrained", extra_costs=["macs"])
    assert (problem.cost_name, list(problem.cost_oracles)) == ("latency_ms", ["latency_ms", "macs"])
    archs = space.sample(np.random.default_rng(0), 50)
    costs = problem.costs(archs)
    assert np.corrcoef(costs["latency_ms"], costs["macs"])[0, 1] > 0.5
    low, high = problem.cost_bounds(space.empty())
    assert problem.constraint.upper == pytest.approx((low[0] + high[0]) / 2)
    assert (low[0] <= costs["latency_ms"]).all()


def test_missing_blocks_are_refused_or_marked(folder):
    space = space_of("nasgym/FairNAS-v0")
    put_device(space, "half", lacking=2)
    with pytest.raises(DataError, match="lacks 2 of"):
        nasgym.make_problem("nasgym/FairNAS-v0", device="half")
    env = gymnasium.make("nasgym/FairNAS-v0", device="half", missing="interpolate", disable_env_checker=True)
    cost = env.unwrapped.problem.cost_oracles["latency_ms"]
    assert len(cost.interpolated) == 2
    assert "2 of them ESTIMATED" in cost.provenance
    assert env.unwrapped.problem.spec["missing"] == "interpolate"


def test_a_device_of_a_restriction(folder):
    """It has only the blocks of networks with kernel 3; such a problem needs no others."""
    whole, only = space_of("nasgym/MoGA-v0"), {"*.kernel": [3]}
    blocks = put_device(whole.restrict(only), "small")
    assert set(blocks) < set(block_layout(whole))
    problem = nasgym.make_problem("nasgym/MoGA-v0", device="small", restrict=only, extra_costs=["latency_ms@small"])
    archs = problem.space.sample(np.random.default_rng(0), 20)
    costs = problem.costs(archs)
    assert (costs["latency_ms"] == costs["latency_ms@small"]).all()
    low, high = problem.cost_bounds(archs)
    assert (low == costs["latency_ms"]).all()
    assert (high == low).all()
    # whatever the rule, and whether or not it is the primary cost
    for keywords in (
        {},
        {"reward": "accuracy"},
        {"cost": "macs", "extra_costs": ["latency_ms"]},
        {"restrict": {"*.kernel": [5]}},
    ):
        with pytest.raises(DataError, match=r"device 'small' lacks .* missing='interpolate'"):
            nasgym.make_problem("nasgym/MoGA-v0", device="small", **keywords)


@EXTRAPOLATES
def test_a_comparison_marks_estimates_and_trainings(own, folder):
    from nasgym.compare.comparison import Comparison
    from nasgym.compare.judgement import judge
    from nasgym.compare.leaderboard import leaderboard_text
    from nasgym.compare.report import source_lines
    from nasgym.compare.run_result import RunResult
    from nasgym.ledger import Budget

    own("nasgym/FairNAS-v0")
    put_device(space_of("nasgym/FairNAS-v0"), "half", lacking=2)
    keywords = {"device": "half", "missing": "interpolate", **PLAYED}
    problem = nasgym.make_problem("nasgym/FairNAS-v0", **keywords)
    arch = problem.space.sample(np.random.default_rng(0), 1)
    one = np.array([1.0])
    run = RunResult(
        *("random", 0, arch, *[np.array([1])] * 2, {"measured": one}, 0, one, one, 1, 1, 1, 1.0, {"measured": 1.0}, {}),
        *("budget", 0.5, 0.6, "a", 0.1),
    )
    plan = Comparison("nasgym/FairNAS-v0", keywords, {"random": {}}, (0,), Budget("distinct", 1), problem.fingerprint, "0")
    assert "2 of them ESTIMATED from similar ones" in leaderboard_text(judge(problem, plan, [run]))
    assert any("ESTIMATED" in text for _, text in source_lines(problem))
    trained = nasgym.make_problem("nasgym/FairNAS-v0")
    assert "on digits of 8 x 8 pixels, 1 epoch of 800 images" in dict(source_lines(trained))["accuracies"]


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"accuracy": "predictor"}, "unknown accuracy oracle 'predictor'.*training, table, surrogate"),
        ({"accuracy": "table"}, "needs table=NAME"),
        ({"table": "mine"}, "give accuracy='table' or 'surrogate'"),
        ({"accuracy": "table", "table": "digits"}, "table 'digits' is not one of space 'moga'"),
        ({"accuracy": "table", "table": "nothing"}, "nasgym data import table"),
        ({"accuracy": "surrogate", "table": "mine"}, "nasgym data fit-surrogate mine"),
        ({"cost": "mac"}, "unknown cost 'mac'. Did you mean 'macs'"),
        ({"cost": "latency_ms"}, "give device=NAME"),
        ({"device": "phone"}, "device 'phone' of space 'moga' is not in"),
        ({"cost": "macs", "device": "phone"}, "device 'phone' of space 'moga' is not in"),
        ({"cost": "macs", "device": {"command": "x"}}, "one of which has {onnx}"),
        ({"cost": "macs", "device": {"command": "x {onnx}", "timeout": -1}}, "timeout is a positive number"),
        ({"extra_costs": [3]}, "extra_costs is a list of names, got 3 in it"),
        ({"fidelity": 2}, "unknown fidelity"),
        ({"seed": -1}, "training seed is a whole number"),
        ({"dataset": "imagenet"}, "unknown dataset"),
        ({"missing": "guess"}, "unknown way to deal with missing blocks 'guess'"),
        ({"images": "nothing"}, "images 'nothing' are not in .*`nasgym data import images PATH --name nothing`"),
        ({"images": 3}, "images is a name or"),
        ({"images": {"name": "nothing", "size": 3}}, "unknown key of images 'size'"),
        ({"images": "mine", "accuracy": "table", "table": "mine"}, "'mine' are what networks are trained on"),
        ({"images": "mine", "dataset": "digits"}, "unknown dataset that networks are trained on 'digits'.* Known: mine"),
    ],
)
def test_refusals(own, keywords, message):
    own("nasgym/MoGA-v0", fit=False)
    with pytest.raises(NasgymError, match=message):
        nasgym.make_problem("nasgym/MoGA-v0", **keywords)


def test_networks_are_trained_on_imported_images(folder):
    write_image_data(quadrants(), images_path("quadrants"))
    given = {"name": "quadrants", "resolution": 8, "subset": 100, "validation": 20}
    problem = nasgym.make_problem("nasgym/MoGA-v0", images=given, dataset="quadrants")
    assert problem.accuracy.images.shape == (1, 8, 8)
    assert len(problem.accuracy.images.train) == 100
    assert problem.spec["images"] == given
    assert problem.fingerprint != nasgym.make_problem("nasgym/MoGA-v0").fingerprint
    assert nasgym.make_problem(**json.loads(json.dumps(problem.spec))).fingerprint == problem.fingerprint


def test_tables_of_another_space_are_distinguished(own, folder):
    table = own("nasgym/FairNAS-v0", fit=False)
    with pytest.raises(NasgymError, match=r"the (name|choices|active_if) of its decision"):
        nasgym.make_problem("nasgym/ProxylessNAS-v0", accuracy="table", table="mine")
    decisions = table.card["space"]["decisions"][:-2]
    card = {**table.card, "space": {"name": "mine", "decisions": decisions}}
    write_table(replace(table, card=card, archs=np.unique(table.archs[:, :-2], axis=0)), table_path("mine"))
    with pytest.raises(NasgymError, match="has 36 decisions, space 'fairnas' has 38"):
        nasgym.make_problem("nasgym/FairNAS-v0", accuracy="table", table="mine")


@pytest.mark.parametrize("keywords", [{}, {"restrict": {"*.kernel": [3]}}, {"cost": "macs", "extra_costs": ["latency_ms"]}])
def test_mnasnet_has_no_tables_of_blocks(folder, keywords):
    with pytest.raises(MissingData, match="device 'phone' of space 'mnasnet'"):
        nasgym.make_problem("nasgym/MnasNet-v0", device="phone", **keywords)
    block = BlockKey("mbconv", 112, 32, 112, 16, mid_ch=32, kernel=3, stride=1, act="relu")
    put(Device("phone", "mnasnet", "by-hand", 1, 1, "float32", {block: Latency(0.5)}))
    with pytest.raises(InvalidValue, match="the width of a block"):
        nasgym.make_problem("nasgym/MnasNet-v0", device="phone", **keywords)
