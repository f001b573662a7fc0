"""A sampled table in play: as it is, and with a surrogate."""

import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

pytest.importorskip("sklearn")

import nasgym
from nasgym.errors import DataError, InvalidValue, OutsideSampleWarning, UnknownName
from nasgym.oracles.accuracy.fitted import FittedModel
from nasgym.oracles.accuracy.surrogate import SurrogateOracle
from nasgym.oracles.accuracy.table import TableOracle
from nasgym.oracles.cost.fitted import FittedCost
from nasgym.oracles.cost.table import TableCost
from nasgym.oracles.oracle import AccuracyOracle, CostOracle
from nasgym.surrogates import fit as fitting
from nasgym.surrogates.fit import fit_table
from nasgym.surrogates.surrogate import surrogate_path, write_surrogate
from nasgym.tables.table_file import write_table
from nasgym.tables.table_folder import table_path
from tests.sampled import quicken, sampled_space, sampled_table
from tests.tiny import completions_of, partial_archs

SPACE, TABLE = sampled_space(), sampled_table()
PHONE = "latency_ms@phone"


@pytest.fixture(scope="module")
def surrogates():
    """Surrogates of one and of three members."""
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        return {members: fit_table(TABLE, members=members) for members in (1, 3)}


@pytest.fixture
def play(surrogates, tmp_path, monkeypatch):
    """``play(members, **keywords)``: a problem on the fitted table."""
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    write_table(TABLE, table_path("mine"))

    def make(members=1, **keywords):
        write_surrogate(surrogates[members], surrogate_path("mine"))
        return nasgym.make_problem("nasgym/Table-v0", table="mine", **{"accuracy": "surrogate", **keywords})

    return make


# ---- the table itself --------------------------------------------------------------------------


def test_sampled_architectures_are_looked_up():
    oracle = TableOracle(TABLE, SPACE)
    assert not oracle.complete
    backwards = TABLE.archs[::-1]
    found = oracle.measure(backwards, 5, np.full(len(backwards), -1))
    wanted = np.nanmean(TABLE.accuracy["toy", 5, "validation"].astype(np.float64), axis=1)
    np.testing.assert_allclose(found.validation, wanted[::-1])
    np.testing.assert_array_equal(found.train_seconds, TABLE.train_seconds["toy", 5][::-1])
    seeds = TableOracle(TABLE, SPACE, seed="sampled").draw_seeds(TABLE.archs[:8], 5, np.random.default_rng(0))
    assert seeds[[0, 4]].tolist() == [0, 0]


def test_others_are_refused_with_what_to_do():
    absent = np.setdiff1d(np.arange(SPACE.size), SPACE.index_of(TABLE.archs))[:1]
    text = SPACE.to_str(SPACE.enumerate()[absent])[0]
    message = f"architecture '{text}' is not in table 'mine', which is a sample of 80 of 360; fit a surrogate with"
    with pytest.raises(DataError, match=message):
        TableOracle(TABLE, SPACE).measure(SPACE.enumerate()[absent], 5, np.full(1, -1))
    with pytest.raises(DataError, match="was measured for a sample of 80 architectures; fit a surrogate with"):
        TableCost(TABLE, SPACE, PHONE, "toy")
    wrong = replace(TABLE, archs=np.hstack([TABLE.archs, TABLE.archs[:, :1]]))
    with pytest.raises(DataError, match="has architectures of 7 decisions"):
        TableOracle(wrong, SPACE)


def test_a_card_and_architectures_go_together():
    for archs, card in ((None, {}), (TABLE.archs, {"sampled": False})):
        with pytest.raises(DataError, match="lists architectures and its card says 'sampled', or neither"):
            replace(TABLE, archs=archs, card={**TABLE.card, **card})
    for archs in (TABLE.archs[:9], TABLE.archs.astype(np.int64)):
        with pytest.raises(DataError, match="expected int8"):
            replace(TABLE, archs=archs)


