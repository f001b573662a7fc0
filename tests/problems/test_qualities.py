"""Qualities of a problem: direction, range, and those that are measured with the searched one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasgym.agents import make_agent
from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.ledger import Budget, Ledger
from nasgym.ledger.store import Store
from nasgym.oracles.oracle import AccuracyOracle, Measurements
from nasgym.problems.evaluation import Objective
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem
from nasgym.problems.qualities import Qualities
from nasgym.quality import ACCURACY, Quality
from nasgym.rewards import Accuracy, make_rule
from nasgym.surrogates.fit import fit_table
from nasgym.surrogates.surrogate import surrogate_path, write_surrogate
from nasgym.tables.table_file import write_table
from nasgym.tables.table_folder import find_table, table_path
from tests import mixed
from tests.sampled import quicken, sampled_table
from tests.tiny import tiny_problem, tiny_space


@pytest.fixture
def own(own_data_folder, tmp_path):
    """Makes problems on the table of a perplexity, a negative loss and an accuracy."""
    mixed.import_mixed(tmp_path / "files")
    return lambda **keywords: make_problem("nasgym/Table-v0", table="mixed", **keywords)


# ---- direction ---------------------------------------------------------------------------------


def test_less_is_better_where_the_card_says_so(own):
    problem, ppl = own(), mixed.column("ppl")
    assert (problem.quality.name, problem.objectives) == ("perplexity", (Objective("perplexity", "min"),))
    ev = problem.everything
    np.testing.assert_allclose(ev.accuracy, ppl, rtol=1e-6)
    np.testing.assert_array_equal(ev.reward, -ev.accuracy)
    best = problem.optimum()
    assert best.accuracy == pytest.approx(22.5)
    assert best.qualities == {"perplexity": best.accuracy}
    assert problem.space.index_of(best.archs).tolist() == [ppl.argmin()]
    assert problem.value_to_go(problem.space.empty())[0] == pytest.approx(-22.5)
    assert problem.invalid_reward == -62.0


def test_a_signed_quality_is_its_own_reward(own):
    problem = own(dataset="rooms")
    np.testing.assert_allclose(problem.everything.reward, mixed.column("loss"), rtol=1e-6)
    assert problem.optimum().accuracy == pytest.approx(-0.1)
    assert problem.invalid_reward == -6.0


def test_rules_with_a_target_keep_to_it(own):
    target = float(np.median(mixed.column("phone_ms")))
    problem = own(reward="constrained", cost="latency_ms@phone", target=target)
    ppl, cheap = mixed.column("ppl"), mixed.column("phone_ms") <= target
    assert problem.optimum().accuracy == pytest.approx(ppl[cheap].min(), rel=1e-6)
    assert problem.everything.reward[~cheap].max() < problem.everything.reward[cheap].min()


@pytest.mark.parametrize("dataset", ["wiki", "rooms"])
@pytest.mark.parametrize("rule", ["mnasnet-soft", "mnasnet-hard"])
def test_rules_that_multiply_are_refused_by_name(own, rule, dataset):
    with pytest.raises(InvalidValue, match=rf"'{rule}' multiplies.*(is minimised|can be negative).*Give reward= one of"):
        own(reward=rule, cost="latency_ms@phone", target=10, dataset=dataset)


@pytest.mark.parametrize("agent", ["random", "local-search", "regularized-evolution", "nsga2", "layernas"])
def test_agents_find_the_least_perplexity(own, agent):
    problem = own(reward="constrained", cost="latency_ms@phone", target={"fraction": 0.9, "of": "range"})
    result = make_agent(agent).search(problem, budget=18, seed=0)
    history = result.history
    assert result.best_reward == history.reward.max()
    feasible = history.feasible
    assert result.best_accuracy == history.accuracy[feasible].min()


def test_layernas_keeps_the_candidate_with_the_least_perplexity(own):
    problem = own(cost="latency_ms@phone", target={"fraction": 1.0, "of": "range"}, reward="constrained")
    result = make_agent("layernas", bucket_by="options").search(problem, budget=60, seed=0)
    assert result.best_accuracy == pytest.approx(22.5)


def test_plain_accuracy_adds_nothing_to_a_description():
    assert not {"quality", "further"} & set(tiny_problem().describe())


# ---- objectives of several data sets -----------------------------------------------------------


@pytest.mark.parametrize(
    "objectives", [mixed.OBJECTIVES, ["accuracy@c100", ["perplexity", "min"], ["latency_ms@phone", "max"]]]
)
def test_the_front_equals_brute_force(own, objectives):
    problem = own(cost="throughput", extra_costs=["latency_ms@phone"], objectives=objectives)
    columns = {
        "perplexity": mixed.column("ppl"),
        "negative_loss": mixed.column("loss"),
        "accuracy": mixed.column("acc") / 100,
        "accuracy@c100": mixed.column("acc") / 100,
        "throughput": mixed.column("img_s"),
        "latency_ms@phone": mixed.column("phone_ms"),
    }
    names = [one if isinstance(one, str) else one[0] for one in objectives]
    values = np.stack([columns[name] for name in names], axis=1)
    larger = np.array([name != "perplexity" for name in names])
    best = np.flatnonzero(mixed.undominated(values, larger))
    front = problem.pareto_front()
    np.testing.assert_array_equal(problem.space.index_of(front.archs), best)
    np.testing.assert_allclose(front.values, values[best], rtol=1e-6)
    assert 1 < len(best) < 18


def test_directions_come_from_the_card_and_costs_are_minimised(own):
    problem = own(cost="throughput", objectives=["perplexity", "accuracy", "throughput"])
    assert [(o.name, o.direction) for o in problem.objectives] == [
        ("perplexity", "min"),
        ("accuracy", "max"),
        ("throughput", "min"),
    ]


def test_further_qualities_come_with_every_evaluation_at_no_charge(own):
    problem = own(cost="throughput", objectives=mixed.OBJECTIVES)
    ledger = Ledger(problem, Budget("distinct", 5))
    archs = problem.space.enumerate()[[3, 3, 7, 1]]
    ev = ledger.evaluate(archs)
    assert list(ev.qualities) == ["perplexity", "negative_loss", "accuracy"]
    np.testing.assert_array_equal(ev.qualities["perplexity"], ev.accuracy)
    np.testing.assert_allclose(ev.qualities["negative_loss"], mixed.column("loss")[[3, 3, 7, 1]], rtol=1e-6)
    np.testing.assert_allclose(ev.qualities["accuracy"], mixed.column("acc")[[3, 3, 7, 1]] / 100, rtol=1e-6)
    assert (ledger.charges, ledger.spent) == (3, 3.0)
    history = ledger.history
    np.testing.assert_allclose(history.qualities["accuracy"], mixed.column("acc")[[3, 7, 1]] / 100, rtol=1e-6)
    single = ledger.evaluate(archs[:1])
    assert single.qualities["negative_loss"] == pytest.approx(mixed.column("loss")[3])
    with pytest.raises(ValueError, match="read-only"):
        ledger.evaluate(archs[:1]).qualities["negative_loss"][0] = 0


def test_a_search_sees_validation_and_a_report_states_test(own):
    problem = own(cost="throughput", objectives=mixed.OBJECTIVES)
    archs = problem.space.enumerate()
    report, seen = problem.report(archs), Ledger(problem, Budget("distinct", 18)).evaluate(archs)
    for name, column in (("negative_loss", "loss"), ("accuracy", "acc")):
        whole = 100 if name == "accuracy" else 1
        np.testing.assert_allclose(seen.qualities[name], mixed.column(column) / whole, rtol=1e-6)
        np.testing.assert_allclose(report.qualities[name], mixed.column(f"{column}_test") / whole, rtol=1e-6)
    np.testing.assert_allclose(report.test_accuracy, mixed.column("ppl_test"), rtol=1e-6)
    assert report.take(np.array([2])).qualities["accuracy"] == report.qualities["accuracy"][2]


def test_a_replayed_run_sees_the_same_further_qualities(own, tmp_path):
    problem = own(cost="throughput", objectives=mixed.OBJECTIVES)
    found = []
    for budget in (7, 12):  # the second goes on where the first one ended
        store = Store(tmp_path / "evaluations.sqlite")
        ledger = Ledger(problem, Budget("distinct", 12), store=store, run="one")
        archs = problem.space.sample(np.random.default_rng(0), 18)
        ledger.evaluate(np.unique(archs, axis=0)[:budget])
        found.append(ledger.history)
        store.close()
    np.testing.assert_array_equal(found[0].qualities["accuracy"], found[1].qualities["accuracy"][:7])


def test_objectives_change_the_fingerprint_as_data_do(own, tmp_path):
    with_two = own(objectives=["perplexity", "accuracy"])
    assert with_two.fingerprint != own().fingerprint
    assert list(with_two.describe()["further"]) == ["accuracy"]


def test_nsga2_finds_the_whole_front(own):
    problem = own(cost="throughput", objectives=mixed.OBJECTIVES)
    history = make_agent("nsga2", population=6).search(problem, budget=18, seed=0).history
    assert len(history) == 18
    found = np.stack([history.qualities["perplexity"], history.qualities["negative_loss"], history.qualities["accuracy"]], 1)
    values = np.column_stack([found, history.costs["throughput"]])
    front = problem.pareto_front()
    best = mixed.undominated(values, mixed.LARGER)
    assert sorted(values[best].tolist()) == sorted(front.values.tolist())


@pytest.mark.parametrize(
    ("objectives", "error", "says"),
    [
        (["perplexity", ["throughput", "maximise"]], UnknownName, "direction of 'throughput' 'maximise'. Did you mean 'max'"),
        ([["perplexity", "max"]], InvalidValue, "cannot be 'max': perplexity, less is better, 22 to 42; write"),
        ([["accuracy", "min"], "perplexity"], InvalidValue, "'accuracy' cannot be 'min': accuracy, more is better"),
        (["perplexity", "accuracy@c10"], UnknownName, "unknown objective 'accuracy@c10'"),
        (["perplexity@wiki"], InvalidValue, "is the searched quality; name it 'perplexity'"),
        (["perplexity", "latency_ms@phone"], UnknownName, r"extra_costs=\['latency_ms@phone'\]"),
        (["perplexity", "perplexity"], InvalidValue, "is named twice"),
        ([], InvalidValue, "objectives is an empty list; name one or more of perplexity, throughput, or leave it out"),
        (["perplexity", "min"], UnknownName, r"unknown objective 'min'.*list of their own: \[\['perplexity', 'min'\]\]\.$"),
        (["throughput", "max"], UnknownName, r"list of their own: \[\['throughput', 'max'\]\]\.$"),
        (
            ["perplexity", "accuracy@c10"],
            UnknownName,
            r"'accuracy@c10'\. Did you mean 'accuracy@c100'\? Known: accuracy@c100\.$",
        ),
        ([["perplexity", "min", 2]], InvalidValue, "or of pairs like"),
        ({"perplexity": "min"}, InvalidValue, "objectives is a list of names"),
    ],
)
def test_errors_teach(own, objectives, error, says):
    with pytest.raises(error, match=says):
        own(cost="throughput", objectives=objectives)


@pytest.mark.parametrize(
    ("objectives", "error", "says"),
    [
        ([Objective("accuracy", "max"), Objective("throughput", "max")], UnknownName, "Known: perplexity, throughput"),
        ([Objective("perplexity", "max")], InvalidValue, "cannot be 'max': perplexity, less is better"),
        ([Objective("acc", "max")], UnknownName, "unknown objective 'acc'"),
        ([Objective("perplexity", "min")] * 2, InvalidValue, "is named twice"),
        ([], InvalidValue, "objectives is an empty list"),
    ],
)
def test_fronts_of_other_objectives_are_checked_as_those_of_the_problem(own, objectives, error, says):
    problem = own(cost="throughput")
    with pytest.raises(error, match=says):
        problem.pareto_front(objectives)


def test_an_accuracy_is_none_where_the_quality_is_another(own):
    everything = own(cost="throughput").everything
    with pytest.raises(UnknownName, match=r"quality or cost 'accuracy'\. Known: throughput, perplexity"):
        everything.column("accuracy")
    np.testing.assert_array_equal(everything.column("perplexity"), everything.accuracy)


def test_who_trains_measures_no_quality_of_a_table():
    pytest.importorskip("torch")
    with pytest.raises(InvalidValue, match="is a quality of a table, and accuracy='training' measures 'accuracy' only"):
        make_problem("nasgym/Digits-v0", accuracy="training", objectives=["accuracy", "accuracy@cifar100"])


def test_a_quality_of_several_data_sets_is_named_with_its_own(own_data_folder, tmp_path):
    table = mixed.mixed_table(tmp_path)
    both = dict.fromkeys(("rooms", "halls"), table.card["qualities"]["rooms"])
    twice = {("halls", *key[1:]): values for key, values in table.accuracy.items() if key[0] == "rooms"}
    card = {**table.card, "datasets": ["wiki", "rooms", "halls", "c100"], "qualities": {**table.card["qualities"], **both}}
    write_table(replace(table, card=card, accuracy={**table.accuracy, **twice}), table_path("mixed"))
    with pytest.raises(InvalidValue, match="several data sets; name one: negative_loss@rooms, negative_loss@halls"):
        make_problem("nasgym/Table-v0", table="mixed", objectives=["perplexity", "negative_loss"])
    problem = make_problem("nasgym/Table-v0", table="mixed", objectives=["perplexity", "negative_loss@halls"])
    assert list(problem.qualities) == ["perplexity", "negative_loss@halls"]


# ---- range -------------------------------------------------------------------------------------


class Plugin(AccuracyOracle):
    """An oracle of another package, which says what a test gives it."""

    quality = Quality("perplexity", "", "min", 22, 42)
    canonical, deterministic, complete, predicted = False, True, True, False
    fidelities, search_fidelity, search_metric, seed = (1,), 1, "validation", "mean"

    def __init__(self, values, test=30.0):
        self.space, self.values, self.tested, self.fingerprint = tiny_space(), values, test, "plugin:1"

    def draw_seeds(self, archs, fidelity, rng):
        return np.full(len(archs), -1)

    def measure(self, archs, fidelity, seeds):
        return Measurements(self.values[self.space.index_of(archs)], np.full(len(archs), self.tested), np.ones(len(archs)))

    def report(self, archs):
        return self.measure(archs, 1, np.full(len(archs), -1))


def play(values, test=30.0, **keywords):
    oracle = Plugin(values, test)
    return Problem(oracle.space, oracle, [], Accuracy(), **keywords)


@given(row=st.integers(0, 35), value=st.one_of(st.floats(-1e6, 21.99), st.floats(42.01, 1e6)))
def test_what_a_plugin_says_outside_of_its_range_is_refused_everywhere(row, value):
    values = np.linspace(22, 42, 36)
    values[row] = value
    problem = play(values)
    archs = problem.space.enumerate()
    said = rf"validation of architecture .* \(row {row}\) by oracle plugin:1: .* is no perplexity, .* 22 to 42\."
    for ask in (problem.evaluate, Ledger(problem, 36).evaluate, problem.report, lambda _: problem.optimum()):
        with pytest.raises(DataError, match=said):
            ask(archs)
    rest = np.delete(archs, row, axis=0)
    assert problem.evaluate(rest).accuracy.shape == (35,)


def test_nothing_is_charged_for_a_number_that_is_refused():
    values = np.linspace(22, 42, 36)
    values[5] = 43
    ledger = Ledger(play(values), 36)
    with pytest.raises(DataError, match="43 is no perplexity"):
        ledger.evaluate(ledger.space.enumerate()[4:7])
    assert (ledger.spent, len(ledger.history)) == (0, 0)


def test_a_test_number_outside_is_refused_and_nan_is_not():
    values = np.linspace(22, 42, 36)
    with pytest.raises(DataError, match=r"test of architecture .* 99 is no perplexity"):
        play(values, test=99.0).evaluate(tiny_space().enumerate()[:1])
    assert play(values, test=np.nan).evaluate(tiny_space().enumerate()[:1]).accuracy == 22


def test_a_further_quality_is_checked_too():
    good, bad = Plugin(np.linspace(22, 42, 36)), Plugin(np.full(36, 7.0))
    problem = Problem(good.space, good, [], Accuracy(), further={"perplexity@b": bad})
    ledger = Ledger(problem, 5)
    with pytest.raises(DataError, match="7 is no perplexity"):
        ledger.evaluate(good.space.enumerate()[:2])
    assert ledger.spent == 0


def test_what_cannot_be_measured_together():
    values = np.linspace(22, 42, 36)
    good = Plugin(values)
    live, other = Plugin(values), Plugin(values)
    live.deterministic, other.search_metric = False, "test"
    with pytest.raises(InvalidValue, match="trained or measured a second time"):
        Qualities(good, {"perplexity@b": live})
    with pytest.raises(InvalidValue, match="sees split 'validation' of 'perplexity', but 'test' of 'perplexity@b'"):
        Qualities(good, {"perplexity@b": other})
    with pytest.raises(InvalidValue, match="has the name of the searched one"):
        Qualities(good, {"perplexity": Plugin(values)})


def test_a_quality_and_a_cost_of_one_name(own):
    problem = own(cost="throughput")
    cost = problem.cost_oracles["throughput"]
    cost.name = "perplexity"
    with pytest.raises(InvalidValue, match="'perplexity' is the name of a quality and of a cost"):
        Problem(problem.space, problem.accuracy, [cost], Accuracy())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("seconds", "a cost cannot be called 'seconds', which means something else in results"),
        ("test_perplexity", "'test_perplexity' heads the column of 'perplexity' in results"),
        ("validation_perplexity", "'validation_perplexity' heads the column"),
    ],
)
def test_a_cost_with_the_name_of_a_column_of_results(own, name, says):
    problem = own(cost="throughput")
    cost = problem.cost_oracles["throughput"]
    cost.name = name
    with pytest.raises(InvalidValue, match=says):
        Problem(problem.space, problem.accuracy, [cost], Accuracy())


def test_a_quality_with_the_name_of_a_column_of_another():
    searched, other = Plugin(np.linspace(22, 42, 36)), Plugin(np.linspace(22, 42, 36))
    with pytest.raises(InvalidValue, match="'test_perplexity' heads the column of 'perplexity'"):
        Problem(searched.space, searched, [], Accuracy(), further={"test_perplexity": other})


@pytest.mark.parametrize("kind", ["training", "predictor"])
def test_what_trainings_and_predictors_say_is_checked_too(kind, imported):
    if kind == "predictor":
        imported("ofa")
        problem = make_problem("nasgym/OFA-v0", cost="macs", reward="accuracy")
        predict = problem.accuracy.model.predictor
        problem.accuracy.model.predictor = lambda features: 100 * predict(features)
        said = "which reaches from 0 to 1 .fractions.; divide percent by 100"
    else:
        pytest.importorskip("torch")
        pytest.importorskip("sklearn")
        problem = make_problem("nasgym/Digits-v0", accuracy="training")
        problem.accuracy.trainer = SimpleNamespace(train=lambda plans, *_: np.full((3, len(plans)), -0.25))
        said = "-0.25 is no accuracy"
    with pytest.raises(DataError, match=f"validation of architecture .*{said}"):
        problem.evaluate(problem.space.default[None], rng=np.random.default_rng(0))


# ---- reports by another oracle -----------------------------------------------------------------


def test_what_reports_has_the_quality_that_is_searched():
    values = np.linspace(22, 42, 36)
    searched, reporting, other = Plugin(values), Plugin(values[::-1].copy()), Plugin(values)
    problem = Problem(searched.space, searched, [], Accuracy(), report_accuracy=reporting)
    assert problem.everything.accuracy[0] == 22
    assert problem.reporting.everything.accuracy[0] == 42
    assert problem.reporting.everything.reward[0] == -42
    assert problem.report(searched.space.enumerate()[:1]).validation_accuracy == 42
    wider = Plugin(values)
    wider.quality = replace(Plugin.quality, high=50.0)
    Problem(searched.space, searched, [], Accuracy(), report_accuracy=wider)
    other.quality = ACCURACY
    with pytest.raises(InvalidValue, match=r"search for perplexity cannot be reported .*\(accuracy, more is better"):
        Problem(searched.space, searched, [], Accuracy(), report_accuracy=other)
    with pytest.raises(InvalidValue, match="do not go with report="):
        Problem(searched.space, searched, [], Accuracy(), report_accuracy=reporting, further={"b": Plugin(values)})


# ---- against brute force -----------------------------------------------------------------------


@given(
    directions=st.tuples(*[st.sampled_from(["max", "min"])] * 3),
    lows=st.tuples(*[st.sampled_from([-5.0, 0.0, 2.0])] * 2),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_optimum_value_to_go_and_front_equal_brute_force(directions, lows, seed):
    """On tables with ties, for a searched and a further quality and a cost of any direction."""
    rng, space = np.random.default_rng(seed), tiny_space()
    values = [low + rng.integers(0, 6, 36).astype(np.float64) for low in lows]
    oracles = []
    for number, (low, direction) in enumerate(zip(lows, directions, strict=False)):
        oracle = Plugin(values[number], test=np.nan)
        oracle.quality = Quality(f"q{number}", "", direction, low, low + 5)
        oracles.append(oracle)
    cost = tiny_problem().cost_oracles["energy_mj"]
    columns = np.column_stack([*values, cost.cost(space.enumerate())])
    larger = np.array([direction == "max" for direction in directions])
    objectives = [Objective(name, d) for name, d in zip(("q0", "q1", "energy_mj"), directions, strict=True)]
    rule = make_rule("constrained")
    problem = Problem(space, oracles[0], [cost], rule, target=18.0, objectives=objectives, further={"q1": oracles[1]})

    best = np.flatnonzero(mixed.undominated(columns, larger))
    front = problem.pareto_front()
    np.testing.assert_array_equal(space.index_of(front.archs), best)
    np.testing.assert_array_equal(front.values, columns[best])

    worth = values[0] if directions[0] == "max" else -values[0]
    cheap = columns[:, 2] <= 18
    wanted = np.flatnonzero(cheap & (worth == worth[cheap].max()))
    np.testing.assert_array_equal(space.index_of(problem.optimum().archs), wanted)
    reward = problem.everything.reward
    assert reward[cheap].min() > reward[~cheap].max()
    assert problem.invalid_reward < reward.min()
    prefixes = np.array([[-1] * 5, [1, -1, -1, -1, -1], [1, 1, 2, -1, -1]], dtype=np.int8)
    for prefix, value in zip(prefixes, problem.value_to_go(prefixes), strict=True):
        known = prefix >= 0
        assert value == reward[(space.enumerate()[:, known] == prefix[known]).all(axis=1)].max()


# ---- surrogates --------------------------------------------------------------------------------


def sampled_perplexities():
    """The sampled table, its accuracies as those of ``c100``, and perplexities made of them."""
    table = sampled_table()
    accuracy = {("c100", *key[1:]): values for key, values in table.accuracy.items()}
    accuracy |= {("wiki", *key[1:]): 42 - 20 * values for key, values in table.accuracy.items()}
    seconds = {(name, *key[1:]): values for key, values in table.train_seconds.items() for name in ("wiki", "c100")}
    costs = {("*", name): values for (_, name), values in table.costs.items()}
    card = {**table.card, "name": "mixed", "datasets": ["wiki", "c100"], "qualities": {"wiki": Plugin.quality.describe()}}
    return replace(table, card=card, accuracy=accuracy, train_seconds=seconds, costs=costs)


def test_a_surrogate_predicts_within_the_range_of_each_quality(own_data_folder, monkeypatch):
    pytest.importorskip("sklearn")
    pytest.importorskip("scipy")
    quicken(monkeypatch)
    table = sampled_perplexities()
    write_table(table, table_path("mixed"))
    surrogate = fit_table(find_table("mixed"), folds=2)
    write_surrogate(surrogate, surrogate_path("mixed"))
    ranges = {
        column.split("/")[1]: (target.low, target.high) for column, target in surrogate.targets.items() if "accuracy" in column
    }
    assert ranges == {"wiki": (22, 42), "c100": (0, 1)}
    objectives = ["perplexity", "accuracy"]
    problem = make_problem("nasgym/Table-v0", table="mixed", accuracy="surrogate", objectives=objectives)
    assert "validation perplexity after 5 epochs" in problem.accuracy.provenance
    everything = problem.everything
    assert 22 <= everything.accuracy.min() < everything.accuracy.max() <= 42
    # the two columns are one up to the sign, and so are their trees nearly
    assert np.corrcoef(everything.accuracy, everything.qualities["accuracy"])[0, 1] < -0.99
    values = everything.values(problem.objectives)
    best = np.flatnonzero(mixed.undominated(values, np.array([False, True])))
    np.testing.assert_array_equal(problem.space.index_of(problem.pareto_front().archs), best)


def test_further_qualities_are_of_the_same_training_seed(own_data_folder):
    """Each perplexity is made of the accuracy of the same training."""
    write_table(sampled_perplexities(), table_path("mixed"))
    problem = make_problem("nasgym/Table-v0", table="mixed", seed="sampled", objectives=["perplexity", "accuracy"])
    archs = np.repeat(find_table("mixed").archs, 4, axis=0)
    ev = problem.evaluate(archs, rng=np.random.default_rng(0))
    np.testing.assert_allclose(ev.accuracy, 42 - 20 * ev.qualities["accuracy"], rtol=1e-6)
    drawn = ev.accuracy.reshape(-1, 4)
    assert (drawn.max(axis=1) > drawn.min(axis=1)).mean() > 0.5
    ledger = Ledger(problem, Budget("total", len(archs)), seed=1)
    ledger.evaluate(archs)
    history = ledger.history
    np.testing.assert_allclose(history.accuracy, 42 - 20 * history.qualities["accuracy"], rtol=1e-6)
