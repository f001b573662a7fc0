"""Published tables whose numbers are no plain accuracies, imported as own tables.

TransNAS-Bench-101's micro space (Duan et al., 2021) has several tasks, room layout a negative loss;
HW-GPT-Bench's (Sukthanker et al., 2024) language models have a perplexity beside their accuracy.
"""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from nasgym.agents import make_agent
from nasgym.importers.own_table import import_own_table
from nasgym.problems.factory import make_problem
from nasgym.tables.table_folder import find_table
from tests import mixed


def write(folder, columns, spec):
    names = list(columns)
    with (folder / "own.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*columns.values(), strict=True))
    (folder / "own.json").write_text(json.dumps(spec), encoding="utf-8")
    return folder / "own.csv", folder / "own.json"


@pytest.fixture
def tasks(shared, tmp_path):
    """Imports TransNAS-Bench-101 micro; gives its metrics by task, in the order of the space."""
    data = np.load(shared / "tables" / "transnas_bench_101_micro_4tasks.npz", allow_pickle=False)
    names, metrics = data["tasks"].tolist(), data["val_metric"]
    labels = data["op_names"][data["ops"]]
    columns = {f"edge{i}": labels[:, i].tolist() for i in range(6)}
    columns |= {name: metrics[:, i].tolist() for i, name in enumerate(names)}
    percent = [name for name in names if name != "room_layout"]
    spec = {
        "name": "transnas",
        "decisions": [{"column": f"edge{i}", "role": "op", "choices": data["op_names"].tolist()} for i in range(6)],
        "qualities": {"room_layout": {"name": "negative_loss", "direction": "max", "low": -2, "high": 0}},
        "accuracies": [
            {"column": name, "dataset": name, "fidelity": 1, "split": "test"} | ({"unit": "percent"} if name in percent else {})
            for name in names
        ],
        "search_fidelity": 1,
        "report_fidelity": 1,
    }
    import_own_table(*write(tmp_path, columns, spec))
    order = np.lexsort(data["ops"].T[::-1])
    return {name: metrics[order, i] for i, name in enumerate(names)}


def test_four_tasks_are_four_objectives_with_an_exact_front(tasks):
    objectives = ["accuracy", "accuracy@class_object", "negative_loss", "accuracy@jigsaw"]
    problem = make_problem("nasgym/Table-v0", table="transnas", objectives=objectives)
    assert problem.space.size == 4096
    values = np.stack([tasks[name] for name in ("class_scene", "class_object", "room_layout", "jigsaw")], axis=1)
    values = values.astype(np.float64) / [100, 100, 1, 100]
    everything = problem.everything.values(problem.objectives)
    np.testing.assert_allclose(everything, values, rtol=1e-6)
    # every pair of the kept numbers, a row at a time
    beaten = [((everything >= row).all(axis=1) & (everything > row).any(axis=1)).any() for row in everything]
    front = problem.pareto_front()
    np.testing.assert_array_equal(problem.space.index_of(front.archs), np.flatnonzero(~np.array(beaten)))
    assert 4 <= len(front.archs) < 400


@pytest.mark.parametrize("dataset", ["class_scene", "room_layout"])
def test_a_search_on_one_task_finds_nearly_its_best(tasks, dataset):
    problem = make_problem("nasgym/Table-v0", table="transnas", dataset=dataset)
    whole = 1 if dataset == "room_layout" else 100
    assert problem.optimum().accuracy == pytest.approx(tasks[dataset].max() / whole)
    result = make_agent("regularized-evolution").search(problem, budget=300, seed=0)
    assert (problem.everything.reward > result.best_reward).mean() < 0.02


def test_nsga2_on_four_tasks_covers_more_of_the_front_than_random(tasks):
    objectives = ["accuracy", "accuracy@class_object", "negative_loss", "accuracy@jigsaw"]
    problem = make_problem("nasgym/Table-v0", table="transnas", objectives=objectives)
    front = {tuple(arch) for arch in problem.pareto_front().archs.tolist()}
    found = {}
    for agent in ("random", "nsga2"):
        histories = [make_agent(agent).search(problem, budget=400, seed=seed).history for seed in range(3)]
        found[agent] = sum(len(front & {tuple(arch) for arch in history.archs.tolist()}) for history in histories)
    assert found["nsga2"] > found["random"]


HW_ROWS = 600


@pytest.fixture
def language_models(shared, tmp_path):
    """Imports HW-GPT-Bench-S models of ten layers as a sample; gives its columns, sorted."""
    data = np.load(shared / "tables" / "hw_gpt_bench_s.npz", allow_pickle=False)
    rows = np.flatnonzero(data["layers"] == data["layer_choices"].min())[:HW_ROWS]
    device = data["devices"].tolist().index("a100")
    decisions = [("embed", "width", data["embed"][rows][:, None], data["embed_choices"])]
    decisions += [(f"heads{i}", "op", data["heads"][rows][:, [i]], data["head_choices"]) for i in range(10)]
    decisions += [(f"mlp{i}", "expansion", data["mlp"][rows][:, [i]], data["mlp_choices"]) for i in range(10)]
    columns = {name: choices[codes[:, 0]].tolist() for name, _, codes, choices in decisions}
    numbers = {
        "perplexity": data["perplexity"][rows],
        "top1": 100 * data["accuracy"][rows],
        "ms": data["latency_ms"][rows, device],
        "kwh": data["energy_kwh_raw"][rows, device],
    }
    codes = np.concatenate([codes for _, _, codes, _ in decisions], axis=1)
    # the file leaves the bias open, so some networks stand there twice; the first one is kept
    _, first = np.unique(codes, axis=0, return_index=True)
    columns = {name: [values[row] for row in first] for name, values in columns.items()}
    numbers = {name: values[first] for name, values in numbers.items()}
    spec = {
        "name": "hw-gpt",
        "decisions": [{"column": name, "role": role, "choices": choices.tolist()} for name, role, _, choices in decisions],
        "qualities": {"lm": {"name": "perplexity", "direction": "min", "low": 22, "high": 42}},
        "accuracies": [
            {"column": "perplexity", "dataset": "lm", "fidelity": 1, "split": "test"},
            {"column": "top1", "dataset": "words", "fidelity": 1, "split": "test", "unit": "percent"},
        ],
        "costs": [{"column": "ms", "name": "latency_ms@a100"}, {"column": "kwh", "name": "energy_kwh@a100"}],
        "search_fidelity": 1,
        "report_fidelity": 1,
        "sampled": True,
    }
    import_own_table(*write(tmp_path, columns | {name: values.tolist() for name, values in numbers.items()}, spec))
    return numbers


def test_a_perplexity_is_measured_with_an_accuracy(language_models):
    table = find_table("hw-gpt")
    problem = make_problem("nasgym/Table-v0", table="hw-gpt", objectives=["perplexity", "accuracy"])
    ev = problem.evaluate(table.archs)
    np.testing.assert_allclose(ev.accuracy, language_models["perplexity"], rtol=1e-6)
    np.testing.assert_allclose(ev.qualities["accuracy"], language_models["top1"] / 100, rtol=1e-6)
    assert 22 < ev.accuracy.min() < ev.accuracy.max() < 42
    np.testing.assert_array_equal(ev.reward, -ev.accuracy)
    # a model of less perplexity guesses more words right
    assert np.corrcoef(ev.accuracy, ev.qualities["accuracy"])[0, 1] < -0.9


def test_perplexity_against_latency_and_energy(language_models, monkeypatch):
    """On trees fitted to the sample, in a part of the space that can be enumerated."""
    pytest.importorskip("sklearn")
    pytest.importorskip("scipy")
    from nasgym.surrogates.fit import fit_surrogate
    from tests.sampled import quicken

    quicken(monkeypatch)
    fit_surrogate("hw-gpt", folds=2)
    problem = make_problem(
        "nasgym/Table-v0",
        table="hw-gpt",
        accuracy="surrogate",
        cost="latency_ms@a100",
        extra_costs=["energy_kwh@a100"],
        objectives=["perplexity", "latency_ms@a100", "energy_kwh@a100"],
        restrict={"heads?": [8], "mlp[3-9]": [3]},
    )
    assert problem.space.size == 3**4
    values = problem.everything.values(problem.objectives)
    best = np.flatnonzero(mixed.undominated(values, np.zeros(3, dtype=bool)))
    np.testing.assert_array_equal(problem.space.index_of(problem.pareto_front().archs), best)
    assert problem.everything.accuracy.min() >= 22
    history = make_agent("nsga2").search(problem, budget=60, seed=0).history
    assert history.accuracy[history.incumbent[-1]] == history.accuracy.min()