def test_no_architecture_is_there_twice():
    archs = TABLE.archs.copy()
    archs[7] = archs[3]
    with pytest.raises(DataError, match=r"rows 3 and 7 are both \[.*\]; keep one of them"):
        replace(TABLE, archs=archs)


def test_as_a_table_it_has_no_exact_answers(play):
    problem = play(accuracy=None)
    assert not problem.has_exact_answers
    assert problem.cost_name is None
    assert problem.evaluate(TABLE.archs).accuracy.shape == (80,)
    with pytest.raises(DataError, match="is not in table 'mine'"):
        problem.optimum()
    with pytest.raises(DataError, match="for a sample of 80"):
        play(accuracy=None, cost=PHONE)


# ---- the surrogate -----------------------------------------------------------------------------


def test_predictions_of_everything_that_the_table_knows(surrogates):
    oracle = SurrogateOracle(FittedModel(surrogates[1], TABLE), SPACE)
    assert isinstance(oracle, AccuracyOracle)
    assert (oracle.fidelities, oracle.search_fidelity, oracle.search_metric) == ((5,), 5, "validation")
    archs = SPACE.enumerate()
    seen = oracle.measure(archs, 5, oracle.draw_seeds(archs, 5, np.random.default_rng(0)))
    for found, column in ((seen.validation, "accuracy/toy/5/validation"), (seen.train_seconds, "train_seconds/toy/5")):
        np.testing.assert_array_equal(found, surrogates[1].predict(column, archs, -1))
    report = oracle.report(archs)
    np.testing.assert_array_equal(report.test, surrogates[1].predict("accuracy/toy/20/test", archs, -1))
    assert np.isnan(report.validation).all()
    assert np.isnan(report.train_seconds).all()
    assert "fitted to 80 of 360 architectures of table 'mine'" in oracle.provenance
    assert "validation accuracy after 5 epochs, R2 0." in oracle.provenance
    assert "Kendall tau 0." in oracle.provenance
    assert dict(oracle.model.details)["reports"].startswith("predicted: test accuracy after 20 epochs, R2")


def test_noise_is_that_of_the_members(surrogates):
    model = FittedModel(surrogates[3], TABLE)
    oracle = SurrogateOracle(model, SPACE, seed="sampled")
    archs = np.repeat(SPACE.default[None], 300, axis=0)
    seeds = oracle.draw_seeds(archs, 5, np.random.default_rng(0))
    assert set(seeds.tolist()) == {0, 1, 2}
    found = oracle.measure(archs, 5, seeds).validation
    for member in range(3):
        assert set(found[seeds == member].tolist()) == {
            surrogates[3].predict("accuracy/toy/5/validation", archs[:1], member)[0]
        }
    assert SurrogateOracle(model, SPACE, seed=2).draw_seeds(archs[:2], 5, np.random.default_rng(0)).tolist() == [2, 2]
    assert len(oracle.measure(archs[:0], 5, seeds[:0]).test) == 0


def test_refusals(surrogates):
    one, three = (FittedModel(surrogates[members], TABLE) for members in (1, 3))
    with pytest.raises(InvalidValue, match="this surrogate is one model; fit several with --members"):
        SurrogateOracle(one, SPACE, seed="sampled")
    for model, seed in ((one, 0), (three, 3), (three, -1), (three, True), (three, "all")):
        with pytest.raises(UnknownName, match="member of the surrogate"):
            SurrogateOracle(model, SPACE, seed=seed)
    with pytest.raises(UnknownName, match="member of the surrogate"):
        SurrogateOracle(three, SPACE).measure(SPACE.default[None], 5, np.full(1, 3))
    with pytest.raises(UnknownName, match="fidelity"):
        SurrogateOracle(one, SPACE).draw_seeds(SPACE.default[None], 20, np.random.default_rng(0))
    with pytest.raises(UnknownName, match="dataset of table 'mine'"):
        FittedModel(one.surrogate, TABLE, dataset="toys")
    with pytest.raises(UnknownName, match="fidelity"):
        FittedModel(one.surrogate, TABLE, search_fidelity=20)
    with pytest.raises(InvalidValue, match="not valid"):
        SurrogateOracle(one, SPACE).report(np.array([[0, 1, 0, 0, 0, 0]], dtype=np.int8))
    with pytest.raises(UnknownName, match="cost of table 'mine'"):
        FittedCost(one.surrogate, TABLE, SPACE, "latency", "toy")


