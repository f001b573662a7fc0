"""The table with measured times and every seed, against the published numbers."""

import numpy as np
import pytest

from benchmarks.nb201_trials import play_trials, trials_table
from benchmarks.official_layout import SAMPLES
from nasgym.importers.nats_archive import read_architecture
from nasgym.problems.factory import make_problem
from nasgym.spaces.nats_bench import TopologySpace


@pytest.fixture(scope="module")
def table(shared):
    return trials_table(shared / "tables" / "nb201_trials.npz", shared / "tables" / "nats_tss.npz")


@pytest.mark.parametrize("index", [0, 11, 284])
def test_seeds_and_seconds_are_those_of_the_official_sample(table, index):
    record, space = read_architecture(SAMPLES["nats-tss"][0] / f"{index:06d}.pickle.pbz2"), TopologySpace()
    row = space.index_of(space.from_str(record.text))[0]
    for dataset, official in (("cifar10", "cifar10-valid"), ("cifar100", "cifar100"), ("ImageNet16-120", "ImageNet16-120")):
        trainings = record.by_seed(official, 200)
        seen = [trainings[seed].accuracy["x-valid"] for seed in sorted(trainings)]
        assert table.accuracy[dataset, 200, "validation"][row] == pytest.approx(seen, abs=1e-6)
        for epochs in (12, 200):
            seconds = [t.train_seconds + t.pass_seconds["x-valid"] for t in record.by_seed(official, epochs).values()]
            assert table.train_seconds[dataset, epochs][row] == pytest.approx(np.mean(seconds), rel=1e-4)
    tested = record.by_seed("cifar10", 200)
    assert table.accuracy["cifar10", 200, "test"][row] == pytest.approx(
        [tested[seed].accuracy["ori-test"] for seed in sorted(tested)], abs=1e-6
    )


def test_optima_are_the_published_ones(table):
    best = [np.nanmean(table.accuracy[dataset, 200, "validation"], axis=1).max() for dataset in table.datasets]
    assert best == pytest.approx([0.91607, 0.73493, 0.46733], abs=1e-5)
    seeds = (~np.isnan(table.accuracy["cifar10", 200, "validation"])).sum(axis=1)
    assert (np.bincount(seeds) > 0).nonzero()[0].tolist() == [2, 3]


def test_it_plays_under_its_id_with_sampled_seeds(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", "set back after the test")
    play_trials(tmp_path)
    problem = make_problem(
        "nasgym/NATS-TSS-v0", dataset="cifar100", fidelity=200, reward="accuracy", cost="macs", seed="sampled"
    )
    arch = problem.optimum().archs[:1]
    seen = problem.evaluate(np.repeat(arch, 60, axis=0), rng=np.random.default_rng(0)).accuracy
    by_seed = problem.accuracy.by_seed(arch)[0]
    assert sorted(set(seen)) == pytest.approx(sorted(by_seed[~np.isnan(by_seed)]))