def test_one_warning_outside_of_the_sample(monkeypatch):
    """The sample of another table: nothing of size 160, and no width of 8."""
    kept = (TABLE.archs[:, 5] != 1) & (TABLE.archs[:, 3] != 3)
    narrow = replace(
        TABLE,
        archs=TABLE.archs[kept],
        accuracy={key: values[kept] for key, values in TABLE.accuracy.items()},
        train_seconds={},
        costs={},
    )
    quicken(monkeypatch)
    surrogate = fit_table(narrow, folds=2)
    model = FittedModel(surrogate, narrow)
    inside, outside = narrow.archs[:3], SPACE.from_str(["pool,64,1,160", "pool,8,1,96"])
    assert model.outside(np.concatenate([inside, outside])).tolist() == [False] * 3 + [True] * 2
    oracle = SurrogateOracle(model, SPACE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        oracle.report(inside)
    with pytest.warns(OutsideSampleWarning, match="2 of 5 architectures .*'pool,64,1,160' for one, lie outside") as caught:
        oracle.report(np.concatenate([inside, outside]))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        oracle.report(outside)


def test_exact_answers_neither_warn_nor_use_the_warning_up(tmp_path, monkeypatch):
    """A regret needs predictions of the whole space, which no search asked for."""
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    quicken(monkeypatch)
    kept = TABLE.archs[:, 5] != 1
    accuracy = {key: values[kept] for key, values in TABLE.accuracy.items()}
    narrow = replace(TABLE, archs=TABLE.archs[kept], accuracy=accuracy, train_seconds={}, costs={})
    write_table(narrow, table_path("mine"))
    write_surrogate(fit_table(narrow, folds=2), surrogate_path("mine"))
    env = gymnasium.make("nasgym/Table-v0", table="mine", accuracy="surrogate", disable_env_checker=True)

    def play(arch):
        env.reset(seed=0)
        for choice in arch.tolist():
            *_, info = env.step(choice)
        return info

    with warnings.catch_warnings():
        warnings.simplefilter("error", OutsideSampleWarning)
        assert play(narrow.archs[-1])["regret"] >= 0
    with pytest.warns(OutsideSampleWarning, match="1 of 1 architectures"):
        play(SPACE.from_str(["conv:3:relu,64,1,160"])[0])


# ---- costs -------------------------------------------------------------------------------------


def test_costs_have_exact_bounds(surrogates):
    cost = FittedCost(surrogates[1], TABLE, SPACE, PHONE, "toy")
    assert isinstance(cost, CostOracle)
    archs = SPACE.enumerate()
    values = surrogates[1].predict(f"cost/toy/{PHONE}", archs, -1)
    np.testing.assert_array_equal(cost.cost(archs[::-1]), values[::-1])
    assert "PREDICTED" in cost.provenance
    assert cost.fingerprint == f"fitted:{surrogates[1].fingerprint}:cost/toy/{PHONE}"
    for space in (SPACE, SPACE.restrict({"op": ["conv"], "width": [32, 8]})):
        narrow = cost.narrow(space)
        prefixes = partial_archs(space, np.random.default_rng(0), 50, prefixes=True)
        low, high = narrow.bounds(prefixes)
        for i, prefix in enumerate(prefixes):
            there = narrow.cost(space.enumerate())[completions_of(space, prefix)]
            assert (low[i], high[i]) == (there.min(), there.max())


def test_predictions_are_terms_where_they_add_up(surrogates):
    """Trees join what layers say; one layer alone, or a constant, is a sum nevertheless."""
    latency = FittedCost(surrogates[1], TABLE, SPACE, PHONE, "toy")
    energy = FittedCost(surrogates[1], TABLE, SPACE, "energy_mj", "toy")
    one_layer = latency.narrow(SPACE.restrict({"width": [32], "depth": [2], "size": [96]}))
    assert latency.terms() is None
    for cost in (energy, one_layer):
        archs = cost.space.enumerate()
        np.testing.assert_allclose(cost.terms().cost(cost.space.to_options(archs)), cost.cost(archs), rtol=1e-12)


def huge_table(rows=120):
    """A sample of a space of 10^12 architectures."""
    rng = np.random.default_rng(0)
    archs = rng.integers(0, 10, (rows, 12)).astype(np.int8)
    decisions = [{"name": f"d{i}", "role": "width", "choices": list(range(1, 11))} for i in range(12)]
    values = (archs.sum(axis=1) / 120)[:, None].astype(np.float32)
    card = {**TABLE.card, "name": "mine", "space": {"name": "mine", "decisions": decisions}, "report_fidelity": 5}
    accuracy = {("toy", 5, "validation"): values, ("toy", 5, "test"): values}
    return replace(TABLE, card=card, accuracy=accuracy, train_seconds={}, costs={("*", "ms"): values[:, 0] * 2.0}, archs=archs)


def test_a_space_that_is_too_large_to_predict(tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path))
    quicken(monkeypatch)
    write_table(huge_table(), table_path("mine"))
    fitting.fit_surrogate("mine")
    options = {"table": "mine", "accuracy": "surrogate"}
    problem = nasgym.make_problem("nasgym/Table-v0", **options)
    assert problem.cost_name is None
    archs = problem.space.sample(np.random.default_rng(5), 9)
    assert 0.3 < problem.evaluate(archs).accuracy.mean() < 0.6
    with pytest.raises(InvalidValue, match=r"need a prediction for each of the 1e\+12 .*restrict= the space to 5,000,000"):
        nasgym.make_problem("nasgym/Table-v0", cost="ms", **options)
    few = nasgym.make_problem("nasgym/Table-v0", cost="ms", restrict={"d[2-9]": [5], "d1?": [5]}, **options)
    assert few.space.size == 100
    assert few.has_exact_answers
    with pytest.raises(DataError, match=r"is a sample of 120 of 1e\+12"):
        nasgym.make_problem("nasgym/Table-v0", table="mine").evaluate(archs)


# ---- in play -----------------------------------------------------------------------------------


def test_a_problem_with_exact_answers(play):
    problem = play(device="phone", reward="constrained", target={"fraction": 0.5, "of": "range"})
    assert isinstance(problem.cost_oracles["latency_ms"], FittedCost)
    assert problem.has_exact_answers
    everything = problem.everything
    assert problem.optimum().reward == everything.accuracy[everything.feasible].max()
    assert play().cost_name == "energy_mj"
    assert play(3).fingerprint != play().fingerprint
    assert play(3, seed="sampled").evaluate(SPACE.default[None], rng=np.random.default_rng(0)).accuracy.shape == (1,)
    with pytest.raises(InvalidValue, match="fit several with --members"):
        play(seed="sampled")
    with pytest.raises(UnknownName, match="Did you mean 'surrogate'"):
        play(accuracy="surogate")
    with pytest.raises(InvalidValue, match="'digits' is not a sampled table"):
        nasgym.make_problem("nasgym/Table-v0", accuracy="surrogate")
    with pytest.raises(UnknownName, match=r"accuracy oracle 'surrogate'\. Known: table, training"):
        nasgym.make_problem("nasgym/Digits-v0", accuracy="surrogate")


def test_the_environment(play):
    play()
    env = gymnasium.make("nasgym/Table-v0", table="mine", accuracy="surrogate", cost=PHONE)
    env.reset(seed=0)
    done = False
    while not done:
        mask = env.get_wrapper_attr("action_masks")()
        _, reward, done, _, info = env.step(int(np.flatnonzero(mask)[-1]))
    assert reward == info["accuracy"]
    assert info["regret"] >= 0
    assert gymnasium.make_vec("nasgym/Table-v0", num_envs=3, table="mine", accuracy="surrogate").reset(seed=0)[0].shape[0] == 3
